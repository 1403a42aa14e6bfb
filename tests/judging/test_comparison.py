import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo.scenes.captions import claims
from sdpo_core.adapters.file import load_adapter, save_adapter
from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import AdapterError, DataError
from sdpo_core.generation.job import run_generate
from sdpo_core.judging.comparison import judge_prompts, run_judge
from sdpo_core.models.registry import load_model
from sdpo_core.paths import repository_root
from sdpo_core.runs.folder import RunFolder, Status
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.judge import JudgeConfig
from sdpo_core.workspace.records import Candidate, Pair
from sdpo_core.workspace.store import Store

PROMPTS = repository_root() / "assets" / "prompts"


@pytest.fixture
def judge(folder: Path, adapter: Path, tmp_path: Path) -> Callable[..., tuple[RunFolder, Store]]:
    def go(on_status: Callable[[Status, RunFolder], None] | None = None, **settings: Any) -> tuple[RunFolder, Store]:
        defaults: dict[str, Any] = {"model": str(folder), "device": "cpu", "sampling_steps": 2, "adapter": str(adapter)}
        config = JudgeConfig.parse({**defaults, "comparisons": 3, **settings})
        run = RunFolder.create(tmp_path / "runs", "judge", config.model_dump(mode="json"))
        echo = (lambda status: on_status(status, run)) if on_status else None
        run_judge(config, run, tmp_path, Reporter(run, "judge", 0, echo))
        return run, Store(tmp_path)

    return go


def test_latest_is_judged_by_its_name(
    judge: Callable[..., tuple[RunFolder, Store]], adapter: Path, tmp_path: Path
) -> None:
    """Otherwise the next training would change what a finished blind test was about."""
    (tmp_path / "adapters").mkdir()
    copy = tmp_path / "adapters" / "mine.safetensors"
    copy.write_bytes(adapter.read_bytes())
    with Store(tmp_path) as store:
        store.adapters.add(name="mine", path=copy, sha256="a" * 64, base_sha256="b" * 64, run_id="r")
    run, store = judge(adapter="latest", comparisons=1)
    store.close()
    assert run.settings()["adapter"] == "mine"


def skips(run: RunFolder, store: Store) -> set[int]:
    pairs = store.pairs.open(purpose="judge", run_id=run.id)
    return {side.recipe.clip_skip for pair in pairs for side in (pair.left, pair.right) if side.recipe}


def test_prompts_are_read_as_the_adapter_was_trained_unless_the_person_says(
    judge: Callable[..., tuple[RunFolder, Store]], folder: Path, adapter: Path, tmp_path: Path
) -> None:
    model = load_model(str(folder), device="cpu")
    path = tmp_path / "deep.safetensors"
    lora = load_adapter(adapter, model)
    save_adapter(path, lora, info=model.info, sdpo={"settings": {"clip_skip": 2}}, title="deep")
    run, store = judge(adapter=str(path), comparisons=1)
    assert skips(run, store) == {run.settings()["clip_skip"]} == {2}
    assert skips(*judge(adapter=str(path), comparisons=1, clip_skip=1)) == {1}
    assert skips(*judge(comparisons=1)) == {1}, "a file that does not say leaves the model's own"


def sides(pair: Pair) -> tuple[Candidate, Candidate]:
    """(base, adapter)."""
    both = sorted((pair.left, pair.right), key=lambda c: len(c.recipe.adapters) if c.recipe else 0)
    return both[0], both[1]


def test_a_pair_differs_in_the_adapter_alone(judge: Callable[..., tuple[RunFolder, Store]]) -> None:
    run, store = judge(prompts=("a", "b"), strength=0.7, unconditional_strength=-0.5)
    assert run.status().state == "done"
    assert (run.status().step, run.status().total) == (12, 12)
    pairs = store.pairs.open(purpose="judge", run_id=run.id)
    assert [pair.left.prompt for pair in pairs] == ["a", "b", "a"], "prompts repeat, with other seeds"
    assert len({pair.left.recipe.seed for pair in pairs if pair.left.recipe}) == 3
    for pair in pairs:
        base, ours = sides(pair)
        assert base.recipe
        assert ours.recipe
        assert base.recipe == ours.recipe.model_copy(update={"adapters": ()})
        assert (ours.recipe.adapters[0].strength, ours.recipe.adapters[0].unconditional) == (0.7, -0.5)
        images = [np.asarray(Image.open(store.images.path(candidate.image_sha256))) for candidate in (base, ours)]
        assert (images[0] != images[1]).any()


