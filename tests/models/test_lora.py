from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from sdpo_core.errors import AdapterError
from sdpo_core.families.stable_diffusion import LORA_TARGETS as TARGETS
from sdpo_core.models.checkpointing import checkpoint_activations
from sdpo_core.models.family import Conditioning, DiffusionModel
from sdpo_core.models.lora import Lora, adaptable_modules
from sdpo_core.models.registry import load_model


def inputs(model: DiffusionModel) -> tuple[Tensor, Tensor, Conditioning]:
    noisy = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    return noisy, torch.tensor([10, 900]), model.encode_prompts(["a hill", "the sea"])


def shake(lora: Lora, seed: int = 1) -> None:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in lora.parameters:
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.05)


@pytest.fixture(params=sorted(TARGETS))
def targets(request: pytest.FixtureRequest) -> str:
    return request.param


def test_off_and_untrained_are_bit_identical_to_the_bare_network(tiny: DiffusionModel, targets: str) -> None:
    with torch.no_grad():
        bare = tiny.predict(*inputs(tiny))
        lora = Lora.create(tiny, rank=4, alpha=6.0, targets=targets, seed=3)
        assert torch.equal(tiny.predict(*inputs(tiny)), bare), "B = 0 must not change a bit: the margin starts at 0"
        shake(lora)
        assert not torch.equal(tiny.predict(*inputs(tiny)), bare)
        with lora.off():
            assert torch.equal(tiny.predict(*inputs(tiny)), bare)
        with lora.at_strength(0.0):
            assert torch.equal(tiny.predict(*inputs(tiny)), bare)
        lora.remove()
        assert torch.equal(tiny.predict(*inputs(tiny)), bare)


def test_untrained_equals_off_in_the_forward_that_training_runs(tiny: DiffusionModel, targets: str) -> None:
    lora = Lora.create(tiny, rank=4, alpha=6.0, targets=targets, seed=3)
    with torch.no_grad(), lora.off():
        reference = tiny.predict(*inputs(tiny))
    policy = tiny.predict(*inputs(tiny))
    assert policy.requires_grad
    assert torch.equal(policy, reference)


def test_the_update_is_strength_alpha_over_rank_b_a(tiny: DiffusionModel, targets: str) -> None:
    lora = Lora.create(tiny, rank=4, alpha=6.0, targets=targets, seed=3)
    shake(lora)
    with torch.no_grad(), lora.at_strength(0.7):
        adapted = tiny.predict(*inputs(tiny))
    state = lora.state_dict()
    lora.remove()
    modules = adaptable_modules(tiny.network)
    with torch.no_grad():
        for name in lora.modules:
            down, up = state[f"{name}.lora_A.weight"], state[f"{name}.lora_B.weight"]
            delta = up.flatten(1) @ down.flatten(1)  # a k x k convolution followed by a 1 x 1 one is their product
            modules[name].weight += 0.7 * 6.0 / 4 * delta.reshape(modules[name].weight.shape)
        torch.testing.assert_close(tiny.predict(*inputs(tiny)), adapted, rtol=1e-4, atol=1e-5)


def test_targets(tiny: DiffusionModel) -> None:
    narrow = Lora.create(tiny, rank=2, alpha=2.0, targets="attention", seed=0)
    assert len(narrow.modules) == 4 * 2 * 4  # projections x attentions of a block x transformer blocks
    narrow.remove()
    wide = Lora.create(tiny, rank=2, alpha=2.0, targets="wide", seed=0)
    assert set(narrow.modules) < set(wide.modules)
    assert any(name.endswith("resnets.0.conv1") for name in wide.modules)
    assert not any("time_emb" in name for name in wide.modules)


def test_the_start_depends_on_the_seed_alone(tiny: DiffusionModel) -> None:
    def start(seed: int, global_seed: int) -> dict[str, Tensor]:
        torch.manual_seed(global_seed)
        before = torch.random.get_rng_state()
        lora = Lora.create(tiny, rank=4, alpha=4.0, targets="wide", seed=seed)
        assert torch.equal(torch.random.get_rng_state(), before), "making an adapter must not move the global stream"
        state = lora.state_dict()
        lora.remove()
        return state

    first, again, other = start(5, 0), start(5, 1), start(6, 0)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(*(s[min(n for n in s if "lora_A" in n)] for s in (first, other)))
    for name, tensor in first.items():
        bound = tensor[0].numel() ** -0.5  # Kaiming-uniform with a = √5: U(−1/√fan_in, 1/√fan_in)
        limit = bound if "lora_A" in name else 0.0
        assert float(tensor.abs().max()) <= limit


def test_gradients_reach_the_adapter_and_nothing_else(tiny: DiffusionModel) -> None:
    lora = Lora.create(tiny, rank=4, alpha=4.0, targets="wide", seed=0)
    tiny.predict(*inputs(tiny)).square().mean().backward()
    with_gradient = {id(p) for p in tiny.network.parameters() if p.grad is not None}
    assert with_gradient == {id(p) for p in lora.parameters}
    assert all(p.dtype == torch.float32 for p in lora.parameters)
    assert lora.names == sorted(lora.names) == list(lora.state_dict())


