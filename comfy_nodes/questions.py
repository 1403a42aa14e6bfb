"""Questions that wait for a person: asked by nodes in ComfyUI's worker, answered from its server. Nothing of ComfyUI.

Each has its own token, so several may wait at a time, of one node or many, in subgraphs or not. An answer is only an
assignment that the waiting node looks for, because worker and server run in different event loops.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

_LOOK_EVERY_S = 0.1


class Unanswered(Exception):
    """Nobody chose in time."""


@dataclass
class Question:
    """Pictures of which one is to be chosen."""

    node: str  # the node that asks, as the page knows it: "12", or "12:3" inside a subgraph
    pictures: Sequence[bytes]  # PNG
    timeout_s: float  # 0: wait for ever
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    asked_at: float = field(default_factory=time.monotonic)
    answered: bool = False
    choice: int | None = None  # None: skipped

    def told(self) -> dict[str, Any]:
        """What the page learns."""
        left_s = max(0.0, self.asked_at + self.timeout_s - time.monotonic()) if self.timeout_s else None
        return {"token": self.token, "node": self.node, "count": len(self.pictures), "left_s": left_s}

    async def answer(self, check_interrupted: Callable[[], None]) -> int | None:
        """Wait for the chosen picture, or None for "skip"; raises `Unanswered`, or what `check_interrupted` raises."""
        while not self.answered:
            check_interrupted()
            if self.timeout_s and time.monotonic() >= self.asked_at + self.timeout_s:
                raise Unanswered
            await asyncio.sleep(_LOOK_EVERY_S)
        return self.choice


class Questions:
    """Those that wait now."""

    def __init__(self) -> None:
        self._waiting: dict[str, Question] = {}

    def open(self, question: Question) -> None:
        """Let it be answered."""
        self._waiting[question.token] = question

    def close(self, question: Question) -> None:
        """It is over, however it ended."""
        self._waiting.pop(question.token, None)

    def told(self) -> list[dict[str, Any]]:
        """All that wait, for a page that was loaded after they were asked."""
        return [question.told() for question in list(self._waiting.values())]

    def picture(self, token: str, number: str) -> bytes | None:
        """A picture of a waiting question."""
        question = self._waiting.get(token)
        if question is None or not number.isdecimal() or int(number) >= len(question.pictures):
            return None
        return question.pictures[int(number)]

    def answer(self, message: Any) -> tuple[int, str]:
        """Take `{"token": …, "choice": number or null}`; returns an HTTP status and a sentence."""
        match message:
            case {"token": str(token), "choice": None | int() as choice} if not isinstance(choice, bool):
                question = self._waiting.get(token)
            case _:
                return 400, "Expected a token and the number of an image, or null to skip."
        if question is None or question.answered:
            return 410, "This question has already been answered or has expired."
        if choice is not None and not 0 <= choice < len(question.pictures):
            return 400, f"There are {len(question.pictures)} images, counted from 0; got {choice}."
        question.choice = choice
        question.answered = True  # last: the waiting node reads the choice as soon as it sees this
        return 200, "Thank you."
