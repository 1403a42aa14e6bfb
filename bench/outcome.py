"""Does training on votes make images that the voter likes better? A simulated person votes, and judges blind.

One cell is one taste and one seed: a fresh workspace, 60 pairs from the demo model, all voted on, training with default
settings, then the same person's choice between base and adapter on 100 questions that nothing was trained on, at the
same seeds and the usual guidance. Everything goes through the command line, as a person's run does.

    python -m bench.outcome [--oracles warm busy sun] [--seeds 0 1 2] [--again] [--quick]

A cell whose result is in the results file for the same code and model is skipped, so an interrupted run goes on. Cells
of other code or another model leave the file with the first new one.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.machine import describe_machine, sentence
from bench.questions import Question, first_training_seed, judge_questions, training_prompts
from bench.simulated_user import ORACLES, SimulatedUser
from sdpo_core.atomic import replacing, write_bytes, write_json
from sdpo_core.config import Sampling, repository_root
from sdpo_core.errors import RunError
from sdpo_core.evaluation.judge import wilson_interval
from sdpo_core.files.adapter_info import read_adapter_info
from sdpo_core.generation import build_recipe, sample
from sdpo_core.models.attach import attach_adapter
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.registry import load_model
from sdpo_core.preferences.store import Store
from sdpo_core.training.runs import RunFolder

BENCH = Path(__file__).resolve().parent
CACHE = BENCH / ".cache" / "outcome"
RESULTS = BENCH / "results" / "outcome.json"
SAMPLING = Sampling(model="demo")
JUDGE_BATCH = 10  # images sampled together, the same for base and adapter
SHEET_COLUMNS = 12
# What decides the numbers besides the model and the settings.
CODE = (
    *(
        "sdpo_core/config.py",
        "sdpo_core/generation.py",
        "sdpo_core/objective",
        "sdpo_core/training",
        "sdpo_core/preferences/pairs.py",
        "sdpo_core/models",
    ),
    *("bench/outcome.py", "bench/simulated_user.py", "bench/detector.py", "bench/questions.py"),
    *("bench/outcome_prompts.json", "demo/scenes"),
)


@dataclass(frozen=True)
class Size:
    """How large a cell is."""

    pairs: int
    questions: int
    train_arguments: tuple[str, ...] = ()  # none: default settings


FULL = Size(pairs=60, questions=100)
QUICK = Size(pairs=12, questions=8, train_arguments=("--steps", "10"))  # only shows that everything fits together


class Bench:
    """What all cells share: the model, the judge's base images, the results so far."""

    def __init__(self, size: Size, results: Path) -> None:
        self.size, self.results = size, results
        self.code = code_hash(size)
        self.questions = judge_questions()[: size.questions]
        self.model: DiffusionModel = load_model(
            SAMPLING.model, device=SAMPLING.device, precision=SAMPLING.precision, threads=SAMPLING.threads
        )
        self.cells = read_cells(results, code=self.code, model=self.model.info.sha256)

    def scale(self) -> dict[str, int]:
        """How large the cells are, for the results file."""
        return {"pairs": self.size.pairs, "questions": len(self.questions)}

    def base_images(self) -> list[Image.Image]:
        """The base model's answers to the judge's questions, from the cache or drawn now."""
        key = hashlib.sha256(f"{self.model.info.sha256} {self.code}".encode()).hexdigest()[:16]
        path = CACHE / f"base-{key}.npy"
        if not path.is_file():
            images = answer(self.model, self.questions, None)
            with replacing(path) as temporary:
                np.save(temporary, np.stack([np.asarray(image) for image in images]))
            return images
        return [Image.fromarray(pixels) for pixels in np.load(path)]

    def run_cell(self, oracle: str, seed: int, voted_on: Path) -> dict[str, Any]:
        """Vote, train and judge in a copy of the workspace `voted_on`; returns and stores the cell."""
        person = SimulatedUser(ORACLES[oracle], seed=seed)
        workspace = voted_on.with_name(f"{oracle}-{seed}")
        shutil.copytree(voted_on, workspace)
        with Store(workspace) as store:
            votes = person.vote_all(store)
        began, cpu_began = time.perf_counter(), children_cpu_s()
        run = run_verb("train", workspace, *self.size.train_arguments)
        train_s, train_cpu_s = time.perf_counter() - began, children_cpu_s() - cpu_began
        base = self.base_images()
        adapted = answer(self.model, self.questions, run.adapter_path)
        cell = {
            "oracle": oracle,
            "seed": seed,
            "votes": dict(votes),
            **judge(person, base, adapted),
            **training_facts(run),
            "train_s": round(train_s, 1),
            "train_cpu_s": round(train_cpu_s, 1),
            "code": self.code,
            "model": self.model.info.sha256,
            "machine": describe_machine(),
        }
        # Read anew: another process may have finished cells meanwhile.
        known = read_cells(self.results, code=self.code, model=self.model.info.sha256)
        self.cells = {**known, f"{oracle}-{seed}": cell}
        write_json(self.results, {"size": self.scale(), "cells": self.cells})
        save_sheet(CACHE / f"{self.results.stem}-{oracle}-{seed}.png", base, adapted)
        shutil.rmtree(workspace)
        return cell


