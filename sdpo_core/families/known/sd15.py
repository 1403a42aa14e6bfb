"""Stable Diffusion 1.x."""

from sdpo_core.families.family import Family, TrainingDefaults
from sdpo_core.families.stable_diffusion import (
    LORA_TARGETS,
    MODEL,
    TEXT_ENCODER,
    UNET,
    UNET_PREFIX,
    VAE,
    VAE_PREFIX,
)

FAMILY = Family(
    name="sd15",
    title="Stable Diffusion 1.x",
    short_title="Stable Diffusion 1.5",
    network=UNET,
    vae=VAE,
    text_encoders=(TEXT_ENCODER,),
    prefixes={"unet": UNET_PREFIX, "vae": VAE_PREFIX, "text_encoder": "cond_stage_model.transformer."},
    pipeline="StableDiffusionPipeline",
    text_width=768,
    predicts="epsilon",
    clip_skip=1,
    final_norm=True,
    takes_pooled_and_size=False,
    size_px=512,
    guidance=7.0,
    # From the literature, untuned.
    training=TrainingDefaults(
        beta=2000.0, rank=16, lora_alpha=16.0, learning_rate=1e-4, pairs_per_step=4, pairs_per_micro_step=1
    ),
    lora_targets=LORA_TARGETS,
    kohya={"epsilon": "sd_v1", "v_prediction": "sd_v1"},
    modelspec={"epsilon": "stable-diffusion-v1/lora", "v_prediction": "stable-diffusion-v1/lora"},
    comfyui_classes=("SD15",),
    kohya_start="sd_v1",
    model=MODEL,
    narrowest_query=320,
)
