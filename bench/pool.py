"""A stock of the base model's images, as pictures and as its taste model sees them: generated and described once."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from bench.cells import METHOD, digest
from bench.journey import Workbench
from bench.questions import Questions
from sdpo_core.atomic import replacing
from sdpo_core.taste.features import describe, layout_of
from sdpo_core.taste.layout import FEATURES, Layout, Vector

_SLICE = 20  # prompts that are generated, described and kept at a time


@dataclass(frozen=True)
class Pool:
    """Images of P prompts, K of each, as pictures and as the base sees them."""

    prompts: tuple[str, ...]
    images: tuple[Image.Image, ...]  # P·K, prompt by prompt
    vectors: Vector  # (P, K, D)
    layout: Layout

    def image(self, prompt: int, which: int) -> Image.Image:
        """The picture of one."""
        return self.images[prompt * self.vectors.shape[1] + which]


def read_pool(bench: Workbench, questions: Questions) -> Pool:
    """The base's answers to `questions`, described; from the cache or generated now, some prompts at a time."""
    images: list[Image.Image] = []
    vectors: list[np.ndarray] = []
    layout = Layout(1, 0)
    for start in range(0, len(questions.prompts), _SLICE):
        part = questions.part(start, start + _SLICE)
        drawn = bench.base_answers(part, None)
        found, layout = _described(bench, part, drawn)
        images += drawn
        vectors.append(found)
        print(f"{start + len(part.prompts)} of {len(questions.prompts)} prompts generated and described.", flush=True)
    each = questions.shape[1]
    by_prompt = np.concatenate(vectors).reshape(len(questions.prompts), each, -1)
    return Pool(questions.prompts, tuple(images), by_prompt, layout)


def _described(bench: Workbench, part: Questions, images: Sequence[Image.Image]) -> tuple[np.ndarray, Layout]:
    """Vectors of the answers to `part`, (N, D), from the cache or computed now."""
    how = bench.how.key()
    path = bench.cache / f"seen-{digest([bench.model_sha256, METHOD, FEATURES, asdict(part), how])}.npz"
    if not path.is_file():
        layout = layout_of(bench.model)
        vectors = describe(bench.model, images, [one.prompt for one in part.one_by_one()])
        channels = (layout.latent_channels, layout.network_channels)
        with replacing(path) as temporary:
            np.savez(temporary, vectors=vectors, channels=np.array(channels))
    with np.load(path) as kept:
        return kept["vectors"], Layout(*map(int, kept["channels"]))
