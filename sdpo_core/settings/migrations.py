"""Settings that an earlier version wrote, in today's fields: numbered steps, and one way through them.

    config.json of a run, a queued run, TOML    {"settings_format": 5, "runtime": {"model": …}, …}

`settings_format` counts the steps that settings have been through. Settings without it were written by the first
release, or by hand. docs/architecture.md says how to add a field. No torch here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sdpo_core.errors import ConfigError
from sdpo_core.settings.base import Settings
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.judge import GridConfig, JudgeConfig
from sdpo_core.settings.train import TrainConfig

KEY = "settings_format"
"""The name under which the number stands among the settings. It isn't a setting: the classes never see it."""


@dataclass
class Written:
    """Settings as they were written, on their way through the steps."""

    kind: type[Settings]  # the class that will read them
    values: dict[str, Any]
    resolved: bool  # a run's own, which name every setting of their day; False: TOML, which names some

    def fill(self, name: str, value: Any, table: str = "") -> None:
        """Give a run the value of a setting that didn't exist when it started, so that it continues as it began.

        TOML stays as it is. What a person left out there means today's default.
        """
        if self.resolved and not any(name in level for level in self._levels()):
            (self.values.setdefault(table, {}) if table else self.values)[name] = value

    def rename(self, old: str, new: str) -> None:
        """Let a setting have another name, in its table or, where a person typed it so, outside.

        A file without a number may hold the new one already; then that counts.
        """
        for level in self._levels():
            if old in level:
                value = level.pop(old)
                level.setdefault(new, value)

    def _levels(self) -> Iterator[dict[str, Any]]:
        """Where settings may be: the top, and every table."""
        yield self.values
        yield from (value for value in self.values.values() if isinstance(value, dict))


Step = Callable[[Written], None]


def _number_the_settings(_: Written) -> None:
    """From 0 to 1: the number itself. All fields are what they were."""


def _continue_as_started(written: Written) -> None:
    """From 1 to 2: what a run of 2026-11-21 did where there is a choice since."""
    if issubclass(written.kind, TrainConfig):
        written.fill("rate", "fixed")
        written.fill("gate", "estimate")
        written.fill("final_strength", "trained")
        written.fill("displacement", 0.01)
        written.fill("label_pairs", 0)
        written.fill("label_minutes", None)
        written.fill("label_share", 0.5)
        written.fill("label_threshold", 0.5)
        written.fill("label_weight", 1.0)
        written.fill("noise", "fresh")
    if issubclass(written.kind, TrainConfig | JudgeConfig):
        written.fill("negative", "")
    if issubclass(written.kind, GenerateConfig | JudgeConfig | GridConfig):
        written.fill("unconditional_strength", None)


def _pair_neighbours(written: Written) -> None:
    """From 2 to 3: all neighbours became pairs before there was a choice."""
    if issubclass(written.kind, GenerateConfig):
        written.fill("pairing", "neighbours")


_TABLES_OF_4: dict[type[Settings], dict[str, tuple[str, ...]]] = {
    TrainConfig: {
        "runtime": ("model", "prediction_type", "device", "precision", "threads"),
        "objective": (
            *("loss", "beta", "alpha", "tau", "smoothing", "anchor"),
            *("noise", "caption_dropout", "hold_unconditional"),
        ),
        "safeguarding": ("safeguard", "mu", "scope", "loser_weight", "drift_budget"),
        "labels": ("label_pairs", "label_minutes", "label_share", "label_threshold", "label_weight"),
        "lora": ("rank", "lora_alpha", "targets", "continue_from", "adapter_name"),
        "schedule": (
            *("steps", "pairs_per_step", "learning_rate", "rate", "displacement"),
            *("warmup_steps", "checkpoint_every_steps", "seed"),
        ),
        "health": ("gate", "final_strength", "held_out_fraction", "bank_draws_per_pair", "preview_prompts"),
        "computing": ("memory", "checkpointing", "optimizer", "pairs_per_micro_step", "noise_bank"),
        "data": ("negative", "pairs_from"),
        "sampling": ("sampler", "sampling_steps", "guidance", "size_px", "clip_skip"),
    },
    GenerateConfig: {
        "runtime": ("model", "prediction_type", "device", "precision", "threads"),
        "pairs": ("adapter", "prompts", "negative", "candidates_per_prompt", "pairing", "strength", "seed"),
        "ahead": ("keep_ahead", "keep_warm_s"),
        "comfyui": (
            *("comfy", "workflow", "prompt_slot", "negative_slot", "seed_slot"),
            *("image_node", "comfy_wait_s"),
        ),
        "sampling": (
            *("sampler", "sampling_steps", "guidance", "size_px", "clip_skip"),
            *("adapter_branch", "unconditional_strength"),
        ),
    },
    JudgeConfig: {
        "runtime": ("model", "prediction_type", "device", "precision", "threads"),
        "blind_test": ("adapter", "prompts", "negative", "comparisons", "strength", "seed"),
        "sampling": (
            *("sampler", "sampling_steps", "guidance", "size_px", "clip_skip"),
            *("adapter_branch", "unconditional_strength"),
        ),
    },
    GridConfig: {
        "runtime": ("model", "prediction_type", "device", "precision", "threads"),
        "cells": ("adapter", "prompt", "negative", "strengths", "checkpoints", "seed"),
        "sampling": (
            *("sampler", "sampling_steps", "guidance", "size_px", "clip_skip"),
            *("adapter_branch", "unconditional_strength"),
        ),
    },
}


def _put_into_tables(written: Written) -> None:
    """From 3 to 4: settings are in tables, one for each subject. What is in one already stays there."""
    for table, names in _TABLES_OF_4.get(written.kind, {}).items():
        inside = written.values.get(table, {})
        if isinstance(inside, dict):  # else it's refused when it's read
            moved = {name: written.values.pop(name) for name in names if name in written.values and name not in inside}
            if moved:
                written.values[table] = {**inside, **moved}


def _keep_the_effort(written: Written) -> None:
    """From 4 to 5: `label_pairs: auto` always meant an effort of 1."""
    if issubclass(written.kind, TrainConfig):
        written.fill("label_effort", 1.0, table="labels")


STEPS: tuple[Step, ...] = (
    _number_the_settings,
    _continue_as_started,
    _pair_neighbours,
    _put_into_tables,
    _keep_the_effort,
)
"""The step at place n turns format n into n + 1. A step that was released is never changed."""


def numbered(values: Mapping[str, Any]) -> dict[str, Any]:
    """Today's settings with the number of their format first, as they are written to a file."""
    return {KEY: len(STEPS), **values}


def upgraded(written: Mapping[str, Any], kind: type[Settings], *, resolved: bool, source: str) -> dict[str, Any]:
    """Settings of any earlier format in today's fields, without the number; what a class makes of them is not checked.

    `resolved` says that they are a run's own, so that fields which came later get what the run started with; else
    what is left out stays left out. `source` names the file to a person. Raises `ConfigError` when the number isn't
    valid, or a newer version wrote it.
    """
    values = {name: {**value} if isinstance(value, dict) else value for name, value in written.items()}
    number = values.pop(KEY, 0)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise ConfigError(
            f"{source}: {KEY} must be a whole number from 0 to {len(STEPS)}; got {number!r}. Remove that line."
        )
    if number > len(STEPS):
        raise ConfigError(
            f"{source} was written by a newer version of SDPO Studio: its {KEY} is {number}, and this version reads up "
            f"to {len(STEPS)}. Update SDPO Studio to use it."
        )
    draft = Written(kind, values, resolved)
    for step in STEPS[number:]:
        step(draft)
    return draft.values
