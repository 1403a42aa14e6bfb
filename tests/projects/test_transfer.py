"""A project out to one zip and in again: the same votes on the same pixels; and what a zip may not hold."""

import hashlib
import json
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sdpo_core.errors import ProjectError
from sdpo_core.images.files import MAX_PIXELS, encode_png
from sdpo_core.projects import archive, contents
from sdpo_core.projects.contents import Model
from sdpo_core.projects.folders import FIRST, Projects
from sdpo_core.projects.transfer import export_project, import_project
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.imported import ImportedPair
from sdpo_core.workspace.migrations import NO_HISTORY
from sdpo_core.workspace.records import Fit
from sdpo_core.workspace.store import Store
from tests.workspace.helpers import BASE, add_pair, picture, vote_on

PROMPT = "a lake {a|b} ${process.exit()} <b>世界</b> 🌊"


def write_adapter(path: Path) -> str:
    """The smallest LoRA that there is; returns its hash."""
    names = ("lora_unet_x.lora_down.weight", "lora_unet_x.lora_up.weight")
    header = {
        name: {"dtype": "F32", "shape": [1, 1], "data_offsets": [4 * i, 4 * i + 4]} for i, name in enumerate(names)
    }
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + bytes(8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def fill(workspace: Path) -> None:
    """Votes of every kind, one undone, one replaced, an open pair, imported images, a judged pair, an adapter."""
    with Store(workspace) as store:
        pairs = [add_pair(store, number, PROMPT) for number in range(6)]
        for pair, choice in zip(pairs, ("left", "right", "tie", "both-bad", "skip"), strict=False):
            vote_on(store, pair, choice)
        undone = vote_on(store, pairs[0], "right")
        store.votes.undo("undo-one", undone)
        vote_on(store, pairs[1], "left")
        one, other = (store.imports.save_image(picture(number)) for number in (900, 901))
        store.imports.add_pairs([ImportedPair("from elsewhere", one, other, "first")])
        vote_on(store, add_pair(store, 50, purpose="judge", run_id="20261121-100000-judge-ab12"), "left")
        path = workspace / "adapters" / "warm.safetensors"
        sha256 = write_adapter(path)
        path.with_suffix(".png").write_bytes(encode_png(picture(7)))
        fit = Fit(modules=1, matched=1)
        record = store.adapters.add(
            name="warm", path=path, sha256=sha256, base_sha256=BASE, run_id="20261121-100000-train-ab12", fit=fit
        )
        store.adapters.note(record.id, "for evenings")
        store.adapters.recommend(record.id, 0.75)
        store.judged.let_train("20261121-100000-judge-ab12", trains=True)


def told(workspace: Path) -> dict[str, Any]:
    """Everything that a person made, without ids and times of the database."""
    with Store(workspace) as store:
        open_pairs = store.pairs.open(purpose="train")
        assert store.check() == []
        return {
            "votes": [
                (v.pair.left.key, v.pair.right.key, v.pair.left.prompt, v.vote.choice, v.vote.uuid, v.vote.created_at)
                for purpose in ("train", "judge")
                for v in store.pairs.voted(purpose=purpose)
            ],
            "open": [(pair.left.key, pair.right.key) for pair in open_pairs],
            "recipes": {c.key: (c.recipe, c.image_sha256, c.negative) for c in store.candidates.newest()},
            "adapters": [(a.name, a.path, a.sha256, a.run_id, a.note, a.strength, a.fit) for a in store.adapters.all()],
            "judged": [(v.pair.left.key, v.vote.uuid) for v in store.judged.pairs()],
        }


@pytest.fixture
def projects(tmp_path: Path) -> Projects:
    projects = Projects(tmp_path / "root")
    fill(projects.root)
    return projects


@pytest.fixture
def written(projects: Projects, tmp_path: Path) -> Path:
    return export_project(projects.find(FIRST), tmp_path / "mine.zip", Model("demo", BASE, "demo")).file


def test_a_project_comes_back_as_it_was(projects: Projects, written: Path) -> None:
    before = told(projects.root)
    made = import_project(projects, written)
    assert made.project.path != projects.root
    assert made.project.name == "My first project (2)"
    assert made.model == Model("demo", BASE, "demo")
    assert told(made.project.path) == before
    assert len(before["votes"]) == 6
    assert before["open"]
    assert (made.project.path / "adapters" / "warm.png").read_bytes() == encode_png(picture(7))
    for line in ("votes_keep", "votes_stay"):  # still append-only
        database = Database(made.project.path / "studio.db")
        with database.reading() as connection:
            assert connection.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", (line,)).fetchone()
        database.close()


def test_the_zip_holds_lines_images_and_adapters_only(written: Path) -> None:
    with zipfile.ZipFile(written) as file:
        names = file.namelist()
        lines = file.read("project.jsonl").decode()
    assert names[0] == "project.jsonl"
    assert {name.split("/")[0] for name in names[1:]} == {"images", "adapters"}
    assert all(isinstance(json.loads(line), dict) for line in lines.splitlines())
    assert str(written.parent) not in lines  # no place of this machine


def test_every_table_travels(projects: Projects) -> None:
    database = Database(projects.root / "studio.db", read_only=True)
    with database.reading() as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    database.close()
    assert tables == {*contents.TABLES, *NO_HISTORY}


def test_what_lost_its_file_stays_behind_and_is_counted(projects: Projects, tmp_path: Path) -> None:
    with Store(projects.root) as store:
        voted = store.pairs.voted(purpose="train")
        store.images.path(voted[0].pair.left.image_sha256).unlink()
        store.images.path(voted[1].pair.left.image_sha256).write_bytes(b"changed")
    (projects.root / "adapters" / "warm.safetensors").unlink()
    report = export_project(projects.find(FIRST), tmp_path / "mine.zip")
    assert report.left_out == 3
    assert "Skipped" in report.sentence()
    made = import_project(projects, report.file)
    with Store(made.project.path) as store:
        assert len(store.pairs.voted(purpose="train")) == len(voted) - 2


# ------------------------------------------------------------------------------------------------------- hostile zips


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def rewrite(path: Path, change: Callable[[dict[str, bytes]], Any], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    content = members(path)
    change(content)
    target = path.with_name("hostile.zip")
    with zipfile.ZipFile(target, "w", compression) as file:
        for name, data in content.items():
            file.writestr(name, data)
    return target


def lines_changed(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> Path:
    def act(content: dict[str, bytes]) -> None:
        lines = [json.loads(line) for line in content["project.jsonl"].splitlines()]
        change(lines)
        content["project.jsonl"] = "\n".join(json.dumps(line) for line in lines).encode()

    return rewrite(path, act)


def refused(projects: Projects, path: Path, why: str) -> None:
    """The import is refused with this reason, and leaves nothing behind."""
    before = {one for one in projects.root.rglob("*") if one.is_file()}
    with pytest.raises(ProjectError, match=why) as caught:
        import_project(projects, path)
    assert str(caught.value).endswith(".")
    after = {one for one in projects.root.rglob("*") if one.is_file()}
    assert after == before
    assert len(projects.all()) == 1
    outside = {one.name for one in projects.root.parent.iterdir()}
    assert outside <= {"root", "mine.zip", "hostile.zip"}


def test_a_zip_that_somebody_packed_again_is_taken(projects: Projects, written: Path) -> None:
    again = rewrite(written, lambda content: content.update({"images/": b"", "adapters/": b""}))
    assert import_project(projects, again).images == 16


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil.png", "points outside"),
        ("images/../../evil.png", "points outside"),
        ("images\\..\\..\\evil.png", "points outside"),
        ("/etc/cron.d/evil", "an absolute path"),
        ("C:\\evil.png", "an absolute path"),
        ("\\\\host\\share\\evil.png", "an absolute path"),
        ("studio.db", "it's a database"),
        ("images/votes.SQLITE3", "it's a database"),
        ("studio.db-wal", "it's a database"),
        ("images/cat.png", "nothing else"),
        (f"images/{'a' * 64}.safetensors", "nothing else"),
        (f"adapters/{'a' * 64}.bin", "nothing else"),
        ("readme.txt", "nothing else"),
        ("runs/x/config.json", "nothing else"),
        (f"images/{'a' * 64}.png", "don't list"),
    ],
)
def test_a_foreign_member_is_refused(projects: Projects, written: Path, name: str, why: str) -> None:
    refused(projects, rewrite(written, lambda content: content.update({name: b"x"})), why)


def test_a_link_is_refused(projects: Projects, written: Path) -> None:
    link = zipfile.ZipInfo(f"images/{'a' * 64}.png")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(written, "a") as file:
        file.writestr(link, "/etc/passwd")
    refused(projects, written, "it's a link")


def test_a_member_that_stands_twice_is_refused(projects: Projects, written: Path) -> None:
    with zipfile.ZipFile(written, "a") as file, pytest.warns(UserWarning, match="Duplicate"):
        file.writestr("project.jsonl", b"{}")
    refused(projects, written, "it's listed twice")


def test_a_bomb_is_refused_before_it_is_unpacked(projects: Projects, written: Path) -> None:
    bomb = f"images/{'a' * 64}.png"
    refused(projects, rewrite(written, lambda content: content.update({bomb: bytes(50 * 2**20)})), "a zip bomb")


def test_a_bomb_of_lines_is_refused(projects: Projects, written: Path) -> None:
    grown = rewrite(written, lambda content: content.update({"project.jsonl": b"\n" * (50 * 2**20)}))
    refused(projects, grown, "a zip bomb")


def test_content_that_is_counted_many_times_is_refused(projects: Projects, written: Path) -> None:
    """The overlapping kind of bomb: many entries of the list share one piece of data."""
    data = bytearray(
        rewrite(
            written, lambda content: content.update({"adapters/" + "a" * 64 + ".safetensors": b"x"}), 0
        ).read_bytes()
    )
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<II", data, at + 20, len(data), len(data))
    written.write_bytes(data)
    refused(projects, written, "zip bomb|can't be read|isn't a zip")


def test_a_list_without_end_is_not_read(projects: Projects, written: Path) -> None:
    data = bytearray(written.read_bytes())
    at = data.rfind(b"PK\x05\x06")
    struct.pack_into("<I", data, at + 12, 2**31)
    written.write_bytes(data)
    refused(projects, written, "lists more than")


def test_an_encrypted_member_is_refused(projects: Projects, written: Path) -> None:
    data = bytearray(written.read_bytes())
    at = data.rfind(b"PK\x01\x02")
    data[at + 8] |= 1
    written.write_bytes(data)
    refused(projects, written, "it's encrypted")


@pytest.mark.parametrize(
    "data", [b"", b"no zip at all", b"SQLite format 3\x00" + bytes(100), b"PK\x05\x06" + bytes(18)]
)
def test_anything_but_a_project_is_refused(projects: Projects, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "mine.zip").write_bytes(data)
    refused(projects, tmp_path / "mine.zip", "isn't a zip|is a database|has no project.jsonl")


def test_a_missing_file(projects: Projects, tmp_path: Path) -> None:
    refused(projects, tmp_path / "mine.zip", "can't be read")


def test_a_cut_zip_is_refused(projects: Projects, written: Path) -> None:
    written.write_bytes(written.read_bytes()[:-2000])
    refused(projects, written, "isn't a zip")


def an_image(content: dict[str, bytes]) -> str:
    return next(name for name in content if name.startswith("images/"))


def test_an_image_with_other_content_is_refused(projects: Projects, written: Path) -> None:
    def swap(content: dict[str, bytes]) -> None:
        content[an_image(content)] = encode_png(picture(12345))

    refused(projects, rewrite(written, swap), "doesn't match its name")


def test_a_missing_image_is_refused(projects: Projects, written: Path) -> None:
    refused(projects, rewrite(written, lambda content: content.pop(an_image(content))), "missing images/")


def renamed_image(path: Path, data: bytes) -> Path:
    """The zip with one image replaced by another, which all its lines mention."""
    sha256 = hashlib.sha256(data).hexdigest()

    def swap(content: dict[str, bytes]) -> None:
        lines = content["project.jsonl"].decode().splitlines()
        row = next(json.loads(line) for line in lines if '"recipe": null' in line)
        old = row["image_sha256"]
        content["project.jsonl"] = content["project.jsonl"].replace(old.encode(), sha256.encode())
        content[f"images/{sha256}.png"] = data
        content.pop(f"images/{old}.png")

    return rewrite(path, swap)


def huge_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = int(MAX_PIXELS**0.5) + 1
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"SQLite format 3\x00" + bytes(100), "isn't an intact PNG"),
        (encode_png(picture())[:-20], "isn't an intact PNG"),
        (huge_png(), "pixels"),
        (encode_png(picture().resize((9, 9))), "its record says 8 x 8"),
    ],
)
def test_an_image_that_does_not_fit_is_refused(projects: Projects, written: Path, data: bytes, why: str) -> None:
    refused(projects, renamed_image(written, data), why)


