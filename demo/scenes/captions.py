"""How a scene is described: `[adjective] land [time] [with this, that and more]`, truthfully and with gaps.

Each attribute is mentioned with a given probability, so "mountains" leaves time, season, sun and trees open,
and the model learns to vary what the prompt doesn't fix.
"""

import numpy as np

from demo.scenes.scene import TIMES, Scene, sample_scene

CAPTION_MENTION = 0.5
ABSENCE_MENTIONED = 0.25  # an absent sun is mentioned as "no sun" in this share of its mentions
COUNT_TOLD = 0.6
KIND_TOLD = 0.5

_LAND_NOUNS = {
    "mountains": ("mountains",),
    "hills": ("hills",),
    "desert": ("a desert", "dunes"),
    "sea": ("the sea", "an ocean"),
    "lake": ("a lake",),
    "forest": ("a forest",),
}
_TIME_PHRASES = {"day": "by day", "dawn": "at dawn", "sunset": "at sunset", "night": "at night"}
_SEASON_ADJECTIVES = {"green": ("green",), "autumn": ("autumn",), "snowy": ("snowy", "winter")}


def captions(
    scene: Scene, rng: np.random.Generator, count: int = 4, mention: float = CAPTION_MENTION
) -> tuple[str, ...]:
    """`count` truthful captions of one scene, each mentioning every attribute with probability `mention`."""
    return tuple(_caption(scene, rng, mention) for _ in range(count))


def sample_prompt(rng: np.random.Generator, mention: float = 0.3) -> str:
    """A prompt of the caption grammar about some scene that can exist."""
    return _caption(sample_scene(rng), rng, mention)


def claims(prompt: str) -> dict[str, str | bool]:
    """What a prompt of the grammar claims: attribute name of `Scene` -> value, for the attributes it mentions.

    Trees without a number are claimed as True.
    """
    words = set(prompt.replace(",", "").split())
    found: dict[str, str | bool] = dict.fromkeys(words & {"clouds", "stars", "house", "boat"}, True)
    readings: tuple[tuple[str, dict[str, set[str]]], ...] = (
        ("land", {land: {noun.split()[-1] for noun in nouns} for land, nouns in _LAND_NOUNS.items()}),
        ("time", {time: {time} for time in TIMES}),
        ("season", {season: set(adjectives) for season, adjectives in _SEASON_ADJECTIVES.items()}),
        ("tree_kind", {"pine": {"pine"}, "round": {"round"}}),
    )
    for name, told_as in readings:
        for value, names in told_as.items():
            if names & words:
                found[name] = value
    if words & {"sun", "moon"}:
        found["orb"] = "no" not in words
    if words & {"trees", "cactus", "cacti"}:
        found["trees"] = next((count for count in ("few", "many") if count in words), True)
    return found


def _caption(scene: Scene, rng: np.random.Generator, mention: float) -> str:
    def mentioned(probability: float = mention) -> bool:
        return bool(rng.random() < probability)

    text = _land_phrase(scene, rng, with_season=mentioned())
    if mentioned():
        text += " " + _TIME_PHRASES[scene.time]
    extras = [extra for extra in _extras(scene, rng) if mentioned()]
    if mentioned() and (scene.orb or mentioned(ABSENCE_MENTIONED)):
        extras.append(("the " if scene.orb else "no ") + ("moon" if scene.time == "night" else "sun"))
    if not extras:
        return text
    order = rng.permutation(len(extras))
    *firsts, last = (extras[i] for i in order)
    return f"{text} with {', '.join(firsts)} and {last}" if firsts else f"{text} with {last}"


def _land_phrase(scene: Scene, rng: np.random.Generator, with_season: bool) -> str:
    nouns = _LAND_NOUNS[scene.land]
    noun = nouns[int(rng.integers(len(nouns)))]
    if not with_season or scene.land == "desert":
        return noun
    adjectives = _SEASON_ADJECTIVES[scene.season]
    adjective = adjectives[int(rng.integers(len(adjectives)))]
    article, _, bare = noun.rpartition(" ")
    if article in ("a", "an"):
        article = "an" if adjective == "autumn" else "a"
    return f"{article} {adjective} {bare}".strip()


def _extras(scene: Scene, rng: np.random.Generator) -> list[str]:
    """Every object of the scene except the sun or moon, as a noun phrase."""
    extras = [name for name, there in (("clouds", scene.clouds), ("stars", scene.stars)) if there]
    extras += [f"a {name}" for name, there in (("house", scene.house), ("boat", scene.boat)) if there]
    if scene.trees != "none":
        count = f"{scene.trees} " if rng.random() < COUNT_TOLD else ""
        if scene.tree_kind == "cactus":
            extras.append(f"{count}cacti" if count or rng.random() < 0.5 else "cactus")
        else:
            kind = f"{scene.tree_kind} " if rng.random() < KIND_TOLD else ""
            extras.append(f"{count}{kind}trees")
    return extras
