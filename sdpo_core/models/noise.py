"""The noise that an image starts from: it follows from the recipe alone, so it can be made again for any image."""

import torch
from torch import Tensor

from sdpo_core.models.family import DiffusionModel
from sdpo_core.workspace.records import Candidate, Recipe

GENERATOR = Recipe.model_fields["noise"].default
"""What recipes call the generator of `initial_noise`: PyTorch's on the CPU, in float32."""

_SEEDS = 2**64  # that PyTorch accepts; an imported recipe may hold any number


def initial_noise(seed: int, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """Standard normal latents of one image, `shape` (C, h, w), float32 on the CPU, the same on every device."""
    return torch.randn(shape, generator=torch.Generator("cpu").manual_seed(seed))


def own_seed(model: DiffusionModel, image: Candidate, size: tuple[int, int]) -> int | None:
    """The seed whose `initial_noise` made `image`, if `model` made it here and it is used at `size` (width, height).

    None where that noise isn't available: an imported image without a recipe, one made by ComfyUI or another model,
    one from another generator, and one that is resized or cropped to `size`, so that it no longer matches its noise.
    """
    recipe = image.recipe
    if recipe is None or recipe.workflow is not None or recipe.noise != GENERATOR:
        return None
    drawn = (recipe.width_px, recipe.height_px)
    whole = drawn == (image.width_px, image.height_px) == tuple(size)
    by_this_model = recipe.base_sha256 == model.info.sha256 and 0 <= recipe.seed < _SEEDS
    return recipe.seed if whole and by_this_model else None
