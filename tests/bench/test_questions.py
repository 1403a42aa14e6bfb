"""What is trained on, tuned on and judged on never meets."""

import hashlib
import json

import pytest

from bench import questions
from bench.questions import (
    FRESH_PAIRS,
    JUDGE_FILE,
    PairPlan,
    Questions,
    asking_pool,
    asking_test,
    fresh_pairs,
    judge_questions,
    part_of,
    training_pairs,
    training_prompts,
    tuning_questions,
)


def seeds_of(asked: Questions | PairPlan) -> set[int]:
    if isinstance(asked, Questions):
        return {seed for seeds in asked.seeds for seed in seeds}
    return set(range(asked.first_seed, asked.first_seed + 2 * len(asked.prompts)))


def test_the_same_number_of_different_prompts_is_asked_for_judging_and_for_tuning() -> None:
    for asked in (judge_questions(), tuning_questions()):
        assert asked.shape == (40, 4)
        assert len(set(asked.prompts)) == 40
        assert len(seeds_of(asked)) == 160
        one_by_one = asked.one_by_one()
        assert len(one_by_one) == 160
        assert [one.prompt for one in one_by_one[:5]] == [asked.prompts[0]] * 4 + [asked.prompts[1]]
        assert one_by_one[5].seed == asked.seeds[1][1]
    assert judge_questions().first(3).shape == (3, 4)
    for odd in (((1,), (2,)), ((1, 2), (3,)), ((1, 2),)):
        with pytest.raises(ValueError, match="2 prompts, 2 or more"):
            Questions(("a", "b"), odd)


def test_a_prompt_is_of_one_part_and_the_judges_is_half() -> None:
    assert {part_of(prompt) for prompt in judge_questions().prompts} == {"judging"}
    assert {part_of(prompt) for prompt in tuning_questions().prompts} == {"asking"}
    assert {part_of(prompt) for seed in range(3) for prompt in training_prompts(seed, 120)} == {"training"}
    assert {part_of(prompt) for use in ("judging", "tuning") for prompt in fresh_pairs(use).prompts} == {"asking"}
    assert {part_of(prompt) for prompt in asking_pool().prompts} == {"training"}
    assert {part_of(prompt) for prompt in asking_test().prompts} == {"asking"}
    parts = [part_of(str(number)) for number in range(2000)]
    assert parts.count("judging") / 2000 == pytest.approx(0.5, abs=0.04)


def test_no_seed_is_used_twice() -> None:
    everything = [judge_questions(), tuning_questions(), asking_pool(), asking_test()]
    everything += [fresh_pairs("judging"), fresh_pairs("tuning")]
    everything += [training_pairs(seed, 120) for seed in (*range(3), questions._BENCH_SEEDS - 1)]
    used = [seed for asked in everything for seed in seeds_of(asked)]
    assert len(used) == len(set(used))


def test_a_part_of_a_plan_is_drawn_as_in_the_whole() -> None:
    whole = training_pairs(3, 60)
    parts = [whole.part(0, 20), whole.part(20, 60)]
    assert sum((part.prompts for part in parts), ()) == whole.prompts
    assert parts[1].first_seed == whole.first_seed + 40
    some = asking_pool().part(5, 7)
    assert (some.prompts, some.seeds) == (asking_pool().prompts[5:7], asking_pool().seeds[5:7])


def test_bench_seeds_have_prompts_of_their_own_and_fewer_are_part_of_more() -> None:
    assert training_prompts(0, 60) != training_prompts(1, 60)
    assert training_prompts(0, 60)[:20] == training_prompts(0, 20)
    assert len(set(training_prompts(0, 120))) == 120
    assert len(fresh_pairs("judging").prompts) == FRESH_PAIRS == 80
    with pytest.raises(ValueError, match="below 400"):
        training_pairs(400, 60)


def test_the_judge_half_is_not_the_one_that_the_defaults_before_were_chosen_by() -> None:
    """Without a salt, as until 2026-11-21, the halves would be the old ones."""
    old = [hashlib.sha256(prompt.encode()).digest()[0] % 2 == 0 for prompt in judge_questions().prompts]
    assert 0.2 < sum(old) / len(old) < 0.8


def test_the_judge_file_is_what_its_command_writes(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "JUDGE_FILE", tmp_path / "judge.json")
    questions.main()
    assert json.loads((tmp_path / "judge.json").read_bytes()) == json.loads(JUDGE_FILE.read_bytes())
