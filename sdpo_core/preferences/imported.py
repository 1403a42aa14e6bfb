"""Imported pairs into the database, many in one transaction. A pair that has ever been voted on keeps its votes."""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sdpo_core.preferences import rows
from sdpo_core.preferences.importers.found import ImportedChoice
from sdpo_core.preferences.records import Choice, Recipe


@dataclass(frozen=True)
class ImportedImage:
    """An image that is saved already."""

    sha256: str  # of the PNG in the workspace
    width_px: int
    height_px: int
    negative: str = ""
    recipe: Recipe | None = None  # None: which model made it is unknown


@dataclass(frozen=True)
class ImportedPair:
    """A pair of saved images with the choice that was made on it."""

    prompt: str
    first: ImportedImage
    second: ImportedImage
    choice: ImportedChoice


@dataclass(frozen=True)
class Added:
    """What an import changed."""

    pairs: int = 0  # that were not there
    votes: int = 0

    def __add__(self, other: "Added") -> "Added":
        return Added(self.pairs + other.pairs, self.votes + other.votes)


def insert(connection: sqlite3.Connection, pairs: Sequence[ImportedPair]) -> Added:
    """Add `pairs` and their votes inside the caller's transaction; what is there already is left as it is."""
    now, added = datetime.now(UTC).isoformat(), Added()
    for pair in pairs:
        prompt_id = rows.prompt_id(connection, pair.prompt, now)
        (first, first_key), (second, second_key) = (
            _candidate(connection, image, pair.prompt, prompt_id, now) for image in (pair.first, pair.second)
        )
        swapped = rows.shown_swapped(first_key, second_key)
        left, right = (second, first) if swapped else (first, second)
        pair_id, new = _pair(connection, left, right, now)
        voted = connection.execute("SELECT 1 FROM votes WHERE pair_id = ? LIMIT 1", (pair_id,)).fetchone()
        if not voted:
            choice = _as_shown(pair.choice, swapped=swapped)
            # From the content, so that two imports at once can't both add it.
            uuid = hashlib.sha256(f"import {first_key} {second_key} {pair_id}".encode()).hexdigest()
            vote_id = connection.execute(
                "INSERT INTO votes (uuid, pair_id, choice, created_at) VALUES (?, ?, ?, ?)",
                (uuid, pair_id, choice, now),
            ).lastrowid
            connection.execute("UPDATE pairs SET standing_vote_id = ? WHERE id = ?", (vote_id, pair_id))
        added += Added(pairs=int(new), votes=int(not voted))
    return added


def _candidate(
    connection: sqlite3.Connection, image: ImportedImage, prompt: str, prompt_id: int, now: str
) -> tuple[int, str]:
    """Id and key of the image's candidate, made if need be."""
    for key in _keys(image, prompt):
        connection.execute(
            "INSERT INTO candidates (key, prompt_id, negative, image_sha256, width_px, height_px, recipe, created_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING",
            (
                key,
                prompt_id,
                image.negative,
                image.sha256,
                image.width_px,
                image.height_px,
                image.recipe.model_dump_json() if image.recipe else None,
                now,
            ),
        )
        number, known = connection.execute("SELECT id, prompt_id FROM candidates WHERE key = ?", (key,)).fetchone()
        if known == prompt_id:
            return number, key
    raise AssertionError("the second key names the prompt")


def _keys(image: ImportedImage, prompt: str) -> tuple[str, ...]:
    """The recipe's hash, else the content's; an image that is known under another prompt is one more candidate."""
    if image.recipe:
        return (image.recipe.key(),)
    return image.sha256, hashlib.sha256(f"{image.sha256} {prompt}".encode()).hexdigest()


def _pair(connection: sqlite3.Connection, left: int, right: int, now: str) -> tuple[int, bool]:
    """Id of the training pair, whichever run made it, and whether it is new."""
    known = connection.execute(
        "SELECT id FROM pairs WHERE left_id = ? AND right_id = ? AND purpose = 'train' ORDER BY id LIMIT 1",
        (left, right),
    ).fetchone()
    if known:
        return int(known[0]), False
    row_id = connection.execute(
        "INSERT INTO pairs (left_id, right_id, purpose, created_at) VALUES (?, ?, 'train', ?)", (left, right, now)
    ).lastrowid
    assert row_id is not None
    return row_id, True


def _as_shown(choice: ImportedChoice, *, swapped: bool) -> Choice:
    match choice:
        case "first":
            return "right" if swapped else "left"
        case "second":
            return "left" if swapped else "right"
        case _:
            return choice
