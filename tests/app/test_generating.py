"""What may be typed, pasted or opened as prompts, and what is asked of a job with it."""

from pathlib import Path
from typing import Any

import pytest

from app.generate.prompts import checked_prompts, generate_config, prompt_plan, prompts_of_file, starter_prompts
from app.generate.text import say as generate_say
from app.studio import Studio
from sdpo_core.errors import ConfigError, DataError
from sdpo_core.paths import repository_root
from sdpo_core.prompts.wildcards import count_wordings
from tests.app.helpers import wait_for

PROMPTS = repository_root() / "assets" / "prompts"


@pytest.fixture
def asked(studio: Studio) -> Any:
    info = studio.desk.models.chosen()
    return lambda **form: generate_config({"prompts": "a lake\na {red|blue} sea", "pairs": 3, **form}, info, 1)


def test_pairs_are_listed_in_turn_and_choices_are_left_to_the_library(asked: Any) -> None:
    config = asked()
    assert config.pairs.prompts == ("a lake", "a {red|blue} sea", "a lake")
    assert config.ahead.keep_ahead is None


def test_of_more_prompts_than_pairs_some_are_picked_at_random(asked: Any) -> None:
    written = [f"a lake {number}" for number in range(60)]

    def picked(**form: Any) -> tuple[str, ...]:
        return tuple(asked(prompts="\n".join(written), pairs=24, **form).pairs.prompts)

    first, second = picked(), picked(seed=None)
    assert first != second
    for one in (first, second):
        assert len(set(one)) == 24
        assert set(one) <= set(written)
    assert picked(seed=4) == picked(seed="4") != picked(seed=5)


def test_drawing_ahead_lists_each_prompt_once_and_waits_longer(asked: Any) -> None:
    config = asked(ahead=True, pairs=12.0)
    assert config.pairs.prompts == ("a lake", "a {red|blue} sea")
    assert (config.ahead.keep_ahead, config.ahead.keep_warm_s) == (12, 600.0)
    for pairs in (0, 201, 1.5, None):
        with pytest.raises(ConfigError, match="from 1 to 200"):
            asked(ahead=True, pairs=pairs)


def test_an_adapter_comes_with_its_strength(asked: Any) -> None:
    config = asked(adapter="warm", strength=0.5)
    assert (config.pairs.adapter, config.pairs.strength) == ("warm", 0.5)
    assert asked(adapter=None, strength=1).pairs.adapter is None
    for where, share in (("", None), ("0", 0.0), ("-0.5", -0.5)):
        sampling = asked(adapter="warm", strength=1, unconditional_strength=where).sampling
        assert sampling.unconditional_strength == share
    with pytest.raises(ConfigError, match="strength"):
        asked(adapter="warm", strength=9)


