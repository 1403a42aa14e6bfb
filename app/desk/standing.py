"""How far the person is: the round of voting, and how many votes can train in it; every page counts alike."""

from dataclasses import dataclass

from app.desk.adapters import KnownAdapters
from app.desk.models import Models
from sdpo_core.errors import SdpoError
from sdpo_core.workspace.records import AdapterRecord
from sdpo_core.workspace.store import Store
from sdpo_core.workspace.tally import Tally, current_round, tally

WANTED_VOTES = 30
"""With this many votes a clear taste was learned reliably in measurements; fewer can be trained on too."""


@dataclass(frozen=True)
class Standing:
    """Where the person is in the loop."""

    votes: Tally  # for the chosen model, in this round
    round_of: AdapterRecord | None = None  # whose own pairs are voted on; None in the first round
    round: int = 1

    @property
    def missing(self) -> int:
        """How many more votes make a clear taste."""
        return max(0, WANTED_VOTES - self.votes.usable)


def standing(store: Store, models: Models, adapters: KnownAdapters) -> Standing:
    """Count the votes of the open project for the chosen model; for one that can't be used, none can train."""
    try:
        base = models.chosen().sha256
    except SdpoError:  # the bar says why
        return Standing(tally(store, ""))
    begun = current_round(store)
    if begun is None or begun.base_sha256 != base:
        return Standing(tally(store, base))
    return Standing(tally(store, base, begun.sha256), begun, 1 + adapters.rounds().get(begun.sha256, 1))
