"""One run on several GPUs: what the processes share, and how.

Every process holds the whole adapter and its part of a step's pairs, by slot. The safeguard's λ* is not linear in the
gradients, so no data-parallel wrapper fits: G_w and G_l are summed over all processes as flat buffers *before* they are
combined, and every process then takes the same optimiser step. Devices and process group come from Accelerate.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

_ALLOCATOR_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


class AgreedOutOfMemory(MemoryError):
    """Memory ran out in one of several processes, and all of them are at the same place and know it."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of torch says that memory ran out. Only CUDA has a class of its own for that."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).casefold() for words in _ALLOCATOR_WORDS)


@dataclass(frozen=True)
class Processes:
    """This process among `count` of them. With one, everything here does nothing."""

    rank: int = 0
    count: int = 1
    device: torch.device | None = None  # this process's own, where there are several

    @classmethod
    def join(cls, device: str) -> Self:
        """Find the others that `torchrun` or `accelerate launch` started along with this one."""
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls()
        from accelerate import PartialState  # a single process does without, and starts sooner

        cpu = device == "cpu" or os.environ.get("ACCELERATE_USE_CPU", "").casefold() in ("1", "true", "yes")
        state = PartialState(cpu=cpu)
        return cls(state.process_index, state.num_processes, state.device)

    def leave(self) -> None:
        """Part from the others, at the end of the program."""
        if self.count > 1:
            torch.distributed.destroy_process_group()

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def slots(self, pairs: int) -> range:
        """Which of a step's `pairs` slots are this process's."""
        return range(self.rank, pairs, self.count)

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """`tensor` becomes the sum over all processes."""
        if self.count > 1:
            torch.distributed.all_reduce(tensor)
        return tensor

    def by_slot(self, mine: Tensor, pairs: int) -> Tensor:
        """All rows of a step, (pairs, …), from every process's own rows, `mine`."""
        if self.count == 1:
            return mine
        rows = mine.new_zeros(pairs, *mine.shape[1:])
        rows[list(self.slots(pairs))] = mine
        return self.all_reduce(rows)

    def broadcast(self, tensor: Tensor) -> Tensor:
        """`tensor` becomes the first process's tensor."""
        if self.count > 1:
            torch.distributed.broadcast(tensor, 0)
        return tensor

    def broadcast_number(self, value: float) -> float:
        """The first process's `value`."""
        if self.count == 1:
            return value
        return float(self.broadcast(torch.tensor([value], dtype=torch.float64, device=self._wire)))

    def any(self, mine: bool) -> bool:
        """Whether it is so in any process."""
        if self.count == 1:
            return mine
        return bool(self.all_reduce(torch.tensor([float(mine)], device=self._wire)) > 0)

    @contextlib.contextmanager
    def all_or_none(self) -> Iterator[None]:
        """Work that each process does alone: if one runs out of memory, `AgreedOutOfMemory` is raised in all.

        Otherwise the others would wait for it in their next sum. The work may not hold a sum itself.
        """
        problem: Exception | None = None
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            if self.count == 1 or not is_out_of_memory(error):
                raise
            problem = error
        if self.any(problem is not None):
            raise AgreedOutOfMemory("One of this run's processes ran out of memory.") from problem

    def wait(self) -> None:
        """Wait until every process gets here."""
        self.broadcast_number(0)

    def broadcast_text(self, text: str) -> str:
        """The first process's `text`."""
        if self.count == 1:
            return text
        data = text.encode()
        size = int(self.broadcast_number(len(data)))
        if not size:
            return ""
        letters = torch.zeros(size, dtype=torch.uint8, device=self._wire)
        if self.first:
            letters.copy_(torch.frombuffer(bytearray(data), dtype=torch.uint8))
        return bytes(self.broadcast(letters).cpu().tolist()).decode()

    @property
    def _wire(self) -> torch.device:
        return self.device or torch.device("cpu")
