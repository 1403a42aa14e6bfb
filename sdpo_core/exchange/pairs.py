"""Pairs in from a folder, and out to one. Images are decoded before anything is recorded; failures are listed."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sdpo_core.atomic import disk_errors
from sdpo_core.errors import StoreError
from sdpo_core.exchange.exporters import OWN, out_layout_named
from sdpo_core.exchange.exporters.outgoing import OutgoingPair
from sdpo_core.exchange.importers.bookmarks import Bookmark
from sdpo_core.exchange.importers.found import FoundImage, FoundPair, Trouble
from sdpo_core.images.files import decode_image
from sdpo_core.workspace.imported import Added, ImportedImage, ImportedPair
from sdpo_core.workspace.records import Choice
from sdpo_core.workspace.store import Store

_PAIRS_PER_TRANSACTION = 100
_MAX_PROMPT_BYTES = 64 * 2**10


@dataclass
class ImportReport:
    """What an import did. Of the `found` pairs, `usable` ones are in the workspace now and the others are troubles."""

    found: int = 0
    usable: int = 0
    passed: int = 0  # rows of large files that an interrupted import had brought in; not among the `found`
    added: Added = field(default_factory=Added)
    troubles: list[Trouble] = field(default_factory=list)

    def sentence(self) -> str:
        """The outcome as a message."""
        known = self.usable - self.added.votes
        parts = [f"{self.added.votes} of {self.found} pairs imported with their votes"]
        if self.passed:
            parts.append(f"{self.passed} already done before the import was interrupted")
        if known:
            parts.append(f"{known} already had votes here and are unchanged")
        if self.troubles:
            parts.append(f"{len(self.troubles)} couldn't be used")
        return f"{'; '.join(parts)}."


def import_pairs(
    store: Store, pairs: Iterable[FoundPair | Trouble], on_pair: Callable[[int], None] = lambda _: None
) -> ImportReport:
    """Bring `pairs` into `store`; `on_pair` gets the number read so far. The same pairs again add nothing.

    What was brought in before an interruption stays; the same import continues from there. Raises `DiskError`.
    """
    report = ImportReport()
    waiting: list[ImportedPair] = []
    place: tuple[Bookmark, int] | None = None
    for pair in pairs:
        report.found += 1
        on_pair(report.found)
        if isinstance(pair, Trouble):
            report.troubles.append(pair)
            continue
        if pair.place and (place is None or pair.place[0] is not place[0]):
            report.passed += pair.place[0].rows
        place = pair.place
        try:
            waiting.append(_saved(store, pair))
        except StoreError as error:
            report.troubles.append(Trouble(pair.first.name, str(error)))
            continue
        report.usable += 1
        if len(waiting) == _PAIRS_PER_TRANSACTION:
            report.added += store.imports.add_pairs(waiting)
            waiting = []
            _keep(place)
    report.added += store.imports.add_pairs(waiting)
    _keep(place)
    return report


def _keep(place: tuple[Bookmark, int] | None) -> None:
    if place:
        bookmark, rows = place
        bookmark.keep(rows)


def _saved(store: Store, pair: FoundPair) -> ImportedPair:
    """The pair with its images in the workspace; raises `StoreError` when it isn't one that can be recorded."""
    for text in (pair.prompt, pair.first.negative, pair.second.negative):
        try:
            size = len(text.encode())
        except UnicodeEncodeError as error:  # JSON can spell half of a character
            raise StoreError("its prompt isn't valid Unicode text") from error
        if size > _MAX_PROMPT_BYTES:
            raise StoreError(f"its prompt has {size:,} bytes; the limit is {_MAX_PROMPT_BYTES:,}")
    first, second = _save(store, pair, pair.first), _save(store, pair, pair.second)
    same = first.recipe == second.recipe if first.recipe and second.recipe else first.sha256 == second.sha256
    if same:
        raise StoreError("both images are the same")
    return ImportedPair(pair.prompt, first, second, pair.choice)


def _save(store: Store, pair: FoundPair, image: FoundImage) -> ImportedImage:
    """The image in the workspace; raises `StoreError` naming it when it can't be decoded or contradicts its recipe."""
    try:
        decoded = decode_image(image.content)
    except StoreError as error:
        message = str(error)
        raise StoreError(message if image.name in message else f"{image.name}: {message}") from error
    recipe = image.recipe
    if recipe and (recipe.prompt != pair.prompt or decoded.size != (recipe.width_px, recipe.height_px)):
        raise StoreError(f"{image.name} has a recipe with a different prompt or size; remove the recipe")
    saved = store.imports.save_image(decoded)
    negative = recipe.negative if recipe else image.negative
    return replace(saved, negative=negative, recipe=recipe, made_with=image.made_with)


_LEFT_OUT_WORDS: dict[str, str] = {"tie": "tied", "both-bad": "both bad", "skip": "skipped"}


@dataclass(frozen=True)
class ExportReport:
    """What an export wrote."""

    file: Path
    pairs: int
    missing: tuple[int, ...]  # ids of pairs that were left out, because an image is gone or damaged
    undecided: Mapping[Choice, int] = field(
        default_factory=dict[Choice, int]
    )  # left out: the layout has no word for it

    def sentence(self) -> str:
        """The outcome as a message."""
        text = f"Wrote {self.pairs} {'pair' if self.pairs == 1 else 'pairs'} to {self.file}."
        if self.undecided:
            counted = ", ".join(f"{count} {_LEFT_OUT_WORDS[choice]}" for choice, count in self.undecided.items())
            text += f" Skipped, because this layout can only say which image is better: {counted}."
        if self.missing:
            text += f" Skipped, because an image is missing or damaged: {len(self.missing)}. Run `doctor` to see which."
        return text


def export_pairs(
    store: Store, folder: Path, on_pair: Callable[[int], None] = lambda _: None, *, layout: str = OWN
) -> ExportReport:
    """Write every pair with a standing vote to `folder`, in a layout of `exporters.OUT_LAYOUTS`.

    The usual one holds ties and skips too; some layouts can't. Pairs of blind tests stay out.
    Raises `ConfigError` for an unknown layout, `StoreError` when the folder holds anything already, `DiskError` when
    the disk refuses.
    """
    out = out_layout_named(layout)
    _require_empty(folder)
    written = 0
    missing: list[int] = []
    undecided: Counter[Choice] = Counter()

    def outgoing() -> Iterator[OutgoingPair]:
        nonlocal written
        for number, voted in enumerate(store.pairs.voted(purpose="train"), start=1):
            if out.decided_only and voted.vote.choice not in ("left", "right"):
                undecided[voted.vote.choice] += 1
            elif not all(map(store.images.intact, voted.pair.images)):
                missing.append(voted.pair.id)
            else:
                left, right = map(store.images.path, voted.pair.images)
                yield OutgoingPair(voted, (left, right))
                written += 1
            on_pair(number)

    file = out.write(folder, outgoing())
    return ExportReport(file, written, tuple(missing), undecided)


def _require_empty(folder: Path) -> None:
    with disk_errors(folder):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise StoreError(f"{folder} already exists and isn't empty. Choose a new folder for the pairs.")
