"""Start-up messages. Each room keeps its own strings in its `text`."""

from app.ui.words import NAME, TAGLINE

# --- starting --------------------------------------------------------------------------------------------------------

CLI_ABOUT = f"{NAME}: {TAGLINE}"
CLI_HOST = "also listen on this network address of this machine, behind a password (default: this machine only)"
CLI_PORT = "port to listen on (default: the first free one, starting at 7860)"
CLI_WORKSPACE = "the studio's data folder (default: workspace/ next to launch.py)"
CLI_NO_BROWSER = "don't open the browser"
CLOSED = "Studio closed."
CLOSED_WHILE_RUNNING = "Studio closed. The current job keeps running; start the studio again to see it."


def running_at(url: str, workspace: str) -> str:
    """The line printed once the page can be opened."""
    return f"{NAME} is ready at {url}  (workspace {workspace}; Ctrl-C to quit)"


def port_in_use(port: int) -> str:
    """The requested port is taken."""
    return f"Port {port} is in use by another program. Choose another --port, or omit it to get a free one."


def no_free_port(first: int, last: int) -> str:
    """No port is left to try."""
    return f"Ports {first} to {last} are all in use. Choose a free one with --port."


# --- jobs ------------------------------------------------------------------------------------------------------------


UNEXPECTED_VALUE = "{name}: expected {expected}, got {value!r}."
ID_OF_A_PAIR = "the id of a pair"
NAMES_WITH_VALUES = "names with values"
