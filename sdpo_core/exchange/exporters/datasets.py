"""A Hugging Face `datasets` folder: Parquet in data/ and a card. Needs pyarrow, as `importers.parquet` does.

Pick-a-Pic's columns are what diffusers' DPO scripts read; TRL's are prompt, chosen, rejected. Both get one column more,
`sdpo`: `importers.own` as JSON.
"""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sdpo_core.atomic import replacing, write_bytes
from sdpo_core.exchange.exporters.outgoing import Outgoing, OutgoingPair, line
from sdpo_core.exchange.importers import own
from sdpo_core.exchange.importers.parquet import load_arrow
from sdpo_core.workspace.records import Candidate

_FILE = "data/train-00000-of-00001.parquet"
_ROWS = 16  # held in memory at a time: rows hold images
_CARD = """---
pretty_name: Preferences on generated images
task_categories:
- text-to-image
size_categories:
- {size}
tags:
- preference
- dpo
configs:
- config_name: default
  data_files:
  - split: train
    path: data/train-*
---

# Preferences on generated images

{rows} pairs of images, each with one person's choice, exported by SDPO Studio. {columns}

{counted}

The column `sdpo` contains JSON that other tools ignore: the choice as the studio records it, when it was made, the
negative prompt and how each image was made. The prompts and images are one person's: check them before you share this,
and add a licence.
"""


def write_pick_a_pic(folder: Path, pairs: Outgoing) -> Path:
    """Pick-a-Pic's columns, which diffusers' DPO scripts read; returns the folder. A tie has the labels 0.5 and 0.5.

    Both bad and skipped have no label there (`has_label` false), and 0.5 too, so that no reader takes a side.
    """
    arrow, _ = load_arrow()
    kinds = {
        **dict.fromkeys(("jpg_0", "jpg_1"), arrow.binary()),
        **dict.fromkeys(("label_0", "label_1"), arrow.float64()),
        **dict.fromkeys(("are_different", "has_label"), arrow.bool_()),
        **dict.fromkeys(("ranking_id", "user_id"), arrow.int64()),
        "created_at": arrow.timestamp("ns"),
    }
    texts = ("caption", "best_image_uid", "image_0_uid", "image_1_uid", "model_0", "model_1", own.KEY)
    schema = arrow.schema([*((name, arrow.string()) for name in texts), *kinds.items()])
    about = "The columns are Pick-a-Pic's: `caption`, `jpg_0`, `jpg_1` (PNG), `label_0`, `label_1`, `has_label`."
    return _write(folder, pairs, schema, _pick_a_pic_row, about)


def write_trl(folder: Path, pairs: Outgoing) -> Path:
    """TRL's preference columns with images; returns the folder."""
    arrow, _ = load_arrow()
    image = arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])
    text = {"dtype": "string", "_type": "Value"}
    features = {"prompt": text, "chosen": {"_type": "Image"}, "rejected": {"_type": "Image"}, own.KEY: text}
    fields = [(name, arrow.string() if kind is text else image) for name, kind in features.items()]
    schema = arrow.schema(fields, metadata={"huggingface": line({"info": {"features": features}})})
    return _write(folder, pairs, schema, _trl_row, "The columns are TRL's: `prompt`, `chosen`, `rejected`.")


def _write(
    folder: Path, pairs: Outgoing, schema: Any, row_of: Callable[[OutgoingPair], dict[str, Any]], about: str
) -> Path:
    arrow, parquet = load_arrow()
    choices: Counter[str] = Counter()
    rows: list[dict[str, Any]] = []
    # Without a dictionary, which would hold a row group's images once more, and which readers load whole.
    with (
        replacing(folder / _FILE) as temporary,
        parquet.ParquetWriter(temporary, schema, use_dictionary=False) as writer,
    ):
        for pair in pairs:
            rows.append(row_of(pair))
            choices["decided" if pair.choice in ("left", "right") else pair.choice] += 1
            if len(rows) == _ROWS:
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
                rows = []
        writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
    counted = "Of them: " + ", ".join(f"{count} {choice}" for choice, count in choices.items()) + "."
    total = choices.total()
    card = _CARD.format(rows=total, columns=about, counted=counted if total else "", size=_size(total))
    write_bytes(folder / "README.md", card.encode())
    return folder


def _size(rows: int) -> str:
    """The hub's own word for how many rows there are."""
    limits = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
    return next((word for limit, word in limits.items() if rows < limit), "1M<n<10M")


def _pick_a_pic_row(pair: OutgoingPair) -> dict[str, Any]:
    left, right = pair.sides
    label = {"left": 1.0, "right": 0.0}.get(pair.choice, 0.5)
    best = {"left": left.image_sha256, "right": right.image_sha256, "tie": "tie"}.get(pair.choice, "")
    return {
        "caption": pair.prompt,
        "jpg_0": pair.images[0].read_bytes(),
        "jpg_1": pair.images[1].read_bytes(),
        "label_0": label,
        "label_1": 1.0 - label,
        "has_label": pair.choice in ("left", "right", "tie"),
        "are_different": True,
        "best_image_uid": best,
        "image_0_uid": left.image_sha256,
        "image_1_uid": right.image_sha256,
        "model_0": _model(left),
        "model_1": _model(right),
        "ranking_id": pair.voted.pair.id,
        "user_id": 0,
        "created_at": pair.voted_at.replace(tzinfo=None),
        own.KEY: line(pair.own()),
    }


def _trl_row(pair: OutgoingPair) -> dict[str, Any]:
    better = pair.better_first()
    chosen, rejected = ({"bytes": image.read_bytes(), "path": image.name} for image in better.images)
    return {"prompt": pair.prompt, "chosen": chosen, "rejected": rejected, own.KEY: line(better.own())}


def _model(side: Candidate) -> str:
    """The model's name as far as known: the hash of ours, the name in another tool's metadata."""
    if side.recipe:
        drawn_with = side.recipe.workflow.model if side.recipe.workflow else ""
        return side.recipe.base_sha256 or drawn_with
    return side.made_with.model if side.made_with else ""
