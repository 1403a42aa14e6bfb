"""The store: every prompt, image, pair and vote of a workspace, in `studio.db` and `images/`.

A method returns when what it wrote is committed and on the disk. Votes are only ever appended; the vote that *stands*
on a pair is the newest one, unless it was undone. Failures are `StoreError`s and `DiskError`s in words.
"""

import sqlite3
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self, get_args

from PIL import Image

from sdpo_core.atomic import disk_errors
from sdpo_core.errors import StoreError
from sdpo_core.preferences import adapters, imported, rows
from sdpo_core.preferences.backups import daily_backup
from sdpo_core.preferences.database import Database
from sdpo_core.preferences.health import Counts, check, count
from sdpo_core.preferences.images import ImageFolder
from sdpo_core.preferences.imported import Added, ImportedImage, ImportedPair
from sdpo_core.preferences.migrations import migrate
from sdpo_core.preferences.records import (
    AdapterRecord,
    Candidate,
    Choice,
    Pair,
    Purpose,
    Recipe,
    Vote,
    VotedPair,
)

_LONGEST_UUID = 64


class Store:
    """The workspace's database and images. One per process; every method may be called from any thread."""

    def __init__(self, workspace: Path) -> None:
        """Open the workspace, creating folders and database as needed and bringing an older database up to date.

        Raises `StoreTooNew` for a newer studio's database, `StoreError` for a damaged or foreign one, `DiskError`
        when the disk refuses.
        """
        self.workspace = workspace
        backups = workspace / "backups"
        self._images = ImageFolder(workspace / "images")
        _make_folders(workspace, self._images.root, backups, workspace / "runs", workspace / "adapters")
        self._database = Database(workspace / "studio.db")
        try:
            migrate(self._database, backups)
            daily_backup(self._database, backups)
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; a second call does nothing."""
        self._database.close()

    def move_to(self, workspace: Path) -> None:
        """Go over to another workspace; whoever holds this store goes with it. Raises as opening one does, and then
        stays where it is."""
        other = Store(workspace)
        left, self._database = self._database, other._database
        self._images, self.workspace = other._images, other.workspace
        left.close()

    # ------------------------------------------------------------------------------------------------- candidates

    def add_candidate(self, image: Image.Image, recipe: Recipe) -> Candidate:
        """Record a generated image. The same recipe again returns the first candidate; if that one's PNG is gone or
        damaged, this image takes its place.

        The PNG is on the disk before the row, so a row without its image means that somebody deleted the image.
        """
        if image.size != (recipe.width_px, recipe.height_px):
            raise StoreError(
                f"The image is {image.width} x {image.height} pixels but its recipe says {recipe.width_px} x "
                f"{recipe.height_px}. Record it with the recipe that made it."
            )
        key = recipe.key()
        known = self.find_candidate(key)
        if known and self._images.intact(known.image_sha256):
            return known
        lost = known.image_sha256 if known else None
        sha256 = self._images.add(image)
        with self._database.writing() as connection:
            prompt_id = rows.prompt_id(connection, recipe.prompt, _now())
            connection.execute(
                "INSERT INTO candidates (key, prompt_id, negative, image_sha256, width_px, height_px, recipe,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET image_sha256 = excluded.image_sha256 WHERE image_sha256 = ?",
                (key, prompt_id, recipe.negative, sha256, *image.size, recipe.model_dump_json(), _now(), lost),
            )
            row = connection.execute(f"{rows.SELECT_CANDIDATE} WHERE candidate.key = ?", (key,)).fetchone()
            return rows.read_candidate(row)

    def find_candidate(self, key: str) -> Candidate | None:
        """The candidate with this key, or None."""
        with self._database.reading() as connection:
            row = connection.execute(f"{rows.SELECT_CANDIDATE} WHERE candidate.key = ?", (key,)).fetchone()
        return rows.read_candidate(row) if row else None

    def image_path(self, candidate: Candidate) -> Path:
        """The candidate's PNG; raises `ImageMissing` when it is gone."""
        return self._images.path(candidate.image_sha256)

    def image_path_by_sha(self, sha256: str) -> Path:
        """The PNG with this content; raises `StoreError` for what is no hash and `ImageMissing` when it is gone."""
        return self._images.path(sha256)

    def has_image(self, candidate: Candidate) -> bool:
        """Whether the candidate's PNG is there and not empty."""
        return self._images.has(candidate.image_sha256)

    def has_intact_image(self, candidate: Candidate) -> bool:
        """Whether the candidate's PNG is the one that was saved. Read once for as long as the file stays so."""
        return self._images.intact(candidate.image_sha256)

    def has_readable_image(self, candidate: Candidate) -> bool:
        """Whether the candidate's PNG can be decoded. Read once for as long as it stays intact."""
        return self._images.readable(candidate.image_sha256)

    def candidates(self, limit: int = 200, purpose: Purpose | None = None) -> list[Candidate]:
        """Candidates, newest first; with `purpose` only those that belong to such a pair."""
        where = (
            "WHERE EXISTS (SELECT 1 FROM pairs WHERE left_id = candidate.id AND purpose = :purpose)"
            " OR EXISTS (SELECT 1 FROM pairs WHERE right_id = candidate.id AND purpose = :purpose)"
        )
        query = f"{rows.SELECT_CANDIDATE} {where if purpose else ''} ORDER BY candidate.id DESC LIMIT :limit"
        with self._database.reading() as connection:
            found = connection.execute(query, {"purpose": purpose, "limit": limit}).fetchall()
        return [rows.read_candidate(row) for row in found]

    # ------------------------------------------------------------------------------------------------------ pairs

    def add_pair(self, left_id: int, right_id: int, *, purpose: Purpose = "train", run_id: str | None = None) -> Pair:
        """Make a pair of two candidates of one prompt; the same pair of the same run again returns the first one.

        Which candidate is shown on the left follows from a hash of their keys, so that the position says nothing.
        """
        with self._database.writing() as connection:
            one, other = (rows.find_candidate(connection, number) for number in (left_id, right_id))
            if one.id == other.id:
                raise StoreError(f"A pair needs two candidates; candidate {one.id} was given twice.")
            if one.prompt != other.prompt:
                raise StoreError(
                    f"A pair needs two images of one prompt; candidates {one.id} and {other.id} have different ones."
                )
            left, right = (other, one) if rows.shown_swapped(one.key, other.key) else (one, other)
            connection.execute(
                "INSERT INTO pairs (left_id, right_id, purpose, run_id, created_at) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (left.id, right.id, purpose, run_id, _now()),
            )
            row = connection.execute(
                f"{rows.SELECT_PAIR} WHERE left_id = ? AND right_id = ? AND purpose = ?"
                " AND ifnull(run_id, '') = ifnull(?, '')",
                (left.id, right.id, purpose, run_id),
            ).fetchone()
            return rows.read_pair(row)

    def save_image(self, image: Image.Image) -> ImportedImage:
        """Save an image that was made elsewhere, for `add_imported`; it belongs to nothing before that."""
        return ImportedImage(self._images.add(image), *image.size)

    def add_imported(self, pairs: Sequence[ImportedPair]) -> Added:
        """Record pairs with the choices that were made on them elsewhere, all or none.

        A pair that is there is found again, and one that was ever voted on here keeps its votes: the same import twice
        adds nothing, and a person's own vote or undo stands.
        """
        with self._database.writing() as connection:
            return imported.insert(connection, pairs)

    def pair(self, pair_id: int) -> Pair:
        """The pair with this id; raises `StoreError` when there is none."""
        with self._database.reading() as connection:
            return rows.find_pair(connection, pair_id)

    def open_pairs(
        self, *, purpose: Purpose, run_id: str | None = None, limit: int = 12, exclude: Collection[int] = ()
    ) -> list[Pair]:
        """Up to `limit` pairs without a standing vote, oldest first, of one run or (None) of all.

        Pairs in `exclude` (those already in a browser) and pairs with an image gone from disk are passed over.
        """
        found: list[Pair] = []
        with self._database.reading() as connection:
            cursor = connection.execute(
                f"{rows.SELECT_PAIR} WHERE standing_vote_id IS NULL AND {_chosen(run_id)} ORDER BY pairs.id",
                {"purpose": purpose, "run_id": run_id},
            )
            for row in cursor:
                if len(found) >= limit:
                    break
                if row[0] in exclude:
                    continue
                pair = rows.read_pair(row)
                if self.has_image(pair.left) and self.has_image(pair.right):
                    found.append(pair)
            cursor.close()
        return found

    # ------------------------------------------------------------------------------------------------------ votes

    def vote(self, uuid: str, pair_id: int, choice: Choice, response_ms: int | None = None) -> Vote:
        """Record a choice; once this returns, it survives a power cut. A newer vote on a pair replaces the older.

        The same `uuid` again (a retry) returns the first vote and changes nothing, even when that vote was undone or
        replaced since. The same `uuid` with another pair or choice raises `StoreError`.
        """
        if choice not in get_args(Choice):
            raise StoreError(f"A choice is one of {', '.join(get_args(Choice))}; {choice!r} came.")
        if response_ms is not None and response_ms < 0:
            raise StoreError(f"A response time is 0 ms or more; {response_ms} came.")
        _check_uuid(uuid)
        with self._database.writing() as connection:
            known = connection.execute(f"{rows.SELECT_VOTE} WHERE uuid = ?", (uuid,)).fetchone()
            if known:
                if known[1:3] != (pair_id, choice):
                    raise _uuid_reused(uuid)
                return rows.read_vote(known)
            rows.find_pair(connection, pair_id)
            row = (uuid, pair_id, choice, response_ms, _now())
            vote_id = connection.execute(
                "INSERT INTO votes (uuid, pair_id, choice, response_ms, created_at) VALUES (?, ?, ?, ?, ?)", row
            ).lastrowid
            connection.execute("UPDATE pairs SET standing_vote_id = ? WHERE id = ?", (vote_id, pair_id))
            return rows.read_vote(row)

    def undo(self, uuid: str, vote_uuid: str) -> Pair:
        """Take the standing vote `vote_uuid` back, as a row of its own named `uuid`; returns the pair, open again.

        Again (a retry, or a second tab) it changes nothing. A vote that was replaced by a newer one can't be undone:
        `StoreError`, because the pair would seem open while the newer vote stands.
        """
        _check_uuid(uuid)
        with self._database.writing() as connection:
            vote_id, pair_id = _vote_to_undo(connection, vote_uuid)
            known = connection.execute("SELECT undoes FROM votes WHERE uuid = ?", (uuid,)).fetchone()
            if known and known[0] != vote_id:
                raise _uuid_reused(uuid)
            undone = connection.execute("SELECT 1 FROM votes WHERE undoes = ?", (vote_id,)).fetchone()
            if not undone:
                freed = connection.execute(
                    "UPDATE pairs SET standing_vote_id = NULL WHERE standing_vote_id = ?", (vote_id,)
                ).rowcount
                if not freed:
                    raise StoreError("This vote was already replaced by a newer one on the same pair. Undo that one.")
                connection.execute(
                    "INSERT INTO votes (uuid, pair_id, undoes, created_at) VALUES (?, ?, ?, ?)",
                    (uuid, pair_id, vote_id, _now()),
                )
            return rows.find_pair(connection, pair_id)

    def pair_of_vote(self, vote_uuid: str) -> Pair:
        """The pair that a vote was cast on; raises `StoreError` when there is no such vote to undo."""
        with self._database.reading() as connection:
            return rows.find_pair(connection, _vote_to_undo(connection, vote_uuid)[1])

    def last_vote(self, *, purpose: Purpose, run_id: str | None = None) -> Vote | None:
        """The newest standing vote, for undo after a reload."""
        with self._database.reading() as connection:
            row = connection.execute(
                f"{rows.SELECT_VOTED_PAIR} WHERE standing_vote_id IS NOT NULL AND {_chosen(run_id)}"
                " ORDER BY standing_vote_id DESC LIMIT 1",
                {"purpose": purpose, "run_id": run_id},
            ).fetchone()
        return rows.read_voted_pair(row).vote if row else None

    def voted_pairs(self, *, purpose: Purpose, run_id: str | None = None) -> list[VotedPair]:
        """Pairs with their standing votes, ties and skips included, oldest vote first."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"{rows.SELECT_VOTED_PAIR} WHERE standing_vote_id IS NOT NULL AND {_chosen(run_id)}"
                " ORDER BY standing_vote_id",
                {"purpose": purpose, "run_id": run_id},
            ).fetchall()
        return [rows.read_voted_pair(row) for row in found]

    # --------------------------------------------------------------------------------------------------- adapters

    def add_adapter(self, *, name: str, path: Path, sha256: str, base_sha256: str, run_id: str) -> AdapterRecord:
        """Record a trained adapter that lies in the workspace; a name that is taken gets a number. The same file of
        the same run again returns the first record."""
        relative = adapters.relative_path(self.workspace, path)
        return adapters.add(self._database, name, relative, sha256=sha256, base_sha256=base_sha256, run_id=run_id)

    def adapters(self) -> list[AdapterRecord]:
        """All adapters, newest first."""
        return adapters.newest_first(self._database)

    def find_adapter(self, name: str) -> AdapterRecord:
        """The adapter of this name, or the newest for `latest`; raises `AdapterError` naming those there are."""
        return adapters.find(self.adapters(), name)

    def adapter_file(self, adapter: str) -> Path:
        """The file of an adapter given as a file, a name in the workspace, or `latest`; `AdapterError` in words."""
        return adapters.locate(self.workspace, self.adapters(), adapter)

    # ----------------------------------------------------------------------------------------------------- health

    def counts(self, purpose: Purpose = "train") -> Counts:
        """How much there is; pairs and votes of `purpose` only, so that judging doesn't look like training data."""
        return count(self._database, self._images, purpose)

    def check(self) -> list[str]:
        """What is wrong or risky with this workspace, one sentence each; empty when all is well."""
        return check(self.workspace, self._database, self._images)


