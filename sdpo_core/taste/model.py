"""A fitted taste: scores images, gives the chance that a person prefers one to another, and how sure that is.

Written by `fit.fit_taste`; kept as one file, `taste.safetensors`, whose header holds the facts as JSON.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from sdpo_core.atomic import write_bytes
from sdpo_core.checkpoints.header import read_header
from sdpo_core.errors import DataError
from sdpo_core.taste.layout import FEATURES, Layout, Part, Vector
from sdpo_core.taste.ridge import Array, sigmoid

FILE = "taste.safetensors"
"""The file's name in a run folder."""

_FACTS = "taste"  # key in the header's metadata


class Facts(BaseModel):
    """What is known about a taste model, for pages and for whoever loads it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    format: Literal[1] = 1
    features: int  # version
    base_sha256: str  # the model whose images are described
    latent_channels: int
    network_channels: int
    votes: int  # decided votes that it was fitted on
    prompts: int  # distinct ones of theirs
    knows_taste: bool
    sentence: str  # how well it predicts, or why it is switched off
    tested: int = 0  # votes that it was tested on, each held out
    accuracy: float | None = None  # share of them that it predicted, by nested cross-validation
    low: float | None = None  # 95 % interval of that share
    high: float | None = None
    luck: float | None = None  # how often random votes would test this well
    parts: tuple[Part, ...] = ()  # of the features, that it uses
    ridge: float = 1.0
    temperature: float = 1.0  # by which its margins were multiplied to make probabilities honest

    @property
    def layout(self) -> Layout:
        """The layout of the vectors it takes."""
        return Layout(self.latent_channels, self.network_channels)


@dataclass(frozen=True)
class TasteModel:
    """Where `facts.knows_taste` is False, all scores are 0 and all chances .5.

    A margin is a linear function of the difference of two vectors. The posterior of its weights is Laplace's: with z
    the standardised difference and y = z·directions, Var = temperature²·(yᵀ·covariance·y + (|z|² − |y|²)/ridge). The
    second term is what no vote has covered yet.
    """

    facts: Facts
    centre: Vector  # (D,) the mean image of the votes: its score is 0
    weights: Vector  # (D,) log-odds per unit of a feature
    inverse_scale: Vector  # (D,) standardises a difference; 0 for features that are not used
    directions: Vector  # (D, r) orthonormal columns
    covariance: Vector  # (r, r)

    @classmethod
    def off(cls, facts: Facts) -> "TasteModel":
        """A model that knows nothing."""
        size = facts.layout.size
        empty = np.zeros(size, np.float32)
        return cls(facts, empty, empty, empty, np.zeros((size, 0), np.float32), np.zeros((0, 0), np.float32))

    @property
    def knows_taste(self) -> bool:
        """Whether it predicts better than chance, as far as the votes can tell."""
        return self.facts.knows_taste

    def score(self, vectors: Vector) -> Array:
        """How much the person likes each image, (N,) in log-odds: a difference of two scores is that of their pair.

        Only images of one prompt are to be compared: the votes never compared others. Raises `DataError` for vectors
        of another length.
        """
        checked = self.facts.layout.require(vectors)
        return ((checked - self.centre) @ self.weights).astype(np.float64)

    def chance(self, first: Vector, second: Vector) -> Array:
        """The calibrated probability that the person prefers each first image to its second, (N,)."""
        return sigmoid(self.score(first) - self.score(second))

    def variance(self, first: Vector, second: Vector) -> Array:
        """Posterior variance of each pair's log-odds, (N,): large where no vote has looked yet."""
        require = self.facts.layout.require
        z = (require(first) - require(second)) * self.inverse_scale  # (N, D)
        y = z @ self.directions  # (N, r)
        known = np.einsum("nr,rs,ns->n", y, self.covariance, y)
        return self._variance(known, np.square(z).sum(1) - np.square(y).sum(1))

    def between(self, vectors: Vector) -> tuple[Array, Array]:
        """Log-odds and their variance for every pair of k images, (k, k) each; entry i, j is i against j."""
        scores = self.score(vectors)
        z = (vectors - self.centre) * self.inverse_scale  # (k, D)
        y = z @ self.directions  # (k, r)
        known = _squared_distances(y @ self.covariance @ y.T)
        beyond = _squared_distances(z @ z.T) - _squared_distances(y @ y.T)
        return scores[:, None] - scores[None, :], self._variance(known, beyond)

    def _variance(self, known: NDArray[np.floating], beyond: NDArray[np.floating]) -> Array:
        total = known.astype(np.float64) + np.maximum(beyond.astype(np.float64), 0.0) / self.facts.ridge
        return np.maximum(total, 0.0) * self.facts.temperature**2


def _squared_distances(products: NDArray[np.floating]) -> NDArray[np.floating]:
    """|a_i − a_j|² from the inner products ⟨a_i, a_j⟩, (k, k)."""
    own = np.diagonal(products)
    return own[:, None] + own[None, :] - 2 * products


# --------------------------------------------------------------------------------------------------------------- file


def save_taste(model: TasteModel, path: Path) -> None:
    """Write the model to `path` in one atomic step."""
    arrays = {
        name: np.ascontiguousarray(getattr(model, name), dtype=np.float32)
        for name in ("centre", "weights", "inverse_scale", "directions", "covariance")
    }
    write_bytes(path, save(arrays, metadata={_FACTS: model.facts.model_dump_json()}))


def read_facts(path: Path) -> Facts:
    """The facts of a saved model, without its numbers; raises `DataError` for a file that isn't one."""
    _, metadata = read_header(path, DataError)
    try:
        return Facts.model_validate_json(metadata.get(_FACTS, ""))
    except ValidationError as error:
        raise DataError(
            f"{path.name} can't be read by this version as a taste model. Fit it again: the votes are unchanged."
        ) from error


def load_taste(path: Path, base_sha256: str) -> TasteModel:
    """The model saved at `path`, for images of the base model `base_sha256`.

    Raises `DataError` in a sentence for another base, another feature version, and a file that isn't one or damaged.
    """
    facts = read_facts(path)
    if facts.features != FEATURES:
        raise DataError(
            f"{path.name} was fitted on features of version {facts.features}; this version of the studio uses version "
            f"{FEATURES}. Fit it again: the votes are unchanged."
        )
    if facts.base_sha256 != base_sha256:
        raise DataError(
            f"{path.name} was fitted on images of another base model ({facts.base_sha256[:10]}, not "
            f"{base_sha256[:10]}), whose features mean something else. Fit it on votes about this model's images."
        )
    try:
        arrays = load(path.read_bytes())
        model = TasteModel(facts, **{name: np.asarray(array, np.float32) for name, array in arrays.items()})
        _check_shapes(model)
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise DataError(f"{path.name} is damaged. Fit it again: the votes are unchanged.") from error
    return model


def _check_shapes(model: TasteModel) -> None:
    size, rank = model.facts.layout.size, len(model.covariance)
    wanted = {
        "centre": (size,),
        "weights": (size,),
        "inverse_scale": (size,),
        "directions": (size, rank),
        "covariance": (rank, rank),
    }
    for name, shape in wanted.items():
        array: Vector = getattr(model, name)
        if array.shape != shape or not np.isfinite(array).all():
            raise ValueError(f"{name} is {array.shape}, expected {shape}")
