"""The denoiser and its text encoder, and the objective that trains the two together."""

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from demo.vae import CHANNELS

WIDTH = 128  # of the text encoder, and so of the cross-attention
SNR_LIMIT = 5.0
NOISIER = 0.75  # 1 would be uniform timesteps
EMBEDDING_GAIN = 5.0  # CLIP's initial embeddings are tiny: made for a run a thousand times longer


def build_unet() -> UNet2DConditionModel:
    """3.1 M parameters; attention at 12x12, and at 6x6 in the middle."""
    return UNet2DConditionModel(
        sample_size=24,
        in_channels=CHANNELS,
        out_channels=CHANNELS,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(32, 64, 128),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,  # the number of heads: diffusers keeps the name for old checkpoints
        norm_num_groups=8,
    )


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """0.37 M parameters, two layers."""
    config = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    encoder = CLIPTextModel(config)
    embeddings = [module for module in encoder.modules() if isinstance(module, nn.Embedding)]
    with torch.no_grad():
        for embedding in embeddings:
            embedding.weight *= EMBEDDING_GAIN
    return encoder


def build_scheduler() -> DDIMScheduler:
    """Noise schedule of training and sampling.

    Clipping the predicted clean latents keeps the first steps sane: at t = 999 the prediction is divided by 0.006.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=1e-4,
        beta_end=0.02,
        beta_schedule="linear",
        prediction_type="epsilon",
        clip_sample=True,
        clip_sample_range=2.5,
        timestep_spacing="trailing",
        steps_offset=1,  # unused by trailing spacing; the pipeline warns about anything else
    )


class DenoisingObjective(nn.Module):
    """The mean squared error of the predicted noise, with less weight on the nearly clean timesteps.

    The weight min(SNR, 5) / SNR is that of Hang et al. 2023, "Efficient Diffusion Training via Min-SNR Weighting
    Strategy", section 3.4: without it the least informative timesteps have the largest gradients.
    """

    alphas: Tensor

    def __init__(self, unet: UNet2DConditionModel, text_encoder: CLIPTextModel) -> None:
        super().__init__()
        self.unet, self.text_encoder = unet, text_encoder
        self.register_buffer("alphas", build_scheduler().alphas_cumprod, persistent=False)

    def forward(self, latents: Tensor, tokens: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """The weighted error of each image, (B,); inputs as in `errors`."""
        alpha = self.alphas[timesteps]
        snr = alpha / (1 - alpha)
        return snr.clamp(max=SNR_LIMIT) / snr * self.errors(latents, tokens, noise, timesteps)

    def errors(self, latents: Tensor, tokens: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """latents and noise (B, 4, 24, 24), tokens (B, 24), timesteps (B,) -> plain error of each image, (B,)."""
        alpha = self.alphas[timesteps].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        context = self.text_encoder(tokens).last_hidden_state  # (B, 24, 128)
        predicted = self.unet(noisy, timesteps, context, return_dict=False)[0]
        return F.mse_loss(predicted.float(), noise, reduction="none").mean((1, 2, 3))


def spread_timesteps(batch: int, generator: torch.Generator) -> Tensor:
    """Timesteps, one from each of `batch` equal shares, so that no batch is all noise or all detail. (B,).

    The noisier ones occur somewhat more often: the larger an image, the more noise its layout survives, and the
    noisier the timesteps that decide it (Hoogeboom et al. 2023, "simple diffusion", section 3.1).
    """
    shares = (torch.arange(batch) + torch.rand(batch, generator=generator)) / batch
    return (1000 * shares**NOISIER).long()
