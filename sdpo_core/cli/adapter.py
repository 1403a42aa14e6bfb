"""`adapter`: which adapters there are, what a file says about itself, and whether it fits a model."""

import argparse
from pathlib import Path
from typing import Any

from sdpo_core.adapters.export import known_base
from sdpo_core.adapters.info import AdapterInfo, read_adapter_info
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.cli import adapter_files
from sdpo_core.cli.command import Command
from sdpo_core.cli.output import DONE, FAILED, Output
from sdpo_core.errors import AdapterError, ConfigError
from sdpo_core.wording import signed_percent
from sdpo_core.workspace.records import AdapterRecord
from sdpo_core.workspace.store import Store

_ABOUT = "list adapters, show what's in one, check that it loads, convert it, or merge several"
_EPILOGUE = """examples:
  adapter                           the workspace's adapters, newest first
  adapter info latest               what the file says about itself, without loading a model
  adapter info some/lora.safetensors
  adapter prove latest --base FOLDER    load the model and check every module: N of N
  adapter check some/lora.safetensors   what ComfyUI, A1111 and diffusers would load of it
  adapter check latest --comfy http://127.0.0.1:8188    also generate two test images in a running ComfyUI
  adapter convert other/lora.safetensors --to mine.safetensors     from any layout to one that every tool reads
  adapter merge A B --weights 0.7 0.5 --rank 16 --to both.safetensors"""

_COLUMNS = ("name", "base", "rank", "winner error", "made", "problem")

_NONE = "No adapters yet. Vote on some pairs and train one first."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    actions = ["list", "info", "prove", "check", "convert", "merge"]
    parser.add_argument("action", nargs="?", default="list", choices=actions)
    parser.add_argument("adapter", nargs="*", help="an adapter's name in the workspace, `latest`, or a file")
    parser.add_argument(
        "--base", default=None, help="model to check the adapter against (default: the one it was trained on)"
    )
    adapter_files.add_arguments(parser)


def call(options: dict[str, Any], out: Output) -> int:
    """Run the verb; raises `ConfigError` when names or flags are not those that the action takes."""
    action, names = options["action"], options["adapter"]
    adapter_files.refuse_foreign_flags(action, options)
    with Store(options["workspace"]) as store:
        if action == "list":
            if names:
                raise ConfigError(f"`adapter list` lists all adapters; for one, use `adapter info {names[0]}`.")
            rows = [_row(store.workspace, record) for record in store.adapters.all()]
            out.table(rows, _COLUMNS, [_cells(row) for row in rows], none=_NONE)
            return DONE
        if not names:
            raise ConfigError(
                f"`adapter {action}` needs an adapter's name, a file, or `latest`. Run `adapter` to list them."
            )
        if len(names) > 1 and action != "merge":
            raise ConfigError(f"`adapter {action}` takes one adapter; got {len(names)}.")
        paths = [store.adapters.file(name) for name in names]
    if action in adapter_files.ACTIONS:
        return adapter_files.ACTIONS[action](paths, options, out)
    info = read_adapter_info(paths[0])
    if action == "info":
        facts = _facts(info)
        out.result(facts, _described(facts))
        return DONE
    return _prove(info, options["base"], out)


def _prove(info: AdapterInfo, base: str | None, out: Output) -> int:
    # Late: these load torch, which a mistyped command should not wait for.
    from sdpo_core.adapters.file import prove_adapter
    from sdpo_core.models.registry import load_model

    proof = prove_adapter(info.path, load_model(base or known_base(info.base_sha256), device="cpu"))
    out.result({"file": str(info.path), **vars(proof), "sentence": proof.sentence()}, proof.sentence())
    return DONE if proof.matched == proof.modules else FAILED


def _row(workspace: Path, record: AdapterRecord) -> dict[str, Any]:
    """An adapter in one line. A file that can't be read is reported too, instead of hiding the others."""
    path = workspace / record.path
    row: dict[str, Any] = {"name": record.name, "run": record.run_id, "made": record.created_at.isoformat()}
    try:
        return {**row, **_facts(read_adapter_info(path)), "problem": None}
    except AdapterError as error:
        return {**row, "file": str(path), "problem": str(error)}


def _facts(info: AdapterInfo) -> dict[str, Any]:
    """What the header says; absent facts are None."""
    sdpo = info.sdpo or {}
    return {
        "file": str(info.path),
        "sha256": sha256_file(info.path),
        "family": info.family,
        "base": sdpo.get("base_name"),
        "base_sha256": info.base_sha256,
        "rank": info.rank,
        "modules": info.modules,
        "targets": info.targets,
        "winner_error": sdpo.get("winner_error"),
        "sdpo": info.sdpo,
    }


def _cells(row: dict[str, Any]) -> list[str]:
    error = row.get("winner_error")
    base = row.get("base") or row.get("base_sha256") or ""
    return [
        row["name"],
        str(base),
        "" if row.get("rank") is None else str(row["rank"]),
        signed_percent(error) if isinstance(error, int | float) else "",
        row["made"][:10],
        row["problem"] or "",
    ]


def _described(facts: dict[str, Any]) -> str:
    sdpo: dict[str, Any] = facts["sdpo"] or {}
    error = facts["winner_error"]
    targets = ", ".join(f"{number} {kind}" for kind, number in facts["targets"].items())
    lines = {
        "file": facts["file"],
        "sha256": facts["sha256"],
        "family": facts["family"] or "not in the file",
        "base": f"{facts['base']} ({facts['base_sha256']})" if facts["base_sha256"] else "not in the file",
        "rank": "mixed" if facts["rank"] is None else facts["rank"],
        "layers": f"{facts['modules']} ({targets})",
        "winner error": f"{signed_percent(error)} over the reference" if isinstance(error, int | float) else None,
    }
    lines |= {
        name.replace("_", " "): sdpo.get(name) for name in ("objective", "run", "step", "pairs", "held_out_pairs")
    }
    settings: Any = sdpo.get("settings")
    if isinstance(settings, dict):
        lines["settings"] = ", ".join(f"{name} {value}" for name, value in settings.items())
    if not sdpo:
        lines["made by"] = "another program: the file has no SDPO Studio metadata"
    return "\n".join(f"{name + ':':15} {value}" for name, value in lines.items() if value is not None)


COMMAND = Command("adapter", _ABOUT, call, add_arguments, _EPILOGUE)