def _make_folders(*folders: Path) -> None:
    for folder in folders:
        try:
            with disk_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as error:
            raise StoreError(
                f"{folder} can't be a folder, because a file is in its place. Choose another folder as the workspace."
            ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _chosen(run_id: str | None) -> str:
    """The condition for pairs of a purpose and, unless None, of a run."""
    return "purpose = :purpose" if run_id is None else "purpose = :purpose AND run_id = :run_id"


def _vote_to_undo(connection: sqlite3.Connection, vote_uuid: str) -> tuple[int, int]:
    """The ids of a vote and of its pair."""
    vote = connection.execute("SELECT id, pair_id, choice FROM votes WHERE uuid = ?", (vote_uuid,)).fetchone()
    if vote is None or vote[2] is None:
        raise StoreError("The vote to undo is not in the store; it may not have been saved yet. Try again.")
    return vote[0], vote[1]


def _check_uuid(uuid: str) -> None:
    if not 0 < len(uuid) <= _LONGEST_UUID:
        raise StoreError(f"A vote is named by 1 to {_LONGEST_UUID} characters; {len(uuid)} came. Reload the page.")


def _uuid_reused(uuid: str) -> StoreError:
    return StoreError(
        f"The name {uuid} already belongs to another choice, so this one was not recorded. Reload the page and choose "
        "again."
    )
