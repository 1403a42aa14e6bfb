"""`python -m sdpo_core VERB …`."""

import io
import sys

from sdpo_core.cli.main import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console that has no β must not end a job
    sys.exit(main())