def code_hash(size: Size) -> str:
    """Hash over the files in `CODE` and the size of a cell."""
    digest = hashlib.sha256(repr(size).encode())
    for name in CODE:
        place = repository_root() / name
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def children_cpu_s() -> float:
    """CPU seconds of finished child processes so far: what a shared machine can't blur. Windows counts none."""
    used = os.times()
    return used.children_user + used.children_system


def read_cells(results: Path, *, code: str, model: str) -> dict[str, dict[str, Any]]:
    """The cells of a results file that were run with this code and model; none when there is no file yet."""
    if not results.is_file():
        return {}
    cells: dict[str, dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["cells"]
    return {name: cell for name, cell in cells.items() if (cell["code"], cell["model"]) == (code, model)}


def make_pairs(workspace: Path, seed: int, count: int) -> None:
    """Fill a fresh workspace with `count` pairs from the demo model, one a prompt."""
    prompts = training_prompts(seed, count)
    run_verb("generate", workspace, "--prompts", *prompts, "--seed", str(first_training_seed(seed)))


def run_verb(verb: str, workspace: Path, *arguments: str) -> RunFolder:
    """Run a job by the command line, as a person would; raises RunError with its last words when it fails."""
    command = [sys.executable, "-m", "sdpo_core", verb, "--json", "--workspace", str(workspace), *arguments]
    done = subprocess.run(command, cwd=repository_root(), capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise RunError(f"{verb} failed in {workspace} (exit code {done.returncode}):\n{done.stderr[-2000:]}")
    return RunFolder.open(Path(json.loads(lines[-1])["run"]))


def answer(model: DiffusionModel, questions: Sequence[Question], adapter: Path | None) -> list[Image.Image]:
    """One image a question, with the adapter in a file or with the base alone."""
    loaded = attach_adapter(model, adapter, strength=1.0, branch="both") if adapter else None
    images: list[Image.Image] = []
    for start in range(0, len(questions), JUDGE_BATCH):
        batch = questions[start : start + JUDGE_BATCH]
        recipes = [
            build_recipe(
                model,
                SAMPLING,
                prompt=one.prompt,
                negative="",
                seed=one.seed,
                batch=len(batch),
                adapters=(loaded.use,) if loaded else (),
            )
            for one in batch
        ]
        images += sample(model, recipes, lora=loaded.lora if loaded else None)
    if loaded:
        loaded.lora.remove()
    return images


def judge(person: SimulatedUser, base: Sequence[Image.Image], adapted: Sequence[Image.Image]) -> dict[str, Any]:
    """The person's choices between base and adapter, and how far the score moved in σ of the base's scores."""
    choices = [person.choose(*pair) for pair in zip(base, adapted, strict=True)]
    wins, ties, n = choices.count("right"), choices.count("tie"), len(choices)
    low, high = wilson_interval(wins + ties / 2, n)
    before, after = (np.array([person.oracle.score(image) for image in images]) for images in (base, adapted))
    return {
        "wins": wins,
        "losses": n - wins - ties,
        "ties": ties,
        "win_rate": (wins + ties / 2) / n,
        "low": low,
        "high": high,
        "shift_sigma": float((after - before).mean() / before.std(ddof=1)),
    }


def training_facts(run: RunFolder) -> dict[str, Any]:
    """What the run says about its adapter: the chosen checkpoint and its health."""
    facts = read_adapter_info(run.adapter_path).sdpo or {}
    rows, _ = run.read_metrics()
    health = next(row for row in reversed(rows) if row["kind"] == "health" and row["step"] == facts["step"])
    return {
        "steps": run.status().step,
        "chosen_step": facts["step"],
        "trained_pairs": facts["pairs"],
        **{name: health[name] for name in ("winner_error", "winner_error_se", "held_out", "healthy", "budget")},
    }


def save_sheet(path: Path, base: Sequence[Image.Image], adapted: Sequence[Image.Image]) -> None:
    """The first questions side by side for the eye: base above, adapter below."""
    rows = [
        np.concatenate([np.asarray(image) for image in images[:SHEET_COLUMNS]], axis=1) for images in (base, adapted)
    ]
    with replacing(path) as temporary:
        Image.fromarray(np.concatenate(rows)).save(temporary)


def table(cells: dict[str, dict[str, Any]], size: dict[str, int]) -> str:
    """The results as Markdown."""
    ordered = sorted(cells.values(), key=lambda cell: (list(ORACLES).index(cell["oracle"]), cell["seed"]))
    flag = "" if size["pairs"] == FULL.pairs else f" --pairs {size['pairs']}"
    lines = [
        "# Taste recovery by simulated people",
        "",
        f"Made by `python -m bench.outcome{flag}`."
        f" Each cell: {size['pairs']} pairs, default settings, {size['questions']}",
        "unseen questions at the model's own guidance; a tie counts half. Shift: mean change of the person's score in",
        "σ of the base's scores. Winner error: on held-out pairs at the kept checkpoint, ± 2 standard errors.",
        "",
        "| taste | seed | win rate | 95 % interval | shift | winner error | steps (kept) | in budget | training |",
        "|---|---|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(_columns(cell))} |" for cell in ordered),
        "",
        worst(cells),
        "",
    ]
    machines = "; ".join(dict.fromkeys(sentence(cell["machine"]) for cell in ordered))
    return "\n".join([*lines, f"Machine: {machines}."]) + "\n"


def worst(cells: dict[str, dict[str, Any]]) -> str:
    """The cell with the lowest win rate, as a sentence."""
    cell = min(cells.values(), key=lambda cell: cell["win_rate"])
    return f"Worst cell: {cell['oracle']}, seed {cell['seed']}, with {cell['win_rate']:.1%}."


def _columns(cell: dict[str, Any]) -> Iterator[str]:
    yield cell["oracle"]
    yield str(cell["seed"])
    yield f"{cell['win_rate']:.1%}"
    yield f"{cell['low']:.1%} – {cell['high']:.1%}"
    yield f"{cell['shift_sigma']:+.2f} σ"
    where = "" if cell["held_out"] else " (training pairs)"
    yield f"{cell['winner_error']:+.2%} ± {2 * cell['winner_error_se']:.2%}{where}"
    yield f"{cell['steps']} ({cell['chosen_step']})"
    yield "yes" if cell["healthy"] else "NO"
    yield f"{cell['train_s']:.0f} s ({cell['train_cpu_s']:.0f} s of CPU)"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the cells that are asked for and not known yet, then write the table."""
    parser = argparse.ArgumentParser(description="Does training on votes make images that the voter likes better?")
    parser.add_argument("--oracles", nargs="+", choices=sorted(ORACLES), default=["warm", "busy", "sun"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--again", action="store_true", help="run cells anew that are known already")
    parser.add_argument("--quick", action="store_true", help="a tiny cell, to see that everything works")
    parser.add_argument("--pairs", type=int, default=FULL.pairs, help="another number of pairs has its own table")
    options = parser.parse_args(arguments)
    results = RESULTS if options.pairs == FULL.pairs else RESULTS.with_stem(f"outcome-{options.pairs}-pairs")
    size = Size(pairs=options.pairs, questions=FULL.questions)
    bench = Bench(*((QUICK, CACHE / "quick.json") if options.quick else (size, results)))
    for seed in options.seeds:
        wanted = [oracle for oracle in options.oracles if options.again or f"{oracle}-{seed}" not in bench.cells]
        if not wanted:
            continue
        with tempfile.TemporaryDirectory(prefix="sdpo-outcome-") as folder:
            pairs = Path(folder) / "pairs"
            print(f"seed {seed}: making {bench.size.pairs} pairs…", flush=True)
            make_pairs(pairs, seed, bench.size.pairs)
            for oracle in wanted:
                print(" | ".join(_columns(bench.run_cell(oracle, seed, pairs))), flush=True)
    write_bytes(bench.results.with_suffix(".md"), table(bench.cells, bench.scale()).encode())
    print(worst(bench.cells))


if __name__ == "__main__":
    main()
