"""How an image looks, in 56 bytes: for telling near duplicates, such as a copy in another size or format.

Structure is a difference hash (whether each cell is brighter than its left neighbour), colour a mean of 4 x 4 cells.
Both have to agree: plain areas have no structure, and the same composition in other colours is a choice worth asking.
"""

from functools import lru_cache

import numpy as np
from PIL import Image

_CELLS = 8  # of structure, a side
_PATCHES = 4  # of colour, a side
_SAME = 2  # levels of grey up to which two cells count as equally bright, so that noise in plain areas says nothing
_MOST_BITS = 8  # of 64 that may differ
_MOST_LEVELS = 4.0  # mean difference of colour, of 255


def look_of(image: Image.Image) -> str:
    """The look of an RGB image, as hexadecimal digits: 8 bytes of structure, 48 of colour."""
    grey = np.asarray(image.convert("L").resize((_CELLS + 1, _CELLS), Image.Resampling.BOX), np.int16)
    structure = np.packbits(grey[:, 1:] > grey[:, :-1] + _SAME).tobytes()
    return (structure + image.resize((_PATCHES, _PATCHES), Image.Resampling.BOX).tobytes()).hex()


def nearly_same(one: str, other: str) -> bool:
    """Whether two looks are of nearly the same picture."""
    if (_structure(one) ^ _structure(other)).bit_count() > _MOST_BITS:
        return False
    a, b = (np.frombuffer(bytes.fromhex(look[16:]), np.uint8).astype(np.int16) for look in (one, other))
    return float(np.abs(a - b).mean()) <= _MOST_LEVELS


@lru_cache(maxsize=2**16)  # each image of a prompt is compared with all before it
def _structure(look: str) -> int:
    return int(look[:16], 16)
