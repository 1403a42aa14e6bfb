"""The forward process: what is noised, and what the network should answer."""

from typing import Literal

from torch import Tensor

Prediction = Literal["epsilon", "v_prediction"]


def add_noise(x0: Tensor, noise: Tensor, alphas_cumprod: Tensor) -> Tensor:
    """x_t = √ᾱ_t·x_0 + √(1−ᾱ_t)·ε, (B, C, H, W); `alphas_cumprod` is ᾱ at each item's timestep, (B,)."""
    signal, spread = _coefficients(alphas_cumprod, x0)
    return signal * x0 + spread * noise


def target(x0: Tensor, noise: Tensor, alphas_cumprod: Tensor, prediction: Prediction) -> Tensor:
    """The regression target: ε, or v = √ᾱ_t·ε − √(1−ᾱ_t)·x_0 (Salimans & Ho 2022), (B, C, H, W)."""
    if prediction == "epsilon":
        return noise
    signal, spread = _coefficients(alphas_cumprod, x0)
    return signal * noise - spread * x0


def _coefficients(alphas_cumprod: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    abar = alphas_cumprod.to(like.dtype).view(-1, *[1] * (like.dim() - 1))  # (B, 1, 1, 1)
    return abar.sqrt(), (1 - abar).sqrt()
