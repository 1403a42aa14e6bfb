"""Stable Diffusion 2.x: the parts of 1.x at other sizes, with another text encoder.

Its diffusers files hold the text encoder without its last layer, so that the hidden state that it was trained on is the
last one there too.
"""

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
    name="sd20",
    title="Stable Diffusion 2.x",
    short_title="Stable Diffusion 2",
    network=UNET,
    vae=VAE,
    text_encoders=(TEXT_ENCODER,),
    prefixes={"unet": UNET_PREFIX, "vae": VAE_PREFIX, "text_encoder": "cond_stage_model.model."},
    pipeline="StableDiffusionPipeline",
    text_width=1024,
    predicts=None,
    clip_skip=1,
    final_norm=True,
    takes_pooled_and_size=False,
    size_px=768,
    guidance=7.0,
    # From the literature, untuned.
    training=TrainingDefaults(
        beta=2000.0, rank=16, lora_alpha=16.0, learning_rate=1e-4, pairs_per_step=4, pairs_per_micro_step=1
    ),
    lora_targets=LORA_TARGETS,
    kohya={"epsilon": "sd_v2", "v_prediction": "sd_v2_v"},
    modelspec={
        "epsilon": "stable-diffusion-v2-512/lora",
        "v_prediction": "stable-diffusion-v2-768-v/lora",
    },
    comfyui_classes=("SD20",),
    kohya_start="sd_v2",
    model=MODEL,
    kohya_v2=True,
    epsilon_size_px=512,
)
