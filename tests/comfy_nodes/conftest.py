"""As much of ComfyUI as the pack touches, written from the public V3 interface, and the pack loaded as ComfyUI does."""

import asyncio
import importlib.util
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

MODULES = [f"down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_{part}" for part in ("q", "k", "v", "out_0")]


class _Port:
    def __init__(self, id: str | None = None, **options: Any) -> None:
        self.id, self.options = id, options


class SD15:
    """Name and bases of ComfyUI's config class decide a model's family."""


class SDXL:
    pass


class SDXLFromAnotherPack(SDXL):
    pass


@dataclass
class Model:
    """A ModelPatcher: weights by name, patches per weight, clones on change."""

    config: type = SD15
    kind: str = "EPS"
    weights: tuple[str, ...] = tuple(MODULES)
    patches: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def model(self) -> Any:
        return SimpleNamespace(model_config=self.config(), model_type=SimpleNamespace(name=self.kind))


def _run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: the browser tests' event loop may still be running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def _load_torch_file(path: str, safe_load: bool = False) -> dict[str, torch.Tensor]:
    assert safe_load
    return load_file(path)


def _load_lora_for_models(
    model: Model, clip: None, lora: dict[str, torch.Tensor], strength: float, clip_strength: float
) -> Any:
    patches = {name: list(has) for name, has in model.patches.items()}
    for name in model.weights:
        if f"lora_unet_{name}.lora_up.weight" in lora:
            patches.setdefault(name, []).append((strength, lora[f"lora_unet_{name}.lora_up.weight"]))
    return Model(model.config, model.kind, model.weights, patches), clip


@dataclass
class FakeComfy:
    """What a test looks at: the node class, the lora folders, the texts drawn on nodes."""

    lora_folders: list[str] = field(default_factory=list)
    drawn: list[tuple[str, str]] = field(default_factory=list)
    node: Any = None


def _install(monkeypatch: pytest.MonkeyPatch, fake: FakeComfy) -> None:
    kind = SimpleNamespace(Input=_Port, Output=_Port)
    io = SimpleNamespace(
        ComfyNode=type("ComfyNode", (), {"hidden": SimpleNamespace(unique_id="7")}),
        Schema=SimpleNamespace,
        NodeOutput=lambda *values: values,
        Hidden=SimpleNamespace(unique_id="UNIQUE_ID"),
        **dict.fromkeys(("Model", "Combo", "Float", "String"), kind),
    )
    server = SimpleNamespace(send_progress_text=lambda text, node: fake.drawn.append((text, node)))
    modules: dict[str, dict[str, Any]] = {
        "comfy": {},
        "comfy.sd": {"load_lora_for_models": _load_lora_for_models},
        "comfy.utils": {"load_torch_file": _load_torch_file},
        "comfy_api": {},
        "comfy_api.latest": {"io": io, "ComfyExtension": type("ComfyExtension", (), {})},
        "folder_paths": {
            "get_folder_paths": lambda kind: {"loras": fake.lora_folders}[kind],
            "add_model_folder_path": lambda kind, folder: {"loras": fake.lora_folders}[kind].append(folder),
        },
        "server": {"PromptServer": SimpleNamespace(instance=server)},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["comfy"].__dict__.update(sd=sys.modules["comfy.sd"], utils=sys.modules["comfy.utils"])


@pytest.fixture
def comfy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, repository: Path, workspace: Path) -> FakeComfy:
    """The pack, loaded from a link in custom_nodes, with the workspace told by the environment."""
    fake = FakeComfy()
    _install(monkeypatch, fake)
    link = tmp_path / "custom_nodes" / "sdpo-studio"
    link.parent.mkdir()
    if sys.platform == "win32":  # a link needs special rights there
        link = repository / "comfy_nodes"
    else:
        link.symlink_to(repository / "comfy_nodes", target_is_directory=True)
    name = str(link).replace(".", "_x_")  # as ComfyUI names the packs it loads
    spec = importlib.util.spec_from_file_location(name, link / "__init__.py", submodule_search_locations=[str(link)])
    assert spec is not None
    assert spec.loader is not None
    pack = importlib.util.module_from_spec(spec)
    for part in ("", ".nodes", ".fit", ".header", ".workspace"):
        monkeypatch.setitem(sys.modules, name + part, pack)  # so that monkeypatch takes them away again
        del sys.modules[name + part]
    sys.modules[name] = pack
    spec.loader.exec_module(pack)
    extension = _run(pack.comfy_entrypoint())  # ComfyUI 0.8.0 calls no more than this and get_node_list
    (fake.node,) = _run(extension.get_node_list())
    return fake


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A studio's workspace without adapters yet."""
    folder = tmp_path / "workspace"
    (folder / "adapters").mkdir(parents=True)
    monkeypatch.setenv("SDPO_WORKSPACE", str(folder))
    return folder


@pytest.fixture
def write_adapter(workspace: Path) -> Callable[..., Path]:
    """Writes an adapter file in the layout the studio uses, with four modules unless told otherwise."""

    def write(
        name: str, metadata: dict[str, str] | None = None, modules: list[str] = MODULES, width: int = 320
    ) -> Path:
        tensors: dict[str, torch.Tensor] = {} if modules else {"something.else": torch.ones(1)}
        for module in modules:
            tensors[f"lora_unet_{module}.lora_down.weight"] = torch.ones(2, width, dtype=torch.float16)
            tensors[f"lora_unet_{module}.lora_up.weight"] = torch.ones(width, 2, dtype=torch.float16)
            tensors[f"lora_unet_{module}.alpha"] = torch.tensor(2.0, dtype=torch.float16)
        path = workspace / "adapters" / f"{name}.safetensors"
        save_file(tensors, path, metadata or {})
        return path

    return write
