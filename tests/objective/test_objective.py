"""The objective against hand arithmetic, autograd and its own invariances."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from sdpo_core.objective import (
    LOSSES,
    Sides,
    Terms,
    error,
    exact_scale,
    loser_scale,
    margin,
    past_target,
    preference_loss,
    residual,
    scale_gradient,
)

SHAPE = (3, 4, 5, 6)  # (B, C, H, W)
SEEDS = range(5)


def sides(seed: int, *, spread: float = 1.0, grad: bool = False) -> Sides:
    g = torch.Generator().manual_seed(seed)
    pair = (spread * torch.randn(SHAPE, generator=g, dtype=torch.float64) for _ in range(2))
    return Sides(*(side.requires_grad_(grad) for side in pair))


def near(base: Sides, seed: int, spread: float = 0.05) -> Sides:
    """Predictions close to `base`, as a policy is to its reference: margins of order one at β = 2000."""
    return Sides(*(a.detach() + spread * b for a, b in zip(base, sides(seed), strict=True)))


def gradients(loss: Tensor, of: Sides) -> Sides:
    grads = torch.autograd.grad(loss.sum(), of, allow_unused=True)
    return Sides(*(torch.zeros_like(x) if g is None else g for g, x in zip(grads, of, strict=True)))


def test_margin_by_hand() -> None:
    """ℓ_w falls by .002, ℓ_l rises by .001: u = 1000·(.002 + .001) = 3."""
    policy = Sides(torch.tensor([0.098]), torch.tensor([0.201]))
    reference = Sides(torch.tensor([0.100]), torch.tensor([0.200]))
    assert_close(margin(policy, reference, beta=2000.0), torch.tensor([3.0]), rtol=1e-4, atol=0)


def test_error_is_the_mean_over_each_image() -> None:
    prediction, goal = sides(0), sides(1)
    expected = torch.stack([((prediction.winner[i] - goal.winner[i]) ** 2).sum() / 120 for i in range(3)])
    assert_close(error(prediction, goal).winner, expected)


def test_half_precision_is_widened_before_the_subtraction() -> None:
    prediction = Sides(*(side.half() for side in sides(0)))
    goal = Sides(*(side.half() for side in sides(0)))
    assert residual(prediction, goal).winner.dtype == torch.float32
    tiny = Sides(torch.full((1, 4), 1e-5).half(), torch.full((1, 4), 2e-5).half())
    # In half precision 1e-5² is 0 and λ would be 1: no safeguard at all.
    assert_close(loser_scale(tiny, mu=0.5), torch.tensor([0.25]), rtol=0.02, atol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_swapping_the_sides_turns_the_margin_round(seed: int) -> None:
    policy, reference = error(sides(seed), sides(9)), error(sides(seed + 50), sides(9))
    swapped = margin(Sides(policy.loser, policy.winner), Sides(reference.loser, reference.winner), 2000.0)
    assert_close(swapped, -margin(policy, reference, 2000.0))


def test_policy_equal_to_reference_gives_log_2() -> None:
    prediction, goal = sides(0), sides(1)
    loss = preference_loss("diffusion-dpo", prediction, prediction, goal, beta=5000.0, mu=0.5)
    assert_close(loss, torch.full((3,), math.log(2), dtype=torch.float64), rtol=0, atol=0)


@pytest.mark.parametrize("safeguard", ["none", "output", "constant"])
@pytest.mark.parametrize("name", LOSSES)
def test_the_safeguard_changes_the_gradient_and_never_the_value(name: str, safeguard: Any) -> None:
    reference, goal = sides(0), sides(1)
    prediction = near(reference, 2)
    plain = preference_loss(name, prediction, reference, goal, beta=50.0, mu=0.5, safeguard="none")
    guarded = preference_loss(name, prediction, reference, goal, beta=50.0, mu=0.5, safeguard=safeguard)
    assert_close(guarded, plain, rtol=0, atol=0)


@pytest.mark.parametrize("scope", ["pair", "batch"])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_gradient_is_that_of_the_paper(seed: int, scope: Any) -> None:
    """∂L/∂pred_w = (β/2)·σ(−u)·2e_w/n and ∂L/∂pred_l = −λ·(β/2)·σ(−u)·2e_l/n."""
    beta, mu, n = 50.0, 0.3, 4 * 5 * 6
    reference, goal = sides(seed), sides(seed + 10)
    prediction = Sides(*(side.requires_grad_() for side in near(reference, seed + 20)))
    loss = preference_loss("diffusion-dpo", prediction, reference, goal, beta=beta, mu=mu, scope=scope)
    found = gradients(loss, prediction)

    e = Sides(*((p - t).detach() for p, t in zip(prediction, goal, strict=True)))
    u = -(beta / 2) * (
        e.winner.square().mean((1, 2, 3))
        - (reference.winner - goal.winner).square().mean((1, 2, 3))
        - e.loser.square().mean((1, 2, 3))
        + (reference.loser - goal.loser).square().mean((1, 2, 3))
    )
    num, den = e.winner.square().sum((1, 2, 3)), (e.winner * e.loser).sum((1, 2, 3))
    if scope == "batch":
        num, den = num.sum().expand(3), den.sum().expand(3)
    scale = torch.where(den > 0, ((1 - mu) * num / den).clamp(0, 1), 1.0)
    weight = (beta / 2) * (-u).sigmoid() * 2 / n
    assert_close(found.winner, weight[:, None, None, None] * e.winner)
    assert_close(found.loser, -(scale * weight)[:, None, None, None] * e.loser)


def test_identical_images_get_one_minus_mu() -> None:
    """λ = 1−μ, so what is left of the gradient is μ times the winner's."""
    e = sides(0).winner
    assert_close(loser_scale(Sides(e, e), mu=0.9), torch.full((3,), 0.1, dtype=torch.float64))


