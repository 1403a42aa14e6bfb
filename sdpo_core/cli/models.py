"""`models`: the base models on this machine, and what one of them is."""

import argparse
from pathlib import Path
from typing import Any

from sdpo_core.checkpoints.look import ModelLook, look_at_model, read_whole
from sdpo_core.checkpoints.places import model_places
from sdpo_core.checkpoints.scan import Found, Seen, Unseen, scan
from sdpo_core.cli.command import Command
from sdpo_core.cli.output import DONE, Output, progress

_ABOUT = "find base models on this machine, or show what one is and whether it can be used"
_EPILOGUE = """examples:
  models                            in the ComfyUI, A1111, Forge and Stability Matrix folders and the Hub's cache
  models --folder /mnt/checkpoints  also there, and in the folders listed in SDPO_MODELS
  models some/checkpoint.safetensors
                                    what it is; it's hashed once, and the hash is remembered

Only headers are read to find models: nothing is loaded, and no pickle is opened. Folders listed in
ComfyUI's extra_model_paths.yaml are included."""

_COLUMNS = ("model", "family", "size", "precision", "hash", "problem")
_NONE = "No models found. Add a folder with --folder, or name a model: models FILE."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument(
        "model", nargs="?", help="show only this one: a checkpoint, a folder, a Hugging Face id, or `demo`"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="also search this folder; can be repeated",
    )


def call(options: dict[str, Any], out: Output) -> int:
    """Run the verb."""
    if options["model"]:
        return _tell(options["model"], out)
    rows: list[dict[str, Any]] = []
    with progress() as show:
        for told in scan(model_places(options["folder"])):
            row = _row(told)
            if out.as_json:
                out.result(row, "")
            elif isinstance(told, Seen):
                show(told.names, None, str(told.folder))
            else:
                rows.append(row)
    if not out.as_json:
        out.table(rows, _COLUMNS, [_cells(row) for row in rows], none=_NONE)
    return DONE


def _tell(source: str, out: Output) -> int:
    look = look_at_model(source)
    done = 0
    with progress() as show:

        def tick(count: int) -> None:
            nonlocal done
            done += count
            show(done >> 20, look.unread_bytes >> 20, "MiB read")
            if out.as_json:
                out.result({"kind": "reading", "bytes": done, "of_bytes": look.unread_bytes}, "")

        read_whole(look, tick)
    row = _facts(look_at_model(source))
    words = f"{row['name']}: {row['family']}, {_size(row['size_bytes'])}, {row['precision']}, sha256 {row['sha256']}."
    out.result({"kind": "model", **row, "problem": None}, words)
    return DONE


def _row(told: Found | Unseen | Seen) -> dict[str, Any]:
    match told:
        case Seen():
            return {"kind": "seen", "names": told.names, "folder": str(told.folder)}
        case Unseen():
            return {"kind": "unseen", "folder": str(told.folder), "problem": told.why}
        case Found():
            facts = _facts(told.look) if told.look else {}
            where = {"place": str(told.place.folder), "tool": told.place.tool}
            return {
                "kind": "model",
                **facts,
                "source": told.source,
                "name": told.name,
                **where,
                "problem": told.why or None,
            }


def _facts(look: ModelLook) -> dict[str, Any]:
    return {
        "source": look.source,
        "name": look.name,
        "family": look.family,
        "size_bytes": look.size_bytes,
        "precision": look.precision,
        "sha256": look.sha256,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    size = _size(row["size_bytes"]) if "size_bytes" in row else ""
    told = [str(row.get(key) or "") for key in ("family", "precision", "sha256", "problem")]
    return [str(row.get("source") or row.get("folder")), told[0], size, told[1], told[2][:10], told[3]]


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 2**30:.1f} GiB" if size_bytes >= 2**30 else f"{max(1, size_bytes >> 20)} MiB"


COMMAND = Command("models", _ABOUT, call, add_arguments, _EPILOGUE)
