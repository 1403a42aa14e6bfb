"""Images as vectors, on tiny real models: what each number is, that nothing else decides it, and what is refused."""

import numpy as np
import pytest
import torch
from PIL import Image

from sdpo_core.errors import DataError, ModelError
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.taste.features import FEATURES, describe, layout_of
from sdpo_core.taste.layout import LATENT_NUMBERS, PIXEL_FEATURES, PixelFeature
from sdpo_core.taste.pixels import measure
from tests.models.conftest import tiny, tiny_folder, xl, xl_folder
from tests.models.test_lora import shake

__all__ = ["tiny", "tiny_folder", "xl", "xl_folder"]


def noise_image(seed: int, size: tuple[int, int] = (32, 32)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def named(image: Image.Image, region: str, statistic: str) -> float:
    return float(measure(image)[PIXEL_FEATURES.index(PixelFeature(region, statistic))])


def test_pixel_features_are_what_their_names_say() -> None:
    image = Image.new("RGB", (60, 90), (255, 0, 0))
    image.paste((0, 0, 255), (0, 60, 60, 90))  # the lower third is blue
    assert named(image, "upper", "warmth mean") == pytest.approx(1)
    assert named(image, "lower", "warmth mean") == pytest.approx(-1, abs=0.02)
    assert named(image, "whole", "warmth mean") == pytest.approx(1 / 3, abs=0.02)
    assert named(image, "whole", "red mean") == pytest.approx(2 / 3, abs=0.01)
    assert named(image, "whole", "saturation mean") == pytest.approx(1, abs=0.02)
    assert named(image, "upper", "detail") == named(image, "upper", "luminance spread") == 0
    assert named(image, "whole", "contrast") == pytest.approx(0.299 - 0.114, abs=1e-3)
    split = Image.new("RGB", (64, 64))
    split.paste((255, 255, 255), (0, 0, 20, 64))
    assert named(split, "left", "luminance mean") > 0.9
    assert named(split, "right", "luminance mean") == 0
    assert named(split, "whole", "luminance spread") == pytest.approx(np.sqrt(20 / 64 * 44 / 64), abs=0.01)
    # 128 rows with one step of luminance 1 each
    assert named(split, "whole", "detail") == pytest.approx(1 / 128, rel=0.01)


@pytest.mark.parametrize("family", ["tiny", "xl"])
def test_the_parts_of_each_family(family: str, request: pytest.FixtureRequest) -> None:
    model: DiffusionModel = request.getfixturevalue(family)
    layout = layout_of(model)
    assert (layout.latent_channels, layout.network_channels) == (4, 64)
    images = [noise_image(0), noise_image(1, (48, 64)), noise_image(2, (200, 20))]
    vectors = describe(model, images, ["a hill", "a lake", "a hill"])
    assert vectors.shape == (3, layout.size)
    assert vectors.dtype == np.float32
    for part in layout.slices.values():
        assert vectors[:, part].std(axis=0).max() > 0
    np.testing.assert_array_equal(vectors[:, layout.slices["pixels"]], [measure(image) for image in images])
    np.testing.assert_array_equal(vectors, describe(model, images, ["a hill", "a lake", "a hill"]))


def test_latent_numbers_by_hand(tiny: DiffusionModel) -> None:
    image = noise_image(3)
    layout = layout_of(tiny)
    pixels = torch.from_numpy(np.asarray(image, np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
    latents = tiny.encode_images(pixels)[0].numpy()  # (4, 8, 8)
    told = describe(tiny, [image], ["x"])[0, layout.slices["latents"]].reshape(LATENT_NUMBERS, 4)
    np.testing.assert_allclose(told[0], latents.mean((1, 2)), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(told[1], latents.std((1, 2)), rtol=1e-4)
    np.testing.assert_allclose(told[4], latents[:, :4, 4:].mean((1, 2)), rtol=1e-4, atol=1e-5)


def test_network_numbers_are_the_mid_blocks(tiny: DiffusionModel) -> None:
    """Against a whole forward pass that records what passes by."""
    image, layout = noise_image(4), layout_of(tiny)
    seen: list[torch.Tensor] = []
    handle = tiny.network.mid_block.register_forward_hook(lambda *call: seen.append(call[2]))  # pyright: ignore
    latents = tiny.encode_images(torch.from_numpy(np.asarray(image, np.float32)).permute(2, 0, 1)[None] / 127.5 - 1)
    noise = torch.randn(latents.shape[1:], generator=torch.Generator().manual_seed(1000 * FEATURES))
    t = round(0.1 * 999)
    kept = tiny.noise_process.signal[t].square()
    with torch.no_grad():
        tiny.predict(kept.sqrt() * latents + (1 - kept).sqrt() * noise, torch.tensor([t]), tiny.encode_prompts(["x"]))
    handle.remove()
    told = describe(tiny, [image], ["x"])[0, layout.slices["network"]]
    np.testing.assert_allclose(told[:64], seen[0].mean((2, 3))[0].numpy(), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(told[64:128], seen[0].amax((2, 3))[0].numpy(), rtol=1e-4, atol=1e-5)
    assert not tiny.network.mid_block._forward_hooks  # pyright: ignore


def test_neighbours_and_global_randomness_change_nothing_but_the_prompt_does(tiny: DiffusionModel) -> None:
    images = [noise_image(n) for n in range(11)]  # more than are described together
    together = describe(tiny, images, ["a hill"] * 11)
    torch.manual_seed(5)
    alone = np.concatenate([describe(tiny, [image], ["a hill"]) for image in images])
    np.testing.assert_allclose(together, alone, rtol=1e-3, atol=1e-4)
    network, pixels = (layout_of(tiny).slices[part] for part in ("network", "pixels"))
    other = describe(tiny, images[:1], ["a lake at night"])
    assert np.abs(other[:, network] - alone[:1, network]).max() > 1e-3
    np.testing.assert_array_equal(other[:, pixels], alone[:1, pixels])


def test_an_adapter_on_the_network_does_not_count(tiny: DiffusionModel) -> None:
    before = describe(tiny, [noise_image(0)], ["x"])
    lora = Lora.create(tiny, rank=4, alpha=4.0, targets="attention", seed=0)
    shake(lora)
    noisy, told = torch.zeros(1, 4, 8, 8), tiny.encode_prompts(["x"])
    acting = tiny.predict(noisy, torch.tensor([5]), told)
    np.testing.assert_allclose(describe(tiny, [noise_image(0)], ["x"]), before, rtol=1e-5, atol=1e-6)
    assert torch.equal(tiny.predict(noisy, torch.tensor([5]), told), acting), "and it acts again afterwards"


def test_a_network_without_a_mid_block_has_two_parts(tiny: DiffusionModel) -> None:
    tiny.network.register_module("mid_block", None)
    layout = layout_of(tiny)
    assert layout.network_channels == 0
    assert describe(tiny, [noise_image(0)], ["x"]).shape == (1, layout.slices["latents"].stop)


def test_nothing_to_describe(tiny: DiffusionModel) -> None:
    assert describe(tiny, [], []).shape == (0, layout_of(tiny).size)


def test_what_is_refused(tiny: DiffusionModel) -> None:
    with pytest.raises(ValueError, match="each image needs one"):
        describe(tiny, [noise_image(0)], [])
    with torch.no_grad():
        next(tiny.network.mid_block.parameters()).fill_(float("nan"))  # pyright: ignore
    with pytest.raises(ModelError, match="NaN or infinity"):
        describe(tiny, [noise_image(0)], ["x"])
    layout = layout_of(tiny)
    with pytest.raises(DataError, match="another model or feature version"):
        layout.require(np.zeros((2, layout.size - 1), np.float32))
    with pytest.raises(DataError, match="NaN or infinity"):
        layout.require(np.full((2, layout.size), np.nan, np.float32))