def test_built_in_prompts_are_taken_when_none_are_given(judge: Callable[..., tuple[RunFolder, Store]]) -> None:
    run, store = judge()
    expected = (PROMPTS / "judge-general.txt").read_text().splitlines()[:3]
    assert [pair.left.prompt for pair in store.pairs.open(purpose="judge", run_id=run.id)] == expected


def vote_on(folder: Path, workspace: Path, *prompts: str, negative: str = "") -> None:
    config = GenerateConfig.of(model=str(folder), device="cpu", sampling_steps=2, prompts=prompts, negative=negative)
    run = RunFolder.create(workspace / "runs", "generate", {})
    run_generate(config, run, workspace, Reporter(run, "generate", 0))
    with Store(workspace) as store:
        for pair in store.pairs.open(purpose="train"):
            store.votes.cast(f"vote-{pair.id}", pair.id, "left")


def test_prompts_that_were_voted_on_are_refused(
    judge: Callable[..., tuple[RunFolder, Store]], folder: Path, tmp_path: Path
) -> None:
    vote_on(folder, tmp_path, "a red hill")
    with pytest.raises(DataError, match="A  Red hill"):
        judge(prompts=("the sea", "A  Red hill"))


def test_built_in_prompts_that_were_voted_on_are_left_out(
    judge: Callable[..., tuple[RunFolder, Store]], folder: Path, tmp_path: Path
) -> None:
    built_in = (PROMPTS / "judge-general.txt").read_text().splitlines()
    vote_on(folder, tmp_path, built_in[0])
    run, store = judge()
    assert [pair.left.prompt for pair in store.pairs.open(purpose="judge", run_id=run.id)] == built_in[1:4]


def test_prompts_of_blind_tests_that_train_are_left_out(
    judge: Callable[..., tuple[RunFolder, Store]], folder: Path, tmp_path: Path
) -> None:
    run, store = judge(comparisons=2)
    first, second, third = (PROMPTS / "judge-general.txt").read_text().splitlines()[:3]
    for pair in store.pairs.open(purpose="judge", run_id=run.id):
        store.votes.cast(f"vote-{pair.id}", pair.id, "left")
    again, _ = judge(comparisons=1)
    assert [pair.left.prompt for pair in store.pairs.open(purpose="judge", run_id=again.id)] == [first]
    store.judged.let_train(run.id, trains=True)
    later, _ = judge(comparisons=1)
    assert [pair.left.prompt for pair in store.pairs.open(purpose="judge", run_id=later.id)] == [third]
    with pytest.raises(DataError, match="voted on for training"):
        judge(comparisons=1, prompts=(second,))


def test_prompts_that_the_adapter_trained_on_are_left_out_whatever_became_of_the_votes(
    judge: Callable[..., tuple[RunFolder, Store]], adapter: Path, tmp_path: Path
) -> None:
    first, second = (PROMPTS / "judge-general.txt").read_text().splitlines()[:2]
    trained = RunFolder.create(tmp_path / "runs", "train", {})
    frozen = {"train": [{"pair": {"left": {"prompt": first}}}], "held_out": []}
    (trained.path / "data.json").write_text(json.dumps(frozen), encoding="utf-8")
    with Store(tmp_path) as store:
        copy = store.workspace / "adapters" / "mine.safetensors"
        copy.write_bytes(adapter.read_bytes())
        sha256 = sha256_file(copy)
        store.adapters.add(name="mine", path=copy, sha256=sha256, base_sha256="b" * 64, run_id=trained.id)
    run, store = judge(comparisons=1)
    assert [pair.left.prompt for pair in store.pairs.open(purpose="judge", run_id=run.id)] == [second]


