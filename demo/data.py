"""The training data: scenes drawn once per recipe into the work folder, the same for any number of processes."""

import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from demo.scenes import SIZE_PX, Scene, captions, draw, sample_scene

CAPTIONS_PER_SCENE = 4
CHUNK = 256


@dataclass(frozen=True)
class Drawn:
    """Pictures and their captions: first those to train on, then those held out."""

    pixels: np.ndarray
    """(N, 96, 96, 3), uint8, memory-mapped copy-on-write."""
    captions: list[list[str]]
    """N times `CAPTIONS_PER_SCENE`."""


def scene_of(seed: int, index: int) -> tuple[Scene, np.random.Generator]:
    """Scene number `index`, and the generator that its captions continue with."""
    rng = np.random.default_rng([seed, index])
    return sample_scene(rng), rng


def _draw_chunk(seed: int, start: int, stop: int) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    pixels = np.empty((stop - start, SIZE_PX, SIZE_PX, 3), dtype=np.uint8)
    written = []
    for index in range(start, stop):
        scene, rng = scene_of(seed, index)
        pixels[index - start] = draw(scene)
        written.append(captions(scene, rng, CAPTIONS_PER_SCENE))
    return pixels, written


def draw_data(folder: Path, count: int, seed: int, processes: int) -> Drawn:
    """Draws the first `count` scenes, or reads what an earlier call left in `folder`."""
    pixels_file, captions_file = folder / "pixels.npy", folder / "captions.json"
    if not captions_file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.lib.format.open_memmap(pixels_file, mode="w+", dtype=np.uint8, shape=(count, SIZE_PX, SIZE_PX, 3))
        starts = range(0, count, CHUNK)
        stops = [min(start + CHUNK, count) for start in starts]
        written: list[tuple[str, ...]] = []
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            for start, (part, texts) in zip(
                starts, pool.map(_draw_chunk, [seed] * len(stops), starts, stops), strict=True
            ):
                pixels[start : start + len(part)] = part
                written.extend(texts)
        pixels.flush()
        captions_file.write_text(
            json.dumps(written), encoding="utf-8"
        )  # last: its existence means that everything is drawn
    return Drawn(np.load(pixels_file, mmap_mode="c"), json.loads(captions_file.read_text(encoding="utf-8")))
