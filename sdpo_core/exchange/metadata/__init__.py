"""How an image was made, according to its file: one reader per tool, one line here. No torch, and readers never raise.

A file may hold texts of several tools; the readers are asked in order, from the plainest statement to a whole graph.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from sdpo_core.exchange.metadata import a1111, comfyui, fooocus, invokeai, novelai, swarmui
from sdpo_core.exchange.metadata.stealth import read_hidden
from sdpo_core.images.containers import read_texts
from sdpo_core.images.files import alpha_channel, read_image_file
from sdpo_core.workspace.records import MadeWith

READERS: dict[str, Callable[[Mapping[str, str]], MadeWith | None]] = {
    "InvokeAI": invokeai.read,
    "SwarmUI": swarmui.read,
    "NovelAI": novelai.read,
    "Fooocus": fooocus.read,
    "A1111/Forge": a1111.read,
    "ComfyUI": comfyui.read,
}
"""The readers by tool, in the order in which they are asked."""


def read_made_with(image: Path | bytes, *, name: str = "") -> MadeWith | None:
    """What a PNG, JPEG or WebP file says about how it was made; None when no reader understands it.

    `name` is the file's, which says which saver of a ComfyUI graph wrote it; a path has its own. Raises `ImageMissing`
    and `ImageUnreadable` for a path that can't be read, but never for the contents.
    """
    content = read_image_file(image) if isinstance(image, Path) else image
    name = name or (image.name if isinstance(image, Path) else "")
    found = _asked({**read_texts(content), "file name": name})
    if found and found.prompt:
        return found
    alpha = alpha_channel(content)
    hidden = _asked(read_hidden(alpha)) if alpha else None
    return hidden or found


def _asked(texts: Mapping[str, str]) -> MadeWith | None:
    """The first answer with a prompt, else the first at all."""
    best: MadeWith | None = None
    for read in READERS.values():
        answer = read(texts)
        if answer and answer.prompt:
            return answer
        best = best or answer
    return best
