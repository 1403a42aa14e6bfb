"""Which voted pairs train, and which of them are held out to measure health."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from sdpo_core.checkpoints.earlier_demos import AN_EARLIER_DEMO, is_earlier_demo
from sdpo_core.workspace.records import Candidate, Recipe, VotedPair
from sdpo_core.workspace.store import Store

FEWEST_PAIRS_TO_SPLIT = 40
"""Below this, every pair is worth more in training than in measuring."""

FEWEST_PROMPTS_TO_SPLIT = 5
"""Below this, holding out whole prompts would take too much of what the person cares about."""

_ALL = 10**6

_CHECKPOINT_HASH = re.compile(r"[0-9a-f]{10,64}")

Origin = Literal["own", "other-base", "earlier-demo", "with-adapter", "without-adapter"]
_Kind = Literal["usable", "tie", "both-bad", "skip", "missing", "damaged"] | Origin


@dataclass(frozen=True)
class TrainingPairs:
    """The voted pairs sorted by whether they train; the reasons are exclusive, in the order of the fields."""

    usable: tuple[VotedPair, ...]  # ordered by pair id
    ties: int
    both_bad: int
    skipped: int
    other_base: int  # kept aside: made by another base model, or imported, so that the base is unknown
    with_adapter: int  # kept aside: made with an adapter on
    missing: tuple[int, ...]  # ids of pairs with an image gone from disk
    damaged: tuple[int, ...]  # ids of pairs with an image that can't be decoded
    without_adapter: int = 0  # kept aside: made without the adapter that is continued
    earlier_demo: int = 0  # kept aside: made by the demo model of an earlier version
    foreign: int = 0  # usable ones that this base alone did not make; 0 unless `pairs_from` is "all"
    judged: int = 0  # usable ones from blind tests, whose votes the person lets train

    def sentence(self) -> str:
        """What trains and what stays aside, for a person."""
        aside = [
            (self.ties, "tie", "ties"),
            (self.both_bad, "with both images bad", "with both images bad"),
            (self.skipped, "skipped", "skipped"),
            (self.other_base, "made by another or an unknown base model", "made by another or an unknown base model"),
            (self.earlier_demo, f"made by {AN_EARLIER_DEMO}", f"made by {AN_EARLIER_DEMO}"),
            (self.with_adapter, "made with an adapter on", "made with an adapter on"),
            (self.without_adapter, "made without this adapter", "made without this adapter"),
            (len(self.missing), "with an image missing from disk", "with an image missing from disk"),
            (len(self.damaged), "with a damaged image", "with a damaged image"),
        ]
        reasons = [f"{number} {one if number == 1 else many}" for number, one, many in aside if number]
        count = len(self.usable)
        start = f"{count or 'No'} pair{'' if count == 1 else 's'} can be used for training"
        if not count and not reasons:
            return f"{start} yet: there are no votes. Vote on some pairs first."
        if self.foreign:
            start += f", {self.foreign} of them not generated with just this base model"
        if self.judged:
            start += f", {self.judged} of them from blind tests"
        return f"{start}; not used: {', '.join(reasons)}." if reasons else f"{start}."


def training_pairs(
    store: Store,
    base_sha256: str,
    pairs_from: Literal["own", "all"] = "own",
    adapter_sha256: str | None = None,
    *,
    read_images: bool = True,
) -> TrainingPairs:
    """The pairs with a standing vote, sorted: decided ones made by this base without adapters can train.

    Where an adapter is continued (`adapter_sha256`), they are those made with it, alone and at strength 1.
    Comparisons of blind tests on this base train where the person asked for it (`JudgedTable.let_train`).

    With `pairs_from` "all", decided ones can train whatever made their images. Every image of a pair that could train
    is read once, and again only when its file has changed; without `read_images` it need only be there, so that a
    page that says what would train waits for no gigabytes, and no image is found damaged.
    """
    voted = [*store.pairs.voted(purpose="train"), *store.judged.pairs()]
    by_kind: defaultdict[_Kind, list[VotedPair]] = defaultdict(list)
    foreign = judged = 0
    for pair in sorted(voted, key=lambda voted: voted.pair.id):
        origin = origin_of(pair, base_sha256, adapter_sha256)
        kind = _kind(store, pair, "own" if pairs_from == "all" else origin, read_images=read_images)
        foreign += kind == "usable" and origin != "own"
        judged += kind == "usable" and pair.pair.purpose == "judge"
        by_kind[kind].append(pair)
    return TrainingPairs(
        usable=tuple(by_kind["usable"]),
        ties=len(by_kind["tie"]),
        both_bad=len(by_kind["both-bad"]),
        skipped=len(by_kind["skip"]),
        other_base=len(by_kind["other-base"]),
        with_adapter=len(by_kind["with-adapter"]),
        without_adapter=len(by_kind["without-adapter"]),
        earlier_demo=len(by_kind["earlier-demo"]),
        missing=tuple(voted.pair.id for voted in by_kind["missing"]),
        damaged=tuple(voted.pair.id for voted in by_kind["damaged"]),
        foreign=foreign,
        judged=judged,
    )


@dataclass(frozen=True)
class Split:
    """Pairs to train on and pairs to measure on; no image is in both."""

    train: tuple[VotedPair, ...]
    held_out: tuple[VotedPair, ...]
    by: Literal["prompt", "component", "none"]


def split_held_out(pairs: Sequence[VotedPair], fraction: float, seed: int) -> Split:
    """Hold out about `fraction` of the pairs; the same pairs and seed give the same split, on every machine.

    From 5 prompts on whole prompts are held out, else (or when one prompt has nearly all pairs) whole components of
    images that pairs connect. Under 40 pairs, or when neither gives between half and twice the wished number, nothing
    is held out.
    """
    if len(pairs) >= FEWEST_PAIRS_TO_SPLIT:
        if len({voted.pair.left.prompt for voted in pairs}) >= FEWEST_PROMPTS_TO_SPLIT:
            held = _choose(_by_prompt(pairs), round(fraction * len(pairs)), seed)
            if held:
                return _split(pairs, held, "prompt")
        held = _choose(_by_component(pairs), round(fraction * len(pairs)), seed)
        if held:
            return _split(pairs, held, "component")
    return Split(train=tuple(pairs), held_out=(), by="none")


def most_common_clip_skip(pairs: Sequence[VotedPair]) -> int | None:
    """The `clip_skip` that most images were made with; None when no recipe says."""
    counted = Counter(recipe.clip_skip for recipe in _recipes(pairs) if recipe.clip_skip)
    return counted.most_common(1)[0][0] if counted else None


def most_common_negative(pairs: Sequence[VotedPair]) -> str:
    """The negative prompt that most images were made with; empty if that is the empty one, or if no image says.

    Of equally common ones the first to come, so that the same pairs give the same.
    """
    sides = [side for voted in pairs for side in (voted.pair.left, voted.pair.right)]
    counted = Counter(side.negative for side in sides if side.recipe or side.made_with)
    return counted.most_common(1)[0][0] if counted else ""


def usual_negative(store: Store, base_sha256: str) -> str:
    """The negative prompt that a person mostly generates with: `most_common_negative` of the pairs that were voted on.

    Those that this base model made decide; all do where there are none of it.
    """
    voted = store.pairs.voted(purpose="train")
    own = [one for one in voted if made_by(one.pair.left, base_sha256) and made_by(one.pair.right, base_sha256)]
    return most_common_negative(own or voted)


def made_by(side: Candidate, base_sha256: str) -> bool:
    """Whether this base model made the image: by our recipe, or by the hash in another tool's metadata.

    A1111, Forge and others write the first ten digits of the checkpoint's SHA-256, which ours of a single file is too.
    """
    if side.recipe:
        return side.recipe.base_sha256 == base_sha256
    told = side.made_with.model_hash.lower() if side.made_with else ""
    return bool(_CHECKPOINT_HASH.fullmatch(told)) and base_sha256.startswith(told)


@dataclass(frozen=True)
class BlindTests:
    """What blind tests show. None of it is generated, scored or asked about, so that the next test is still unseen."""

    images: tuple[Candidate, ...]
    prompts: frozenset[str]  # without those of tests whose votes the person lets train


def blind_tests(store: Store) -> BlindTests:
    """All blind tests of a workspace."""
    images = store.candidates.newest(limit=_ALL, purpose="judge")
    released = {voted.pair.left.prompt for voted in store.judged.pairs()}
    return BlindTests(tuple(images), frozenset(image.prompt for image in images) - released)


def _recipes(pairs: Sequence[VotedPair]) -> list[Recipe]:
    return [side.recipe for voted in pairs for side in (voted.pair.left, voted.pair.right) if side.recipe]


def origin_of(voted: VotedPair, base_sha256: str, adapter_sha256: str | None) -> Origin:
    """What made a pair's images, as seen from a base and (None: none) the adapter that a round continues."""
    sides = (voted.pair.left, voted.pair.right)
    if not all(made_by(side, base_sha256) for side in sides):
        earlier = all(side.recipe and is_earlier_demo(side.recipe.base_sha256) for side in sides)
        return "earlier-demo" if earlier else "other-base"
    if voted.pair.purpose == "judge":  # one side is the base's, the other an adapter's, and the person asked for it
        return "own"
    stacks = [made_with(side) for side in sides]
    if adapter_sha256 is None:
        return "with-adapter" if any(stacks) else "own"
    if all(stack == [(adapter_sha256, 1.0)] for stack in stacks):
        return "own"
    return "with-adapter" if any(stacks) else "without-adapter"


