import json
import threading
from pathlib import Path

from PIL import Image

from app.desk.inbox import look, watch
from app.studio import Studio


def send(workspace: Path, name: str = "a") -> None:
    folder = workspace / "inbox"
    folder.mkdir(exist_ok=True)
    for number in (1, 2):
        Image.new("RGB", (8, 8), (number, 0, 0)).save(folder / f"{name}{number}.png")
    line = {"images": [f"{name}1.png", f"{name}2.png"], "prompt": f"lake {name}"}
    (folder / f"{name}.jsonl").write_text(json.dumps(line), encoding="utf-8")


def test_the_open_project_imports_its_own_inbox(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    try:
        other = studio.desk.projects.make("Other")
        send(studio.desk.workspace)
        send(other.path)
        assert look(studio.desk).added.pairs == 1
        assert not look(studio.desk)
        assert len(studio.desk.store.pairs.open(purpose="train")) == 1
        studio.desk.open_project(other.id)
        assert look(studio.desk).added.pairs == 1
        assert len(studio.desk.store.pairs.open(purpose="train")) == 1
    finally:
        studio.close()


def test_the_watch_reports_what_arrived_and_ends_when_asked(tmp_path: Path) -> None:
    studio, stop, said = Studio(tmp_path), threading.Event(), list[str]()

    def say(told: str) -> None:
        said.append(told)
        stop.set()

    try:
        send(studio.desk.workspace)
        watcher = threading.Thread(target=watch, args=(studio.desk, say, stop))
        watcher.start()
        watcher.join(20)
        assert not watcher.is_alive()
        assert said == ["Received 1 batch from ComfyUI: 1 new pair, 0 votes."]
    finally:
        studio.close()
