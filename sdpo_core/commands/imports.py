"""`import`: pairs that were chosen elsewhere, into the workspace."""

import argparse
from pathlib import Path
from typing import Any

from sdpo_core.commands.output import DONE, FAILED, Output, progress
from sdpo_core.preferences.exchange import ImportReport, import_pairs
from sdpo_core.preferences.importers import LAYOUTS, detect, layout_named, open_folder
from sdpo_core.preferences.store import Store

ABOUT = "bring in pairs that were chosen elsewhere, with the choices"
EPILOGUE = f"""layouts, in the order in which they are looked for:
{chr(10).join(f"  {name:12} {layout.about}" for name, layout in LAYOUTS.items())}

examples:
  import FOLDER                                 the layout is found out, and told
  import FOLDER --layout two-folders --winners mine
  import FOLDER --prompt "portrait of ohwx"     for pairs without a caption
  train --pairs-from all                        which model made them is unknown, so training asks for this

Nothing outside FOLDER is read. The same import twice adds nothing, and your own votes are never replaced."""

_TROUBLES_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("folder", type=Path, help="the folder that holds the pairs")
    parser.add_argument("--layout", metavar="NAME", help="how the pairs lie there (found out)")
    parser.add_argument("--winners", metavar="NAME", help="two-folders: the subfolder of the better images")
    parser.add_argument("--prompt", metavar="TEXT", help="the prompt of pairs that have no caption")


def call(options: dict[str, Any], out: Output) -> int:
    """Run the verb."""
    folder = open_folder(options["folder"], winners=options["winners"], prompt=options["prompt"])
    name = options["layout"] or detect(folder)
    layout = layout_named(name)
    with Store(options["workspace"]) as store, progress() as show:
        report = import_pairs(store, layout.read(folder), lambda done: show(done, None, f"pairs ({name})"))
    value = {
        "layout": name,
        "found": report.found,
        "pairs_added": report.added.pairs,
        "votes_added": report.added.votes,
        "troubles": [trouble._asdict() for trouble in report.troubles],
    }
    out.result(value, _in_words(name, report))
    return DONE if report.usable else FAILED


def _in_words(name: str, report: ImportReport) -> str:
    lines = [f"Layout {name}: {LAYOUTS[name].about}.", report.sentence()]
    lines += [f"  {trouble.name}: {trouble.reason}" for trouble in report.troubles[:_TROUBLES_SHOWN]]
    if len(report.troubles) > _TROUBLES_SHOWN:
        lines.append(f"  and {len(report.troubles) - _TROUBLES_SHOWN} more; --json names all")
    if not report.usable:
        lines.append("Nothing could be used. Check the folder, or name its layout with --layout.")
    return "\n".join(lines)
