"""`sdpo_core` with memory that runs out in one process of several, for torchrun.

From the given step on, the process of the given rank has room for one image with gradients at a time.
"""

import os
import sys
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch.optim.optimizer import register_optimizer_step_post_hook

from sdpo_core.cli.main import main


def make_scarce(rank: int, from_step: int) -> None:
    if int(os.environ["RANK"]) != rank:
        return
    steps: list[Any] = []
    register_optimizer_step_post_hook(lambda *arguments: steps.append(arguments[0]))

    def run_out(module: torch.nn.Module, inputs: tuple[Any, ...]) -> None:
        if isinstance(module, UNet2DConditionModel) and torch.is_grad_enabled() and len(steps) >= from_step:
            (noisy, *_) = inputs
            if len(noisy) > 1:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    torch.nn.modules.module.register_module_forward_pre_hook(run_out)


if __name__ == "__main__":
    make_scarce(int(sys.argv[1]), int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
