"""Digests of what the code does, which moving it around must not change.

Two small trainings (the demo model, and a tiny random SDXL model), what they write, the golden test's values, and an
import of other tools' images, all through the command line of the checkout in FOLDER. Names of modules don't matter.

    python -m bench.identical [FOLDER] [--write FILE] [--against FILE]

For instance, in a working tree with changes and with the commit before them checked out elsewhere:

    python -m bench.identical ../before --write before.json
    python -m bench.identical --against before.json
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.checkout import Checkout, CheckoutFailed, name_of
from bench.golden import golden_values
from bench.leaves import Parts, candidates, features, leaves, metadata, pairs, pixels, sha256, tensors
from bench.machine import describe_machine
from bench.metadata_pack import write_pack
from tests.tiny_model import build_tiny_sdxl

ROOT = Path(__file__).resolve().parent.parent
INPUTS = "what goes in"
NOT_COMPARED = {
    "modelspec.date": "says when the file was written",
    "sdpo.run": "is made of the date and of chance",
    "sdpo.settings": "may be written differently, in groups for instance; what the settings do is in all other rows",
    "sdpo.versions.sdpo_core": "is our own version, which a release raises",
}
"""Entries of an adapter's header, including those below them, that may differ, and why."""
MEASURED = ("seconds", "rss_mib")
"""Ends of names in `metrics.jsonl`: time and memory, which differ between any two runs."""

_HERE = ("--device", "cpu", "--precision", "fp32", "--threads", "1", "--sampling-steps", "4")
_SHORT = (
    *("--steps", "3", "--checkpoint-every-steps", "2", "--warmup-steps", "1", "--preview-prompts", "1"),
    *("--label-pairs", "0", "--final-strength", "trained", "--bank-draws-per-pair", "2", "--seed", "3"),
    *("--pairs-per-step", "4", "--rank", "2", "--memory", "joint", "--checkpointing", "none"),
)
_PROMPTS = ("a lake at dawn", "a desert", "the sea", "hills", "a forest at night")
_LISTED = 12  # differing parts of a row that are shown
_FORMAT = 1

Rows = dict[str, Parts]


@dataclass(frozen=True)
class Training:
    """One way to get from prompts to an adapter."""

    name: str
    flags: tuple[str, ...]


TRAININGS = (
    Training("demo", ("--pairs-per-micro-step", "4")),  # the defaults
    # Where the defaults do nothing in so few steps: a safeguard that acts immediately, dropped captions, wide targets.
    Training(
        "sdxl",
        (
            *("--drift-budget", "0", "--mu", "0.9", "--caption-dropout", "0.4", "--hold-unconditional", "1"),
            *("--targets", "wide", "--noise", "own", "--learning-rate", "1e-2", "--pairs-per-micro-step", "2"),
        ),
    ),
)


def rows_of(folder: Path) -> Rows:
    """Everything that the code in `folder` does, row by row; raises `CheckoutFailed` when something fails."""
    if not (folder / "sdpo_core").is_dir():
        raise CheckoutFailed(f"{folder} has no folder sdpo_core, so it isn't a checkout of this repository.")
    with tempfile.TemporaryDirectory(prefix="sdpo-identical-") as temporary:
        scratch = Path(temporary)
        checkout = Checkout(folder.resolve(), scratch)
        model, pack = build_tiny_sdxl(scratch / "tiny-sdxl"), scratch / "pack"
        write_pack(pack)
        rows: Rows = {INPUTS: {**_files(model, model.parent), **_files(pack, pack.parent)}}
        for training in TRAININGS:
            source = str(model) if training.name == "sdxl" else training.name
            rows |= _trained(checkout, training, source, scratch / training.name)
        rows["golden test"] = golden_values(checkout, scratch)
        workspace = scratch / "imported"
        checkout.sdpo("import", pack, "--workspace", workspace)
        database = workspace / "studio.db"
        return {**rows, "import: images": candidates(database), "import: pairs": pairs(database)}


def _trained(checkout: Checkout, training: Training, model: str, workspace: Path) -> Rows:
    """Generate, vote, train and export; what is there afterwards."""
    where = ("--workspace", workspace)
    drawing = ("--model", model, *_HERE)
    checkout.sdpo("generate", *where, *drawing, "--seed", "11", "--prompts", *_PROMPTS)
    asked = [json.loads(line) for line in checkout.sdpo("vote", *where, "--json", "--limit", "99").splitlines()]
    for pair in asked:
        choice = ("left", "right", "left", "right", "tie")[_PROMPTS.index(pair["prompt"])]
        checkout.sdpo("vote", *where, str(pair["pair"]), choice)
    checkout.sdpo("train", *where, *drawing, *_SHORT, *training.flags, "--adapter-name", "mine")
    exported = workspace / "exported.safetensors"
    checkout.sdpo("export", *where, "mine", "--base", model, "--to", exported)
    found = {
        "images": {
            path.relative_to(workspace).as_posix(): pixels(path) for path in (workspace / "images").rglob("*.png")
        },
        "recipes": candidates(workspace / "studio.db"),
        "features": features(workspace / "studio.db"),
        **_run(workspace / "runs"),
        "adapter, tensors": tensors(exported),
        "adapter, header": leaves(metadata(exported), keep=_is_compared),
    }
    return {f"{training.name}: {name}": parts for name, parts in found.items()}


