"""One training loop for everything here: data-parallel, resumable, with averaged weights. It yields its progress."""

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.distributed as dist
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from demo.recipe import Phase

LOSS_MEMORY = 0.98  # of the running mean that is reported
BETAS = (0.9, 0.99)


class Workers(NamedTuple):
    """The processes that train together; (0, 1) is a single one."""

    rank: int
    size: int


class Progress(NamedTuple):
    """What one step reports."""

    step: int
    steps: int
    images: int
    loss: float
    """Running mean."""
    lr: float
    images_per_s: float
    """Over all processes, since this call of `run` began."""


@dataclass
class Trainer:
    """Trains the parameters of `objective` that require gradients; `draw` makes the inputs of a step."""

    objective: nn.Module
    """Called with what `draw` returns; gives one error or an error per image."""
    draw: Callable[[torch.Generator, int], tuple[Tensor, ...]]
    """(generator of this step and rank, batch) -> the inputs, on the training device."""
    phase: Phase
    workers: Workers
    seed: int
    device: torch.device

    def __post_init__(self) -> None:
        self.step, self.elapsed_s = 0, 0.0
        self.objective.to(memory_format=torch.channels_last)  # faster on CPUs, and good for GPUs too
        self.parameters = [p for p in self.objective.parameters() if p.requires_grad]
        self.averages = [p.detach().clone() for p in self.parameters]
        self.optimizer = torch.optim.AdamW(self.parameters, betas=BETAS, weight_decay=self.phase.weight_decay)
        self.steps = math.ceil(self.phase.images / (self.phase.batch * self.workers.size))

    def run(self) -> Iterator[Progress]:
        """From the current step to the last one."""
        compute = torch.compile(self.objective) if self.phase.compile else self.objective
        running, first_step, began, before_s = math.nan, self.step, time.perf_counter(), self.elapsed_s
        while self.step < self.steps:
            generator = torch.Generator().manual_seed((self.seed * 1_000_003 + self.step) * 97 + self.workers.rank)
            inputs = self.draw(generator, self.phase.batch)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.phase.bfloat16):
                loss = compute(*inputs).mean()
            self.optimizer.zero_grad()
            loss.backward()
            value = self._share_gradients(loss.detach())
            nn.utils.clip_grad_norm_(self.parameters, 1.0)
            lr = self._rate()
            self.optimizer.param_groups[0]["lr"] = lr
            self.optimizer.step()
            self.step += 1
            self._average()
            running = value if math.isnan(running) else LOSS_MEMORY * running + (1 - LOSS_MEMORY) * value
            per_step = self.phase.batch * self.workers.size
            session_s = time.perf_counter() - began
            self.elapsed_s = before_s + session_s
            speed = (self.step - first_step) * per_step / session_s
            yield Progress(self.step, self.steps, self.step * per_step, running, lr, speed)

    def _rate(self) -> float:
        """Linear warm-up, constant, cosine to zero."""
        held = self.phase.hold * self.steps
        fall = max(0.0, self.step - held) / (self.steps - held)
        warmup = min(1.0, (self.step + 1) / self.phase.warmup_steps)
        return self.phase.lr * warmup * 0.5 * (1 + math.cos(math.pi * fall))

    def _share_gradients(self, loss: Tensor) -> float:
        """Averages the gradients over the processes; returns the loss, averaged too."""
        if self.workers.size == 1:
            return loss.item()
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        flat = torch.cat([loss.reshape(1), *(g.flatten() for g in gradients)])
        dist.all_reduce(flat)
        flat /= self.workers.size
        start = 1
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()
        return flat[0].item()

    @torch.no_grad()
    def _average(self) -> None:
        """Exponential moving average of the weights, short-lived at first."""
        decay = min(self.phase.ema_decay, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(self.averages, self.parameters, 1 - decay)

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, the objective holds its averaged weights."""
        own = [p.detach().clone() for p in self.parameters]
        try:
            self._put(self.averages)
            yield
        finally:
            self._put(own)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        for parameter, value in zip(self.parameters, values, strict=True):
            parameter.copy_(value)

    def save(self, file: Path) -> None:
        """Weights, averages and AdamW's two moments, so that `load` continues exactly."""
        tensors: dict[str, Tensor] = {}
        for i, (parameter, average) in enumerate(zip(self.parameters, self.averages, strict=True)):
            state = self.optimizer.state[parameter]
            tensors |= {f"weight.{i}": parameter.detach(), f"average.{i}": average}
            tensors |= {f"first.{i}": state["exp_avg"], f"second.{i}": state["exp_avg_sq"]}
        partial = file.with_suffix(".partial")
        plain = {name: tensor.contiguous() for name, tensor in tensors.items()}
        save_file(plain, partial, metadata={"clock": json.dumps([self.step, self.elapsed_s])})
        partial.replace(file)

    def load(self, file: Path) -> None:
        """Continues where `save` was called."""
        with safe_open(file, framework="pt") as saved:
            self.step, self.elapsed_s = json.loads(saved.metadata()["clock"])
            self._put([saved.get_tensor(f"weight.{i}") for i in range(len(self.parameters))])
            for i, (parameter, average) in enumerate(zip(self.parameters, self.averages, strict=True)):
                average.copy_(saved.get_tensor(f"average.{i}"))
                self.optimizer.state[parameter] = {
                    "step": torch.tensor(float(self.step)),
                    "exp_avg": torch.empty_like(parameter).copy_(saved.get_tensor(f"first.{i}")),
                    "exp_avg_sq": torch.empty_like(parameter).copy_(saved.get_tensor(f"second.{i}")),
                }
