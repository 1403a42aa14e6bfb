"""The objects of a landscape. Positions and lengths are units of the canvas."""

import numpy as np

from demo.scenes import palettes
from demo.scenes.canvas import Canvas
from demo.scenes.palettes import Colour, at_hour, mix
from demo.scenes.scene import Time

BLACK: Colour = (14, 18, 40)
WHITE: Colour = (255, 255, 255)


def mountain(
    canvas: Canvas,
    rng: np.random.Generator,
    *,
    x: float,
    foot: float,
    height: float,
    width: float,
    rock: Colour,
    snow: Colour | None,
    lit_left: bool,
) -> None:
    """A peak with a lit and a shaded face along a crooked edge, and a snow cap if `snow` gives a colour."""
    left, right, apex = (x - width / 2, foot), (x + width / 2, foot), (x, foot - height)
    bends = rng.uniform(-0.07, 0.12, 3)
    edge = [apex, *((x + width * float(b), foot - height * h) for b, h in zip(bends, (0.7, 0.36, 0.0), strict=True))]
    light, shade = mix(rock, WHITE, 0.2), mix(rock, BLACK, 0.24)
    canvas.polygon([left, *edge], light if lit_left else shade)
    canvas.polygon([right, *edge], shade if lit_left else light)
    if snow is not None:
        low, slope = 0.34 * height, width / (2 * height)
        hem = [(-1.0, 1.0), (-0.45, 0.78), (-0.1, 1.12), (0.3, 0.76), (1.0, 1.0)]
        points = [(x + slope * low * side, foot - height + low * drop) for side, drop in hem]
        canvas.polygon([apex, *points[:3]], snow if lit_left else mix(snow, rock, 0.32))
        canvas.polygon([apex, *points[2:]], mix(snow, rock, 0.32) if lit_left else snow)


def tree(
    canvas: Canvas,
    x: float,
    foot: float,
    height: float,
    pine: bool,
    crown: Colour,
    trunk: Colour,
    snow: Colour | None,
) -> None:
    """A pine of two stacked triangles or a round tree; `snow` is the colour of the load on its crown."""
    canvas.box(x - 0.06 * height, foot - 0.32 * height, x + 0.06 * height, foot, trunk)
    dark = mix(crown, BLACK, 0.22)
    if pine:
        for bottom, top, half in ((0.16, 0.68, 0.27), (0.46, 1.0, 0.21)):
            y, tip = foot - bottom * height, (x, foot - top * height)
            canvas.polygon([(x - half * height, y), tip, (x, y)], crown)
            canvas.polygon([(x + half * height, y), tip, (x, y)], dark)
        if snow is not None:
            y = foot - 0.7 * height
            canvas.polygon([(x - 0.12 * height, y), (x, foot - height), (x + 0.12 * height, y)], snow)
        return
    radius, middle = 0.3 * height, foot - 0.66 * height
    canvas.ellipse(x, middle, radius, 1.12 * radius, dark)
    canvas.ellipse(x - 0.12 * radius, middle - 0.1 * radius, 0.84 * radius, 0.94 * radius, crown)
    if snow is not None:
        canvas.ellipse(x, middle - 0.62 * radius, 0.74 * radius, 0.5 * radius, snow)


def cactus(canvas: Canvas, rng: np.random.Generator, x: float, foot: float, height: float, skin: Colour) -> None:
    """A column with two bent arms, one higher than the other."""
    half = 0.11 * height
    dark = mix(skin, BLACK, 0.22)

    def column(centre: float, top: float, bottom: float, thick: float) -> None:
        canvas.disc(centre, top + thick, thick, skin)
        canvas.box(centre - thick, top + thick, centre + thick, bottom, skin)
        canvas.box(centre + 0.3 * thick, top + thick, centre + thick, bottom, dark)

    high_side = 1 if rng.random() < 0.5 else -1
    for side, elbow, tip in ((high_side, 0.5, 0.84), (-high_side, 0.34, 0.66)):
        arm = x + side * 0.31 * height
        y = foot - elbow * height
        canvas.box(min(x, arm) - 0.7 * half, y - 0.7 * half, max(x, arm) + 0.7 * half, y + 0.7 * half, skin)
        column(arm, foot - tip * height, y + 0.7 * half, 0.75 * half)
    column(x, foot - height, foot, half)


