"""Settings of the job `train`, which `measure` shares."""

import itertools
from collections.abc import Container, Iterator
from typing import Any, Self

from pydantic import model_validator

from sdpo_core.errors import ConfigError
from sdpo_core.families import demo
from sdpo_core.methods.losses import LOSSES, losses_with
from sdpo_core.settings.base import Settings, flat, leaves
from sdpo_core.settings.course import Computing, Data, Health, Schedule, TrainingSampling
from sdpo_core.settings.learning import Labelling, NewAdapter, Objective, Safeguarding
from sdpo_core.settings.sampling import Runtime

# Settings that do nothing but with one choice of another. No preset sets one, so that a flag can change the choice.
_BELONGS = (
    *((option, "loss", losses_with(option)) for loss in LOSSES.values() for option in loss.options),
    ("loser_weight", "safeguard", ["constant"]),
    ("scope", "safeguard", ["output"]),
)


class TrainConfig(Settings):
    """Settings of `train`.

    Some defaults depend on the model (`Family.training`). They are the demo model's here; for another model they have
    to be given, which `presets.train_config` does.
    """

    runtime: Runtime = Runtime()
    objective: Objective = Objective()
    safeguarding: Safeguarding = Safeguarding()
    labels: Labelling = Labelling()
    lora: NewAdapter = NewAdapter()
    schedule: Schedule = Schedule()
    health: Health = Health()
    computing: Computing = Computing()
    data: Data = Data()
    sampling: TrainingSampling = TrainingSampling()

    @model_validator(mode="before")
    @classmethod
    def _refuse_to_guess_for_the_model(cls, values: dict[str, Any]) -> dict[str, Any]:
        parts = {name: one.model_dump(exclude_unset=True) for name, one in values.items() if isinstance(one, Settings)}
        given = flat(cls, {**values, **parts})
        missing = [name for name in demo.TRAINING if name not in given]
        if given.get("model", "demo") != "demo" and missing:
            raise ValueError(
                f"the defaults of {', '.join(missing)} depend on the family of the model, which these settings don't "
                "know; give them, or let sdpo_core.settings.presets.train_config look at the model"
            )
        return values

    def refuse_what_does_nothing(self, given: Container[str]) -> None:
        """Raise `ConfigError` for a setting, of those that a person just gave, that does nothing with the others.

        An earlier run folder may hold one, and its run continues; so may a preset whose choice was overruled.
        """
        known, values = leaves(type(self)), self.flat()
        for name, choice, only in _BELONGS:
            if name in given and values[name] != known[name].field.default and values[choice] not in only:
                raise ConfigError(f"{_belongs(name, choice, only)}, not to '{values[choice]}'.")

    @model_validator(mode="after")
    def _check_combinations(self) -> Self:
        safeguarding, computing = self.safeguarding, self.computing
        if safeguarding.safeguard == "lora" and safeguarding.scope == "batch":
            raise ValueError("scope 'batch' belongs to safeguard 'output'; the safeguard 'lora' always acts per step")
        for problem in self._problems_of_loss():
            raise ValueError(problem)
        if safeguarding.scope == "batch" and computing.memory == "split":
            raise ValueError("scope 'batch' takes one λ from a whole micro-batch, so memory must be 'joint'")
        if computing.pairs_per_micro_step and self.schedule.pairs_per_step % computing.pairs_per_micro_step:
            raise ValueError("pairs_per_step must be a multiple of pairs_per_micro_step")
        return self

    def _problems_of_loss(self) -> Iterator[str]:
        """What the chosen loss can't be combined with, as sentences."""
        objective, computing = self.objective, self.computing
        loss, name = LOSSES[objective.loss], objective.loss
        if not loss.has_loser and self.safeguarding.safeguard not in ("none", "lora"):
            yield f"loss '{name}' has no loser, so safeguard 'output' or 'constant' can't act; use 'none'"
        if objective.smoothing and "smoothing" not in loss.options:
            yield f"{_belongs('smoothing', 'loss', losses_with('smoothing'))}, not to '{name}'"
        if loss.fits_winner and objective.anchor:
            yield f"anchor adds the winner's own error, which is what loss '{name}' consists of; use 0"
        if loss.needs_predictions and computing.memory == "split":
            yield f"loss '{name}' looks at predictions of both passes together, so memory must be 'joint'"
        if loss.needs_predictions and computing.noise_bank:
            yield f"loss '{name}' needs the reference's predictions, so a noise_bank can't spare them; unset it"


def _belongs(name: str, choice: str, owners: list[str]) -> str:
    return f"{name} belongs to {choice} {' or '.join(repr(owner) for owner in owners)}"


def steps_for_pairs(pairs: int) -> int:
    """Default length of a run: 120 steps up to 30 pairs, 150 at 60, 200 at 240 or more, linear between."""
    knots = ((30, 120), (60, 150), (240, 200))
    if pairs <= knots[0][0]:
        return knots[0][1]
    for (few, short), (many, long) in itertools.pairwise(knots):
        if pairs <= many:
            return round(short + (long - short) * (pairs - few) / (many - few))
    return knots[-1][1]