def test_scale_does_not_depend_on_the_unit() -> None:
    e = Sides(*sides(0))
    aligned = Sides(e.winner, e.loser + e.winner)
    small = Sides(*(side * 1e-12 for side in aligned))
    assert_close(loser_scale(small, mu=0.5), loser_scale(aligned, mu=0.5))


def test_opposed_residuals_leave_the_loser_alone() -> None:
    e = sides(0).winner
    assert_close(loser_scale(Sides(e, -e), mu=0.9), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("mu", [0.0, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_exact_scale_keeps_its_first_order_condition(seed: int, mu: float) -> None:
    """⟨−G_w + λG_l, G_w⟩ ≤ −μ‖G_w‖², and λ is the largest such factor in [0, 1]."""
    g = torch.Generator().manual_seed(seed)
    winner = torch.randn(1000, generator=g, dtype=torch.float64)
    loser = 1.5 * winner + torch.randn(1000, generator=g, dtype=torch.float64)
    scale = float(exact_scale(winner, loser, mu))
    assert 0 < scale < 1
    assert_close((-winner + scale * loser) @ winner, -mu * winner @ winner)
    assert float(exact_scale(winner, -loser, mu)) == 1.0


def test_scale_gradient_keeps_the_value() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    y = scale_gradient(x**3, 0.25)
    y.backward()
    assert y.item() == 8.0
    assert x.grad is not None
    assert_close(x.grad, torch.tensor([3.0]))  # 0.25 · 3x²


@pytest.mark.parametrize("scope_pair_split", [1, 2])
def test_scope_pair_does_not_see_how_a_batch_is_split(scope_pair_split: int) -> None:
    reference, goal = sides(0), sides(1)
    prediction = near(reference, 2)
    whole = preference_loss("diffusion-dpo", prediction, reference, goal, beta=50.0, mu=0.5)
    parts = [
        preference_loss(
            "diffusion-dpo",
            *(Sides(*(side[i : i + scope_pair_split] for side in x)) for x in (prediction, reference, goal)),
            beta=50.0,
            mu=0.5,
        )
        for i in range(0, 3, scope_pair_split)
    ]
    assert_close(torch.cat(parts), whole, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("name", "own", "at"),
    [
        ("ipo", {"tau": 1.0}, 1.0),
        ("dmpo", {"alpha": 0.01}, math.log(99)),
        ("diffusion-dpo", {"smoothing": 0.1}, math.log(9)),
    ],
)
def test_a_pair_past_its_target_adds_nothing_under_a_safeguard(name: str, own: dict[str, Any], at: float) -> None:
    for u, beyond in ((at - 0.1, False), (at + 0.1, True)):
        terms = Terms(torch.tensor([u]), Sides(torch.tensor([0.1]), torch.tensor([0.1])))
        assert past_target(name, terms, **own).item() is beyond

    goal = sides(1)
    reference = near(goal, 3, spread=1.0)
    closer = near(goal, 2, spread=0.5)
    # The policy fits winners much better than the reference and losers no better: margins far past any target.
    prediction = Sides(closer.winner.requires_grad_(), reference.loser.clone().requires_grad_())
    guarded = preference_loss(name, prediction, reference, goal, beta=200.0, mu=0.5, **own)
    assert not any(g.any() for g in gradients(guarded, prediction))
    free = preference_loss(name, prediction, reference, goal, beta=200.0, mu=0.5, safeguard="none", **own)
    assert all(g.any() for g in gradients(free, prediction))


def test_dmpo_is_the_divergence_it_says() -> None:
    u = torch.linspace(-4, 4, 9, dtype=torch.float64)
    p, q = u.sigmoid(), torch.tensor(0.95, dtype=torch.float64)
    expected = p * (p / q).log() + (1 - p) * ((1 - p) / (1 - q)).log()
    zero = torch.zeros_like(u)
    assert_close(LOSSES["dmpo"](Terms(u, Sides(zero, zero)), alpha=0.05), expected)


def test_anchor_adds_the_winner_error() -> None:
    reference, goal = sides(0), sides(1)
    prediction = near(reference, 2)
    plain = preference_loss("diffusion-dpo", prediction, reference, goal, beta=50.0, mu=0.5)
    anchored = preference_loss("diffusion-dpo", prediction, reference, goal, beta=50.0, mu=0.5, anchor=0.1)
    assert_close(anchored - plain, 0.1 * 25 * error(prediction, goal).winner)


def test_sft_ignores_the_loser() -> None:
    reference, goal = sides(0), sides(1)
    prediction = Sides(*(side.requires_grad_() for side in near(reference, 2)))
    found = gradients(preference_loss("sft", prediction, reference, goal, beta=50.0, mu=0.5), prediction)
    assert found.winner.any()
    assert not found.loser.any()


def test_the_impossible_is_refused_with_a_message() -> None:
    x = sides(0)
    with pytest.raises(ValueError, match="expected one of diffusion-dpo"):
        preference_loss("dpo", x, x, x, beta=1.0, mu=0.5)
    unsafe: Any = "lora"
    with pytest.raises(ValueError, match=r"sdpo_core\.training\.step"):
        preference_loss("diffusion-dpo", x, x, x, beta=1.0, mu=0.5, safeguard=unsafe)
    with pytest.raises(TypeError, match="tau"):
        preference_loss("diffusion-dpo", x, x, x, beta=1.0, mu=0.5, tau=1.0)
