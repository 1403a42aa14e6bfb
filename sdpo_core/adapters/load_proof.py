"""What other tools load of an adapter file, by the rules by which they look up its tensors. No torch, no tool.

The rules were found by running ComfyUI 0.3.64 to 0.19.3 and diffusers 0.42 on random weights, and by reading A1111's
convention: nothing in these tools' own reports says that a layer was skipped.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.adapters.layouts import Contents, FileModule, names_of, read_contents
from sdpo_core.adapters.targets import Shape, Target, family_targets, fits, original_names
from sdpo_core.checkpoints.header import TensorInfo, read_header
from sdpo_core.errors import AdapterError
from sdpo_core.families.family import FamilyName
from sdpo_core.families.table import FAMILIES, titles

_LARGEST_HEADER = 1_000_000  # ComfyUI shows no metadata beyond 1 MB of header


@dataclass(frozen=True)
class ToolProof:
    """What one tool loads of a file."""

    tool: str
    modules: int  # layers that the file changes
    matched: int  # how many of them the tool would change
    reason: str = ""  # why it skips the others

    @property
    def whole(self) -> bool:
        """Whether the tool loads all of it."""
        return 0 < self.modules == self.matched

    def sentence(self) -> str:
        """As text."""
        return f"{self.tool}: {self.matched} of {self.modules} modules." + (f" {self.reason}" if self.reason else "")


@dataclass(frozen=True)
class Proof:
    """What all tools load of a file, in a model of one shape."""

    family: FamilyName
    layout: str
    tools: tuple[ToolProof, ...]
    warnings: tuple[str, ...]

    @property
    def whole(self) -> bool:
        """Whether every tool loads all of it."""
        return all(tool.whole for tool in self.tools)

    def sentence(self) -> str:
        """As text, with one line per tool."""
        head = f"{FAMILIES[self.family].title}, layout {self.layout}."
        return "\n".join([head, *(f"  {tool.sentence()}" for tool in self.tools), *self.warnings])


def prove(path: Path, family: FamilyName | None = None, targets: Mapping[Target, Shape] | None = None) -> Proof:
    """Look up every module of `path` as the tools do.

    `targets` are the layers of the model, or those of its family if not given; without `family` it is what the file
    declares, else the only family that it fits. Raises `AdapterError` for a file that can't be read or isn't a LoRA.
    """
    tensors, _ = read_header(path)
    info = read_adapter_info(path)
    found = family or declared_family(path, info.family) or fitting_family(path, tensors)
    layers = family_targets(found) if targets is None else targets
    contents = read_contents(tensors, layers)
    originals = original_names(layers)
    rules = {"ComfyUI and Forge": _comfyui, "A1111": _a1111, "diffusers": _diffusers(found, contents)}
    total, proofs = len(contents.modules) + len(contents.halves), list[ToolProof]()
    for tool, takes in rules.items():
        reasons = [
            takes(module, originals) if _fits(module, layers, tensors) else "Layers with other names or shapes."
            for module in contents.modules
        ]
        skipped = [reason for reason in dict.fromkeys(reasons) if reason]
        proofs.append(ToolProof(tool, total, reasons.count(""), " ".join(skipped)))
    return Proof(found, contents.layout, tuple(proofs), tuple(_warnings(path, contents)))


def declared_family(path: Path, declared: str | None) -> FamilyName | None:
    """The family that a file declares; raises `AdapterError` for one that the studio doesn't know."""
    if declared is None:
        return None
    if declared in FAMILIES:
        return declared
    raise AdapterError(f"{path.name} says it is for {declared}; the studio supports {titles()}.")


def fitting_family(path: Path, tensors: Mapping[str, TensorInfo]) -> FamilyName:
    """The family whose layers the file's tensors fit best; raises `AdapterError` when none or several do."""
    scores: dict[FamilyName, int] = {}
    for family in FAMILIES:
        targets = family_targets(family)
        scores[family] = sum(_fits(module, targets, tensors) for module in read_contents(tensors, targets).modules)
    best = max(scores.values())
    fitting = [family for family, score in scores.items() if score == best]
    if not best:
        raise AdapterError(
            f"{path.name} doesn't say which model it is for, and none of its layers fit "
            f"{titles()}. Name its base model with --base MODEL."
        )
    if len(fitting) > 1:
        names = " and ".join(FAMILIES[family].title for family in fitting)
        raise AdapterError(f"{path.name} doesn't say which model it is for, and fits {names}. Name one with --family.")
    return fitting[0]


