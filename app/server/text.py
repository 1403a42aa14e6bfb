"""Strings for network access: the login page, refusals, the terminal's line."""

from app.ui.strings import Strings

say = Strings(
    {
        "login.title": "SDPO Studio",
        "login.about": "The password is shown on the Home page of the studio on your computer.",
        "login.label": "Password",
        "login.button": "Log in",
        "loginFirst": "Log in first: open the studio's address in a browser.",
        "wrongHost": "Refused: use the address {host} instead.",
        "wrongPassword": "Wrong password.",
        "tooMany": "Too many wrong passwords. Wait a minute, then try again.",
        "noAddress": (
            "This computer isn't on a local network. Connect it to the same Wi-Fi or router as the phone, then try "
            "again."
        ),
        "stillStarting": "The studio is still starting. Try again in a moment.",
        "unknownAddress": "{address!r} isn't an address of this computer. It has: {known}.",
        "noNetwork": "no local network address",
        "cantListen": (
            "Can't listen on {address}: {why}. Close the program that uses this port, or check the firewall."
        ),
        "onTheNetwork": "On the network: {url}   password: {password}",
    }
)
