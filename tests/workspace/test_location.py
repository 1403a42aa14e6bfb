"""Places that aren't safe for a database."""

from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from sdpo_core.workspace.location import location_warning


class Partition(NamedTuple):
    device: str
    mountpoint: str
    fstype: str
    opts: str


@pytest.fixture
def mounted(monkeypatch: pytest.MonkeyPatch):
    def mount(*partitions: Partition) -> None:
        monkeypatch.setattr(psutil, "disk_partitions", lambda **_: list(partitions))

    mount(Partition("/dev/disk", Path("/").resolve().anchor, "ext4", "rw"))
    return mount


def test_plain_folder_is_fine(tmp_path: Path, mounted) -> None:
    assert location_warning(tmp_path) is None


@pytest.mark.parametrize("name", ["OneDrive - Company", "Dropbox", "Google Drive", "Mobile Documents"])
def test_synchronised_folder_is_named(tmp_path: Path, mounted, name: str) -> None:
    (tmp_path / name / "workspace").mkdir(parents=True)
    warning = location_warning(tmp_path / name / "workspace")
    assert warning
    assert f"synced folder ({name})" in warning


def test_marker_of_a_sync_service_is_found(tmp_path: Path, mounted) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / ".stfolder").mkdir()
    warning = location_warning(tmp_path / "workspace")
    assert warning
    assert ".stfolder" in warning


@pytest.mark.parametrize(("kind", "options"), [("nfs4", "rw"), ("cifs", "rw"), ("NTFS", "rw,remote")])
def test_network_drive_is_named(tmp_path: Path, mounted, kind: str, options: str) -> None:
    local = Partition("/dev/disk", tmp_path.anchor, "ext4", "rw")
    mounted(local, Partition("server:/data", str(tmp_path), kind, options))
    warning = location_warning(tmp_path / "workspace")
    assert warning
    assert f"network or foreign drive ({kind})" in warning
    mounted(Partition("server:/", tmp_path.anchor, kind, options), Partition("/dev/disk", str(tmp_path), "ext4", "rw"))
    assert location_warning(tmp_path / "workspace") is None
