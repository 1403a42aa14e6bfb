"""The optimisers, one row each. The code that makes one is where torch may be imported, and is imported when called."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sdpo_core.methods.named import named


@dataclass(frozen=True)
class Optimizer:
    """A way to step along a gradient."""

    name: str
    function: str  # `module:function` that makes one
    label: str  # for a person, after its name
    package: str | None = None  # beyond the requirements, that it needs

    def make(self, parameters: Sequence[Any], learning_rate: float) -> Any:
        """A `torch.optim.Optimizer` over `parameters`; raises ImportError where its package is missing."""
        return named(self.function)(parameters, learning_rate)


_HERE = "sdpo_core.training.optimizers"
OPTIMIZERS: dict[str, Optimizer] = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer("adamw", f"{_HERE}:adamw", label="with its moments in 32 bits"),
        Optimizer("adamw-8bit", f"{_HERE}:adamw_8bit", label="with its moments in 8 bits", package="bitsandbytes"),
    )
}
"""By name, in the order in which they are offered."""
