"""As much of ComfyUI as the pack touches, written from the public V3 interface, and the pack loaded as ComfyUI does."""

import asyncio
import importlib.util
import json
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


class Interrupted(Exception):
    """ComfyUI's InterruptProcessingException."""


@dataclass
class Clip:
    """A CLIP object: its patcher holds its patches."""

    patches: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def patcher(self) -> Any:
        return self


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


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread of its own: the browser tests' event loop may still be running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()


def _load_torch_file(path: str, safe_load: bool = False) -> dict[str, torch.Tensor]:
    assert safe_load
    return load_file(path)


def _load_lora_for_models(
    model: Model, clip: Clip | None, lora: dict[str, torch.Tensor], strength: float, clip_strength: float
) -> Any:
    patches = {name: list(has) for name, has in model.patches.items()}
    for name in model.weights:
        if f"lora_unet_{name}.lora_up.weight" in lora:
            patches.setdefault(name, []).append((strength, lora[f"lora_unet_{name}.lora_up.weight"]))
    texts = {name: [(clip_strength, lora[name])] for name in lora if name.startswith("lora_te") and "up" in name}
    return Model(model.config, model.kind, model.weights, patches), clip and Clip({**clip.patches, **texts})


@dataclass
class Hooks:
    """A HookGroup: weight patches (strength, weights) that act while its conditioning is predicted."""

    patches: list[tuple[float, dict[str, torch.Tensor]]] = field(default_factory=list)


def _create_hook_lora(lora: dict[str, torch.Tensor], strength_model: float, strength_clip: float) -> Hooks:
    assert strength_clip == 0
    return Hooks([(strength_model, lora)])


def _set_hooks_for_conditioning(conditioning: Any, hooks: Hooks) -> Any:
    """A copy in which the hooks act in addition to earlier ones."""
    return [
        [text, {**facts, "hooks": Hooks([*facts.get("hooks", Hooks()).patches, *hooks.patches])}]
        for text, facts in conditioning
    ]


def acting(model: Model, conditioning: Any) -> dict[str, torch.Tensor]:
    """What is added to each weight of `model` while `conditioning` is predicted: the sum of strength·B over patches."""
    lines = [(s, name, up) for name, has in model.patches.items() for s, up in has]
    for s, lora in conditioning[0][1].get("hooks", Hooks()).patches:
        lines += [(s, name, lora[f"lora_unet_{name}.lora_up.weight"]) for name in model.weights]
    added: dict[str, torch.Tensor] = {}
    for s, name, up in lines:
        added[name] = added.get(name, torch.zeros(up.shape)) + s * up.float()
    return added


class _Routes:
    """aiohttp's table of routes, as far as it is used."""

    def __init__(self) -> None:
        self.handlers: dict[tuple[str, str], Any] = {}

    def get(self, path: str) -> Any:
        return lambda handler: self.handlers.setdefault(("GET", path), handler)

    def post(self, path: str) -> Any:
        return lambda handler: self.handlers.setdefault(("POST", path), handler)


@dataclass
class Request:
    """What a handler reads of a request."""

    match_info: dict[str, str] = field(default_factory=dict)
    body: str = "{}"

    async def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeComfy:
    """What a test looks at: the node classes, the lora folders, the texts drawn on nodes, what pages were told."""

    lora_folders: list[str] = field(default_factory=list)
    drawn: list[tuple[str, str]] = field(default_factory=list)
    told: list[tuple[str, Any]] = field(default_factory=list)
    routes: _Routes = field(default_factory=_Routes)
    hidden: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(unique_id="7", prompt=None))
    interrupted: bool = False
    pack: Any = None
    node: Any = None  # Load Preference Adapter
    guided: Any = None  # Load Adapter for Guidance
    send: Any = None
    choose: Any = None

    def call(self, method: str, path: str, request: Request | None = None) -> Any:
        """What a route answers."""
        return run(self.routes.handlers[method, path](request or Request()))

    def check_interrupted(self) -> None:
        if self.interrupted:
            self.interrupted = False  # ComfyUI forgets it too, once it was heard
            raise Interrupted


def _install(monkeypatch: pytest.MonkeyPatch, fake: FakeComfy) -> None:
    kind = SimpleNamespace(Input=_Port, Output=_Port)
    io = SimpleNamespace(
        ComfyNode=type("ComfyNode", (), {"hidden": fake.hidden}),
        Schema=SimpleNamespace,
        NodeOutput=lambda *values: values,
        Hidden=SimpleNamespace(unique_id="UNIQUE_ID", prompt="PROMPT"),
        **dict.fromkeys(("Model", "Clip", "Conditioning", "Image", "Combo", "Float", "Int", "String"), kind),
    )
    server = SimpleNamespace(
        send_progress_text=lambda text, node: fake.drawn.append((text, node)),
        send_sync=lambda event, data: fake.told.append((event, data)),
        routes=fake.routes,
    )
    web = SimpleNamespace(
        json_response=lambda data, status=200: (status, data),
        Response=lambda status=200, **content: (status, content.get("body") or content.get("text")),
    )
    modules: dict[str, dict[str, Any]] = {
        "comfy": {},
        "comfy.model_management": {"throw_exception_if_processing_interrupted": fake.check_interrupted},
        "comfy.hooks": {
            "create_hook_lora": _create_hook_lora,
            "set_hooks_for_conditioning": _set_hooks_for_conditioning,
        },
        "comfy.sd": {"load_lora_for_models": _load_lora_for_models},
        "comfy.utils": {"load_torch_file": _load_torch_file},
        "comfy_api": {},
        "comfy_api.latest": {"io": io, "ComfyExtension": type("ComfyExtension", (), {})},
        "folder_paths": {
            "get_folder_paths": lambda kind: {"loras": fake.lora_folders}[kind],
            "add_model_folder_path": lambda kind, folder: {"loras": fake.lora_folders}[kind].append(folder),
        },
        "server": {"PromptServer": SimpleNamespace(instance=server)},
        "aiohttp": {"web": web},
    }
    for name, content in modules.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    parts = ("sd", "utils", "hooks", "model_management")
    vars(sys.modules["comfy"]).update({part: sys.modules[f"comfy.{part}"] for part in parts})


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
    for part in ("", *(f".{path.stem}" for path in (repository / "comfy_nodes").glob("*.py"))):
        monkeypatch.setitem(sys.modules, name + part, pack)  # so that monkeypatch takes them away again
        del sys.modules[name + part]
    sys.modules[name] = pack
    spec.loader.exec_module(pack)
    extension = run(pack.comfy_entrypoint())  # ComfyUI 0.8.0 calls no more than this and get_node_list
    fake.pack = sys.modules[f"{name}.nodes"]
    fake.node, fake.guided, fake.send, fake.choose = run(extension.get_node_list())
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
