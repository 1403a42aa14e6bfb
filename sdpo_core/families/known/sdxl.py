"""Stable Diffusion XL and its descendants (Pony, Illustrious, NoobAI).

Two text encoders, and the network also gets the prompt as one vector and the image's size and crop (arXiv 2307.01952).
"""

from sdpo_core.families.family import Family, TrainingDefaults
from sdpo_core.families.stable_diffusion import (
    LORA_TARGETS,
    MODEL,
    TEXT_ENCODER,
    TEXT_ENCODER_2,
    UNET,
    UNET_PREFIX,
    VAE,
    VAE_PREFIX,
)

FAMILY = Family(
    name="sdxl",
    title="Stable Diffusion XL",
    short_title="SDXL",
    network=UNET,
    vae=VAE,
    text_encoders=(TEXT_ENCODER, TEXT_ENCODER_2),
    prefixes={
        "unet": UNET_PREFIX,
        "vae": VAE_PREFIX,
        "text_encoder": "conditioner.embedders.0.transformer.",
        "text_encoder_2": "conditioner.embedders.1.model.",
    },
    pipeline="StableDiffusionXLPipeline",
    text_width=2048,
    predicts="epsilon",
    clip_skip=2,  # the penultimate hidden state, without the final norm
    final_norm=False,
    takes_pooled_and_size=True,
    size_px=1024,
    guidance=5.0,
    # From the literature, untuned.
    training=TrainingDefaults(
        beta=2000.0, rank=16, lora_alpha=16.0, learning_rate=5e-5, pairs_per_step=4, pairs_per_micro_step=1
    ),
    lora_targets=LORA_TARGETS,
    kohya={"epsilon": "sdxl_base_v1-0", "v_prediction": "sdxl_base_v1-0"},
    modelspec={
        "epsilon": "stable-diffusion-xl-v1-base/lora",
        "v_prediction": "stable-diffusion-xl-v1-base/lora",
    },
    comfyui_classes=("SDXL", "SSD1B"),
    kohya_start="sdxl_",
    model=MODEL,
    originals_in_diffusers=True,
)
