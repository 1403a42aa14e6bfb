"""Models with real shapes and random weights, from the settings in assets/configs: only for speed and memory."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sdpo_core.checkpoints.model_info import ModelInfo, configs_folder
from sdpo_core.families.family import FamilyName
from sdpo_core.families.table import FAMILIES
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.loading import Module
from sdpo_core.models.single_file import SingleFileParts, empty_part


class RandomParts(SingleFileParts):
    """Parts whose weights are random instead of read; tokenizer and settings are those of a single file."""

    def __init__(self, info: ModelInfo, device: torch.device) -> None:
        super().__init__(info)
        self._generator = torch.Generator(device).manual_seed(0)

    def module(self, part: Module, dtype: torch.dtype) -> Any:
        """Build `part` on the device, where random numbers are fast."""
        module = empty_part(part, self.settings_path(part))
        state = {name: self._draw(name, tensor.shape, dtype) for name, tensor in module.state_dict().items()}
        module.load_state_dict(state, assign=True)
        return module.requires_grad_(False).eval()

    def _draw(self, name: str, shape: torch.Size, dtype: torch.dtype) -> Tensor:
        """Matrices and kernels that keep a signal's size, and norms that do nothing."""
        device = self._generator.device
        if len(shape) < 2:
            return torch.full(shape, float(name.endswith("weight")), dtype=dtype, device=device)
        drawn = torch.randn(shape, generator=self._generator, dtype=dtype, device=device)
        return drawn.mul_(shape[1:].numel() ** -0.5)


def random_model(
    family: FamilyName, *, device: torch.device, dtype: torch.dtype, size_px: int, configs: Path | None = None
) -> DiffusionModel:
    """A model of `family` that predicts ε; its settings come from `configs`, by default our own."""
    folder = configs or configs_folder(family)
    info = ModelInfo(
        source="random",
        path=folder,
        configs=folder,
        family=family,
        name=f"{family} with random weights",
        sha256="0" * 64,
        native_size_px=size_px,
        default_guidance=7.0,
        is_demo=False,
        comfyui=False,
        prediction_type="epsilon",
        zero_terminal_snr=False,
    )
    return FAMILIES[family].load(info, device=device, dtype=dtype, parts=RandomParts(info, device))
