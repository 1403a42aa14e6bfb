"""Projects whose votes say something: pictures that are warm or cool, described by hand, voted on by rule."""

import uuid
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

from sdpo_core.taste.layout import FEATURES, Layout
from sdpo_core.taste.pixels import measure
from sdpo_core.workspace.features import Eye
from sdpo_core.workspace.records import Candidate, Choice, Pair, Purpose
from sdpo_core.workspace.store import Store
from tests.app.helpers import ADAPTER, recipe

LAYOUT = Layout(1, 0)


def picture(number: int) -> Image.Image:
    """Coarse colour noise of a tint of its own."""
    rng = np.random.default_rng(number)
    coarse = (rng.uniform(70, 180, (4, 4, 3)) + rng.normal(0, 25, 3)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)


def warmth(image: Image.Image) -> float:
    red, _, blue = np.asarray(image, float).mean((0, 1))
    return red - blue


def draw(store: Store, number: int, prompt: str, base_sha256: str, *, adapter: str | None = None) -> Candidate:
    return store.candidates.add(picture(number), recipe(prompt, number, base_sha256, adapter=adapter))


def describe(store: Store, base_sha256: str, images: Iterable[Candidate]) -> None:
    """Keep what a model would see of them, as far as pixels tell."""
    eye = Eye(base_sha256, FEATURES, LAYOUT.latent_channels, LAYOUT.network_channels, LAYOUT.size)
    rest = np.zeros(LAYOUT.size - len(measure(picture(0))), np.float32)
    read = {one.image_sha256: Image.open(store.images.path(one.image_sha256)).convert("RGB") for one in images}
    store.features.put(eye, {sha: np.concatenate([measure(image), rest]) for sha, image in read.items()})


def prefers_warm(store: Store, pair: Pair) -> Choice:
    left, right = (
        warmth(Image.open(store.images.path(side.image_sha256)).convert("RGB")) for side in (pair.left, pair.right)
    )
    return "left" if left > right else "right"


def add_pairs(
    store: Store,
    base_sha256: str,
    numbers: range,
    *,
    prompts: int = 5,
    seen: bool = True,
    choose: Callable[[Store, Pair], Choice] | None = prefers_warm,
    purpose: Purpose = "train",
    run_id: str | None = None,
) -> list[Pair]:
    """A pair for each number, described if `seen`, voted on if `choose` says how."""
    made: list[Pair] = []
    for number in numbers:
        prompt = f"a {'judged ' if purpose == 'judge' else ''}shore {number % prompts}"
        sides = [
            draw(
                store, 2 * number + side, prompt, base_sha256, adapter=ADAPTER if purpose == "judge" and side else None
            )
            for side in (0, 1)
        ]
        pair = store.pairs.add(sides[0].id, sides[1].id, purpose=purpose, run_id=run_id)
        if choose:
            store.votes.cast(str(uuid.uuid4()), pair.id, choose(store, pair))
        made.append(pair)
    if seen:
        describe(store, base_sha256, [side for pair in made for side in (pair.left, pair.right)])
    return made
