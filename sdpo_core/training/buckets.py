"""Which size each pair trains at: images of mixed sizes in one run, none of them bent, little of them lost.

A bucket is a size (width, height) in pixels. Both images of a pair go to one, so that they can share their noise.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol

from sdpo_core.errors import ConfigError
from sdpo_core.settings.learning import Scope
from sdpo_core.workspace.records import Candidate

Size = tuple[int, int]  # (width, height) in pixels


class TwoImages(Protocol):
    """A pair, voted on or labelled."""

    @property
    def sides(self) -> tuple[Candidate, Candidate]:
        """Its images."""
        ...


_STEP_PX = 64
_STEPS_PER_SIDE = 8  # at least, of the image that the model was made for
_WIDEST = 2.0
_NAMED_SIZES = 6


def step_for(native_px: int, multiple_px: int) -> int:
    """What the sides of a model's buckets are multiples of: 64 px, or an eighth of a small model's image.

    `native_px` is the side of the image that it was made for, `multiple_px` what its images' sides have to divide by.
    """
    step = min(_STEP_PX, native_px // _STEPS_PER_SIDE)
    return max(1, math.ceil(step / multiple_px)) * multiple_px


def bucket(images: Sequence[Size], native_px: int, step_px: int) -> Size:
    """The bucket of a pair, given the sizes of its `images`.

    Its aspect ratio is the images' mean one (of the logarithms), between 1:2 and 2:1. Its area is what the smaller of
    them has left when cut to that, at most `native_px` squared. Each side is then the nearest multiple of `step_px`: no
    image is enlarged by more than half a step a side (a tiny one to a whole step), and sides that are multiples of it,
    if neither too long nor too unequal, stay as they are.
    """
    mean = sum(math.log(width / height) for width, height in images) / len(images)
    aspect = math.exp(min(max(mean, -math.log(_WIDEST)), math.log(_WIDEST)))
    room = min(min(width, height * aspect) * min(height, width / aspect) for width, height in images)
    area = min(room, native_px**2)
    return _nearest(math.sqrt(area * aspect), step_px), _nearest(math.sqrt(area / aspect), step_px)


def pair_sizes(
    pairs: Sequence[TwoImages], size_px: int | None, scope: Scope, native_px: int, multiple_px: int
) -> list[Size]:
    """The size at which each of `pairs` trains: the square of `size_px` where that is set, else the pair's bucket.

    Raises ConfigError for several sizes under scope "batch", whose λ is taken from pairs that are computed together.
    """
    if size_px:
        return [(size_px, size_px)] * len(pairs)
    step_px = step_for(native_px, multiple_px)
    sizes = [bucket([(image.width_px, image.height_px) for image in pair.sides], native_px, step_px) for pair in pairs]
    if scope == "batch" and len(set(sizes)) > 1:
        raise ConfigError(
            "scope 'batch' uses one λ for all pairs computed together, so they must all have one size. "
            f"These have {len(set(sizes))} ({sizes_sentence(sizes)}). Set size_px, or use scope 'pair'."
        )
    return sizes


def sizes_sentence(sizes: Iterable[Size]) -> str:
    """How many pairs train at which size, the commonest first: `20 at 512 × 512 px, 4 at 448 × 640 px`."""
    counts = Counter(sizes).most_common()
    parts = [f"{count} at {width} × {height} px" for (width, height), count in counts[:_NAMED_SIZES]]
    others = counts[_NAMED_SIZES:]
    if others:
        parts.append(f"{sum(count for _, count in others)} at {len(others)} other sizes")
    return ", ".join(parts)


def _nearest(side_px: float, step_px: int) -> int:
    return max(1, round(side_px / step_px)) * step_px
