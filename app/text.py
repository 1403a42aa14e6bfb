"""Strings of starting the studio, and the names of its pages. Each room has its own in its `text`."""

from app.ui.words import NAME, TAGLINE

TABS = {
    "home": "Home",
    "generate": "Generate",
    "vote": "Vote",
    "train": "Train",
    "judge": "Judge",
    "adapters": "Adapters",
    "disk": "Disk",
}
"""The pages in the order of the path."""


# --- starting --------------------------------------------------------------------------------------------------------

CLI_ABOUT = f"{NAME}: {TAGLINE}"
CLI_HOST = "an address of this machine in a network, to answer there too, behind a password (this machine only)"
CLI_PORT = "port to listen on; without it the first free one from 7860 on"
CLI_WORKSPACE = "the studio's data folder (workspace/ beside the program)"
CLI_NO_BROWSER = "do not open the browser"
CLOSED = "The studio is closed."
CLOSED_WHILE_RUNNING = "The studio is closed. The running job goes on; start the studio again to see it."


def running_at(url: str, workspace: str) -> str:
    """The line that is printed when the page can be opened."""
    return f"{NAME} is ready at {url}  (workspace {workspace}; Ctrl-C ends it)"


def port_in_use(port: int) -> str:
    """The wanted port is taken."""
    return f"Port {port} is in use by another program. Choose another --port, or leave it out to get a free one."


def no_free_port(first: int, last: int) -> str:
    """No port is left to try."""
    return f"All ports from {first} to {last} are in use. Give a free one with --port."


# --- jobs ------------------------------------------------------------------------------------------------------------


UNEXPECTED_VALUE = "{name} is not what it should be: expected {expected}, got {value!r}."


# --- status bar and home strip ---------------------------------------------------------------------------------------


# --- generate --------------------------------------------------------------------------------------------------------


# --- train -----------------------------------------------------------------------------------------------------------
