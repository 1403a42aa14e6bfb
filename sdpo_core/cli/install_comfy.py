"""`install-comfy`: the node pack into a ComfyUI of this machine, and out again."""

import argparse
import os
from pathlib import Path
from typing import Any

from sdpo_core.cli.output import DONE, Output
from sdpo_core.comfyui.install import find_comfyui, install, remove, the_only

ABOUT = "put the nodes into ComfyUI, or take them out"
EPILOGUE = """examples:
  install-comfy                         ComfyUI is looked for: portable, desktop, git, under WSL on the Windows side too
  install-comfy /path/to/ComfyUI        or named
  install-comfy --remove                take the nodes out; what they sent stays

The pack is linked, so that it is always the studio's version; where no link works, or with --copy, it is copied."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("comfyui", nargs="?", type=Path, help="ComfyUI's folder (it is looked for)")
    parser.add_argument("--remove", action="store_true", help="take the nodes out")
    parser.add_argument("--copy", action="store_true", help="copy the nodes instead of linking them")


def call(options: dict[str, Any], out: Output) -> int:
    """Run the verb."""
    place = options["comfyui"] or the_only(find_comfyui(Path.home(), os.environ))
    done = remove(place) if options["remove"] else install(place, options["workspace"], copy=options["copy"])
    out.result({"folder": str(done.folder), "changed": done.changed, "sentence": done.sentence}, done.sentence)
    return DONE
