"""`install-comfy`: the node pack into a ComfyUI of this machine, and out again."""

import argparse
import os
from pathlib import Path
from typing import Any

from sdpo_core.cli.command import Command
from sdpo_core.cli.output import DONE, Output
from sdpo_core.comfyui.install import find_comfyui, install, remove, the_only

_ABOUT = "install the nodes in ComfyUI, or remove them"
_EPILOGUE = """examples:
  install-comfy                         finds ComfyUI: portable, desktop, git; under WSL also on the Windows side
  install-comfy /path/to/ComfyUI        at this path
  install-comfy --remove                remove the nodes; what they sent is kept

The pack is linked, so it always matches the studio's version. If links don't work, or with --copy, it's copied."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("comfyui", nargs="?", type=Path, help="ComfyUI's folder (default: found automatically)")
    parser.add_argument("--remove", action="store_true", help="remove the nodes")
    parser.add_argument("--copy", action="store_true", help="copy the nodes instead of linking them")


def call(options: dict[str, Any], out: Output) -> int:
    """Run the verb."""
    place = options["comfyui"] or the_only(find_comfyui(Path.home(), os.environ))
    done = remove(place) if options["remove"] else install(place, options["workspace"], copy=options["copy"])
    out.result({"folder": str(done.folder), "changed": done.changed, "sentence": done.sentence}, done.sentence)
    return DONE


COMMAND = Command("install-comfy", _ABOUT, call, add_arguments, _EPILOGUE)
