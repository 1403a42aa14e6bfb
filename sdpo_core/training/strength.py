"""What calibration measures of a trained adapter at a strength: drift, and the taste model's view."""

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sdpo_core.generation.sample import sample
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.taste.calibration import Drift, Effect, predicted_effect
from sdpo_core.taste.features import describe
from sdpo_core.taste.layout import Vector
from sdpo_core.training.health import Bank
from sdpo_core.training.multiply import Multiplied
from sdpo_core.workspace.labelled import Drawn
from sdpo_core.workspace.records import AdapterUse, Recipe

FEWEST_PROBES, MOST_PROBES = 6, 16
"""How many pairs are generated again at a strength: prompts and seeds of the run's own generated pairs, spread over
them."""


@dataclass
class StrengthMeasure:
    """`calibration.Measure` for the adapter on a model. Effect and diversity are None where the run drew no images."""

    model: DiffusionModel
    lora: Lora
    bank: Bank
    learned: Multiplied
    _seen: dict[float, Vector] = field(default_factory=dict[float, Vector])

    def drift(self, strength: float) -> Drift:
        """The winner error at `strength`."""
        with self.lora.at_strength(strength):
            return Drift(*self.bank.winner_error(self.model))

    def effect(self, strength: float) -> Effect | None:
        """What the taste model predicts of the images, against those that were generated without this training."""
        if not self._probes or not self.learned.taste.knows_taste:
            return None
        drawn = np.stack([self.learned.vectors[one.image_sha256] for one in self.learned.drawn])
        return predicted_effect(self.learned.taste, drawn, self._before, self._after(strength))

    def diversity(self, strength: float) -> float | None:
        """How far the two images of a prompt differ in the network's features, relative to before: the upper end.

        That is the ratio + 2 standard errors: so few pairs can tell a collapse, not a percent.
        """
        if not self._probes or not self.learned.taste.facts.network_channels:
            return None
        deep = self.learned.taste.facts.layout.slices["network"]
        before, after = _distances(self._before[:, deep]), _distances(self._after(strength)[:, deep])
        ratio = float(after.mean() / before.mean())
        error = float((after - ratio * before).std(ddof=1) / (math.sqrt(len(before)) * before.mean()))
        return ratio + 2 * error

    @cached_property
    def _probes(self) -> list[Drawn]:
        """Images of some generated pairs, both of each, where all were described; empty where there are too few."""
        pairs = list(zip(self.learned.drawn[::2], self.learned.drawn[1::2], strict=True))
        count = min(len(pairs), MOST_PROBES) if len(pairs) >= FEWEST_PROBES else 0
        chosen = [pairs[i] for i in np.linspace(0, len(pairs) - 1, count).astype(int)]
        images = [image for pair in chosen for image in pair]
        return images if {image.image_sha256 for image in images} <= self.learned.vectors.keys() else []

    @cached_property
    def _before(self) -> Vector:
        return np.stack([self.learned.vectors[image.image_sha256] for image in self._probes])

    def _after(self, strength: float) -> Vector:
        """Vectors of the N probed pairs with the adapter at `strength`, (2N, D)."""
        if strength not in self._seen:
            images = [
                drawn
                for place in range(0, len(self._probes), 2)
                for drawn in sample(
                    self.model,
                    [_with_adapter(one.recipe, strength) for one in self._probes[place : place + 2]],
                    lora=self.lora,
                )
            ]
            self._seen[strength] = describe(self.model, images, [one.prompt for one in self._probes])
        return self._seen[strength]


def _with_adapter(recipe: Recipe, strength: float) -> Recipe:
    return recipe.model_copy(update={"adapters": (AdapterUse(sha256="", strength=strength),)})


def _distances(vectors: Vector) -> Vector:
    """Cosine distance of neighbours, the two images of a prompt: (2N, d) -> (N,)."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return 1 - (unit[::2] * unit[1::2]).sum(1)