def made_with(side: Candidate) -> list[tuple[str, float]]:
    """Hash and strength of the adapters that were on; other tools' hashes are not of the whole file."""
    if side.recipe:
        return [(use.sha256, use.strength) for use in side.recipe.adapters]
    return [(lora.hash, lora.strength) for lora in side.made_with.loras] if side.made_with else []


def _kind(store: Store, voted: VotedPair, origin: Origin, *, read_images: bool) -> _Kind:
    choice = voted.vote.choice
    if choice != "left" and choice != "right":
        return choice
    if origin != "own":
        return origin
    if not all(map(store.images.has, voted.pair.images)):
        return "missing"
    if read_images and not all(map(store.images.readable, voted.pair.images)):
        return "damaged"
    return "usable"


def _split(pairs: Sequence[VotedPair], held: set[int], by: Literal["prompt", "component"]) -> Split:
    return Split(
        train=tuple(voted for voted in pairs if voted.pair.id not in held),
        held_out=tuple(voted for voted in pairs if voted.pair.id in held),
        by=by,
    )


def _by_prompt(pairs: Sequence[VotedPair]) -> dict[str, list[int]]:
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for voted in pairs:
        groups[voted.pair.left.prompt].append(voted.pair.id)
    return groups


def _by_component(pairs: Sequence[VotedPair]) -> dict[str, list[int]]:
    """Pair ids by the component of candidates that their pair belongs to, named by its smallest node."""
    find, unite = _components()
    for voted in pairs:
        unite(_node(voted.pair.left), _node(voted.pair.right))
    groups: defaultdict[str, list[int]] = defaultdict(list)
    for voted in pairs:
        groups[find(_node(voted.pair.left))].append(voted.pair.id)
    return groups


