"""Procedural flat-design landscapes: what is in a scene, how it is described, how it is painted."""

from demo.scenes.captions import captions, claims, sample_prompt
from demo.scenes.painting import SIZE_PX, draw
from demo.scenes.scene import LANDS, SEASONS, TIMES, TREES, Scene, sample_scene

__all__ = [
    "LANDS",
    "SEASONS",
    "SIZE_PX",
    "TIMES",
    "TREES",
    "Scene",
    "captions",
    "claims",
    "draw",
    "sample_prompt",
    "sample_scene",
]
