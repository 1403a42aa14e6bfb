"""Several images of one prompt at a time: groups of them, best and worst of a group, rounds of a Swiss tournament.

Whatever a person says becomes votes on pairs, and only what was said: the best is better than each other image, each
other image is better than the worst. Between the others nothing was said, so no pair of them gets a vote.
"""

import hashlib
import json
import math
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, islice

from sdpo_core.errors import StoreError
from sdpo_core.images.files import ImageFolder
from sdpo_core.workspace import rows, votes
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import Candidate, Choice, Pair, Vote

FEWEST, MOST = 3, 9
"""How many images can be ranked at the same time."""

FEWEST_IN_A_TOURNAMENT = 4
LARGEST_TOURNAMENT = 8

_LONGEST_UUID = 60  # a vote's own number follows
_POINTS: dict[Choice, tuple[float, float]] = {"left": (1, 0), "right": (0, 1), "tie": (0.5, 0.5)}

# What may be compared: one prompt, one base model, the same adapters, negative prompt and size.
_ALIKE = (
    "prompt_id, ifnull(json_extract(recipe, '$.base_sha256'), ''), ifnull(json_extract(recipe, '$.adapters'), ''),"
    " negative, width_px, height_px"
)


@dataclass(frozen=True)
class Ranking:
    """The best of several images and, where one was named, the worst; raises `StoreError` when it can't be."""

    uuid: str
    candidates: tuple[int, ...]
    best: int
    worst: int | None = None
    response_ms: int | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.uuid) <= _LONGEST_UUID:
            raise StoreError(f"An answer's id must have 1 to {_LONGEST_UUID} characters.")
        if not FEWEST <= len(set(self.candidates)) == len(self.candidates) <= MOST:
            raise StoreError(f"Best and worst must be chosen among {FEWEST} to {MOST} different images.")
        if self.best == self.worst or not {self.best, self.worst} - {None} <= set(self.candidates):
            raise StoreError("Best and worst must be two of the images that were shown.")

    def better_worse(self) -> list[tuple[int, int]]:
        """What was said: the better and the worse candidate of each pair."""
        others = [one for one in self.candidates if one not in (self.best, self.worst)]
        if self.worst is None:
            return [(self.best, other) for other in others]
        said = [(self.best, self.worst), *((self.best, other) for other in others)]
        return [*said, *((other, self.worst) for other in others)]


