"""The studio's own files that a browser loads: scripts, styles and fonts."""

import mimetypes
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "static"
STATIC_URL = "/sdpo/static"

# The registry of file types may be wrong on Windows, and a browser refuses a script with the wrong one.
for _type, _suffix in (("text/javascript", ".js"), ("text/css", ".css"), ("font/woff2", ".woff2")):
    mimetypes.add_type(_type, _suffix)
