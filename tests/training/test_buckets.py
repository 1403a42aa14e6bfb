"""At which size each pair trains, by hand."""

import itertools
import math
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sdpo_core.errors import ConfigError
from sdpo_core.training.buckets import Size, bucket, pair_sizes, sizes_sentence, step_for
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import recipe

SD15, SDXL, DEMO = (512, 64), (1024, 64), (64, 8)  # the model's own side, the buckets' step
sides = st.integers(min_value=1, max_value=3000)


@pytest.mark.parametrize(
    ("native_px", "multiple_px", "step_px"),
    [
        (512, 64, 64),  # SD1.5: 8 px a latent, three halvings
        (768, 64, 64),
        (1024, 32, 64),  # SDXL: two halvings
        (64, 8, 8),  # the demo: 4 px a latent, one halving
        (32, 8, 8),
        (256, 8, 32),
    ],
)
def test_the_step_by_hand(native_px: int, multiple_px: int, step_px: int) -> None:
    assert step_for(native_px, multiple_px) == step_px


@pytest.mark.parametrize(
    ("images", "model", "expected"),
    [
        ([(512, 512)] * 2, SD15, (512, 512)),
        ([(1024, 1024)] * 2, SD15, (512, 512)),  # no larger than the model's own area
        ([(512, 768)] * 2, SD15, (448, 640)),  # √(512²·⅔) = 418 and 627: 6.5 and 9.8 steps
        ([(832, 1216)] * 2, SDXL, (832, 1216)),  # smaller than 1024², and multiples of 64
        ([(1000, 1300)] * 2, SDXL, (896, 1152)),  # 898 and 1168
        ([(300, 300)] * 2, SDXL, (320, 320)),  # 4.7 steps: enlarged a little, not to 1024
        ([(2000, 500)] * 2, SD15, (704, 384)),  # 4:1 is cut to 2:1: 724 and 362
        ([(64, 64), (64, 32)], DEMO, (48, 32)),  # 1.41:1, of which 64 x 45 is left of the one and 45 x 32 of the other
        ([(32, 64), (64, 32)], DEMO, (32, 32)),  # square between them
        ([(16, 16)] * 2, SD15, (64, 64)),  # no model makes less than one step
    ],
)
def test_the_bucket_by_hand(images: list[Size], model: tuple[int, int], expected: Size) -> None:
    assert bucket(images, *model) == expected
    turned = [(height, width) for width, height in images]
    assert bucket(turned, *model) == expected[::-1]


@pytest.mark.parametrize("model", [SD15, SDXL, DEMO])
def test_a_size_that_the_model_can_take_stays(model: tuple[int, int]) -> None:
    native_px, step_px = model
    sides = range(step_px, 2 * native_px + 1, step_px)
    for size in itertools.product(sides, sides):
        found = bucket([size] * 2, *model)
        assert math.prod(found) <= 1.2 * native_px**2
        if math.prod(size) <= native_px**2 and 0.5 <= size[0] / size[1] <= 2:
            assert found == size


@given(st.tuples(sides, sides), st.tuples(sides, sides), st.sampled_from([SD15, SDXL, DEMO]))
def test_no_image_is_enlarged_by_more_than_half_a_step(left: Size, right: Size, model: tuple[int, int]) -> None:
    size, step_px = bucket([left, right], *model), model[1]
    for side in size:
        assert side % step_px == 0
    for image in (left, right):
        scale = max(to / side for to, side in zip(size, image, strict=True))
        assert scale <= 1 or any(to <= step_px or (scale - 1) * to / scale <= step_px / 2 + 1e-6 for to in size)


def test_the_sizes_as_text() -> None:
    assert sizes_sentence([(64, 48), (64, 64), (64, 64)]) == "2 at 64 × 64 px, 1 at 64 × 48 px"
    many = [(8 * n, 8) for n in range(1, 10)]
    assert sizes_sentence([*many, (8, 8)]).startswith("2 at 8 × 8 px, 1 at 16 × 8 px, ")
    assert sizes_sentence([*many, (8, 8)]).endswith("1 at 48 × 8 px, 3 at 3 other sizes")


def test_one_scale_for_a_batch_needs_one_size(tmp_path: Path) -> None:
    with Store(tmp_path / "workspace") as store:
        for seed, (width, height) in enumerate([(64, 64), (32, 64)]):
            both = [
                store.candidates.add(
                    Image.new("RGB", (width, height), (seed, side, 0)),
                    recipe(2 * seed + side).model_copy(update={"width_px": width, "height_px": height}),
                )
                for side in (0, 1)
            ]
            store.votes.cast(str(uuid.UUID(int=seed)), store.pairs.add(both[0].id, both[1].id).id, "left")
        voted = store.pairs.voted(purpose="train")
    assert sorted(pair_sizes(voted, None, "pair", 64, 8)) == [(32, 64), (64, 64)]
    assert pair_sizes(voted, 96, "pair", 64, 8) == [(96, 96)] * 2
    with pytest.raises(ConfigError, match=r"These have 2 \(1 at .* px, 1 at .* px\)\. Set size_px, or use scope"):
        pair_sizes(voted, None, "batch", 64, 8)
    assert pair_sizes(voted[:1], None, "batch", 64, 8) == pair_sizes(voted[:1], None, "pair", 64, 8)