@pytest.mark.parametrize("prompt", ["x" * 2000, "a 🦊 in the 雪", "غروب الشمس فوق البحر", "<b>${x}</b>", "a\tb"])
def test_any_prompt_arrives_as_it_was_written(asked: Any, prompt: str) -> None:
    assert asked(prompts=prompt, pairs=1).pairs.prompts == (prompt,)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("a {red|blue bird", "never closed"),
        ("x" * 20_001, "20,001 characters; the limit is 20,000"),
        ("\n".join(map(str, range(10_001))), "At most 10,000 prompts"),
    ],
)
def test_prompts_that_nobody_could_draw_are_refused(studio: Studio, written: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        checked_prompts(written)
    with pytest.raises(ConfigError, match=words):
        studio.drawing.start({"prompts": written, "pairs": 1})
    assert studio.desk.jobs.current() is None


def test_the_plan_counts_before_the_start() -> None:
    assert prompt_plan("a\nb", 4, ahead=False) == "2 prompts. 4 pairs: 8 images."
    assert prompt_plan("a\nb\nc", 2, ahead=False) == "3 prompts. 2 pairs: 4 images. 2 prompts are picked at random."
    assert prompt_plan("{a|b} {c|{d|e}}\nx", 1, ahead=False).startswith("2 prompts with choices, 7 combinations")
    assert "more than a million combinations" in prompt_plan("{a|b|c}" * 50, 1, ahead=False)
    assert prompt_plan("a", 8, ahead=True) == "1 prompt. Keeps 8 pairs ready for you, one prompt after another."
    for written, pairs in (("", 4), (None, 4), ("a", None), ("a", "x"), ("a", -1)):
        assert prompt_plan(written, pairs, ahead=False) == ""
    with pytest.raises(ConfigError, match="never opened"):
        prompt_plan("a}", 4, ahead=False)


def test_a_very_long_prompt_is_asked_about_and_taken() -> None:
    assert "characters" not in prompt_plan("x" * 2000, 1, ahead=False)
    plan = prompt_plan("a\n" + "x" * 2001, 2, ahead=False)
    assert "has 2,001 characters. Is it really one prompt? It's used in full (up to 20,000)" in plan
    assert checked_prompts("x" * 2001) == ["x" * 2001]


def test_every_set_of_starter_prompts_is_there_and_none_is_judged_on() -> None:
    assert {path.stem for path in PROMPTS.glob("starter-*.txt")} == generate_say.rows("starters").keys()
    judged = {line for path in PROMPTS.glob("judge-*.txt") for line in path.read_text(encoding="utf-8").splitlines()}
    for name in generate_say.rows("starters"):
        prompts = starter_prompts(name)
        assert len(prompts) == len(set(prompts)) >= 10
        assert all(count_wordings(prompt) >= 1 for prompt in prompts)
        assert not judged & set(prompts)
    for name in ("../judge-demo", "judge-demo", "x"):
        with pytest.raises(DataError):
            starter_prompts(name)


@pytest.mark.parametrize(
    ("data", "prompts"),
    [
        (b"a lake\r\n\r\n a sea \n", ["a lake", "a sea"]),
        ("\ufeffein See".encode(), ["ein See"]),
        ("a 🦊".encode("utf-16"), ["a 🦊"]),
    ],
)
def test_prompts_are_read_from_a_file(tmp_path: Path, data: bytes, prompts: list[str]) -> None:
    (tmp_path / "prompts.txt").write_bytes(data)
    assert prompts_of_file(tmp_path / "prompts.txt") == prompts


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file has no prompts"),
        (b" \n\n", "This file has no prompts"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "isn't readable text"),
        (b"a\0b", "isn't readable text"),
        (b"a" * (2**20 + 1), "larger than 1 MB"),
        (b"{a|b", "never closed"),
    ],
)
def test_a_file_without_prompts_is_refused_with_a_message(tmp_path: Path, data: bytes, words: str) -> None:
    (tmp_path / "prompts.txt").write_bytes(data)
    with pytest.raises(ConfigError, match=words):
        prompts_of_file(tmp_path / "prompts.txt")


def test_a_file_that_did_not_arrive_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="upload failed"):
        prompts_of_file(tmp_path / "gone.txt")


def test_drawing_ahead_starts_a_job(studio: Studio) -> None:
    run = studio.drawing.start({"prompts": "a lake", "pairs": 5, "ahead": True})
    assert run.settings()["keep_ahead"] == 5
    studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)


@pytest.mark.parametrize("ahead", [True, False])
def test_a_job_that_waits_for_votes_stays_in_the_bar(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, ahead: bool
) -> None:
    """One that only stays warm does not: nothing more comes from it."""
    monkeypatch.setenv("SDPO_FAKE_JOB", "warm")
    run = studio.drawing.start({"prompts": "a lake", "pairs": 5, "ahead": ahead})
    wait_for(lambda: studio.desk.jobs.is_idle(run, studio.desk.jobs.status(run)))
    job = studio.overview.snapshot()["job"]
    assert job
    assert (job["running"], job["waiting"], job["state"]) == (False, ahead, "done")
    studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)
    job = studio.overview.snapshot()["job"]
    assert job
    assert not job["waiting"]
