"""The model card, generated from measured facts only."""

from typing import Any

from demo.measure import GRID_COLUMNS, GRID_PROMPTS

FRONT = """---
library_name: diffusers
pipeline_tag: text-to-image
tags: [landscapes, tiny, demo]
---

# Little landscapes

A latent diffusion model small enough to ship with a program and to train without a GPU: {size} flat-design landscapes
from a prompt. It was trained from scratch on procedurally drawn scenes by `python -m demo`; nobody else's pictures,
texts or weights went into it. It exists so that preference training can be tried immediately, offline and on any
machine. It knows only these landscapes, and its adapters fit no other model.

![Samples](samples.png)

The prompts, row by row:
"""

GRAMMAR = """
## Prompts

`[green | autumn | snowy | winter] land [by day | at dawn | at sunset | at night] [with this, that and more]`

The land is one of *mountains, hills, a desert, dunes, the sea, an ocean, a lake, a forest*; the rest may be *the sun,
the moon, no sun, no moon, clouds, stars, (few | many) (pine | round) trees, (few | many) cacti, a house, a boat*. What
the prompt doesn't say is left to chance. Unknown words are read letter by letter and mean nothing.

## Use

```python
from diffusers import DDIMScheduler, StableDiffusionPipeline

pipe = StableDiffusionPipeline.from_pretrained("assets/demo", local_files_only=True)
pipe.scheduler = DDIMScheduler.from_pretrained("assets/demo/scheduler")
pipe("a lake at night with a boat and the moon", num_inference_steps=20, guidance_scale=3.0).images[0]
```

The second line matters: the pipeline's constructor switches `clip_sample` off, but this model was trained with it on.
"""


def card(facts: dict[str, Any]) -> str:
    """The text of README.md, from the contents of metrics.json."""
    return "\n".join(
        [
            FRONT.format(size="{0}x{0}".format(facts["size_px"])),
            _grid_prompts(),
            GRAMMAR,
            _following(facts),
            _recipe(facts),
        ]
    )


def _grid_prompts() -> str:
    rows = [GRID_PROMPTS[i : i + GRID_COLUMNS] for i in range(0, len(GRID_PROMPTS), GRID_COLUMNS)]
    return "\n".join(f"{number}. {' · '.join(row)}" for number, row in enumerate(rows, start=1))


def _following(facts: dict[str, Any]) -> str:
    """The table of how often the pictures show what their prompts claim."""
    sampling, total = facts["sampling"], facts["following_all"]
    lines = [
        "## Does it follow the prompt?",
        "",
        f"{sampling['prompts']} random prompts, one picture each ({sampling['steps']} DDIM steps, "
        f"guidance {sampling['guidance']:g}), named by a small classifier trained on drawn scenes. *By chance*: how "
        "often pictures of other prompts fulfil the same claims. *Classifier*: its accuracy on held-out drawn scenes.",
        "",
        "| attribute | claims | followed | by chance | classifier |",
        "|---|---|---|---|---|",
    ]
    for name, row in facts["following"].items():
        shares = (row["followed"] / row["claimed"], row["by_chance"], facts["judge"][name])
        percent = " | ".join(f"{share:.0%}" for share in shares)
        lines.append(f"| {name.replace('_', ' ')} | {row['claimed']} | {percent} |")
    lines.append(f"| **all** | {total['claimed']} | **{total['followed'] / total['claimed']:.0%}** | | |")
    return "\n".join(lines)


def _recipe(facts: dict[str, Any]) -> str:
    vae, decoder, denoiser, sizes = (facts[name] for name in ("vae", "decoder", "denoiser", "parameters"))
    seconds = ", ".join(f"{value:g} s at {steps} steps" for steps, value in facts["seconds_per_image"].items())
    versions = ", ".join(f"{name} {number}" for name, number in facts["versions"].items())
    rows = (
        (
            f"autoencoder ({facts['size_px']}x{facts['size_px']}x3 to {facts['latents']})",
            vae,
            f"{vae['psnr_db']:.1f} dB on held-out scenes",
        ),
        ("its decoder once more", decoder, f"{decoder['psnr_db']:.1f} dB"),
        ("UNet and text encoder", denoiser, f"held-out noise error {denoiser['held_out_loss']:.4f}"),
    )
    run = "Recipe `{recipe}` of `demo/recipe.py` on {device}; processes: {processes}; {scenes:,} drawn scenes."
    return f"""
## Recipe

{run.format(**facts)}
The UNet has {sizes["unet"]:,} parameters, the text encoder {sizes["text_encoder"]:,}, the autoencoder {sizes["vae"]:,}.

| part | images | minutes | reached |
|---|---|---|---|
{chr(10).join(_row(*row) for row in rows)}

One picture on one CPU thread ({facts["machine"]}): {seconds}. Made with {versions}.

## Limits

Small things look soft, because the autoencoder limits the sharpness, and combinations that were never drawn (a boat in
a desert) may be ignored. Training again gives a similar model, not the same bits: arithmetic differs between machines,
and a run may have been continued in several sessions.

All numbers here come from `metrics.json`, which the training command writes.
"""


def _row(part: str, training: dict[str, Any], reached: str) -> str:
    return f"| {part} | {training['images']:,} | {training['seconds'] / 60:.0f} | {reached} |"
