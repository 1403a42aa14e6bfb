"""Images with their vectors: from the store where they have been described, by the model that is loaded otherwise."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from sdpo_core.errors import ImageMissing, ImageUnreadable
from sdpo_core.images.files import decode_image
from sdpo_core.models.family import DiffusionModel
from sdpo_core.taste.features import describe, layout_of
from sdpo_core.taste.layout import FEATURES, Vector
from sdpo_core.workspace.features import Eye
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store

_TOGETHER = 8  # described and saved at a time: what a crash can cost


class ImageFile(NamedTuple):
    """An image to describe."""

    sha256: str
    prompt: str
    path: Path


def eye_of(model: DiffusionModel) -> Eye:
    """How the store names `model` as one who looks at images."""
    layout = layout_of(model)
    return Eye(model.info.sha256, FEATURES, layout.latent_channels, layout.network_channels, layout.size)


def files_of(store: Store, candidates: Sequence[Candidate]) -> list[ImageFile]:
    """The candidates' images, each once; one whose file is gone is left out."""
    once: dict[str, Candidate] = {}
    for candidate in candidates:
        once.setdefault(candidate.image_sha256, candidate)
    there = (one for sha256, one in once.items() if store.images.has(sha256))
    return [ImageFile(one.image_sha256, one.prompt, store.images.path(one.image_sha256)) for one in there]


def ensure_features(
    store: Store, model: DiffusionModel, images: Sequence[ImageFile], on_image: Callable[[], None] = lambda: None
) -> dict[str, Vector]:
    """The vectors (D,) of `images` by SHA-256; what the store lacks is computed now and kept.

    An image that can't be read has no vector. `on_image` is called after each image that was described and may raise to
    stop; what was computed before stays. Raises `ModelError` when the model gives NaN or infinity.
    """
    eye = eye_of(model)
    table = store.features
    lacking = set(table.lacking(eye.base_sha256, eye.version, [image.sha256 for image in images]))
    todo = list({image.sha256: image for image in images if image.sha256 in lacking}.values())
    for start in range(0, len(todo), _TOGETHER):
        _describe_some(store, model, eye, todo[start : start + _TOGETHER], on_image)
    return table.get(eye.base_sha256, eye.version, {image.sha256 for image in images})


def _describe_some(
    store: Store, model: DiffusionModel, eye: Eye, images: Sequence[ImageFile], on_image: Callable[[], None]
) -> None:
    read = []
    for image in images:
        try:
            read.append((image, decode_image(image.path)))
        except (ImageMissing, ImageUnreadable):
            continue
    vectors = describe(model, [pixels for _, pixels in read], [image.prompt for image, _ in read])
    store.features.put(eye, {image.sha256: vector for (image, _), vector in zip(read, vectors, strict=True)})
    for _ in images:
        on_image()
