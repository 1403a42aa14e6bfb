"""The store: every prompt, image, pair and vote of a workspace, in `studio.db` and `images/`.

A method returns when what it wrote is committed and on the disk. Votes are only ever appended; the vote that *stands*
on a pair is the newest one, unless it was undone. Failures are `StoreError`s and `DiskError`s.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

from sdpo_core.errors import StoreError
from sdpo_core.images.files import ImageFolder
from sdpo_core.workspace import imported, judged, pairing, rankings, review, rows, votes
from sdpo_core.workspace.backups import daily_backup
from sdpo_core.workspace.checkup import Counts, check, count, missing_images
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.imported import Added, AddedImages, ImportedImage, ImportedPair
from sdpo_core.workspace.location import make_folders
from sdpo_core.workspace.migrations import migrate
from sdpo_core.workspace.pairing import Pairing
from sdpo_core.workspace.rankings import Ranking
from sdpo_core.workspace.records import (
    Candidate,
    Choice,
    ChosenBy,
    Consistency,
    Pair,
    Purpose,
    Recipe,
    Strength,
    Vote,
    VotedPair,
)
from sdpo_core.workspace.review import ReviewedVote, VoteFilter
from sdpo_core.workspace.taste_store import TasteStore


class Store(TasteStore):
    """The workspace's database and images. One per process; every method may be called from any thread."""

    def __init__(self, workspace: Path) -> None:
        """Open the workspace, creating folders and database as needed and bringing an older database up to date.

        Raises `StoreTooNew` for a newer studio's database, `StoreError` for a damaged or foreign one, `DiskError`
        when the disk refuses.
        """
        self.workspace = workspace
        backups = workspace / "backups"
        self._images = ImageFolder(workspace / "images")
        make_folders(workspace, self._images.root, backups, workspace / "runs", workspace / "adapters")
        self._database = Database(workspace / "studio.db")
        try:
            migrate(self._database, backups)
            daily_backup(self._database, backups)
            self.labelled.forget_gone(workspace / "runs")
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
        Raises `StoreError` when the image has another size than its recipe says.
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

    def drawn_by(self, workflow_sha256: str, prompt: str, negative: str, seed: int) -> list[Candidate]:
        """The images that a workflow made in one run with these texts and this seed, in order."""
        with self._database.reading() as connection:
            return rows.drawn_by(connection, workflow_sha256, prompt, negative, seed)

    def candidate(self, candidate_id: int) -> Candidate:
        """The candidate with this id; raises `StoreError` when there is none."""
        with self._database.reading() as connection:
            return rows.find_candidate(connection, candidate_id)

    def image_path(self, candidate: Candidate) -> Path:
        """The candidate's PNG; raises `ImageMissing` when it is gone."""
        return self._images.path(candidate.image_sha256)

    def image_path_by_sha(self, sha256: str) -> Path:
        """The PNG with this content; raises `StoreError` for what isn't a hash and `ImageMissing` when it is gone."""
        return self._images.path(sha256)

    def has_image(self, candidate: Candidate) -> bool:
        """Whether the candidate's PNG is there and not empty."""
        return self._images.has(candidate.image_sha256)

    def _has_images(self, pair: Pair) -> bool:
        return self.has_image(pair.left) and self.has_image(pair.right)

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

    def add_pair(
        self,
        left_id: int,
        right_id: int,
        *,
        purpose: Purpose = "train",
        run_id: str | None = None,
        chosen_by: ChosenBy = "chance",
    ) -> Pair:
        """Make a pair of two candidates of one prompt; the same pair of the same run again returns the first one.

        Which candidate is shown on the left follows from a hash of their keys, so that the position says nothing.
        """
        with self._database.writing() as connection:
            return pairing.insert(connection, left_id, right_id, Pairing(purpose, run_id, chosen_by), _now())

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

    def add_images(self, images: Sequence[tuple[str, ImportedImage]]) -> AddedImages:
        """Record images that were made elsewhere, each with its prompt, all or none, and pair them up to be voted on.

        An image is paired with the one that came before it with the same prompt and negative prompt, in this import or
        an earlier one. The caller keeps near-duplicates out (`imported_looks`).
        """
        with self._database.writing() as connection:
            return imported.insert_images(connection, images)

    def imported_looks(self, prompt: str, negative: str) -> list[str]:
        """How the images that `add_images` recorded for these two prompts look (`looks`)."""
        with self._database.reading() as connection:
            return imported.known_looks(connection, prompt, negative)

    def pair(self, pair_id: int) -> Pair:
        """The pair with this id; raises `StoreError` when there is none."""
        with self._database.reading() as connection:
            return rows.find_pair(connection, pair_id)

    def open_pairs(
        self, *, purpose: Purpose, run_id: str | None = None, limit: int = 12, exclude: Collection[int] = ()
    ) -> list[Pair]:
        """Up to `limit` pairs without a standing vote, oldest first, of one run or (None) of all.

        Pairs in `exclude` (those already in a browser) and pairs with an image missing from disk are skipped.
        """
        with self._database.reading() as connection:
            cursor = connection.execute(
                f"{rows.SELECT_PAIR} WHERE standing_vote_id IS NULL AND {rows.of_run(run_id)} ORDER BY pairs.id",
                {"purpose": purpose, "run_id": run_id},
            )
            waiting = (rows.read_pair(row) for row in cursor if row[0] not in exclude)
            found = list(islice(filter(self._has_images, waiting), limit))
            cursor.close()
        return found

    # ------------------------------------------------------------------------------------------------------ votes

    def vote(
        self,
        uuid: str,
        pair_id: int,
        choice: Choice,
        response_ms: int | None = None,
        *,
        strength: Strength = 1,
        swapped: bool = False,
        repeat_of: str | None = None,
    ) -> Vote:
        """Record a choice; once this returns, it survives a power cut. A newer vote on a pair replaces the older.

        The same `uuid` again (a retry) returns the first vote and changes nothing, even when that vote was undone or
        replaced since. The same `uuid` with another pair or choice raises `StoreError`. `choice` names the pair's own
        side; `swapped` says that it was shown on the other. With `repeat_of`, the uuid of an earlier vote on the pair,
        the choice is kept in addition to that vote to measure how steady the person is, and never stands.
        """
        cast = votes.Cast(uuid, pair_id, choice, response_ms, strength, swapped=swapped, repeat_of=repeat_of)
        with self._database.writing() as connection:
            return votes.record(connection, cast, _now())

    def undo(self, uuid: str, vote_uuid: str) -> Pair:
        """Take the standing vote `vote_uuid` back, as a row of its own named `uuid`; returns the pair, open again.

        Again (a retry, or a second tab) it changes nothing. A vote that was replaced by a newer one can't be undone:
        `StoreError`, because the pair would seem open while the newer vote stands. An answer to a pair that was asked
        again is taken back in the same way.
        """
        with self._database.writing() as connection:
            return votes.undo(connection, uuid, vote_uuid, _now())

    def pair_of_vote(self, vote_uuid: str) -> Pair:
        """The pair that a vote was cast on; raises `StoreError` when there is no such vote to undo."""
        with self._database.reading() as connection:
            return rows.find_pair(connection, votes.find(connection, vote_uuid).pair_id)

    def replaced_by(self, vote_uuid: str) -> str | None:
        """The vote whose place a vote took; None when its pair was open."""
        with self._database.reading() as connection:
            return votes.replaced_by(connection, vote_uuid)

    def find_vote(self, vote_uuid: str) -> Vote:
        """The vote of this name, even one that was undone since; raises `StoreError` when there is none."""
        with self._database.reading() as connection:
            return votes.find(connection, vote_uuid)

    def last_vote(self, *, purpose: Purpose, run_id: str | None = None) -> Vote | None:
        """The newest vote that was not taken back, for undo after a reload."""
        with self._database.reading() as connection:
            return votes.newest(connection, rows.of_run(run_id), {"purpose": purpose, "run_id": run_id})

    def pair_to_ask_again(self, shown: Collection[int], ahead: int) -> VotedPair | None:
        """A training pair to ask again once `ahead` others have been answered; None when it is not time yet.

        About one in `votes.ASK_AGAIN_EVERY` pairs should be one; while one waits for its answer among `shown` (ids of
        pairs in a browser), there is no other.
        """
        with self._database.reading() as connection:
            if votes.any_voted(connection, shown):
                return None
            found = votes.to_ask_again(connection, ahead)
        return next((one for one in found if self._has_images(one.pair)), None)

    def sets(self, size: int, *, limit: int = 4, exclude: Collection[int] = ()) -> list[list[Candidate]]:
        """Up to `limit` groups of `rankings.FEWEST` to `size` images of one prompt, to choose best and worst of.

        They wait for a vote, have not been ranked yet, and are not among `exclude` (ids of candidates).
        """
        with self._database.reading() as connection:
            groups = rankings.sets(connection, size, exclude)
            return list(islice((group for group in groups if all(map(self.has_image, group))), limit))

    def rank(self, ranking: Ranking) -> list[Vote]:
        """Record best and worst of several images as votes on their pairs, all or none. See `rankings.Ranking`."""
        with self._database.writing() as connection:
            return rankings.record(connection, ranking, _now())

    def undo_ranking(self, uuid: str, ranking: str) -> list[Candidate]:
        """Take the votes of a ranking back that still stand, as rows named after `uuid`; returns its images."""
        with self._database.writing() as connection:
            return rankings.undo(connection, uuid, ranking, _now())

    def ranked(self, ranking: str) -> list[Candidate]:
        """The images that a ranking gave votes on; raises `StoreError` when there is no such ranking."""
        with self._database.reading() as connection:
            return rankings.ranked(connection, ranking)

    def last_ranking(self) -> str | None:
        """The newest ranking, for undo after a reload."""
        with self._database.reading() as connection:
            return rankings.newest(connection)

    def swiss_pairs(self, *, limit: int = 12, exclude: Collection[int] = ()) -> tuple[list[Pair], int]:
        """Up to `limit` pairs that the Swiss rounds ask for next, and about how many votes are needed altogether.

        Missing pairs are made. `exclude` and pairs with an image missing from disk are skipped.
        """
        found: list[Pair] = []
        with self._database.writing() as connection:
            held = rankings.tournaments(connection)
            for one, other in (pair for tournament in held for pair in tournament.due()):
                if len(found) >= limit:
                    break
                pair = rows.find_pair(connection, rankings.open_pair(connection, one, other, _now()))
                if pair.id not in exclude and self._has_images(pair):
                    found.append(pair)
        return found, max(len(found), sum(tournament.votes_left for tournament in held))

    def review(
        self, wanted: VoteFilter, *, limit: int = 60, before: str | None = None
    ) -> tuple[list[ReviewedVote], int]:
        """Up to `limit` standing votes that fit, newest first, older than the vote named `before`; how many fit."""
        with self._database.reading() as connection:
            return review.page(connection, wanted, limit, before)

    def consistency(self) -> Consistency:
        """How often the person, asked again, chose the same."""
        with self._database.reading() as connection:
            return votes.consistency(connection)

    def voted_pairs(self, *, purpose: Purpose, run_id: str | None = None) -> list[VotedPair]:
        """Pairs with their standing votes, ties and skips included, oldest vote first."""
        with self._database.reading() as connection:
            found = connection.execute(
                f"{rows.SELECT_VOTED_PAIR} WHERE standing_vote_id IS NOT NULL AND {rows.of_run(run_id)}"
                " ORDER BY standing_vote_id",
                {"purpose": purpose, "run_id": run_id},
            ).fetchall()
        return [rows.read_voted_pair(row) for row in found]

    # ---------------------------------------------------------------------------------- blind votes that may train

    def train_on_blind_test(self, run_id: str, *, trains: bool) -> int:
        """Let the votes on a blind test's comparisons train from now on, or no longer; returns how many there are."""
        with self._database.writing() as connection:
            return judged.let_train(connection, run_id, _now() if trains else None)

    def judged_pairs(self, run_id: str | None = None) -> list[VotedPair]:
        """Comparisons whose votes are used for training, oldest vote first, of one blind test or (None) of all."""
        with self._database.reading() as connection:
            return judged.training(connection, run_id)

    # ----------------------------------------------------------------------------------------------------- health

    def counts(self, purpose: Purpose = "train") -> Counts:
        """How much there is; pairs and votes of `purpose` only, so that judging doesn't look like training data."""
        return count(self._database, self._images, purpose)

    def missing_images(self) -> int:
        """How many recorded images have no file; looks at every one."""
        return len(missing_images(self._database, self._images))

    def check(self) -> list[str]:
        """What is wrong or risky with this workspace, one sentence each; empty when all is well."""
        return check(self.workspace, self._database, self._images)


def _now() -> str:
    return datetime.now(UTC).isoformat()
