"""`adapter check`, `convert` and `merge`: adapter files of any tool, and where they load."""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.adapters.load_proof import declared_family, fitting_family, prove
from sdpo_core.adapters.placing import copy_preview
from sdpo_core.adapters.targets import Shape, Target, family_targets
from sdpo_core.checkpoints.header import read_header
from sdpo_core.checkpoints.model_info import DEMO, ModelInfo, inspect_model
from sdpo_core.cli.output import DONE, FAILED, Output, progress
from sdpo_core.comfyui.client import Client, compare
from sdpo_core.errors import AdapterError, ConfigError
from sdpo_core.families.family import FamilyName
from sdpo_core.families.table import FAMILIES

LAYOUTS = {"kohya": "kohya", "kohya-original": "kohya, original", "diffusers": "diffusers"}
_BELONG_TO = {
    "base": ("prove", "check", "convert", "merge"),
    "family": ("check", "convert", "merge"),
    "comfy": ("check",),
    "checkpoint": ("check",),
    "to": ("convert", "merge"),
    "layout": ("convert", "merge"),
    "weights": ("merge",),
    "rank": ("merge",),
}
_ONLY_HERE = (
    "It works only in the studio: the base model is too narrow for other tools to detect. Train on your own checkpoint."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of these actions."""
    parser.add_argument("--family", choices=list(FAMILIES), help="the model family, if the file doesn't say")
    parser.add_argument(
        "--comfy", metavar="URL", help="check: also compare two images of one seed from a running ComfyUI"
    )
    parser.add_argument(
        "--checkpoint", metavar="NAME", help="check: which checkpoint in that ComfyUI (default: detected)"
    )
    parser.add_argument("--to", type=Path, metavar="FILE", help="convert, merge: the output file")
    parser.add_argument("--layout", choices=list(LAYOUTS), help="convert, merge: key names in the file (kohya)")
    parser.add_argument("--weights", type=float, nargs="+", metavar="W", help="merge: one weight per adapter (1)")
    parser.add_argument(
        "--rank",
        type=int,
        metavar="R",
        help="merge: the rank of the result (default: the sum of the ranks, which is exact)",
    )


def refuse_foreign_flags(action: str, options: Mapping[str, Any]) -> None:
    """Raise `ConfigError` for a flag that `action` would not look at."""
    for flag, actions in _BELONG_TO.items():
        if options[flag] is not None and action not in actions:
            raise ConfigError(f"--{flag} works with `adapter {' and '.join(actions)}`, not with `adapter {action}`.")


def check(paths: Sequence[Path], options: Mapping[str, Any], out: Output) -> int:
    """What other tools load of a file; raises `AdapterError` for --comfy with a base model that it can't load."""
    base = options["base"] or _demo(paths[0])
    info = inspect_model(base) if base else None
    if base and info and not info.comfyui:
        if options["comfy"]:
            raise AdapterError(f"--comfy can't be used with this adapter. {_ONLY_HERE}")
        from sdpo_core.adapters.file import prove_adapter  # loads torch
        from sdpo_core.models.registry import load_model

        proof = prove_adapter(paths[0], load_model(base, device="cpu"))
        out.result({"file": str(paths[0]), **vars(proof), "sentence": proof.sentence()}, proof.sentence())
        return DONE if proof.matched == proof.modules else FAILED
    told = prove(paths[0], options["family"] or (info.family if info else None), _shapes(info) if info else None)
    value, sentence, works = {"file": str(paths[0]), **asdict(told)}, told.sentence(), told.whole
    if options["comfy"]:
        folder = options["workspace"] / "exports"
        with progress() as show:
            compared = compare(
                Client(options["comfy"]),
                paths[0],
                folder,
                checkpoint=options["checkpoint"],
                on_wait=lambda waited_s: show(int(waited_s), None, "seconds, ComfyUI generates"),
            )
        value |= {"images": [str(compared.without), str(compared.with_it)], "difference": compared.difference}
        sentence, works = f"{sentence}\n{compared.sentence()}", works and compared.acts
    out.result({**value, "sentence": sentence}, sentence)
    return DONE if works else FAILED


def convert(paths: Sequence[Path], options: Mapping[str, Any], out: Output) -> int:
    """Write a file of any layout in one that the tools read."""
    from sdpo_core.adapters.file import save_weights  # loads torch
    from sdpo_core.adapters.weights import read_weights

    source, target = paths[0], _target(options)
    family, layers = _layers(source, options)
    weights = read_weights(source, layers)
    facts = {**(read_adapter_info(source).sdpo or {}), "converted_from": weights.layout}
    layout = _layout(options)
    save_weights(target, weights, base=_base(weights.metadata, family), facts=facts, title=target.stem, layout=layout)
    copy_preview(source, target)
    sentence = f"Wrote {len(weights.modules)} layers of {source.name} ({weights.layout}) to {target} ({layout})."
    return _told(target, family, layers, sentence, out)


def merge(paths: Sequence[Path], options: Mapping[str, Any], out: Output) -> int:
    """Make one LoRA of several; raises `ConfigError` unless each has a finite weight, and the rank is at least 1."""
    from sdpo_core.adapters.file import save_weights  # loads torch
    from sdpo_core.adapters.weights import merge as merged
    from sdpo_core.adapters.weights import read_weights

    factors = options["weights"] or [1.0] * len(paths)
    if len(factors) != len(paths):
        raise ConfigError(f"--weights needs one number per adapter; got {len(factors)} for {len(paths)} adapters.")
    if not all(map(math.isfinite, factors)):
        raise ConfigError("--weights must be finite numbers, such as 0.7.")
    if options["rank"] is not None and options["rank"] < 1:
        raise ConfigError(f"--rank must be at least 1; got {options['rank']}.")
    target = _target(options)
    family, layers = _layers(paths[0], options)
    parts = [(read_weights(path, layers), factor) for path, factor in zip(paths, factors, strict=True)]
    weights, lost = merged(parts, options["rank"])
    used = [{"name": path.stem, "weight": factor} for path, factor in zip(paths, factors, strict=True)]
    base = _base(parts[0][0].metadata, family)
    facts = {"family": family, "merged_from": used, "rank": weights.ranks[-1]}
    save_weights(target, weights, base=base, facts=facts, title=target.stem, layout=_layout(options))
    rank = weights.ranks[-1]
    sentence = f"Merged {len(paths)} adapters into {target}, rank {rank}; {lost:.1%} of the change was lost."
    return _told(target, family, layers, sentence, out)


ACTIONS: dict[str, Callable[[Sequence[Path], Mapping[str, Any], Output], int]] = {
    "check": check,
    "convert": convert,
    "merge": merge,
}


def _demo(path: Path) -> str | None:
    """The demo model, where the file says that it was trained on that."""
    trained_on = read_adapter_info(path).base_sha256
    return DEMO if trained_on and trained_on == inspect_model(DEMO).sha256 else None


def _layers(path: Path, options: Mapping[str, Any]) -> tuple[FamilyName, Mapping[Target, Shape]]:
    """Family and layers that the file is read against."""
    if options["base"]:
        info = inspect_model(options["base"])
        if info.comfyui:
            return info.family, _shapes(info)
        raise AdapterError(_ONLY_HERE)
    family = options["family"] or declared_family(path, read_adapter_info(path).family)
    family = family or fitting_family(path, read_header(path)[0])
    return family, family_targets(family)


def _shapes(info: ModelInfo) -> Mapping[Target, Shape]:
    """The layers of a base model; a folder's may be of any size."""
    from sdpo_core.adapters.file import base_targets  # loads torch

    return base_targets(info)


def _target(options: Mapping[str, Any]) -> Path:
    target = options["to"]
    if target is None:
        raise ConfigError("Set the output file with --to FILE.safetensors.")
    if target.suffix != ".safetensors":
        raise ConfigError(f"--to must end in .safetensors; got {target}.")
    if target.exists():
        raise AdapterError(f"{target} already exists. Choose another name, or remove it first.")
    return target


def _layout(options: Mapping[str, Any]) -> str:
    return LAYOUTS[options["layout"] or "kohya"]


def _base(metadata: Mapping[str, str], family: FamilyName) -> Any:
    from sdpo_core.adapters.file import Base

    told = metadata.get("modelspec.prediction_type", "")
    predicts = "v_prediction" if told.startswith("v") else "epsilon"
    return Base(family, predicts, FAMILIES[family].side_px(predicts))


def _told(target: Path, family: FamilyName, layers: Mapping[Target, Shape], sentence: str, out: Output) -> int:
    proof = prove(target, family, layers)
    out.result({"file": str(target), **asdict(proof), "sentence": sentence}, f"{sentence}\n{proof.sentence()}")
    return DONE
