"""`python -m sdpo_core VERB …`."""

import sys

from sdpo_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
