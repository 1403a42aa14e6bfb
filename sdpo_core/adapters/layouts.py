"""The layouts in which tools write LoRA files: which tensors belong together, and which layer they change. No torch.

kohya                 lora_unet_<path, dots as underscores>.lora_down.weight   .lora_up.weight   .alpha
kohya, original       the same with the block names of the original code: lora_unet_input_blocks_1_1_…
diffusers             unet.<path>.lora_A.weight   .lora_B.weight      (PEFT's names after the part's)
diffusers, old        unet.<path>.lora.down.weight   or   unet.<path>.processor.to_q_lora.down.weight
PEFT                  base_model.model.<path>.lora_A.weight           (adapter_model.safetensors)
ComfyUI               diffusion_model.<original path>.lora_A.weight   or .lora_down.weight
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from sdpo_core.adapters.targets import Shape, Target, original_names

Layout = Literal["kohya", "kohya, original", "diffusers", "diffusers, old", "PEFT", "ComfyUI"]

_HALVES = (
    (re.compile(r"\.lora_down\.weight$"), ".lora_up.weight"),
    (re.compile(r"\.lora_A\.weight$"), ".lora_B.weight"),
    (re.compile(r"\.lora_A\.(?P<name>\w+)\.weight$"), ".lora_B.{name}.weight"),
    (re.compile(r"\.lora\.down\.weight$"), ".lora.up.weight"),
    (re.compile(r"_lora\.down\.weight$"), "_lora.up.weight"),
    (re.compile(r"\.lora_linear_layer\.down\.weight$"), ".lora_linear_layer.up.weight"),
)
_LONE_UP = re.compile(r"(\.lora_up|\.lora_B(\.\w+)?|[._]lora\.up|\.lora_linear_layer\.up)\.weight$")
_OLD = ("lora.down.weight", "lora_linear_layer.down.weight")
_FOREIGN = (
    (re.compile(r"dora_scale|lora_magnitude_vector"), "DoRA"),
    (re.compile(r"\.hada_w"), "LoHa"),
    (re.compile(r"\.lokr_w"), "LoKr"),
    (re.compile(r"\.lora_mid\."), "a LoRA with a third factor (Tucker)"),
    (re.compile(r"\.(diff|diff_b|w_norm|b_norm|set_weight)$"), "changes of whole weights"),
    (re.compile(r"oft_|\.boft"), "OFT"),
)


@dataclass(frozen=True)
class FileModule:
    """One layer that a file changes."""

    stem: str  # its name in the file
    down: str  # names of the tensors
    up: str
    alpha: str | None  # None: there is no such tensor
    target: Target | None  # None: no layer of this name is known
    layout: Layout | None


@dataclass(frozen=True)
class Contents:
    """What a LoRA file holds."""

    modules: tuple[FileModule, ...]
    halves: tuple[str, ...] = ()  # names of layers that lack one half
    foreign: dict[str, str] = field(default_factory=dict[str, str])  # kinds that aren't plain LoRA: a tensor of each
    unknown: tuple[str, ...] = ()  # other tensors

    @property
    def layout(self) -> str:
        """The layout of most of its layers."""
        known = Counter(module.layout for module in self.modules if module.layout)
        return known.most_common(1)[0][0] if known else "unknown"


def read_contents(names: Iterable[str], targets: Mapping[Target, Shape]) -> Contents:
    """Sort a file's tensors by name, and find the layers of `targets` that they belong to."""
    there, known = set(names), stems(targets)
    modules, halves, used = list[FileModule](), list[str](), set[str]()
    for name in sorted(there):
        match, up_suffix = _half(name)
        if match is None:
            continue
        stem = name[: match.start()]
        up = stem + up_suffix.format(**match.groupdict())
        used.add(name)
        if up not in there:
            halves.append(stem)
            continue
        alpha = f"{stem}.alpha" if f"{stem}.alpha" in there else None
        used.update({up, alpha or up})
        # In diffusers' oldest names the layer's own name runs into the suffix: processor.to_q_lora.down.weight.
        target, layout = known.get(stem, (None, None))
        if layout == "diffusers" and name.endswith(_OLD):
            layout = "diffusers, old"
        modules.append(FileModule(stem, name, up, alpha, target, layout))
    foreign, unknown = dict[str, str](), list[str]()
    for name in sorted(there - used):
        kind = next((kind for pattern, kind in _FOREIGN if pattern.search(name)), None)
        if kind:
            foreign.setdefault(kind, name)
        elif _LONE_UP.search(name):
            halves.append(name)
        else:
            unknown.append(name)
    return Contents(tuple(modules), tuple(halves), foreign, tuple(unknown))


def _half(name: str) -> tuple[re.Match[str] | None, str]:
    for pattern, up in _HALVES:
        match = pattern.search(name)
        if match:
            return match, up
    return None, ""


def stems(targets: Mapping[Target, Shape]) -> dict[str, tuple[Target, Layout]]:
    """Every name that a tool may use for a layer, with the layer and the tool's layout."""
    originals = original_names(targets)
    known: dict[str, tuple[Target, Layout]] = {}
    for target in targets:
        for layout, names in names_of(target, originals).items():
            for name in names:
                known.setdefault(name, (target, layout))
    return known


def names_of(target: Target, originals: Mapping[str, str]) -> dict[Layout, tuple[str, ...]]:
    """The names of a layer, by layout; the first of each is the one to write."""
    part, path, flat = target.part, target.path, target.path.replace(".", "_")
    kohya = tuple(f"{start}{flat}" for start in part.kohya)
    if part.role == "network":
        original = originals.get(path, path)
        processor = re.sub(r"\.to_out\.0$", ".to_out", path.replace(".to_", ".processor.to_"))
        return {
            "kohya": kohya,
            "kohya, original": (part.kohya[0] + original.replace(".", "_"),),
            "diffusers": (f"{part.name}.{path}", f"{part.name}.{processor}", path, processor),
            "PEFT": (f"base_model.model.{path}", f"{part.name}.base_model.model.{path}"),
            "ComfyUI": (f"{part.comfyui}{original}",),
        }
    bare = path.removeprefix("text_model.")  # transformers 5 omits this prefix
    raw = (f"{part.name}.base_model.model.{path}", f"{part.name}.base_model.model.{bare}")
    return {
        "kohya": kohya,
        "diffusers": (f"{part.name}.{path}", f"{part.name}.{bare}"),
        "PEFT": raw if part.number > 1 else (*raw, f"base_model.model.{path}", f"base_model.model.{bare}"),
        "ComfyUI": (f"{part.comfyui}{path}",),
    }
