"""The colours of the landscapes, and how the hour tints them. RGB, 0 to 255."""

from demo.scenes.scene import Season, Time

Colour = tuple[float, float, float]


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`first` with `share` (0 to 1) of `second`."""
    r, g, b = (a + (c - a) * share for a, c in zip(first, second, strict=True))
    return (r, g, b)


# Zenith, middle, horizon.
SKIES: dict[Time, tuple[tuple[Colour, Colour, Colour], ...]] = {
    "day": (
        ((70, 150, 225), (130, 195, 240), (205, 232, 246)),
        ((52, 128, 208), (98, 176, 232), (182, 224, 240)),
        ((96, 178, 214), (156, 214, 226), (236, 240, 220)),
        ((118, 170, 224), (178, 206, 238), (246, 236, 226)),
    ),
    "dawn": (
        ((130, 138, 200), (222, 168, 200), (255, 214, 196)),
        ((112, 150, 206), (200, 186, 214), (255, 224, 188)),
        ((152, 128, 190), (244, 164, 184), (255, 226, 208)),
        ((104, 162, 190), (178, 206, 204), (252, 232, 178)),
    ),
    "sunset": (
        ((78, 54, 120), (216, 88, 92), (255, 176, 80)),
        ((116, 46, 96), (232, 96, 70), (255, 204, 104)),
        ((60, 62, 128), (180, 92, 140), (255, 150, 110)),
        ((168, 66, 58), (240, 128, 56), (255, 214, 116)),
    ),
    "night": (
        ((10, 14, 44), (22, 32, 78), (48, 66, 120)),
        ((16, 10, 46), (40, 26, 86), (84, 58, 126)),
        ((6, 24, 44), (14, 48, 76), (40, 88, 110)),
        ((14, 18, 30), (32, 42, 62), (66, 80, 104)),
    ),
}

ORBS: dict[Time, Colour] = {
    "day": (255, 240, 150),
    "dawn": (255, 244, 214),
    "sunset": (255, 226, 120),
    "night": (244, 242, 222),
}
CLOUDS: dict[Time, Colour] = {
    "day": (255, 255, 255),
    "dawn": (255, 226, 226),
    "sunset": (250, 178, 150),
    "night": (82, 92, 130),
}

# Far ground, near ground, foliage.
GROUNDS: dict[Season, tuple[tuple[Colour, Colour, Colour], ...]] = {
    "green": (
        ((138, 190, 104), (84, 150, 70), (46, 110, 62)),
        ((168, 198, 92), (112, 162, 58), (62, 122, 50)),
        ((110, 182, 138), (54, 138, 98), (28, 96, 80)),
    ),
    "autumn": (
        ((222, 172, 84), (190, 124, 52), (206, 84, 38)),
        ((214, 150, 92), (168, 92, 58), (226, 128, 34)),
        ((228, 190, 106), (186, 146, 62), (180, 56, 44)),
    ),
    "snowy": (
        ((222, 232, 242), (242, 247, 252), (84, 122, 118)),
        ((206, 220, 238), (232, 240, 250), (70, 104, 124)),
        ((228, 226, 238), (250, 246, 250), (98, 122, 104)),
    ),
}
SANDS: tuple[tuple[Colour, Colour], ...] = (
    ((240, 206, 138), (222, 170, 96)),
    ((238, 184, 122), (212, 134, 82)),
    ((246, 226, 178), (226, 194, 136)),
)
ROCKS: tuple[Colour, ...] = ((118, 126, 146), (142, 116, 108), (104, 112, 160), (126, 138, 130), (160, 128, 104))
WATERS: dict[Time, Colour] = {
    "day": (52, 136, 186),
    "dawn": (122, 140, 186),
    "sunset": (128, 74, 112),
    "night": (18, 40, 84),
}
CACTUS: Colour = (58, 132, 78)
TRUNK: Colour = (106, 72, 50)
SNOW: Colour = (248, 250, 253)
WALLS: tuple[Colour, ...] = ((250, 240, 222), (226, 190, 150), (236, 226, 234))
ROOFS: tuple[Colour, ...] = ((198, 62, 52), (150, 70, 54), (70, 90, 140))
SAILS: tuple[Colour, ...] = ((255, 252, 244), (240, 110, 80), (252, 214, 110))
HULLS: tuple[Colour, ...] = ((130, 66, 44), (180, 46, 46), (50, 56, 92))
WINDOW_DARK: Colour = (96, 130, 160)
WINDOW_LIT: Colour = (255, 220, 110)

_TINTS: dict[Time, tuple[Colour, float]] = {
    "day": ((255, 255, 255), 0.0),
    "dawn": ((226, 160, 176), 0.20),
    "sunset": ((150, 58, 60), 0.36),
    "night": ((12, 20, 58), 0.66),
}


def at_hour(colour: Colour, time: Time) -> Colour:
    """The colour of a thing that the light of the hour falls on."""
    tint, share = _TINTS[time]
    return mix(colour, tint, share)
