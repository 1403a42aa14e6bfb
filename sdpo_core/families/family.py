"""A family of models as one value: everything that sets it apart from the others. No torch."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from sdpo_core.methods.named import named

FamilyName = str
"""What a family is called in recipes, adapters and settings; it never changes."""
Predicts = Literal["epsilon", "v_prediction"]


class TrainingDefaults(TypedDict):
    """The training settings whose right value depends on the model."""

    beta: float
    rank: int
    lora_alpha: float
    learning_rate: float
    pairs_per_step: int
    pairs_per_micro_step: int | None


@dataclass(frozen=True, eq=False)
class Part:
    """A network of a model: the one that is trained, its autoencoder or a text encoder. Families may share one."""

    name: str  # its folder in diffusers' format
    role: Literal["network", "vae", "text"]
    weights: str  # the file name of its weights in that folder, without the ending
    number: int = 1  # which of its model's text encoders
    tokenizer: str = ""  # a text encoder's: its folder in diffusers' format
    kohya: tuple[str, ...] = ()  # what the names of its layers begin with in kohya's LoRA files; the first is written
    comfyui: str = ""  # the same in ComfyUI's own
    original_names: Callable[[Iterable[str]], dict[str, str]] | None = (
        None  # of the network's layers, by diffusers' own
    )

    @property
    def config(self) -> str:
        """The file of its settings in diffusers' format."""
        return f"{self.name}/config.json"


@dataclass(frozen=True)
class Family:
    """A family of models. What it names in `model` is imported when a model is loaded."""

    name: FamilyName
    title: str
    short_title: str
    # How its models are recognised, and the parts that they have.
    network: Part
    vae: Part
    text_encoders: tuple[Part, ...]
    prefixes: Mapping[str, str]  # by part: what the names of its tensors begin with in a single file
    pipeline: str  # the class that model_index.json names in a folder in diffusers format
    text_width: int  # D of the network's text input; it tells families of one pipeline apart
    predicts: Predicts | None  # where a file says nothing; None: a person has to
    # What its network gets, and how its models are used by default.
    clip_skip: int  # which hidden state of the text encoders, counted from the last (1)
    final_norm: bool  # that state goes through the text encoder's final norm
    takes_pooled_and_size: bool  # the prompt as one vector, and the image's size and crop (arXiv 2307.01952)
    size_px: int  # side of the images it was made for
    guidance: float
    training: TrainingDefaults
    lora_targets: Mapping[str, tuple[str, ...]]  # by the setting `targets`: ends of the names of the layers
    # What other tools call it.
    kohya: Mapping[Predicts, str]  # ss_base_model_version, by what the model predicts
    modelspec: Mapping[Predicts, str]  # modelspec.architecture of a LoRA
    comfyui_classes: tuple[str, ...]  # in comfy/supported_models.py
    kohya_start: str  # what all of kohya's versions begin with
    model: str  # `module:class`, made from (family, info, device=, dtype=, parts=)
    kohya_v2: bool = False  # ss_v2
    epsilon_size_px: int | None = None  # the side, where those that predict ε were made for another
    narrowest_query: int | None = None  # of its models in ComfyUI; a LoRA with a narrower one is for the demo model
    originals_in_diffusers: bool = False  # diffusers reads LoRA files with the original code's block names

    @property
    def parts(self) -> tuple[Part, ...]:
        """All of them, the network first."""
        return (self.network, self.vae, *self.text_encoders)

    @property
    def text_prefixes(self) -> dict[str, str]:
        """What the names of each text encoder's tensors begin with in a single file."""
        return {part.name: self.prefixes[part.name] for part in self.text_encoders}

    def part(self, name: str) -> Part:
        """The part of this name; raises KeyError."""
        return {part.name: part for part in self.parts}[name]

    def side_px(self, predicts: str) -> int:
        """The side of the images that its models were made for."""
        return self.epsilon_size_px if predicts == "epsilon" and self.epsilon_size_px else self.size_px

    def load(self, info: Any, **how: Any) -> Any:
        """The `sdpo_core.models.family.DiffusionModel` that `info` describes, on a device; raises `ModelError`."""
        return named(self.model)(self, info, **how)
