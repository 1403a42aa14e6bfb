"""Every action of a person, without a browser: what it starts, what it says beforehand, how it refuses."""

import json
import os
import sqlite3
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.desk.standing import WANTED_VOTES
from app.status.overview import Overview, gpu_warning
from app.studio import Studio
from app.train.progress import health
from app.train.routes import preview_path
from sdpo_core.errors import AdapterError, ConfigError, DataError, ModelError, RunError, SdpoError, StoreError
from sdpo_core.runs.folder import METRICS_DAMAGED, RunFolder
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.train import TrainConfig
from sdpo_core.workspace.records import Choice
from sdpo_core.workspace.tally import Tally
from tests.app.helpers import add_pair, make_blind_test, wait_for
from tests.app.shelves import add_adapter as add_to_shelf

FORM: dict[str, Any] = {"prompts": "a lake\n\n  a forest  \n", "pairs": 3, "model": "demo"}


@pytest.fixture
def demo_sha256(studio: Studio) -> str:
    return studio.desk.models.chosen().sha256


def vote(studio: Studio, numbers: range, base_sha256: str, choice: Any = "left") -> None:
    for number in numbers:
        pair = add_pair(studio.desk.store, number, f"a lake {number % 4}", base_sha256)
        studio.desk.store.votes.cast(str(uuid.uuid4()), pair.id, choice)


def finish(studio: Studio, run: RunFolder) -> None:
    studio.desk.jobs.stop(run)
    wait_for(lambda: studio.desk.jobs.current() is None)


# --- generate --------------------------------------------------------------------------------------------------------


def test_generate_spreads_pairs_over_the_prompts(studio: Studio) -> None:
    run = studio.drawing.start(FORM)
    config = GenerateConfig.parse(run.config())
    assert config.pairs.prompts == ("a lake", "a forest", "a lake")
    assert config.pairs.candidates_per_prompt == 2
    assert config.ahead.keep_warm_s > 0
    finish(studio, run)


def test_a_form_is_read_as_a_person_means_it(studio: Studio) -> None:
    """Numbers come as floats or text, and what is empty is automatic."""
    form = {**FORM, "pairs": 1.0, "seed": " 7 ", "guidance": "", "sampling_steps": 4.0, "size_px": None}
    run = studio.drawing.start(form)
    config = GenerateConfig.parse(run.config())
    assert (config.pairs.seed, config.sampling.guidance) == (7, None)
    assert (config.sampling.sampling_steps, config.sampling.size_px) == (4, None)
    finish(studio, run)


def test_half_an_emoji_becomes_a_mark_and_no_failure(studio: Studio) -> None:
    run = studio.drawing.start({**FORM, "prompts": "a lake \ud83d", "pairs": 1, "negative": "\ude00 blur"})
    config = GenerateConfig.parse(run.config())
    assert (config.pairs.prompts, config.pairs.negative) == (("a lake \ufffd",), "\ufffd blur")
    finish(studio, run)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"prompts": " \n "}, "No prompts"),
        ({"prompts": None}, "No prompts"),
        ({"sampling_steps": 1e308}, r"got 1e\+308"),
        ({"pairs": 0}, "whole number"),
        ({"pairs": 2.5}, "whole number"),
        ({"pairs": None}, "whole number"),
        ({"pairs": 10**9}, "whole number"),
        ({"guidance": "lots"}, "guidance"),
        ({"sampling_steps": 0}, "sampling_steps"),
        ({"seed": -1}, "seed"),
        ({"model": "/no/such/folder"}, "/no/such/folder"),
    ],
)
def test_bad_input_is_a_sentence_and_starts_nothing(studio: Studio, change: dict[str, Any], words: str) -> None:
    with pytest.raises(SdpoError, match=words):
        studio.drawing.start({**FORM, **change})
    assert studio.desk.jobs.current() is None


def test_starter_prompts_are_there_for_the_demo(studio: Studio) -> None:
    assert len(studio.drawing.starter_prompts()) >= 5


