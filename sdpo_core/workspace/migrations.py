"""The schema of studio.db, as numbered steps. A step that was released is never edited: a change is a new step.

`PRAGMA user_version` holds the number of the last step. Each step runs in one transaction, after a backup.
"""

import sqlite3
from pathlib import Path

from sdpo_core.errors import StoreError, StoreTooNew
from sdpo_core.workspace.backups import write_backup
from sdpo_core.workspace.database import Database

APPLICATION_ID = 0x5344504F  # "SDPO", in SQLite's header: tells our file from any other program's

_FIRST = (
    """
    CREATE TABLE prompts (
        id INTEGER PRIMARY KEY,
        text TEXT NOT NULL UNIQUE,
        created_at TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE candidates (
        id INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,        -- hash of the recipe, or of the content when imported
        prompt_id INTEGER NOT NULL REFERENCES prompts (id),
        negative TEXT NOT NULL,
        image_sha256 TEXT NOT NULL,      -- names the file under images/
        width_px INTEGER NOT NULL,
        height_px INTEGER NOT NULL,
        recipe TEXT,                     -- JSON; NULL when imported without one
        created_at TEXT NOT NULL
    ) STRICT
    """,
    # standing_vote_id follows from votes (`Store.check` compares); it makes "what is open?" one index look-up.
    """
    CREATE TABLE pairs (
        id INTEGER PRIMARY KEY,
        left_id INTEGER NOT NULL REFERENCES candidates (id),
        right_id INTEGER NOT NULL REFERENCES candidates (id) CHECK (right_id <> left_id),
        purpose TEXT NOT NULL CHECK (purpose IN ('train', 'judge')),
        run_id TEXT,
        standing_vote_id INTEGER REFERENCES votes (id),
        created_at TEXT NOT NULL
    ) STRICT
    """,
    "CREATE UNIQUE INDEX pairs_once ON pairs (left_id, right_id, purpose, ifnull(run_id, ''))",
    "CREATE INDEX pairs_right ON pairs (right_id)",
    "CREATE INDEX pairs_open ON pairs (purpose, id) WHERE standing_vote_id IS NULL",
    "CREATE INDEX pairs_open_in_run ON pairs (run_id, purpose, id) WHERE standing_vote_id IS NULL",
    "CREATE INDEX pairs_standing ON pairs (purpose, standing_vote_id) WHERE standing_vote_id IS NOT NULL",
    """
    CREATE TABLE votes (
        id INTEGER PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,       -- chosen by the client, so that a retry is no second vote
        pair_id INTEGER NOT NULL REFERENCES pairs (id),
        choice TEXT CHECK (choice IN ('left', 'right', 'tie', 'both-bad', 'skip')),
        undoes INTEGER REFERENCES votes (id),
        response_ms INTEGER CHECK (response_ms >= 0),
        created_at TEXT NOT NULL,
        CHECK ((choice IS NULL) <> (undoes IS NULL))    -- a row is a vote or takes one back
    ) STRICT
    """,
    "CREATE INDEX votes_of_pair ON votes (pair_id, id)",
    "CREATE UNIQUE INDEX votes_undone_once ON votes (undoes) WHERE undoes IS NOT NULL",
    "CREATE TRIGGER votes_keep BEFORE UPDATE ON votes BEGIN SELECT raise(ABORT, 'votes are append-only'); END",
    "CREATE TRIGGER votes_stay BEFORE DELETE ON votes BEGIN SELECT raise(ABORT, 'votes are append-only'); END",
    """
    CREATE TABLE adapters (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,    -- names become file names, which may ignore case
        path TEXT NOT NULL,              -- relative to the workspace, with forward slashes
        sha256 TEXT NOT NULL,
        base_sha256 TEXT NOT NULL,
        run_id TEXT NOT NULL,
        created_at TEXT NOT NULL
    ) STRICT
    """,
    f"PRAGMA application_id = {APPLICATION_ID}",
)

_IMAGES_OF_OTHER_TOOLS = (
    "ALTER TABLE candidates ADD COLUMN made_with TEXT",  # JSON; of an imported image whose file says how it was made
    "ALTER TABLE candidates ADD COLUMN look TEXT",  # of an image that was imported without a choice (`looks`)
    "CREATE INDEX candidates_imported ON candidates (prompt_id, id) WHERE look IS NOT NULL",
)

_VOTES = (
    # 2: much better. Means something on a side only.
    "ALTER TABLE votes ADD COLUMN strength INTEGER NOT NULL DEFAULT 1 CHECK (strength IN (1, 2))",
    # Whether the pair was shown with its sides exchanged; `choice` names the pair's own side all the same.
    "ALTER TABLE votes ADD COLUMN swapped INTEGER NOT NULL DEFAULT 0 CHECK (swapped IN (0, 1))",
    # The vote that was asked for again: such an answer measures how steady a person is, and never stands.
    "ALTER TABLE votes ADD COLUMN repeat_of TEXT REFERENCES votes (uuid)",
    # What several votes share that one answer gave (best and worst of several images).
    "ALTER TABLE votes ADD COLUMN ranking TEXT",
    "CREATE INDEX votes_repeats ON votes (repeat_of) WHERE repeat_of IS NOT NULL",
    "CREATE INDEX votes_of_ranking ON votes (ranking) WHERE ranking IS NOT NULL",
)

