"""Send Pair to Studio and Choose Preferred: what they ask, what they write, and that the real store reads it."""

import asyncio
import inspect
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from comfy_nodes import inbox
from comfy_nodes.graph import Found, find
from comfy_nodes.pictures import encode
from comfy_nodes.problem import PackProblem
from comfy_nodes.questions import Question, Questions
from comfy_nodes.workspace import studio_address
from sdpo_core.exchange.inbox import import_inbox
from sdpo_core.exchange.metadata import comfyui
from sdpo_core.workspace.store import Store
from tests.comfy_nodes.conftest import FakeComfy, Interrupted, Request, run
from tests.exchange import comfy_graphs
from tests.exchange.comfy_graphs import Graph, node

Batch = torch.Tensor


def batch(count: int = 2) -> Batch:
    """Grey images of 8 x 6 pixels, each of another grey."""
    return torch.arange(1, count + 1).div(10).reshape(count, 1, 1, 1).expand(count, 6, 8, 3)


def asked_by(class_: str, **inputs: Any) -> Graph:
    """The default workflow with a node of ours in place of the saver."""
    graph = comfy_graphs.simple()
    graph["9"] = node(class_, images=["8", 0], **inputs)
    return graph


def running(comfy: FakeComfy, class_: str = "SdpoSendPairToStudio") -> None:
    comfy.hidden.unique_id, comfy.hidden.prompt = "9", asked_by(class_)


def sent(workspace: Path) -> dict[str, Any]:
    (path,) = (workspace / "inbox").glob("*.jsonl")
    return json.loads(path.read_text(encoding="utf-8"))


# ---------------------------------------------------------------------------------------------------------- the graph


def with_one_saver() -> Iterator[tuple[str, Graph, str]]:
    """The graphs that the studio's own reader is tested with, as far as it is clear where their image comes out."""
    for name, made in vars(comfy_graphs).items():
        if not inspect.isfunction(made) or inspect.signature(made).parameters.keys() - {"changed"}:
            continue
        graph = made()
        savers = [number for number, one in graph.items() if "filename_prefix" in one.get("inputs", {})]
        if len(savers) == 1:
            yield name, graph, savers[0]


@pytest.mark.parametrize(("graph", "saver"), [pytest.param(*rest, id=name) for name, *rest in with_one_saver()])
def test_the_pack_finds_in_a_graph_what_the_studio_finds_in_its_image(graph: Graph, saver: str) -> None:
    theirs = comfyui.read({"prompt": json.dumps(graph)})
    assert theirs is not None
    entrance = next(key for key in graph[saver]["inputs"] if key in ("images", "image"))
    found = find(graph, saver, entrance)
    assert (found.prompt or "", found.negative or "") == (theirs.prompt, theirs.negative)
    assert (found.seed, found.model) == (theirs.seed, theirs.model)


def test_a_graph_of_subgraphs_is_followed_by_its_ids() -> None:
    flat, again = asked_by("SdpoSendPairToStudio"), asked_by("SdpoSendPairToStudio")
    inside = {f"12:{number}": one for number, one in again.items()}
    for one in inside.values():
        for name, value in one["inputs"].items():
            if isinstance(value, list):
                one["inputs"][name] = [f"12:{value[0]}", value[1]]
    assert (
        find(inside, "12:9")
        == find(flat, "9")
        == Found("a glass bottle", "watermark", 156680208700286, "v1-5-pruned-emaonly")
    )


@pytest.mark.parametrize(
    "graph",
    [
        None,
        [],
        {},
        {"9": None},
        {"9": {"inputs": []}},
        {"9": {"inputs": {"images": ["9", 0]}}},
        {"9": {"inputs": {"images": ["gone", 0]}}},
    ],
)
def test_anything_but_a_graph_gives_nothing(graph: Any) -> None:
    assert find(graph, "9") == Found()
    assert find(graph, None) == Found()


def test_a_graph_of_diamonds_and_circles_ends() -> None:
    graph: Graph = {str(i): node("Concat", text_a=[str(i + 1), 0], text_b=[str(i + 1), 0]) for i in range(10, 60)}
    graph["60"] = node("Concat", text_a=["10", 0], text_b=["60", 0])
    graph["3"] = node("KSampler", seed=1, positive=["6", 0], model=["3", 0])
    graph["6"] = node("CLIPTextEncode", text=["10", 0])
    graph["9"] = node("SdpoSendPairToStudio", images=["3", 0])
    assert find(graph, "9").seed == 1


# --------------------------------------------------------------------------------------------------------- the inbox


