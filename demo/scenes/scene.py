"""What a scene is: the attributes that captions mention, the free ones, and how both are chosen at random."""

from dataclasses import dataclass
from typing import Literal, TypeVar, get_args

import numpy as np

Value = TypeVar("Value")

Land = Literal["mountains", "hills", "desert", "sea", "lake", "forest"]
Time = Literal["day", "dawn", "sunset", "night"]
Season = Literal["green", "autumn", "snowy"]
Trees = Literal["none", "few", "many"]
TreeKind = Literal["pine", "round", "cactus"]

LANDS: tuple[Land, ...] = get_args(Land)
TIMES: tuple[Time, ...] = get_args(Time)
SEASONS: tuple[Season, ...] = get_args(Season)
TREES: tuple[Trees, ...] = get_args(Trees)

LAND_WEIGHTS = (0.22, 0.18, 0.13, 0.15, 0.17, 0.15)
TIME_WEIGHTS = (0.34, 0.18, 0.26, 0.22)
SEASON_WEIGHTS = (0.50, 0.27, 0.23)
ORB_CHANCE = 0.5
CLOUD_CHANCE = 0.4
STAR_CHANCE_AT_NIGHT = 0.6
HOUSE_CHANCE = 0.45
BOAT_CHANCE = 0.5

SKIES_PER_TIME = 4
GROUNDS_PER_SEASON = 3
ROCKS = 5


@dataclass(frozen=True, slots=True)
class Scene:
    """One landscape. Captions may mention the first block, but never the second."""

    land: Land
    time: Time
    season: Season
    """Deserts have no season: always "green" there, and never mentioned."""
    orb: bool
    """The moon at night, the sun otherwise."""
    clouds: bool
    stars: bool
    trees: Trees
    tree_kind: TreeKind
    house: bool
    boat: bool

    sky: int
    """Index into the sky palettes of this time of day."""
    ground: int
    """Index into the ground palettes of this season."""
    rock: int
    """Index into the rock colours."""
    horizon: float
    """Height of the horizon, measured from the upper edge, in units of the canvas."""
    orb_xyr: tuple[float, float, float]
    """Centre and radius, in units, of the sun or moon, whether shown or not: it also lights the slopes."""
    layout_seed: int
    """Decides every remaining shape: ridges, tree positions, clouds."""


def _choose(rng: np.random.Generator, values: tuple[Value, ...], weights: tuple[float, ...]) -> Value:
    return values[int(rng.choice(len(values), p=weights))]


def sample_scene(rng: np.random.Generator) -> Scene:
    """A random scene; what cannot be together (a boat in a desert) never is."""
    land = _choose(rng, LANDS, LAND_WEIGHTS)
    time = _choose(rng, TIMES, TIME_WEIGHTS)
    season = _choose(rng, SEASONS, SEASON_WEIGHTS)
    trees = _choose(rng, TREES, (0.40, 0.32, 0.28))
    tree_kind: TreeKind = "pine" if rng.random() < 0.5 else "round"
    if land == "desert":
        season, tree_kind = "green", "cactus"
    elif land == "sea":
        trees = "none"
    elif land == "forest":
        trees = "many"
    return Scene(
        land=land,
        time=time,
        season=season,
        orb=bool(rng.random() < ORB_CHANCE),
        clouds=bool(rng.random() < CLOUD_CHANCE),
        stars=time == "night" and bool(rng.random() < STAR_CHANCE_AT_NIGHT),
        trees=trees,
        tree_kind=tree_kind,
        house=land in ("mountains", "hills", "lake") and bool(rng.random() < HOUSE_CHANCE),
        boat=land in ("sea", "lake") and bool(rng.random() < BOAT_CHANCE),
        sky=int(rng.integers(SKIES_PER_TIME)),
        ground=int(rng.integers(GROUNDS_PER_SEASON)),
        rock=int(rng.integers(ROCKS)),
        horizon=float(rng.uniform(33, 41)),
        orb_xyr=(float(rng.uniform(9, 55)), float(rng.uniform(9, 17)), float(rng.uniform(4.2, 7.5))),
        layout_seed=int(rng.integers(2**31)),
    )
