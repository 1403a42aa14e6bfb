"""Paints a scene, far things first."""

import numpy as np

from demo.scenes import palettes
from demo.scenes.canvas import SIZE_PX, UNITS, Canvas
from demo.scenes.objects import boat, cactus, cloud, house, mountain, tree
from demo.scenes.palettes import Colour, at_hour, mix
from demo.scenes.scene import Scene

__all__ = ["SIZE_PX", "draw"]


def draw(scene: Scene) -> np.ndarray:
    """The picture of a scene, (96, 96, 3) uint8: the same scene always gives the same pixels."""
    rng = np.random.default_rng(scene.layout_seed)
    canvas = Canvas(_sky(scene))
    _heaven(canvas, scene, rng)
    paint = {
        "mountains": _mountains,
        "hills": _hills,
        "desert": _desert,
        "sea": _sea,
        "lake": _lake,
        "forest": _forest,
    }[scene.land]
    paint(canvas, scene, rng)
    return canvas.pixels()


def _sky(scene: Scene) -> np.ndarray:
    """A gradient of three colours down to the horizon, with a glow around the sun or moon. (96, 96, 3)."""
    stops = np.array(palettes.SKIES[scene.time][scene.sky])  # (3, 3)
    y, x = (np.mgrid[0:SIZE_PX, 0:SIZE_PX] + 0.5) * (UNITS / SIZE_PX)
    depth = np.clip(y / scene.horizon, 0, 1)
    sky = np.stack([np.interp(depth, (0.0, 0.55, 1.0), stops[:, c]) for c in range(3)], axis=-1)
    if scene.orb:
        orb_x, orb_y, radius = scene.orb_xyr
        distance = np.hypot(x - orb_x, y - orb_y) / radius
        glow = (0.55 if scene.time in ("dawn", "sunset") else 0.35) * np.exp(-((distance / 2.1) ** 2))
        sky += (np.array(palettes.ORBS[scene.time]) - sky) * glow[..., None]
    return sky


