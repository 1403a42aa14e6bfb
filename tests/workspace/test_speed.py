"""The waits a person would feel, on a workspace of 10 000 pairs. Limits are several times what a slow machine needs."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sdpo_core.workspace.store import Store
from sdpo_core.workspace.votes import VoteFilter
from tests.workspace.helpers import BASE, recipe

PAIRS = 10_000


def fill(store: Store) -> None:
    """Rows as `pairs.add` and `votes.cast` would make them, in one transaction; half of the pairs have a vote."""
    now = datetime.now(UTC).isoformat()
    text = recipe().model_dump_json()
    image = store._images._path("c" * 64)
    image.parent.mkdir(parents=True)
    image.write_bytes(b"not looked at")
    with store._database.writing() as connection:
        connection.execute("INSERT INTO prompts (id, text, created_at) VALUES (1, 'a lake', ?)", (now,))
        connection.executemany(
            "INSERT INTO candidates (id, key, prompt_id, negative, image_sha256, width_px, height_px, recipe,"
            " created_at) VALUES (?, ?, 1, '', ?, 8, 8, ?, ?)",
            ((number, f"key {number}", "c" * 64, text, now) for number in range(1, 2 * PAIRS + 1)),
        )
        connection.executemany(
            "INSERT INTO pairs (id, left_id, right_id, purpose, run_id, created_at) VALUES (?, ?, ?, 'train', ?, ?)",
            ((number, 2 * number - 1, 2 * number, f"run {number % 7}", now) for number in range(1, PAIRS + 1)),
        )
        connection.executemany(
            "INSERT INTO votes (id, uuid, pair_id, choice, created_at) VALUES (?, ?, ?, 'left', ?)",
            ((number, f"uuid {number}", number, now) for number in range(1, PAIRS // 2 + 1)),
        )
        connection.execute("UPDATE pairs SET standing_vote_id = id WHERE id <= ?", (PAIRS // 2,))


def median_s(action: Callable[[int], object]) -> float:
    times: list[float] = []
    for number in range(9):
        start = time.perf_counter()
        action(number)
        times.append(time.perf_counter() - start)
    return sorted(times)[4]


def test_ten_thousand_pairs_are_not_felt(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        fill(store)
        busy = set(range(PAIRS // 2, PAIRS // 2 + 20))
        measured = {
            "pairs.open": median_s(lambda _: store.pairs.open(purpose="train", exclude=busy)),
            "pairs.open of a run": median_s(lambda _: store.pairs.open(purpose="train", run_id="run 3")),
            "votes.newest": median_s(lambda _: store.votes.newest(purpose="train")),
        }
        with store._database.reading() as connection:
            connection.execute("PRAGMA synchronous = OFF").fetchall()  # the disk's own time is not ours
        measured["votes.cast"] = median_s(lambda number: store.votes.cast(f"new {number}", PAIRS - number, "right"))
        assert {name: s for name, s in measured.items() if s > 0.010} == {}
        assert median_s(lambda _: store.counts()) < 1.0
        seldom = {
            "votes.to_ask_again": median_s(lambda _: store.votes.to_ask_again(busy, 20)),
            "rankings.sets": median_s(lambda _: store.rankings.sets(4)),
            "rankings.swiss_pairs": median_s(lambda _: store.rankings.swiss_pairs(exclude=busy)),
            "votes.review": median_s(lambda _: store.votes.review(VoteFilter(prompt="LAKE", unsteady=False))),
        }
        assert {name: s for name, s in seldom.items() if s > 1.0} == {}
        assert len(store.pairs.voted(purpose="train")) == PAIRS // 2 + 9
        assert store.candidates.newest(limit=1)[0].recipe == recipe(base=BASE)