def test_anything_but_an_adapter_is_refused(projects: Projects, written: Path) -> None:
    data = b"\x80\x04pickle"
    sha256 = hashlib.sha256(data).hexdigest()

    def swap(content: dict[str, bytes]) -> None:
        name = next(name for name in content if name.startswith("adapters/"))
        old = name.split("/")[1].split(".")[0]
        content["project.jsonl"] = content["project.jsonl"].replace(old.encode(), sha256.encode())
        content[f"adapters/{sha256}.safetensors"] = data
        content.pop(name)

    refused(projects, rewrite(written, swap), "warm.safetensors isn't a safetensors file")


def row(lines: list[dict[str, Any]], table: str) -> dict[str, Any]:
    return next(line for line in lines if line.get("table") == table)


def judged_row(lines: list[dict[str, Any]]) -> dict[str, Any]:
    return next(line for line in lines if line.get("purpose") == "judge")


CHANGES: list[tuple[Callable[[list[dict[str, Any]]], Any], str]] = [
    (lambda lines: lines.pop(0), "doesn't say it's a project"),
    (lambda lines: lines[0]["project"].update(format=2), "newer version of the studio"),
    (lambda lines: lines[0]["project"].update(schema=999), "newer version of the studio"),
    (lambda lines: lines[0]["project"].update(schema=0), "doesn't exist"),
    (lambda lines: lines[0]["project"].pop("name"), "incomplete"),
    (lambda lines: row(lines, "votes").update(table="sqlite_schema"), "names an unknown table"),
    (lambda lines: row(lines, "votes").update(id="1; DROP TABLE votes"), "isn't a whole number"),
    (lambda lines: row(lines, "votes").update({"uuid) VALUES (1); --": 1}), "votes have no"),
    (lambda lines: row(lines, "votes").update(pair_id=10**6), "doesn't come before it"),
    (lambda lines: row(lines, "votes").update(choice="best"), "can't be imported"),
    (lambda lines: row(lines, "votes").update(uuid=""), "no name"),
    (lambda lines: row(lines, "votes").update(created_at="yesterday"), "contradict"),
    (lambda lines: row(lines, "votes").update(choice=["left"]), "neither text nor a number"),
    (lambda lines: row(lines, "votes").update(response_ms=10**30), "can't be imported"),
    (lambda lines: row(lines, "prompts").update(text="another"), "another prompt"),
    (lambda lines: row(lines, "prompts").update(text="half \ud800"), "can't be imported"),
    (lambda lines: row(lines, "prompts").update(text="x" * 70_000), "can't be imported|contradict"),
    (lambda lines: row(lines, "prompts").pop("text"), "can't be imported"),
    (lambda lines: row(lines, "candidates").update(key="c" * 64), "the key of another"),
    (lambda lines: row(lines, "candidates").update(recipe="{}"), "contradict"),
    (lambda lines: row(lines, "candidates").update(width_px=9), "another size"),
    (lambda lines: row(lines, "candidates").update(image_sha256="../../evil"), "isn't named by a hash"),
    (lambda lines: row(lines, "pairs").update(run_id="../../evil"), "impossible run"),
    (lambda lines: row(lines, "pairs").update(standing_vote_id=1), "doesn't match its history"),
    (lambda lines: row(lines, "pairs").update(standing_vote_id=10**6), "current vote is missing"),
    (lambda lines: row(lines, "pairs").update(standing_vote_id="x"), "isn't an id"),
    (lambda lines: row(lines, "adapters").update(path="../../evil"), "adapters have no"),
    (lambda lines: row(lines, "adapters").update(name="latest"), "needs a name"),
    (lambda lines: row(lines, "adapters").update(sha256="../../evil"), "named by a hash"),
    (lambda lines: row(lines, "adapters").update(preview="../../evil"), "named by a hash"),
    (lambda lines: row(lines, "adapters").update(note="x" * 2001), "note that is too long"),
    (lambda lines: row(lines, "adapters").update(strength=9.0), "strength BETWEEN"),
    (lambda lines: row(lines, "adapters").update(matched=9), "matched BETWEEN"),
    (lambda lines: row(lines, "pairs").update(trains_since="2026-11-21T10:00:00+00:00"), "purpose = 'judge'"),
    (lambda lines: judged_row(lines).update(trains_since="long ago"), "Invalid isoformat"),
    (lambda lines: lines.append(lines[-1]), "is used twice"),
    (lambda lines: lines.insert(1, {"project": {}}), "names an unknown table"),
]


