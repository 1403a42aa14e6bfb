"""Every word of the captions is one token, and nothing that a person types is refused."""

from pathlib import Path

import numpy as np
import pytest
from transformers import CLIPTokenizer

from demo.scenes import captions, sample_scene
from demo.tokenizer import CONTEXT_TOKENS, WORDS, build_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> CLIPTokenizer:
    return build_tokenizer()


def test_each_word_is_one_token_between_start_and_end(tokenizer: CLIPTokenizer) -> None:
    for word in WORDS:
        assert len(tokenizer(word).input_ids) == 3, word
    assert len({tuple(tokenizer(word).input_ids) for word in WORDS}) == len(WORDS)


def test_captions_round_trip_and_fit(tokenizer: CLIPTokenizer) -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        (caption,) = captions(sample_scene(rng), rng, count=1, mention=1.0)
        ids = tokenizer(caption).input_ids
        assert len(ids) <= CONTEXT_TOKENS
        read = str(tokenizer.decode(ids, skip_special_tokens=True))
        assert read.replace(" ,", ",") == caption


@pytest.mark.parametrize("text", ["", "a dragon", "Ünïcödé 🙂", "x" * 500, "\n\t", "MOUNTAINS, by Day!", "日本"])
def test_anything_can_be_typed(tokenizer: CLIPTokenizer, text: str) -> None:
    ids = tokenizer(text, padding="max_length", truncation=True).input_ids
    assert len(ids) == CONTEXT_TOKENS
    assert all(0 <= token < len(tokenizer) for token in ids)


def test_case_does_not_matter(tokenizer: CLIPTokenizer) -> None:
    assert tokenizer("A Snowy LAKE").input_ids == tokenizer("a snowy lake").input_ids


def test_a_saved_tokenizer_reads_the_same(tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    tokenizer.save_pretrained(tmp_path)
    again = CLIPTokenizer.from_pretrained(tmp_path, local_files_only=True)
    text = "autumn hills at sunset with a house, few pine trees and clouds, truly"
    assert again(text).input_ids == tokenizer(text).input_ids
    assert again.model_max_length == CONTEXT_TOKENS
