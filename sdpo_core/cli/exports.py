"""`export`: an adapter to where other tools find it, or the voted pairs to a folder."""

import argparse
from pathlib import Path
from typing import Any

from sdpo_core.adapters.export import export_adapter
from sdpo_core.cli.command import Command
from sdpo_core.cli.output import DONE, Output, progress
from sdpo_core.errors import ConfigError
from sdpo_core.exchange.exporters import OUT_LAYOUTS, OWN
from sdpo_core.exchange.pairs import export_pairs
from sdpo_core.workspace.store import Store

_ABOUT = "copy an adapter to another tool's folder, or write the voted pairs to a folder"
_EPILOGUE = f"""layouts of pairs:
{chr(10).join(f"  {name:12} {layout.about}" for name, layout in OUT_LAYOUTS.items())}

examples:
  export latest --to ComfyUI                    copied into its models/loras, after checking that it fits its base model
  export latest --to mine.safetensors --base MODEL      load this model to check
  export --pairs FOLDER                         images and metadata.jsonl; `import FOLDER` reads them back
  export --pairs FOLDER --layout onetrainer     for another trainer; what it can't store is skipped and counted"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("adapter", nargs="?", help="an adapter's name in the workspace, `latest`, or a file")
    parser.add_argument(
        "--to", type=Path, metavar="PLACE", help="a folder, ComfyUI's or A1111's own folder, or a file name"
    )
    parser.add_argument(
        "--base", metavar="MODEL", help="model to load and check the adapter against (default: the recorded check)"
    )
    parser.add_argument("--pairs", type=Path, metavar="FOLDER", help="a new folder for the voted pairs")
    parser.add_argument("--layout", metavar="NAME", help=f"with --pairs: the layout to write ({OWN})")


def call(options: dict[str, Any], out: Output) -> int:
    """Run the verb; raises `ConfigError` unless either an adapter and its place or a folder for the pairs is named."""
    adapter, pairs, to = options["adapter"], options["pairs"], options["to"]
    if options["layout"] is not None and pairs is None:
        raise ConfigError("--layout is only for pairs; set their folder with --pairs FOLDER.")
    if pairs is not None:
        if adapter is not None or to is not None:
            raise ConfigError("Export either an adapter (NAME --to PLACE) or the pairs (--pairs FOLDER).")
        with Store(options["workspace"]) as store, progress() as show:
            report = export_pairs(store, pairs, lambda done: show(done, None, "pairs"), layout=options["layout"] or OWN)
        value = {
            "file": str(report.file),
            "pairs": report.pairs,
            "missing": list(report.missing),
            "undecided": dict(report.undecided),
        }
        out.result(value, report.sentence())
        return DONE
    if adapter is None or to is None:
        raise ConfigError(
            "Say which adapter to export and where (`latest --to PLACE`), or export the pairs (--pairs FOLDER)."
        )
    target, proof = export_adapter(adapter, to, options["workspace"], options["base"])
    out.result({"file": str(target), "proof": proof}, f"{target}\n{proof}")
    return DONE


COMMAND = Command("export", _ABOUT, call, add_arguments, _EPILOGUE)
