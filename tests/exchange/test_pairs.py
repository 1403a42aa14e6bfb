"""Pairs of public sets and for other trainers: read entry by entry, and written so that they come back."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sdpo_core.errors import ConfigError, StoreError
from sdpo_core.exchange.importers import detect, open_folder
from sdpo_core.exchange.pairs import export_pairs
from sdpo_core.workspace.imported import Added, ImportedImage, ImportedPair
from sdpo_core.workspace.records import CHOICES, MadeWith
from sdpo_core.workspace.store import Store
from tests.exchange.test_importers import LOSER, WINNER, bring_in, facts, paint, parquet, winner_is_red
from tests.workspace.helpers import add_pair, picture, vote_on

MADE_WITH = MadeWith(tool="A1111", prompt="a lake", seed=7, model="dream")


def two_images(root: Path, number: int) -> list[str]:
    """Names of a red and a blue image, the red one first."""
    paint(root / f"images/{number}_red", number, WINNER)
    paint(root / f"images/{number}_blue", number, LOSER)
    return [f"images/{number}_red.png", f"images/{number}_blue.png"]


def entries(root: Path) -> dict[str, dict[str, Any]]:
    """One entry of each kind; the red image is the better one."""
    red, blue = two_images(root, 0)
    text = {"prompt": "a lake"}
    return {
        "HPDv2 train": {**text, "file_path": [blue, red], "human_preference": [0, 1]},
        "HPDv2 test": {**text, "image_path": [blue, red], "rank": [2, 1], "raw_annotations": []},
        "HPDv3": {**text, "path1": red, "path2": blue, "choice_dist": [12, 7], "confidence": 0.9, "model1": "flux"},
        "HPDv3 without numbers": {**text, "path1": red, "path2": blue, "choice_dist": None},
        "ImageRewardDB": {**text, "id": "1", "generations": [blue, red], "ranking": [2, 1]},
    }


@pytest.mark.parametrize("kind", ["HPDv2 train", "HPDv2 test", "HPDv3", "HPDv3 without numbers", "ImageRewardDB"])
def test_public_sets_bring_their_choices(store: Store, tmp_path: Path, kind: str) -> None:
    (tmp_path / "pairs.json").write_text(json.dumps([entries(tmp_path)[kind]], indent=2), encoding="utf-8")
    assert detect(open_folder(tmp_path)) == "json"
    report = bring_in(store, tmp_path)
    assert (report.troubles, report.added) == ([], Added(pairs=1, votes=1))
    (voted,) = store.pairs.voted(purpose="train")
    assert winner_is_red(store, voted)
    models = {side.made_with.model for side in (voted.pair.left, voted.pair.right) if side.made_with}
    assert models == ({"flux"} if kind == "HPDv3" else set())


def test_a_ranking_becomes_every_pair_and_equal_ranks_are_ties(store: Store, tmp_path: Path) -> None:
    for number in range(4):
        paint(tmp_path / f"test/{number}", number, WINNER)
    names = [f"{number}.png" for number in range(4)]
    row = {"prompt": "a lake", "image_path": names, "rank": [1, 2, 2, 4]}
    (tmp_path / "test.json").write_text(json.dumps([row]), encoding="utf-8")  # its images are in test/
    assert bring_in(store, tmp_path).added == Added(pairs=6, votes=6)
    assert store.counts().ties == 1


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"file_path": ["../secret.png", "images/0_red.png"]}, "'../secret.png' is outside the folder"),
        ({"file_path": ["images/0_red.png", "gone.png"]}, "'gone.png' is missing"),
        ({"file_path": ["images/0_red.png", None]}, "expected the name of an image"),
        ({"file_path": "images/0_red.png"}, "doesn't name its images; expected 2 to 64 names in file_path"),
        ({"human_preference": [1]}, "doesn't say which image is better; expected 2 numbers in human_preference"),
        ({"human_preference": [1, float("nan")]}, "doesn't say which image is better"),
        ({"human_preference": None}, "doesn't say which image is better"),
        ({"prompt": ""}, "has no prompt"),
        (5, "isn't a JSON object"),
    ],
)
def test_a_bad_entry_is_reported_and_the_others_are_imported(
    store: Store, tmp_path: Path, entry: Any, reason: str
) -> None:
    root = tmp_path / "theirs"
    good = entries(root)["HPDv2 train"]
    paint(tmp_path / "secret", 77, WINNER)
    bad = {**good, **entry} if isinstance(entry, dict) else entry
    (root / "train.json").write_text(json.dumps([good, bad, good]), encoding="utf-8")
    report = bring_in(store, root)
    assert (report.found, report.added.votes) == (3, 1)
    ((name, told),) = report.troubles
    assert (name, reason in told) == ("train.json entry 2", True), told


@pytest.mark.parametrize("end", ["", ",", ', {"prompt": "cut', "5]", ", \udcff]", ", " + "[" * 200_000])
def test_a_file_that_breaks_off_gives_what_stood_before(store: Store, tmp_path: Path, end: str) -> None:
    good = json.dumps(entries(tmp_path)["HPDv2 train"])
    (tmp_path / "train.json").write_bytes(f"[{good}{end}".encode(errors="surrogateescape"))
    if "\udcff" in end:  # the whole file isn't text, so it isn't one of ours
        assert detect(open_folder(tmp_path)) == "images"
        return
    report = bring_in(store, tmp_path)
    assert report.added.votes == 1
    ((name, told),) = report.troubles
    assert name == "train.json after entry 1"
    assert "isn't valid JSON from there" in told


def test_a_list_longer_than_one_read_is_imported_completely(store: Store, tmp_path: Path) -> None:
    good = entries(tmp_path)["HPDv2 train"]
    rows = [{**good, "prompt": f"prompt {number % 3}", "padding": "x" * 9_999} for number in range(50)]
    (tmp_path / "train.json").write_text(json.dumps(rows), encoding="utf-8")
    report = bring_in(store, tmp_path)
    assert (report.found, report.usable, report.added.votes) == (50, 50, 3)


def test_a_huge_line_is_reported_and_skipped(store: Store, tmp_path: Path) -> None:
    red, blue = two_images(tmp_path, 0)
    good = json.dumps({"image_0": red, "image_1": blue, "prompt": "a lake", "prefer_0": 1, "prefer_1": 0})
    (tmp_path / "metadata.jsonl").write_text(f'{{"x": "{"x" * 3 * 2**20}"}}\n{good}\n', encoding="utf-8")
    report = bring_in(store, tmp_path)
    assert report.added.votes == 1
    assert [tuple(trouble) for trouble in report.troubles] == [
        ("metadata.jsonl line 1", "is longer than 1,048,576 bytes")
    ]


def test_lines_as_trl_names_them(store: Store, tmp_path: Path) -> None:
    red, blue = two_images(tmp_path, 0)
    row = {"prompt": "a lake", "chosen": red, "rejected": blue}
    (tmp_path / "train.jsonl").write_text(json.dumps(row), encoding="utf-8")
    assert bring_in(store, tmp_path).added.votes == 1
    assert winner_is_red(store, *store.pairs.voted(purpose="train"))


def add_foreign(store: Store, seed: int) -> None:
    """A pair of another tool's images, the first of them the better one."""
    first, second = (store.imports.save_image(picture(number)) for number in (seed, seed + 1))
    told = ImportedImage(first.sha256, 8, 8, negative="blurry", made_with=MADE_WITH)
    store.imports.add_pairs([ImportedPair("a lake", told, ImportedImage(second.sha256, 8, 8, "blurry"), "first")])


