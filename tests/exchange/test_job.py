"""The job `import` as the studio starts it: its progress, its report, a stop, and images of every bad kind."""

import io
import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sdpo_core.cli.main import main
from sdpo_core.errors import StoreError
from sdpo_core.exchange.job import REPORT, run_import
from sdpo_core.runs.folder import RunFolder, Status
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.transfer import ImportConfig
from sdpo_core.workspace.store import Store
from tests.images.image_files import chunk, png, scene, text


def parameters(prompt: str) -> bytes:
    return text("parameters", f"{prompt}\nSteps: 4, Sampler: Euler a, CFG scale: 7, Seed: 3, Size: 96x64")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


def go(folder: Path, echo: Callable[[Status], None] | None = None, **settings: Any) -> tuple[RunFolder, dict[str, Any]]:
    workspace = folder.parent / "workspace"
    config = ImportConfig(folder=str(folder), **settings)
    run = RunFolder.create(workspace / "runs", "import", config.model_dump(mode="json"))
    run_import(config, run, workspace, Reporter(run, "import", 0, echo))
    return run, json.loads((run.path / REPORT).read_text(encoding="utf-8"))


def test_images_are_imported_with_a_readable_report(folder: Path) -> None:
    for number in range(3):
        (folder / f"{number}.png").write_bytes(png(parameters("a lake"), image=scene(number)))
    (folder / "bare.png").write_bytes(png(image=scene(9)))
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    run, report = go(folder)
    assert (report["images_added"], report["pairs_added"], report["without_prompt"]) == (3, 2, 1)
    assert run.status().state == "done"
    assert run.status().message == report["sentence"]
    assert "3 of 5 images imported (A1111/Forge 3); 2 new pairs of 1 prompt" in report["sentence"]
    assert {trouble["name"] for trouble in report["troubles"]} == {"bare.png", "broken.png"}
    assert (run.status().step, run.status().total) == (5, 5)


def test_a_prompt_given_afterwards_imports_only_the_rest(folder: Path) -> None:
    (folder / "a.png").write_bytes(png(parameters("a lake"), image=scene(1)))
    (folder / "b.png").write_bytes(png(image=scene(2)))
    go(folder)
    _, report = go(folder, prompt="a sea")
    assert (report["images_added"], report["images_known"], report["without_prompt"]) == (1, 1, 0)
    with Store(folder.parent / "workspace") as store:
        assert sorted(candidate.prompt for candidate in store.candidates.newest()) == ["a lake", "a sea"]


def test_a_stop_keeps_what_was_imported(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sdpo_core.runs.reporter.REPORT_INTERVAL_S", 0.0)
    for number in range(9):
        (folder / f"{number}.png").write_bytes(png(parameters("a lake"), image=scene(number)))
    runs = folder.parent / "workspace" / "runs"

    def stop(status: Status) -> None:
        if status.step == 4:
            RunFolder(next(runs.glob("*-import-*"))).signal("stop")

    run, report = go(folder, stop)
    assert run.status().state == "stopped"
    assert report["images_added"] == 4
    assert not run.signalled("stop")
    assert "Start the import again" in run.status().message
    assert go(folder)[1]["images_added"] == 5


def test_an_empty_folder_is_refused_with_a_message(folder: Path) -> None:
    with pytest.raises(StoreError, match="matches no known layout"):
        go(folder)
    with pytest.raises(StoreError, match="isn't a folder"):
        go(folder / "gone")


def test_the_verb_runs_a_queued_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "a.png").write_bytes(png(parameters("a lake"), image=scene(1)))
    workspace = tmp_path / "workspace"
    run = RunFolder.create(workspace / "runs", "import", ImportConfig(folder=str(folder)).model_dump(mode="json"))
    assert main(["import", "--workspace", str(workspace), "--run", str(run.path)]) == 0
    assert run.status().state == "done"
    assert main(["import", "--workspace", str(workspace)]) == 2


# --- bad and odd images


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def sixteen_bit(mode: str) -> bytes:
    """A 16-bit PNG, grey or RGB, whose left half is dark and whose right half is light."""
    values = np.zeros((16, 16), ">u2")
    values[:, 8:] = 0xFFFF
    pixels = values if mode == "grey" else np.repeat(values[:, :, None], 3, axis=2)
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", 16, 16, 16, 0 if mode == "grey" else 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + parameters(mode)
    return start + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_odd_but_good_images_are_imported_as_they_look(folder: Path) -> None:
    frames = [scene(1), scene(2)]
    files = {
        "cmyk.jpg": saved(scene(3).convert("CMYK"), "JPEG", quality=95),
        "animated.png": saved(frames[0], "PNG", save_all=True, append_images=frames[1:]),
        "web.webp": saved(scene(4), "WEBP", lossless=True),
        "grey16.png": sixteen_bit("grey"),
        "rgb16.png": sixteen_bit("rgb"),
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
        (folder / name).with_suffix(".txt").write_text(name)
    _, report = go(folder)
    assert report["troubles"] == []
    assert report["images_added"] == len(files)
    with Store(folder.parent / "workspace") as store:
        by_prompt = {
            one.prompt: Image.open(store.images.path(one.image_sha256)).convert("RGB")
            for one in store.candidates.newest()
        }
    assert np.abs(np.asarray(by_prompt["animated.png"], int) - np.asarray(frames[0], int)).max() == 0
    for name in ("grey16.png", "grey", "rgb16.png", "rgb"):
        if name in by_prompt:
            dark, light = by_prompt[name].getpixel((2, 8)), by_prompt[name].getpixel((13, 8))
            assert (dark, light) == ((0, 0, 0), (255, 255, 255)), name


def claims(width: int, height: int) -> bytes:
    """A few bytes that claim to be an enormous PNG."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + parameters("a bomb") + data + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("large.png", claims(10_000, 10_000), "too many pixels: the limit is 64 million"),
        ("bomb.png", claims(2**31 - 1, 2**31 - 1), "too many pixels"),
        ("cut.jpg", saved(scene(1), "JPEG")[:300], "may be damaged or cut short"),
        ("empty.png", b"", "can't be decoded"),
        ("picture.avif", b"\0\0\0\x20ftypavif", "an unsupported format; save it as PNG, JPEG or WebP"),
        ("picture.heic", b"x", "an unsupported format"),
        ("html.png", b"<html>", "can't be decoded"),
    ],
)
def test_each_bad_image_has_its_sentence_and_stops_nothing(folder: Path, name: str, data: bytes, words: str) -> None:
    (folder / name).write_bytes(data)
    (folder / "good.png").write_bytes(png(parameters("a lake"), image=scene(1)))
    _, report = go(folder, prompt="a lake")
    assert report["images_added"] == 1
    (trouble,) = report["troubles"]
    assert trouble["name"] == name
    assert words in trouble["reason"]


@pytest.mark.parametrize(
    "prompt", ["غروب الشمس", "a 🦊 in 雪", "x" * 2000, "<img src=x onerror=alert(1)> ${7*7}", "a {red|blue lake"]
)
def test_any_prompt_in_metadata_is_kept_as_it_is(folder: Path, prompt: str) -> None:
    (folder / "a.png").write_bytes(png(image=scene(1)))
    (folder / "a.txt").write_text(prompt, encoding="utf-8")
    go(folder)
    with Store(folder.parent / "workspace") as store:
        assert [candidate.prompt for candidate in store.candidates.newest()] == [prompt]
