"""What training tells the network of each image."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from sdpo_core.models.family import DiffusionModel, Frame
from sdpo_core.objective import Sides
from sdpo_core.training.dataset import EncodedPairs, fit_frame
from sdpo_core.training.dataset import _fit as fit


@pytest.mark.parametrize(
    ("original", "size", "frame"),
    [
        ((64, 64), (64, 64), Frame((64, 64), (0, 0), (64, 64))),
        ((128, 64), (64, 64), Frame((64, 128), (0, 32), (64, 64))),  # 128 x 64 already has the height
        ((64, 256), (32, 64), Frame((256, 64), (32, 0), (64, 32))),  # scaled to 32 x 128, 32 cut above and below
        ((30, 60), (60, 60), Frame((60, 30), (30, 0), (60, 60))),  # enlarged to 60 x 120
    ],
)
def test_the_frame_by_hand(original: tuple[int, int], size: tuple[int, int], frame: Frame) -> None:
    assert fit_frame(original, size) == frame


def test_the_frame_says_where_the_image_was_cut() -> None:
    """The only white row is, after the fit, where the frame's crop puts it."""
    image = Image.new("L", (64, 256))
    image.paste(255, (0, 100, 64, 102))
    rows = torch.tensor(list(fit(image, (32, 64)).resize((1, 64)).tobytes()))
    assert int(rows.argmax()) == 100 // 2 - fit_frame(image.size, (32, 64)).crop[0]


def test_each_side_keeps_its_own_time_ids_and_shares_the_prompt(pairs: EncodedPairs) -> None:
    ids = torch.arange(len(pairs) * 6.0).view(-1, 6)
    framed = replace(pairs, conditioning=replace(pairs.conditioning, time_ids=Sides(ids, -ids)))
    batch = framed.batch(0, pairs=4, seed=0, caption_dropout=0.5)
    assert 0 < int(batch.unconditional.sum()) < 4
    empty = pairs.conditioning.prompts[0].context
    expected = ids[[i - 1 for i in batch.pair_ids]]
    for part, start in zip(batch.split(3), (0, 3), strict=True):
        winner, loser = part.conditioning
        assert torch.equal(winner.context, loser.context)
        assert winner.time_ids is not None
        assert loser.time_ids is not None
        assert torch.equal(winner.time_ids, expected[start : start + 3])
        assert torch.equal(loser.time_ids, -winner.time_ids)
        unconditional = batch.unconditional[start : start + 3]
        assert (winner.context == empty).all(2).all(1).tolist() == unconditional.tolist()


def test_a_long_prompt_lengthens_only_the_micro_batches_that_it_is_in(
    model: DiffusionModel, pairs: EncodedPairs
) -> None:
    prompts = list(pairs.conditioning.prompts)
    prompts[2] = model.encode_prompts(["a BREAK b BREAK c"])
    texts = replace(pairs.conditioning, prompts=tuple(prompts))
    batch = replace(pairs, conditioning=texts).batch(0, pairs=6, seed=0, caption_dropout=0.0)
    lengths = {part.pair_ids[0]: part.conditioning[0].context.shape[1] for part in batch.split(1)}
    assert lengths == {1: 24, 2: 72, 3: 24, 4: 24, 5: 24, 6: 24}
    assert batch.conditioning[0].context.shape == (6, 72, 32)
    assert texts.drop(torch.tensor([False, True] + [False] * 4))[1].context.shape == (6, 24, 32)
