"""What every layout of exported pairs is made from."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sdpo_core.workspace.records import Candidate, Choice, VotedPair


@dataclass(frozen=True)
class OutgoingPair:
    """A pair with its standing vote, and where its images are."""

    voted: VotedPair
    images: tuple[Path, Path]  # left, right; both intact

    @property
    def prompt(self) -> str:
        """The text of both."""
        return self.voted.pair.left.prompt

    @property
    def choice(self) -> Choice:
        """By left and right."""
        return self.voted.vote.choice

    @property
    def voted_at(self) -> datetime:
        """When the choice was made, or brought in."""
        return self.voted.vote.created_at

    @property
    def sides(self) -> tuple[Candidate, Candidate]:
        """Left and right."""
        return self.voted.pair.left, self.voted.pair.right

    def better_first(self) -> "OutgoingPair":
        """The same pair with the better image on the left, for layouts that have no other word for it."""
        if self.choice != "right":
            return self
        pair, vote = self.voted.pair, self.voted.vote
        turned = VotedPair(
            pair=pair.model_copy(update={"left": pair.right, "right": pair.left}),
            vote=vote.model_copy(update={"choice": "left"}),
        )
        return OutgoingPair(turned, (self.images[1], self.images[0]))

    def own(self) -> dict[str, Any]:
        """What only we know: see `importers.own`."""
        recipes = [side.recipe.model_dump(mode="json") if side.recipe else None for side in self.sides]
        made_with = [side.made_with.model_dump(mode="json") if side.made_with else None for side in self.sides]
        vote = self.voted.vote
        return {
            "choice": vote.choice,
            "voted_at": vote.created_at.isoformat(),
            "response_ms": vote.response_ms,
            "strength": vote.strength,
            "negative": self.sides[0].negative,
            "recipe_0": recipes[0],
            "recipe_1": recipes[1],
            "made_with_0": made_with[0],
            "made_with_1": made_with[1],
        }


Outgoing = Iterable[OutgoingPair]


def line(value: Any) -> str:
    """`value` as JSON in one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
