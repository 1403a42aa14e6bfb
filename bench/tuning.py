"""What another setting would do, asked on questions that are not the judge's: defaults are chosen here, and only here.

A trial is one taste, one seed and one set of flags for `train`: 60 pairs, votes of the simulated person, training, and
that person's choice on 60 questions of their own. Trials are kept in a results file, also those of earlier code.

    python -m bench.tuning [--oracles busy] [--seeds 1 4] [-- --learning-rate 1e-3]
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine import describe_machine
from bench.outcome import BENCH, FULL, SAMPLING, answer, code_hash, judge, make_pairs, run_verb, training_facts
from bench.questions import Question, training_prompts
from bench.simulated_user import ORACLES, SimulatedUser
from sdpo_core.atomic import write_bytes, write_json
from sdpo_core.models.registry import load_model
from sdpo_core.preferences.store import Store

RESULTS = BENCH / "results" / "tuning.json"
_PROMPTS_OF = 99  # the bench seed whose training prompts are asked here; no run trains with it
_QUESTIONS = 60
_FIRST_SEED = 7_000_000  # apart from the judge's and from every training image's


def tuning_questions() -> tuple[Question, ...]:
    """Questions from the training half of all prompts, at seeds that nothing else uses."""
    return tuple(Question(p, _FIRST_SEED + i) for i, p in enumerate(training_prompts(_PROMPTS_OF, _QUESTIONS)))


def consistency(person: SimulatedUser, base: Sequence[Any], adapted: Sequence[Any]) -> float:
    """Mean change of the person's score in standard deviations of that change: what the win rate grows with."""
    change = np.array([person.oracle.score(b) - person.oracle.score(a) for a, b in zip(base, adapted, strict=True)])
    return float(change.mean() / change.std(ddof=1))


def table(trials: Sequence[dict[str, Any]]) -> str:
    """The trials as Markdown."""
    lines = [
        "# Trials of settings",
        "",
        f"Made by `python -m bench.tuning`, on {_QUESTIONS} questions that the outcome bench never asks; the standard",
        "error of a win rate is about 5 points. Consistency: mean change of the score over its standard deviation.",
        "",
        "| flags | taste | seed | win rate | shift | consistency | winner error | kept | code |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| `{' '.join(t['flags']) or 'defaults'}` | {t['oracle']} | {t['seed']} | {t['win_rate']:.0%} | "
            f"{t['shift_sigma']:+.2f} σ | {t['consistency']:+.2f} | {t['winner_error']:+.2%} | "
            f"{t['chosen_step']} of {t['steps']} | {t['code']} |"
            for t in sorted(trials, key=lambda t: (t["flags"], t["oracle"], t["seed"]))
        ),
    ]
    return "\n".join(lines) + "\n"


def keep(trial: dict[str, Any], results: Path) -> None:
    """Add a trial to the results and write the table. Read anew, because another process may have added some."""
    known = json.loads(results.read_text(encoding="utf-8"))["trials"] if results.is_file() else []
    same = ("flags", "oracle", "seed", "code", "model")
    trials = [old for old in known if any(old[name] != trial[name] for name in same)] + [trial]
    write_json(results, {"questions": _QUESTIONS, "trials": trials})
    write_bytes(results.with_suffix(".md"), table(trials).encode())


def main(arguments: Sequence[str]) -> None:
    """Run the trials that are asked for."""
    split = arguments.index("--") if "--" in arguments else len(arguments)
    own, flags = arguments[:split], list(arguments[split + 1 :])
    parser = argparse.ArgumentParser(description="What another setting would do. Flags for `train` follow after --.")
    parser.add_argument("--oracles", nargs="+", choices=sorted(ORACLES), default=["busy"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 4])
    options = parser.parse_args(own)
    model = load_model(SAMPLING.model, device=SAMPLING.device, precision=SAMPLING.precision, threads=SAMPLING.threads)
    questions = tuning_questions()
    base = answer(model, questions, None)
    for seed in options.seeds:
        with tempfile.TemporaryDirectory(prefix="sdpo-tuning-") as folder:
            pairs = Path(folder) / "pairs"
            make_pairs(pairs, seed, FULL.pairs)
            for oracle in options.oracles:
                person = SimulatedUser(ORACLES[oracle], seed=seed)
                workspace = Path(shutil.copytree(pairs, Path(folder) / oracle))
                with Store(workspace) as store:
                    person.vote_all(store)
                run = run_verb("train", workspace, *flags)
                adapted = answer(model, questions, run.adapter_path)
                trial = {
                    "flags": flags,
                    "oracle": oracle,
                    "seed": seed,
                    **judge(person, base, adapted),
                    "consistency": consistency(person, base, adapted),
                    **training_facts(run),
                    "code": code_hash(FULL),
                    "model": model.info.sha256,
                    "machine": describe_machine(),
                }
                keep(trial, RESULTS)
                print(
                    f"{oracle} {seed} {' '.join(flags)}: {trial['win_rate']:.0%}, {trial['shift_sigma']:+.2f} σ",
                    flush=True,
                )


if __name__ == "__main__":
    main(sys.argv[1:])
