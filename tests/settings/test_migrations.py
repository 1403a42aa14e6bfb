"""Settings of earlier formats, wherever people have them: a run keeps what it started with, TOML means today."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.desk.jobs import Jobs
from app.desk.queue import QUEUE, RunQueue
from sdpo_core.errors import ConfigError, RunError
from sdpo_core.runs.folder import RunFolder
from sdpo_core.settings import migrations as settings_migrations
from sdpo_core.settings import presets
from sdpo_core.settings.base import Settings, flat, leaves, nested
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.jobs import JOBS
from sdpo_core.settings.migrations import KEY, STEPS, Written, numbered, upgraded
from sdpo_core.settings.presets import read_preset, read_settings_file, read_settings_text, settings_text
from sdpo_core.settings.train import TrainConfig
from tests.app.helpers import FAKE_JOB, end_processes

FORMAT = len(STEPS)
SINCE_4 = {"label_effort": 1.0}  # settings that came with later formats, and what runs from before get
BEGUN_BEFORE = {
    "rate": "fixed",
    "gate": "estimate",
    "final_strength": "trained",
    "displacement": 0.01,
    "label_pairs": 0,
    "label_minutes": None,
    "label_effort": 1.0,
    "label_share": 0.5,
    "label_threshold": 0.5,
    "label_weight": 1.0,
    "noise": "fresh",
    "negative": "",
}
"""What a run of the first release continues with where there has been a choice since."""


def a_later_step(written: Written) -> None:
    """What a version might do that calls `steps` `optimizer_steps` and lets the gate look at the standard error too."""
    if written.kind is TrainConfig:
        written.rename("steps", "optimizer_steps")
        written.fill("gate_standard_errors", 0.0, table="health")  # an earlier run keeps its gate


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_migrations, "STEPS", (*STEPS, a_later_step))


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    jobs = Jobs(tmp_path, FAKE_JOB)
    yield jobs
    end_processes(tmp_path)
    for child in jobs._children.values():
        child.wait(5)


def train_run(root: Path, content: dict[str, Any]) -> RunFolder:
    run = RunFolder.create(root, "train", {})
    (run.path / "config.json").write_text(json.dumps(content), encoding="utf-8")
    return run


def test_a_run_says_its_format_and_its_settings_do_not(tmp_path: Path) -> None:
    config = TrainConfig.of(steps=7).model_dump(mode="json")
    run = RunFolder.create(tmp_path, "train", config)
    assert json.loads((run.path / "config.json").read_text("utf-8")) == {KEY: FORMAT, **config}
    assert TrainConfig.parse(run.config()) == TrainConfig.of(steps=7)


@pytest.mark.parametrize("number", [{}, {KEY: FORMAT}])
def test_an_earlier_run_gets_what_it_was_started_with(tmp_path: Path, later: None, number: dict[str, int]) -> None:
    run = train_run(tmp_path, {**number, "steps": 7, "rank": 2})
    expected = {**({} if number else BEGUN_BEFORE), "optimizer_steps": 7, "rank": 2, "gate_standard_errors": 0.0}
    assert run.settings() == expected
    run.write_config(run.config())
    assert json.loads((run.path / "config.json").read_text("utf-8"))[KEY] == FORMAT + 1
    assert run.settings() == expected


def test_a_run_of_today_is_left_alone(tmp_path: Path, later: None) -> None:
    told = {"steps": 7, "gate_standard_errors": 2.0}  # `steps` might mean something else by then
    assert train_run(tmp_path, {KEY: FORMAT + 1, **told}).config() == told


def test_other_jobs_do_not_get_the_fields_of_a_training(later: None) -> None:
    told = {"steps": 7}
    of_before = {"sampling": {"unconditional_strength": None}, "pairs": {"pairing": "neighbours"}}
    assert upgraded(told, GenerateConfig, resolved=True, source="x") == {**told, **of_before}


def test_a_queued_run_starts_with_what_it_was_queued_with(
    tmp_path: Path, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gate(written: Written) -> None:
        written.fill("mu", 0.25, table="safeguarding")

    monkeypatch.setattr(settings_migrations, "STEPS", (*STEPS, gate))
    old = {name: value for name, value in TrainConfig().flat().items() if name != "mu"}
    later = nested(TrainConfig, {**old, "seed": 2, "mu": 0.75})
    configs = ({**old, "seed": 1}, {KEY: FORMAT + 1, **later})
    rows = [{"id": f"{i:012x}", "verb": "train", "title": str(i), "config": one} for i, one in enumerate(configs)]
    (tmp_path / QUEUE).write_text(json.dumps(rows), encoding="utf-8")
    queue = RunQueue(jobs)
    assert [one.settings()["mu"] for one in queue.waiting()] == [0.25, 0.75]
    run = queue.start_next()
    assert run is not None
    assert (run.settings()["seed"], run.settings()["mu"]) == (1, 0.25)


def test_toml_means_todays_defaults_where_it_says_nothing(tmp_path: Path, later: None) -> None:
    (tmp_path / "mine.toml").write_text('description = "of mine"\nsteps = 7\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="Unknown setting optimizer_steps"):  # renamed; this version has no such field
        read_settings_file(tmp_path / "mine.toml", TrainConfig)
    assert upgraded({"steps": 7}, TrainConfig, resolved=False, source="x") == {"schedule": {"optimizer_steps": 7}}
    both = {"schedule": {"steps": 7, "optimizer_steps": 9}}
    assert upgraded(both, TrainConfig, resolved=False, source="x") == {"schedule": {"optimizer_steps": 9}}


def test_presets_take_the_same_way(tmp_path: Path, later: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presets, "_folder", lambda: tmp_path)
    (tmp_path / "mine.toml").write_text('description = "of mine"\nsteps = 7\n', encoding="utf-8")
    assert read_preset("mine").values == {"optimizer_steps": 7}


@pytest.mark.parametrize("kind", dict.fromkeys(JOBS.values()))
def test_a_flat_run_of_format_3_means_the_same_in_tables(kind: type[Settings]) -> None:
    """Every setting has its table in the step, or never had one: `download` and `import` have no tables."""
    flat_ones = {name: leaf.field.get_default() for name, leaf in leaves(kind).items() if name not in SINCE_4}
    found = upgraded({KEY: 3, **flat_ones}, kind, resolved=True, source="x")
    since = {name: value for name, value in SINCE_4.items() if name in leaves(kind)}
    assert found == nested(kind, {**flat_ones, **since})
    assert flat(kind, found) == {**flat_ones, **since}


def test_what_is_in_a_table_already_is_left_there() -> None:
    """TOML in tables that somebody typed without the number, and a value that both places have, which is refused."""
    typed = {"lora": {"rank": 4}, "lora_alpha": 2.0, "steps": 7}
    found = upgraded(typed, TrainConfig, resolved=False, source="x")
    assert found == {"lora": {"rank": 4, "lora_alpha": 2.0}, "schedule": {"steps": 7}}
    with pytest.raises(ConfigError, match=r"rank is given twice: at the top and in \[lora\]\. Keep one of them"):
        read_settings_text("rank = 4\n[lora]\nrank = 5\n", TrainConfig)
    assert typed == {"lora": {"rank": 4}, "lora_alpha": 2.0, "steps": 7}, "what was given is never changed"


def test_settings_as_text_carry_their_number() -> None:
    text = settings_text({"rank": 4, "noise_bank": None, "steps": 7}, TrainConfig)
    assert text == f"{KEY} = {FORMAT}\n\n[lora]\nrank = 4\n\n[schedule]\nsteps = 7\n"
    assert read_settings_text(text, TrainConfig) == {"rank": 4, "steps": 7}


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (
            FORMAT + 1,
            f"was written by a newer version of SDPO Studio: its {KEY} is {FORMAT + 1}, and this version reads",
        ),
        (-1, f"{KEY} must be a whole number from 0 to {FORMAT}; got -1"),
        ("1", f"{KEY} must be a whole number from 0 to {FORMAT}; got '1'"),
        (True, f"{KEY} must be a whole number from 0 to {FORMAT}; got True"),
        (None, f"{KEY} must be a whole number from 0 to {FORMAT}; got None"),
    ],
)
def test_a_bad_or_too_new_format_number_gives_a_message(tmp_path: Path, number: Any, sentence: str) -> None:
    run = train_run(tmp_path, {KEY: number})
    with pytest.raises(RunError, match=f"config.json of run {run.id}") as told:
        run.config()
    assert sentence in str(told.value)
    with pytest.raises(ConfigError) as refused:
        upgraded({KEY: number}, TrainConfig, resolved=False, source="mine.toml")
    assert sentence in str(refused.value)


def test_what_a_newer_version_queued_waits_for_it(tmp_path: Path, jobs: Jobs) -> None:
    newer = {"id": "a" * 12, "verb": "train", "title": "newer", "config": {KEY: FORMAT + 1, "steps": 9}}
    plain = {**newer, "id": "b" * 12, "title": "plain", "config": numbered({"schedule": {"steps": 8}})}
    (tmp_path / QUEUE).write_text(json.dumps([newer, plain]), encoding="utf-8")
    queue = RunQueue(jobs)
    run = queue.start_next()
    assert run is not None
    assert run.settings()["steps"] == 8
    assert "“newer” was written by a newer version of SDPO Studio" in queue.state()["sentence"]
    assert [one.config for one in queue.waiting()] == [newer["config"]], "untouched, for the version that queued it"


def test_a_run_of_an_unknown_job_is_a_sentence(tmp_path: Path) -> None:
    run = train_run(tmp_path, {})
    (run.path / "status.json").write_text('{"verb": "paint"}', encoding="utf-8")
    with pytest.raises(RunError, match="names an unknown job: 'paint'"):
        run.config()


def test_a_run_of_format_4_generates_as_many_pairs_as_it_did(tmp_path: Path) -> None:
    run = train_run(tmp_path, {KEY: 4, "labels": {"label_pairs": "auto", "label_share": 0.5}})
    assert run.config()["labels"] == {"label_pairs": "auto", "label_share": 0.5, "label_effort": 1.0}
