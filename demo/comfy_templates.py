"""Draws the pack's example workflows: `python -m demo.comfy_templates` writes comfy_nodes/example_workflows/.

The files are ComfyUI's own form (nodes with positions, links by number); the thumbnails are cut from the demo model's
sample images.
"""

import json
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "comfy_nodes" / "example_workflows"
_PROMPT, _NEGATIVE = "a lighthouse on a cliff at dawn, oil painting", "blurry, text"
_NODE_PX = (315, 130)


class Sheet:
    """A workflow that is being laid out, node by node."""

    def __init__(self) -> None:
        self._nodes: list[dict[str, Any]] = []
        self._links: list[list[Any]] = []

    def add(
        self,
        kind: str,
        place: tuple[int, int],
        inputs: dict[str, tuple[str, tuple[int, int] | None]],
        outputs: list[tuple[str, str]],
        widgets: list[Any],
        size: tuple[int, int] = _NODE_PX,
    ) -> int:
        """Add a node and return its id; `inputs` are name -> (type, (node id, output slot) or None)."""
        own = len(self._nodes) + 1
        ports: list[dict[str, Any]] = []
        for slot, (name, (type_, source)) in enumerate(inputs.items()):
            link = self._connect(source, own, slot, type_) if source else None
            ports.append({"name": name, "type": type_, "link": link})
        self._nodes.append(
            {
                "id": own,
                "type": kind,
                "pos": list(place),
                "size": list(size),
                "flags": {},
                "order": own - 1,
                "mode": 0,
                "inputs": ports,
                "outputs": [{"name": name, "type": type_, "links": []} for name, type_ in outputs],
                "properties": {"Node name for S&R": kind},
                "widgets_values": widgets,
            }
        )
        return own

    def _connect(self, source: tuple[int, int], target: int, slot: int, type_: str) -> int:
        number = len(self._links) + 1
        self._links.append([number, *source, target, slot, type_])
        self._nodes[source[0] - 1]["outputs"][source[1]]["links"].append(number)
        return number

    def done(self) -> dict[str, Any]:
        """The file's content."""
        return {
            "last_node_id": len(self._nodes),
            "last_link_id": len(self._links),
            "nodes": self._nodes,
            "links": self._links,
            "groups": [],
            "config": {},
            "extra": {},
            "version": 0.4,
        }


def _note(sheet: Sheet, place: tuple[int, int], text: str) -> None:
    sheet.add("Note", place, {}, [], [text], (315, 160))


def _start(sheet: Sheet, images: int) -> tuple[int, int, int, int]:
    """Checkpoint, both prompts and the empty latents."""
    checkpoint = sheet.add(
        "CheckpointLoaderSimple",
        (20, 120),
        {},
        [("MODEL", "MODEL"), ("CLIP", "CLIP"), ("VAE", "VAE")],
        ["v1-5-pruned-emaonly-fp16.safetensors"],
    )
    clip = {"clip": ("CLIP", (checkpoint, 1))}
    conditioning = [("CONDITIONING", "CONDITIONING")]
    positive = sheet.add("CLIPTextEncode", (380, 280), clip, conditioning, [_PROMPT])
    negative = sheet.add("CLIPTextEncode", (380, 460), clip, conditioning, [_NEGATIVE])
    latent = sheet.add("EmptyLatentImage", (20, 460), {}, [("LATENT", "LATENT")], [512, 512, images])
    return checkpoint, positive, negative, latent


def _sample(sheet: Sheet, place: tuple[int, int], model: tuple[int, int], start: tuple[int, int, int, int]) -> int:
    """Sampler and decoder; returns the decoder, whose output 0 is the image."""
    checkpoint, positive, negative, latent = start
    sampler = sheet.add(
        "KSampler",
        place,
        {
            "model": ("MODEL", model),
            "positive": ("CONDITIONING", (positive, 0)),
            "negative": ("CONDITIONING", (negative, 0)),
            "latent_image": ("LATENT", (latent, 0)),
        },
        [("LATENT", "LATENT")],
        [20261121, "fixed", 25, 7.0, "dpmpp_2m", "karras", 1.0],
        (315, 262),
    )
    return sheet.add(
        "VAEDecode",
        (place[0] + 350, place[1]),
        {"samples": ("LATENT", (sampler, 0)), "vae": ("VAE", (checkpoint, 2))},
        [("IMAGE", "IMAGE")],
        [],
        (210, 46),
    )


def _adapter(sheet: Sheet, checkpoint: int) -> int:
    return sheet.add(
        "SdpoLoadPreferenceAdapter",
        (380, 40),
        {"model": ("MODEL", (checkpoint, 0)), "clip": ("CLIP", None)},
        [("model", "MODEL"), ("clip", "CLIP"), ("info", "STRING")],
        ["latest", 1.0, "warn"],
        (315, 180),
    )


def _save(sheet: Sheet, place: tuple[int, int], image: tuple[int, int], name: str) -> None:
    sheet.add("SaveImage", place, {"images": ("IMAGE", image)}, [], [name], (315, 270))


def use_adapter() -> dict[str, Any]:
    """An image in the person's taste."""
    sheet = Sheet()
    start = _start(sheet, 1)
    image = _sample(sheet, (740, 120), (_adapter(sheet, start[0]), 0), start)
    _save(sheet, (1090, 220), (image, 0), "my-taste")
    return sheet.done()


def compare() -> dict[str, Any]:
    """The same seed with and without the adapter, under one slider."""
    sheet = Sheet()
    start = _start(sheet, 1)
    with_it = _sample(sheet, (740, 40), (_adapter(sheet, start[0]), 0), start)
    without = _sample(sheet, (740, 360), (start[0], 0), start)
    sheet.add(
        "ImageCompare",
        (1330, 120),
        {"image_a": ("IMAGE", (without, 0)), "image_b": ("IMAGE", (with_it, 0))},
        [],
        [],
        (420, 420),
    )
    _note(sheet, (20, -80), "Left of the slider: without the adapter. Right: with it. Needs ComfyUI 0.8.2 or newer.")
    return sheet.done()


def choose() -> dict[str, Any]:
    """Four images, of which the person chooses one; the vote goes to the studio."""
    sheet = Sheet()
    start = _start(sheet, 4)
    image = _sample(sheet, (740, 120), (start[0], 0), start)
    chosen = sheet.add(
        "SdpoChoosePreferred",
        (1090, 220),
        {"images": ("IMAGE", (image, 0))},
        [("image", "IMAGE"), ("index", "INT")],
        ["", "", 300, "pass the first image on"],
        (400, 520),
    )
    _save(sheet, (1530, 220), (chosen, 0), "chosen")
    _note(sheet, (20, -80), "Click an image, or press its number. Cancel ends the waiting. The studio may be closed.")
    return sheet.done()


WORKFLOWS = {"use-my-taste": use_adapter, "compare-with-and-without": compare, "choose-preferred": choose}


def main() -> None:
    """Write the workflows and their thumbnails."""
    FOLDER.mkdir(exist_ok=True)
    with Image.open(ROOT / "assets" / "demo" / "samples.png") as samples:
        for number, (name, draw) in enumerate(WORKFLOWS.items()):
            (FOLDER / f"{name}.json").write_text(json.dumps(draw(), indent=1) + "\n", encoding="utf-8")
            left = 132 * number
            part = samples.crop((left, 0, left + 260, 260)).resize((400, 400), Image.Resampling.NEAREST)
            part.convert("RGB").save(FOLDER / f"{name}.jpg", quality=88)


if __name__ == "__main__":
    main()
