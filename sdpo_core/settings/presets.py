"""Settings from files: the presets that ship in assets/presets/, and a person's own TOML.

A file holds settings of one job, in tables or flat as on the command line, and may hold a `description`. What
is given nearer to the person wins: a flag over their file, the file over a preset, the preset over the defaults. To
train, some of these depend on the model. In here settings are flat, so that a single one can win.
"""

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sdpo_core.checkpoints.model_info import DEMO, ModelInfo, inspect_model
from sdpo_core.errors import ConfigError
from sdpo_core.families import demo
from sdpo_core.families.table import FAMILIES
from sdpo_core.paths import repository_root
from sdpo_core.settings.base import Settings, flat, misnamed, nested, tables
from sdpo_core.settings.migrations import numbered, upgraded
from sdpo_core.settings.sampling import Runtime
from sdpo_core.settings.train import TrainConfig

_DESCRIPTION = "description"
_SHAPE = ("rank", "lora_alpha", "targets")  # a continued adapter brings its own
_Settings = TypeVar("_Settings", bound=Settings)


@dataclass(frozen=True)
class Preset:
    """A set of training settings that ships with the studio."""

    name: str
    description: str  # one line for a person
    written: dict[str, Any]  # what it sets, in tables and not yet checked; the rest are defaults

    @property
    def values(self) -> dict[str, Any]:
        """What it sets, flat."""
        return flat(TrainConfig, self.written)


def preset_names() -> list[str]:
    """The names of the presets, in alphabetical order."""
    return sorted(path.stem for path in _folder().glob("*.toml"))


def read_preset(name: str) -> Preset:
    """The preset of this name; raises `ConfigError` with the nearest name when there is none."""
    names = preset_names()
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}."
        raise ConfigError(f"No preset is named {name}. {hint}")
    path = _folder() / f"{name}.toml"
    values = upgraded(_read(path), TrainConfig, resolved=False, source=str(path))
    return Preset(name, str(values.pop(_DESCRIPTION, "")), values)


def read_settings_file(path: Path, settings: type[Settings]) -> dict[str, Any]:
    """The settings in a TOML file of any version, flat, and not yet checked against each other.

    Raises `ConfigError` when the file can't be read, isn't TOML, is of a newer version, or names a setting that
    `settings` doesn't have or has in another table.
    """
    return _of(settings, path.name, _read(path))


def read_settings_text(text: str, settings: type[Settings]) -> dict[str, Any]:
    """The settings in TOML that a person pasted; raises `ConfigError` as `read_settings_file` does."""
    return _of(settings, "The text", _parse("The text", text))


def settings_text(values: Mapping[str, Any], settings: type[Settings]) -> str:
    """Settings as TOML, in tables after the number of their format; what is unset (None) is left out."""
    given = numbered(nested(settings, {name: one for name, one in flat(settings, values).items() if one is not None}))
    top = {name: one for name, one in given.items() if name not in tables(settings)}
    parts = {name: given[name] for name in tables(settings) if name in given}
    blocks = [_lines(top), *(f"[{name}]\n{_lines(part)}" for name, part in parts.items())]
    return "\n".join(blocks)


def _lines(values: Mapping[str, Any]) -> str:
    # What JSON writes for a string, a number or a boolean, TOML reads as the same.
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())


def resolve(
    settings: type[_Settings], flags: Mapping[str, Any], *, file: Path | None = None, preset: str | None = None
) -> _Settings:
    """The settings that hold: `flags`, which are flat, over `file` over `preset` over the defaults.

    To train, it looks at the model for that. Raises `ConfigError` or `ModelError`.
    """
    values: dict[str, Any] = {}
    if preset is not None:
        named = read_preset(preset)
        _refuse_misnamed(f"preset {preset}", named.written, settings)
        values |= named.values
    given = {**(read_settings_file(file, settings) if file else {}), **flags}
    values |= given
    found = settings.parse(_completed(values) if issubclass(settings, TrainConfig) else values)
    if isinstance(found, TrainConfig):
        found.refuse_what_does_nothing(given)
        shape = [name for name in _SHAPE if name in given]
        if found.lora.continue_from and shape:
            raise ConfigError(f"{shape[0]} is that of the adapter that continue_from names; leave it out.")
    return found


def train_config(values: Mapping[str, Any], info: ModelInfo) -> TrainConfig:
    """The settings to train the model `info` with: `values`, and that model's defaults for what they leave out.

    Raises `ConfigError`.
    """
    misplaced = list(misnamed(TrainConfig, values))
    if misplaced:
        raise ConfigError(" ".join(misplaced))
    given = flat(TrainConfig, values)
    found = TrainConfig.parse({**_defaults(info), "model": info.source, **given})
    found.refuse_what_does_nothing(given)
    return found


def _completed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings to train with, and the defaults of the model that they name."""
    named = Runtime.parse({name: values[name] for name in ("model", "prediction_type") if name in values})
    if named.model == DEMO:  # whose defaults are those of the class
        return {**values}
    return {**_defaults(inspect_model(named.model, named.prediction_type)), **values}


def _defaults(info: ModelInfo) -> dict[str, Any]:
    return dict(demo.TRAINING if info.is_demo else FAMILIES[info.family].training)


def _of(settings: type[Settings], source: str, values: dict[str, Any]) -> dict[str, Any]:
    values = upgraded(values, settings, resolved=False, source=source)
    values.pop(_DESCRIPTION, None)
    _refuse_misnamed(source, values, settings)
    return flat(settings, values)


def _refuse_misnamed(source: str, values: Mapping[str, Any], settings: type[Settings]) -> None:
    problems = list(misnamed(settings, values))
    if problems:
        raise ConfigError(f"{source}: {' '.join(problems)}")


def _read(path: Path) -> dict[str, Any]:
    try:
        return _parse(str(path), path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"There is no file {path}. Check the name, or choose a preset instead.") from error
    except OSError as error:
        raise ConfigError(f"{path} can't be read ({error.strerror}). Check the file and its permissions.") from error
    except UnicodeDecodeError as error:
        raise _no_toml(str(path), error) from error


def _parse(source: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _no_toml(source, error) from error


def _no_toml(source: str, error: ValueError) -> ConfigError:
    return ConfigError(f"{source} isn't TOML: {error}. Expected lines such as: steps = 200")


def _folder() -> Path:
    return repository_root() / "assets" / "presets"
