"""Activation checkpointing: keep less of the forward pass and compute it again in the backward one."""

from typing import Any, Literal

from sdpo_core.models.family import DiffusionModel

Level = Literal["none", "selective", "all"]


def checkpoint_activations(model: DiffusionModel, level: Level) -> None:
    """Set what the network's blocks keep for the backward pass; the gradients are the same at every level.

    `selective` recomputes only the two outermost resolutions, which hold most of the activations and little of the
    arithmetic; `all` recomputes every block.
    """
    network: Any = model.network  # in diffusers' blocks the switch is an attribute
    if level == "none":
        network.disable_gradient_checkpointing()
        return
    network.enable_gradient_checkpointing()
    if level == "selective":
        for block in (*network.down_blocks[2:], network.mid_block, *network.up_blocks[:-2]):
            for module in block.modules():
                if hasattr(module, "gradient_checkpointing"):
                    module.gradient_checkpointing = False
