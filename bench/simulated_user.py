"""A person who knows exactly what they like: a number computed from an image's pixels decides every vote.

Simulated people can be asked a thousand times, so that a taste can be planted in the votes and looked for in the
adapter's images. None of their tastes is satisfied trivially, and they differ in kind: a colour
of the whole image (warm, bright), a texture of one part (busy), and an object (sun).
"""

import hashlib
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from PIL import Image

from bench.detector import SIZE_PX, sun_detector, to_tensor
from sdpo_core.preferences.records import Choice, Purpose
from sdpo_core.preferences.store import Store

LOWER_PART = 36 / 64  # share of the height that `busy` looks at: below the horizon
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # Rec. 601
_SHOWN_PAIRS = 64


@dataclass(frozen=True)
class Oracle:
    """A taste: the image with the larger score is liked better."""

    name: str
    likes: str  # in words
    score: Callable[[Image.Image], float]


def _pixels(image: Image.Image) -> np.ndarray:
    """(H, W, 3) float64 in [0, 1]."""
    return np.asarray(image.convert("RGB"), dtype=np.float64) / 255


def warm(image: Image.Image) -> float:
    """mean(R) − mean(B), in [-1, 1]."""
    red, _, blue = _pixels(image).mean(axis=(0, 1))
    return float(red - blue)


def bright(image: Image.Image) -> float:
    """Mean luminance, in [0, 1]."""
    return float((_pixels(image) @ _LUMINANCE).mean())


def busy(image: Image.Image) -> float:
    """Mean |∇ luminance| of the lower 36/64 of the image, luminance steps per pixel, in [0, √2]."""
    luminance = _pixels(image) @ _LUMINANCE  # (H, W)
    lower = luminance[-round(len(luminance) * LOWER_PART) :]
    down, right = np.diff(lower, axis=0)[:, :-1], np.diff(lower, axis=1)[:-1]
    return float(np.hypot(down, right).mean())


def sun(image: Image.Image) -> float:
    """Logit of the presence of a sun or moon; the image is brought to 64x64 first."""
    small = image.convert("RGB").resize((SIZE_PX, SIZE_PX), Image.Resampling.BOX)
    with torch.no_grad():
        return float(_detector()(to_tensor(np.asarray(small)[None].copy())))


@cache
def _detector() -> torch.nn.Module:
    return sun_detector()


ORACLES: dict[str, Oracle] = {
    oracle.name: oracle
    for oracle in (
        Oracle("warm", "warm colours", warm),
        Oracle("busy", "a busy, detailed foreground", busy),
        Oracle("sun", "a sun or moon in the sky", sun),
        Oracle("bright", "bright images", bright),
    )
}


@dataclass(frozen=True)
class SimulatedUser:
    """Votes by an oracle. The same two images always get the same vote, whichever is left and whenever they come."""

    oracle: Oracle
    flip: float = 0.0  # share of votes given against the own taste
    tie_margin: float = 0.0  # scores that differ by at most this much are a tie, in units of the oracle
    seed: int = 0

    def choose(self, left: Image.Image, right: Image.Image) -> Choice:
        """Which of two images this person likes better, or a tie."""
        difference = self.oracle.score(left) - self.oracle.score(right)
        if abs(difference) <= self.tie_margin:
            return "tie"
        likes_left = difference > 0
        return "left" if likes_left != self._slips(left, right) else "right"

    def vote_all(self, store: Store, *, purpose: Purpose = "train", run_id: str | None = None) -> Counter[Choice]:
        """Vote on every open pair of a purpose, or of one run; returns how often each choice was made."""
        made: Counter[Choice] = Counter()
        while pairs := store.open_pairs(purpose=purpose, run_id=run_id, limit=_SHOWN_PAIRS):
            for pair in pairs:
                with Image.open(store.image_path(pair.left)) as left, Image.open(store.image_path(pair.right)) as right:
                    choice = self.choose(left, right)
                store.vote(str(uuid.uuid4()), pair.id, choice)
                made[choice] += 1
        return made

    def _slips(self, left: Image.Image, right: Image.Image) -> bool:
        """Whether this vote goes against the taste: drawn from the images' content, not from the order of asking."""
        seen = sorted(hashlib.sha256(image.tobytes()).hexdigest() for image in (left, right))
        drawn = hashlib.sha256(f"{self.seed} {' '.join(seen)}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") < self.flip * 2**64
