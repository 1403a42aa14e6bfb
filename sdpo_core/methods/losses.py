"""The losses, one row each: names in settings and flags, what goes together, help and docs follow from it.

The functions are in `sdpo_core.objective` and are imported when they are called, because they need torch.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sdpo_core.methods.named import named


@dataclass(frozen=True)
class Loss:
    """A preference objective. Called, it is its function: `Terms` of B pairs and its own options -> (B,)."""

    name: str
    function: str  # `module:function`
    label: str  # for a person, after its name
    formula: str  # per pair, as in docs/maths.md
    target_margin: str  # at which u its slope is 0, as in docs/maths.md
    source: str
    options: tuple[str, ...] = ()  # settings that only the losses naming them look at
    fits_winner: bool = False  # in units of ℓ: it fits the winner itself; the others are functions of the margin u
    has_loser: bool = True
    needs_predictions: bool = False  # it looks at the winner's predictions, not only at the errors ℓ

    def __call__(self, terms: Any, **own: Any) -> Any:
        """The loss of `sdpo_core.objective.Terms`, a tensor (B,)."""
        return self._function(terms, **own)

    @cached_property
    def _function(self) -> Any:
        return named(self.function)


_OBJECTIVE = "sdpo_core.objective.losses"
LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "diffusion-dpo",
            f"{_OBJECTIVE}:diffusion_dpo",
            label="the log-sigmoid of the margin",
            formula="−(1−s)·log σ(u) − s·log σ(−u)",
            target_margin="none, or logit(1−s) with smoothing s",
            source="arXiv 2311.12908, eq. 14",
            options=("smoothing",),
        ),
        Loss(
            "dmpo",
            f"{_OBJECTIVE}:dmpo",
            label="its relative with a finite target margin, by a divergence",
            formula="KL(Bern(σ(u)) ‖ Bern(1−α))",
            target_margin="logit(1−α) = 4.6",
            source="arXiv 2507.07510",
            options=("alpha",),
        ),
        Loss(
            "ipo",
            f"{_OBJECTIVE}:ipo",
            label="another with a finite target margin, by a square",
            formula="(u − τ)²",
            target_margin="τ",
            source="after arXiv 2310.12036",
            options=("tau",),
        ),
        Loss(
            "sft",
            f"{_OBJECTIVE}:sft",
            label="fine-tuning on your picks alone",
            formula="ℓ_w",
            target_margin="–",
            source="the baseline to beat",
            fits_winner=True,
            has_loser=False,
        ),
        Loss(
            "dspo",
            f"{_OBJECTIVE}:dspo",
            label="of the official code, at its β of .001 the same as `sft`",
            formula="‖e_w − β·σ(−u)·(ε_θ,w − ε_ref,w)‖²",
            target_margin="–",
            source="official code of Diffusion-SDPO, branch for SD1.5",
            fits_winner=True,
            needs_predictions=True,
        ),
        Loss(
            "dspo-sdxl",
            f"{_OBJECTIVE}:dspo_sdxl",
            label="of the official code, a squared sigmoid of the margin",
            formula="σ(−u)²",
            target_margin="none",
            source="the same, branch for SDXL",
        ),
    )
}
"""By name, in the order in which they are offered."""


def losses_with(option: str) -> list[str]:
    """The names of the losses that look at the setting `option`."""
    return [name for name, loss in LOSSES.items() if option in loss.options]


def table_of_losses() -> str:
    """The rows as a table of docs/maths.md, which a test holds to it."""
    head = "| name | per pair | its target margin | source |\n|---|---|---|---|\n"
    rows = (f"| `{loss.name}` | {loss.formula} | {loss.target_margin} | {loss.source} |\n" for loss in LOSSES.values())
    return head + "".join(rows)
