"""What the Judge page reveals about a blind test, and when; and that its votes train only on request."""

import dataclasses
import json
from typing import Any

import pytest

from app.desk.headers import Headers
from app.judge.service import Judging
from app.judge.text import say as judge_say
from app.studio import Studio
from app.ui.text import say as ui_say
from sdpo_core.errors import AdapterError, ConfigError, StoreError
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.pairs import training_pairs
from tests.app.helpers import BASE, make_blind_test, wait_for
from tests.app.shelves import add_adapter, judge_all, write_adapter


@pytest.fixture
def judging(studio: Studio) -> Judging:
    return studio.judging


def test_nothing_is_revealed_before_the_last_vote(studio: Studio, judging: Judging) -> None:
    run = make_blind_test(studio.desk.workspace, 3)
    assert judging.shown(run) is None
    reply = judging.let_train({"run": run.id, "trains": True})
    assert reply == {"ok": False, "error": judge_say("notDone")}
    ((label, _),) = judging.choices()
    assert judge_say("unfinished") in label
    judge_all(studio, run, "wlt")
    assert judging.shown(run)


def test_a_verdict_tells_numbers_prompts_and_sides(studio: Studio, judging: Judging) -> None:
    record = add_adapter(studio)
    run = make_blind_test(studio.desk.workspace, 3, sha256=record.sha256)
    judge_all(studio, run, "wtl")
    told: Any = judging.shown(run)
    assert told == json.loads(json.dumps(told))
    assert told["sentence"].startswith("You preferred the adapter in 1.5 of 3")
    assert told["counts"] == "1 for the adapter, 1 for the base model, 1 equal"
    assert (told["win_rate"], told["plot"]) == (
        0.5,
        f"You preferred the adapter in 50 % of the comparisons; {told['interval']}.",
    )
    assert [(one["score"], one["marks"]) for one in told["prompts"]] == [
        ("1 of 1", ["win"]),
        ("0.5 of 1", ["tie"]),
        ("0 of 1", ["loss"]),
    ]
    for one in told["comparisons"]:
        by_image = {c.image_sha256: c for c in studio.desk.store.candidates.newest()}
        assert not by_image[one["base"]].recipe.adapters  # type: ignore[union-attr]
        assert by_image[one["adapter"]].recipe.adapters  # type: ignore[union-attr]


def test_rounds_follow_the_adapters_that_were_continued(studio: Studio, judging: Judging) -> None:
    first = add_adapter(studio, "warm", 1)
    second = add_adapter(studio, "warmer", 2, continued_from=first.sha256)
    early = make_blind_test(studio.desk.workspace, 2, "warm", sha256=first.sha256)
    late = make_blind_test(studio.desk.workspace, 2, "warmer", sha256=second.sha256, first=600)
    judge_all(studio, early, "wl")
    judge_all(studio, late, "ww")
    told: Any = judging.shown(late)
    assert sorted(one["name"].split(",")[0] for one in told["rounds"]) == ["Round 1: warm", "Round 2: warmer"]
    assert [one["now"] for one in told["rounds"] if one["name"].startswith("Round 2")] == [True]
    assert studio.desk.adapters.rounds() == {first.sha256: 1, second.sha256: 2}
    (studio.desk.workspace / second.path).write_bytes(b"damaged")
    assert studio.desk.adapters.rounds()[second.sha256] == 1


