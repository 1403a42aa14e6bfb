"""What programs may ask: the documented endpoints and no others, with real requests to a started studio."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from app.api import ENDPOINTS
from sdpo_core.workspace.store import Store
from tests.app.browsing import RunningStudio
from tests.app.helpers import add_pair, make_blind_test

pytestmark = pytest.mark.browser  # not for a browser, but for the studio that these tests share

PAGE = Path(__file__).resolve().parents[2] / "docs" / "programs.md"


@pytest.fixture(scope="module")
def client(served: RunningStudio) -> Client:
    return Client(served.url, verbose=False)


def refusal(client: Client, *arguments: Any, api_name: str) -> str:
    with pytest.raises(AppError) as refused:
        client.predict(*arguments, api_name=api_name)
    return str(refused.value)


def test_the_documented_endpoints_are_all_there_are(served: RunningStudio) -> None:
    with urllib.request.urlopen(f"{served.url}gradio_api/info", timeout=20) as answer:
        info = json.load(answer)
    assert set(info["named_endpoints"]) == {f"/{name}" for name in ENDPOINTS}
    assert info["unnamed_endpoints"] == {}
    assert re.findall(r"^\| `(/\w+)` \|", PAGE.read_text(encoding="utf-8"), re.M) == [f"/{name}" for name in ENDPOINTS]


def test_the_documented_example_runs(served: RunningStudio, capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert "http://127.0.0.1:7860/" in example
    exec(compile(example.replace("http://127.0.0.1:7860/", served.url), str(PAGE), "exec"), {})
    assert "a lake in the morning /sdpo/image/" in capsys.readouterr().out


def test_a_vote_counts_once_and_can_be_taken_back(served: RunningStudio, client: Client) -> None:
    with Store(served.workspace) as store:
        pair = add_pair(store, 700, "a lake for a program").id
        run = make_blind_test(served.workspace, 2).id
        blind = store.pairs.open(purpose="judge", run_id=run)[0].id
    before = client.predict(api_name="/status")["counts"]
    for _ in range(2):  # a retry
        told = client.predict(pair, "left", "a vote of a program", api_name="/vote")
        assert told == {"vote_id": "a vote of a program", "replaced": None}
    with Store(served.workspace) as store:
        assert [one.vote.choice for one in store.pairs.voted(purpose="train") if one.pair.id == pair] == ["left"]
    assert client.predict("a vote of a program", api_name="/undo") == "a vote of a program"
    again = client.predict(pair, "right", api_name="/vote")
    assert again["replaced"] is None, "what was taken back stood no more"
    for _ in range(2):
        told = client.predict(pair, "tie", "a change of mind", api_name="/vote")
        assert told == {"vote_id": "a change of mind", "replaced": again["vote_id"]}
    client.predict("a change of mind", api_name="/undo")
    assert pair in [waiting["pair"] for waiting in client.predict(500, api_name="/pairs")]
    assert client.predict(api_name="/status")["counts"]["pairs"] >= before["pairs"]
    assert "isn't on this board" in refusal(client, blind, "left", api_name="/vote")
    assert client.predict(run, api_name="/verdict") == {"complete": False}


@pytest.mark.parametrize(
    ("endpoint", "arguments", "sentence"),
    [
        ("/vote", [10**9, "left"], "No pair 1000000000"),
        ("/vote", [1, "sideways"], "sideways"),
        ("/undo", ["nobody's"], "vote"),
        ("/run", ["../../etc/passwd"], "No run named '../../etc/passwd'"),
        ("/stop", ["nobody"], "No run named 'nobody'"),
        ("/resume", ["nobody"], "No run named 'nobody'"),
        ("/judge", ["nobody", 5], "adapter"),
        ("/pairs", [10**9], "expected 1 to 500"),
        ("/plan", ["steps = 5"], "dictionary"),
        ("/vote", [[1], "left"], "pair: expected"),
        ("/vote", [True, "left"], "pair: expected"),
        ("/vote", [2**70, "left"], "pair: expected"),
        ("/run", [5], "run: expected"),
        ("/generate", ["just a string", 2], "prompts: expected"),
        ("/train", [{"stepz": 5}], "Unknown setting stepz. Did you mean steps (in [schedule])?"),
        ("/generate", [[], 2], "prompt"),
        ("/generate", [["a lake"], 10**6], "pairs"),
        ("/generate", [["a lake"], 2, "/nowhere/at/all"], "There is no model at /nowhere/at/all"),
    ],
)
def test_refusals_are_sentences(client: Client, endpoint: str, arguments: list[Any], sentence: str) -> None:
    assert sentence.casefold() in refusal(client, *arguments, api_name=endpoint).casefold()