_ADAPTERS_AND_JUDGEMENTS = (
    "ALTER TABLE adapters ADD COLUMN note TEXT NOT NULL DEFAULT ''",  # the person's own words
    # What the person recommends after comparing; NULL: nothing yet.
    "ALTER TABLE adapters ADD COLUMN strength REAL CHECK (strength BETWEEN -2 AND 2)",
    # The load proof on its own base model: layers that the file adapts, and of them those that fit. NULL: not tried.
    "ALTER TABLE adapters ADD COLUMN modules INTEGER CHECK (modules > 0)",
    "ALTER TABLE adapters ADD COLUMN matched INTEGER CHECK (matched BETWEEN 0 AND modules)",
    # Since when the person lets the vote on a blind comparison train; NULL: it does not.
    "ALTER TABLE pairs ADD COLUMN trains_since TEXT CHECK (trains_since IS NULL OR purpose = 'judge')",
)

_TASTE = (
    # What the taste model sees of an image. Can be made again from the image, so it is in no backup and no zip.
    """
    CREATE TABLE features (
        id INTEGER PRIMARY KEY,
        image_sha256 TEXT NOT NULL,
        base_sha256 TEXT NOT NULL,       -- of the model that looked
        version INTEGER NOT NULL CHECK (version > 0),
        latent_channels INTEGER NOT NULL CHECK (latent_channels > 0),      -- what the layout depends on
        network_channels INTEGER NOT NULL CHECK (network_channels >= 0),
        vector BLOB NOT NULL CHECK (length(vector) > 0 AND length(vector) % 4 = 0),    -- float32, little-endian
        created_at TEXT NOT NULL,
        UNIQUE (image_sha256, base_sha256, version)
    ) STRICT
    """,
    # Images that a run drew for itself, to be labelled. No candidates: nobody is ever asked about them.
    """
    CREATE TABLE drawn (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        key TEXT NOT NULL,               -- hash of the recipe
        prompt TEXT NOT NULL,
        recipe TEXT NOT NULL,            -- JSON
        image_sha256 TEXT NOT NULL,
        file TEXT NOT NULL,              -- relative to the run folder
        created_at TEXT NOT NULL,
        UNIQUE (run_id, key)
    ) STRICT
    """,
    # What the taste model says about two of them. No votes: never counted, shown or exported as a person's.
    """
    CREATE TABLE labelled_pairs (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL,
        first_id INTEGER NOT NULL REFERENCES drawn (id) ON DELETE CASCADE,
        second_id INTEGER NOT NULL REFERENCES drawn (id) ON DELETE CASCADE CHECK (second_id <> first_id),
        first_wins INTEGER NOT NULL CHECK (first_wins IN (0, 1)),
        probability REAL NOT NULL CHECK (probability BETWEEN 0.5 AND 1),
        weight REAL NOT NULL CHECK (weight > 0),
        created_at TEXT NOT NULL,
        UNIQUE (first_id, second_id)
    ) STRICT
    """,
    "CREATE INDEX labelled_pairs_of_run ON labelled_pairs (run_id)",
    "CREATE INDEX labelled_pairs_second ON labelled_pairs (second_id)",
    # What chose the pair as a question; the taste model is tested on those that it did not choose itself.
    "ALTER TABLE pairs ADD COLUMN chosen_by TEXT NOT NULL DEFAULT 'chance' CHECK (chosen_by IN ('chance', 'taste'))",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _IMAGES_OF_OTHER_TOOLS, _VOTES, _ADAPTERS_AND_JUDGEMENTS, _TASTE)
"""The steps in order; step n takes a database from version n-1 to n."""

NO_HISTORY = ("features", "drawn", "labelled_pairs")
"""Tables about files and not about what a person did, a row after those that it names. In no zip, and no restore
brings older ones back."""


def migrate(database: Database, backups: Path) -> None:
    """Bring the schema up to date, keeping a copy in `backups` before each step that changes an existing database.

    Raises `StoreTooNew` for a database of a newer studio and `StoreError` for another program's.
    """
    is_new = _checked_version(database) == 0
    while (version := _checked_version(database)) < len(MIGRATIONS):
        if not is_new:
            write_backup(database, backups / f"before-version-{version + 1}.db")
        with database.writing() as connection:
            # Another process may have taken this step while we waited for the lock.
            if connection.execute("PRAGMA user_version").fetchone()[0] != version:
                continue
            _take_step(connection, version)


def create(database: Database, version: int) -> None:
    """Give an empty database the schema of an earlier `version`, for rows that were written under it."""
    with database.writing() as connection:
        for step in range(version):
            _take_step(connection, step)


def _take_step(connection: sqlite3.Connection, version: int) -> None:
    for statement in MIGRATIONS[version]:
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {version + 1}")


def require_current(database: Database) -> None:
    """Raise `StoreError` unless the schema is of this version: for those who look and may not migrate."""
    version = _checked_version(database)
    if version < len(MIGRATIONS):
        raise StoreError(
            f"{database.path} was written by an older version of the studio (format {version}; this version has "
            f"{len(MIGRATIONS)}). Start the studio once: it backs up the database and updates it."
        )


def schema_of(database: Database) -> int:
    """The schema's number, 0 for an empty database; raises as `migrate` does for a newer or another program's."""
    return _checked_version(database)


def _checked_version(database: Database) -> int:
    with database.reading() as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        owner = int(connection.execute("PRAGMA application_id").fetchone()[0])
        used = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] > 0
    if used and owner != APPLICATION_ID:
        raise StoreError(
            f"{database.path} is another program's database. Choose another folder as the workspace, or move that "
            "file away."
        )
    if version > len(MIGRATIONS):
        raise StoreTooNew(
            f"{database.path} was written by a newer version of the studio (format {version}; this version supports "
            f"up to {len(MIGRATIONS)}). Update the studio, or choose another workspace. Nothing was changed."
        )
    return version
