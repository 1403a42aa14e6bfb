"""Candidates: the images there are, each with the recipe that made it or what its file says of its making."""

from PIL import Image

from sdpo_core.errors import StoreError
from sdpo_core.images.files import ImageFolder
from sdpo_core.workspace import rows
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import Candidate, Purpose, Recipe


class CandidateTable:
    """The candidates of one workspace. Every method may be called from any thread; failures are `StoreError`s."""

    def __init__(self, database: Database, images: ImageFolder) -> None:
        self._database, self._images = database, images

    def add(self, image: Image.Image, recipe: Recipe) -> Candidate:
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
        known = self.find(key)
        if known and self._images.intact(known.image_sha256):
            return known
        lost = known.image_sha256 if known else None
        sha256 = self._images.add(image)
        with self._database.writing() as connection:
            prompt_id = rows.prompt_id(connection, recipe.prompt, rows.now())
            connection.execute(
                "INSERT INTO candidates (key, prompt_id, negative, image_sha256, width_px, height_px, recipe,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET image_sha256 = excluded.image_sha256 WHERE image_sha256 = ?",
                (key, prompt_id, recipe.negative, sha256, *image.size, recipe.model_dump_json(), rows.now(), lost),
            )
            row = connection.execute(f"{rows.SELECT_CANDIDATE} WHERE candidate.key = ?", (key,)).fetchone()
            return rows.read_candidate(row)

    def find(self, key: str) -> Candidate | None:
        """The candidate with this key, or None."""
        with self._database.reading() as connection:
            row = connection.execute(f"{rows.SELECT_CANDIDATE} WHERE candidate.key = ?", (key,)).fetchone()
        return rows.read_candidate(row) if row else None

    def get(self, candidate_id: int) -> Candidate:
        """The candidate with this id; raises `StoreError` when there is none."""
        with self._database.reading() as connection:
            return rows.find_candidate(connection, candidate_id)

    def newest(self, limit: int = 200, purpose: Purpose | None = None) -> list[Candidate]:
        """Candidates, newest first; with `purpose` only those that belong to such a pair."""
        where = (
            "WHERE EXISTS (SELECT 1 FROM pairs WHERE left_id = candidate.id AND purpose = :purpose)"
            " OR EXISTS (SELECT 1 FROM pairs WHERE right_id = candidate.id AND purpose = :purpose)"
        )
        query = f"{rows.SELECT_CANDIDATE} {where if purpose else ''} ORDER BY candidate.id DESC LIMIT :limit"
        with self._database.reading() as connection:
            found = connection.execute(query, {"purpose": purpose, "limit": limit}).fetchall()
        return [rows.read_candidate(row) for row in found]

    def drawn_by(self, workflow_sha256: str, prompt: str, negative: str, seed: int) -> list[Candidate]:
        """The images that a ComfyUI workflow made in one run with these texts and this seed, in order."""
        query = (
            f"{rows.SELECT_CANDIDATE} WHERE candidate_prompt.text = ? AND candidate.negative = ?"
            " AND json_extract(recipe, '$.workflow.sha256') = ? AND json_extract(recipe, '$.seed') = ?"
            " ORDER BY json_extract(recipe, '$.workflow.image'), candidate.id"
        )
        with self._database.reading() as connection:
            found = connection.execute(query, (prompt, negative, workflow_sha256, seed)).fetchall()
        return [rows.read_candidate(row) for row in found]
