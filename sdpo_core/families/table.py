"""The families that the studio knows."""

from sdpo_core.families.family import Family, FamilyName
from sdpo_core.methods.named import named

_FILES = (  # in `known/`
    "sd15",
    "sd2",
    "sdxl",
)


def _family(file: str) -> Family:
    return named(f"sdpo_core.families.known.{file}:FAMILY")


FAMILIES: dict[FamilyName, Family] = {family.name: family for family in map(_family, _FILES)}
"""By name. The first of those that share a pipeline is the one of a folder whose sizes tell none."""


def titles() -> str:
    """All of them, for a sentence."""
    *most, last = (family.title for family in FAMILIES.values())
    return f"{', '.join(most)} and {last}"
