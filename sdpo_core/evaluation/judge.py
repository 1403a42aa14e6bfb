"""The verdict of a blind comparison, base against adapter: a share, an interval and a sentence. No torch.

The number of comparisons is fixed before the first vote, and the verdict comes after the last: who looks earlier and
stops when it suits finds a difference where there is none.
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from sdpo_core.errors import RunError, StoreError
from sdpo_core.preferences.records import Candidate, VotedPair
from sdpo_core.preferences.store import Store
from sdpo_core.training.runs import FINISHED, RunFolder

Outcome = Literal["win", "loss", "tie"]
_JUDGEMENTS = {"left", "right", "tie"}


@dataclass(frozen=True)
class Verdict:
    """The outcome of a judge run."""

    comparisons: int  # wins + losses + ties
    wins: int  # the adapter's image was preferred
    losses: int
    ties: int
    win_rate: float  # (wins + ties / 2) / comparisons
    low: float  # 95 % interval of the win rate (Wilson)
    high: float
    complete: bool  # as many comparisons as were planned; False when the run ended before making all pairs
    sentence: str


def wilson_interval(successes: float, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Wilson's score interval for a share of `successes` in `n`; z = 1.96 is 95 %. Ties may count as halves.

    Wilson (1927), J. Am. Stat. Assoc. 22:209. With halves it is a little wide, because a tie varies less than a coin.
    """
    if not 0 <= successes <= n or n < 1:
        raise ValueError(f"expected 0 <= successes <= n and n >= 1, got {successes} of {n}")
    share = successes / n
    centre = share + z**2 / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def verdict(store: Store, run: RunFolder) -> Verdict | None:
    """The verdict of a judge run, or None while a planned comparison has no left, right or tie vote.

    A run that ended before it made all its pairs is judged by those it made, and the sentence says so. Raises
    `RunError` for a run that is no judge run and `StoreError` when a pair is not one image of each side.
    """
    planned = run.config().get("comparisons")
    if not isinstance(planned, int) or planned < 1:
        raise RunError(f"Run {run.id} plans no comparisons, so it is no judge run. Choose a judge run.")
    judged = [v for v in store.voted_pairs(purpose="judge", run_id=run.id) if v.vote.choice in _JUDGEMENTS]
    if not judged:
        return None
    if len(judged) < planned and (run.status().state not in FINISHED or _something_to_judge(store, run)):
        return None
    return _count(judged, planned)


def _something_to_judge(store: Store, run: RunFolder) -> bool:
    return bool(store.open_pairs(purpose="judge", run_id=run.id, limit=1))


def _count(judged: list[VotedPair], planned: int) -> Verdict:
    outcomes = Counter(_outcome(voted) for voted in judged)
    wins, losses, ties = outcomes["win"], outcomes["loss"], outcomes["tie"]
    n = len(judged)
    low, high = wilson_interval(wins + ties / 2, n)
    return Verdict(
        comparisons=n,
        wins=wins,
        losses=losses,
        ties=ties,
        win_rate=(wins + ties / 2) / n,
        low=low,
        high=high,
        complete=n >= planned,
        sentence=_sentence(wins, ties, n, planned, low, high),
    )


def _outcome(voted: VotedPair) -> Outcome:
    left, right = _has_adapter(voted.pair.left), _has_adapter(voted.pair.right)
    if left == right:
        raise StoreError(
            f"Pair {voted.pair.id} is not one image with and one without the adapter, so it can't be judged. Start a "
            "new judge run."
        )
    if voted.vote.choice == "tie":
        return "tie"
    return "win" if (voted.vote.choice == "left") == left else "loss"


def _has_adapter(candidate: Candidate) -> bool:
    return candidate.recipe is not None and bool(candidate.recipe.adapters)


def _sentence(wins: int, ties: int, n: int, planned: int, low: float, high: float) -> str:
    halves = f" ({ties} ties count half)" if ties > 1 else " (1 tie counts half)" if ties else ""
    text = (
        f"You preferred the adapter in {wins + ties / 2:g} of {n}{halves}, likely between {100 * low:.0f} % and "
        f"{100 * high:.0f} %."
    )
    if low <= 0.5 <= high:
        text += " That could still be chance."
    if n < planned:
        text += f" Only {n} of the {planned} planned comparisons were made."
    return text