class RankingTable:
    """The rankings of one workspace. Every method may be called from any thread; failures are `StoreError`s."""

    def __init__(self, database: Database, images: ImageFolder) -> None:
        self._database, self._images = database, images

    def sets(self, size: int, *, limit: int = 4, exclude: Collection[int] = ()) -> list[list[Candidate]]:
        """Up to `limit` groups of `FEWEST` to `size` images of one prompt, to choose best and worst of.

        They wait for a vote, have not been ranked yet, and are not among `exclude` (ids of candidates).
        """
        with self._database.reading() as connection:
            groups = _groups(connection, size, exclude)
            there = (group for group in groups if all(self._images.has(one.image_sha256) for one in group))
            return list(islice(there, limit))

    def record(self, ranking: Ranking) -> list[Vote]:
        """Record best and worst of several images as votes on their pairs, all or none; a retry changes nothing.

        A pair that has a vote keeps it: what was said of the two alone counts more.
        Raises `StoreError` for images of several prompts, and for one that no training pair shows.
        """
        with self._database.writing() as connection:
            now = rows.now()
            known = connection.execute("SELECT uuid FROM votes WHERE ranking = ?", (ranking.uuid,)).fetchall()
            if known:
                return [rows.find_vote(connection, uuid) for (uuid,) in known]
            for one in ranking.candidates:
                row = connection.execute(
                    "SELECT EXISTS (SELECT 1 FROM pairs WHERE left_id = :id AND purpose = 'train')"
                    " OR EXISTS (SELECT 1 FROM pairs WHERE right_id = :id AND purpose = 'train')",
                    {"id": one},
                ).fetchone()
                if not row[0]:  # images of a blind test never train
                    raise StoreError("An image in this answer isn't on this board, so the answer was discarded.")
            prompts = {rows.find_candidate(connection, one).prompt for one in ranking.candidates}
            if len(prompts) > 1:
                raise StoreError("Best and worst must be chosen among images of one prompt; these have several.")
            cast: list[Vote] = []
            for better, worse in ranking.better_worse():
                pair_id, left, voted = _pair(connection, better, worse, now)
                if not voted:
                    choice: Choice = "left" if left == better else "right"
                    uuid = f"{ranking.uuid}:{len(cast)}"
                    one = votes.Cast(uuid, pair_id, choice, ranking.response_ms, ranking=ranking.uuid)
                    cast.append(votes.record(connection, one, now))
            return cast

    def undo(self, uuid: str, ranking: str) -> list[Candidate]:
        """Take the votes of a ranking back that still stand, as rows named after `uuid`; returns its images.

        Raises `StoreError` when there is no such ranking.
        """
        with self._database.writing() as connection:
            now = rows.now()
            images = _ranked(connection, ranking)
            standing = connection.execute(
                "SELECT votes.uuid FROM votes JOIN pairs ON pairs.standing_vote_id = votes.id"
                " WHERE votes.ranking = ? ORDER BY votes.id",
                (ranking,),
            ).fetchall()
            for number, (vote,) in enumerate(standing):
                votes.take_back(connection, f"{uuid}:{number}", vote, now)
        return images

    def ranked(self, ranking: str) -> list[Candidate]:
        """The images that a ranking gave votes on; raises `StoreError` when there is no such ranking."""
        with self._database.reading() as connection:
            return _ranked(connection, ranking)

    def newest(self) -> str | None:
        """The newest ranking of which a vote stands, for undo after a reload."""
        with self._database.reading() as connection:
            row = connection.execute(
                "SELECT votes.ranking FROM votes CROSS JOIN pairs ON pairs.standing_vote_id = votes.id"
                " WHERE votes.ranking IS NOT NULL ORDER BY votes.id DESC LIMIT 1"
            ).fetchone()
        return row[0] if row else None

    def swiss_pairs(self, *, limit: int = 12, exclude: Collection[int] = ()) -> tuple[list[Pair], int]:
        """Up to `limit` pairs that the Swiss rounds ask for next, and about how many votes are needed altogether.

        Missing pairs are made. `exclude` and pairs with an image missing from disk are skipped.
        """
        found: list[Pair] = []
        with self._database.writing() as connection:
            held = _tournaments(connection)
            for one, other in (pair for tournament in held for pair in tournament.due()):
                if len(found) >= limit:
                    break
                pair = rows.find_pair(connection, _pair(connection, one, other, rows.now())[0])
                if pair.id not in exclude and all(map(self._images.has, pair.images)):
                    found.append(pair)
        return found, max(len(found), sum(tournament.votes_left for tournament in held))


def _groups(connection: sqlite3.Connection, size: int, exclude: Collection[int]) -> Iterator[list[Candidate]]:
    """Groups of up to `size` images that wait for a vote and were not ranked yet, in an order that says nothing."""
    waiting: set[int] = set()
    ranked: set[int] = set()
    for left, right, is_open, in_ranking in connection.execute(
        "SELECT left_id, right_id, votes.id IS NULL, votes.ranking IS NOT NULL"
        " FROM pairs LEFT JOIN votes ON votes.id = standing_vote_id WHERE purpose = 'train'"
    ):
        if is_open:
            waiting |= {left, right}
        if in_ranking:
            ranked |= {left, right}
    for ids in _alike(connection, waiting - ranked - set(exclude)):
        for start in range(0, len(ids), size):
            group = [rows.find_candidate(connection, one) for one in ids[start : start + size]]
            if len(group) >= FEWEST:
                yield _shuffled(group)


def _ranked(connection: sqlite3.Connection, ranking: str) -> list[Candidate]:
    found = connection.execute(
        "SELECT left_id, right_id FROM votes JOIN pairs ON pairs.id = votes.pair_id WHERE votes.ranking = ?", (ranking,)
    ).fetchall()
    if not found:
        raise StoreError("This answer isn't saved yet. Try again.")
    return _shuffled([rows.find_candidate(connection, one) for one in {one for sides in found for one in sides}])


def _shuffled(images: Iterable[Candidate]) -> list[Candidate]:
    """In an order that says nothing, and is always the same."""
    return sorted(images, key=lambda one: hashlib.sha256(one.key.encode()).digest())


# --- Swiss rounds ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tournament:
    """Images of one prompt, and what is known of every two of them: points by candidate, None for a pair that waits."""

    players: list[int]
    known: dict[frozenset[int], dict[int, float] | None]

    @property
    def votes_left(self) -> int:
        """How many votes it takes about to the end."""
        played = sum(points is not None for points in self.known.values())
        return max(0, math.ceil(len(self.players) * _rounds(len(self.players)) / 2) - played)

    def due(self) -> list[tuple[int, int]]:
        """The pairs of the current round."""
        played = {key: points for key, points in self.known.items() if points is not None}
        return next_round(self.players, played, self.known.keys() - played.keys())


