"""LoRA on a frozen network, through peft: h = W x + strength·(α/rank)·B A x, B = 0 at the start (arXiv 2106.09685).

The reference model has the same weights with the adapter off, or with a frozen copy in its place. A network may have
several adapters: each `Lora` switches only itself.
"""

import contextlib
import itertools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from peft.tuners.lora.layer import LoraVariant
from torch import Tensor, nn
from torch.nn import functional

from sdpo_core.errors import AdapterError
from sdpo_core.families.table import FAMILIES
from sdpo_core.models.family import DiffusionModel


def adaptable_modules(network: nn.Module) -> dict[str, nn.Linear | nn.Conv2d]:
    """Every linear layer and 2-d convolution of `network` by its own name, looking through adapters that wrap it."""
    found: dict[str, nn.Linear | nn.Conv2d] = {}
    wrapped: tuple[str, ...] = ()
    for name, module in network.named_modules():
        if name.startswith(wrapped) and wrapped:
            continue  # inside an adapted layer: its base layer, A or B
        if isinstance(module, LoraLayer):
            wrapped = (*wrapped, f"{name}.")
            module = module.get_base_layer()
        if isinstance(module, nn.Linear | nn.Conv2d):
            found[name] = module
    return found


class _Update(LoraVariant):
    """How peft's layers add the update to W x: in the dtype of the activations, and in one pass over the output.

    Without it peft keeps a second copy of each layer's input in float32, and makes three passes over the output.
    """

    def __init__(self) -> None:
        self.copies: dict[int, Tensor] = {}  # within `Lora.sides_apart`: (2, *shape), by the parameter's id

    # peft's own variants are static; it calls this one in the same way.
    def forward(self, module: Any, active_adapter: str, x: Tensor, result: Tensor, **_: Any) -> Tensor:  # pyright: ignore
        """`result` + s·B A x. With copies, each half of the batch goes through its own."""
        half, scale = module.lora_A[active_adapter], module.scaling[active_adapter]
        down, up = self._weights(half.weight, x), self._weights(module.lora_B[active_adapter].weight, x)  # (n, …)
        if isinstance(half, nn.Linear):
            inner = torch.bmm(x.reshape(len(down), -1, x.shape[-1]), down.mT)
            outer = torch.baddbmm(result.reshape(len(up), -1, result.shape[-1]), inner, up.mT, alpha=scale)
            return outer.view_as(result)
        how = (None, half.stride, half.padding, half.dilation)
        parts = zip(x.chunk(len(down)), down, up, strict=True)
        updates = [functional.conv2d(functional.conv2d(part, a, *how), b) for part, a, b in parts]
        return torch.add(result, torch.cat(updates), alpha=scale)

    def _weights(self, parameter: Tensor, x: Tensor) -> Tensor:
        return self.copies.get(id(parameter), parameter[None]).to(x.dtype)


