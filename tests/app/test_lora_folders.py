"""Other tools' folders: which are taken, and what is put into them. Real files, no browser."""

import json
import os
from pathlib import Path
from typing import Literal

import pytest

from app.adapters import text as adapters_text
from app.adapters.lora_folders import LoraFolders
from app.studio import Studio
from sdpo_core.errors import AdapterError, ConfigError, DiskError
from sdpo_core.workspace.records import AdapterRecord
from tests.app.shelves import add_adapter


@pytest.fixture
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which ComfyUI and A1111 are."""
    home = tmp_path_factory.mktemp("tools")
    (home / "ComfyUI" / "models" / "loras").mkdir(parents=True)
    (home / "stable-diffusion-webui" / "models" / "Lora").mkdir(parents=True)
    return home


@pytest.fixture
def folders(tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> LoraFolders:
    monkeypatch.setattr(Path, "home", lambda: tools)
    return LoraFolders(tmp_path)


@pytest.fixture
def record(studio: Studio) -> AdapterRecord:
    return add_adapter(studio)


def file_of(studio: Studio, record: AdapterRecord) -> Path:
    return studio.desk.workspace / record.path


def test_the_tools_own_folder_or_the_one_for_loras(folders: LoraFolders, tools: Path, tmp_path: Path) -> None:
    loras = tools / "ComfyUI" / "models" / "loras"
    assert folders.suggestions("comfyui") == [str(loras)]
    assert folders.folder("comfyui") is None
    for written in (str(tools / "ComfyUI"), f' "{loras}" '):
        assert folders.choose("comfyui", written) == loras.resolve()
    assert LoraFolders(tmp_path).folder("comfyui") == loras.resolve(), "kept on the machine"
    assert folders.choose("a1111", str(tools)) == tools.resolve(), "any other folder is taken as it is"
    folders.forget("comfyui")
    assert folders.folder("comfyui") is None
    assert folders.folder("a1111") == tools.resolve()


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("", "Give the folder of ComfyUI"),
        ("models/loras", "only a part of one"),
        ("~/ComfyUI", "only a part of one"),
        ("/no/such/place", "no folder /no/such/place"),
        ("/nu\0ll", "There is no folder"),
        ("/" + "x" * 3000, "There is no folder"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths of another kind")
def test_what_is_no_folder_is_refused(folders: LoraFolders, written: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        folders.choose("comfyui", written)


def test_files_and_the_studios_own_folders_are_refused(folders: LoraFolders, tools: Path, tmp_path: Path) -> None:
    (tools / "file").write_text("x")
    with pytest.raises(ConfigError, match="is a file"):
        folders.choose("comfyui", str(tools / "file"))
    (tmp_path / "adapters").mkdir(exist_ok=True)
    (tools / "link").symlink_to(tmp_path / "adapters")
    for ours in (tmp_path, tmp_path / "adapters", tools / "link"):
        with pytest.raises(ConfigError, match="belongs to the studio itself"):
            folders.choose("comfyui", str(ours))
    with pytest.raises(ConfigError, match="no such tool"):
        folders.choose("photoshop", str(tools))
    with pytest.raises(ConfigError, match="no such tool"):
        folders.forget("photoshop")


def test_a_folder_that_the_system_locks_is_told(
    folders: LoraFolders, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="may not write"):
        folders.choose("comfyui", str(tools))


@pytest.mark.parametrize("how", ["copy", "link"])
def test_an_adapter_is_put_there_with_its_picture(
    studio: Studio, folders: LoraFolders, record: AdapterRecord, tools: Path, how: Literal["copy", "link"]
) -> None:
    source = file_of(studio, record)
    source.with_suffix(".png").write_bytes(b"picture")
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    assert not folders.is_placed("comfyui", record)
    target = folders.place("comfyui", record, source, how)
    assert target == loras / "mine.safetensors"
    assert target.read_bytes() == source.read_bytes()
    assert target.samefile(source) == (how == "link")
    assert sorted(path.name for path in loras.iterdir()) == ["mine.png", "mine.safetensors"]
    assert folders.is_placed("comfyui", record)
    assert folders.place("comfyui", record, source, "copy") == target, "again is no harm"
    studio.desk.store.throw_adapter(record.id)
    assert target.is_file(), "what the studio throws away stays there"
    target.write_bytes(b"another")
    assert not folders.is_placed("comfyui", record)
    target.unlink()
    assert not folders.is_placed("comfyui", record)


def test_a1111_is_told_the_strength_and_the_note(studio: Studio, folders: LoraFolders, tools: Path) -> None:
    record = add_adapter(studio, "warm", 3)
    studio.desk.store.note_on_adapter(record.id, "for evenings")
    record = studio.desk.store.recommend(record.id, 0.75)
    target = folders.choose("a1111", str(tools / "stable-diffusion-webui")) / "warm.json"
    folders.place("a1111", record, file_of(studio, record), "copy")
    assert json.loads(target.read_text()) == {"preferred weight": 0.75, "notes": "for evenings"}
    target.write_text("a person's own")
    folders.place("a1111", record, file_of(studio, record), "copy")
    assert target.read_text() == "a person's own"


@pytest.mark.parametrize("how", ["copy", "link"])
def test_no_other_file_is_overwritten(
    studio: Studio, folders: LoraFolders, record: AdapterRecord, tools: Path, how: Literal["copy", "link"]
) -> None:
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    (loras / "mine.safetensors").write_bytes(b"somebody else's")
    with pytest.raises(AdapterError, match="is another file"):
        folders.place("comfyui", record, file_of(studio, record), how)
    assert (loras / "mine.safetensors").read_bytes() == b"somebody else's"


def test_a_damaged_file_goes_nowhere(studio: Studio, folders: LoraFolders, record: AdapterRecord, tools: Path) -> None:
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    file_of(studio, record).write_bytes(b"damaged")
    with pytest.raises(AdapterError, match="changed or damaged"):
        folders.place("comfyui", record, file_of(studio, record), "copy")
    assert list(loras.iterdir()) == []


def test_a_folder_that_is_gone_and_a_disk_without_links_are_told(
    studio: Studio, folders: LoraFolders, record: AdapterRecord, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = file_of(studio, record)
    with pytest.raises(ConfigError, match="not chosen yet"):
        folders.place("comfyui", record, source, "copy")
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))

    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(DiskError, match="Copy the adapter instead"):
        folders.place("comfyui", record, source, "link")
    loras.rmdir()
    with pytest.raises(ConfigError, match="There is no folder"):
        folders.place("comfyui", record, source, "copy")


def test_a_copy_that_is_not_what_was_written_is_removed(
    studio: Studio, folders: LoraFolders, record: AdapterRecord, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    monkeypatch.setattr("shutil.copyfile", lambda _, target: Path(target).write_bytes(b"half"))
    with pytest.raises(DiskError, match="The copy was removed"):
        folders.place("comfyui", record, file_of(studio, record), "copy")
    assert list(loras.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", '{"folders": 5, "placed": [{"tool": 1}, 7]}', '{"folders": {"x": "/"}}'])
def test_damaged_settings_are_as_good_as_none(folders: LoraFolders, tmp_path: Path, tools: Path, content: str) -> None:
    (tmp_path / "lora-folders.json").write_text(content)
    assert folders.folder("comfyui") is None
    assert folders.choose("comfyui", str(tools)) == tools.resolve()
    assert adapters_text.TOOLS.keys() == {"comfyui", "a1111"}
