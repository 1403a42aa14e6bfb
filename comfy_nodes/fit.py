"""Whether an adapter belongs to a model, and the sentences about it that a person reads."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .header import Header
from .problem import PackProblem

# Written by the studio's `python -m sdpo_core.families.for_comfyui`, which says what each entry is.
_FAMILIES: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("families.json").read_text("utf-8"))
# Families that the studio has no adapters for, so that a mismatch can be named.
_OTHERS = {
    "sdxl-refiner": {"title": "the SDXL refiner", "classes": ["SDXLRefiner"], "kohya": None},
    "sd3": {"title": "Stable Diffusion 3", "classes": ["SD3"], "kohya": "sd3"},
    "flux": {"title": "FLUX", "classes": ["Flux"], "kohya": "flux"},
}
_ALL: dict[str, dict[str, Any]] = {**_FAMILIES, **_OTHERS}
# ComfyUI's model classes (comfy/supported_models.py) by family. A class not listed here is not judged.
_FAMILY_OF_CLASS = {name: family for family, facts in _ALL.items() for name in facts["classes"]}
_PREDICTION_OF_TYPE = {"EPS": "epsilon", "V_PREDICTION": "v"}


def adapter_family(header: Header) -> str | None:
    """The family the file says it was trained for; None when it does not say."""
    told = (header.sdpo or {}).get("family")
    if isinstance(told, str):
        return told
    version = header.metadata.get("ss_base_model_version", "")
    return next((name for name, facts in _ALL.items() if facts["kohya"] and version.startswith(facts["kohya"])), None)


def model_family(class_names: Iterable[str]) -> str | None:
    """The family of a loaded model from its config's class and base classes, nearest first; None when unknown."""
    return next((_FAMILY_OF_CLASS[name] for name in class_names if name in _FAMILY_OF_CLASS), None)


def refuse_unusable(path: Path, header: Header) -> None:
    """Raise `PackProblem` for files that can never work here: no LoRA, or trained on the studio's demo model."""
    if header.modules == 0:
        raise PackProblem(f"{path.name} has no LoRA weights. Choose an adapter that SDPO Studio trained.")
    if _is_too_narrow(header):
        raise PackProblem(
            f"{path.stem} was trained on the studio's demo model and works only in the studio: ComfyUI can't load that "
            "model. Train on your own checkpoint to get an adapter for ComfyUI."
        )


def _is_too_narrow(header: Header) -> bool:
    """Whether this is an adapter of ours for a model that ComfyUI can't detect: queries narrower than its family has.

    ComfyUI knows an SD1.x checkpoint by its width; the studio's demo model is narrower than any that it can load.
    """
    narrowest = _FAMILIES.get(adapter_family(header) or "", {}).get("narrowest_query")
    widths = [shape[0] for name, shape in header.shapes.items() if name.endswith("to_q.lora_up.weight") and shape]
    return bool(narrowest and header.sdpo is not None and min(widths, default=narrowest) < narrowest)


def wrong_family(header: Header, class_names: Iterable[str]) -> str | None:
    """Why the adapter can't belong to the model, as a sentence; None when it does, or when either is unknown."""
    wanted, found = adapter_family(header), model_family(class_names)
    if not wanted or not found or wanted == found:
        return None
    return (
        f"This adapter was trained for {_title(wanted)}, but the model is {_title(found)}. "
        "Connect a model of the same family."
    )


def wrong_prediction(header: Header, model_type: str) -> str | None:
    """A warning when the adapter was trained for another kind of prediction than the checkpoint has.

    Only a warning: a sampling node later in the graph may still change what the model predicts.
    """
    trained = header.metadata.get("modelspec.prediction_type")  # "epsilon" or "v", sometimes "v_prediction"
    predicts = _PREDICTION_OF_TYPE.get(model_type)
    if not trained or not predicts or trained[0] == predicts[0]:
        return None
    return f"This adapter was trained for {trained} prediction, but the checkpoint predicts {predicts}."


def count_new_patches(before: Mapping[Any, Sequence[Any]], after: Mapping[Any, Sequence[Any]]) -> int:
    """Modules that were patched: patches per weight, counted before and after. Fused weights take several each."""
    return sum(len(patches) - len(before.get(key, ())) for key, patches in after.items())


@dataclass(frozen=True)
class Outcome:
    """The result of patching."""

    patched: int  # modules that were patched
    expected: int  # modules of the file that could have been: without a CLIP, those of text encoders could not
    left_out: int  # modules for text encoders, when no CLIP is connected
    model_type: str  # what the checkpoint predicts, as ComfyUI calls it

    def complaint(self, header: Header) -> str | None:
        """What is wrong, as a sentence; None when all is well."""
        if self.patched == 0 and self.expected:
            return "None of it fits this model, so it has no effect."
        if self.patched < self.expected:
            return "Only part of it fits this model. Images will differ from the studio's."
        return wrong_prediction(header, self.model_type)


def describe(name: str, header: Header, outcome: Outcome, strength: float, *, takes_clip: bool = True) -> str:
    """The info text: what was loaded, whether all of it, and what it is; `takes_clip`: a CLIP could be connected."""
    lines = [f"{name} at strength {strength:g}: {outcome.patched} of {outcome.expected} modules patched."]
    complaint = outcome.complaint(header)
    if complaint:
        lines.append(f"⚠ {complaint}")
    if outcome.left_out:
        instead = ": connect a CLIP to use them" if takes_clip else ", and are skipped"
        lines.append(f"{outcome.left_out} more are for the text encoder{instead}.")
    facts = header.sdpo
    if facts is None:
        lines.append("Not made by SDPO Studio, so its base model is unknown.")
        return "\n".join(lines)
    base, pairs, step = facts.get("base_name"), facts.get("pairs"), facts.get("step")
    if base:
        lines.append(f"Trained on {base}.")
    if pairs and step:
        lines.append(f"Learned from {pairs} pairs in {step} steps.")
    return "\n".join(lines)


def _title(family: str) -> str:
    return str(_ALL.get(family, {}).get("title", family))