def cloud(canvas: Canvas, rng: np.random.Generator, x: float, y: float, width: float, shade: Colour) -> None:
    """Three puffs on a flat base."""
    puffs = ((-0.26, 0.15), (0.04, 0.23), (0.3, 0.14))
    for side, size in puffs if rng.random() < 0.5 else tuple((-side, size) for side, size in puffs):
        radius = size * width
        canvas.disc(x + side * width, y - 0.55 * radius, radius, shade)
    half, thick = width / 2, 0.1 * width
    canvas.box(x - half + thick, y - thick, x + half - thick, y + thick, shade)
    canvas.disc(x - half + thick, y, thick, shade)
    canvas.disc(x + half - thick, y, thick, shade)


def house(canvas: Canvas, rng: np.random.Generator, x: float, foot: float, time: Time, snowy: bool) -> None:
    """A cottage 18 to 20 wide: walls, gable roof, door and a window that is lit at night."""
    half, tall = float(rng.uniform(7.0, 8.0)), float(rng.uniform(8.6, 10.0))
    wall = at_hour(palettes.WALLS[int(rng.integers(len(palettes.WALLS)))], time)
    roof = at_hour(palettes.ROOFS[int(rng.integers(len(palettes.ROOFS)))], time)
    eaves, ridge = foot - tall, foot - tall - 7.4
    chimney = x + 0.5 * half
    canvas.box(chimney - 1.3, ridge, chimney + 1.3, eaves, mix(roof, BLACK, 0.3))
    canvas.box(x - half, eaves, x + half, foot, wall)
    canvas.polygon([(x - half - 2.1, eaves + 0.8), (x, ridge), (x + half + 2.1, eaves + 0.8)], roof)
    if snowy:
        snow = at_hour(palettes.SNOW, time)
        canvas.polygon([(x - 0.62 * half, ridge + 4.2), (x, ridge - 0.8), (x + 0.62 * half, ridge + 4.2)], snow)
    canvas.box(x - 0.5 * half - 1.7, foot - 6.2, x - 0.5 * half + 1.7, foot, mix(roof, BLACK, 0.4))
    window = palettes.WINDOW_LIT if time in ("night", "sunset") else palettes.WINDOW_DARK
    canvas.box(x + 0.42 * half - 2.1, foot - 7.0, x + 0.42 * half + 2.1, foot - 2.8, window)


def boat(canvas: Canvas, rng: np.random.Generator, x: float, y: float, time: Time) -> None:
    """A sailing boat 18 wide and 19 tall; `y` is its water line."""
    sail = mix(palettes.SAILS[int(rng.integers(len(palettes.SAILS)))], at_hour(WHITE, time), 0.35)
    hull = at_hour(palettes.HULLS[int(rng.integers(len(palettes.HULLS)))], time)
    way = 1 if rng.random() < 0.5 else -1
    canvas.box(x - 0.5, y - 17, x + 0.5, y - 2.6, mix(hull, BLACK, 0.4))
    canvas.polygon([(x + way * 1.0, y - 17), (x + way * 1.0, y - 4.6), (x + way * 8.3, y - 4.6)], sail)
    canvas.polygon(
        [(x - way * 1.0, y - 13.6), (x - way * 1.0, y - 4.6), (x - way * 6.0, y - 4.6)], mix(sail, BLACK, 0.16)
    )
    canvas.polygon([(x - 9, y - 3.6), (x + 9, y - 3.6), (x + 6.2, y + 1.0), (x - 6.2, y + 1.0)], hull)
