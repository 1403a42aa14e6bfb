"""The verdict of a blind comparison, base against adapter: a share, an interval and a sentence. No torch.

The number of comparisons is fixed before the first vote, and the verdict comes after the last: who looks earlier and
stops when it suits finds a difference where there is none.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

from sdpo_core.errors import RunError, StoreError
from sdpo_core.intervals import wilson_interval
from sdpo_core.runs.folder import FINISHED, RunFolder
from sdpo_core.workspace.records import Candidate, VotedPair
from sdpo_core.workspace.store import Store

Outcome = Literal["win", "loss", "tie"]
"""Of the adapter."""

_JUDGEMENTS = {"left", "right", "tie"}


@dataclass(frozen=True)
class Comparison:
    """One blind comparison, its sides told."""

    prompt: str
    seed: int
    base: str  # hash of the base model's image
    adapter: str  # hash of the adapter's
    outcome: Outcome


@dataclass(frozen=True)
class Share:
    """How often the adapter's image was preferred among some comparisons; ties count half."""

    comparisons: int  # wins + losses + ties
    wins: int
    losses: int
    ties: int
    win_rate: float  # (wins + ties / 2) / comparisons
    low: float  # 95 % interval of the win rate (Wilson)
    high: float

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> Self:
        """Counted from at least one outcome."""
        counts, n = Counter(outcomes), len(outcomes)
        points = counts["win"] + counts["tie"] / 2
        low, high = wilson_interval(points, n)
        return cls(n, counts["win"], counts["loss"], counts["tie"], points / n, low, high)


@dataclass(frozen=True)
class PromptShare(Share):
    """The same of one prompt."""

    prompt: str


@dataclass(frozen=True)
class Verdict(Share):
    """The outcome of a blind test."""

    complete: bool  # as many comparisons as were planned; False when the run ended before making all pairs
    sentence: str
    adapter_sha256: str  # of the file that was judged
    strength: float  # at which it was judged
    unconditional_share: float  # what part of it acted in the unconditional branch of guidance
    negative: str  # the negative prompt of all images
    outcomes: tuple[Comparison, ...]  # oldest vote first

    def by_prompt(self) -> list[PromptShare]:
        """The share of every prompt, in the order in which they were first judged."""
        grouped: dict[str, list[Outcome]] = {}
        for one in self.outcomes:
            grouped.setdefault(one.prompt, []).append(one.outcome)
        return [PromptShare(**vars(Share.of(found)), prompt=prompt) for prompt, found in grouped.items()]


def verdict(store: Store, run: RunFolder) -> Verdict | None:
    """The verdict of a blind test, or None while a planned comparison has no left, right or tie vote.

    A run that ended before it made all its pairs is judged by those it made, and the sentence says so. Raises
    `RunError` for a run that isn't a blind test and `StoreError` when a pair is not one image of each side.
    """
    planned = run.settings().get("comparisons")
    if not isinstance(planned, int) or planned < 1:
        raise RunError(f"Run {run.id} isn't a blind test. Choose a blind test.")
    judged = [v for v in store.pairs.voted(purpose="judge", run_id=run.id) if v.vote.choice in _JUDGEMENTS]
    if not judged:
        return None
    if len(judged) < planned and (run.status().state not in FINISHED or _something_to_judge(store, run)):
        return None
    return _count(judged, planned)


def _something_to_judge(store: Store, run: RunFolder) -> bool:
    return bool(store.pairs.open(purpose="judge", run_id=run.id, limit=1))


def _count(judged: list[VotedPair], planned: int) -> Verdict:
    outcomes = tuple(map(_compared, judged))
    share = Share.of([one.outcome for one in outcomes])
    made = next(side.recipe for side in _sides(judged[-1]) if side.recipe and side.recipe.adapters)
    used = made.adapters[0]
    return Verdict(
        **vars(share),
        complete=share.comparisons >= planned,
        sentence=_sentence(share, planned),
        adapter_sha256=used.sha256,
        strength=used.strength,
        unconditional_share=used.unconditional_share,
        negative=made.negative,
        outcomes=outcomes,
    )


def _sides(voted: VotedPair) -> tuple[Candidate, Candidate]:
    return voted.pair.left, voted.pair.right


def _compared(voted: VotedPair) -> Comparison:
    left, right = _sides(voted)
    if _has_adapter(left) == _has_adapter(right):
        raise StoreError(
            f"Pair {voted.pair.id} isn't one image with and one without the adapter, so it can't be used. Start a "
            "new blind test."
        )
    base, ours = (right, left) if _has_adapter(left) else (left, right)
    outcome: Outcome = "tie"
    if voted.vote.choice != "tie":
        outcome = "win" if (voted.vote.choice == "left") == _has_adapter(left) else "loss"
    seed = ours.recipe.seed if ours.recipe else 0
    return Comparison(ours.prompt, seed, base.image_sha256, ours.image_sha256, outcome)


def _has_adapter(candidate: Candidate) -> bool:
    return candidate.recipe is not None and bool(candidate.recipe.adapters)


def _sentence(share: Share, planned: int) -> str:
    n, ties, low, high = share.comparisons, share.ties, 100 * share.low, 100 * share.high
    halves = f" ({ties} ties count half)" if ties > 1 else " (1 tie counts half)" if ties else ""
    text = (
        f"You preferred the adapter in {share.wins + ties / 2:g} of {n}{halves}, likely between {low:.0f} % and "
        f"{high:.0f} %."
    )
    if share.low <= 0.5 <= share.high:
        text += " That could still be chance."
    if n < planned:
        text += f" Only {n} of the {planned} planned comparisons were made."
    return text
