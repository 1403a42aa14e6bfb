"""The studio's own files that a browser loads: scripts, styles and fonts."""

import mimetypes
from pathlib import Path

from app.ui.scripts import Scripts

ROOMS = Path(__file__).resolve().parent.parent
STATIC = ROOMS / "static"
STATIC_URL = "/sdpo/static"
FROM_PAGE = STATIC_URL.lstrip("/")
"""The same as the page says it: relative, because a proxy may serve the studio below a path of its own."""

SCRIPTS = Scripts(ROOMS, f"{FROM_PAGE}/js")

# The registry of file types may be wrong on Windows, and a browser refuses a script with the wrong one.
for _type, _suffix in (("text/javascript", ".js"), ("text/css", ".css"), ("font/woff2", ".woff2")):
    mimetypes.add_type(_type, _suffix)
