import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from sdpo_core.cli.main import main
from sdpo_core.errors import DiskError
from sdpo_core.exchange import inbox
from sdpo_core.exchange.inbox import InboxReport, import_inbox, is_waiting
from sdpo_core.workspace.store import Store


def picture(folder: Path, number: int) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{number}.png")
    return f"{number}.png"


def send(store: Store, *numbers: int, name: str = "a", **facts: Any) -> Path:
    folder = store.workspace / "inbox"
    names = [picture(folder, number) for number in numbers]
    path = folder / f"{name}.jsonl"
    path.write_text(json.dumps({"images": names, "prompt": "a lake", **facts}) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store(tmp_path / "workspace") as opened:
        yield opened


def left_in(store: Store) -> list[str]:
    root = store.workspace / "inbox"
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def test_a_chosen_image_wins_over_each_other(store: Store) -> None:
    send(store, 1, 2, 3, chosen=1, negative="fog", seed=2**63, model="dream")
    assert is_waiting(store.workspace)
    report = import_inbox(store)
    assert (report.sendings, report.added.pairs, report.added.votes) == (1, 2, 2)
    assert not is_waiting(store.workspace)
    assert left_in(store) == []
    for voted in store.pairs.voted(purpose="train"):
        best = voted.pair.left if voted.vote.choice == "left" else voted.pair.right
        with Image.open(store.images.path(best.image_sha256)) as image:
            assert image.getpixel((0, 0)) == (2, 0, 0)
        made_with = best.made_with
        assert made_with is not None
        assert (best.negative, made_with.tool, made_with.seed, made_with.model) == ("fog", "ComfyUI", 2**63, "dream")


def test_without_a_choice_neighbours_wait_for_a_vote(store: Store) -> None:
    send(store, 1, 2, 3)
    send(store, 4, 5, name="b")
    assert import_inbox(store).added.pairs == 3
    assert len(store.pairs.open(purpose="train")) == 3
    assert store.pairs.voted(purpose="train") == []


def test_the_same_again_adds_nothing_and_a_vote_of_ones_own_stands(store: Store) -> None:
    send(store, 1, 2)
    import_inbox(store)
    (pair,) = store.pairs.open(purpose="train")
    store.votes.cast("by-hand-1", pair.id, "tie")
    send(store, 1, 2, chosen=0)
    assert import_inbox(store).added.votes == 0
    (voted,) = store.pairs.voted(purpose="train")
    assert voted.vote.choice == "tie"


def test_a_pair_that_waited_takes_the_choice_that_comes_later(store: Store) -> None:
    send(store, 1, 2)
    import_inbox(store)
    send(store, 1, 2, chosen=0)
    assert import_inbox(store).added.votes == 1


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"images": ["1.png", "2.pn', "isn't JSON"),
        (b"[]", "the line"),
        (b"\xff\xfe", "isn't JSON"),
        (b"[" * 100_000, "isn't JSON"),
        (b'{"images": ["1.png"], "prompt": "x"}', "images"),
        (b'{"images": ["1.png", "2.png"], "prompt": ""}', "prompt"),
        (b'{"images": ["1.png", "2.png"], "prompt": "\\ud800"}', "unicode"),
        (b'{"images": ["1.png", "2.png"], "prompt": "x", "chosen": 2}', "chooses image 2 of 2"),
        (b'{"images": ["1.png", "2.png"], "prompt": "x", "chosen": true}', "chosen"),
        (b'{"images": ["1.png", "../secret.png"], "prompt": "x"}', "outside"),
        (b'{"images": ["1.png", "link.png"], "prompt": "x"}', "outside"),
        (b'{"images": ["1.png", "gone.png"], "prompt": "x"}', "is missing"),
        (b'{"images": ["1.png", "1.png"], "prompt": "x"}', "the same"),
        (b'{"images": ["1.png", "text.png"], "prompt": "x"}', "text.png"),
        (b'{"images": ["1.png", "a\\u0000.png"], "prompt": "x"}', "isn't a file name"),
    ],
)
def test_a_bad_line_is_set_aside_and_the_others_come_in(store: Store, tmp_path: Path, line: bytes, words: str) -> None:
    path = send(store, 3, 4)
    folder = path.parent
    picture(folder, 1)
    picture(folder, 2)
    secret = tmp_path / "workspace" / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    (folder / "link.png").symlink_to(secret)
    (folder / "text.png").write_text("no image", encoding="utf-8")
    path.write_bytes(line + b"\n" + path.read_bytes())
    report = import_inbox(store)
    assert report.sendings == 1
    assert len(report.troubles) == 1
    assert words in report.troubles[0].reason
    assert (folder / "refused" / path.name).read_bytes() == line + b"\n"
    assert words in (folder / "refused" / "a.txt").read_text(encoding="utf-8")
    assert not path.exists()
    assert secret.is_file()
    assert (folder / "1.png").exists() != (folder / "refused" / "1.png").exists(), "moved or left, never lost"
    assert not is_waiting(store.workspace)
    assert any("refused" in finding for finding in store.check())


def test_links_and_half_written_files_are_left_alone(store: Store, tmp_path: Path) -> None:
    path = send(store, 1, 2)
    outside = path.replace(tmp_path / "outside.jsonl")
    path.symlink_to(outside)
    (path.parent / ".b.jsonl").write_text("{", encoding="utf-8")
    assert not is_waiting(store.workspace)
    assert not import_inbox(store)


def test_a_file_that_is_too_long_is_set_aside_whole(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "_MOST_BYTES", 20)
    send(store, 1, 2)
    assert "larger than" in import_inbox(store).troubles[0].reason


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="this user may write anywhere")
def test_a_disk_that_refuses_leaves_the_sending_where_it_is(store: Store) -> None:
    path = send(store, 1, 2)
    (store.workspace / "images").chmod(0o500)
    try:
        with pytest.raises(DiskError):
            import_inbox(store)
    finally:
        (store.workspace / "images").chmod(0o700)
    assert path.is_file()
    assert import_inbox(store).added.pairs == 1


def test_a_crash_before_clearing_away_changes_nothing_the_second_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = send(store, 1, 2, chosen=0)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            import_inbox(store)
    assert path.is_file()
    report = import_inbox(store)
    assert (report.added.pairs, report.added.votes) == (0, 0)
    assert left_in(store) == []


def test_the_outcome_as_text() -> None:
    assert not InboxReport()
    assert InboxReport(sendings=1).sentence() == "Received 1 batch from ComfyUI: 0 new pairs, 0 votes."


def test_the_command_line_takes_it_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = tmp_path / "workspace"
    with Store(workspace) as opened:
        send(opened, 1, 2, chosen=0)
    assert main(["import", "--inbox", "--workspace", str(workspace)]) == 0
    assert "1 new pair, 1 vote" in capsys.readouterr().out
    assert main(["import", "--inbox", "--workspace", str(workspace)]) == 0
    assert "The inbox is empty" in capsys.readouterr().out
    assert main(["import", "--inbox", str(tmp_path), "--workspace", str(workspace)]) == 2
    assert main(["import", "--workspace", str(workspace)]) == 2