def _node(candidate: Candidate) -> str:
    # Two images of one prompt from the same noise are nearly one image, whatever else differs in their recipes.
    return candidate.key if candidate.recipe is None else f"{candidate.recipe.seed} {candidate.prompt}"


def _components() -> tuple[Callable[[str], str], Callable[[str, str], None]]:
    """Union-find: `find` names a node's component by its smallest member, `unite` joins two."""
    parent: dict[str, str] = {}

    def find(node: str) -> str:
        root = node
        while parent.setdefault(root, root) != root:
            root = parent[root]
        while parent[node] != root:
            parent[node], node = root, parent[node]
        return root

    def unite(one: str, other: str) -> None:
        low, high = sorted((find(one), find(other)))
        parent[high] = low

    return find, unite


def _choose(groups: dict[str, list[int]], wished: int, seed: int) -> set[int] | None:
    """Ids of whole groups, about `wished` of them; None when that can't be met within half and twice.

    The order of the groups follows from a hash, so that one more group doesn't reshuffle the others.
    """
    order = sorted(groups, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    held: set[int] = set()
    for name in order:
        if abs(len(held) + len(groups[name]) - wished) < abs(len(held) - wished):
            held.update(groups[name])
    total = sum(len(ids) for ids in groups.values())
    return held if wished / 2 <= len(held) <= 2 * wished and 0 < len(held) < total else None
