"""Strings for network access: the login page, refusals, the terminal's line."""

LOGIN = {
    "title": "SDPO Studio",
    "about": "The password is shown on the Home page of the studio on your computer.",
    "label": "Password",
    "button": "Log in",
}

LOGIN_FIRST = "Log in first: open the studio's address in a browser."
WRONG_HOST = "Refused: use the address {host} instead."
WRONG_PASSWORD = "Wrong password."
TOO_MANY = "Too many wrong passwords. Wait a minute, then try again."
NO_ADDRESS = (
    "This computer isn't on a local network. Connect it to the same Wi-Fi or router as the phone, then try again."
)
STILL_STARTING = "The studio is still starting. Try again in a moment."


def unknown_address(address: str, known: list[str]) -> str:
    """An address this machine doesn't have."""
    have = ", ".join(known) or "no local network address"
    return f"{address[:80]!r} isn't an address of this computer. It has: {have}."


def cannot_listen(address: str, why: str) -> str:
    """Listening on the network failed."""
    return f"Can't listen on {address}: {why}. Close the program that uses this port, or check the firewall."


def on_the_network(url: str, password: str) -> str:
    """The terminal's line once the studio is on the network."""
    return f"On the network: {url}   password: {password}"