def _fits(module: FileModule, targets: Mapping[Target, Shape], tensors: Mapping[str, TensorInfo]) -> bool:
    target = module.target
    return target is not None and fits(tensors[module.down].shape, tensors[module.up].shape, targets[target])


_Rule = Callable[[FileModule, Mapping[str, str]], str]
"""Why a tool skips a module; empty when it loads it."""


def _comfyui(module: FileModule, originals: Mapping[str, str]) -> str:
    """ComfyUI's key map (comfy/lora.py), which Forge shares."""
    target = module.target
    assert target is not None
    names = names_of(target, originals)
    if target.part.role == "text":
        taken = (*names["kohya"], f"{target.part.name}.{target.path}", *names["ComfyUI"])
        return "" if module.stem in taken else "Text encoder layers need `text_model.` in their names."
    if module.stem in (*names["kohya"], *names["kohya, original"], *names["ComfyUI"]):
        return ""
    if module.layout == "PEFT":
        return "Names with `base_model.` aren't recognised."
    path = target.path
    attention = ".to_" in path
    # Only `attn1.processor.to_q` is in the map; other layers are there under their plain path, with and without the
    # part's name.
    if attention and ".processor.to_" not in module.stem:
        return "Attention layers with diffusers' names are silently skipped."
    return "" if module.stem in names["diffusers"] else "Names that aren't recognised."


def _a1111(module: FileModule, originals: Mapping[str, str]) -> str:
    """A1111 reads kohya's names (according to its convention; not run)."""
    target = module.target
    assert target is not None
    names = names_of(target, originals)
    taken = (*names["kohya"], *names.get("kohya, original", ()))
    known = module.stem in taken and not module.stem.startswith("lycoris_")
    return "" if known else "Only kohya's names are recognised."


def _diffusers(family: FamilyName, contents: Contents) -> _Rule:
    """`load_lora_weights` of diffusers 0.42, as observed."""
    alphas = any(module.alpha for module in contents.modules)

    def takes(module: FileModule, _: Mapping[str, str]) -> str:
        target = module.target
        assert target is not None
        kohya = module.stem.startswith(("lora_unet_", "lora_te"))
        if kohya and target.path.startswith("add_embedding."):
            return "Layers of `add_embedding` are skipped."
        if module.layout == "kohya, original" and not FAMILIES[family].originals_in_diffusers:
            return "The original block names are only understood for SDXL."
        if kohya:
            return ""
        if module.layout == "diffusers" and module.stem.startswith(target.part.name):
            return "Files with these names and `.alpha` are refused." if alphas else ""
        if module.layout == "diffusers, old" and ".to_" not in target.path:
            return ""
        return "Layers with these names are skipped."

    return takes


def _warnings(path: Path, contents: Contents) -> list[str]:
    found = [f"It holds {kind} ({name}), which the studio doesn't read." for kind, name in contents.foreign.items()]
    if contents.halves:
        found.append(f"{len(contents.halves)} layers have only one half, such as {contents.halves[0]}.")
    if contents.unknown:
        found.append(f"{len(contents.unknown)} tensors don't belong to a LoRA layer, such as {contents.unknown[0]}.")
    missing = sum(module.target is None for module in contents.modules)
    if missing:
        name = next(module.stem for module in contents.modules if module.target is None)
        found.append(f"{missing} layers aren't in this model, such as {name}.")
    if contents.modules and not any(module.alpha for module in contents.modules) and contents.layout != "PEFT":
        found.append("It has no alpha, so every tool uses a scale of 1.")
    with path.open("rb") as file:
        if int.from_bytes(file.read(8), "little") > _LARGEST_HEADER:
            found.append("Its header is over 1 MB, so ComfyUI doesn't show its metadata.")
    return found
