"""How fast is a training step, and how much memory does it take, compared with public LoRA-DPO scripts?

    python -m bench.speed [--cases demo sd15 sdxl] [--rows …] [--rounds 7] [--steps 3] [--render]

`demo` is the demo model on one CPU thread. `sd15` and `sdxl` have real shapes and random weights (nothing is
downloaded), in bf16 on a CUDA GPU, and are measured where there is one. All rows of a case take turns, round by round,
so that whatever else a machine does affects all of them; the baseline is always among them, and a case's results are
replaced as a whole. Images are random and already in memory: reading files isn't part of a step here.
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from bench.machine import describe_machine, sentence
from bench.random_model import random_model
from bench.ways import BASELINE, MOST_STEPS, WAYS, LiveBytes, Size, Way, Workbench
from sdpo_core.atomic import write_bytes, write_json
from sdpo_core.errors import ModelError
from sdpo_core.families.family import FamilyName
from sdpo_core.families.table import FAMILIES
from sdpo_core.models.registry import load_model
from sdpo_core.settings.train import TrainConfig
from sdpo_core.training.preflight import free_memory
from sdpo_core.training.processes import is_out_of_memory
from sdpo_core.training.train import DRIFT_EVERY_STEPS

RESULTS = Path(__file__).resolve().parent / "results" / "speed.json"
_MATRIX = 8192  # side of the matrices whose product measures the GPU's rate
_PRODUCTS = 20


@dataclass(frozen=True)
class Case:
    """A model at a size."""

    title: str
    size: Size
    family: FamilyName | None = None  # with random weights on CUDA; None: the demo model on the CPU
    tflop: float | None = None  # of a pair-step: forward passes of policy and reference, backward of the policy


def _full_size(title: str, family: FamilyName, size_px: int, tflop: float) -> Case:
    full = FAMILIES[family].training
    micro = full["pairs_per_micro_step"] or full["pairs_per_step"]
    size = Size(size_px, pairs=full["pairs_per_step"], micro=micro, rank=full["rank"])
    return Case(f"{title}, {size_px} px, CUDA, bf16", size, family, tflop)


_DEMO = TrainConfig()
_PAIRS = _DEMO.schedule.pairs_per_step
CASES: dict[str, Case] = {
    "demo": Case(
        "Demo model, 96 px, CPU, one thread, fp32",
        Size(size_px=96, pairs=_PAIRS, micro=_PAIRS, rank=_DEMO.lora.rank),
    ),
    "sd15": _full_size("SD1.5", "sd15", 512, 5.06),
    "sdxl": _full_size("SDXL", "sdxl", 1024, 41.9),
}


def open_case(case: Case) -> Workbench:
    """The model of a case with its pairs; raises `ModelError` if it needs a CUDA GPU and there is none."""
    if case.family is None:
        return Workbench(load_model("demo", device="cpu", precision="fp32", threads=1), case.size)
    if not torch.cuda.is_available():
        raise ModelError(f"{case.title} needs a CUDA GPU, and none was found. Leave it out of --cases.")
    device = torch.device("cuda")
    model = random_model(case.family, device=device, dtype=torch.bfloat16, size_px=case.size.size_px)
    return Workbench(model, case.size)


def measure(bench: Workbench, ways: Sequence[Way], *, rounds: int, steps: int) -> dict[str, Any]:
    """Seconds per pair-step of every way in every round, peak memory, and what one look at the drift costs."""
    rows: dict[str, dict[str, Any]] = {way.name: {"seconds": [], "peak_bytes": 0} for way in ways}
    drift: list[float] = []
    for number in range(rounds):
        for way in ways:
            row = rows[way.name]
            if "problem" in row:
                continue
            try:
                seconds, peak = time_way(bench, way, steps)
                if number == 0 and bench.model.device.type != "cuda":
                    peak = live_bytes(bench, way)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                rows[way.name] = {"problem": "out of memory"}
                continue
            row["seconds"].append(seconds)
            row["peak_bytes"] = max(row["peak_bytes"], peak)
        began = _now(bench.model.device)
        bench.drift_bank.movement(bench.model)
        drift.append(_now(bench.model.device) - began)
        print(f"round {number + 1} of {rounds}", flush=True)
    return {"rows": rows, "drift_seconds": drift, "drift_peak_bytes": drift_bytes(bench)}


def time_way(bench: Workbench, way: Way, steps: int) -> tuple[float, int]:
    """Seconds per pair-step over `steps` steps, and on CUDA the most bytes allocated meanwhile, weights included."""
    device = bench.model.device
    free_memory(device)
    made = bench.steps(way)
    next(made)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    gc.disable()
    try:
        began = _now(device)
        for _ in range(steps):
            next(made)
        seconds = _now(device) - began
    finally:
        gc.enable()
        made.close()
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    return seconds / steps / bench.size.pairs, peak


def live_bytes(bench: Workbench, way: Way) -> int:
    """The most bytes of tensors alive at the same time in one step, without those that existed before it."""
    made = bench.steps(way)
    next(made)
    gc.collect()
    with LiveBytes() as live:
        next(made)
    made.close()
    return live.peak


def drift_bytes(bench: Workbench) -> int:
    """The peak of a look at the drift, counted like a row's."""
    device = bench.model.device
    bench.model.release_encoders()
    free_memory(device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with LiveBytes() as live:
        bench.drift_bank.movement(bench.model)
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else live.peak


def matrix_rate() -> float:
    """TFLOP/s of the GPU for products of square bf16 matrices, the best of a few tries."""
    device = torch.device("cuda")
    a, b, product = (torch.randn(_MATRIX, _MATRIX, device=device, dtype=torch.bfloat16) for _ in range(3))
    best = 0.0
    for _ in range(4):
        began = _now(device)
        for _ in range(_PRODUCTS):
            torch.matmul(a, b, out=product)
        best = max(best, 2 * _MATRIX**3 * _PRODUCTS / (_now(device) - began) / 1e12)
    return best


def _now(device: torch.device) -> float:
    """Seconds on a clock: on a CPU this process's own time, which other programs barely affect."""
    if device.type != "cuda":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()


# --- the table --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Target:
    """A target; `value` of a measured case is None if one of its rows is missing."""

    case: str
    what: str
    kind: str  # "speed", "cost", "memory", "bytes" or "rate"
    row: str
    limit: float
    against: str = BASELINE.name

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.kind in ("speed", "rate")

    def value(self, found: dict[str, Any]) -> float | None:
        """What was measured, in the target's unit."""
        row, other = (found["rows"].get(name, {}) for name in (self.row, self.against))
        if "seconds" not in row or "seconds" not in other:
            return None
        match self.kind:
            case "speed":
                return speed(row, other)
            case "cost":
                return 1 / speed(row, other) - 1
            case "memory":
                return row["peak_bytes"] / other["peak_bytes"]
            case "bytes":
                return row["peak_bytes"] / 1e9
            case _:
                return found["tflop"] / statistics.median(row["seconds"]) / found["matrix_rate"]

    def shown(self, value: float) -> str:
        """A value for a person."""
        match self.kind:
            case "speed":
                return f"{value:.2f} ×"
            case "cost":
                return f"{value:+.1%}"
            case "bytes":
                return f"{value:.1f} GB"
            case _:
                return f"{value:.0%}"


def _targets() -> tuple[Target, ...]:
    found = [
        Target("demo", "joint, speed of the baseline", "speed", "joint", 1.15),
        Target("demo", "`noise_bank`, speed of the baseline", "speed", "noise-bank", 1.5),
        Target("demo", "the same with dropped prompts", "speed", "noise-bank-dropout", 1.5),
    ]
    for case in CASES:
        one_backward = "exact safeguard, against one backward for both sides"
        found.append(Target(case, "exact safeguard, against `none`", "cost", "joint", 0.06, "joint-none"))
        found.append(Target(case, one_backward, "cost", "joint", 0.06, "baseline-cached"))
        if CASES[case].family:
            found.append(Target(case, "split, share of the baseline's peak", "memory", "split", 0.5))
            found.append(
                Target(case, "split, checkpointing `all`, share of the baseline's peak", "memory", "split-all", 0.5)
            )
    return (
        *found,
        Target("sdxl", "split, checkpointing `all`, peak", "bytes", "split-all", 7.0, "split-all"),
        Target("sdxl", "(stretch) joint, share of the card's measured rate", "rate", "joint", 0.45, "joint"),
    )


TARGETS = _targets()


def speed(row: dict[str, Any], other: dict[str, Any]) -> float:
    """How many times as fast as `other`: the median over rounds, because anything that slows a round slows both."""
    return statistics.median(b / a for a, b in zip(row["seconds"], other["seconds"], strict=True))


def command(case: str) -> str:
    """The command that measures a case."""
    return f"python -m bench.speed --cases {case}"


def table(known: dict[str, dict[str, Any]]) -> str:
    """The results as Markdown."""
    lines = [
        "# Speed and memory of a training step",
        "",
        "Made by `python -m bench.speed`. Seconds per pair-step: median over rounds in which all rows took turns, and",
        "their range; on a CPU, of one thread's own time. Speed: against the baseline in the same round, the median.",
        "Peak: on a CPU the tensors alive at the same time in a step, without earlier ones (weights, the",
        "optimiser's moments); on CUDA `torch.cuda.max_memory_allocated`, weights included. GB are 10⁹ bytes.",
        "",
        "## Targets",
        "",
        "| case | what | target | measured | |",
        "|---|---|---|---|---|",
        *(_target_line(target, known.get(target.case)) for target in TARGETS),
    ]
    for name in CASES:
        lines += ["", *_case_lines(name, known.get(name))]
    return "\n".join(lines) + "\n"


def _target_line(target: Target, found: dict[str, Any] | None) -> str:
    limit = f"{'≥' if target.at_least else '≤'} {target.shown(target.limit)}"
    value = target.value(found) if found else None
    if value is None:
        return f"| {target.case} | {target.what} | {limit} | | not measured here: `{command(target.case)}` |"
    met = value >= target.limit if target.at_least else value <= target.limit
    return f"| {target.case} | {target.what} | {limit} | {target.shown(value)} | {'met' if met else '**missed**'} |"


def _case_lines(name: str, found: dict[str, Any] | None) -> list[str]:
    case = CASES[name]
    lines = [f"## {case.title}", ""]
    if found is None:
        return [*lines, f"Not measured here. `{command(name)}` fills it in on a machine with a CUDA card."]
    rate = found.get("matrix_rate")
    lines += [
        f"{found['size']['pairs']} pairs per step, {found['size']['micro']} at a time, "
        f"LoRA rank {found['size']['rank']}; {found['rounds']} rounds of {found['steps']} steps.",
        "",
        "| row | what | s per pair-step | range | speed | peak | of the baseline's | TFLOP/s |",
        "|---|---|---|---|---|---|---|---|",
        *(_row_line(way, found, name) for way in WAYS.values()),
        "",
        _drift_sentence(found),
    ]
    if rate:
        lines.append(
            f"TFLOP/s count {found['tflop']} TFLOP a pair-step, whatever a row computes twice; products of bf16 "
            f"matrices reach {rate:.0f} TFLOP/s on this card."
        )
    return [*lines, "", f"Machine: {sentence(found['machine'])}."]


def _row_line(way: Way, found: dict[str, Any], case: str) -> str:
    row, base = found["rows"].get(way.name), found["rows"][BASELINE.name]
    if row is None:
        return f"| {way.name} | {way.what} | not measured here: `{command(case)}` | | | | | |"
    if "problem" in row:
        return f"| {way.name} | {way.what} | {row['problem']} | | | | | |"
    seconds = row["seconds"]
    middle = statistics.median(seconds)
    compared = "seconds" in base
    cells = (
        way.name,
        way.what,
        f"{middle:.4f}",
        f"{min(seconds):.4f} – {max(seconds):.4f}",
        f"{speed(row, base):.2f} ×" if compared else "",
        f"{row['peak_bytes'] / 1e9:.3f} GB",
        f"{row['peak_bytes'] / base['peak_bytes']:.0%}" if compared else "",
        f"{found['tflop'] / middle:.0f}" if found["tflop"] and "noise_bank" not in way.settings else "",
    )
    return f"| {' | '.join(cells)} |"


def _drift_sentence(found: dict[str, Any]) -> str:
    once = statistics.median(found["drift_seconds"])
    row = found["rows"].get("joint", {})
    text = (
        f"A look at the held-out drift, which no row counts, has a peak of {found['drift_peak_bytes'] / 1e9:.3f} GB "
        f"and takes {once:.2f} s every {DRIFT_EVERY_STEPS} steps"
    )
    if "seconds" not in row:
        return f"{text}."
    share = once / DRIFT_EVERY_STEPS / found["size"]["pairs"] / statistics.median(row["seconds"])
    return f"{text}: {share:+.1%} on `joint`."


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the requested cases, then write the table."""
    parser = argparse.ArgumentParser(description="How fast is a training step, and how much memory does it take?")
    here = list(CASES) if torch.cuda.is_available() else ["demo"]
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=here, help="default: what can be measured")
    parser.add_argument("--rows", nargs="+", choices=list(WAYS), default=list(WAYS), help="with the baseline: all")
    parser.add_argument("--rounds", type=int, default=7, help="how often every row has its turn")
    parser.add_argument("--steps", type=int, default=3, help=f"steps in a turn, at most {MOST_STEPS}")
    parser.add_argument("--render", action="store_true", help="only rewrite the table")
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    if not 1 <= options.steps <= MOST_STEPS or options.rounds < 1:
        parser.error(f"--steps must be 1 to {MOST_STEPS}, and --rounds at least 1")
    results: Path = options.results
    known = json.loads(results.read_text(encoding="utf-8")) if results.is_file() else {}
    ways = [way for way in WAYS.values() if way is BASELINE or way.name in options.rows]
    for name in [] if options.render else options.cases:
        case = CASES[name]
        bench = open_case(case)
        rate = matrix_rate() if case.family else None
        known[name] = {
            "size": asdict(case.size),
            "rounds": options.rounds,
            "steps": options.steps,
            "tflop": case.tflop,
            "matrix_rate": rate,
            **measure(bench, ways, rounds=options.rounds, steps=options.steps),
            "machine": describe_machine(),
        }
        write_json(results, known)
        del bench
    write_bytes(results.with_suffix(".md"), table(known).encode())


if __name__ == "__main__":
    main()