@pytest.mark.parametrize(("change", "why"), CHANGES, ids=[why for _, why in CHANGES])
def test_lines_that_the_store_never_wrote_are_refused(
    projects: Projects, written: Path, change: Callable[[list[dict[str, Any]]], Any], why: str
) -> None:
    refused(projects, lines_changed(written, change), why)


@pytest.mark.parametrize("line", [b"nothing", b"[" * 100_000, b'{"table": "votes"', b"\xff\xfe", b"x" * 2**21])
def test_lines_other_than_json_are_refused(projects: Projects, written: Path, line: bytes) -> None:
    def act(content: dict[str, bytes]) -> None:
        content["project.jsonl"] += line

    refused(projects, rewrite(written, act, zipfile.ZIP_STORED), "isn't JSON|longer than")


def test_an_adapters_name_becomes_no_path(projects: Projects, written: Path) -> None:
    hostile = lines_changed(written, lambda lines: row(lines, "adapters").update(name="../../evil"))
    made = import_project(projects, hostile)
    (file,) = (made.project.path / "adapters").glob("*.safetensors")
    assert file.name == "evil.safetensors"
    with Store(made.project.path) as store:
        assert store.adapters.all()[0].name == "../../evil"


@pytest.mark.parametrize("source", ["/home/somebody/model.safetensors", "..", "../x", "a/b/c", "C:\\x", 7, None])
def test_a_base_model_by_path_is_not_taken_over(projects: Projects, written: Path, source: Any) -> None:
    changed = lines_changed(written, lambda lines: lines[0]["project"]["model"].update(source=source))
    model = import_project(projects, changed).model
    assert model is not None
    assert model.source is None


def test_a_full_disk_is_reported_before_anything_is_written(
    projects: Projects, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_RESERVE_BYTES", 2**60)
    refused(projects, written, "Free some space")
