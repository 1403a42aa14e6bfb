"""Prompts with choices in them: which wordings there are, in which order they come, and what is refused."""

import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdpo_core.errors import ConfigError
from sdpo_core.prompts.wildcards import Wordings, count_wordings


def expand_prompts(prompts: list[str], seed: int) -> list[str]:
    wordings = Wordings(seed)
    return [wordings.next(prompt) for prompt in prompts]


def all_of(prompt: str, seed: int = 0) -> set[str]:
    return set(expand_prompts([prompt] * count_wordings(prompt), seed))


@pytest.mark.parametrize(
    ("prompt", "wordings"),
    [
        ("a bird", {"a bird"}),
        ("a {red|blue} bird", {"a red bird", "a blue bird"}),
        ("{a|b} {c|d}", {"a c", "a d", "b c", "b d"}),
        ("{a|{b|c}} d", {"a d", "b d", "c d"}),
        ("a {very |}old tree", {"a very old tree", "a old tree"}),
        ("{|, snow}", {"", ", snow"}),
        ("{{masterpiece}}, {a|b}", {"{{masterpiece}}, a", "{{masterpiece}}, b"}),
        (r"a \{red\|blue\} bird", {"a {red|blue} bird"}),
        ("[a|b] and (c:1.2)", {"[a|b] and (c:1.2)"}),
        (r"c:\new \(x\) {a|b}", {r"c:\new \(x\) a", r"c:\new \(x\) b"}),
        ("{красный|🐦} مرحبا", {"красный مرحبا", "🐦 مرحبا"}),
        ("{x {1|2}|y}", {"x 1", "x 2", "y"}),
        ("{a{b}c|d}", {"a{b}c", "d"}),
    ],
)
def test_every_wording_comes_once_before_any_comes_again(prompt: str, wordings: set[str]) -> None:
    assert count_wordings(prompt) == len(wordings)
    for seed in range(4):
        assert all_of(prompt, seed) == wordings


def test_the_seed_alone_decides_and_different_seeds_differ() -> None:
    prompts = ["{a|b|c} {d|e|f} {g|h|i}"] * 9
    assert expand_prompts(prompts, 5) == expand_prompts(prompts, 5)
    assert len({tuple(expand_prompts(prompts, seed)) for seed in range(20)}) > 10


def test_other_prompts_in_between_change_nothing() -> None:
    mixed = expand_prompts(["{a|b|c}", "{x|y}", "{a|b|c}", "z"], 3)
    assert [mixed[0], mixed[2]] == expand_prompts(["{a|b|c}"] * 2, 3)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a {red|blue bird", r"the { at character 3 is never closed"),
        ("a red} bird", r"the } at character 6 was never opened"),
        ("{a|{b|c}", r"the { at character 1 is never closed"),
        ("{" * 31 + "}" * 31, "more than 30 levels"),
    ],
)
def test_braces_that_do_not_match_are_reported(prompt: str, words: str) -> None:
    for act in (count_wordings, lambda text: expand_prompts([text], 0)):
        with pytest.raises(ConfigError, match=words):
            act(prompt)


def test_enormous_numbers_of_wordings_cost_nothing() -> None:
    prompt = "{a|b|c|d|e|f|g|h|i|j}" * 3000
    began = time.monotonic()
    assert count_wordings(prompt) == 10**3000
    assert len(set(expand_prompts([prompt] * 20, 1))) == 20
    assert time.monotonic() - began < 5


@given(st.lists(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4, unique=True), max_size=4))
def test_wordings_are_the_product_of_the_choices(groups: list[list[str]]) -> None:
    groups = [group for group in groups if len(group) > 1]
    prompt = " ".join("{" + "|".join(group) + "}" for group in groups)
    expected = {" ".join(words) for words in itertools.product(*groups)}
    assert all_of(prompt) == expected


@given(st.text("{}|ab\\ ", max_size=30))
def test_any_text_has_wordings_or_is_refused_with_a_message(prompt: str) -> None:
    try:
        number = count_wordings(prompt)
    except ConfigError:
        return
    assert number >= 1
    assert len(expand_prompts([prompt] * 3, 0)) == 3
