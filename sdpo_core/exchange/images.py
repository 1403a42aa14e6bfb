"""Images that other tools made into the workspace: as candidates, with pairs of one prompt to vote on."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from sdpo_core.errors import StoreError
from sdpo_core.exchange.importers.found import CAPTION_SUFFIXES, Trouble
from sdpo_core.exchange.metadata import a1111, read_made_with
from sdpo_core.images.exif import plain
from sdpo_core.images.files import decode_image, read_image_file
from sdpo_core.images.looks import look_of, nearly_same
from sdpo_core.workspace.imported import AddedImages, ImportedImage
from sdpo_core.workspace.records import MadeWith
from sdpo_core.workspace.store import Store

MAX_PROMPT_BYTES = 64 * 2**10
"""Longest prompt that is recorded."""

_IMAGES_PER_TRANSACTION = 100
_MAX_CAPTION_BYTES = 256 * 2**10

_UNREADABLE, _NO_PROMPT, _TOO_LONG = "can't be read", "without a prompt", "with too long a prompt"
_BESIDE = "a .txt file"
_GRID, _TWIN = "grids of several images", "near-duplicates of another image with the same prompt"


@dataclass
class ImagesReport:
    """What an import of images did. Of the images `found`, some are in the workspace now and some were left out."""

    found: int = 0
    known: int = 0  # in the workspace before
    added: AddedImages = field(default_factory=AddedImages)
    tools: Counter[str] = field(default_factory=Counter[str])  # images imported, by what made them
    prompts: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])  # with their negative prompts
    left_out: Counter[str] = field(default_factory=Counter[str])  # images, by the reason
    troubles: list[Trouble] = field(default_factory=list[Trouble])  # each image that was left out, and why

    @property
    def without_prompt(self) -> int:
        """Images that lack nothing but a prompt, which a person could give."""
        return self.left_out[_NO_PROMPT]

    def sentence(self) -> str:
        """The outcome as a message."""
        taken = self.added.candidates
        parts = [f"{taken} of {_counted(self.found, 'image')} imported"]
        if self.tools:
            parts[0] += f" ({', '.join(f'{tool} {number}' for tool, number in self.tools.most_common())})"
        prompts = _counted(len(self.prompts), "prompt")
        parts[0] += f"; {_counted(self.added.pairs, 'new pair')} of {prompts} to vote on"
        if self.known:
            parts.append(f"{self.known} already imported")
        if self.left_out:
            reasons = ", ".join(f"{number} {reason}" for reason, number in self.left_out.most_common())
            parts.append(f"Skipped: {reasons}")
        return ". ".join(parts) + "."


def import_images(
    store: Store,
    images: Iterable[Path | Trouble],
    *,
    prompt: str | None = None,
    name: Callable[[Path], str] = lambda path: path.name,
    on_image: Callable[[int], None] = lambda _: None,
) -> ImagesReport:
    """Take `images` into `store`; `prompt` is that of images that have none.

    `name` says how a file is named to a person, and `on_image` gets the number read so far.

    Each image needs a prompt: from its metadata, a text file next to it, or `prompt`. Of near-duplicates with the same
    prompt and negative prompt only the first comes in, so none is ever asked against another. Neighbours of one prompt
    become pairs. The same images again add nothing; an interrupted import continues. Raises `DiskError`.
    """
    intake = _Intake(store, prompt, name)
    report, waiting = intake.report, list[tuple[str, ImportedImage]]()
    for path in images:
        report.found += 1
        on_image(report.found)
        try:
            image = intake.take(path)
        except _LeftOut as left_out:
            report.left_out[left_out.reason] += 1
            report.troubles.append(left_out.trouble)
            continue
        if image:
            waiting.append(image)
        if len(waiting) == _IMAGES_PER_TRANSACTION:
            report.added += store.imports.add_images(waiting)
            waiting = []
    report.added += store.imports.add_images(waiting)
    return report


class _LeftOut(Exception):
    """An image that was skipped."""

    def __init__(self, reason: str, name: str, words: str) -> None:
        super().__init__(reason, name, words)
        self.reason = reason
        self.trouble = Trouble(name, words)


class _Seen(NamedTuple):
    """An image of this import, or (without a name) of an earlier one."""

    name: str
    look: str


class _Intake:
    """One import: what was seen so far, by prompt and negative prompt."""

    def __init__(self, store: Store, prompt: str | None, name: Callable[[Path], str]) -> None:
        self._store = store
        self._prompt = prompt or ""
        self._name = name
        self._seen: dict[tuple[str, str], list[_Seen]] = {}
        self.report = ImagesReport()

    def take(self, path: Path | Trouble) -> tuple[str, ImportedImage] | None:
        """The prompt, and the image as it was saved; None when it is here already. Raises `_LeftOut`."""
        if isinstance(path, Trouble):
            raise _LeftOut(_UNREADABLE, *path)
        name = self._name(path)
        try:
            content = read_image_file(path)
            made_with = _made_with(path, content)
            image = decode_image(content)
        except StoreError as error:
            raise _LeftOut(_UNREADABLE, name, str(error)) from error
        if made_with and made_with.tool == "A1111/Forge" and path.name.startswith("grid-"):
            raise _LeftOut(_GRID, name, "is a grid of several images")
        kind = self._prompts(name, made_with)
        look = look_of(image)
        twin = next((seen for seen in self._seen_of(kind) if nearly_same(seen.look, look)), None)
        if twin == _Seen("", look):  # comparing looks spares encoding the image to learn its hash
            self.report.known += 1
            return None
        if twin:
            raise _LeftOut(_TWIN, name, f"is a near-duplicate of {twin.name or 'one imported earlier'}")
        saved = self._store.imports.save_image(image)
        self._seen_of(kind).append(_Seen(name, look))
        self.report.tools[made_with.tool if made_with else "no metadata"] += 1
        self.report.prompts.add(kind)
        return kind[0], replace(saved, negative=kind[1], made_with=made_with, look=look)

    def _prompts(self, name: str, made_with: MadeWith | None) -> tuple[str, str]:
        """Prompt and negative prompt."""
        prompt = (made_with.prompt if made_with else "") or self._prompt
        negative = made_with.negative if made_with else ""
        if not prompt.strip():
            says = f"has {made_with.tool} metadata, but no prompt" if made_with else "has no prompt in its metadata"
            raise _LeftOut(
                _NO_PROMPT, name, f"{says}; add a .txt file with the same name, or set one prompt for all such images"
            )
        if max(len(text.encode("utf-8", "replace")) for text in (prompt, negative)) > MAX_PROMPT_BYTES:
            raise _LeftOut(_TOO_LONG, name, f"has a prompt longer than {MAX_PROMPT_BYTES:,} bytes")
        return prompt, negative

    def _seen_of(self, kind: tuple[str, str]) -> list[_Seen]:
        if kind not in self._seen:
            self._seen[kind] = [_Seen("", look) for look in self._store.imports.looks(*kind)]
        return self._seen[kind]


def _made_with(path: Path, content: bytes) -> MadeWith | None:
    """What the file says, or a text file next to it: a caption, or the text that A1111 can save there."""
    found = read_made_with(content, name=path.name)
    if found and found.prompt:
        return found
    for suffix in CAPTION_SUFFIXES:
        beside = path.with_suffix(suffix)
        if beside.is_file() and not beside.is_symlink():  # a link could lead to any text on this machine
            text = _text_of(beside)
            parsed = a1111.read({"parameters": text}) if text else None
            return parsed.model_copy(update={"tool": _BESIDE}) if parsed and parsed.steps is None else parsed or found
    return found


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return plain(file.read(_MAX_CAPTION_BYTES))
    except OSError:  # no text that could be had
        return ""


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
