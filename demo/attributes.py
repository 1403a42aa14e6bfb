"""A small classifier that names what a picture shows, and the measure of prompt following based on it."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from demo.scenes import LANDS, SEASONS, TIMES, TREES, Scene, claims
from demo.vae import as_images

ATTRIBUTES: dict[str, tuple[str | bool, ...]] = {
    "land": LANDS,
    "time": TIMES,
    "season": SEASONS,
    "trees": TREES,
    "tree_kind": ("pine", "round"),
    **dict.fromkeys(("orb", "clouds", "stars", "house", "boat"), (False, True)),
}
WIDTHS = (16, 32, 48, 64)
UNDEFINED = -100  # what cross_entropy leaves out
SEEN_PX = 64  # pictures are scaled to this side first: they are still clear, and it takes a quarter of the time


def labels_of(scene: Scene) -> list[int]:
    """The index of each attribute's value, in the order of `ATTRIBUTES`; `UNDEFINED` where there is none."""
    labels = {name: values.index(getattr(scene, name)) for name, values in ATTRIBUTES.items() if name != "tree_kind"}
    has_kind = scene.trees != "none" and scene.tree_kind != "cactus"
    labels["tree_kind"] = ATTRIBUTES["tree_kind"].index(scene.tree_kind) if has_kind else UNDEFINED
    if scene.land == "desert":
        labels["season"] = UNDEFINED
    return [labels[name] for name in ATTRIBUTES]


class Judge(nn.Module):
    """Four strided convolutions and one linear layer: 73 k parameters."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in zip((3, *WIDTHS), WIDTHS, strict=False):
            layers += [nn.Conv2d(before, width, 3, stride=2, padding=1), nn.GroupNorm(8, width), nn.SiLU()]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.sizes = [len(values) for values in ATTRIBUTES.values()]
        self.head = nn.Linear(WIDTHS[-1] * 16, sum(self.sizes))

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """(B, 3, H, W) in [-1, 1] -> the logits of each attribute, (B, number of values) each."""
        return self.head(self.look(images)).split(self.sizes, dim=1)

    def look(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> (B, 1024) features, from which `head` makes the logits."""
        return self.features(F.adaptive_avg_pool2d(images, SEEN_PX))

    @torch.no_grad()
    def name(self, pixels: Tensor) -> list[dict[str, str | bool]]:
        """What each of (B, H, W, 3) uint8 pictures shows."""
        best = [logits.argmax(1).tolist() for logits in self(as_images(pixels))]
        return [
            {name: values[column[i]] for (name, values), column in zip(ATTRIBUTES.items(), best, strict=True)}
            for i in range(len(pixels))
        ]

    def save(self, file: Path) -> None:
        """Half precision: 150 kB."""
        save_file({name: tensor.half().contiguous() for name, tensor in self.state_dict().items()}, file)

    @classmethod
    def load(cls, file: Path) -> "Judge":
        judge = cls()
        judge.load_state_dict({name: tensor.float() for name, tensor in load_file(file).items()})
        return judge.eval()


class JudgeObjective(nn.Module):
    """The cross entropy of all attributes together."""

    def __init__(self, judge: Judge) -> None:
        super().__init__()
        self.judge = judge

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """images (B, 3, H, W), labels (B, number of attributes) -> scalar."""
        losses = [
            F.cross_entropy(logits.float(), labels[:, i], ignore_index=UNDEFINED, reduction="sum")
            for i, logits in enumerate(self.judge(images))
        ]
        return torch.stack(losses).sum() / len(images)


def soften(images: Tensor, generator: torch.Generator) -> Tensor:
    """Images blurred at random and made noisy, like generated ones. (B, 3, H, W)."""
    blurred = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    share = torch.rand((len(images), 1, 1, 1), generator=generator)
    noise = 0.05 * torch.randn(images.shape, generator=generator)
    return images + share * (blurred - images) + noise


@dataclass(frozen=True)
class Following:
    """How often the pictures show one attribute that their prompts claim."""

    claimed: int
    followed: int
    by_chance: float
    """Share of the same claims that other prompts' pictures happen to fulfil."""


def fulfils(seen: dict[str, str | bool], name: str, claim: str | bool) -> bool:
    """Whether what is seen in a picture agrees with one claim of a prompt."""
    if name == "trees" and claim is True:  # "trees": any number
        return seen["trees"] != "none"
    return seen[name] == claim


def following(judge: Judge, prompts: list[str], pixels: Tensor) -> dict[str, Following]:
    """Per attribute, over (N, H, W, 3) uint8 pictures that were made for N prompts."""
    seen = judge.name(pixels)
    result = {}
    for name in ATTRIBUTES:
        stated = [(i, claims(prompt)[name]) for i, prompt in enumerate(prompts) if name in claims(prompt)]
        if not stated:
            continue
        followed = sum(fulfils(seen[i], name, claim) for i, claim in stated)
        anyhow = [sum(fulfils(other, name, claim) for other in seen) / len(seen) for _, claim in stated]
        result[name] = Following(len(stated), followed, sum(anyhow) / len(stated))
    return result
