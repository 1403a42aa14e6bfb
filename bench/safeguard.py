"""What a safeguard does when the learning rate is too high: the same pairs, votes and rate, with one and without.

A simulated person votes on 60 pairs of the demo model; then every safeguard trains on the same votes, through the
command line. The figure shows the held-out winner error at each check.

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
from bench.figures import Line, Panel, chart
from bench.journey import run_verb, training_facts
from bench.machine import describe_machine, sentence
from bench.questions import training_pairs
from bench.simulated_user import ORACLES, SimulatedUser
from sdpo_core.atomic import write_bytes, write_json
from sdpo_core.paths import repository_root
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace.store import Store

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
    """Winner error over steps as SVG: one line per safeguard, the budget dashed."""
    runs = results["runs"]
    budget = runs["lora"]["budget"]
    lines = [_line(SAFEGUARDS[name], runs[name]) for name in SAFEGUARDS]
    last = max(step for line in lines for step, _ in line.points)
    panel = Panel(
        "What a safeguard does at a rate that is too high",
        lines,
        x_ticks=[0, last],
        y_ticks=[0.0, budget, 2 * budget],
        x_label="step",
        y_label="held-out winner error against the reference",
        y_form="+.0%",
        rule_names=[(budget, "budget")],
    )
    return chart([panel], ["● the checkpoint that is kept"])


def _line(title: str, run: dict[str, Any]) -> Line:
    points = [(0, 0.0), *((check["step"], check["winner_error"]) for check in run["checks"])]
    kept = run["chosen_step"]
    return Line(title, points, mark=(kept, dict(points).get(kept, 0.0)))


def write(results: dict[str, Any], path: Path, drawn: Path) -> None:
    """The results as JSON, Markdown and SVG."""
    write_json(path, results)
    write_bytes(path.with_suffix(".md"), table(results).encode())
    write_bytes(drawn, figure(results).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Train with every safeguard on the same votes, and write table and figure."""
    parser = argparse.ArgumentParser(description="What a safeguard does when the learning rate is too high.")
    parser.add_argument("--quick", action="store_true", help="few pairs and steps, to see that everything works")
    parser.add_argument("--render", action="store_true", help="only rewrite table and figure from the results")
    options = parser.parse_args(arguments)
    if options.render and not RESULTS.is_file():
        return print(f"{RESULTS} doesn't exist, so there is no table to write. Run the bench without --render first.")
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
