"""What holds for any numbers: the properties that docs/maths.md states, searched for counterexamples."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from sdpo_core.objective import (
    LOSSES,
    Sides,
    error,
    exact_scale,
    loser_scale,
    margin,
    paper_beta,
    preference_loss,
)

settings.register_profile("house", deadline=None, database=None, derandomize=True, max_examples=60)
settings.load_profile("house")

SEEDS = st.integers(0, 2**31)
MU = st.floats(0.0, 0.99)
BETA = st.floats(1.0, 10_000.0)
UNIT = st.floats(1e-6, 1e6)
SHAPE = (3, 2, 3, 4)


def draw(seed: int, count: int = 1, dtype: torch.dtype = torch.float64) -> list[Sides]:
    """`count` random sides, the loser leaning on the winner as residuals of shared noise do."""
    g = torch.Generator().manual_seed(seed)
    found: list[Sides] = []
    for _ in range(count):
        shared, one, other = (torch.randn(SHAPE, generator=g, dtype=torch.float64) for _ in range(3))
        found.append(Sides((shared + one).to(dtype), (shared + other).to(dtype)))
    return found


def gradients(loss: Tensor, leaf: Sides) -> Sides:
    return Sides(*torch.autograd.grad(loss.sum(), leaf, materialize_grads=True))


def leaves(sides: Sides) -> Sides:
    return Sides(*(side.clone().requires_grad_() for side in sides))


@given(SEEDS, BETA)
def test_swapping_the_sides_flips_the_margin(seed: int, beta: float) -> None:
    policy, reference, goal = draw(seed, 3)
    here = margin(error(policy, goal), error(reference, goal), beta)
    now, before = (error(Sides(x.loser, x.winner), Sides(goal.loser, goal.winner)) for x in (policy, reference))
    there = margin(now, before, beta)
    assert_close(there, -here, rtol=1e-9, atol=1e-9)


@given(SEEDS, MU)
def test_identical_images_leave_mu_of_the_winners_gradient(seed: int, mu: float) -> None:
    (e,) = draw(seed)
    assert_close(loser_scale(Sides(e.winner, e.winner), mu), torch.full((3,), 1 - mu, dtype=torch.float64))


@given(SEEDS, BETA, MU)
def test_a_policy_that_is_the_reference_has_lost_log_2(seed: int, beta: float, mu: float) -> None:
    policy, goal = draw(seed, 2)
    loss = preference_loss("diffusion-dpo", policy, policy, goal, beta=beta, mu=mu)
    assert_close(loss, torch.full((3,), math.log(2), dtype=torch.float64), rtol=0, atol=0)


@given(SEEDS, MU, UNIT)
def test_the_scale_has_no_unit(seed: int, mu: float, unit: float) -> None:
    (e,) = draw(seed)
    assert_close(loser_scale(Sides(*(unit * side for side in e)), mu), loser_scale(e, mu), rtol=1e-9, atol=0)


@given(SEEDS, MU, st.floats(-3.0, 3.0))
def test_the_condition_of_the_paper(seed: int, mu: float, lean: float) -> None:
    """⟨−G_w + λG_l, G_w⟩ ≤ −μ‖G_w‖², wherever the two point."""
    g = torch.Generator().manual_seed(seed)
    winner, other = (torch.randn(200, generator=g, dtype=torch.float64) for _ in range(2))
    loser = lean * winner + other
    scale = exact_scale(winner, loser, mu)
    assert 0 <= float(scale) <= 1
    square = float(winner @ winner)
    assert float((-winner + scale * loser) @ winner) <= -mu * square + 1e-9 * square


@given(SEEDS, MU, st.sampled_from(["diffusion-dpo", "dmpo", "ipo", "dspo-sdxl", "sft", "dspo"]))
def test_scope_pair_does_not_see_the_batch(seed: int, mu: float, name: str) -> None:
    policy, reference, goal = draw(seed, 3)
    whole = leaves(policy)
    together = gradients(preference_loss(name, whole, reference, goal, beta=5.0, mu=mu), whole)
    for i in range(SHAPE[0]):
        one = leaves(Sides(*(side[i : i + 1] for side in policy)))
        rest = (Sides(*(side[i : i + 1] for side in x)) for x in (reference, goal))
        alone = gradients(preference_loss(name, one, *rest, beta=5.0, mu=mu), one)
        for part, all_of_it in zip(alone, together, strict=True):
            assert_close(part[0], all_of_it[i], rtol=1e-9, atol=1e-12)


@given(SEEDS, MU)
def test_half_precision_gives_the_scale_of_full_precision(seed: int, mu: float) -> None:
    (half,) = draw(seed, dtype=torch.float16)
    wide = Sides(*(side.float() for side in half))
    assert_close(loser_scale(half, mu), loser_scale(wide, mu), rtol=0, atol=0)
    # Squares of small residuals vanish in half precision, and with them the safeguard, unless they are widened first.
    small = Sides(*((side * 1e-3).half() for side in wide))
    assert_close(loser_scale(small, mu), loser_scale(wide, mu), rtol=0.02, atol=0.02)


@given(SEEDS, st.sampled_from([("ipo", {"tau": 0.5}), ("dmpo", {"alpha": 0.2}), ("diffusion-dpo", {"smoothing": 0.2})]))
def test_a_pair_past_its_target_adds_nothing_under_a_safeguard(seed: int, case: tuple[str, dict[str, Any]]) -> None:
    name, own = case
    reference, goal = draw(seed, 2)
    # Winners fitted perfectly, losers much worse than by the reference: far past any target.
    policy = leaves(Sides(goal.winner, goal.loser + 3 * (reference.loser - goal.loser)))
    found = gradients(preference_loss(name, policy, reference, goal, beta=50.0, mu=0.5, **own), policy)
    assert not any(bool(side.any()) for side in found)


@given(SEEDS, st.sampled_from([name for name, loss in LOSSES.items() if not loss.needs_predictions and loss.has_loser]))
def test_the_safeguard_scales_the_losers_gradient_and_nothing_else(seed: int, name: str) -> None:
    policy, reference, goal = draw(seed, 3)
    leaf = leaves(policy)
    plain, guarded = (
        gradients(preference_loss(name, leaf, reference, goal, beta=0.1, mu=0.5, safeguard=kind, tau=50.0), leaf)
        if name == "ipo"
        else gradients(preference_loss(name, leaf, reference, goal, beta=0.1, mu=0.5, safeguard=kind), leaf)
        for kind in ("none", "output")
    )
    scale = loser_scale(Sides(*(p - t for p, t in zip(policy, goal, strict=True))), 0.5)
    assert_close(guarded.winner, plain.winner, rtol=0, atol=0)
    assert_close(guarded.loser, scale.view(-1, 1, 1, 1) * plain.loser, rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize(
    ("tool", "beta", "expected"),
    [
        ("diffusion-sdpo", 5000, 5000),
        ("diffusers-sd15", 2500, 5000),
        ("onetrainer", 200, 400),
        ("simpletuner", 1, 262144),
    ],
)
def test_other_tools_betas_come_to_ours(tool: str, beta: float, expected: float) -> None:
    """Both write the same margin for the same pair (the numbers of docs/maths.md)."""
    assert paper_beta(beta, tool, (16, 128, 128)) == expected


def test_the_convention_of_beta_is_that_of_the_margin() -> None:
    policy, reference, goal = draw(0, 3)
    now, before = error(policy, goal), error(reference, goal)
    change = (now.winner - before.winner) - (now.loser - before.loser)
    assert_close(margin(now, before, paper_beta(7.0, "onetrainer")), -7.0 * change)
    summed = change * math.prod(SHAPE[1:])
    assert_close(margin(now, before, paper_beta(7.0, "simpletuner", SHAPE[1:])), -0.5 * 7.0 * summed)
    with pytest.raises(ValueError, match="expected one of diffusion-sdpo"):
        paper_beta(1.0, "no such tool")
    with pytest.raises(ValueError, match="shape"):
        paper_beta(1.0, "simpletuner")
