"""What the studio's tests share: pairs without a model, and jobs that are real processes but take no time."""

import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.records import AdapterUse, Pair, Purpose, Recipe
from sdpo_core.workspace.store import Store

FAKE_JOB = (sys.executable, str(Path(__file__).with_name("fake_job.py")))
BASE = "b" * 64
ADAPTER = "a" * 64


def recipe(prompt: str, seed: int, base_sha256: str = BASE, *, adapter: str | None = None) -> Recipe:
    return Recipe(
        prompt=prompt,
        seed=seed,
        sampler="ddim",
        steps=2,
        guidance=3.0,
        width_px=64,
        height_px=64,
        base_sha256=base_sha256,
        adapters=(AdapterUse(sha256=adapter),) if adapter else (),
        device="cpu",
        dtype="float32",
        threads=1,
        batch=1,
        scheduler="{}",
    )


def add_pair(
    store: Store,
    number: int,
    prompt: str = "a lake",
    base_sha256: str = BASE,
    purpose: Purpose = "train",
    run_id: str | None = None,
    adapter: str | None = None,
) -> Pair:
    """One pair of plain images, of an adapter if it is named; in a judge pair only the second image is its."""
    candidates = []
    for side in (0, 1):
        image = Image.new("RGB", (64, 64), (40 * number % 256, 120 * side + 60, number * 7 % 256))
        used = adapter if purpose == "train" else (adapter or ADAPTER) if side else None
        made = recipe(prompt, 10_000 + 2 * number + side, base_sha256, adapter=used)
        candidates.append(store.candidates.add(image, made))
    return store.pairs.add(candidates[0].id, candidates[1].id, purpose=purpose, run_id=run_id)


def make_blind_test(
    workspace: Path, comparisons: int, adapter: str = "mine", *, sha256: str = ADAPTER, first: int = 500
) -> RunFolder:
    """A blind test with all its pairs; a different `first` gives different images."""
    run = RunFolder.create(workspace / "runs", "judge", {"comparisons": comparisons, "adapter": adapter})
    run.write_status(run.status().model_copy(update={"state": "done"}))
    with Store(workspace) as store:
        for number in range(comparisons):
            prompt = f"a judged lake {number}"
            add_pair(store, first + number, prompt, purpose="judge", run_id=run.id, adapter=sha256)
    return run


def answer(shown: dict[str, Any], best: int = 0, worst: int | None = 1) -> dict[str, Any]:
    """A board's message about a set of images as it was shown; best and worst by their places."""
    chosen = {"best": shown["candidates"][best], "worst": None if worst is None else shown["candidates"][worst]}
    named = {name: shown[name] for name in ("candidates", "images")}
    return {"uuid": str(uuid.uuid4()), **named, **chosen, "ms": 1500}


def wait_for(condition: Callable[[], object], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def end_processes(workspace: Path) -> None:
    """End our own children that work on `workspace`."""
    for child in psutil.Process().children(recursive=True):
        try:
            if str(workspace) in " ".join(child.cmdline()):
                child.kill()
                child.wait(5)
        except psutil.NoSuchProcess:
            continue