def test_an_unusable_model_keeps_the_earlier_one(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(ModelError, match=r"model_index\.json"):
        studio.desk.models.choose(str(tmp_path / "model"))
    assert studio.desk.models.source() == "demo"


def test_the_chosen_model_is_remembered(studio: Studio, tmp_path: Path) -> None:
    demo = studio.desk.models.inspect("demo").path
    studio.desk.models.choose(f"  {demo} ")
    other = Studio(tmp_path, studio.desk.jobs)
    assert other.desk.models.source() == str(demo)
    other.close()


def test_a_broken_settings_file_means_the_demo(studio: Studio) -> None:
    (studio.desk.workspace / "studio.json").write_text("[1", encoding="utf-8")
    assert studio.desk.models.source() == "demo"


def test_images_of_blind_tests_are_not_shown(studio: Studio, tmp_path: Path) -> None:
    make_blind_test(tmp_path, 2)
    pair = add_pair(studio.desk.store, 1)
    shown = {image["sha256"] for image in studio.drawing.newest_images()}
    assert shown == {pair.left.image_sha256, pair.right.image_sha256}


# --- train -----------------------------------------------------------------------------------------------------------


def test_without_votes_there_is_nothing_to_train(studio: Studio) -> None:
    plan = studio.training.plan({})
    assert not plan.possible
    with pytest.raises(DataError, match="Nothing to learn from"):
        studio.training.start({})


def test_the_plan_counts_what_can_train(studio: Studio, demo_sha256: str) -> None:
    vote(studio, range(5), demo_sha256)
    vote(studio, range(5, 7), demo_sha256, "tie")
    vote(studio, range(7, 10), "0" * 64)
    plan = studio.training.plan({})
    assert (len(plan.pairs.usable), plan.steps, plan.eta_s) == (5, 120, None)
    assert plan.sentence.startswith(
        "5 pairs can be used for training; not used: 2 ties, 3 made by another or an unknown base model."
    )
    assert "120 steps" in plan.sentence
    assert str(WANTED_VOTES) in plan.sentence
    assert studio.training.plan({"steps": "7"}).steps == 7


def test_the_plan_knows_the_pace_of_the_last_run(studio: Studio, demo_sha256: str) -> None:
    vote(studio, range(5), demo_sha256)
    run = RunFolder.create(studio.desk.jobs.root, "train", {"model": "demo"})
    for step in range(1, 11):
        run.append_metrics({"step": step, "kind": "step", "loss": 0.6, "seconds": 0.5})
    run.write_status(run.status().model_copy(update={"state": "done"}))
    assert studio.training.plan({"steps": 40}).eta_s == pytest.approx(20.0)
    assert "about 20 s" in studio.training.plan({"steps": 40}).sentence


def test_the_plan_says_what_is_drawn_beforehand_and_how_long_that_takes(studio: Studio, demo_sha256: str) -> None:
    vote(studio, range(11), demo_sha256)
    assert "extra pairs" not in studio.training.plan({}).sentence  # of so few votes no taste is learnt
    vote(studio, range(11, 20), demo_sha256)
    assert "generates up to 120 extra pairs" in studio.training.plan({}).sentence
    assert "extra pairs" not in studio.training.plan({"label_pairs": "0"}).sentence
    form = {"sampling_steps": "2"}  # as those images took: others say nothing of the time
    slow_down(studio, seconds_per_pair=3.0)
    assert "generates up to 120 extra pairs and" in studio.training.plan({}).sentence
    plan = studio.training.plan(form)
    assert "generates up to 120 extra pairs, which takes about 6 min, and uses those" in plan.sentence
    assert plan.eta_s is None  # no run has told the pace of its steps
    run = RunFolder.create(studio.desk.jobs.root, "train", {"model": "demo"})
    for step in range(1, 11):
        run.append_metrics({"step": step, "kind": "step", "loss": 0.6, "seconds": 0.5})
    (run.path / "provenance.json").write_text("{}", encoding="utf-8")
    (run.path / "labels.json").write_text(json.dumps({"drawing_s": 30.0}), encoding="utf-8")
    run.write_status(run.status().model_copy(update={"state": "done"}))
    ended = (run.path / "status.json").stat().st_mtime
    os.utime(run.path / "provenance.json", (ended - 40.0, ended - 40.0))
    assert studio.training.plan({**form, "steps": 40}).eta_s == pytest.approx(40 * 1.0 + 120 * 3.0, rel=0.02)
    assert "which takes about 8 min" in studio.training.plan({"label_minutes": "8"}).sentence


def slow_down(studio: Studio, seconds_per_pair: float) -> None:
    """Let all images have been drawn at this pace, but for one break."""
    with sqlite3.connect(studio.desk.workspace / "studio.db") as connection:
        for place, (number,) in enumerate(connection.execute("SELECT id FROM candidates ORDER BY id").fetchall()):
            made = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=place // 2 * seconds_per_pair)
            made += timedelta(hours=5 if place > 20 else 0)
            connection.execute("UPDATE candidates SET created_at = ? WHERE id = ?", (made.isoformat(), number))


def measured(studio: Studio, verb: Any, **settings: Any) -> RunFolder:
    """A run whose dry step told something."""
    config = TrainConfig.of(**settings).model_dump(mode="json")
    run = RunFolder.create(studio.desk.jobs.root, verb, {**config, "memory": "split", "checkpointing": "none"})
    content = {"seconds_per_step": 2.0, "peak_gib": 6.123, "total_gib": 11.9, "steps": 3}
    (run.path / "preflight.json").write_text(json.dumps(content), encoding="utf-8")
    run.write_status(run.status().model_copy(update={"state": "done"}))
    return run


def test_the_plan_tells_memory_and_time_as_a_dry_step_measured_them(studio: Studio, demo_sha256: str) -> None:
    vote(studio, range(5), demo_sha256)
    assert not studio.training.plan({}).measured
    measured(studio, "measure")
    plan = studio.training.plan({"steps": 60})
    assert plan.measured
    assert plan.eta_s == pytest.approx(120.0)
    assert "60 steps, about 2 min and 6.1 of 12 GiB, measured with these settings." in plan.sentence
    assert studio.training.plan({"steps": 60, "memory": "split"}).measured
    for other in ({"rank": 32}, {"size_px": 128}, {"memory": "joint"}, {"loss": "ipo"}):
        assert not studio.training.plan(other).measured, other
    measured(studio, "train", rank=32)
    assert studio.training.plan({"rank": 32}).measured


@pytest.mark.parametrize("content", ["[1", "{}", '{"seconds_per_step": "x", "peak_gib": 1, "total_gib": 1}', "[]"])
def test_a_damaged_measurement_does_not_count(studio: Studio, demo_sha256: str, content: str) -> None:
    vote(studio, range(5), demo_sha256)
    (measured(studio, "measure").path / "preflight.json").write_text(content, encoding="utf-8")
    assert not studio.training.plan({}).measured


def test_measuring_is_a_job(studio: Studio, demo_sha256: str) -> None:
    with pytest.raises(DataError, match="Nothing to learn from"):
        studio.training.measure({})
    vote(studio, range(5), demo_sha256)
    run = studio.training.measure({"rank": 16})
    assert run.settings()["rank"] == 16
    finish(studio, run)
    assert studio.training.runs() == [], "it isn't a training"


def test_train_starts_a_run_with_the_forms_settings(studio: Studio, demo_sha256: str) -> None:
    vote(studio, range(5), demo_sha256)
    run = studio.training.start({"steps": "9", "mu": 0.25, "learning_rate": "", "adapter_name": "warm evenings"})
    config = TrainConfig.parse(run.config())
    assert (config.schedule.steps, config.safeguarding.mu) == (9, 0.25)
    assert config.schedule.learning_rate == TrainConfig().schedule.learning_rate
    assert config.lora.adapter_name == "warm evenings"
    finish(studio, run)
    assert studio.training.resumable(run)
    studio.training.resume(run.id)
    finish(studio, run)


def test_impossible_settings_are_refused_with_a_message(studio: Studio, demo_sha256: str) -> None:
    vote(studio, range(5), demo_sha256)
    with pytest.raises(ConfigError, match="mu"):
        studio.training.start({"mu": 3.0})
    with pytest.raises(ConfigError, match="sft"):
        studio.training.start({"loss": "sft", "safeguard": "output"})


def test_stop_takes_only_known_runs(studio: Studio) -> None:
    with pytest.raises(RunError):
        studio.desk.stop("../../somewhere")


def test_a_broken_run_folder_is_left_out(studio: Studio) -> None:
    run = RunFolder.create(studio.desk.jobs.root, "train", {"model": "demo"})
    (run.path / "status.json").write_text("{}", encoding="utf-8")
    assert studio.training.runs() == []
    assert studio.training.plan({}).eta_s is None


def test_a_broken_blind_test_is_left_out(studio: Studio) -> None:
    """Its settings are JSON, but tell neither the adapter nor how many comparisons were planned."""
    add_adapter(studio)
    for settings in ({"model": "demo"}, {"adapter": "mine", "comparisons": "many"}):
        run = RunFolder.create(studio.desk.jobs.root, "judge", settings)
        run.write_status(run.status().model_copy(update={"state": "done"}))
    assert [run.settings()["adapter"] for run in studio.verdicts.runs()] == ["mine"]
    assert studio.verdicts.by_adapter() == {}
    step = studio.overview.snapshot()["next"]
    assert step
    assert step["tab"] == "judge"


def test_the_next_round_is_voted_on_and_trained_like_the_first(studio: Studio, demo_sha256: str) -> None:
    def step() -> tuple[str, str]:
        told = Overview(studio.desk, studio.verdicts).snapshot()["next"]
        assert told
        return told["button"], told["tab"]

    for number in range(2):
        pair = add_pair(studio.desk.store, number, base_sha256=demo_sha256)
        studio.desk.store.votes.cast(str(uuid.uuid4()), pair.id, "left")
    warm = add_to_shelf(studio, "warm", model="demo")
    assert step() == ("Judge", "judge")
    pairs = [add_pair(studio.desk.store, n, base_sha256=demo_sha256, adapter=warm.sha256) for n in (10, 11)]
    assert step() == ("Vote", "vote"), "whoever continues without a blind test isn't sent back to it"
    assert studio.desk.standing().votes == Tally(other_round=2)
    for pair in pairs:
        studio.desk.store.votes.cast(str(uuid.uuid4()), pair.id, "right")
    assert step() == ("Train round 2 (2 votes)", "train")
    facts = dict(Overview(studio.desk, studio.verdicts).snapshot()["facts"])
    assert facts["Votes"] == "2"
    assert studio.training.plan({"continue_from": "warm"}).possible
    add_to_shelf(studio, "warmer", 2, model="demo", continued_from=warm.sha256)
    assert step() == ("Judge", "judge")


@pytest.mark.parametrize(
    ("choice", "foreign", "words", "tab"),
    [("tie", False, "Ties and skips can't train", "generate"), ("left", True, "another or an unknown model", "train")],
)
def test_votes_that_cant_train_arent_counted(
    studio: Studio, demo_sha256: str, choice: Choice, foreign: bool, words: str, tab: str
) -> None:
    pair = add_pair(studio.desk.store, 1, base_sha256="c" * 64 if foreign else demo_sha256)
    studio.desk.store.votes.cast(str(uuid.uuid4()), pair.id, choice)
    told = Overview(studio.desk, studio.verdicts).snapshot()
    assert dict(told["facts"])["Votes"] == "0"
    assert told["next"]
    assert words in told["next"]["text"]
    assert told["next"]["tab"] == tab
    assert studio.votes.deck({})["decided"] == 0
    hint = next(stage["hint"] for stage in studio.home.snapshot()["stages"] if stage["key"] == "votes")
    assert ("1 tie or skip" if not foreign else "1 on images of another") in hint


# --- watching --------------------------------------------------------------------------------------------------------


def test_metrics_come_incrementally_and_restart_after_a_resume(studio: Studio) -> None:
    run = RunFolder.create(studio.desk.jobs.root, "train", TrainConfig.of(drift_budget=0.02).model_dump(mode="json"))
    progress = studio.progress
    for step in range(1, 13):
        drift = 0.0 if step <= 10 else 0.03
        run.append_metrics({"step": step, "kind": "step", "loss": 0.7 - step / 100, "drift": drift, "seconds": 1})
    first = progress.metrics({"run": run.id})
    assert first["loss"][0] == (1, pytest.approx(0.69))
    assert len(first["loss"]) == 12
    assert first["winner_error"] == [(0, 0.0, None), (10, 0.03, None)]
    assert first["health"]["level"] == "drifting"
    run.append_metrics({"step": 12, "kind": "health", "winner_error": 0.05, "winner_error_se": 0.01, "loss": 0.6})
    later = progress.metrics({"run": run.id, "offset": first["offset"], "file": first["file"]})
    assert (later["loss"], later["winner_error"], later["restart"]) == ([], [(12, 0.05, 0.02)], False)
    assert later["health"]["level"] == "damaged"
    assert "+5.0 % ± 2.0 %" in later["health"]["figures"]
    run.truncate_metrics(10)
    resumed = progress.metrics({"run": run.id, "offset": later["offset"], "file": later["file"]})
    assert resumed["restart"]
    assert len(resumed["loss"]) == 10


def test_memory_is_that_of_the_gpu_if_there_is_one(studio: Studio) -> None:
    run = RunFolder.create(studio.desk.jobs.root, "train", TrainConfig.of(drift_budget=0.02).model_dump(mode="json"))
    for step, taken in enumerate(({"rss_mib": 2048.0, "cuda_mib": 6144.0}, {"rss_mib": 1536.0}, {}), start=1):
        run.append_metrics({"step": step, "kind": "step", "loss": 0.7, **taken})
    assert studio.progress.metrics({"run": run.id})["memory"] == [(1, 6.0), (2, 1.5)]


def test_damaged_numbers_are_reported_and_prevent_no_plan(studio: Studio) -> None:
    """What a power cut leaves where a line was being written."""
    run = RunFolder.create(studio.desk.jobs.root, "train", {"model": "demo"})
    run.write_status(run.status().model_copy(update={"state": "done"}))
    (run.path / "metrics.jsonl").write_bytes(b"\0\0\0\n")
    assert studio.progress.metrics({"run": run.id}) == {"ok": False, "error": METRICS_DAMAGED}
    assert studio.training.plan({}).eta_s is None


def test_a_run_with_damaged_settings_is_reported(studio: Studio) -> None:
    run = RunFolder.create(studio.desk.jobs.root, "train", {"model": "demo"})
    (run.path / "config.json").write_text("{", encoding="utf-8")
    reply = studio.progress.metrics({"run": run.id})
    assert not reply["ok"]
    assert "config.json" in reply["error"]


def test_health_is_described_in_plain_english() -> None:
    assert health(0.004, 0.02)["level"] == "healthy"
    assert "+0.4 %" in health(0.004, 0.02)["figures"]
    assert "2.0 %" in health(0.004, 0.02)["figures"]
    assert health(-0.01, 0.02)["level"] == "healthy"
    assert health(0.015, 0.02, 0.01)["level"] == "drifting", "the upper end of its interval is outside"
    assert health(0.015, 0.02, 0.01, gate="estimate")["level"] == "healthy"
    assert health(0.05, 0.02, 0.01)["level"] == "damaged"
    assert "about 0 %" in health(-0.0001, 0.02, 0.0)["figures"]
    assert health(0.004, 0.02)["sentence"].startswith("Healthy")


@pytest.mark.parametrize("hostile", [None, {}, {"run": "../.."}, {"run": 3}, {"run": "x" * 500}])
def test_hostile_questions_get_a_refusal(studio: Studio, hostile: Any) -> None:
    progress = studio.progress
    for ask in (progress.metrics, progress.previews, progress.log):
        assert not ask(hostile)["ok"]


def test_previews_and_log(studio: Studio) -> None:
    run = RunFolder.create(studio.desk.jobs.root, "train", {"model": "demo"})
    for step in (0, 50):
        (run.path / "previews" / f"step-{step:06d}").mkdir()
        (run.path / "previews" / f"step-{step:06d}" / "00.png").write_bytes(b"png")
    run.log_path.write_text("one\ntwo\n", encoding="utf-8")
    progress = studio.progress
    steps = progress.previews({"run": run.id})["steps"]
    assert steps[1] == {"step": 50, "images": [f"/sdpo/preview/{run.id}/50/0"]}
    assert preview_path(studio.desk.jobs, run.id, 50, 0).is_file()
    for number in (-1, 1):
        with pytest.raises(RunError):
            preview_path(studio.desk.jobs, run.id, 50, number)
    assert progress.log({"run": run.id})["log"] == "one\ntwo"


# --- judge and adapters ----------------------------------------------------------------------------------------------


def add_adapter(studio: Studio, name: str = "mine") -> Path:
    path = studio.desk.workspace / "adapters" / f"{name}.safetensors"
    path.write_bytes(b"not really")
    studio.desk.store.adapters.add(name=name, path=path, sha256="a" * 64, base_sha256="b" * 64, run_id="gone")
    return path


def test_judge_needs_an_adapter(studio: Studio) -> None:
    with pytest.raises(AdapterError, match="No adapters yet"):
        studio.judging.start(None, 20)
    add_adapter(studio)
    with pytest.raises(AdapterError, match="Choose an adapter"):
        studio.judging.start("", 20)
    with pytest.raises(AdapterError):
        studio.judging.start("another", 20)
    with pytest.raises(ConfigError, match="whole number"):
        studio.judging.start("mine", 0)


def test_judge_starts_and_its_verdict_lands_on_the_adapter(studio: Studio, tmp_path: Path) -> None:
    add_adapter(studio)
    started = studio.judging.start("mine", 3.0)
    assert started
    assert started.settings()["comparisons"] == 3
    finish(studio, started)
    run = make_blind_test(tmp_path, 2)
    assert studio.verdicts.of(run) is None
    for pair in studio.desk.store.pairs.open(purpose="judge", run_id=run.id):
        choice = "left" if pair.left.recipe and pair.left.recipe.adapters else "right"
        studio.desk.store.votes.cast(str(uuid.uuid4()), pair.id, choice)
    told = studio.verdicts.of(run)
    assert told is not None
    assert (told.wins, told.losses) == (2, 0)
    (card,) = studio.adapters.cards()
    assert card.verdict == told


def test_files_are_found_by_id_only(studio: Studio) -> None:
    for hostile in ("../studio.db", "0" * 63, "G" * 64):
        with pytest.raises(StoreError):
            studio.desk.store.images.path(hostile)


# --- overview --------------------------------------------------------------------------------------------------------


def test_the_next_step_follows_the_path(studio: Studio, demo_sha256: str) -> None:
    def tab() -> str | None:
        step = Overview(studio.desk, studio.verdicts).snapshot()["next"]
        return step["tab"] if step else None

    assert tab() == "generate"
    pair = add_pair(studio.desk.store, 900, base_sha256=demo_sha256)
    assert tab() == "vote"
    studio.desk.store.votes.cast(str(uuid.uuid4()), pair.id, "left")
    assert tab() == "train"
    run = studio.training.start({})
    assert tab() is None
    finish(studio, run)
    add_adapter(studio)
    assert tab() == "judge"
    vote(studio, range(3), demo_sha256, "tie")
    judged = make_blind_test(studio.desk.workspace, 1)
    (pair,) = studio.desk.store.pairs.open(purpose="judge", run_id=judged.id)
    studio.desk.store.votes.cast(str(uuid.uuid4()), pair.id, "left")
    assert tab() == "adapters"


def test_the_snapshot_is_json_and_shows_the_running_job(studio: Studio) -> None:
    run = studio.drawing.start(FORM)
    wait_for(lambda: studio.desk.jobs.status(run).state == "running")
    snapshot = json.loads(json.dumps(studio.overview.snapshot()))
    assert snapshot["job"]["running"]
    assert snapshot["job"]["id"] == run.id
    finish(studio, run)
    job = studio.overview.snapshot()["job"]
    assert job
    assert job["state"] == "stopped"


def test_warnings_name_a_lost_gpu_missing_images_and_a_missing_model(
    studio: Studio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = tmp_path / "sdpo-setup.json"
    record.write_text(json.dumps({"gpu_lost": True, "message": "RTX 9999 is here."}), encoding="utf-8")
    assert gpu_warning(record) == "The GPU isn't being used. RTX 9999 is here."
    record.write_text(json.dumps({"gpu_lost": False, "message": "no matter"}), encoding="utf-8")
    assert gpu_warning(record) == ""
    pair = add_pair(studio.desk.store, 1)
    studio.desk.store.images.path(pair.left.image_sha256).unlink()
    (studio.desk.workspace / "studio.json").write_text(json.dumps({"model": "/gone"}), encoding="utf-8")
    warnings = " ".join(studio.overview.snapshot()["warnings"])
    assert "1 image is missing" in warnings
    assert "/gone" in warnings
