"""A job's settings as flags: one for each field, in groups, with the field's docstring as its help."""

import argparse
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic.fields import FieldInfo

from sdpo_core.families.table import FAMILIES
from sdpo_core.settings.base import Settings
from sdpo_core.settings.presets import preset_names, read_preset, resolve
from sdpo_core.settings.train import TrainConfig

_Settings = TypeVar("_Settings", bound=Settings)
_DEST = "setting_"

GROUPS: dict[str, tuple[str, ...]] = {
    "data: which pairs, and which images": (
        "model",
        "prediction_type",
        "adapter",
        "prompts",
        "prompt",
        "negative",
        *("candidates_per_prompt", "pairing"),
        "keep_ahead",
        "pairs_from",
    ),
    "ComfyUI: generate with your own workflow": (
        *("comfy", "workflow", "prompt_slot", "negative_slot", "seed_slot", "image_node", "comfy_wait_s"),
    ),
    "comparison": ("comparisons", "strength", "strengths", "checkpoints", "adapter_branch", "unconditional_strength"),
    "objective: what is learned from a pair": (
        *("loss", "beta", "alpha", "tau", "smoothing", "anchor", "noise", "caption_dropout", "hold_unconditional"),
    ),
    "safeguard: how the loser is kept from harming the winner": (
        *("safeguard", "mu", "scope", "loser_weight", "drift_budget"),
    ),
    "labels: learn more from the same votes": (
        *("label_pairs", "label_minutes", "label_share", "label_threshold", "label_weight"),
    ),
    "LoRA: what is trained": ("rank", "lora_alpha", "targets", "continue_from", "adapter_name"),
    "schedule": (
        "steps",
        "pairs_per_step",
        "learning_rate",
        "rate",
        "displacement",
        "warmup_steps",
        "checkpoint_every_steps",
        "seed",
    ),
    "health: what is measured during training": (
        "gate",
        "final_strength",
        "held_out_fraction",
        "bank_draws_per_pair",
        "preview_prompts",
    ),
    "memory and device": (
        *(
            "device",
            "precision",
            "threads",
            "memory",
            "checkpointing",
            "optimizer",
            "pairs_per_micro_step",
            "noise_bank",
            "keep_warm_s",
        ),
    ),
    "images: how they are sampled": ("sampler", "sampling_steps", "guidance", "size_px", "clip_skip"),
}
"""Settings of all jobs by what they are about; `--help` shows them so. A new field is named here too."""

_FROM_FILES = "A flag overrides --config, which overrides a preset, which overrides the defaults."


def add_settings(parser: argparse.ArgumentParser, settings: type[Settings]) -> None:
    """Flags for every field of `settings`, `--config` and, for training, `--preset`. Unset flags stay out."""
    parser.usage = f"{parser.prog} [settings]"
    trains = settings is TrainConfig
    files = parser.add_argument_group("settings from files", _FROM_FILES + (_presets() if trains else ""))
    files.add_argument("--config", type=Path, metavar="FILE", help="a TOML file of settings, named as below")
    if trains:
        files.add_argument("--preset", metavar="NAME", help="one of the presets above")
    for title, names in GROUPS.items():
        here = [name for name in names if name in settings.model_fields]
        if here:
            group = parser.add_argument_group(title)
            for name in here:
                _add_flag(group, name, settings.model_fields[name])


def settings_from(options: Mapping[str, Any], settings: type[_Settings]) -> _Settings:
    """The settings that the flags, `--config` and `--preset` give together; raises `ConfigError` or `ModelError`."""
    return resolve(settings, _given(options), file=options.get("config"), preset=options.get("preset"))


def any_given(options: Mapping[str, Any]) -> bool:
    """Whether the person gave any setting at all."""
    return bool(_given(options) or options.get("config") or options.get("preset"))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(_DEST): value for name, value in options.items() if name.startswith(_DEST)}


def _add_flag(group: Any, name: str, field: FieldInfo) -> None:
    default = "" if field.default in (None, (), "") else f" ({field.default})"
    text = (field.description or "").replace("\n", " ")
    group.add_argument(
        f"--{name.replace('_', '-')}",
        dest=f"{_DEST}{name}",
        default=argparse.SUPPRESS,
        nargs="+" if typing.get_origin(field.annotation) is tuple else None,
        metavar=_metavar(field),
        help=f"{text}{default}".replace("%", "%%"),
    )


def _presets() -> str:
    names = preset_names()
    width = max(map(len, names))
    described = "\n".join(f"  {name:{width}}  {read_preset(name).description}" for name in names)
    others = "\n".join(
        f"  {family.name:{width}}  {', '.join(f'{name} {value}' for name, value in family.training.items())}"
        for family in FAMILIES.values()
    )
    return f"""
Presets:
{described}
Defaults are shown for the demo model. Other families use these, taken from the literature and not tuned:
{others}"""


def _metavar(field: FieldInfo) -> str:
    kind = field.annotation
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        kind = next(arm for arm in typing.get_args(kind) if arm is not type(None))
    if typing.get_origin(kind) is typing.Literal:
        return "{" + ",".join(map(str, typing.get_args(kind))) + "}"
    if typing.get_origin(kind) is tuple:
        return "TEXT"
    return {int: "N", float: "X", str: "TEXT"}.get(typing.cast("type", kind), "VALUE")