def _run(runs: Path) -> Rows:
    """What the one training run among `runs` wrote: its last checkpoint, its numbers and its pictures."""
    trained = [path.parent for path in runs.glob("*/adapter.safetensors")]
    if len(trained) != 1:
        raise CheckoutFailed(f"{runs} has {len(trained)} runs with an adapter.safetensors; expected one.")
    run = trained[0]
    last = max((run / "checkpoints").iterdir())
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    return {
        "checkpoint, tensors": {
            f"{path.name} {name}": digest
            for path in last.glob("*.safetensors")
            for name, digest in tensors(path).items()
        },
        "checkpoint, numbers": {
            place: leaf
            for path in last.glob("*.json")
            for place, leaf in leaves(json.loads(path.read_text(encoding="utf-8")), path.name).items()
        },
        "metrics": leaves(lines, "line", keep=lambda place: not place.endswith(MEASURED)),
        "previews": {
            path.relative_to(run).as_posix(): pixels(path) for path in sorted((run / "previews").rglob("*.png"))
        },
    }


def _files(folder: Path, root: Path) -> Parts:
    return {
        path.relative_to(root).as_posix(): sha256(path.read_bytes()) for path in folder.rglob("*") if path.is_file()
    }


def _is_compared(place: str) -> bool:
    return not any(f"{place}.".startswith(f"{name}.") for name in NOT_COMPARED)


def digest(parts: Parts) -> str:
    """SHA-256 over the sorted parts."""
    return sha256(json.dumps(sorted(parts.items()), ensure_ascii=False).encode())


def table(rows: Rows) -> str:
    """The digests as Markdown."""
    lines = ["| row | parts | SHA-256 |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {len(parts)} | `{digest(parts)}` |" for name, parts in rows.items())])


def differences(before: Rows, now: Rows) -> list[str]:
    """What differs, one line each; empty when nothing does."""
    return [line for name in dict.fromkeys((*before, *now)) for line in _row_differences(name, before, now)]


def _row_differences(name: str, before: Rows, now: Rows) -> Iterator[str]:
    if name not in now or name not in before:
        yield f"{name}: only {'before' if name in before else 'now'}"
        return
    old, new = before[name], now[name]
    places = [place for place in dict.fromkeys((*old, *new)) if old.get(place) != new.get(place)]
    if not places:
        return
    note = "; so the rest says nothing about the code" if name == INPUTS else ""
    yield f"{name}: {len(places)} of {len({**old, **new})} parts differ{note}"
    for place in places[:_LISTED]:
        yield f"    {place}: {old.get(place, 'missing')} → {new.get(place, 'missing')}"
    if len(places) > _LISTED:
        yield f"    and {len(places) - _LISTED} more"


def other_surroundings(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Differences in machine or versions, which may change the last bits of sums; dates aside."""
    return [
        f"{name}: {before.get(name)} → {now[name]}"
        for name in now
        if name not in ("date", "cores", "cores_usable") and before.get(name) != now[name]
    ]


def _read(path: Path) -> dict[str, Any]:
    """What was saved; raises `CheckoutFailed` if it can't be used, before minutes are spent."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckoutFailed(f"{path} can't be read ({error}). Write it with --write.") from error
    if saved.get("format") != _FORMAT:
        raise CheckoutFailed(f"{path} has format {saved.get('format')}; expected {_FORMAT}. Create it again.")
    return saved


def _compare(saved: Mapping[str, Any], now: Mapping[str, Any]) -> int:
    """Print whether the rows are the same; returns the exit code."""
    found = differences(saved["rows"], now["rows"])
    if not found:
        print(f"\nIdentical: {now['code']} does what {saved['code']} did, in {len(now['rows'])} rows.")
        return 0
    print(f"\nDifferent: {now['code']} doesn't do what {saved['code']} did.")
    print("\n".join(found))
    elsewhere = other_surroundings(saved["machine"], now["machine"])
    if elsewhere:
        print("The surroundings differ too, which alone can change last bits: " + "; ".join(elsewhere))
    return 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description="Digests of what the code does, which moving it must not change.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT, metavar="FOLDER", help="a checkout (this one)")
    parser.add_argument("--write", type=Path, metavar="FILE", help="save what was found as JSON")
    parser.add_argument("--against", type=Path, metavar="FILE", help="compare; exit code 1 when anything differs")
    options = parser.parse_args(arguments)
    try:
        saved = _read(options.against) if options.against else None
        rows = rows_of(options.folder)
    except CheckoutFailed as error:
        print(error, file=sys.stderr)
        return 2
    code = name_of(options.folder, "sdpo_core", "assets")
    print(f"{code}\n\n{table(rows)}\n")
    print("Not compared in an adapter's header:")
    print("\n".join(f"- `{name}` {why}" for name, why in NOT_COMPARED.items()))
    now = {"format": _FORMAT, "code": code, "machine": describe_machine(), "rows": rows}
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return _compare(saved, now) if saved else 0


if __name__ == "__main__":
    sys.exit(main())
