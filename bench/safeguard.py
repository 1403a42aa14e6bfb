"""What a safeguard does when the learning rate is too high: the same pairs, votes and rate, with one and without.

A simulated person votes on 60 pairs of the demo model; then every safeguard trains on the same votes, through the
command line. Drawn is the held-out winner error at each check.

    python -m bench.safeguard [--quick]
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.cells import BENCH, CACHE, METHOD, VOTES
from bench.journey import run_verb, training_facts
from bench.machine import describe_machine, sentence
from bench.questions import training_pairs
from bench.simulated_user import ORACLES, SimulatedUser
from sdpo_core.atomic import write_bytes, write_json
from sdpo_core.config import repository_root
from sdpo_core.preferences.store import Store
from sdpo_core.training.runs import RunFolder

RESULTS = BENCH / "results" / "safeguard.json"
FIGURE = repository_root() / "docs" / "figures" / "safeguard.svg"
ORACLE, SEED = "warm", 0
RATE = "8e-3"  # four times the default
SAFEGUARDS = {
    "none": "plain DPO",
    "constant": "constant weight .25",
    "output": "output space, μ = .5",
    "rule": "exact rule alone, μ = .5",
    "lora": "exact rule within the budget (default)",
}
FLAGS = {
    "none": ("--safeguard", "none"),
    "constant": ("--safeguard", "constant"),
    "output": ("--safeguard", "output"),
    "rule": ("--safeguard", "lora", "--drift-budget", "0"),
    "lora": ("--safeguard", "lora"),
}
COMMON = ("--learning-rate", RATE, "--checkpoint-every-steps", "10", "--preview-prompts", "0")
_COLOURS = {"none": "#d1495b", "constant": "#8d99ae", "output": "#edae49", "rule": "#9b5de5", "lora": "#00798c"}
_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 460, 70, 110


def run_safeguard(safeguard: str, voted: Path, flags: Sequence[str]) -> dict[str, Any]:
    """Train with `safeguard` in a copy of the workspace `voted`; returns the checks and how it ended."""
    workspace = voted.with_name(safeguard)
    shutil.copytree(voted, workspace)
    run = run_verb("train", workspace, *FLAGS[safeguard], *COMMON, *flags)
    found = {**training_facts(run), "checks": checks(run), "message": run.status().message, "total": run.status().total}
    shutil.rmtree(workspace)
    return found


def checks(run: RunFolder) -> list[dict[str, float]]:
    """Step and held-out winner error of every health check."""
    rows, _ = run.read_metrics()
    return [
        {name: row[name] for name in ("step", "winner_error", "winner_error_se", "margin", "accuracy")}
        for row in rows
        if row["kind"] == "health"
    ]


def table(results: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "# What the safeguard does at a learning rate that is too high",
        "",
        f"Made by `python -m bench.safeguard`: {results['pairs']} pairs of the demo model, one set of votes, peak rate",
        f"{RATE} (four times the default). A run stops itself at two checks in a row over twice the budget and keeps",
        "the last healthy checkpoint, or the least damaged one where none was.",
        "",
        "| safeguard | steps made | highest winner error | accuracy there | kept step | its winner error | in budget |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, title in SAFEGUARDS.items():
        run = results["runs"][name]
        top = max(run["checks"], key=lambda check: check["winner_error"])
        lines.append(
            f"| {title} | {run['steps']} of {run['total']} | {top['winner_error']:+.2%} (step {top['step']}) "
            f"| {top['accuracy']:.0%} | {run['chosen_step']} "
            f"| {run['winner_error']:+.2%} ± {2 * run['winner_error_se']:.2%} | {'yes' if run['healthy'] else 'NO'} |"
        )
    return "\n".join([*lines, "", f"Machine: {sentence(results['machine'])}."]) + "\n"


def figure(results: dict[str, Any]) -> str:
    """Winner error over steps as SVG: one line a safeguard, the budget dashed."""
    runs = results["runs"]
    points = {name: [(0, 0.0), *((c["step"], c["winner_error"]) for c in runs[name]["checks"])] for name in SAFEGUARDS}
    last = max(step for line in points.values() for step, _ in line)
    values = [value for line in points.values() for _, value in line]
    budget = runs["lora"]["budget"]
    low, high = min(*values, 0.0), max(*values, 2 * budget)
    high += 0.05 * (high - low)

    def x(step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - 20) * step / last

    def y(value: float) -> float:
        return 20 + (_HEIGHT - _BOTTOM - 20) * (high - value) / (high - low)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        ' font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        *(_rule(y(value), f"{value:+.0%}") for value in (0.0, budget, 2 * budget)),
        f'<text x="{_WIDTH - 20}" y="{y(budget) - 5:.0f}" text-anchor="end" fill="#555">budget</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - _BOTTOM + 32}">step</text>',
        f'<text x="{x(last):.0f}" y="{_HEIGHT - _BOTTOM + 32}" text-anchor="end">{last}</text>',
        '<text x="14" y="14">held-out winner error against the reference</text>',
    ]
    legend = [(SAFEGUARDS[name], _COLOURS[name]) for name in points] + [("● the checkpoint that is kept", "#555")]
    for i, (title, colour) in enumerate(legend):
        column, row = divmod(i, 3)
        x_text, y_text = _LEFT + 300 * column, _HEIGHT - _BOTTOM + 60 + 18 * row
        parts.append(f'<text x="{x_text}" y="{y_text}" fill="{colour}">{title}</text>')
    for name, line in points.items():
        colour = _COLOURS[name]
        path = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in line)
        kept = runs[name]["chosen_step"]
        kept_value = next((value for step, value in line if step == kept), 0.0)
        parts += [
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>',
            f'<circle cx="{x(kept):.1f}" cy="{y(kept_value):.1f}" r="5" fill="{colour}"/>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _rule(y: float, label: str) -> str:
    return (
        f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{_WIDTH - 20}" y2="{y:.1f}" stroke="#999" stroke-dasharray="4 4"/>'
        f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>'
    )


def write(results: dict[str, Any], path: Path, drawn: Path) -> None:
    """The results as JSON, Markdown and SVG."""
    write_json(path, results)
    write_bytes(path.with_suffix(".md"), table(results).encode())
    write_bytes(drawn, figure(results).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train with every safeguard on the same votes, and write table and figure."""
    parser = argparse.ArgumentParser(description="What a safeguard does when the learning rate is too high.")
    parser.add_argument("--quick", action="store_true", help="few pairs and steps, to see that everything works")
    parser.add_argument("--render", action="store_true", help="only write table and figure anew from the results")
    options = parser.parse_args(arguments)
    if options.render and not RESULTS.is_file():
        return print(f"{RESULTS} is not there, so there is no table to write. Run the bench without --render first.")
    if options.render:
        return write(json.loads(RESULTS.read_text(encoding="utf-8")), RESULTS, FIGURE)
    pairs = 12 if options.quick else VOTES
    flags = ("--steps", "20") if options.quick else ()
    runs: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="sdpo-safeguard-") as folder:
        voted = Path(folder) / "voted"
        plan = training_pairs(SEED, pairs)
        run_verb("generate", voted, "--prompts", *plan.prompts, "--seed", str(plan.first_seed))
        with Store(voted) as store:
            SimulatedUser(ORACLES[ORACLE], seed=SEED).vote_all(store)
        for name in SAFEGUARDS:
            runs[name] = run_safeguard(name, voted, flags)
            print(f"{name}: {runs[name]['message']}", flush=True)
    results = {"pairs": pairs, "rate": RATE, "runs": runs, "method": METHOD, "machine": describe_machine()}
    quick = CACHE / "safeguard.json"
    return write(results, *((quick, quick.with_suffix(".svg")) if options.quick else (RESULTS, FIGURE)))


if __name__ == "__main__":
    main()