def test_what_another_tools_image_says_of_its_making_comes_back(store: Store, tmp_path: Path) -> None:
    add_foreign(store, 40)
    export_pairs(store, tmp_path / "out")
    with Store(tmp_path / "other") as other:
        bring_in(other, tmp_path / "out")
        (voted,) = other.pairs.voted(purpose="train")
    sides = (voted.pair.left, voted.pair.right)
    assert sorted(side.made_with is not None for side in sides) == [False, True]
    assert MADE_WITH in [side.made_with for side in sides]
    assert {side.negative for side in sides} == {"blurry"}


def decided(store: Store) -> list[tuple[object, ...]]:
    """What a layout without ties has to bring back: prompt, better and worse image, and how they were made."""
    found: list[tuple[object, ...]] = []
    for voted in store.pairs.voted(purpose="train"):
        if voted.vote.choice in ("left", "right"):
            sides = (voted.pair.left, voted.pair.right)
            better, worse = sides if voted.vote.choice == "left" else sides[::-1]
            made = [(side.negative, side.recipe, side.made_with) for side in (better, worse)]
            found.append((better.prompt, better.image_sha256, worse.image_sha256, made))
    return sorted(found, key=lambda row: str(row[1]))


def fill(store: Store) -> None:
    """A pair of every choice, and one of another tool's images."""
    for seed, choice in enumerate(CHOICES["train"]):
        vote_on(store, add_pair(store, seed, f"a  prompt\nof {seed}", run_id="some run"), choice)
    add_foreign(store, 40)


