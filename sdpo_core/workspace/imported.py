"""What was made elsewhere into the database, many in one transaction: pairs with their votes, and images without."""

import hashlib
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from sdpo_core.images.files import ImageFolder
from sdpo_core.workspace import rows
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import Choice, MadeWith, Recipe

ImportedChoice = Literal["first", "second", "tie", "both-bad", "skip"]

# Images of one prompt and negative prompt that were imported without a choice.
_OF_KIND = "WHERE prompt_id = ? AND negative = ? AND look IS NOT NULL"


@dataclass(frozen=True)
class ImportedImage:
    """An image that is saved already."""

    sha256: str  # of the PNG in the workspace
    width_px: int
    height_px: int
    negative: str = ""
    recipe: Recipe | None = None  # None: which model made it is unknown
    made_with: MadeWith | None = None  # what its file says instead
    look: str | None = None  # of an image that comes without a choice: `looks.look_of`


@dataclass(frozen=True)
class ImportedPair:
    """A pair of saved images with the choice that was made on it."""

    prompt: str
    first: ImportedImage
    second: ImportedImage
    choice: ImportedChoice | None  # None: it waits for a vote


@dataclass(frozen=True)
class AddedImages:
    """What an import of images changed."""

    candidates: int = 0  # that were missing
    pairs: int = 0  # that wait for a vote now

    def __add__(self, other: "AddedImages") -> "AddedImages":
        return AddedImages(self.candidates + other.candidates, self.pairs + other.pairs)


@dataclass(frozen=True)
class Added:
    """What an import changed."""

    pairs: int = 0  # that were missing
    votes: int = 0

    def __add__(self, other: "Added") -> "Added":
        return Added(self.pairs + other.pairs, self.votes + other.votes)


class ImportTable:
    """Images and pairs of one workspace that were made elsewhere. Every method may be called from any thread."""

    def __init__(self, database: Database, images: ImageFolder) -> None:
        self._database, self._images = database, images

    def save_image(self, image: Image.Image) -> ImportedImage:
        """Save an image, for `add_pairs` or `add_images`; it belongs to nothing before that."""
        return ImportedImage(self._images.add(image), *image.size)

    def add_pairs(self, pairs: Sequence[ImportedPair]) -> Added:
        """Record pairs with the choices that were made on them elsewhere, all or none.

        A pair that is there is found again, and one that was ever voted on here keeps its votes: the same import twice
        adds nothing, and a person's own vote or undo stands.
        """
        added = Added()
        with self._database.writing() as connection:
            now = rows.now()
            for pair in pairs:
                prompt_id = rows.prompt_id(connection, pair.prompt, now)
                (first, first_key), (second, second_key) = (
                    _candidate(connection, image, pair.prompt, prompt_id, now) for image in (pair.first, pair.second)
                )
                swapped = rows.shown_swapped(first_key, second_key)
                left, right = (second, first) if swapped else (first, second)
                pair_id, new = _pair(connection, left, right, now)
                voted = connection.execute("SELECT 1 FROM votes WHERE pair_id = ? LIMIT 1", (pair_id,)).fetchone()
                if pair.choice and not voted:
                    choice = _as_shown(pair.choice, swapped=swapped)
                    # From the content, so that two imports at the same time can't both add it.
                    uuid = hashlib.sha256(f"import {first_key} {second_key} {pair_id}".encode()).hexdigest()
                    vote_id = connection.execute(
                        "INSERT INTO votes (uuid, pair_id, choice, created_at) VALUES (?, ?, ?, ?)",
                        (uuid, pair_id, choice, now),
                    ).lastrowid
                    connection.execute("UPDATE pairs SET standing_vote_id = ? WHERE id = ?", (vote_id, pair_id))
                added += Added(pairs=int(new), votes=int(bool(pair.choice) and not voted))
        return added

    def add_images(self, images: Sequence[tuple[str, ImportedImage]]) -> AddedImages:
        """Record images, each with its prompt, all or none, and pair them up to be voted on.

        An image is paired with the one that came before it with the same prompt and negative prompt, in this import or
        an earlier one. The caller keeps near-duplicates out (`looks`).
        """
        added = AddedImages()
        with self._database.writing() as connection:
            now = rows.now()
            for prompt, image in images:
                prompt_id = rows.prompt_id(connection, prompt, now)
                newest = connection.execute("SELECT ifnull(max(id), 0) FROM candidates").fetchone()[0]
                own, key = _candidate(connection, image, prompt, prompt_id, now)
                neighbour = connection.execute(
                    f"SELECT id, key FROM candidates {_OF_KIND} AND id <> ? ORDER BY id DESC LIMIT 1",
                    (prompt_id, image.negative, own),
                ).fetchone()
                paired = False
                if neighbour:
                    other, other_key = neighbour
                    left, right = (own, other) if rows.shown_swapped(other_key, key) else (other, own)
                    _, paired = _pair(connection, left, right, now)
                added += AddedImages(candidates=int(own > newest), pairs=int(paired))
        return added

    def looks(self, prompt: str, negative: str) -> list[str]:
        """How the images that `add_images` recorded for these two prompts look (`looks.look_of`)."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT id FROM prompts WHERE text = ?", (prompt,)).fetchone()
            if row is None:
                return []
            found = connection.execute(f"SELECT look FROM candidates {_OF_KIND}", (row[0], negative)).fetchall()
        return [look for (look,) in found]


def _candidate(
    connection: sqlite3.Connection, image: ImportedImage, prompt: str, prompt_id: int, now: str
) -> tuple[int, str]:
    """Id and key of the image's candidate, made if need be."""
    for key in _keys(image, prompt):
        connection.execute(
            "INSERT INTO candidates (key, prompt_id, negative, image_sha256, width_px, height_px, recipe, created_at,"
            " made_with, look) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET made_with = ifnull(made_with, excluded.made_with),"
            " look = ifnull(look, excluded.look) WHERE prompt_id = excluded.prompt_id",
            (
                key,
                prompt_id,
                image.negative,
                image.sha256,
                image.width_px,
                image.height_px,
                image.recipe.model_dump_json() if image.recipe else None,
                now,
                image.made_with.model_dump_json() if image.made_with else None,
                image.look,
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
