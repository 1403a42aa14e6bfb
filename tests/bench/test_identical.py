"""What is compared is taken apart rightly, what may differ is left out, and a change of the code is found."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from bench import identical
from bench.checkout import Checkout, CheckoutFailed, name_of
from bench.golden import golden_values
from bench.identical import INPUTS, Rows, differences, digest, main, other_surroundings
from bench.leaves import candidates, leaves, metadata, pairs, pixels, tensors
from bench.metadata_pack import write_pack
from tests.cli.helpers import result

ONES = np.ones((2, 3), np.float32)


def test_each_tensor_has_a_hash_of_type_shape_and_bytes(tmp_path: Path) -> None:
    def parts(name: str, **given: Any) -> dict[str, str]:
        save_file(given, tmp_path / name, {"note": name, "facts": '{"step": 3}'})
        return tensors(tmp_path / name)

    first = parts("first", a=ONES, b=ONES)
    assert set(first) == {"a", "b"}
    assert first["a"] == first["b"]
    assert parts("again", b=ONES, a=ONES) == first, "neither the order nor the header's texts matter"
    nudged = ONES.copy()
    nudged[1, 2] = np.nextafter(np.float32(1), np.float32(2))
    for name, other in (("bit", nudged), ("shape", ONES.T.copy()), ("type", ONES.view(np.int32))):
        changed = parts(name, a=other, b=ONES)
        assert changed["a"] != first["a"], name
        assert changed["b"] == first["b"]
    assert metadata(tmp_path / "first") == {"note": "first", "facts": {"step": 3}}


def test_json_is_named_by_the_path_to_each_value() -> None:
    value = {"a": [1, {"b": None}], "c": {}, "d": "x" * 300, "seconds": 2.5, "e": 0.1}
    found = leaves(value, "state", keep=lambda place: not place.endswith("seconds"))
    assert found.pop("state.d").startswith("text ")
    assert found == {"state.a.0": "1", "state.a.1.b": "null", "state.c": "{}", "state.e": "0.1"}
    assert leaves({"e": 0.1 + 2**-56}) != leaves({"e": 0.1}), "floats to their last bit"


def test_a_picture_is_its_pixels_and_not_its_file(tmp_path: Path) -> None:
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.png", compress_level=0)
    image.putpixel((0, 0), (1, 1, 2))
    image.save(tmp_path / "c.png")
    a, b, c = (pixels(tmp_path / f"{name}.png") for name in "abc")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()
    assert a == b != c


def workspace(path: Path, first_id: int, day: str, negative: str = "fog", choice: str = "left") -> Path:
    """A database like a workspace's, as far as it is read; two images and one vote."""
    connection = sqlite3.connect(path)
    connection.executescript(
        "CREATE TABLE prompts (id, text, created_at);"
        "CREATE TABLE candidates (id, prompt_id, negative, image_sha256, recipe, made_with, created_at);"
        "CREATE TABLE pairs (id, left_id, right_id, purpose, standing_vote_id);"
        "CREATE TABLE votes (id, uuid, choice)"
    )
    one, other = first_id, first_id + 1
    connection.execute("INSERT INTO prompts VALUES (?, '{a|b} hill', ?)", (first_id, day))
    rows = [
        (one, first_id, negative, "1" * 64, '{"seed": 4, "adapters": [{"sha256": "9"}]}', None, day),
        (other, first_id, "", "2" * 64, None, '{"tool": "A1111"}', day),
    ]
    for row in rows if first_id == 1 else reversed(rows):
        connection.execute("INSERT INTO candidates VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    connection.execute("INSERT INTO pairs VALUES (?, ?, ?, 'train', ?)", (first_id, one, other, first_id))
    connection.execute("INSERT INTO votes VALUES (?, ?, ?)", (first_id, day, choice))
    connection.commit()
    connection.close()
    return path


def test_rows_of_a_workspace_are_listed_without_ids_and_dates(tmp_path: Path) -> None:
    one, other = workspace(tmp_path / "one.db", 1, "monday"), workspace(tmp_path / "other.db", 8, "tuesday")
    told = candidates(one)
    assert told == {
        "'{a|b} hill' 11111111.prompt": '"{a|b} hill"',
        "'{a|b} hill' 11111111.negative": '"fog"',
        "'{a|b} hill' 11111111.image_sha256": f'"{"1" * 64}"',
        "'{a|b} hill' 11111111.recipe.seed": "4",
        "'{a|b} hill' 11111111.recipe.adapters.0.sha256": '"9"',
        "'{a|b} hill' 22222222.prompt": '"{a|b} hill"',
        "'{a|b} hill' 22222222.negative": '""',
        "'{a|b} hill' 22222222.image_sha256": f'"{"2" * 64}"',
        "'{a|b} hill' 22222222.made_with.tool": '"A1111"',
    }
    assert list(candidates(other)) == list(told)
    assert candidates(other) == told
    assert pairs(other) == pairs(one)
    assert pairs(one)["11111111 22222222.choice"] == '"left"'
    changed = workspace(tmp_path / "changed.db", 1, "monday", "rain", "right")
    assert differences({"x": told}, {"x": candidates(changed)})[1:] == [
        '    \'{a|b} hill\' 11111111.negative: "fog" → "rain"'
    ]
    assert pairs(changed) != pairs(one)


def test_of_a_header_only_the_entries_with_a_reason_are_left_out() -> None:
    header = {
        "modelspec.date": "today",
        "modelspec.title": "mine",
        "sdpo": {
            "run": "1",
            "runs": "2",
            "settings": {"beta": 1, "objective": {"beta": 2}},
            "versions": {"sdpo_core": "1", "torch": "2"},
        },
    }
    found = leaves(header, keep=identical._is_compared)
    assert found == {"modelspec.title": '"mine"', "sdpo.runs": '"2"', "sdpo.versions.torch": '"2"'}


def test_differences_name_row_and_part() -> None:
    before: Rows = {
        INPUTS: {"f": "1"},
        "same": {"x": "1"},
        "changed": {"x": "1", "y": "2", "z": "3"},
        "old": {"x": "1"},
    }
    assert differences(before, before) == []
    now: Rows = {INPUTS: {"f": "2"}, "same": {"x": "1"}, "changed": {"x": "1", "y": "5", "w": "3"}, "new": {}}
    assert differences(before, now) == [
        "what goes in: 1 of 1 parts differ; so the rest says nothing about the code",
        "    f: 1 → 2",
        "changed: 3 of 4 parts differ",
        "    y: 2 → 5",
        "    z: 3 → missing",
        "    w: missing → 3",
        "old: only before",
        "new: only now",
    ]
    many = {str(n): "1" for n in range(20)}
    assert differences({"many": many}, {"many": dict.fromkeys(many, "2")})[-1] == "    and 8 more"


def test_a_digest_depends_on_names_and_values_and_not_on_order() -> None:
    assert digest({"a": "1", "b": "2"}) == digest({"b": "2", "a": "1"})
    assert len({digest(parts) for parts in ({"a": "1"}, {"a": "2"}, {"b": "1"}, {})}) == 4


def test_another_machine_is_reported_but_another_day_is_not() -> None:
    here = {"cpu": "one", "torch": "2", "date": "monday", "cores_usable": 2}
    assert other_surroundings({**here, "date": "tuesday", "cores_usable": 1}, here) == []
    assert other_surroundings({"cpu": "another"}, here) == ["cpu: another → one", "torch: None → 2"]


def test_the_exit_code_says_whether_anything_differs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows: Rows = {"golden test": {"case 0": "0.5"}}
    monkeypatch.setattr(identical, "rows_of", lambda _: rows)
    saved = tmp_path / "before.json"
    assert main([str(tmp_path), "--write", str(saved)]) == 0
    assert f"| golden test | 1 | `{digest(rows['golden test'])}` |" in capsys.readouterr().out
    assert main([str(tmp_path), "--against", str(saved)]) == 0
    assert "Identical" in capsys.readouterr().out
    rows["golden test"] = {"case 0": "0.25"}
    assert main([str(tmp_path), "--against", str(saved)]) == 1
    assert "    case 0: 0.5 → 0.25\n" in capsys.readouterr().out
    saved.write_text('{"format": 0}', encoding="utf-8")
    assert main([str(tmp_path), "--against", str(saved)]) == 2
    assert "has format 0; expected 1" in capsys.readouterr().err
    assert main([str(tmp_path), "--against", str(tmp_path / "none.json")]) == 2

    def fail(folder: Path) -> Rows:
        raise CheckoutFailed("train failed")

    monkeypatch.setattr(identical, "rows_of", fail)
    assert main([str(tmp_path)]) == 2
    assert "train failed" in capsys.readouterr().err


def test_a_folder_other_than_a_checkout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckoutFailed, match="has no folder sdpo_core"):
        identical.rows_of(tmp_path)