@pytest.mark.parametrize(("layout", "keeps"), [("onetrainer", True), ("kohya", False)])
def test_layouts_of_other_trainers_come_back_and_what_they_cannot_hold_is_reported(
    store: Store, tmp_path: Path, layout: str, keeps: bool
) -> None:
    fill(store)
    report = export_pairs(store, tmp_path / "out", layout=layout)
    assert (report.pairs, report.undecided) == (3, {"tie": 1, "both-bad": 1, "skip": 1})
    assert "can only say which image is better: 1 tied, 1 both bad, 1 skipped." in report.sentence()
    assert detect(open_folder(tmp_path / "out")) == layout
    with Store(tmp_path / "other") as other:
        assert bring_in(other, tmp_path / "out").added == Added(pairs=3, votes=3)
        if keeps:
            assert decided(other) == decided(store)
        else:
            assert [row[1:3] for row in decided(other)] == [row[1:3] for row in decided(store)]
            assert {row[0] for row in decided(other)} == {"a prompt of 0", "a prompt of 1", "a lake"}


def test_a_manifest_speaks_only_of_what_was_not_changed(store: Store, tmp_path: Path) -> None:
    fill(store)
    export_pairs(store, tmp_path / "out", layout="onetrainer")
    (tmp_path / "out/chosen/pair_0001.txt").write_text("another prompt", encoding="utf-8")
    picture(99).save(tmp_path / "out/rejected/pair_0002.png")
    with Store(tmp_path / "other") as other:
        assert bring_in(other, tmp_path / "out").troubles == []
        sides = [voted.pair.left for voted in other.pairs.voted(purpose="train")]
        assert [side.recipe for side in sides] == [None, None, None]
        assert sides[0].prompt == "another prompt"
    (tmp_path / "out/manifest.json").write_text("{", encoding="utf-8")
    with Store(tmp_path / "third") as third:
        report = bring_in(third, tmp_path / "out")
    assert report.added.votes == 3
    assert [tuple(t) for t in report.troubles] == [
        ("manifest.json", "isn't JSON; the pairs are imported without its details")
    ]


def test_a_misspelt_layout_is_refused_before_anything_is_written(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Unknown export layout: koya. Did you mean kohya\?"):
        export_pairs(store, tmp_path / "out", layout="koya")
    assert not (tmp_path / "out").exists()


def test_a_datasets_folder_comes_back_as_it_was(store: Store, tmp_path: Path) -> None:
    fill(store)
    for layout, written in (("pick-a-pic", 6), ("trl", 3)):
        out = tmp_path / layout
        report = export_pairs(store, out, layout=layout)
        assert report.pairs == written
        assert detect(open_folder(out)) == "parquet"
        assert f"{written} pairs of images" in (out / "README.md").read_text(encoding="utf-8")
        with Store(tmp_path / f"other-{layout}") as other:
            added = bring_in(other, out).added
            assert (added.pairs, added.votes) == (written, written)
            assert decided(other) == decided(store)
            assert layout == "trl" or facts(other) == facts(store)
    rows = parquet.read_table(tmp_path / "pick-a-pic/data").to_pylist()
    assert {(row["label_0"], row["label_1"], row["has_label"]) for row in rows if row["label_0"] == 0.5} == {
        (0.5, 0.5, True),
        (0.5, 0.5, False),
    }
    assert all(Image.open(io.BytesIO(row[side])).size == (8, 8) for row in rows for side in ("jpg_0", "jpg_1"))


def test_a_datasets_folder_without_pyarrow_says_what_to_install(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(StoreError, match="need the package pyarrow"):
        export_pairs(store, tmp_path / "out", layout="pick-a-pic")
    assert not (tmp_path / "out").exists()


def test_a_row_group_that_would_fill_the_memory_is_reported(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is lowered, because 4 GiB is too much for a test."""
    fill(store)
    export_pairs(store, tmp_path / "out", layout="trl")
    monkeypatch.setattr("sdpo_core.exchange.importers.parquet._MAX_GROUP_BYTES", 100)
    with Store(tmp_path / "other") as other:
        ((name, told),) = bring_in(other, tmp_path / "out").troubles
    assert name == "train-00000-of-00001.parquet"
    assert told.startswith("has a row group that takes too much memory")