def test_what_is_sent_waits_in_the_inbox_and_the_store_reads_it(comfy: FakeComfy, workspace: Path) -> None:
    running(comfy)
    (info,) = comfy.send.execute(batch(3))
    assert info == "Sent 3 images to the studio to vote on.\nPrompt: a glass bottle"
    assert comfy.drawn == [(info, "9")]
    line = sent(workspace)
    assert {name: line[name] for name in ("prompt", "negative", "seed", "model", "chosen")} == {
        "prompt": "a glass bottle",
        "negative": "watermark",
        "seed": 156680208700286,
        "model": "v1-5-pruned-emaonly",
        "chosen": None,
    }
    assert not [path for path in (workspace / "inbox").iterdir() if path.name.startswith(".")]
    with Store(workspace) as store:
        assert import_inbox(store).added.pairs == 2
        pairs = store.pairs.open(purpose="train")
        assert {pair.left.prompt for pair in pairs} == {"a glass bottle"}
        with Image.open(store.images.path(pairs[0].left.image_sha256)) as image:
            assert image.size == (8, 6)
    assert list((workspace / "inbox").iterdir()) == []


def test_what_is_given_wins_over_what_is_found(comfy: FakeComfy, workspace: Path) -> None:
    running(comfy)
    comfy.send.execute(batch(), prompt="mine", image_seed=7)
    assert (sent(workspace)["prompt"], sent(workspace)["negative"], sent(workspace)["seed"]) == ("mine", "", 7)


def test_a_given_negative_prompt_alone_wins_too(comfy: FakeComfy, workspace: Path) -> None:
    running(comfy)
    comfy.send.execute(batch(), negative="fog")
    assert (sent(workspace)["prompt"], sent(workspace)["negative"]) == ("a glass bottle", "fog")


def test_what_can_not_be_sent_is_reported(comfy: FakeComfy, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="needs two images"):
        comfy.send.execute(batch(1))
    with pytest.raises(ValueError, match="prompt of these images is unknown"):
        comfy.send.execute(batch())
    assert not (workspace / "inbox").exists()
    monkeypatch.setenv("SDPO_WORKSPACE", str(workspace / "gone"))
    with pytest.raises(ValueError, match="doesn't exist"):
        comfy.send.execute(batch(), prompt="x")


def test_a_disk_that_refuses_leaves_nothing_behind(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, done = Path.replace, list[Path]()

    def refuse(self: Path, target: Path) -> Path:
        if target.suffix == ".jsonl":
            raise OSError(28, "No space left on device")
        done.append(target)
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PackProblem, match="No space left on device"):
        inbox.send(workspace, [b"1", b"2"], Found(prompt="x"))
    assert len(done) == 2
    assert list((workspace / "inbox").iterdir()) == []


def test_pixels_are_those_that_comfyui_saves() -> None:
    values = torch.tensor([-1.0, 0.0, 0.5, 0.9999, 1.0, 2.0]).reshape(1, 1, 6, 1).expand(1, 1, 6, 3)
    for channels, mode in ((1, "L"), (3, "RGB")):
        with Image.open(io.BytesIO(encode(values[..., :channels])[0])) as image:
            assert image.mode == mode
            assert list(image.convert("L").tobytes()) == [0, 0, 127, 254, 255, 255]


# -------------------------------------------------------------------------------------------------- choosing on a node


async def choosing(comfy: FakeComfy, choice: int | None, **inputs: Any) -> Any:
    """Run the node and answer it as the page does."""
    task = asyncio.create_task(comfy.choose.execute(batch(3), **inputs))
    while not comfy.told:
        await asyncio.sleep(0.01)
    event, question = comfy.told[0]
    assert event == "sdpo.question"
    answer = comfy.routes.handlers["POST", "/sdpo/answer"]
    assert (await answer(Request(body=json.dumps({"token": question["token"], "choice": choice}))))[0] == 200
    return await task


def test_the_chosen_image_is_passed_on_and_the_vote_goes_to_the_store(comfy: FakeComfy, workspace: Path) -> None:
    running(comfy, "SdpoChoosePreferred")
    image, index = run(choosing(comfy, 2))
    assert index == 2
    assert torch.equal(image, batch(3)[2:])
    assert comfy.told[-1] == ("sdpo.closed", {"token": comfy.told[0][1]["token"]})
    assert comfy.told[0][1]["node"] == "9"
    assert comfy.drawn == [("Image 3 of 3 chosen; the vote was sent to the studio.", "9")]
    with Store(workspace) as store:
        added = import_inbox(store).added
    assert (added.pairs, added.votes) == (2, 2)


def test_skipping_passes_the_first_on_without_a_vote(comfy: FakeComfy, workspace: Path) -> None:
    image, index = run(choosing(comfy, None))
    assert (index, len(image)) == (0, 1)
    assert "Skipped" in comfy.drawn[0][0]
    assert not (workspace / "inbox").exists()


def test_a_vote_that_can_not_be_recorded_does_not_stop_the_run(comfy: FakeComfy) -> None:
    _, index = run(choosing(comfy, 1))
    assert index == 1
    assert "The vote wasn't recorded. The prompt of these images is unknown" in comfy.drawn[0][0]


def test_nobody_in_time(comfy: FakeComfy, workspace: Path) -> None:
    image, index = run(comfy.choose.execute(batch(), timeout_s=0.15))
    assert (index, len(image)) == (0, 1)
    assert "No choice" in comfy.drawn[0][0]
    with pytest.raises(ValueError, match="set to stop the run"):
        run(comfy.choose.execute(batch(), timeout_s=0.15, when_time_is_up="stop the run"))
    assert comfy.call("GET", "/sdpo/questions") == (200, [])
    assert not (workspace / "inbox").exists()


