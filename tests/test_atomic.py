"""Atomic writes: a reader never meets half a file, and a full disk is reported."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdpo_core import atomic
from sdpo_core.errors import DiskError

posix_only = pytest.mark.skipif(os.name == "nt", reason="a limit of POSIX systems")


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
def test_a_disk_that_refuses_is_reported(tmp_path: Path, number: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(DiskError, match=r"a\.bin .* then try again; everything saved before is intact"):
        with atomic.replacing(path):
            raise OSError(number, "refused")
    assert path.read_bytes() == b"old"


def test_other_trouble_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), atomic.disk_errors(tmp_path):
        raise IsADirectoryError


@posix_only
def test_a_file_over_the_limit_of_its_disk_is_reported(tmp_path: Path) -> None:
    """A real refusal by the system, in the middle of a write."""
    script = (
        "import resource, sys; from pathlib import Path; from sdpo_core.atomic import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_bytes(Path(sys.argv[1]), b'x' * 2000)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    path = tmp_path / "a.bin"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("DiskError Could not write a.bin")
    assert list(tmp_path.iterdir()) == []


@posix_only
def test_a_name_that_is_too_long_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="name too long"):
        atomic.write_bytes(tmp_path / ("x" * 300), b"")


def test_a_folder_below_a_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DiskError, match="can't be created"):
            atomic.write_bytes(folder / "a.json", b"")


def test_a_mode_is_set_before_the_file_appears(tmp_path: Path) -> None:
    atomic.write_bytes(tmp_path / "a", b"1", mode=0o644)
    assert (tmp_path / "a").read_bytes() == b"1"
    if os.name != "nt":
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644
