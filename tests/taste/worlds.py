"""People with a known taste: random images as vectors, and votes that a hidden weight vector decides."""

from dataclasses import dataclass

import numpy as np

from sdpo_core.taste.comparisons import Comparisons
from sdpo_core.taste.layout import Layout, Part, Vector

BASE = "b" * 64
SMALL = Layout(latent_channels=4, network_channels=0)
WHOLE = Layout(latent_channels=8, network_channels=64)


@dataclass
class World:
    """Images have a few hidden causes, as real ones do, and a little of their own in every feature."""

    seed: int
    layout: Layout = SMALL
    part: Part | None = "pixels"  # what the taste is about; None: votes by chance
    causes: int = 6
    noise: float = 0.25  # of a vote, against the spread of the differences in taste

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.rng = rng
        self.mix = rng.normal(size=(self.causes, self.layout.size)) / np.sqrt(self.causes)
        self.units = np.exp(rng.normal(size=self.layout.size))
        self.taste = np.zeros(self.layout.size)
        if self.part:
            place = self.layout.slices[self.part]
            self.taste[rng.integers(place.start, place.stop)] = 1.0
            self.taste /= self.units

    def images(self, count: int, along: float = 0.0) -> Vector:
        """`along`: how far their causes are moved in the direction in which the taste grows fastest."""
        uphill = (self.mix * self.units) @ self.taste
        moved = along * uphill / (np.linalg.norm(uphill) or 1.0)
        causes = (self.rng.normal(size=(count, self.causes)) + moved) @ self.mix
        return ((causes + 0.3 * self.rng.normal(size=causes.shape)) * self.units).astype(np.float32)

    def votes(self, count: int, prompts: int | None = None) -> Comparisons:
        left, right = self.images(count), self.images(count)
        margin = (left - right).astype(np.float64) @ self.taste
        margin = margin / (margin.std() or 1.0) + self.noise * self.rng.logistic(size=count)
        if self.part is None:
            margin = self.rng.normal(size=count)
        names = [f"prompt {number % (prompts or max(4, count // 2))}" for number in range(count)]
        return Comparisons.of(self.layout, left, right, margin > 0, names)
