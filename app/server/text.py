"""Strings of using the studio on a phone: the panel on Home, the login, the words in the terminal."""

LOGIN = {
    "title": "SDPO Studio",
    "about": "The password stands on the page Home of the studio on the computer.",
    "label": "Password",
    "button": "Enter",
}

LOGIN_FIRST = "Log in first: open the studio's address in a browser."
WRONG_HOST = "Refused: this address answers as {host} only."
WRONG_PASSWORD = "That is not the password."
TOO_MANY = "Too many wrong passwords. Wait a minute, then try again."
NO_ADDRESS = (
    "This computer is in no local network just now. Connect it to the same Wi-Fi or router as the phone, then try "
    "again."
)
STILL_STARTING = "The studio is still starting. Try again in a moment."


def unknown_address(address: str, known: list[str]) -> str:
    """An address that this machine does not have."""
    have = ", ".join(known) or "none in a local network"
    return f"This computer does not have the address {address[:80]!r}. It has: {have}."


def cannot_listen(address: str, why: str) -> str:
    """The network listener can't be opened."""
    return f"The studio can't answer at {address}: {why}. Close what uses this port, or check the firewall."


def on_the_network(url: str, password: str) -> str:
    """What the terminal says when the studio answers in the network."""
    return f"On the network: {url}   password: {password}"