def test_the_code_of_the_folder_runs_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "there" / "sdpo_core"
    library.mkdir(parents=True)
    (library / "__init__.py").touch()
    (library / "__main__.py").write_text(
        "import os, sys\nif sys.argv[1] == 'fail': sys.exit('no votes')\n"
        "print(__file__, sys.argv[1:], os.environ.get('PYTHONPATH'), os.environ['SDPO_CACHE'])\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.setenv("SDPO_CACHE", "a person's own")
    checkout = Checkout(library.parent, tmp_path)
    said = checkout.sdpo("train", "--workspace", tmp_path).split()
    assert said == [str(library / "__main__.py"), "['train',", "'--workspace',", f"'{tmp_path}']", "None",
                    str(tmp_path / "cache")]  # fmt: skip
    with pytest.raises(CheckoutFailed, match=r"(?s)-m sdpo_core fail\nfailed in .*exit code 1.*no votes"):
        checkout.sdpo("fail")
    assert name_of(library.parent) == "no commit"


GOLDEN = """
import pytest, torch
from torch.testing import assert_close

@pytest.mark.parametrize("case, value", [("one", 1.0), ("two", {value})], ids=["one", "two"])
def test_{name}(case, value):
    assert_close(torch.tensor([value, 2.0]), torch.tensor([1.0, 2.0]))
    assert_close(0.5, 0.5)
"""


def test_what_the_golden_test_computes_is_recorded_wherever_it_is(tmp_path: Path) -> None:
    found: list[dict[str, str]] = []
    for place, name, value in (("objective", "ours", "1.0"), ("maths/deep", "renamed", "1.0000001")):
        folder, scratch = tmp_path / place, tmp_path / place / "scratch"
        (folder / "tests" / place).mkdir(parents=True)
        scratch.mkdir()
        file = folder / "tests" / place / "test_golden.py"
        file.write_text(GOLDEN.format(name=name, value=value), encoding="utf-8")
        found.append(golden_values(Checkout(folder, scratch), scratch))
    first, changed = found
    assert set(first) == {f"{case}, value {n}" for case in ("one", "two") for n in (0, 1)}
    assert {name for name in first if first[name] != changed.get(name)} == {"two, value 0"}
    assert first["one, value 1"] == "0.5"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (GOLDEN.format(name="ours", value="1.5"), "failed in"),
        ("def test_nothing(): pass", "nothing was recorded"),
        (None, "expected one"),
    ],
)
def test_a_golden_test_that_fails_or_compares_nothing_proves_nothing(
    source: str | None, message: str, tmp_path: Path
) -> None:
    (tmp_path / "tests").mkdir()
    if source is not None:
        (tmp_path / "tests" / "test_golden.py").write_text(source, encoding="utf-8")
    with pytest.raises(CheckoutFailed, match=message):
        golden_values(Checkout(tmp_path, tmp_path), tmp_path)


