"""β in one convention. Five tools write the margin in five ways, so the same number means different things.

The paper's convention, used everywhere here: u = −(β/2)·Δ, with Δ the difference of *mean* squared errors of a pair.
"""

from typing import Literal

Convention = Literal["paper", "whole", "sum"]

CONVENTIONS: dict[str, Convention] = {
    "diffusion-sdpo": "paper",
    "diffusion-dpo": "paper",  # Salesforce's code
    "diffusers-sdxl": "paper",
    "flow-grpo": "paper",
    "verl-omni": "paper",
    "diffusers-sd15": "whole",  # u = −β·Δ
    "onetrainer": "whole",
    "invoke-training": "whole",  # but of the whole batch's Δ, so only similar
    "simpletuner": "sum",  # u = −(β/2)·Δ with squared errors summed over C, H, W
}


def paper_beta(beta: float, tool: str, latent_shape: tuple[int, int, int] | None = None) -> float:
    """Another tool's β in the paper's convention.

    `latent_shape` (C, h, w) is needed for tools that sum squared errors instead of averaging them. Raises ValueError
    for a tool that is not in `CONVENTIONS`, and when the shape is missing.
    """
    if tool not in CONVENTIONS:
        raise ValueError(f"Unknown tool {tool!r}: expected one of {', '.join(CONVENTIONS)}.")
    match CONVENTIONS[tool]:
        case "paper":
            return beta
        case "whole":
            return 2 * beta
        case "sum":
            if latent_shape is None:
                raise ValueError(f"{tool} sums squared errors, so its β needs the latents' shape (C, h, w).")
            channels, height, width = latent_shape
            return beta * channels * height * width