def _tournaments(connection: sqlite3.Connection) -> list[Tournament]:
    """Images that can be compared, by up to `LARGEST_TOURNAMENT`; one of n images takes ⌈log₂ n⌉ rounds."""
    pairs = connection.execute(
        "SELECT left_id, right_id, choice FROM pairs LEFT JOIN votes ON votes.id = standing_vote_id"
        " WHERE purpose = 'train' ORDER BY pairs.id"
    ).fetchall()
    held: list[Tournament] = []
    of: dict[int, int] = {}
    for ids in _alike(connection, {one for left, right, _ in pairs for one in (left, right)}):
        for start in range(0, len(ids), LARGEST_TOURNAMENT):
            players = ids[start : start + LARGEST_TOURNAMENT]
            if len(players) >= FEWEST_IN_A_TOURNAMENT:
                of |= dict.fromkeys(players, len(held))
                held.append(Tournament(players, {}))
    for left, right, choice in pairs:
        if left in of and of[left] == of.get(right):
            known = held[of[left]].known
            if choice is None:
                known.setdefault(frozenset((left, right)), None)
            else:
                points = _POINTS.get(choice, (0.0, 0.0))
                known[frozenset((left, right))] = dict(zip((left, right), points, strict=True))
    return held


def next_round(
    players: Sequence[int], played: dict[frozenset[int], dict[int, float]], waiting: Collection[frozenset[int]] = ()
) -> list[tuple[int, int]]:
    """The pairs of the current round; none once everybody has played ⌈log₂ n⌉ times.

    Those with the fewest games meet whom they have not met, next to them in points. In the first round pairs that wait
    for a vote anyway come first. Pairs that were played drop out without changing the others.
    """
    games = {one: sum(one in key for key in played) for one in players}
    points = {one: sum(result.get(one, 0.0) for result in played.values()) for one in players}
    fewest = min(games.values())
    if fewest >= _rounds(len(players)):
        return []
    order = sorted((one for one in players if games[one] == fewest), key=lambda one: (-points[one], players.index(one)))
    pairs: list[tuple[int, int]] = []
    free = list(order)
    if fewest == 0:
        for one, other in combinations(order, 2):
            if frozenset((one, other)) in waiting and one in free and other in free:
                pairs.append((one, other))
                free = [player for player in free if player not in (one, other)]
    while free:
        one = free.pop(0)
        taken = {player for pair in pairs for player in pair}
        # The odd one out meets somebody who is ahead of it.
        ahead = [player for player in players if games[player] > fewest and player not in taken]
        ahead.sort(key=lambda player: (games[player], -points[player]))
        other = next((player for player in (*free, *ahead) if frozenset((one, player)) not in played), None)
        if other is not None:
            pairs.append((one, other))
            free = [player for player in free if player != other]
    return pairs


def _rounds(players: int) -> int:
    return math.ceil(math.log2(players))


def _alike(connection: sqlite3.Connection, candidates: Collection[int]) -> list[list[int]]:
    """These candidates in groups that can be compared, oldest group first."""
    groups: defaultdict[tuple[object, ...], list[int]] = defaultdict(list)
    for number, *alike in connection.execute(
        f"SELECT id, {_ALIKE} FROM candidates WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (json.dumps(list(candidates)),),
    ):
        groups[tuple(alike)].append(number)
    return list(groups.values())


def _pair(connection: sqlite3.Connection, one: int, other: int, now: str) -> tuple[int, int, bool]:
    """The training pair of two candidates, made if need be: its id, which of them is left, whether a vote stands."""
    first, second = rows.find_candidate(connection, one), rows.find_candidate(connection, other)
    left, right = (other, one) if rows.shown_swapped(first.key, second.key) else (one, other)
    known = connection.execute(
        "SELECT id, standing_vote_id IS NOT NULL FROM pairs WHERE left_id = ? AND right_id = ? AND purpose = 'train'"
        " ORDER BY standing_vote_id IS NULL, id LIMIT 1",
        (left, right),
    ).fetchone()
    if known:
        return int(known[0]), left, bool(known[1])
    cursor = connection.execute(
        "INSERT INTO pairs (left_id, right_id, purpose, created_at) VALUES (?, ?, 'train', ?)", (left, right, now)
    )
    assert cursor.lastrowid is not None
    return cursor.lastrowid, left, False
