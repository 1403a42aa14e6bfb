"""The autoencoder: 96x96 pixels <-> 4x24x24 latents of unit variance."""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor, nn

KL_WEIGHT = 2e-4
CHANNELS = 4  # of the latents
SCALE_PX = 4  # pixels per latent, along each side


def build_vae() -> AutoencoderKL:
    """0.65 M parameters; no attention, because at 24x24 convolutions see the whole picture."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        latent_channels=CHANNELS,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        block_out_channels=(16, 32, 64),
        layers_per_block=1,
        norm_num_groups=8,
        sample_size=96,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


class VaeObjective(nn.Module):
    """Absolute and squared error, the same on edges so that they stay sharp, and a light pull to a unit Gaussian."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, images: Tensor, noise: Tensor) -> Tensor:
        """images (B, 3, 4 h, 4 w) in [-1, 1], noise (B, 4, h, w) -> scalar."""
        moments = self.vae.quant_conv(self.vae.encoder(images))
        mean, log_variance = moments.float().chunk(2, dim=1)  # (B, 4, h, w) each
        log_variance = log_variance.clamp(-30, 20)
        latents = mean + torch.exp(0.5 * log_variance) * noise
        decoded = self.vae.decoder(self.vae.post_quant_conv(latents)).float()
        kl = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean()
        return reconstruction_loss(decoded, images) + KL_WEIGHT * kl


class DecoderObjective(nn.Module):
    """Sharpens the decoder on fixed latents: anything trained on those latents stays valid."""

    def __init__(self, vae: AutoencoderKL) -> None:
        super().__init__()
        self.decoder, self.post_quant_conv = vae.decoder, vae.post_quant_conv

    def forward(self, latents: Tensor, images: Tensor) -> Tensor:
        """latents (B, 4, 24, 24), images (B, 3, 96, 96) in [-1, 1] -> scalar."""
        return reconstruction_loss(self.decoder(self.post_quant_conv(latents)).float(), images)


def reconstruction_loss(decoded: Tensor, images: Tensor) -> Tensor:
    """L1 + MSE/2 + L1/2 of the differences between neighbouring pixels. (B, 3, H, W) each -> scalar."""
    across = F.l1_loss(decoded.diff(dim=-1), images.diff(dim=-1))
    down = F.l1_loss(decoded.diff(dim=-2), images.diff(dim=-2))
    return F.l1_loss(decoded, images) + 0.5 * F.mse_loss(decoded, images) + 0.5 * (across + down)


def as_images(pixels: Tensor) -> Tensor:
    """(B, H, W, 3) uint8 -> (B, 3, H, W) float in [-1, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def psnr_db(vae: AutoencoderKL, pixels: Tensor, batch: int = 64) -> float:
    """Peak signal-to-noise ratio of encode (mean) and decode, over (N, 96, 96, 3) uint8 pictures."""
    squared = 0.0
    for part in pixels.split(batch):
        images = as_images(part).to(vae.device)
        decoded = vae.decode(vae.encode(images).latent_dist.mean).sample.clamp(-1, 1)
        squared += F.mse_loss(decoded, images, reduction="sum").item()
    return float(10 * torch.log10(torch.tensor(4.0 * pixels.numel() / squared)))


@torch.no_grad()
def encode_all(vae: AutoencoderKL, pixels: Tensor, batch: int = 64) -> Tensor:
    """Mean latents of (N, 96, 96, 3) uint8 pictures: (N, 4, 24, 24) float32 on the CPU."""
    device = vae.device
    parts = []
    for part in pixels.split(batch):
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            parts.append(vae.encode(as_images(part).to(device)).latent_dist.mean.float().cpu())
    return torch.cat(parts)


@torch.no_grad()
def normalise_latents(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Folds the latents' mean and spread per channel into the VAE's 1x1 convolutions; returns unit latents.

    So the stock pipeline needs neither a scaling factor nor a shift.
    """
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))  # (4,)
    quant, post = vae.quant_conv, vae.post_quant_conv
    device_mean, device_std = mean.to(vae.device), std.to(vae.device)
    # decode first: post(z * std + mean) = (W std) z + (b + W mean)
    post.bias += (post.weight[:, :, 0, 0] * device_mean).sum(1)
    post.weight *= device_std.view(1, -1, 1, 1)
    channels = len(mean)
    quant.weight[:channels] /= device_std.view(-1, 1, 1, 1)
    quant.bias[:channels] = (quant.bias[:channels] - device_mean) / device_std
    quant.bias[channels:] -= 2 * device_std.log()
    return (latents - mean.view(1, -1, 1, 1)) / std.view(1, -1, 1, 1)