def test_adapters_that_continue_each_other_end(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    record = add_adapter(studio, "odd", 1)
    info = studio.desk.adapters.header(record)
    facts = {"continued_from": record.sha256}
    monkeypatch.setattr(studio.desk.adapters, "header", lambda _: dataclasses.replace(info, sdpo=facts))
    assert studio.desk.adapters.rounds() == {record.sha256: 2}


def test_headers_are_read_again_when_the_file_changes(studio: Studio) -> None:
    path, headers = studio.desk.workspace / add_adapter(studio, "warm", 1).path, Headers()
    first = headers.read(path)
    assert headers.read(path) is first
    write_adapter(path, 2, pairs=7777)
    assert (headers.read(path).sdpo or {})["pairs"] == 7777
    path.unlink()
    with pytest.raises(AdapterError, match="can't be read"):
        headers.read(path)


def test_a_verdict_stays_with_its_file_when_the_name_changes(studio: Studio, judging: Judging) -> None:
    record = add_adapter(studio)
    run = make_blind_test(studio.desk.workspace, 1, sha256=record.sha256)
    judge_all(studio, run, "w")
    studio.desk.store.adapters.rename(record.id, "evenings")
    assert studio.verdicts.by_adapter().keys() == {record.sha256}
    assert judging.choices()[0][0].startswith("evenings, ")
    other = add_adapter(studio, "mine", 7)
    assert other.sha256 not in studio.verdicts.by_adapter(), "another adapter of the old name is not judged"


def test_votes_train_when_they_are_let_and_no_longer_when_it_is_taken_back(studio: Studio, judging: Judging) -> None:
    run = make_blind_test(studio.desk.workspace, 2)
    judge_all(studio, run, "wl")
    assert training_pairs(studio.desk.store, BASE).usable == ()
    reply = judging.let_train({"run": run.id, "trains": True})
    assert reply == {"ok": True, "trains": True, "trains_sentence": judge_say("trains", n=2)}
    assert training_pairs(studio.desk.store, BASE).judged == 2
    shown: Any = judging.shown(run)
    assert shown["trains"]
    assert not judging.let_train({"run": run.id, "trains": False})["trains"]
    assert training_pairs(studio.desk.store, BASE).usable == ()


@pytest.mark.parametrize("message", [None, {}, {"run": "x"}, {"run": "x", "trains": True, "all": 1}, {"run": 5}])
def test_what_no_page_sends_is_refused(judging: Judging, message: Any) -> None:
    assert judging.let_train(message) == {"ok": False, "error": ui_say("unexpectedMessage")}


def test_another_run_is_not_a_blind_test(judging: Judging) -> None:
    assert not judging.let_train({"run": "../../etc", "trains": True})["ok"]
    assert judging.find("../..") is None


def test_a_blind_test_uses_the_recommended_strength_unless_one_is_given(studio: Studio) -> None:
    record = add_adapter(studio, model="demo")
    for recommended, typed, expected in ((None, "", 1.0), (0.75, "", 0.75), (0.75, "0.5", 0.5)):
        studio.desk.store.adapters.recommend(record.id, recommended)
        run = studio.judging.start("mine", 2, typed)
        assert run
        assert run.settings()["strength"] == expected
        studio.desk.jobs.stop(run)
        wait_for(lambda: studio.desk.jobs.current() is None)
    for wrong in ("much", "3", "nan"):
        with pytest.raises(ConfigError, match="strength"):
            studio.judging.start("mine", 2, wrong)


def test_where_the_adapter_acts_and_the_negative_prompt_go_along(studio: Studio) -> None:
    add_adapter(studio, model="demo")
    told: list[tuple[Any, Any]] = []
    for where, negative in (("", ""), ("0", "fog"), ("-0.5", "")):
        run = studio.judging.start("mine", 2, 0.5, {"unconditional_strength": where, "negative": negative})
        assert run
        told.append((run.settings()["unconditional_strength"], run.settings()["negative"]))
        studio.desk.jobs.stop(run)
        wait_for(lambda: studio.desk.jobs.current() is None)
    assert told == [(None, None), (0.0, "fog"), (-0.5, None)]
    with pytest.raises(ConfigError, match="unconditional_strength"):
        studio.judging.start("mine", 2, 0.5, {"unconditional_strength": "somewhere"})


def test_the_title_says_how_a_blind_test_is_drawn(studio: Studio, judging: Judging) -> None:
    add_adapter(studio)
    settings = {"comparisons": 2, "adapter": "mine", "strength": 0.5, "unconditional_strength": -0.5, "negative": "fog"}
    run = RunFolder.create(studio.desk.workspace / "runs", "judge", settings)
    assert judging.title(run) == (
        "Blind test of mine at strength 0.5, -0.5× in the unconditional prediction. Negative prompt: fog"
    )
    settings = {"comparisons": 2, "adapter": "mine", "adapter_branch": "conditional"}
    earlier = RunFolder.create(studio.desk.workspace / "runs", "judge", settings)
    assert judging.title(earlier) == "Blind test of mine, conditional only"


def test_a_blind_test_is_called_after_its_adapter_before_the_verdict_too(studio: Studio, judging: Judging) -> None:
    record = add_adapter(studio, "warm evenings")
    run = make_blind_test(studio.desk.workspace, 2, "latest", sha256=record.sha256)  # as the command line calls it
    assert judging.title(run) == "Blind test of warm evenings"


def test_a_damaged_blind_test_hides_no_other(studio: Studio, judging: Judging) -> None:
    record = add_adapter(studio)
    good = make_blind_test(studio.desk.workspace, 1, sha256=record.sha256)
    judge_all(studio, good, "w")
    bad = make_blind_test(studio.desk.workspace, 1, first=700)
    two = [c.id for c in studio.desk.store.candidates.newest() if c.recipe and not c.recipe.adapters][:2]
    with pytest.raises(StoreError):  # two images of the base model
        pair = studio.desk.store.pairs.add(*two, purpose="judge", run_id=bad.id)
        studio.desk.store.votes.cast("a broken vote", pair.id, "left")
        judge_all(studio, bad, "w")
        studio.verdicts.of(bad)
    assert len(judging.choices()) == 2
    told: Any = judging.shown(good)
    assert len(told["rounds"]) == 1
