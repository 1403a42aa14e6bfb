"""The notation in prompts, by hand."""

import math
import random
import time

import pytest

from sdpo_core.prompts.weights import Fragment, LoraTag, parse_prompt, prompt_note

UP, DOWN = 1.1, round(1 / 1.1, 6)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a hill, at night: late", [("a hill, at night: late", 1.0)]),
        ("a (red) hill", [("a ", 1.0), ("red", UP), (" hill", 1.0)]),
        ("((red))", [("red", 1.21)]),
        ("[red]", [("red", DOWN)]),
        ("([red])", [("red", 1.0)]),
        ("(red:1.3) hill", [("red", 1.3), (" hill", 1.0)]),
        ("(a red (hill:2):.5)", [("a red ", 0.5), ("hill", 1.0)]),
        ("(red: 0 )", [("red", 0.0)]),
        ("(red:-1)", [("red", -1.0)]),
        (r"hill \(red\) \[x\] \\", [("hill (red) [x] \\", 1.0)]),
        (r"(a \(b\):1.2)", [("a (b)", 1.2)]),
        ("a ) b ] c :1.2) d", [("a ) b ] c :1.2) d", 1.0)]),
        ("a (b [c", [("a ", 1.0), ("b ", UP), ("c", 1.0)]),
        ("(a:b)", [("a:b", UP)]),
        ("time 12:30", [("time 12:30", 1.0)]),
    ],
)
def test_weights_by_hand(prompt: str, expected: list[tuple[str, float]]) -> None:
    (part,) = parse_prompt(prompt).parts
    assert list(part) == [Fragment(*fragment) for fragment in expected]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a BREAK b", [["a"], ["b"]]),
        ("a\nBREAK\nb BREAK", [["a"], ["b"]]),
        ("BREAK BREAK", []),
        ("(a BREAK b:1.5) c", [["a"], ["b", " c"]]),
        ("BREAKFAST breaks BREAKs", [["BREAKFAST breaks BREAKs"]]),
        ("", []),
        (" \n", []),
        ("()", []),
        ("<lora:x:1>", []),
    ],
)
def test_breaks_by_hand(prompt: str, expected: list[list[str]]) -> None:
    assert [[fragment.text for fragment in part] for part in parse_prompt(prompt).parts] == expected


def test_lora_tags_are_taken_out() -> None:
    parsed = parse_prompt("a hill <lora:my taste:0.7>, red<lora:b><lora:c:1:0.5>")
    assert parsed.loras == (LoraTag("my taste", 0.7), LoraTag("b", 1.0), LoraTag("c", 0.5))
    assert parsed.parts == ((Fragment("a hill , red", 1.0),),)
    assert parse_prompt("<lora:c:much>").loras == ()


@pytest.mark.parametrize(
    ("prompt", "kinds"),
    [
        ("embedding:easy, embedding:bad", {"embeddings (embedding:name)": 2}),
        ("__animal__ {red|blue}", {"wildcards (__name__ or {a|b})": 2}),
        ("[a:b:0.5] [a:.3] [a::10]", {"scheduled words ([a:b:0.5])": 3}),
        ("[(a:1.2)] [a] (b:2)", {}),
        (r"\[a:b:0.5\]", {}),
        ("[cow|horse]", {"alternating words ([a|b])": 1}),
        ("a AND b and c", {"combined prompts (AND)": 1}),
        ("<hypernet:x:1>", {"networks other than LoRA (<name:…>)": 1}),
    ],
)
def test_what_is_not_supported_is_counted(prompt: str, kinds: dict[str, int]) -> None:
    assert parse_prompt(prompt).unsupported == kinds
    note = prompt_note([prompt, "a hill"], tags_act=True)
    assert all(f"{count} × {kind}" in note for kind, count in kinds.items())
    assert bool(note) == bool(kinds)


def test_tags_without_effect_are_reported() -> None:
    assert prompt_note(["a <lora:b>"], tags_act=True) == ""
    assert prompt_note(["a <lora:b>", "<lora:c:2>"], tags_act=False).startswith("<lora:…> tags have no effect here (2")


def test_every_text_has_a_meaning_and_escaping_gives_it_back() -> None:
    pieces = ["(", ")", "[", "]", ":", "\\", "1.5", ":2)", " a", "BREAK", "<lora:x:1>", "AND", "|", "{", "é"]
    draw = random.Random(0)
    for _ in range(2000):
        text = "".join(draw.choices(pieces, k=draw.randint(1, 12)))
        for part in parse_prompt(text).parts:
            assert all(math.isfinite(fragment.weight) and fragment.text for fragment in part), text
        plain = text.replace("BREAK", "break").replace("<lora", "lora")
        escaped = "".join(f"\\{letter}" if letter in "()[]\\" else letter for letter in plain)
        found = parse_prompt(escaped).parts
        assert found == (((plain, 1.0),),) or not plain.strip(), text


def test_a_long_row_of_brackets_is_read() -> None:
    assert len(parse_prompt("(" * 2000 + "a").parts) == 1


@pytest.mark.parametrize("prompt", ["(a" * 20_000, "(a" * 10_000 + ")" * 10_000, "[a" * 20_000 + "]" * 20_000])
def test_brackets_by_the_thousand_are_read_in_time(prompt: str) -> None:
    started = time.perf_counter()
    (part,) = parse_prompt(prompt).parts
    assert time.perf_counter() - started < 5
    assert sum(fragment.text.count("a") for fragment in part) == prompt.count("a")
