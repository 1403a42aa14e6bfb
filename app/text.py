"""Start-up messages. Each room keeps its own strings in its `text`."""

from app.ui.strings import Strings
from app.ui.words import NAME, TAGLINE

say = Strings(
    {
        # --- starting ---
        "cliAbout": f"{NAME}: {TAGLINE}",
        "cliHost": (
            "also listen on this network address of this machine, behind a password (default: this machine only)"
        ),
        "cliPort": "port to listen on (default: the first free one, starting at 7860)",
        "cliWorkspace": "the studio's data folder (default: workspace/ next to launch.py)",
        "cliNoBrowser": "don't open the browser",
        "closed": "Studio closed.",
        "closedWhileRunning": "Studio closed. The current job keeps running; start the studio again to see it.",
        # --- jobs ---
        "unexpectedValue": "{name}: expected {expected}, got {value!r}.",
        "idOfAPair": "the id of a pair",
        "namesWithValues": "names with values",
        # --- the terminal ---
        "runningAt": f"{NAME} is ready at {{url}}  (workspace {{workspace}}; Ctrl-C to quit)",
        "portInUse": (
            "Port {port:d} is in use by another program. Choose another --port, or omit it to get a free one."
        ),
        "noFreePort": "Ports {first:d} to {last:d} are all in use. Choose a free one with --port.",
    }
)
