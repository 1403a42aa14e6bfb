"""Bringing images in: hostile names, limits, the job, its report, and the question for a prompt. Without a browser."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.desk.jobs import Jobs
from app.desk.queue import RunQueue
from app.generate import importing
from app.generate.import_routes import import_routes
from app.generate.importing import Imports, plain_name
from app.generate.text import say as generate_say
from sdpo_core.workspace.store import Store
from tests.app.helpers import wait_for
from tests.exchange.test_job import parameters
from tests.images.image_files import png, scene


@pytest.fixture
def real_jobs(tmp_path: Path) -> Jobs:
    """The real job `import`, which is quick."""
    (tmp_path / "workspace").mkdir()  # as the open project's is
    return Jobs(tmp_path / "workspace")


@pytest.fixture
def imports(real_jobs: Jobs) -> Iterator[Imports]:
    yield Imports(real_jobs, RunQueue(real_jobs))
    current = real_jobs.current()
    if current:
        real_jobs._stop_now(current[0])
    for child in real_jobs._children.values():
        child.wait(10)


@pytest.fixture
def client(imports: Imports) -> TestClient:
    return TestClient(Starlette(routes=import_routes(imports)))


def send(client: TestClient, draft: str, name: str, data: bytes) -> dict[str, Any]:
    return client.post(f"/sdpo/import/{draft}", params={"name": name}, content=data).json()


def finished(imports: Imports) -> dict[str, Any]:
    wait_for(lambda: imports.state().get("running") is False, 60)
    return imports.state()


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_sent_images_are_imported_and_the_person_is_asked_for_a_missing_prompt(
    imports: Imports, client: TestClient, tmp_path: Path
) -> None:
    draft = imports.begin()["id"]
    for number in range(2):
        data = png(parameters("a lake"), image=scene(number))
        assert send(client, draft, f"pictures/{number}.png", data) == {"ok": True}
    send(client, draft, "pictures/bare.png", png(image=scene(7)))
    send(client, draft, "pictures/told.webp", png(image=scene(8)))
    send(client, draft, "pictures/told.txt", b"a sea")
    send(client, draft, "pictures/broken.jpg", b"no image")
    run = imports.start({"id": draft})["run"]
    told = finished(imports)
    assert (told["run"], told["state"]) == (run, "done")
    assert "3 of 5 images imported" in told["sentence"]
    reasons = {trouble["name"]: trouble["reason"] for trouble in told["troubles"]}
    assert reasons.keys() == {"pictures/bare.png", "pictures/broken.jpg"}
    assert told["question"].startswith("1 image has no prompt.")
    assert not imports.with_prompt({"run": run, "prompt": " "})["ok"]
    assert imports.with_prompt({"run": run, "prompt": "a hill"})["ok"]
    told = finished(imports)
    assert told["question"] == ""
    with Store(tmp_path / "workspace") as store:
        prompts = sorted(candidate.prompt for candidate in store.candidates.newest())
        assert prompts == ["a hill", "a lake", "a lake", "a sea"]
        assert store.counts().open_pairs == 1
    assert below(tmp_path / "workspace" / "imports") == [], "imported files aren't kept twice"


def test_a_folder_of_the_persons_own_is_only_read(imports: Imports, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    original = png(parameters("a lake"), image=scene(1))
    (folder / "a.png").write_bytes(original)
    assert imports.start_folder({"path": f'"{folder}"'})["ok"]
    assert "1 of 1 image imported" in finished(imports)["sentence"]
    assert below(folder) == ["a.png"]
    assert (folder / "a.png").read_bytes() == original


@pytest.mark.parametrize(
    ("name", "lands"),
    [
        ("a.png", "a.png"),
        ("folder/b c.png", "folder/b c.png"),
        ("../../etc/a.png", "etc/a.png"),
        ("/etc/a.png", "etc/a.png"),
        ("..\\..\\a.png", "a.png"),
        ("C:\\Users\\a.png", "C__*/Users/a.png"),
        ("日本語/жар.png", "日本語/жар.png"),
        ("./.././a.png", "a.png"),
        ("a\0b.png", "a_b_*.png"),
        ("aux.png", "aux_*.png"),
        ("x/y/z/1/2/3/4/5/6/7/8/9/a.png", "3/4/5/6/7/8/9/a.png"),
        ("n" * 300 + ".png", "n" * 100 + "_*.png"),
        ("<b>.png", "_b__*.png"),
    ],
)
def test_a_strangers_name_is_only_ever_a_plain_path_inside(
    imports: Imports, client: TestClient, tmp_path: Path, name: str, lands: str
) -> None:
    draft = imports.begin()["id"]
    assert send(client, draft, name, b"x") == {"ok": True}
    root = tmp_path / "workspace" / "imports" / draft
    (written,) = [path for path in root.rglob("*") if path.is_file()]
    assert written.relative_to(root).match(lands)
    assert below(tmp_path) == [str(written.relative_to(tmp_path))], "nothing was written anywhere else"


def test_different_names_stay_different_and_a_text_stays_next_to_its_image() -> None:
    assert plain_name("a?.png") != plain_name("a*.png")
    assert plain_name("a?.png").stem == plain_name("a?.txt").stem


@pytest.mark.parametrize("draft", ["", "0" * 16, "../..", "..%2f..", "x"])
def test_there_is_no_place_but_a_draft(client: TestClient, imports: Imports, draft: str) -> None:
    imports.begin()
    answer = client.post(f"/sdpo/import/{draft}", params={"name": "a.png"}, content=b"x")
    assert answer.status_code in (404, 405) or generate_say("noDraft") in answer.text
    assert not imports.start({"id": draft})["ok"]


def test_limits_of_size_kind_and_number_are_reported(
    imports: Imports, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "MOST_IMAGE_BYTES", 1000)
    monkeypatch.setattr(importing, "MOST_FILES", 3)
    draft = imports.begin()["id"]
    assert "is larger than" in send(client, draft, "a.png", b"x" * 1001)["error"]
    for name in ("a.avif", "a.exe", "a", "studio.db", ".png"):
        assert "isn't a PNG, JPEG or WebP image" in send(client, draft, name, b"x")["error"], name
    assert send(client, draft, "b.png", b"x")["ok"]
    assert send(client, draft, "c.png", b"x")["ok"]
    assert "At most 3 files" in send(client, draft, "d.png", b"x")["error"]
    assert below(tmp_path / "workspace" / "imports") == [f"{draft}/b.png", f"{draft}/c.png"]


def test_a_full_disk_is_reported_and_nothing_half_written_stays(
    imports: Imports, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_RESERVE_BYTES", 2**60)
    draft = imports.begin()["id"]
    assert send(client, draft, "a.png", b"x")["error"] == generate_say("diskFull")
    assert below(tmp_path / "workspace" / "imports") == []


@pytest.mark.parametrize(
    ("act", "message", "words"),
    [
        ("start_folder", {"path": ""}, "Enter the path of the folder"),
        ("start_folder", {"path": "/no/such"}, "Can't open the folder /no/such"),
        ("start_folder", {"path": "\0"}, "Can't open the folder"),
        ("start_folder", {"path": "~no-such-user/x"}, "Can't open the folder"),
        ("start_folder", {}, "unexpected"),
        ("start", {"id": "../../x"}, "unexpected"),
        ("start", "x", "unexpected"),
        ("with_prompt", {"run": "../../etc", "prompt": "x"}, "No run"),
        ("with_prompt", {"run": "x"}, "unexpected"),
        ("with_prompt", {"run": "x", "prompt": "p" * 20_001}, "unexpected"),
    ],
)
def test_anything_may_be_sent_and_gets_a_sentence(imports: Imports, act: str, message: Any, words: str) -> None:
    reply = getattr(imports, act)(message)
    assert not reply["ok"]
    assert words in reply["error"]


def test_an_empty_folder_fails_with_a_message(imports: Imports, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    imports.start_folder({"path": str(tmp_path / "empty")})
    told = finished(imports)
    assert told["state"] == "failed"
    assert "matches no known layout" in told["sentence"]


def test_what_nobody_took_in_is_swept_after_a_day(imports: Imports, client: TestClient, tmp_path: Path) -> None:
    old = imports.begin()["id"]
    send(client, old, "a.png", b"x")
    folder = tmp_path / "workspace" / "imports" / old
    os.utime(folder, (time.time() - 90_000, time.time() - 90_000))
    new = imports.begin()["id"]
    assert [path.name for path in folder.parent.iterdir()] == [new]


def test_an_import_waits_for_the_job_that_runs(tmp_path: Path, jobs: Jobs) -> None:
    """`jobs` plays jobs that take their time."""
    queue = RunQueue(jobs)
    imports = Imports(jobs, queue)
    for name in ("mine", "yours"):
        (tmp_path / name).mkdir()
    first = imports.start_folder({"path": str(tmp_path / "mine")})
    assert first["run"]
    second = imports.start_folder({"path": str(tmp_path / "yours")})
    assert (second["run"], second["sentence"]) == ("", generate_say("importQueued"))
    assert [one.verb for one in queue.waiting()] == ["import"]


def test_a_damaged_report_does_not_count(imports: Imports, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.png").write_bytes(png(parameters("a lake")))
    run = imports.start_folder({"path": str(tmp_path / "mine")})["run"]
    finished(imports)
    report = tmp_path / "workspace" / "runs" / run / "report.json"
    assert json.loads(report.read_text(encoding="utf-8"))["images_added"] == 1
    report.write_text("[1", encoding="utf-8")
    assert imports.state()["troubles"] == []


def test_the_studio_imports_without_a_model_library() -> None:
    code = "import sys, app.generate.importing\nassert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
