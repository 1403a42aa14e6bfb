"""A person who knows exactly what they like: a number computed from an image's pixels decides every vote.

Simulated people can be asked a thousand times, so that a taste can be planted in the votes and searched for in the
adapter's images. Their tastes differ in kind: a colour of the whole image (warm, bright), a texture of one part (busy),
an object (sun), a combination of two things (cosy), less of something (muted), and votes that are sometimes mistaken
(warm-mistaken). Scores don't depend on the number of pixels.
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

from bench.detector import shrink, sun_detector, to_tensor
from sdpo_core.workspace.records import Choice, Purpose
from sdpo_core.workspace.store import Store

LOWER_PART = 36 / 64  # share of the height that counts for `busy`: below the horizon
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # Rec. 601
_SIDE_UNITS = 64  # `busy` counts lengths in 1/64 of the image's width
# Standard deviations of the two scores over 1,000 drawn scenes (`demo.scenes`), so that no base model decides what
# "equally warm and busy" means. They differ by 0.220 and 0.0196; the scores' correlation is −.13.
_WARM_SD, _BUSY_SD = 0.22, 0.02
_SHOWN_PAIRS = 64


@dataclass(frozen=True)
class Oracle:
    """A taste: the image with the larger score is liked better."""

    name: str
    likes: str  # as text
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
    """Mean |∇ luminance| of the lower 36/64 of the image, in luminance steps per 1/64 of its width."""
    luminance = _pixels(image) @ _LUMINANCE  # (H, W)
    lower = luminance[-round(len(luminance) * LOWER_PART) :]
    down, right = np.diff(lower, axis=0)[:, :-1], np.diff(lower, axis=1)[:-1]
    return float(np.hypot(down, right).mean() * image.width / _SIDE_UNITS)


def sun(image: Image.Image) -> float:
    """Logit of the presence of a sun or moon."""
    with torch.no_grad():
        return float(_detector()(to_tensor(shrink(image)[None].copy())))


def cosy(image: Image.Image) -> float:
    """Both warm and busy: the sum of the two scores, each in standard deviations over drawn scenes."""
    return warm(image) / _WARM_SD + busy(image) / _BUSY_SD


def muted(image: Image.Image) -> float:
    """Minus the mean chroma, max(R, G, B) − min(R, G, B), in [-1, 0]: the less colourful, the better."""
    pixels = _pixels(image)
    return -float((pixels.max(axis=2) - pixels.min(axis=2)).mean())


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
        Oracle("cosy", "warm colours and a busy foreground", cosy),
        Oracle("muted", "muted colours", muted),
    )
}


@dataclass(frozen=True)
class SimulatedUser:
    """Votes by an oracle. The same two images always get the same vote, whichever is left and whenever they appear."""

    oracle: Oracle
    flip: float = 0.0  # share of votes against their own taste
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
        while pairs := store.pairs.open(purpose=purpose, run_id=run_id, limit=_SHOWN_PAIRS):
            for pair in pairs:
                with (
                    Image.open(store.images.path(pair.left.image_sha256)) as left,
                    Image.open(store.images.path(pair.right.image_sha256)) as right,
                ):
                    choice = self.choose(left, right)
                store.votes.cast(str(uuid.uuid4()), pair.id, choice)
                made[choice] += 1
        return made

    def _slips(self, left: Image.Image, right: Image.Image) -> bool:
        """Whether this vote goes against the taste: decided by the images' content, not by the order of asking."""
        seen = sorted(hashlib.sha256(image.tobytes()).hexdigest() for image in (left, right))
        drawn = hashlib.sha256(f"{self.seed} {' '.join(seen)}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") < self.flip * 2**64


@dataclass(frozen=True)
class Taste:
    """What a person likes, and how reliably they say so."""

    name: str
    oracle: Oracle
    flip: float = 0.0  # share of votes against their own taste
    reserved: bool = False  # kept unseen while defaults are chosen (`cells.refuse_reserved`)

    def person(self, seed: int) -> SimulatedUser:
        """Somebody with this taste; `seed` decides which of their votes are mistaken."""
        return SimulatedUser(self.oracle, flip=self.flip, seed=seed)


TASTES: dict[str, Taste] = {
    taste.name: taste
    for taste in (
        *(Taste(name, ORACLES[name]) for name in ("warm", "bright", "busy", "sun")),
        Taste("warm-mistaken", ORACLES["warm"], flip=0.1),
        Taste("cosy", ORACLES["cosy"], reserved=True),
        Taste("muted", ORACLES["muted"], reserved=True),
    )
}
