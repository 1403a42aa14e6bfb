"""How far the person is: which round of voting this is, how many votes can train in it, and what the others lack.

It counts without reading every vote: the database groups pairs that were made and voted on in the same way, and one of
each group is judged as `pairs.training_pairs` would.
"""

from collections import Counter
from dataclasses import dataclass

from sdpo_core.workspace.pairs import made_with, origin_of
from sdpo_core.workspace.records import AdapterRecord
from sdpo_core.workspace.store import Store


@dataclass(frozen=True)
class Tally:
    """Votes on training pairs, by what they are good for now. A tie never trains."""

    usable: int = 0  # for one of two images that the base made, and in a later round the adapter with it
    foreign: int = 0  # made by another or an unknown base: they train if `pairs_from` is "all"
    other_round: int = 0  # made with, or without, an adapter that this round is not about
    undecided: int = 0  # equal, both bad or skipped

    @property
    def cast(self) -> int:
        """All of them."""
        return self.usable + self.foreign + self.other_round + self.undecided


def current_round(store: Store) -> AdapterRecord | None:
    """The adapter that the newest training pair was made with, alone and at strength 1: its round has begun.

    None for a first round: a pair of the base, or of an adapter that isn't in the project.
    """
    newest = store.pairs.newest()
    if newest is None:
        return None
    stacks = [made_with(side) for side in (newest.left, newest.right)]
    known = {(record.sha256, 1.0): record for record in store.adapters.all()}
    (first, *more), rest = (stacks[0] or [None]), stacks[1]
    return known.get(first) if first and not more and rest == [first] else None


def tally(store: Store, base_sha256: str, adapter_sha256: str | None = None) -> Tally:
    """Count the votes for a base, and for the round of an adapter on it. Files that are gone are not looked for."""
    counted: Counter[str] = Counter()
    for voted, count in store.pairs.alike():
        sided = voted.vote.choice in ("left", "right")
        counted[origin_of(voted, base_sha256, adapter_sha256) if sided else "undecided"] += count
    return Tally(
        usable=counted["own"],
        foreign=counted["other-base"] + counted["earlier-demo"],
        other_round=counted["with-adapter"] + counted["without-adapter"],
        undecided=counted["undecided"],
    )
