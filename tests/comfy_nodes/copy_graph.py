"""Builds the node pack's copy of the reading of graphs: `python -m tests.comfy_nodes.copy_graph`.

The pack stands alone and may not import the library, so it has the same file; tests/exchange/test_graph.py holds that.
"""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EDITED = ROOT / "sdpo_core" / "exchange" / "metadata" / "graph.py"
COPY = ROOT / "comfy_nodes" / "graph.py"

if __name__ == "__main__":
    shutil.copyfile(EDITED, COPY)
    print(f"{EDITED} was copied to {COPY}.")
