"""Other tools' folders: which are taken, what is put into them, and how it is known to fit. Real files, no torch."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest

from sdpo_core.adapters.export import export_adapter
from sdpo_core.adapters.placing import TOOLS, LoraFolders, Proof
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.errors import AdapterError, ConfigError, DiskError
from sdpo_core.workspace.records import AdapterRecord, Fit
from sdpo_core.workspace.store import Store
from tests.app.shelves import FIT, write_adapter


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
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path) as store:
        yield store


@pytest.fixture
def record(store: Store) -> AdapterRecord:
    return add_adapter(store)


def add_adapter(
    store: Store, name: str = "mine", number: int = 1, *, fit: Fit | None = FIT, base_sha256: str = "0" * 64
) -> AdapterRecord:
    path = write_adapter(store.workspace / "adapters" / f"{name}.safetensors", number, base_sha256=base_sha256)
    return store.adapters.add(
        name=name, path=path, sha256=sha256_file(path), base_sha256=base_sha256, run_id="run", fit=fit
    )


def file_of(store: Store, record: AdapterRecord) -> Path:
    return store.workspace / record.path


def found(matched: int, modules: int) -> Proof:
    return Proof(Fit(modules=modules, matched=matched), False, f"{matched} of {modules} modules fit.")


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
        ("", "Enter the folder of ComfyUI"),
        ("models/loras", "isn't a full path"),
        ("~/ComfyUI", "isn't a full path"),
        ("/no/such/place", "/no/such/place doesn't exist"),
        ("/nu\0ll", "doesn't exist"),
        ("/" + "x" * 3000, "doesn't exist"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="paths of another kind")
def test_anything_but_a_folder_is_refused(folders: LoraFolders, written: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        folders.choose("comfyui", written)


def test_files_and_the_studios_own_folders_are_refused(folders: LoraFolders, tools: Path, tmp_path: Path) -> None:
    (tools / "file").write_text("x")
    with pytest.raises(ConfigError, match="is a file"):
        folders.choose("comfyui", str(tools / "file"))
    (tmp_path / "adapters").mkdir(exist_ok=True)
    (tools / "link").symlink_to(tmp_path / "adapters")
    for ours in (tmp_path, tmp_path / "adapters", tools / "link"):
        with pytest.raises(ConfigError, match="is the studio's own folder"):
            folders.choose("comfyui", str(ours))
    with pytest.raises(ConfigError, match="Unknown tool: photoshop"):
        folders.choose("photoshop", str(tools))
    with pytest.raises(ConfigError, match="Unknown tool: photoshop"):
        folders.forget("photoshop")


def test_a_folder_that_the_system_locks_is_reported(
    folders: LoraFolders, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="can't write"):
        folders.choose("comfyui", str(tools))


@pytest.mark.parametrize("how", ["copy", "link"])
def test_an_adapter_is_put_there_with_its_picture(
    store: Store, folders: LoraFolders, record: AdapterRecord, tools: Path, how: Literal["copy", "link"]
) -> None:
    source = file_of(store, record)
    source.with_suffix(".png").write_bytes(b"picture")
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    assert not folders.is_placed("comfyui", record)
    placed = folders.place("comfyui", record, source, how)
    target = placed.file
    assert placed.proof == Proof(
        FIT, True, "1 of 1 modules fit its base model, as recorded when this file was loaded onto it."
    )
    assert target == loras / "mine.safetensors"
    assert target.read_bytes() == source.read_bytes()
    assert target.samefile(source) == (how == "link")
    assert sorted(path.name for path in loras.iterdir()) == ["mine.png", "mine.safetensors"]
    assert folders.is_placed("comfyui", record)
    assert folders.place("comfyui", record, source, "copy").file == target, "doing it again is harmless"
    store.adapters.trash(record.id)
    assert target.is_file(), "what the studio deletes stays there"
    target.write_bytes(b"another")
    assert not folders.is_placed("comfyui", record)
    target.unlink()
    assert not folders.is_placed("comfyui", record)


def test_a1111_gets_the_strength_and_the_note(store: Store, folders: LoraFolders, tools: Path) -> None:
    record = add_adapter(store, "warm", 3)
    store.adapters.note(record.id, "for evenings")
    record = store.adapters.recommend(record.id, 0.75)
    target = folders.choose("a1111", str(tools / "stable-diffusion-webui")) / "warm.json"
    folders.place("a1111", record, file_of(store, record), "copy")
    assert json.loads(target.read_text()) == {"preferred weight": 0.75, "notes": "for evenings"}
    target.write_text("a person's own")
    folders.place("a1111", record, file_of(store, record), "copy")
    assert target.read_text() == "a person's own"


@pytest.mark.parametrize("how", ["copy", "link"])
def test_no_other_file_is_overwritten(
    store: Store, folders: LoraFolders, record: AdapterRecord, tools: Path, how: Literal["copy", "link"]
) -> None:
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    (loras / "mine.safetensors").write_bytes(b"somebody else's")
    with pytest.raises(AdapterError, match="is a different file"):
        folders.place("comfyui", record, file_of(store, record), how)
    assert (loras / "mine.safetensors").read_bytes() == b"somebody else's"


def test_a_damaged_file_goes_nowhere(store: Store, folders: LoraFolders, record: AdapterRecord, tools: Path) -> None:
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    file_of(store, record).write_bytes(b"damaged")
    with pytest.raises(AdapterError, match="has changed since training"):
        folders.place("comfyui", record, file_of(store, record), "copy")
    assert list(loras.iterdir()) == []


def test_a_missing_folder_and_a_disk_without_links_are_reported(
    store: Store, folders: LoraFolders, record: AdapterRecord, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = file_of(store, record)
    with pytest.raises(ConfigError, match="isn't set yet"):
        folders.place("comfyui", record, source, "copy")
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))

    def refuse(self: Path, target: Path) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    with pytest.raises(DiskError, match="Copy the adapter instead"):
        folders.place("comfyui", record, source, "link")
    loras.rmdir()
    with pytest.raises(ConfigError, match="doesn't exist"):
        folders.place("comfyui", record, source, "copy")


def test_a_copy_that_is_not_what_was_written_is_removed(
    store: Store, folders: LoraFolders, record: AdapterRecord, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    monkeypatch.setattr("shutil.copyfile", lambda _, target: Path(target).write_bytes(b"half"))
    with pytest.raises(DiskError, match="failed verification and was removed"):
        folders.place("comfyui", record, file_of(store, record), "copy")
    assert list(loras.iterdir()) == []


@pytest.mark.parametrize("content", ["", "[]", '{"folders": 5, "placed": [{"tool": 1}, 7]}', '{"folders": {"x": "/"}}'])
def test_damaged_settings_do_not_count(folders: LoraFolders, tmp_path: Path, tools: Path, content: str) -> None:
    (tmp_path / "lora-folders.json").write_text(content)
    assert folders.folder("comfyui") is None
    assert folders.choose("comfyui", str(tools)) == tools.resolve()
    assert TOOLS.keys() == {"comfyui", "a1111"}


# ------------------------------------------------------------------------------------------------------------ the proof


def test_without_a_record_of_the_fit_the_model_is_loaded(store: Store, folders: LoraFolders, tools: Path) -> None:
    loras, record = folders.choose("comfyui", str(tools / "ComfyUI")), add_adapter(store, fit=None)
    source = file_of(store, record)
    with pytest.raises(AdapterError, match="Loading mine hasn't been verified yet"):
        folders.place("comfyui", record, source, "copy")
    with pytest.raises(AdapterError, match="only 3 of 4 modules match"):
        folders.place("comfyui", record, source, "copy", lambda _: found(3, 4))
    assert list(loras.iterdir()) == []
    placed = folders.place("comfyui", record, source, "copy", lambda _: found(4, 4))
    assert placed.proof == found(4, 4)
    assert placed.file.is_file()


def test_an_incomplete_recorded_fit_is_refused(store: Store, folders: LoraFolders, tools: Path) -> None:
    record = add_adapter(store, fit=Fit(modules=2, matched=1))
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    with pytest.raises(AdapterError, match="mine wasn't copied: only 1 of 2 modules match its base model"):
        folders.place("comfyui", record, file_of(store, record), "copy")
    assert list(loras.iterdir()) == []


def test_no_model_is_loaded_for_what_can_not_be_put_there_anyway(
    store: Store, folders: LoraFolders, record: AdapterRecord, tools: Path
) -> None:
    loras = folders.choose("comfyui", str(tools / "ComfyUI"))
    (loras / "mine.safetensors").write_bytes(b"somebody else's")
    with pytest.raises(AdapterError, match="is a different file"):
        folders.place("comfyui", record, file_of(store, record), "copy", lambda _: pytest.fail("loaded"))


# ------------------------------------------------------------------------------------ where the command line puts them


def test_a_place_in_a_tools_folder_is_that_tools(store: Store, folders: LoraFolders, tools: Path) -> None:
    store.adapters.recommend(add_adapter(store, "warm", 3).id, 0.75)
    record = store.adapters.find("warm")
    webui = tools / "stable-diffusion-webui"
    file, proof = export_adapter("warm", webui, store.workspace, None)
    assert file == webui / "models" / "Lora" / "warm.safetensors"
    assert proof == "1 of 1 modules fit its base model, as recorded when this file was loaded onto it."
    assert json.loads(file.with_suffix(".json").read_text()) == {"preferred weight": 0.75}
    assert folders.is_placed("a1111", record)
    assert not folders.is_placed("comfyui", record)
    file, _ = export_adapter(
        "warm", tools / "ComfyUI" / "models" / "loras" / "other.safetensors", store.workspace, None
    )
    assert file.name == "other.safetensors"
    assert folders.is_placed("comfyui", record)


def test_a_chosen_folder_is_known_whatever_it_is_called(store: Store, folders: LoraFolders, tools: Path) -> None:
    record, mine = add_adapter(store), tools / "my loras"
    mine.mkdir()
    export_adapter("mine", mine, store.workspace, None)
    assert not (store.workspace / "lora-folders.json").exists(), "a place outside the tools isn't remembered"
    folders.choose("comfyui", str(mine))
    export_adapter("latest", mine, store.workspace, None)
    assert folders.is_placed("comfyui", record)


def test_a_project_shares_the_folders_of_its_studio(tmp_path: Path, folders: LoraFolders, tools: Path) -> None:
    with Store(tmp_path / "projects" / "other") as store:
        (store.workspace / "project.json").write_text("{}")
        record = add_adapter(store)
        export_adapter("mine", tools / "ComfyUI", store.workspace, None)
    assert folders.is_placed("comfyui", record)


def test_a_copy_of_a_known_adapter_is_known_by_its_hash(store: Store, record: AdapterRecord, tools: Path) -> None:
    copy = tools / "copy.safetensors"
    copy.write_bytes(file_of(store, record).read_bytes())
    file, proof = export_adapter(str(copy), tools / "new" / "folder", store.workspace, None)
    assert (file.name, proof[:10]) == ("mine.safetensors", "1 of 1 mod")
    write_adapter(copy, 7)
    with pytest.raises(AdapterError, match="Name its base model with --base"):
        export_adapter(str(copy), tools / "new", store.workspace, None)


def test_what_was_changed_since_its_training_is_not_exported(store: Store, record: AdapterRecord, tools: Path) -> None:
    write_adapter(file_of(store, record), 8)
    with pytest.raises(AdapterError, match="has changed since training"):
        export_adapter("mine", tools, store.workspace, None)


def test_an_adapter_of_the_demo_model_says_that_it_works_only_here(store: Store, tools: Path) -> None:
    add_adapter(store, base_sha256=inspect_model("demo").sha256)
    _, proof = export_adapter("mine", tools, store.workspace, None)
    assert proof.endswith("It works only in the studio: the demo model is too narrow for other tools.")
