"""What each number of a feature vector is. The layout belongs to the version: another one needs a new number.

A vector has three parts, one after the other:

    pixels     statistics of the image that a person has words for (`PIXEL_FEATURES`)
    latents    mean and standard deviation of each VAE channel, whole and in 2 x 2 quarters
    network    the UNet's mid block at two noise levels: mean and maximum of each channel over all positions

The first is the same for all models; the others have as many channels as the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from sdpo_core.errors import DataError

FEATURES = 1
"""Version of the features. Vectors of different versions are never compared."""

Part = Literal["pixels", "latents", "network"]
PARTS: tuple[Part, ...] = get_args(Part)

Vector = NDArray[np.float32]

STATISTICS = (
    *(
        f"{name} {what}"
        for name in ("red", "green", "blue", "luminance", "saturation", "warmth")
        for what in ("mean", "spread")
    ),
    "contrast",
    "detail",
)
"""What is measured in each region: see `pixels.measure`."""

REGIONS = ("whole", "upper", "middle", "lower", "left", "centre", "right")
"""The whole image, its horizontal thirds from above, its vertical thirds from the left."""

LATENT_NUMBERS = 2 * (1 + 2 * 2)
"""Of each latent channel: mean and standard deviation, of the whole and of each quarter."""

NOISE_LEVELS = (0.1, 0.3)
"""At which share of the schedule the network looks at the noisy image."""

NETWORK_NUMBERS = 2 * len(NOISE_LEVELS)
"""Of each channel of the mid block: mean and maximum, at each noise level."""


class PixelFeature(NamedTuple):
    """One number of the part `pixels`."""

    region: str
    statistic: str


PIXEL_FEATURES: tuple[PixelFeature, ...] = tuple(
    PixelFeature(region, statistic) for region in REGIONS for statistic in STATISTICS
)


@dataclass(frozen=True)
class Layout:
    """The layout of one model's vectors."""

    latent_channels: int
    network_channels: int  # of the mid block; 0 for a network without one

    @property
    def slices(self) -> dict[Part, slice]:
        """Where each part is; an empty slice for a part that the model lacks."""
        latents = len(PIXEL_FEATURES) + LATENT_NUMBERS * self.latent_channels
        return {
            "pixels": slice(0, len(PIXEL_FEATURES)),
            "latents": slice(len(PIXEL_FEATURES), latents),
            "network": slice(latents, latents + NETWORK_NUMBERS * self.network_channels),
        }

    @property
    def size(self) -> int:
        """How many numbers a vector has."""
        return self.slices["network"].stop

    def require(self, vectors: Sequence[Vector] | NDArray[np.float32], what: str = "vectors") -> Vector:
        """The vectors as one float32 array (N, size).

        Raises `DataError` for other lengths, NaN and infinities. `what` names them to the person.
        """
        found = np.asarray(vectors, dtype=np.float32)
        if found.size == 0:
            return np.zeros((0, self.size), np.float32)
        if found.ndim != 2 or found.shape[1] != self.size:
            raise DataError(
                f"The {what} have the shape {found.shape}; expected {self.size} features per image. They belong to "
                "another model or feature version; describe the images again."
            )
        if not np.isfinite(found).all():
            raise DataError(f"The {what} contain NaN or infinity. Describe the images again.")
        return found
