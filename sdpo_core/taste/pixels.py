"""The part `pixels` of a feature vector: plain statistics of an image, in the order of `layout.PIXEL_FEATURES`."""

import itertools

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sdpo_core.taste.layout import Vector

SIDE_PX = 128
"""Side to which every image is brought first, because edges depend on the scale they are measured at."""

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # Rec. 601
_PERCENTILES = (5.0, 95.0)


def measure(image: Image.Image) -> Vector:
    """Statistics of each region of `image`, shape (len(PIXEL_FEATURES),) float32.

    Red, green, blue and luminance (Rec. 601) are in [0, 1]; saturation is HSV's; warmth is red − blue. For each, mean
    and standard deviation. Contrast is the distance of luminance's 5th and 95th percentile, detail the mean
    |∇ luminance| in luminance steps per pixel of the small image.
    """
    small = image.convert("RGB").resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    rgb = np.asarray(small, dtype=np.float32) / np.float32(255)  # (S, S, 3)
    maps = _maps(rgb)  # (6, S, S)
    edges = _edges(maps[3])  # (S, S)
    return np.concatenate([_region(maps[:, rows, columns], edges[rows, columns]) for rows, columns in _regions()])


def _maps(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """Red, green, blue, luminance, saturation and warmth of an image (S, S, 3): (6, S, S)."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    high, low = rgb.max(-1), rgb.min(-1)
    saturation = (high - low) / np.maximum(high, 1 / 255)
    return np.stack([red, green, blue, rgb @ _LUMINANCE, saturation, red - blue])


def _edges(luminance: NDArray[np.float32]) -> NDArray[np.float32]:
    """|∇ luminance| by forward differences, (S, S); 0 beyond the last row and column."""
    down = np.diff(luminance, axis=0, append=luminance[-1:])
    right = np.diff(luminance, axis=1, append=luminance[:, -1:])
    return np.hypot(down, right)


def _regions() -> list[tuple[slice, slice]]:
    """Rows and columns of each of `layout.REGIONS`."""
    bounds = [round(SIDE_PX * third / 3) for third in range(4)]
    thirds = [slice(start, stop) for start, stop in itertools.pairwise(bounds)]
    whole = slice(0, SIDE_PX)
    return [(whole, whole), *((rows, whole) for rows in thirds), *((whole, columns) for columns in thirds)]


def _region(maps: NDArray[np.float32], edges: NDArray[np.float32]) -> Vector:
    """One region's numbers, in the order of `layout.STATISTICS`."""
    means, spreads = maps.mean((1, 2)), maps.std((1, 2))  # (6,) each
    dark, light = np.percentile(maps[3], _PERCENTILES)
    colours = np.stack([means, spreads], axis=1).ravel()
    return np.array([*colours, light - dark, edges.mean()], np.float32)
