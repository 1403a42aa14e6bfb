"""A job's settings as flags: one for each, grouped by what it is about, with its docstring as its help."""

import argparse
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic.fields import FieldInfo

from sdpo_core.families.table import FAMILIES
from sdpo_core.settings.base import Settings, leaves
from sdpo_core.settings.presets import preset_names, read_preset, resolve
from sdpo_core.settings.shown import Topic
from sdpo_core.settings.train import TrainConfig

_Settings = TypeVar("_Settings", bound=Settings)
_DEST = "setting_"

_FROM_FILES = "A flag overrides --config, which overrides a preset, which overrides the defaults."


def add_settings(parser: argparse.ArgumentParser, settings: type[Settings]) -> None:
    """Flags for every field of `settings`, `--config` and, for training, `--preset`. Unset flags stay out."""
    parser.usage = f"{parser.prog} [settings]"
    trains = settings is TrainConfig
    files = parser.add_argument_group("settings from files", _FROM_FILES + (_presets() if trains else ""))
    files.add_argument("--config", type=Path, metavar="FILE", help="a TOML file of settings, named as below")
    if trains:
        files.add_argument("--preset", metavar="NAME", help="one of the presets above")
    for topic in Topic:
        here = {name: leaf.field for name, leaf in leaves(settings).items() if leaf.shown.topic == topic}
        if here:
            group = parser.add_argument_group(topic.value)
            for name, field in here.items():
                _add_flag(group, name, field)


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
