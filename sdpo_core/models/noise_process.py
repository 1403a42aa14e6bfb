"""The noise process as a value: how an image is noised, and what the network should answer, at each of T timesteps.

Every process of today's models is linear in the image x_0 and the noise ε, so four tables describe it:

    x_t = a_t·x_0 + b_t·ε          target_t = c_t·ε + d_t·x_0

A timestep is an index into the tables (int64), even where the network wants a continuous noise level: it looks that up.
The timesteps of training are uniform over the T entries. A process that needs some noise levels more often than others
therefore has more entries there: a table of a density's quantiles.
"""

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from sdpo_core.families.family import Predicts


@dataclass(frozen=True)
class NoiseProcess:
    """Tables over T timesteps, (T,) each, of one dtype and on one device."""

    signal: Tensor  # a: the share of x_0 in x_t
    spread: Tensor  # b: the share of ε in x_t
    noise_in_target: Tensor  # c
    image_in_target: Tensor  # d

    def __len__(self) -> int:
        """T."""
        return len(self.signal)

    def to(self, device: torch.device) -> Self:
        """The same on `device`."""
        return type(self)(*(table.to(device) for table in self._tables()))

    def add_noise(self, x0: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """x_t = a_t·x_0 + b_t·ε, (B, C, H, W), at `timesteps`, (B,) int64."""
        return _at(self.signal, timesteps, x0) * x0 + _at(self.spread, timesteps, x0) * noise

    def target(self, x0: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the network should answer to x_t: c_t·ε + d_t·x_0, (B, C, H, W), at `timesteps`, (B,) int64."""
        return _at(self.noise_in_target, timesteps, x0) * noise + _at(self.image_in_target, timesteps, x0) * x0

    def _tables(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.signal, self.spread, self.noise_in_target, self.image_in_target


def ddpm(alphas_cumprod: Tensor, prediction: Predicts) -> NoiseProcess:
    """a = √ᾱ, b = √(1−ᾱ) of the schedule ᾱ, (T,) (Ho et al. 2020, arXiv 2006.11239, eq. 4).

    The target is ε, or v = √ᾱ·ε − √(1−ᾱ)·x_0 (Salimans & Ho 2022, arXiv 2202.00512). With zero terminal SNR ᾱ_T = 0.
    """
    signal, spread = alphas_cumprod.sqrt(), (1 - alphas_cumprod).sqrt()
    if prediction == "epsilon":
        return NoiseProcess(signal, spread, torch.ones_like(signal), torch.zeros_like(signal))
    return NoiseProcess(signal, spread, signal, -spread)


def flow_matching(levels: Tensor) -> NoiseProcess:
    """A straight line from the image to the noise: a = 1−s, b = s, and the target is its direction, v = ε − x_0.

    `levels` are the noise levels s in (0, 1), (T,): `uniform_levels`, `logit_normal_levels`, `shifted` or any other
    table of quantiles. Rectified flow (Liu et al. 2022, arXiv 2209.03003; Lipman et al. 2022, arXiv 2210.02747).
    """
    return NoiseProcess(1 - levels, levels, torch.ones_like(levels), -torch.ones_like(levels))


def uniform_levels(count: int) -> Tensor:
    """Noise levels of equal density: the quantiles (k+½)/T of the uniform distribution, (T,) float32."""
    return _shares(count).float()


def logit_normal_levels(count: int, mean: float = 0.0, deviation: float = 1.0) -> Tensor:
    """s = σ(m + d·Φ⁻¹((k+½)/T)), (T,) float32: levels with a normal logit (Esser et al. 2024, arXiv 2403.03206)."""
    return (mean + deviation * torch.special.ndtri(_shares(count))).sigmoid().float()


def shifted(levels: Tensor, shift: float) -> Tensor:
    """k·s / (1 + (k−1)·s), (T,): levels for more pixels, which hide less of an image (arXiv 2403.03206, eq. 23).

    `shift` k is √(m/n) for m pixels in place of n; 1 changes nothing. The order stays the same, so the result is the
    table of quantiles of the shifted density.
    """
    return shift * levels / (1 + (shift - 1) * levels)


def _shares(count: int) -> Tensor:
    """(k+½)/T: the middle of each of T equal shares, (T,) float64."""
    return (torch.arange(count, dtype=torch.float64) + 0.5) / count


def _at(table: Tensor, timesteps: Tensor, like: Tensor) -> Tensor:
    return table[timesteps].to(like.dtype).view(-1, *[1] * (like.dim() - 1))  # (B, 1, 1, 1)
