"""The prompt encoder against the text encoder that it drives."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close
from transformers import CLIPTextModel, CLIPTokenizer

from sdpo_core.errors import ModelError
from sdpo_core.models.family import DiffusionModel

Plain = Callable[..., Tensor]
READS = 22  # tokens of the tiny tokenizer, one per letter, without start and end


@pytest.fixture(scope="module")
def encoder(tiny_folder: Path) -> CLIPTextModel:
    return CLIPTextModel.from_pretrained(tiny_folder, subfolder="text_encoder").eval()


@pytest.fixture(scope="module")
def tokenizer(tiny_folder: Path) -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(tiny_folder, subfolder="tokenizer")


@pytest.fixture
def plain(encoder: CLIPTextModel, tokenizer: CLIPTokenizer) -> Plain:
    """What the text encoder makes of prompts that fit, as every pipeline calls it."""

    def encode(*prompts: str) -> Tensor:
        tokens = tokenizer(list(prompts), padding="max_length", truncation=True, max_length=24, return_tensors="pt")
        with torch.no_grad():
            return encoder(tokens.input_ids)[0]

    return encode


def test_a_plain_short_prompt_is_what_it_always_was(tiny: DiffusionModel, plain: Plain) -> None:
    prompts = ["a hill, at night", "x" * READS, "", "12:30!"]
    assert torch.equal(tiny.encode_prompts(prompts).context, plain(*prompts))


def test_a_long_prompt_is_read_to_its_end(tiny: DiffusionModel, plain: Plain) -> None:
    spaced = "a b c d e f g h i j k l m n o p q r s t u v w x y z"
    halves = plain(" ".join(spaced.split()[:READS]), " ".join(spaced.split()[READS:]))
    assert_close(tiny.encode_prompts([spaced]).context[0], torch.cat(list(halves)))
    longest = tiny.encode_prompts(["a" * (2 * READS + 3)]).context
    assert longest.shape == (1, 72, 32), "one word over three chunks"


def test_break_starts_a_new_chunk(tiny: DiffusionModel, plain: Plain) -> None:
    found = tiny.encode_prompts(["a hill BREAK at night"]).context[0]
    assert_close(found, torch.cat(list(plain("a hill", "at night"))))


def test_prompts_of_different_length_fit_in_one_batch(tiny: DiffusionModel, plain: Plain) -> None:
    short, long = "a hill", "a BREAK b BREAK c"
    found = tiny.encode_prompts([short, long, ""]).context
    assert found.shape == (3, 72, 32)
    assert_close(found[0], plain(short)[0].repeat(3, 1))
    assert_close(found[1], torch.cat(list(plain("a", "b", "c"))))


def test_a_weight_moves_its_tokens_away_from_the_empty_prompt(tiny: DiffusionModel, plain: Plain) -> None:
    """`a (red:1.5) b`: start, a, r, e, d, b, end, …; the weighted ones are at 2, 3, 4."""
    bare, empty = plain("a red b")[0], plain("")[0]
    expected = bare.clone()
    expected[2:5] = empty[2:5] + 1.5 * (bare[2:5] - empty[2:5])
    assert_close(tiny.encode_prompts(["a (red:1.5) b"]).context[0], expected)
    assert_close(tiny.encode_prompts(["a (red:0) b"]).context[0][2:5], empty[2:5])
    weighted = tiny.encode_prompts(["a (red:1.5) b"]).context[0]
    assert torch.equal(weighted[[0, 1, 5, 6]], bare[[0, 1, 5, 6]])
    assert_close(tiny.encode_prompts([r"a \(red\) b"]).context, plain("a (red) b"))


def test_clip_skip_takes_an_earlier_layer_through_the_final_norm(
    tiny: DiffusionModel, encoder: CLIPTextModel, tokenizer: CLIPTokenizer
) -> None:
    seen: list[Tensor] = []
    hook = encoder.encoder.layers[-2].register_forward_hook(lambda *call: seen.append(call[-1]))
    tokens = tokenizer(["a hill"], padding="max_length", max_length=24, return_tensors="pt")
    with torch.no_grad():
        encoder(tokens.input_ids)
        hook.remove()
        state = seen[0][0] if isinstance(seen[0], tuple) else seen[0]
        assert_close(tiny.encode_prompts(["a hill"], 2).context, encoder.final_layer_norm(state))
    assert torch.equal(tiny.encode_prompts(["a hill"], 1).context, tiny.encode_prompts(["a hill"]).context)
    with pytest.raises(ModelError, match="the model's text encoder has 2"):
        tiny.encode_prompts(["a hill"], 3)


def test_a_lora_tag_is_not_a_word(tiny: DiffusionModel, plain: Plain) -> None:
    assert torch.equal(tiny.encode_prompts(["a hill <lora:x:0.5>"]).context, plain("a hill"))
    assert torch.equal(tiny.encode_prompts(["<lora:x:0.5>"]).context, plain(""))


def test_many_prompts_go_through_in_batches(tiny: DiffusionModel, plain: Plain) -> None:
    prompts = [f"hill {i}" for i in range(70)]
    assert_close(tiny.encode_prompts(prompts).context, plain(*prompts))
