"""A small network that detects whether a landscape has a sun or a moon, trained on drawn scenes and cached.

A hand-made disc detector is too weak for a taste about objects; a test checks this network's accuracy.
"""

import hashlib
import inspect
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import demo.scenes
from demo.scenes import draw, sample_scene
from sdpo_core.atomic import replacing

SIZE_PX = 64  # the side of the network's input, whatever the image's own
SCENES = 4_000
STEPS = 300
BATCH = 64
LEARNING_RATE = 2e-3
CACHE = Path(__file__).resolve().parent / ".cache"


class SunDetector(nn.Module):
    """Four convolutions; the answer is the largest of the 16x16 local logits, because a sun is small."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(32, 48, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(48, 1, 3, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, 64, 64) in [-1, 1] -> logits (B,); above 0 means there is a sun or moon."""
        return self.layers(images).amax(dim=(1, 2, 3))


def shrink(image: Image.Image) -> np.ndarray:
    """The image as the network's input, (64, 64, 3) uint8: each pixel the mean of those it covers."""
    return np.asarray(image.convert("RGB").resize((SIZE_PX, SIZE_PX), Image.Resampling.BOX))


def to_tensor(images: np.ndarray) -> Tensor:
    """(B, 64, 64, 3) uint8 -> (B, 3, 64, 64) float32 in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div(127.5).sub(1)


def draw_examples(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` drawn scenes, shrunk to (N, 64, 64, 3) uint8, and whether each has a sun or moon, (N,) bool."""
    rng = np.random.default_rng(seed)
    scenes = [sample_scene(rng) for _ in range(count)]
    pixels = np.stack([shrink(Image.fromarray(draw(scene))) for scene in scenes])
    return pixels, np.array([scene.orb for scene in scenes])


def train_detector(*, scenes: int = SCENES, steps: int = STEPS, seed: int = 0) -> SunDetector:
    """Train from scratch, on one thread; the same arguments give the same detector on one machine."""
    pixels, present = draw_examples(scenes, seed)
    images, labels = to_tensor(pixels), torch.from_numpy(present).float()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)
        detector = SunDetector()
        optimizer = torch.optim.AdamW(detector.parameters(), lr=LEARNING_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            chosen = torch.randint(len(images), (BATCH,))
            logits = detector(images[chosen])
            loss = nn.functional.binary_cross_entropy_with_logits(logits, labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return detector.eval().requires_grad_(False)


def sun_detector(cache: Path = CACHE) -> SunDetector:
    """The detector from the cache, or a newly trained one. A change of this file or of the scenes retrains it."""
    path = cache / f"sun-detector-{_recipe_hash()}.safetensors"
    if not path.is_file():
        detector = train_detector()
        with replacing(path) as temporary:
            save_file(detector.state_dict(), temporary)
        return detector
    detector = SunDetector()
    detector.load_state_dict(load_file(path))
    return detector.eval().requires_grad_(False)


def _recipe_hash() -> str:
    folder = Path(inspect.getfile(demo.scenes)).parent
    sources = [Path(__file__), *sorted(folder.glob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