def test_cancel_ends_the_waiting(comfy: FakeComfy) -> None:
    async def cancelled() -> None:
        task = asyncio.create_task(comfy.choose.execute(batch(), timeout_s=0))
        await asyncio.sleep(0.15)
        comfy.interrupted = True
        await task

    with pytest.raises(Interrupted):
        run(cancelled())
    assert comfy.told[-1][0] == "sdpo.closed"
    assert comfy.call("GET", "/sdpo/questions") == (200, [])


def test_one_image_is_not_a_question(comfy: FakeComfy) -> None:
    image, index = run(comfy.choose.execute(batch(1)))
    assert (index, len(image)) == (0, 1)
    assert comfy.told == []


def test_several_wait_at_the_same_time_each_with_its_own_answer(comfy: FakeComfy) -> None:
    async def both() -> Any:
        tasks = [asyncio.create_task(comfy.choose.execute(batch(3), prompt="x")) for _ in range(2)]
        await asyncio.sleep(0.05)
        _, waiting = await comfy.routes.handlers["GET", "/sdpo/questions"](Request())
        assert [question["count"] for question in waiting] == [3, 3]
        for choice, question in enumerate(waiting):
            message = json.dumps({"token": question["token"], "choice": choice})
            await comfy.routes.handlers["POST", "/sdpo/answer"](Request(body=message))
        return [index for _, index in await asyncio.gather(*tasks)]

    assert run(both()) == [0, 1]


def test_routes_give_pictures_and_refuse_anything_else(comfy: FakeComfy) -> None:
    question = Question("9", encode(batch()), 60)
    comfy.pack.QUESTIONS.open(question)
    picture = "/sdpo/picture/{token}/{number}"
    status, data = comfy.call("GET", picture, Request({"token": question.token, "number": "1"}))
    assert (status, data[:4]) == (200, b"\x89PNG")
    for token, number in ((question.token, "2"), (question.token, "-1"), (question.token, "²"), ("x", "0")):
        assert comfy.call("GET", picture, Request({"token": token, "number": number}))[0] == 404
    for body in ("{", "[]", "null", '{"token": 1, "choice": 0}', '{"token": "x"}', '{"token": "x", "choice": true}'):
        assert comfy.call("POST", "/sdpo/answer", Request(body=body))[0] == 400
    assert comfy.call("POST", "/sdpo/answer", Request(body='{"token": "x", "choice": 0}'))[0] == 410
    told = json.dumps({"token": question.token, "choice": 2})
    assert comfy.call("POST", "/sdpo/answer", Request(body=told))[0] == 400
    assert not question.answered


def test_the_first_answer_counts() -> None:
    questions, question = Questions(), Question("9", [b"", b""], 0)
    questions.open(question)
    assert questions.answer({"token": question.token, "choice": 1})[0] == 200
    assert questions.answer({"token": question.token, "choice": 0})[0] == 410
    assert question.choice == 1
    assert question.told()["left_s"] is None


# -------------------------------------------------------------------------------------------------------- the studio


def test_the_address_of_a_running_studio_is_shown(comfy: FakeComfy, workspace: Path) -> None:
    assert comfy.call("GET", "/sdpo/studio") == (200, {"url": "", "message": ""})
    for content, url in (
        ('{"url": "http://127.0.0.1:7860/"}', "http://127.0.0.1:7860/"),
        ('{"url": "javascript:alert(1)"}', ""),
        ('{"url": "http://evil.example/"}', ""),
        ("[]", ""),
        ("{", ""),
    ):
        (workspace / "studio.lock").write_text(content, encoding="utf-8")
        assert studio_address(workspace) == url
    assert comfy.call("GET", "/sdpo/studio")[0] == 200


def test_the_panel_asks_for_routes_that_are_there(comfy: FakeComfy, repository: Path) -> None:
    script = (repository / "comfy_nodes/web/js/choose.js").read_text(encoding="utf-8")
    assert 'from "../../../scripts/app.js"' in script  # two steps up would fail without a word
    asked = {re.sub(r"\$\{[^}]*\}", "*", path) for path in re.findall(r"/sdpo/[^\s\"'`)]+", script)}
    there = {re.sub(r"\{\w+\}", "*", path) for _, path in comfy.routes.handlers}
    assert asked == there
    assert set(re.findall(r'"(sdpo\.\w+)", \(', script)) == {"sdpo.question", "sdpo.closed"}
    assert f'NODE = "{comfy.choose.define_schema().node_id}"' in script


@pytest.mark.skipif(os.name == "nt", reason="links need special rights there")
def test_nothing_is_written_but_the_inbox(comfy: FakeComfy, workspace: Path) -> None:
    running(comfy)
    before = set(workspace.rglob("*"))
    comfy.send.execute(batch())
    new = {path.relative_to(workspace).parts[0] for path in workspace.rglob("*") if path not in before}
    assert new == {"inbox"}