def test_both_images_have_the_negative_prompt_that_the_person_draws_with(
    judge: Callable[..., tuple[RunFolder, Store]], folder: Path, tmp_path: Path
) -> None:
    def used(run: RunFolder, store: Store) -> set[str]:
        pairs = store.pairs.open(purpose="judge", run_id=run.id)
        found = {side.recipe.negative for pair in pairs for side in (pair.left, pair.right) if side.recipe}
        assert found == {run.settings()["negative"]}
        return found

    assert used(*judge(comparisons=1)) == {""}
    vote_on(folder, tmp_path, "a", "b", negative="fog, rain")
    vote_on(folder, tmp_path, "c")
    assert used(*judge(comparisons=1)) == {"fog, rain"}
    assert used(*judge(comparisons=1, negative="")) == {""}
    assert used(*judge(comparisons=1, negative="night")) == {"night"}


def test_judging_proves_that_the_adapter_loads(
    judge: Callable[..., tuple[RunFolder, Store]], folder: Path, adapter: Path, tmp_path: Path
) -> None:
    (tmp_path / "adapters").mkdir()
    copy = tmp_path / "adapters" / "mine.safetensors"
    copy.write_bytes(adapter.read_bytes())
    base_sha256 = inspect_model(str(folder)).sha256
    with Store(tmp_path) as store:
        store.adapters.add(name="mine", path=copy, sha256=sha256_file(copy), base_sha256=base_sha256, run_id="r")
    _, store = judge(adapter="mine", comparisons=1)
    fit = store.adapters.find("mine").fit
    assert fit
    assert fit.matched == fit.modules == read_adapter_info(copy).modules


def test_an_adapter_that_does_not_fit_is_refused(
    judge: Callable[..., tuple[RunFolder, Store]], adapter: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "cut.safetensors"
    broken.write_bytes(adapter.read_bytes()[:-50])
    with pytest.raises(AdapterError):
        judge(adapter=str(broken))


def test_a_stop_keeps_finished_comparisons(judge: Callable[..., tuple[RunFolder, Store]], tmp_path: Path) -> None:
    def stop_in_the_second(status: Status, run: RunFolder) -> None:
        if status.message.startswith("Comparison 2"):
            run.signal("stop")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sdpo_core.runs.reporter.REPORT_INTERVAL_S", 0.0)
        run, store = judge(stop_in_the_second, prompts=("a", "b"))
    assert run.status().state == "stopped"
    assert "after 1 of 3" in run.status().message
    assert len(store.pairs.open(purpose="judge", run_id=run.id)) == 1


@pytest.mark.parametrize("kind", ["demo", "general"])
def test_prompt_lists_are_disjoint_and_long_enough(kind: str) -> None:
    starter, judged = ((PROMPTS / f"{name}-{kind}.txt").read_text().splitlines() for name in ("starter", "judge"))
    assert len(starter) == len(judged) == 60
    assert len({*starter, *judged}) == 120
    assert all(prompt and prompt == prompt.strip() for prompt in starter + judged)


@pytest.mark.parametrize("name", ["starter-demo", "judge-demo"])
def test_demo_prompts_are_of_the_demos_grammar(name: str) -> None:
    words = set((PROMPTS / f"{name}.txt").read_text().replace(",", "").split())
    grammar = (
        "a an the at by with and few many pine round green autumn snowy winter day dawn sunset night sun moon clouds "
        "stars trees cactus cacti house boat mountains hills desert dunes sea ocean lake forest"
    )
    assert words <= set(grammar.split())
    assert all("land" in claims(prompt) for prompt in (PROMPTS / f"{name}.txt").read_text().splitlines())


def test_the_demo_has_its_own_judge_prompts() -> None:
    info = inspect_model("demo")
    assert judge_prompts(info) == (PROMPTS / "judge-demo.txt").read_text().splitlines()
    model = load_model("demo", device="cpu")
    told = model.encode_prompts([*judge_prompts(info), ""])
    assert told.context.shape[1] == model.encode_prompts([""]).context.shape[1], "each fits one chunk"
