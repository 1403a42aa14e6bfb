"""How an image looks, in 12 x 12 pixels: for finding near-duplicates, such as a copy in another size or format.

Structure is how well two such thumbnails' brightness correlates, colour how far their colours are apart. Both have to
agree: line drawings on white have nearly the same colours, and the same picture in other colours is a choice worth
asking about.
"""

import base64
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SIDE = 12
_PATCH = 3  # colours are compared as means of 3 x 3 pixels of the thumbnail
_LEAST_CORRELATION = 0.94
_MOST_LEVELS = 4.0  # mean difference of colour, of 255
_PLAIN = 2.0  # levels of brightness by which a plain picture varies at most: noise, which correlates with nothing


class _Look(NamedTuple):
    structure: NDArray[np.float32]  # (144,), of mean 0 and length 1; all 0 for a plain picture
    colour: NDArray[np.float32]  # (4, 4, 3), 0 to 255


def look_of(image: Image.Image) -> str:
    """The look of an RGB image, as text."""
    return base64.b64encode(image.resize((_SIDE, _SIDE), Image.Resampling.BOX).tobytes()).decode()


def nearly_same(one: str, other: str) -> bool:
    """Whether two looks are of nearly the same picture."""
    a, b = _parsed(one), _parsed(other)
    both_plain = not a.structure.any() and not b.structure.any()
    if not both_plain and float(a.structure @ b.structure) < _LEAST_CORRELATION:
        return False
    return float(np.abs(a.colour - b.colour).mean()) <= _MOST_LEVELS


@lru_cache(maxsize=2**14)  # each image of a prompt is compared with all before it
def _parsed(look: str) -> _Look:
    pixels = np.frombuffer(base64.b64decode(look), np.uint8).reshape(_SIDE, _SIDE, 3).astype(np.float32)
    grey = pixels.mean(axis=2).reshape(-1)
    grey -= grey.mean()
    structure = np.zeros_like(grey) if grey.std() <= _PLAIN else grey / np.linalg.norm(grey)
    side = _SIDE // _PATCH
    return _Look(structure, pixels.reshape(side, _PATCH, side, _PATCH, 3).mean(axis=(1, 3)))
