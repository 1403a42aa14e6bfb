"""Pairs from elsewhere: every layout that people have, what is refused, and that nothing is added twice."""

import importlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sdpo_core.errors import ConfigError, StoreError
from sdpo_core.exchange.importers import LAYOUTS, detect, layout_named, open_folder
from sdpo_core.exchange.pairs import ImportReport, export_pairs, import_pairs
from sdpo_core.images.files import decode_image, encode_png
from sdpo_core.workspace.imported import Added, ImportedImage, ImportedPair
from sdpo_core.workspace.pairs import split_held_out, training_pairs
from sdpo_core.workspace.records import VotedPair
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import BASE, add_pair, picture, vote_on

arrow: Any = importlib.import_module("pyarrow")  # untyped
parquet: Any = importlib.import_module("pyarrow.parquet")

WINNER, LOSER = (250, 0, 0), (0, 0, 250)


def paint(path: Path, seed: int, colour: tuple[int, int, int], suffix: str = ".png") -> None:
    """An image of its own for every seed; the winner is red and the loser blue."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (64, 64), colour)
    image.paste(picture(seed), (0, 0))
    image.save(path.with_suffix(suffix), lossless=True) if suffix == ".webp" else image.save(path.with_suffix(suffix))


def onetrainer(root: Path) -> None:
    for i in range(3):
        paint(root / f"chosen/pair_{i:04d}", i, WINNER)
        paint(root / f"rejected/pair_{i:04d}", i, LOSER, ".webp")
        (root / f"chosen/pair_{i:04d}.txt").write_text(f"prompt {i}\n", encoding="utf-8")
    (root / "manifest.json").write_text("{}", encoding="utf-8")


def kohya(root: Path) -> None:
    for i in range(3):
        paint(root / f"{i % 2 + 1}_name/w/{i}", i, WINNER)
        paint(root / f"{i % 2 + 1}_name/l/{i}", i, LOSER)
        (root / f"{i % 2 + 1}_name/w/{i}.caption").write_text(f"prompt {i}", encoding="utf-8")


def jsonl(root: Path) -> None:
    rows: list[dict[str, Any]] = []
    for i in range(3):
        paint(root / f"images/{i}_a", i, WINNER if i % 2 else LOSER)
        paint(root / f"images/{i}_b", i, LOSER if i % 2 else WINNER)
        names = {"image_0": f"images/{i}_a.png", "image_1": f"images/{i}_b.png"}
        rows.append({**names, "prompt": f"prompt {i}", "prefer_0": bool(i % 2), "prefer_1": not i % 2})
    (root / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def two_folders(root: Path) -> None:
    for i in range(3):
        paint(root / f"good/{i}", i, WINNER)
        paint(root / f"bad/{i}", i, LOSER)
        (root / f"bad/{i}.txt").write_text(f"prompt {i}", encoding="utf-8")


def bring_in(store: Store, root: Path, **options: str) -> ImportReport:
    folder = open_folder(root, workspace=store.workspace, **options)
    return import_pairs(store, LAYOUTS[detect(folder)].read(folder))


def winner_is_red(store: Store, voted: VotedPair) -> bool:
    better = voted.pair.left if voted.vote.choice == "left" else voted.pair.right
    with Image.open(store.images.path(better.image_sha256)) as image:
        return image.getpixel((40, 40)) == WINNER


@pytest.mark.parametrize(
    ("name", "make"),
    [("onetrainer", onetrainer), ("kohya", kohya), ("jsonl", jsonl), ("two-folders", two_folders)],
)
def test_each_layout_is_found_out_and_its_winners_win(
    store: Store, tmp_path: Path, name: str, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "theirs")
    assert detect(open_folder(tmp_path / "theirs")) == name
    report = bring_in(store, tmp_path / "theirs")
    assert report.troubles == []
    assert report.added == Added(pairs=3, votes=3)
    voted = store.pairs.voted(purpose="train")
    assert sorted(v.pair.left.prompt for v in voted) == ["prompt 0", "prompt 1", "prompt 2"]
    assert all(winner_is_red(store, v) for v in voted)
    assert all(v.pair.left.recipe is None for v in voted), "which model made them is unknown"
    assert all(side.key == side.image_sha256 for v in voted for side in (v.pair.left, v.pair.right))


def test_the_side_does_not_tell_the_winner(store: Store, tmp_path: Path) -> None:
    for i in range(40):
        paint(tmp_path / f"chosen/{i}", i, WINNER)
        paint(tmp_path / f"rejected/{i}", i, LOSER)
    assert bring_in(store, tmp_path, prompt="a lake").added.votes == 40
    left = sum(voted.vote.choice == "left" for voted in store.pairs.voted(purpose="train"))
    assert 8 <= left <= 32  # 40 fair coins leave this range once in 10 000 times


def test_the_same_import_twice_adds_nothing_and_a_persons_vote_stands(store: Store, tmp_path: Path) -> None:
    onetrainer(tmp_path)
    bring_in(store, tmp_path)
    one, other, third = store.pairs.voted(purpose="train")
    changed = "right" if one.vote.choice == "left" else "left"
    store.votes.cast("mine", one.pair.id, changed)
    store.votes.undo("undone", other.vote.uuid)
    before = store.counts()
    report = bring_in(store, tmp_path)
    assert report.added == Added()
    assert report.sentence() == "0 of 3 pairs imported with their votes; 3 already had votes here and are unchanged."
    assert store.counts() == before
    assert {v.vote.choice for v in store.pairs.voted(purpose="train") if v.pair.id == one.pair.id} == {changed}
    assert third in store.pairs.voted(purpose="train")


def test_troubles_are_counted_and_named_and_the_rest_comes_in(store: Store, tmp_path: Path) -> None:
    onetrainer(tmp_path)
    (tmp_path / "chosen/pair_0000.png").write_bytes(b"\x89PNG\r\n\x1a\n cut short")
    (tmp_path / "chosen/pair_0001.txt").unlink()
    paint(tmp_path / "rejected/alone", 9, LOSER)
    report = bring_in(store, tmp_path)
    assert report.added == Added(pairs=1, votes=1)
    told = {trouble.name: trouble.reason for trouble in report.troubles}
    assert "can't be decoded as a PNG, JPEG or WebP image" in told["chosen/pair_0000.png"]
    assert told["chosen/pair_0001.png"].startswith("has no caption; add a .txt file, or set one prompt")
    assert told["rejected/alone.png"] == "has no match in chosen"
    assert report.sentence() == "1 of 4 pairs imported with their votes; 3 couldn't be used."
    assert bring_in(store, tmp_path, prompt="a lake").added == Added(pairs=1, votes=1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"image_0": "../secret.png"}, "'../secret.png' is outside the folder"),
        ({"image_0": "a/../../secret.png"}, "is outside the folder"),
        ({"image_0": "ABSOLUTE"}, "is outside the folder"),
        ({"image_0": "link.png"}, "'link.png' is outside the folder"),
        ({"image_0": "loop.png"}, "'loop.png' isn't"),
        ({"image_0": "a\0.png"}, "isn't a file name"),
        ({"image_0": "images"}, "'images' is missing"),
        ({"image_0": None}, "expected the name of an image"),
        ({"image_0": ["0_a.png"]}, "expected the name of an image"),
        ({"prompt": ""}, "has no prompt"),
        ({"prompt": 5}, "has no prompt"),
        ({"prefer_0": None}, "doesn't say which image is better"),
        ({"sdpo": {"recipe_0": {"seed": 1}}}, "has a recipe_0 that this version can't read"),
        ({"image_1": "images/0_a.png"}, "both images are the same"),
        ({"prompt": "half \ud800 of one"}, "its prompt isn't valid Unicode text"),
        ({"prompt": "a" * 70_000}, "its prompt has 70,000 bytes; the limit is 65,536"),
        ("no object", "isn't a JSON object"),
        ("\udcff", "isn't JSON"),
    ],
)
def test_a_line_that_lies_or_leads_out_is_refused_by_name(
    store: Store, tmp_path: Path, row: dict[str, Any] | str, reason: str
) -> None:
    root = tmp_path / "theirs"
    jsonl(root)
    paint(tmp_path / "secret", 77, WINNER)
    if hasattr(os, "symlink"):
        (root / "link.png").symlink_to(tmp_path / "secret.png")
        (root / "loop.png").symlink_to(root / "loop.png")
    good = json.loads((root / "metadata.jsonl").read_text(encoding="utf-8").splitlines()[0])
    bad = {**good, **row} if isinstance(row, dict) else row
    text = "{\udcff" if row == "\udcff" else json.dumps(bad)
    text = text.replace("ABSOLUTE", (tmp_path / "secret.png").as_posix())
    (root / "metadata.jsonl").write_bytes(f"{text}\n{json.dumps(good)}\n".encode(errors="surrogateescape"))
    report = bring_in(store, root)
    assert report.added.votes == 1
    ((name, told),) = report.troubles
    assert name in ("metadata.jsonl line 1", "images/0_a.png")
    assert reason in told


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="no links here")
def test_links_out_of_a_folder_of_images_are_not_followed(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "theirs"
    onetrainer(root)
    paint(tmp_path / "secret", 77, WINNER)
    (tmp_path / "secret.txt").write_text("a secret", encoding="utf-8")
    (root / "chosen/pair_0000.png").unlink()
    (root / "chosen/pair_0000.png").symlink_to(tmp_path / "secret.png")
    (root / "chosen/pair_0001.txt").unlink()
    (root / "chosen/pair_0001.txt").symlink_to(tmp_path / "secret.txt")
    report = bring_in(store, root)
    assert report.added.votes == 1
    assert all("is outside the folder" in trouble.reason for trouble in report.troubles)


def test_ties_stay_ties(store: Store, tmp_path: Path) -> None:
    jsonl(tmp_path)
    row = json.loads((tmp_path / "metadata.jsonl").read_text(encoding="utf-8").splitlines()[0])
    row |= {"prefer_0": True, "prefer_1": True}
    (tmp_path / "metadata.jsonl").write_text(json.dumps(row), encoding="utf-8")
    bring_in(store, tmp_path)
    assert store.counts().ties == 1


def test_two_folders_whose_names_say_nothing_need_a_word(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "pairs"
    for i in range(2):
        paint(root / f"mine/{i}", i, WINNER)
        paint(root / f"theirs/{i}", i, LOSER)
    with pytest.raises(StoreError, match="Say which with --winners mine or --winners theirs"):
        bring_in(store, root, prompt="a lake")
    with pytest.raises(StoreError, match="--winners names ours, but the folders are mine and theirs"):
        bring_in(store, root, prompt="a lake", winners="ours")
    assert bring_in(store, root, prompt="a lake", winners="mine").added.votes == 2
    assert all(winner_is_red(store, voted) for voted in store.pairs.voted(purpose="train"))


def test_a_folder_of_no_layout_and_a_misspelt_layout(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="matches no known layout"):
        detect(open_folder(tmp_path))
    with pytest.raises(StoreError, match="isn't a folder"):
        open_folder(tmp_path / "none")
    with pytest.raises(ConfigError, match=r"Unknown layout: koya. Did you mean kohya\?"):
        layout_named("koya")


def test_one_image_under_two_prompts_is_two_candidates(store: Store, tmp_path: Path) -> None:
    """Black images replace filtered ones in public sets, under any prompt."""
    jsonl(tmp_path)
    row = json.loads((tmp_path / "metadata.jsonl").read_text(encoding="utf-8").splitlines()[0])
    again = {**row, "prompt": "another"}
    (tmp_path / "metadata.jsonl").write_text(f"{json.dumps(row)}\n{json.dumps(again)}\n", encoding="utf-8")
    assert bring_in(store, tmp_path).added == Added(pairs=2, votes=2)
    assert bring_in(store, tmp_path).added == Added()
    assert store.counts().candidates == 4


def facts(store: Store) -> list[tuple[object, ...]]:
    """What has to survive a round trip."""
    return sorted(
        (v.pair.left.prompt, v.pair.left.negative, v.vote.choice, v.pair.left.recipe, v.pair.right.image_sha256)
        for v in store.pairs.voted(purpose="train")
    )


def test_our_own_export_comes_back_as_it_was(store: Store, tmp_path: Path) -> None:
    for seed, choice in enumerate(("left", "right", "tie", "both-bad", "skip")):
        vote_on(store, add_pair(store, seed, f"prompt {seed}", run_id="some run"), choice)
    add_pair(store, 20)  # open: stays out
    vote_on(store, add_pair(store, 21, purpose="judge", run_id="j"))  # blind: stays out
    report = export_pairs(store, tmp_path / "out")
    assert (report.pairs, report.missing) == (5, ())
    with Store(tmp_path / "other") as other:
        assert bring_in(other, tmp_path / "out").added == Added(pairs=5, votes=5)
        assert facts(other) == facts(store)
        assert len(training_pairs(other, BASE).usable) == 2, "recipes came along, so these train as their own"
    before = store.counts()
    assert bring_in(store, tmp_path / "out").added == Added()
    assert store.counts() == before


def test_other_readers_find_their_own_columns_in_the_export(store: Store, tmp_path: Path) -> None:
    vote_on(store, add_pair(store, 0), "right")
    export_pairs(store, tmp_path / "out")
    (line,) = (tmp_path / "out/metadata.jsonl").read_text(encoding="utf-8").splitlines()
    row = json.loads(line)
    assert (row["prompt"], row["prefer_0"], row["prefer_1"]) == ("a lake", False, True)
    for name in (row["image_0"], row["image_1"]):
        with Image.open(tmp_path / "out" / name) as image:
            assert image.size == (8, 8)


def test_an_export_overwrites_nothing_and_names_what_is_gone(store: Store, tmp_path: Path) -> None:
    gone = add_pair(store, 0)
    vote_on(store, gone)
    vote_on(store, add_pair(store, 1))
    store.images.path(gone.left.image_sha256).unlink()
    report = export_pairs(store, tmp_path / "out")
    assert (report.pairs, report.missing) == (1, (gone.id,))
    assert "Wrote 1 pair to " in report.sentence()
    with pytest.raises(StoreError, match="already exists and isn't empty"):
        export_pairs(store, tmp_path / "out")


def test_a_recipe_about_another_image_is_refused(store: Store, tmp_path: Path) -> None:
    vote_on(store, add_pair(store, 0))
    export_pairs(store, tmp_path / "out")
    file = tmp_path / "out/metadata.jsonl"
    file.write_text(file.read_text(encoding="utf-8").replace('"width_px": 8', '"width_px": 16'), encoding="utf-8")
    with Store(tmp_path / "other") as other:
        ((_, reason),) = bring_in(other, tmp_path / "out").troubles
    assert "with a different prompt or size" in reason


def test_ten_thousand_pairs_are_recorded_and_sorted_in_seconds(tmp_path: Path) -> None:
    """Rows alone: hashing and writing images is the disk's and the decoder's time. 20 s is ten times what it takes."""
    with Store(tmp_path) as store:
        image = store.imports.save_image(picture())
        pairs = [
            ImportedPair(
                f"prompt {n % 300}",
                ImportedImage(f"{2 * n:064x}", image.width_px, image.height_px),
                ImportedImage(f"{2 * n + 1:064x}", image.width_px, image.height_px),
                "first" if n % 10 else "tie",
            )
            for n in range(10_000)
        ]
        start = time.perf_counter()
        for first in range(0, len(pairs), 100):
            store.imports.add_pairs(pairs[first : first + 100])
        recorded_s = time.perf_counter() - start
        assert store.counts().decided == 9_000
        start = time.perf_counter()
        selection = training_pairs(store, BASE)
        split = split_held_out(store.pairs.voted(purpose="train"), 0.2, seed=0)
        sorted_s = time.perf_counter() - start
    assert selection.other_base == 9_000
    assert 1_000 <= len(split.held_out) <= 4_000
    assert recorded_s < 20, f"recorded in {recorded_s:.1f} s"
    assert sorted_s < 20, f"sorted in {sorted_s:.1f} s"
    print(f"recorded in {recorded_s:.1f} s, sorted in {sorted_s:.1f} s")


def test_parquet_without_pyarrow_says_what_to_install(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pairs.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(StoreError, match="need the package pyarrow"):
        bring_in(store, tmp_path)


def png(seed: int, colour: tuple[int, int, int]) -> bytes:
    image = Image.new("RGB", (64, 64), colour)
    image.paste(picture(seed), (0, 0))
    return encode_png(image)


def test_parquet_as_pick_a_pic_and_trl_write_it(store: Store, tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"caption": "prompt 0", "jpg_0": png(0, WINNER), "jpg_1": png(0, LOSER), "label_0": 1.0, "has_label": True},
        {"caption": "prompt 1", "jpg_0": png(1, LOSER), "jpg_1": png(1, WINNER), "label_0": 0.0, "has_label": True},
        {"caption": "prompt 2", "jpg_0": png(2, LOSER), "jpg_1": png(2, WINNER), "label_0": 0.5, "has_label": True},
        {"caption": "prompt 3", "jpg_0": png(3, LOSER), "jpg_1": png(3, WINNER), "label_0": 0.0, "has_label": False},
        {"caption": "prompt 4", "jpg_0": b"", "jpg_1": png(4, WINNER), "label_0": 0.0, "has_label": True},
    ]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    sides = {"chosen": {"bytes": png(5, WINNER), "path": "/etc/hostname"}, "rejected": {"bytes": png(5, LOSER)}}
    parquet.write_table(arrow.Table.from_pylist([{"prompt": "prompt 5", **sides}]), tmp_path / "b.parquet")
    parquet.write_table(arrow.Table.from_pylist([{"text": "nothing we know"}]), tmp_path / "c.parquet")
    (tmp_path / "d.parquet").write_bytes(b"PAR1 but no more")
    report = bring_in(store, tmp_path)
    assert report.added == Added(pairs=4, votes=4)
    assert [trouble.name for trouble in report.troubles] == [
        "a.parquet row 4",
        "a.parquet row 5",
        "c.parquet",
        "d.parquet",
    ]
    decided = [v for v in store.pairs.voted(purpose="train") if v.vote.choice != "tie"]
    assert len(decided) == 3
    assert all(winner_is_red(store, voted) for voted in decided)


def test_an_interrupted_parquet_file_continues_where_it_was(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [
        {"caption": f"prompt {n}", "jpg_0": png(n, WINNER), "jpg_1": png(n, LOSER), "label_0": 1.0} for n in range(6)
    ]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "a.parquet", row_group_size=2)
    monkeypatch.setattr("sdpo_core.exchange.pairs._PAIRS_PER_TRANSACTION", 2)
    folder = open_folder(tmp_path, workspace=store.workspace)
    seen = itertools.islice(LAYOUTS["parquet"].read(folder), 3)  # stopped by a person after the third
    assert import_pairs(store, seen).added.votes == 3
    kept = store.workspace / "imports.json"
    assert [*json.loads(kept.read_text("utf-8")).values()] == [3]

    decoded: list[int] = []
    monkeypatch.setattr("sdpo_core.exchange.pairs.decode_image", counting(decode_image, decoded))
    report = bring_in(store, tmp_path)
    assert (report.found, report.passed, report.added.votes, len(decoded)) == (3, 3, 3, 6)
    assert "3 already done before the import was interrupted" in report.sentence()
    assert json.loads(kept.read_text("utf-8")) == {}

    again = bring_in(store, tmp_path)  # at its end no place is left: everything is read
    assert (again.found, again.passed, again.added.votes) == (6, 0, 0)
    kept.write_text("[broken", "utf-8")
    assert bring_in(store, tmp_path).found == 6


def counting(function: Callable[..., Any], calls: list[int]) -> Callable[..., Any]:
    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return function(*arguments)

    return counted
