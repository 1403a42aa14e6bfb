"""Parity with the official code: its λ, losses and gradients, recorded by record_golden.py from running it."""

import json
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from sdpo_core.objective import Sides, loser_scale, preference_loss, residual
from tests.objective.record_golden import CASES, GOLDEN, inputs

_EPS = 1e-9  # the official code adds it to λ's denominator; ours does not
_OURS = {("dspo", True): "dspo-sdxl"}
_RECORDED: dict[str, list[dict[str, Any]]] = json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_every_case_is_recorded() -> None:
    assert list(_RECORDED) == list(CASES)
    scales = [one["lambda"] for name, recorded in _RECORDED.items() for one in recorded if "free" not in name]
    assert sum(scale < 1 for scale in scales) > len(scales) / 2  # the safeguard acts in most of them


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("case", CASES)
def test_the_official_numbers(case: str, seed: int) -> None:
    settings, recorded = CASES[case], _RECORDED[case][seed]
    prediction, reference, target = (Sides(*x.chunk(2)) for x in inputs(case, seed))
    prediction = Sides(*(side.clone().requires_grad_() for side in prediction))
    method = settings["train_method"]
    own = {"alpha": settings["dmpo_alpha"]} if method == "dmpo" else {}
    loss = preference_loss(
        _OURS.get((method, settings["sdxl"]), method),
        prediction,
        reference,
        target,
        beta=settings["beta_dpo"],
        mu=settings["mu"] or 0.0,
        scope="batch",
        safeguard="none" if settings["mu"] is None else "output",
        **own,
    ).mean()
    winner, loser = torch.autograd.grad(loss, prediction)
    correction = 1.0
    if settings["mu"] is not None:
        e = residual(Sides(*(side.detach() for side in prediction)), target)
        correction = _correction(e)
        scale = loser_scale(e, settings["mu"], "batch")[0]
        corrected = scale * correction if scale < 1 else scale
        assert_close(float(corrected), recorded["lambda"], rtol=1e-6, atol=0)
        correction = float(corrected / scale)
    assert_close(float(loss.detach()), recorded["loss"], rtol=1e-6, atol=0)
    found = torch.cat([winner, loser * correction]).flatten()
    expected = torch.tensor(recorded["gradient"], dtype=torch.float64)
    assert_close(found, expected, rtol=1e-6, atol=1e-6 * float(expected.abs().mean()))
    # The loser's part on its own: in DSPO it is so small next to the winner's that the line above can't see it.
    half = found.numel() // 2
    assert_close(found[half:], expected[half:], rtol=1e-6, atol=1e-6 * float(expected[half:].abs().mean()))


def _correction(e: Sides) -> float:
    """den/(den + 1e-9), with den = ⟨∇A, ∇B⟩ of the batch means A and B, as the official function has it."""
    elements = e.winner.numel()
    den = float((e.winner * e.loser).sum()) * (2 / elements) ** 2
    return den / (den + _EPS)


def test_dspo_at_the_official_beta_is_sft() -> None:
    """Why the loss card says so: same gradient on the winner to a part in thousands, next to none on the loser."""
    prediction, reference, target = (Sides(*x.chunk(2)) for x in inputs("dspo sd15", 0))
    found: dict[str, Sides] = {}
    for name in ("dspo", "sft"):
        leaf = Sides(*(side.clone().requires_grad_() for side in prediction))
        loss = preference_loss(name, leaf, reference, target, beta=0.001, mu=0.2).mean()
        found[name] = Sides(*torch.autograd.grad(loss, leaf, materialize_grads=True))
    assert float((found["dspo"].winner - found["sft"].winner).norm() / found["sft"].winner.norm()) < 2e-3
    assert float(found["dspo"].loser.norm() / found["dspo"].winner.norm()) < 1e-6
