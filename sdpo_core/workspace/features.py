"""What the taste model sees of images: one vector for each image, base model and feature version.

What the numbers mean, `sdpo_core.taste.layout` says; here they are only kept, and refused when they can't be right.
numpy is loaded where vectors are read or written, so that whoever only opens the store doesn't wait for it.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sdpo_core.errors import StoreError
from sdpo_core.workspace import rows
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import Candidate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]

_SHA256 = re.compile("[0-9a-f]{64}")
_ON_DISK, _BYTES = "<f4", 4


@dataclass(frozen=True)
class Eye:
    """Who looked: vectors of different eyes are never compared."""

    base_sha256: str
    version: int
    latent_channels: int
    network_channels: int
    size: int  # numbers in a vector


class FeatureTable:
    """The vectors of one workspace. Every method may be called from any thread; failures are `StoreError`s."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, eye: Eye, vectors: dict[str, Vector]) -> None:
        """Keep the vectors (size,) of images, by their SHA-256, all or none; an image that has one keeps it.

        Raises `StoreError` for another length, NaN or infinity, what isn't a hash, and an eye that disagrees with what
        is kept of the same base and version.
        """
        for sha256, vector in vectors.items():
            _check(sha256, vector, eye)
        now = rows.now()
        own = (eye.base_sha256, eye.version, eye.latent_channels, eye.network_channels)
        with self._database.writing() as connection:
            known = _known_eye(connection, eye.base_sha256, eye.version)
            if known and known != eye:
                raise StoreError(
                    f"Stored features of version {eye.version} have {known.size} numbers; got {eye.size}. "
                    "Restart the studio, so that all parts are the same version."
                )
            connection.executemany(
                "INSERT INTO features (image_sha256, base_sha256, version, latent_channels, network_channels, vector,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(sha256, *own, vector.astype(_ON_DISK).tobytes(), now) for sha256, vector in vectors.items()],
            )

    def eye(self, base_sha256: str, version: int) -> Eye | None:
        """The eye that described images for this base and version; None if nothing is stored."""
        with self._database.reading() as connection:
            return _known_eye(connection, base_sha256, version)

    def get(self, base_sha256: str, version: int, images: Collection[str] | None = None) -> dict[str, Vector]:
        """The vectors (size,) of `images` (None: of all) by SHA-256; those that have none are missing."""
        import numpy as np

        query = "SELECT image_sha256, vector FROM features WHERE base_sha256 = ? AND version = ?"
        values: list[str | int] = [base_sha256, version]
        if images is not None:
            query += " AND image_sha256 IN (SELECT value FROM json_each(?))"
            values.append(json.dumps(sorted(images)))
        with self._database.reading() as connection:
            found = connection.execute(f"{query} ORDER BY image_sha256", values).fetchall()
        return {sha256: np.frombuffer(vector, _ON_DISK).astype(np.float32) for sha256, vector in found}

    def lacking(self, base_sha256: str, version: int, images: Sequence[str]) -> list[str]:
        """Those of `images` that have no vector, each once, in order."""
        with self._database.reading() as connection:
            kept = connection.execute(
                "SELECT image_sha256 FROM features WHERE base_sha256 = ? AND version = ?"
                " AND image_sha256 IN (SELECT value FROM json_each(?))",
                (base_sha256, version, json.dumps(sorted(set(images)))),
            ).fetchall()
        known = {sha256 for (sha256,) in kept}
        return [sha256 for sha256 in dict.fromkeys(images) if sha256 not in known]

    def undescribed(self, base_sha256: str, version: int, limit: int, skip: Collection[int] = ()) -> list[Candidate]:
        """Up to `limit` images of pairs to vote on or voted on that have no vector, those with a vote first.

        Images of blind tests are not among them: they are for the person alone. Neither are those in `skip` (ids).
        """
        query = f"""
            {rows.SELECT_CANDIDATE} JOIN (
                SELECT side, max(voted) AS voted FROM (
                    SELECT left_id AS side, standing_vote_id IS NOT NULL AS voted FROM pairs WHERE purpose = 'train'
                    UNION ALL
                    SELECT right_id, standing_vote_id IS NOT NULL FROM pairs WHERE purpose = 'train'
                ) GROUP BY side
            ) ON side = candidate.id
            WHERE NOT EXISTS (SELECT 1 FROM features WHERE features.image_sha256 = candidate.image_sha256
                AND base_sha256 = ? AND version = ?)
            AND candidate.id NOT IN (SELECT value FROM json_each(?))
            ORDER BY voted DESC, candidate.id LIMIT ?
        """
        with self._database.reading() as connection:
            values = (base_sha256, version, json.dumps(sorted(skip)), limit)
            return [rows.read_candidate(row) for row in connection.execute(query, values).fetchall()]


def forget_unowned(connection: sqlite3.Connection, images: Collection[str]) -> None:
    """Delete the vectors of those `images` that no candidate or generated image uses, in the caller's transaction."""
    connection.execute(
        "DELETE FROM features WHERE image_sha256 IN (SELECT value FROM json_each(?))"
        " AND NOT EXISTS (SELECT 1 FROM candidates WHERE candidates.image_sha256 = features.image_sha256)"
        " AND NOT EXISTS (SELECT 1 FROM drawn WHERE drawn.image_sha256 = features.image_sha256)",
        (json.dumps(sorted(images)),),
    )


def _known_eye(connection: sqlite3.Connection, base_sha256: str, version: int) -> Eye | None:
    row = connection.execute(
        "SELECT latent_channels, network_channels, length(vector) FROM features"
        " WHERE base_sha256 = ? AND version = ? LIMIT 1",
        (base_sha256, version),
    ).fetchone()
    return Eye(base_sha256, version, row[0], row[1], row[2] // _BYTES) if row else None


def _check(sha256: str, vector: Vector, eye: Eye) -> None:
    import numpy as np

    if not _SHA256.fullmatch(sha256) or not _SHA256.fullmatch(eye.base_sha256):
        raise StoreError("Features belong to an image and a model, each named by 64 hexadecimal digits.")
    if vector.shape != (eye.size,):
        raise StoreError(
            f"The features of image {sha256[:10]} have the shape {vector.shape}; expected {eye.size} numbers. "
            "Describe the image again."
        )
    if not np.isfinite(vector).all():
        raise StoreError(f"The features of image {sha256[:10]} contain NaN or infinity. Describe the image again.")
