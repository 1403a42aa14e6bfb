"""A canvas of 64 by 64 units, whatever its pixels, and painted larger still, so that edges come out smooth."""

from collections.abc import Iterable

import numpy as np
from PIL import Image, ImageDraw

from demo.scenes.palettes import Colour

SIZE_PX = 96
UNITS = 64  # sides of the canvas, in which every coordinate and length of a scene is given
OVERSAMPLING = 4
_RASTER = SIZE_PX * OVERSAMPLING // UNITS  # painted pixels per unit

Point = tuple[float, float]


def _ink(colour: Colour) -> tuple[int, int, int]:
    r, g, b = (min(255, max(0, round(channel))) for channel in colour)
    return (r, g, b)


class Canvas:
    """Shapes on a background; every coordinate and length is in units, `UNITS` from edge to edge."""

    def __init__(self, background: np.ndarray) -> None:
        """`background`: (96, 96, 3), float, 0 to 255."""
        small = Image.fromarray(np.clip(background + 0.5, 0, 255).astype(np.uint8))
        side = SIZE_PX * OVERSAMPLING
        self._image = small.resize((side, side), Image.Resampling.BILINEAR)
        self._draw = ImageDraw.Draw(self._image)

    def polygon(self, points: Iterable[Point], colour: Colour) -> None:
        self._draw.polygon([(x * _RASTER, y * _RASTER) for x, y in points], fill=_ink(colour))

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        box = [(x - rx) * _RASTER, (y - ry) * _RASTER, (x + rx) * _RASTER, (y + ry) * _RASTER]
        self._draw.ellipse(box, fill=_ink(colour))

    def disc(self, x: float, y: float, radius: float, colour: Colour) -> None:
        self.ellipse(x, y, radius, radius, colour)

    def crescent(self, x: float, y: float, radius: float, colour: Colour) -> None:
        """A waning moon: the left half of a disc, hollowed by an ellipse."""
        angles = np.linspace(0.5 * np.pi, 1.5 * np.pi, 25)
        rim = [(x + radius * np.cos(a), y + radius * np.sin(a)) for a in angles]
        hollow = [(x + 0.3 * radius * np.cos(a), y + radius * np.sin(a)) for a in angles[::-1]]
        self.polygon([*rim, *hollow], colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def line_to_bottom(self, heights: np.ndarray, colour: Colour) -> None:
        """Fills everything under a line given by its height at evenly spaced x, (N,)."""
        xs = np.linspace(0, UNITS, len(heights))
        outline = [(float(x), float(y)) for x, y in zip(xs, heights, strict=True)]
        self.polygon([*outline, (UNITS, UNITS), (0, UNITS)], colour)

    def mirror_below(self, line: float, shade: Colour, share: float) -> None:
        """Reflects what is above a horizontal line into the part below it, mixed with `share` of a colour."""
        edge = round(line * _RASTER)
        side = SIZE_PX * OVERSAMPLING
        above = self._image.crop((0, max(0, 2 * edge - side), side, edge))
        reflected = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        tint = Image.new("RGB", reflected.size, _ink(shade))
        self._image.paste(Image.blend(reflected, tint, share), (0, edge))
        self._draw = ImageDraw.Draw(self._image)

    def pixels(self) -> np.ndarray:
        """(96, 96, 3), uint8."""
        return np.asarray(self._image.reduce(OVERSAMPLING))