def _heaven(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    """Stars, then the sun or moon, then clouds around it."""
    orb_x, orb_y, radius = scene.orb_xyr
    if scene.stars:
        for _ in range(int(rng.integers(16, 28))):
            x, y = float(rng.uniform(1, 63)), float(rng.uniform(1, scene.horizon - 6))
            if not scene.orb or np.hypot(x - orb_x, y - orb_y) > radius + 2.5:
                canvas.disc(x, y, float(rng.uniform(0.6, 1.0)), (246, 242, 222))
    if scene.orb:
        crescent = scene.time == "night" and rng.random() < 0.5
        (canvas.crescent if crescent else canvas.disc)(orb_x, orb_y, radius, palettes.ORBS[scene.time])
    if scene.clouds:
        shade = palettes.CLOUDS[scene.time]
        for _ in range(int(rng.integers(2, 4))):
            width, y = float(rng.uniform(15, 25)), float(rng.uniform(8, 0.62 * scene.horizon))
            x = float(rng.uniform(4, 60))
            if scene.orb and abs(x - orb_x) < 0.45 * width and abs(y - orb_y) < radius + 3:
                y = min(orb_y + radius + 4.5, scene.horizon - 6)  # below the sun, not over it
            cloud(canvas, rng, x, y, width, shade)


def _wave(rng: np.random.Generator, base: float, rise: float) -> np.ndarray:
    """A soft line: its height at 65 places from the left to the right edge."""
    x = np.linspace(0, 1, UNITS + 1)
    first, second = rng.uniform(0.6, 1.3), rng.uniform(1.4, 2.6)
    swell = np.sin(2 * np.pi * (first * x + rng.random())) + 0.45 * np.sin(2 * np.pi * (second * x + rng.random()))
    return base + rise * swell


def _near_ground(scene: Scene) -> Colour:
    return at_hour(palettes.GROUNDS[scene.season][scene.ground][1], scene.time)


def _far_ground(scene: Scene) -> Colour:
    return at_hour(palettes.GROUNDS[scene.season][scene.ground][0], scene.time)


def _haze(scene: Scene, colour: Colour, share: float) -> Colour:
    """A distant colour: mixed with the sky at the horizon."""
    return mix(colour, palettes.SKIES[scene.time][scene.sky][2], share)


def _ridge(canvas: Canvas, scene: Scene, rng: np.random.Generator, foot: float, height: float) -> None:
    """Two hazy mountains behind two or three clear ones."""
    rock = at_hour(palettes.ROCKS[scene.rock], scene.time)
    capped = scene.season == "snowy" or rng.random() < 0.55
    xs = np.linspace(4, 60, 5) + rng.uniform(-5, 5, 5)
    order = [1, 3, 0, 4, 2] if rng.random() < 0.5 else [0, 2, 4, 1, 3]
    for rank, place in enumerate(order[: 4 + int(rng.integers(2))]):
        distant = rank < 2
        tall = height * float(rng.uniform(0.62, 0.85) if distant else rng.uniform(0.68, 1.0))
        wide = tall * float(rng.uniform(1.7, 2.3))
        body = _haze(scene, rock, 0.5 if distant else 0.1)
        snow = _haze(scene, at_hour(palettes.SNOW, scene.time), 0.35 if distant else 0.0)
        lit_left = scene.orb_xyr[0] < xs[place]
        mountain(
            canvas,
            rng,
            x=float(xs[place]),
            foot=foot,
            height=tall,
            width=wide,
            rock=body,
            snow=snow if capped else None,
            lit_left=lit_left,
        )


def _vegetation(canvas: Canvas, scene: Scene, rng: np.random.Generator, ground: np.ndarray, clear_x: float) -> None:
    """Few large or many smaller trees on a ground line (65,), none over `clear_x` where the house stands."""
    if scene.trees == "none":
        return
    foliage = at_hour(palettes.GROUNDS[scene.season][scene.ground][2], scene.time)
    trunk = at_hour(palettes.TRUNK, scene.time)
    snow = at_hour(palettes.SNOW, scene.time) if scene.season == "snowy" else None
    few = scene.trees == "few"
    count = int(rng.integers(2, 4) if few else rng.integers(9, 13))
    slots = rng.permutation(7)[:count] * 9.0 + 5 if few else np.linspace(2, 62, count)
    spots: list[tuple[float, float, float]] = []
    for x in slots + rng.uniform(-2, 2, count):
        height = float(rng.uniform(16, 21) if few else rng.uniform(10, 14))
        if scene.house and abs(x - clear_x) < 12:
            continue
        foot = float(ground[round(float(np.clip(x, 0, UNITS)))]) + float(rng.uniform(1, 5))
        spots.append((foot, float(x), height))
    if not spots:  # the house has taken every place: one tree keeps the captions true
        x = 8.0 if clear_x > UNITS / 2 else UNITS - 8.0
        spots.append((float(ground[round(x)]) + 3, x, 16.0))
    for foot, x, height in sorted(spots):
        crown = mix(
            foliage, (255, 235, 120) if scene.season != "snowy" else (255, 255, 255), float(rng.uniform(0, 0.16))
        )
        tree(canvas, x, foot, height, scene.tree_kind == "pine", crown, trunk, snow)


def _settle(canvas: Canvas, scene: Scene, rng: np.random.Generator, ground: np.ndarray) -> None:
    """The house and the trees on the nearest ground line (65,)."""
    house_x = float(rng.uniform(12, 52))
    if scene.house:
        foot = float(ground[round(house_x)]) + 4.5
        house(canvas, rng, house_x, foot, scene.time, scene.season == "snowy")
    _vegetation(canvas, scene, rng, ground, house_x)


def _mountains(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    foot = scene.horizon + 9
    _ridge(canvas, scene, rng, foot, height=float(rng.uniform(26, 33)))
    canvas.line_to_bottom(_wave(rng, foot - 2, 1.2), _far_ground(scene))
    near = _wave(rng, foot + 5, 1.6)
    canvas.line_to_bottom(near, _near_ground(scene))
    _settle(canvas, scene, rng, near)


def _hills(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    far, near = _far_ground(scene), _near_ground(scene)
    for depth, haze in ((0.0, 0.62), (5.0, 0.36), (10.0, 0.08)):
        canvas.line_to_bottom(_wave(rng, scene.horizon - 3 + depth, 3.2), _haze(scene, far, haze))
    line = _wave(rng, scene.horizon + 13, 2.4)
    canvas.line_to_bottom(line, near)
    _settle(canvas, scene, rng, line)


def _desert(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    light, dark = (at_hour(sand, scene.time) for sand in palettes.SANDS[scene.ground])
    if rng.random() < 0.4:  # a table mountain far away
        left, width, top = (
            float(rng.uniform(4, 40)),
            float(rng.uniform(14, 24)),
            scene.horizon - float(rng.uniform(6, 11)),
        )
        rock = _haze(scene, at_hour((186, 104, 74), scene.time), 0.35)
        foot = scene.horizon + 6
        canvas.polygon([(left, top), (left + width, top), (left + width + 4, foot), (left - 4, foot)], rock)
    line = _wave(rng, scene.horizon, 1.5)
    for depth, haze in ((2.0, 0.3), (8.0, 0.12), (15.0, 0.0)):
        line = _wave(rng, scene.horizon + depth, 2.4)
        canvas.line_to_bottom(line, _haze(scene, light, haze))
        shaded = line + np.clip(_wave(rng, 2.0, 4.0), 0, None)  # the lee side of the dune, below its crest
        canvas.line_to_bottom(shaded, _haze(scene, dark, haze))
    if scene.trees == "none":
        return
    few = scene.trees == "few"
    count = int(rng.integers(1, 3) if few else rng.integers(5, 8))
    slots = rng.permutation(4)[:count] * 15.0 + 9 if few else np.linspace(5, 59, count)
    for x in slots + rng.uniform(-2.5, 2.5, count):
        foot = float(line[round(float(np.clip(x, 0, UNITS)))]) + float(rng.uniform(1, 6))
        height = float(rng.uniform(15, 19) if few else rng.uniform(10, 14))
        cactus(canvas, rng, float(x), foot, height, at_hour(palettes.CACTUS, scene.time))


def _water(canvas: Canvas, scene: Scene, rng: np.random.Generator, line: float) -> None:
    """Everything below a line becomes water that mirrors what is above it."""
    deep = palettes.WATERS[scene.time]
    canvas.mirror_below(line, deep, share=float(rng.uniform(0.45, 0.65)))
    crest = mix(deep, palettes.SKIES[scene.time][scene.sky][2], 0.55)
    for _ in range(int(rng.integers(3, 6))):
        x, y, half = float(rng.uniform(2, 62)), float(rng.uniform(line + 3, 60)), float(rng.uniform(3, 7))
        canvas.box(x - half, y - 0.4, x + half, y + 0.4, crest)
    if scene.orb:
        orb_x = scene.orb_xyr[0]
        glitter = mix(palettes.ORBS[scene.time], deep, 0.25)
        for row in range(4):
            y, half = line + 2.5 + 3.4 * row, 3.6 - 0.6 * row
            canvas.box(orb_x - half, y - 0.55, orb_x + half, y + 0.55, glitter)


def _sea(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    horizon = scene.horizon - 2
    if rng.random() < 0.4:
        x, half = float(rng.uniform(6, 58)), float(rng.uniform(8, 14))
        island = np.linspace(-1, 1, 17)
        rise = float(rng.uniform(4, 7)) * (1 - island**2)
        shore = [(x + half * float(i), horizon - float(r)) for i, r in zip(island, rise, strict=True)]
        canvas.polygon(shore, _haze(scene, _far_ground(scene), 0.25))
    _water(canvas, scene, rng, horizon)
    if scene.boat:
        boat(canvas, rng, float(rng.uniform(13, 51)), float(rng.uniform(horizon + 8, 54)), scene.time)
    edge = np.linspace(-1, 1, UNITS + 1) * (1 if rng.random() < 0.5 else -1)
    coast = 61 - float(rng.uniform(6, 9)) * np.clip(edge, -0.25, 1) + 0.6 * np.sin(edge * 9)
    canvas.line_to_bottom(coast, mix(at_hour((240, 220, 170), scene.time), _near_ground(scene), 0.25))
    canvas.line_to_bottom(coast + 1.6, _near_ground(scene))


def _lake(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    line = scene.horizon + 2
    if rng.random() < 0.6:
        _ridge(canvas, scene, rng, line + 3, height=float(rng.uniform(16, 23)))
    else:
        for depth, haze in ((-6.0, 0.5), (-2.0, 0.2)):
            canvas.line_to_bottom(_wave(rng, line + depth, 2.2), _haze(scene, _far_ground(scene), haze))
    canvas.line_to_bottom(_wave(rng, line - 1.5, 0.6), mix(_far_ground(scene), _near_ground(scene), 0.5))
    _water(canvas, scene, rng, line)
    if scene.boat:
        boat(canvas, rng, float(rng.uniform(13, 51)), float(rng.uniform(line + 6.5, line + 9)), scene.time)
    shore = _wave(rng, 55.5, 1.6)
    canvas.line_to_bottom(shore, _near_ground(scene))
    _settle(canvas, scene, rng, shore)


def _forest(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> None:
    foliage = at_hour(palettes.GROUNDS[scene.season][scene.ground][2], scene.time)
    trunk = at_hour(palettes.TRUNK, scene.time)
    snow = at_hour(palettes.SNOW, scene.time) if scene.season == "snowy" else None
    pine = scene.tree_kind == "pine"
    canvas.line_to_bottom(_wave(rng, scene.horizon + 4, 1.5), _haze(scene, _far_ground(scene), 0.2))
    for count, foot, tall, haze in ((9, scene.horizon + 8, 20, 0.48), (7, scene.horizon + 13, 22, 0.22)):
        for x in np.linspace(1, 63, count) + rng.uniform(-2, 2, count):
            height = tall * float(rng.uniform(0.8, 1.15))
            far_snow = None if snow is None else _haze(scene, snow, haze)
            tree(canvas, float(x), foot, height, pine, _haze(scene, foliage, haze), _haze(scene, trunk, haze), far_snow)
    line = _wave(rng, scene.horizon + 14, 1.2)
    canvas.line_to_bottom(line, _near_ground(scene))
    for x in np.linspace(4, 60, 5) + rng.uniform(-4, 4, 5):
        crown = mix(foliage, (255, 235, 120), float(rng.uniform(0, 0.12)))
        tree(canvas, float(x), float(rng.uniform(54, 61)), float(rng.uniform(19, 25)), pine, crown, trunk, snow)
