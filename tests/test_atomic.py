"""Atomic writes: a reader never meets half a file, and a full disk is told in words."""

import errno
from pathlib import Path

import pytest

from sdpo_core import atomic
from sdpo_core.errors import DiskError


def test_a_failed_write_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic.write_json(path, {"n": 1})
    with pytest.raises(RuntimeError), atomic.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == '{\n  "n": 1\n}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_failed_folder_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "step-1"
    with atomic.replacing_folder(path) as folder:
        (folder / "a").write_text("old")
    with pytest.raises(RuntimeError), atomic.replacing_folder(path) as folder:
        (folder / "a").write_text("new")
        raise RuntimeError
    assert (path / "a").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["step-1"]
    with atomic.replacing_folder(path) as folder:
        (folder / "b").write_text("new")
    assert [p.name for p in path.iterdir()] == ["b"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_a_disk_that_refuses_is_told_in_words(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(DiskError, match=r"a\.bin .* then try again; what was saved before is intact"):
        with atomic.replacing(path):
            raise OSError(number, "refused")
    assert path.read_bytes() == b"old"


def test_other_trouble_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), atomic.disk_errors(tmp_path):
        raise IsADirectoryError