class Lora:
    """One adapter on a model's network; active at strength 1 until `remove`.

    `names` are the parameters' names, sorted: `<module>.lora_A.weight` and `<module>.lora_B.weight`; `parameters` are
    the parameters in that order, A (rank, in, …) and B (out, rank, …), float32, trainable.
    """

    def __init__(self, model: DiffusionModel, modules: Sequence[str], *, rank: int, alpha: float, seed: int) -> None:
        """Put LoRA on `modules` (full names). A is Kaiming-uniform from `seed`, B is 0; trainable, float32."""
        self.rank, self.alpha, self.modules = rank, alpha, tuple(sorted(modules))
        self._network = model.network
        self._dtype = torch.promote_types(model.dtype, torch.float32)
        taken = {adapter for layer in _layers(self._network).values() for adapter in layer.lora_A}
        self._name = next(name for name in (f"lora{i}" for i in itertools.count()) if name not in taken)
        self._strength = 1.0
        self._frozen: list[Tensor] | None = None
        config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(self.modules))  # pyright: ignore
        # peft draws A from the global generator (ours replaces it below), and warns that there are several adapters.
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Already found a `peft_config`", category=UserWarning)
            inject_adapter_in_model(config, self._network, self._name)
        everywhere = _layers(self._network)
        self._layers = {name: everywhere[name] for name in self.modules}
        self._update = _Update()
        for layer in self._layers.values():
            layer.cast_input_dtype_enabled = False  # the update accepts any dtype
            layer.lora_variant[self._name] = self._update
        self._initialise(seed)
        named = self._named()
        self.names: list[str] = sorted(named)
        self.parameters: list[nn.Parameter] = [named[name] for name in self.names]
        for layer in everywhere.values():
            _activate(layer, sorted(taken | {self._name}))

    @classmethod
    def create(cls, model: DiffusionModel, *, rank: int, alpha: float, targets: str, seed: int) -> "Lora":
        """A fresh adapter on the layers that the family names for `targets`; changes nothing until it is trained."""
        suffixes = tuple(f".{suffix}" for suffix in FAMILIES[model.info.family].lora_targets[targets])
        return cls(
            model,
            [name for name in adaptable_modules(model.network) if name.endswith(suffixes)],
            rank=rank,
            alpha=alpha,
            seed=seed,
        )

    @contextlib.contextmanager
    def off(self) -> Iterator[None]:
        """Within it the network computes exactly what it would without this adapter."""
        before = [(layer, list(layer.active_adapters)) for layer in self._layers.values()]
        for layer, active in before:
            _activate(layer, [name for name in active if name != self._name])
        try:
            yield
        finally:
            for layer, active in before:
                _activate(layer, active)

    def freeze_reference(self) -> None:
        """From now on the reference is the adapter as it is now."""
        self._frozen = [parameter.detach().clone() for parameter in self.parameters]

    @contextlib.contextmanager
    def reference(self) -> Iterator[None]:
        """Within it the network computes what the reference does: without this adapter, or with its frozen copy.

        For passes without gradients only.
        """
        if self._frozen is None:
            with self.off():
                yield
            return
        now = [parameter.data for parameter in self.parameters]
        try:
            self._point_to(self._frozen)
            yield
        finally:
            self._point_to(now)

    @contextlib.contextmanager
    def sides_apart(self) -> Iterator[list[Tensor]]:
        """Within it a batch is B winners, then B losers, and each side goes through its own copy of the adapter.

        Differentiate by the copies, (2, *shape) each in the order of `parameters`, while still within it: one backward
        pass gives each side's gradient, at the cost of the gradient of their sum.
        """
        copies = [parameter.detach().expand(2, *parameter.shape).requires_grad_() for parameter in self.parameters]
        self._update.copies = {id(own): copy for own, copy in zip(self.parameters, copies, strict=True)}
        try:
            yield copies
        finally:
            self._update.copies = {}

    def _point_to(self, data: Sequence[Tensor]) -> None:
        for parameter, tensor in zip(self.parameters, data, strict=True):
            parameter.data = tensor

    @contextlib.contextmanager
    def at_strength(self, strength: float) -> Iterator[None]:
        """Within it the adapter's effect is multiplied by `strength`."""
        before = self._strength
        self._set_strength(strength)
        try:
            yield
        finally:
            self._set_strength(before)

    def state_dict(self) -> dict[str, Tensor]:
        """Copies of the parameters by name, float32, as they are: for exact checkpoints, not for other tools."""
        return {name: parameter.detach().clone() for name, parameter in sorted(self._named().items())}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Copy `state` into the parameters; raises `AdapterError` when a name or shape differs."""
        named = self._named()
        if state.keys() != named.keys():
            odd = sorted(state.keys() ^ named.keys())
            raise AdapterError(
                f"The checkpoint's adapter doesn't fit: {len(odd)} parameters differ, such as {odd[0]}. "
                "Was it made with other targets or another model?"
            )
        for name, parameter in named.items():
            if state[name].shape != parameter.shape:
                raise AdapterError(
                    f"The checkpoint's {name} has shape {tuple(state[name].shape)}, expected {tuple(parameter.shape)}. "
                    "Was it made with another rank?"
                )
        with torch.no_grad():
            for name, parameter in named.items():
                parameter.copy_(state[name])

    def remove(self) -> None:
        """Take the adapter off the network; layers without another one become the plain layers they were."""
        for name, layer in self._layers.items():
            others = [active for active in layer.active_adapters if active != self._name]
            layer.delete_adapter(self._name)
            _activate(layer, others)
            if not layer.lora_A:
                self._network.set_submodule(name, layer.get_base_layer())
        self._layers = {}
        network: Any = self._network  # peft keeps its configs by adapter name in an attribute of the network
        del network.peft_config[self._name]
        if not network.peft_config:
            del network.peft_config

    def _named(self) -> dict[str, nn.Parameter]:
        return {
            f"{module}.{half}.weight": getattr(layer, half)[self._name].weight
            for module, layer in self._layers.items()
            for half in ("lora_A", "lora_B")
        }

    def _initialise(self, seed: int) -> None:
        generator = torch.Generator("cpu").manual_seed(seed)
        for layer in self._layers.values():
            for half in (layer.lora_A[self._name], layer.lora_B[self._name]):
                half.to(self._dtype).requires_grad_(True)
            down, up = layer.lora_A[self._name].weight, layer.lora_B[self._name].weight  # (r, in, …), (out, r, …)
            drawn = nn.init.kaiming_uniform_(torch.empty(down.shape), a=math.sqrt(5), generator=generator)
            with torch.no_grad():
                down.copy_(drawn)
                up.zero_()

    def _set_strength(self, strength: float) -> None:
        self._strength = strength
        for layer in self._layers.values():
            layer.set_scale(self._name, strength)


@contextlib.contextmanager
def adapters_off(network: nn.Module) -> Iterator[None]:
    """Within it the network computes what it would without any adapter, whoever added one."""
    before = [(layer, list(layer.active_adapters)) for layer in _layers(network).values()]
    for layer, _ in before:
        _activate(layer, [])
    try:
        yield
    finally:
        for layer, active in before:
            _activate(layer, active)


def _layers(network: nn.Module) -> dict[str, Any]:
    # Any: peft's layers are untyped mix-ins of nn.Module.
    return {name: module for name, module in network.named_modules() if isinstance(module, LoraLayer)}


def _activate(layer: Any, names: list[str]) -> None:
    """Make exactly these adapters active.

    peft's own `set_adapter` also switches requires_grad, which has to stay as it is, and visits all parameters for it.
    """
    layer._active_adapter = names