def test_every_image_of_the_pack_is_read_and_every_tool_is_in_it(tmp_path: Path) -> None:
    pack = tmp_path / "pack"
    write_pack(pack)
    told = result("import", pack, "--workspace", tmp_path / "workspace")
    assert told["images_added"] == told["found"] == len(list(pack.iterdir()))
    assert set(told["tools"]) == {"A1111/Forge", "ComfyUI", "Fooocus", "InvokeAI", "NovelAI", "SwarmUI"}


@pytest.mark.slow
def test_a_copy_elsewhere_does_the_same_but_for_what_was_changed(
    repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One sentence of the adapter's header is changed in the copy: nothing else may differ, and that must."""
    copy, saved = tmp_path / "elsewhere" / "copy", tmp_path / "before.json"
    for name in ("sdpo_core", "assets", "tests", "bench"):
        shutil.copytree(repository / name, copy / name, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    told, changed = "Diffusion-SDPO (safeguarded DPO, arXiv 2511.03317)", list[Path]()
    for path in (copy / "sdpo_core").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if told in text:
            path.write_text(text.replace(told, "something else"), encoding="utf-8")
            changed.append(path)
    assert changed
    assert main([str(repository), "--write", str(saved)]) == 0
    assert main([str(copy), "--against", str(saved)]) == 1
    lines = capsys.readouterr().out.split("Different: ")[1].splitlines()[1:]
    assert lines == [
        line
        for name, parts in json.loads(saved.read_text(encoding="utf-8"))["rows"].items()
        if name.endswith("adapter, header")
        for line in (
            f"{name}: 1 of {len(parts)} parts differ",
            f'    sdpo.objective: "{told}" → "something else"',
        )
    ]
    assert len(lines) == 4
