"""The studio's inbox: images and what is known of them, written so that the studio never meets half of it.

The format is in SDPO Studio's docs/formats.md. It works while the studio is closed: files wait.
"""

import json
import os
import secrets
import time
from collections.abc import Sequence
from pathlib import Path

from .graph import Found
from .problem import PackProblem


def send(workspace: Path, pictures: Sequence[bytes], facts: Found, chosen: int | None = None) -> Path:
    """Write PNG files and then the line that names them; returns the file with the line.

    `chosen` is the picture that was preferred over every other. Raises `PackProblem` without a prompt, or when the
    disk refuses; then nothing is left behind that the studio would look at.
    """
    if not (facts.prompt or "").strip():
        raise PackProblem(
            "The prompt of these images is unknown: no text was found along the links into this node. Enter it in the "
            "node's prompt field, or connect it there."
        )
    if not workspace.is_dir():
        raise PackProblem(
            f"The folder {workspace} doesn't exist. Start SDPO Studio once, or fix the workspace in sdpo-studio.json."
        )
    name = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
    names = [f"{name}-{number}.png" for number in range(len(pictures))]
    line = {
        "images": names,
        "prompt": facts.prompt,
        "negative": facts.negative or "",
        "seed": facts.seed,
        "model": facts.model[:300],
        "chosen": chosen,
    }
    folder = workspace / "inbox"
    try:
        folder.mkdir(exist_ok=True)
        for file, data in zip(names, pictures, strict=True):
            _write(folder / file, data)
        path = folder / f"{name}.jsonl"
        _write(path, (json.dumps(line) + "\n").encode())
    except OSError as error:
        for file in names:  # without their line they'd stay there forever
            (folder / file).unlink(missing_ok=True)
        raise PackProblem(
            f"The images couldn't be written to {folder}: {error.strerror or error}. Check the free space and the "
            "folder's permissions, then run this again."
        ) from error
    return path


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