def test_in_half_precision_nothing_is_kept_in_float32_for_the_adapter(tiny_folder: Path, targets: str) -> None:
    """The input of an adapted layer is shared with it, and the gradient is that of float32 as far as bf16 tells."""
    gradients: dict[str, Tensor] = {}
    wide: list[torch.Size] = []  # what autograd keeps in float32, parameters and single numbers aside
    for precision in ("fp32", "bf16"):
        model = load_model(str(tiny_folder), device="cpu", precision=precision)
        lora = Lora.create(model, rank=4, alpha=4.0, targets=targets, seed=0)
        shake(lora)
        kept: list[Tensor] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, kept=kept: (kept.append(t), t)[1], lambda t: t):
            prediction = model.predict(*inputs(model))
            made = torch.autograd.grad(prediction.square().mean(), lora.parameters)
        gradients[precision] = torch.cat([part.flatten() for part in made])
        wide = [t.shape for t in kept if t.dtype == torch.float32 and t.numel() > 256 and t.shape != prediction.shape]
    assert not wide
    assert torch.nn.functional.cosine_similarity(gradients["bf16"], gradients["fp32"], dim=0) > 0.99


def test_switching_off_between_forward_and_backward_loses_no_gradient(tiny: DiffusionModel) -> None:
    lora = Lora.create(tiny, rank=4, alpha=4.0, targets="attention", seed=0)
    prediction = tiny.predict(*inputs(tiny))
    with lora.off():
        assert all(p.requires_grad for p in lora.parameters)
        gradients = torch.autograd.grad(prediction.square().mean(), lora.parameters)
    assert any(bool(gradient.any()) for gradient in gradients)


@pytest.mark.parametrize("checkpointing", ["none", "all"])
def test_sides_apart_gives_each_sides_own_gradient(
    tiny: DiffusionModel, targets: str, checkpointing: Literal["none", "all"]
) -> None:
    """One backward of a batch of two sides, against one of each side; with nothing left behind afterwards."""
    lora = Lora.create(tiny, rank=4, alpha=6.0, targets=targets, seed=3)
    shake(lora)
    noisy, t, told = inputs(tiny)
    cotangent = torch.randn(noisy.shape, generator=torch.Generator().manual_seed(5))
    expected: list[tuple[Tensor, ...]] = []
    for side in (slice(0, 1), slice(1, 2)):
        alone = tiny.predict(noisy[side], t[side], told.map(lambda tensor, side=side: tensor[side]))
        expected.append(torch.autograd.grad(alone, lora.parameters, cotangent[side]))
    with torch.no_grad():
        both = tiny.predict(noisy, t, told)
    checkpoint_activations(tiny, checkpointing)
    try:
        with lora.sides_apart() as copies:
            prediction = tiny.predict(noisy, t, told)
            apart = torch.autograd.grad(prediction, copies, cotangent)
    finally:
        checkpoint_activations(tiny, "none")
    assert_close(prediction, both, rtol=1e-4, atol=1e-5)
    for side in (0, 1):
        assert not all(torch.equal(mine, other) for mine, other in zip(expected[0], expected[1], strict=True))
        for gradient, own, parameter in zip(apart, expected[side], lora.parameters, strict=True):
            assert gradient.shape == (2, *parameter.shape)
            assert_close(gradient[side], own, rtol=1e-3, atol=1e-5 * float(own.norm()))
    with torch.no_grad():
        assert torch.equal(tiny.predict(noisy, t, told), both)
    assert all(parameter.grad is None for parameter in lora.parameters)


def test_the_state_comes_back_exactly(tiny: DiffusionModel) -> None:
    lora = Lora.create(tiny, rank=4, alpha=4.0, targets="attention", seed=0)
    shake(lora)
    kept = lora.state_dict()
    with torch.no_grad():
        expected = tiny.predict(*inputs(tiny))
        shake(lora, seed=9)
        lora.load_state_dict(kept)
        assert torch.equal(tiny.predict(*inputs(tiny)), expected)
    name = lora.names[0]
    with pytest.raises(AdapterError, match="differ"):
        lora.load_state_dict({**kept, "odd": kept[name]})
    with pytest.raises(AdapterError, match="shape"):
        lora.load_state_dict({**kept, name: kept[name][:1]})


def test_two_adapters_on_one_network_switch_only_themselves(tiny: DiffusionModel) -> None:
    with torch.no_grad():
        bare = tiny.predict(*inputs(tiny))
        first = Lora.create(tiny, rank=4, alpha=4.0, targets="wide", seed=0)
        shake(first)
        one = tiny.predict(*inputs(tiny))
        second = Lora.create(tiny, rank=2, alpha=2.0, targets="attention", seed=1)
        assert torch.equal(tiny.predict(*inputs(tiny)), one)
        shake(second)
        both = tiny.predict(*inputs(tiny))
        with second.off():
            assert torch.equal(tiny.predict(*inputs(tiny)), one)
            with first.off():
                assert torch.equal(tiny.predict(*inputs(tiny)), bare)
        assert torch.equal(tiny.predict(*inputs(tiny)), both)
        first.remove()
        with second.off():
            assert torch.equal(tiny.predict(*inputs(tiny)), bare)
        second.remove()
        assert torch.equal(tiny.predict(*inputs(tiny)), bare)
    assert all(isinstance(m, nn.Linear | nn.Conv2d) for m in adaptable_modules(tiny.network).values())
