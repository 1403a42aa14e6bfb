"""The studio's actions for programs: Gradio endpoints with names. Every other event of the page is private.

What a program sends is checked as what a browser sends. A refusal is a `gr.Error` whose message is the sentence that a
person would read. docs/programs.md shows how to call them.
"""

import dataclasses
import functools
import inspect
import uuid
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import gradio as gr
from pydantic import ConfigDict, ValidationError, validate_call

from app.adapters.text import say as adapters_say
from app.studio import Studio
from app.text import say
from app.ui.forms import whole
from app.ui.replies import Reply
from sdpo_core.errors import SdpoError
from sdpo_core.runs.folder import FINISHED, RunFolder
from sdpo_core.settings.base import flat
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.workspace.records import CHOICES

_P = ParamSpec("_P")
_R = TypeVar("_R")
_MOST_PAIRS = 500


class Api:
    """The endpoints; the name of a public method is the name of its endpoint, its docstring what `view_api` shows."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def status(self) -> dict[str, Any]:
        """The state of the studio: the open project, counts, the job that runs now, the next step, warnings."""
        return {**self._studio.overview.snapshot()}

    def generate(
        self, prompts: list[str], pairs: int = 24, model: str = "", settings: dict[str, Any] | None = None
    ) -> str:
        """Generate pairs of images. Settings are those of `generate --help`. Gives the id of the run."""
        chosen = model or self._studio.desk.models.source()
        own = {"prompts": "\n".join(map(str, prompts)), "pairs": pairs, "model": chosen}
        asked = {**flat(GenerateConfig, _table(settings)), **own}
        return self._studio.drawing.start(asked).id

    def pairs(self, limit: int = 12) -> list[dict[str, Any]]:
        """Pairs that wait for a vote: id, prompt, and the addresses of the left and the right image."""
        refused = say("unexpectedValue", name="limit", expected=f"1 to {_MOST_PAIRS}", value=limit)
        waiting = self._studio.desk.store.pairs.open(purpose="train", limit=whole(limit, 1, _MOST_PAIRS, refused))
        return [
            {"pair": pair.id, "prompt": pair.left.prompt, "left": _image(pair.left), "right": _image(pair.right)}
            for pair in waiting
        ]

    def vote(self, pair: int, choice: str, vote_id: str = "") -> dict[str, Any]:
        """Vote on a pair: left, right, tie, both-bad or skip. The same vote_id twice is one vote.

        On a pair that was voted on, it takes the earlier vote's place. Gives the vote_id, and under `replaced` the one
        whose place it took, or null. Raises an error with a message for another choice and for an unknown pair.
        """
        if choice not in CHOICES["train"]:
            expected = ", ".join(CHOICES["train"])
            raise SdpoError(say("unexpectedValue", name="choice", expected=expected, value=choice))
        name = vote_id or str(uuid.uuid4())
        whole(pair, 1, 2**63 - 1, say("unexpectedValue", name="pair", expected=say("idOfAPair"), value=pair))
        shown = self._studio.desk.store.pairs.get(pair)
        images = [shown.left.image_sha256, shown.right.image_sha256]
        _taken(self._studio.votes.vote({"uuid": name, "pair": pair, "images": images, "choice": choice}))
        return {"vote_id": name, "replaced": self._studio.desk.store.votes.replaced_by(name)}

    def undo(self, vote_id: str) -> str:
        """Take a vote back. Gives the id of what was taken back."""
        _taken(self._studio.votes.undo({"uuid": str(uuid.uuid4()), "vote": vote_id}))
        return vote_id

    def plan(self, settings: dict[str, Any] | None = None) -> str:
        """What training would do now, in a sentence."""
        return self._studio.training.plan(_table(settings)).sentence

    def train(self, settings: dict[str, Any] | None = None) -> str:
        """Train an adapter from the votes. Settings are those of `train --help`.

        Gives the id of the run; empty if it was queued.
        """
        run = self._studio.training.start_or_wait(_table(settings))
        return run.id if run else ""

    def resume(self, run: str) -> str:
        """Resume a stopped or failed training run."""
        self._studio.training.resume(run)
        return run

    def judge(self, adapter: str, comparisons: int = 20) -> str:
        """Generate blind comparisons of an adapter with its base model. A person votes on them.

        Gives the id of the run; empty if it was queued.
        """
        run = self._studio.judging.start(adapter, comparisons)
        return run.id if run else ""

    def verdict(self, run: str) -> dict[str, Any]:
        """The verdict of a blind test; `complete` is false until its last vote."""
        found = self._studio.verdicts.of(self._run(run))
        return {"complete": False} if found is None else {**dataclasses.asdict(found), "complete": True}

    def run(self, run: str) -> dict[str, Any]:
        """What a run says of itself: state, step, total, eta_s, message, and whether it has finished its work."""
        folder = self._run(run)
        status = self._studio.desk.jobs.status(folder)
        # A generation that only keeps its model loaded for the next request has nothing left to do.
        finished = status.state in FINISHED or self._studio.desk.jobs.is_idle(folder, status)
        return {**status.model_dump(mode="json"), "finished": finished}

    def stop(self, run: str) -> dict[str, Any]:
        """Ask a run to stop at its next safe point; what it has learned is kept."""
        return self._studio.desk.stop(run).model_dump(mode="json")

    def adapters(self) -> list[dict[str, Any]]:
        """The adapters, newest first: name, base, verdict as text, recommended strength, the address of the file."""
        return [
            {
                "name": card.record.name,
                "base": card.base,
                "verdict": card.verdict.sentence if card.verdict else adapters_say("notJudged"),
                "strength": card.record.strength,
                "problem": card.problem,
                "file": f"/sdpo/adapter/{card.record.id}",
            }
            for card in self._studio.adapters.cards()
        ]

    def _run(self, run_id: str) -> RunFolder:
        return self._studio.desk.jobs.find(run_id)


ENDPOINTS = tuple(name for name in vars(Api) if not name.startswith("_"))


def add_api(studio: Studio) -> None:
    """Make the endpoints of the page that is being built."""
    api = Api(studio)
    for name in ENDPOINTS:
        gr.api(_told(getattr(api, name)), api_name=name, concurrency_limit=None)


def _told(call: Callable[_P, _R]) -> Callable[_P, _R]:
    """A plain function whose deliberate errors reach the program as messages."""

    checked = cast("Callable[_P, _R]", validate_call(config=ConfigDict(strict=True))(cast("Any", call)))

    @functools.wraps(call)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return checked(*args, **kwargs)
        except ValidationError as error:
            wrong = error.errors()[0]
            place = wrong["loc"][0]  # a number for positional arguments
            name = [*inspect.signature(call).parameters][place] if isinstance(place, int) else place
            words = say("unexpectedValue", name=name, expected=wrong["msg"], value=wrong["input"])
            raise gr.Error(words, print_exception=False) from error
        except SdpoError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return wrapped


def _table(settings: Any) -> dict[str, Any]:
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise SdpoError(say("unexpectedValue", name="settings", expected=say("namesWithValues"), value=settings))
    return settings


def _image(candidate: Any) -> str:
    return f"/sdpo/image/{candidate.image_sha256}"


def _taken(reply: Reply[Any]) -> None:
    if not reply["ok"]:
        raise SdpoError(reply["error"])
