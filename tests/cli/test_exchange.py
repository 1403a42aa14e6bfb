"""Pairs and images of other tools in, and pairs out, on the command line."""

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from sdpo_core.cli.main import main
from sdpo_core.runs.folder import RunFolder
from tests.cli.helpers import command, result, sdpo
from tests.images.image_files import scene


def theirs(folder: Path, pairs: int) -> Path:
    """Pairs that somebody else chose, of mixed sizes, as OneTrainer keeps them."""
    for i in range(pairs):
        for side, size in (("chosen", (64, 96) if i % 2 else (96, 64)), ("rejected", (64, 80 + 8 * (i % 3)))):
            (folder / side).mkdir(parents=True, exist_ok=True)
            Image.effect_noise(size, 60 + i).convert("RGB").save(folder / side / f"{i}.png")
        (folder / "chosen" / f"{i}.txt").write_text("a lake", encoding="utf-8")
    return folder


def test_imported_pairs_of_mixed_sizes_train_when_asked_for(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--workspace", tmp_path / "workspace"]
    told = result("import", theirs(tmp_path / "theirs", 4), *where)
    assert (told["layout"], told["found"], told["votes_added"], told["troubles"]) == ("onetrainer", 4, 4, [])
    flags = ["--model", tiny, "--steps", "2", "--rank", "2", "--preview-prompts", "0", *where]
    assert main([str(word) for word in ("train", *flags)]) == 1
    assert (
        "No pairs can be used for training; not used: 4 made by another or an unknown base model. "
        "With --pairs-from all those train "
        "too."
    ) in capsys.readouterr().err
    trained = command("train", *flags, "--pairs-from", "all")
    done = subprocess.run(trained, capture_output=True, text=True, timeout=300, check=True)
    # Means of 1.10:1, 1:1.44, 1:1 and 1:1.37 at 32² px: 33 x 31, 27 x 38, 32 x 32 and 27 x 37, in steps of 8 px.
    assert "Encoding 4 pairs: 2 at 32 × 32 px, 2 at 24 × 40 px…" in done.stderr
    run = RunFolder.open(Path(done.stdout.splitlines()[-1]))
    assert (run.status().state, run.status().step) == ("done", 2)
    assert len(json.loads((run.path / "data.json").read_text(encoding="utf-8"))["train"]) == 4
    assert "Wrote 4 pairs" in sdpo("export", "--pairs", tmp_path / "out", *where)
    again = sdpo("import", tmp_path / "out", *where)
    assert "Layout jsonl: " in again
    assert "0 of 4 pairs imported with their votes; 4 already had votes here" in again


def test_images_of_other_tools_come_in_and_wait_for_votes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out" / "2026-01-01"
    folder.mkdir(parents=True)
    for i in range(3):
        info = PngInfo()
        info.add_text("parameters", f"a lake\nSteps: 20, Sampler: Euler a, Seed: {i}, Size: 64x64")
        scene(i, (64, 64)).save(folder / f"{i}.png", pnginfo=info)
    scene(9).save(folder / "plain.png")
    where = ["--workspace", str(tmp_path / "workspace")]
    assert main(["import", str(tmp_path / "out"), *where]) == 0
    out = capsys.readouterr().out
    assert "3 of 4 images imported (A1111/Forge 3); 2 new pairs of 1 prompt to vote on." in out
    assert "Skipped: 1 without a prompt." in out
    assert "  2026-01-01/plain.png: has no prompt in its metadata" in out
    assert main(["import", str(tmp_path / "out"), "--json", "--prompt", "a lake", *where]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["layout"], told["images_added"], told["images_known"], told["pairs_added"]) == ("images", 1, 3, 1)
    assert main(["vote", *where]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 3
    (tmp_path / "none").mkdir()
    scene(9).save(tmp_path / "none" / "plain.png")
    assert main(["import", str(tmp_path / "none"), *where]) == 1
    assert "Nothing could be imported" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["import", "nowhere"], 1, "nowhere isn't a folder"),
        (["import", "."], 1, "matches no known layout"),
        (["import", ".", "--layout", "koya"], 2, "Unknown layout: koya. Did you mean kohya?"),
        (["import", ".", "--layout", "jsonl"], 1, "has no metadata.jsonl"),
        (["import", ".", "--layout", "onetrainer"], 1, "has no folder chosen"),
        (["export", "mine"], 2, "Say which adapter to export and where"),
        (["export", "mine", "--pairs", "x"], 2, "Export either an adapter"),
        (["export", "--pairs", "."], 1, "already exists and isn't empty"),
    ],
)
def test_mistakes_in_exchanging_pairs_are_reported(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    sentence: str,
) -> None:
    (tmp_path / "note.md").touch()
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--workspace", str(tmp_path / "workspace")]) == code
    assert sentence in capsys.readouterr().err


def test_pairs_go_out_in_a_layout_by_name_and_a_layout_without_pairs_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--workspace", str(tmp_path / "workspace")]
    assert main(["import", str(theirs(tmp_path / "theirs", 1)), *place]) == 0
    assert main(["export", "--pairs", str(tmp_path / "out"), "--layout", "kohya", *place]) == 0
    assert (tmp_path / "out/1_pairs/w/000001.png").is_file()
    capsys.readouterr()
    assert main(["export", "latest", "--to", str(tmp_path), "--layout", "kohya", *place]) == 2
    assert "--layout is only for pairs" in capsys.readouterr().err


def test_ctrl_c_in_the_middle_of_an_import_is_a_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sdpo_core.cli.imports.import_pairs", interrupted)
    arguments = ["import", str(theirs(tmp_path / "theirs", 1)), "--workspace", str(tmp_path / "workspace")]
    assert main(arguments) == 130
    assert "Stopped. Finished work is saved." in capsys.readouterr().err
