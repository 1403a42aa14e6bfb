"""How an image was made, for people: label and value."""

from collections.abc import Iterator, Mapping

from app.generate.text import say
from sdpo_core.workspace.records import Candidate, MadeWith, Recipe


def made(image: Candidate, adapters: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is known about the making of an image; `adapters` are the project's names by the SHA-256 of their files."""
    found = {"size": f"{image.width_px} x {image.height_px}"}
    if image.recipe:
        found |= _by_recipe(image.recipe, adapters)
    elif image.made_with:
        found |= _by_file(image.made_with)
    found["negative"] = image.negative
    return [(say(f"made.{name}"), value) for name, value in found.items() if value]


def _by_recipe(recipe: Recipe, adapters: Mapping[str, str]) -> dict[str, str]:
    loras = recipe.workflow.loras if recipe.workflow else ()
    used = [*_used(recipe, adapters), *(say("adapterAt", name=one.name, strength=one.strength) for one in loras)]
    return {
        "seed": str(recipe.seed),
        "steps": str(recipe.steps or ""),
        "guidance": f"{recipe.guidance:g}" if recipe.guidance else "",
        "sampler": recipe.sampler,
        "adapters": ", ".join(used),
        "model": recipe.workflow.model if recipe.workflow else "",
        "tool": say("comfyui") if recipe.workflow else "",
    }


def _used(recipe: Recipe, adapters: Mapping[str, str]) -> Iterator[str]:
    for use in recipe.adapters:
        yield say("adapterAt", name=adapters.get(use.sha256) or say("unknownAdapter"), strength=use.strength)


def _by_file(told: MadeWith) -> dict[str, str]:
    return {
        "seed": "" if told.seed is None else str(told.seed),
        "steps": str(told.steps or ""),
        "guidance": f"{told.guidance:g}" if told.guidance else "",
        "sampler": told.sampler,
        "adapters": ", ".join(one.name for one in told.loras),
        "model": told.model,
        "tool": told.tool,
    }
