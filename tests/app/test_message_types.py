"""What the page's scripts and the studio say to each other, as both sides declare it."""

from typing import Any, NotRequired

from app.studio import Studio
from app.ui.assets import ROOMS
from app.ui.replies import Answer, Message, Reply, Sent
from tests.app.message_types import FILE, STRINGS, called, declarations, string_tables, written


class Wanted(Message):
    """What is wanted."""

    name: str
    sizes: tuple[int | None, ...] = ()


class Part(Answer):
    """A part
    with two lines."""

    at: tuple[str, int]


class Given(Answer):
    """All of it."""

    parts: dict[str, Part]
    kind: NotRequired[str | None]


class Nothing(Answer):
    """Nothing more than that it was done."""


DECLARED = """\
import type { Call, Look, Reply } from "../ui/widget.js";

/** All of it. */
export interface Given {
  parts: Record<string, Part>;
  kind?: string | null;
}

/** Nothing more than that it was done. */
export type Nothing = Record<never, never>;

/**
 * A part
 * with two lines.
 */
export interface Part {
  at: [string, number];
}

/** What is wanted. */
export interface Wanted {
  name: string;
  sizes?: (number | null)[];
}

export interface SomeCardServer {
  act: Call<Wanted, Reply<Nothing>>;
  look: Look<Given | Part>;
}
"""


def test_a_signature_becomes_a_declaration() -> None:
    def act(message: Sent[Wanted]) -> Reply[Nothing]: ...

    def look(_: Any = None) -> Given | Part: ...

    assert declarations({"some_card": {"act": called(act), "look": called(look)}}, []).endswith(f"\n\n{DECLARED}")


def test_the_scripts_declarations_are_those_of_python(studio: Studio) -> None:
    for name, rooms in ((FILE, written(studio)), (STRINGS, string_tables(studio))):
        files = {path.parent.name: path.read_text(encoding="utf-8") for path in ROOMS.glob(f"*/{name}")}
        assert files == rooms, "python -m tests.app.message_types"
