"""Layouts of plain files: our own with invoke-training's columns, OneTrainer's and kohya's folders."""

from pathlib import Path

from sdpo_core.atomic import write_bytes
from sdpo_core.exchange.exporters.outgoing import Outgoing, OutgoingPair, line
from sdpo_core.exchange.importers import jsonl, onetrainer, own


def write_jsonl(folder: Path, pairs: Outgoing) -> Path:
    """`images/` and `metadata.jsonl`, which `importers.jsonl` reads; returns the latter."""
    lines = [line(_row(pair, folder)) for pair in pairs]
    file = folder / jsonl.FILE  # last: a folder without it isn't an export
    write_bytes(file, "".join(f"{text}\n" for text in lines).encode())
    return file


def write_onetrainer(folder: Path, pairs: Outgoing) -> Path:
    """`chosen/`, `rejected/` and `manifest.json`, which `importers.onetrainer` reads; returns the latter."""
    entries: list[str] = []
    for number, pair in enumerate(pairs, start=1):
        name = f"pair_{number:04d}"
        better = pair.better_first()
        _copy(better, folder, (f"chosen/{name}.png", f"rejected/{name}.png"), f"chosen/{name}.txt")
        first, second = better.sides
        entry = {
            "chosen": f"chosen/{name}.png",
            "rejected": f"rejected/{name}.png",
            "chosen_sha256": first.image_sha256,
            "rejected_sha256": second.image_sha256,
            "prompt": pair.prompt,
            own.KEY: better.own(),
        }
        entries.append(line(entry))
    file = folder / onetrainer.MANIFEST
    write_bytes(file, ('{"pairs": [\n' + ",\n".join(entries) + "\n]}\n").encode())
    return file


def write_kohya(folder: Path, pairs: Outgoing) -> Path:
    """`1_pairs/w/`, `1_pairs/l/` with captions next to w; returns `1_pairs`."""
    place = folder / "1_pairs"
    for number, pair in enumerate(pairs, start=1):
        name = f"{number:06d}"
        _copy(pair.better_first(), place, (f"w/{name}.png", f"l/{name}.png"), f"w/{name}.txt")
    return place


def _row(pair: OutgoingPair, folder: Path) -> dict[str, object]:
    names = [f"images/{side.image_sha256}.png" for side in pair.sides]
    for name, image in zip(names, pair.images, strict=True):
        if not (folder / name).is_file():
            write_bytes(folder / name, image.read_bytes())
    return {
        "image_0": names[0],
        "image_1": names[1],
        "prompt": pair.prompt,
        "prefer_0": pair.choice == "left",
        "prefer_1": pair.choice == "right",
        own.KEY: pair.own(),
    }


def _copy(pair: OutgoingPair, folder: Path, names: tuple[str, str], caption: str) -> None:
    for name, image in zip(names, pair.images, strict=True):
        write_bytes(folder / name, image.read_bytes())
    write_bytes(folder / caption, pair.prompt.encode())
