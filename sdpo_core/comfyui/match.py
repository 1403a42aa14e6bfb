"""Which of the studio's models and adapters a ComfyUI workflow uses. ComfyUI names files, but gives no hashes.

A model counts as the same if its file has the same name on both sides and neither header contradicts that; an adapter
of the workspace if its own hash is in the header that ComfyUI reads.
"""

from dataclasses import dataclass

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.checkpoints.header import read_header
from sdpo_core.checkpoints.model_info import inspect_model
from sdpo_core.comfyui.client import Client
from sdpo_core.comfyui.workflow import Workflow
from sdpo_core.errors import AdapterError, ModelError
from sdpo_core.exchange.metadata import values
from sdpo_core.workspace.records import AdapterRecord, AdapterUse
from sdpo_core.workspace.store import Store

_FOLDERS = {"ckpt_name": "checkpoints", "unet_name": "diffusion_models"}
"""Where ComfyUI keeps the files that an input of this name lists."""


@dataclass(frozen=True)
class CountsFor:
    """The model that the images of a workflow train."""

    sha256: str  # of the model; empty: not known
    sentence: str


def counts_for(client: Client, workflow: Workflow, source: str) -> CountsFor:
    """Whether the images count for the studio's model `source`; raises `ComfyUIError` when nothing answers."""
    used = workflow.made_with.model
    if not used:
        return _none("The workflow doesn't say which model it uses")
    try:
        info = inspect_model(source)
        known = read_header(info.path, ModelError)[1] if info.path.is_file() else {}
    except ModelError as error:
        return _none(f"The workflow uses {used}, and the chosen model can't be read ({error})")
    if info.is_demo or values.file_name(info.path.name).casefold() != used.casefold():
        return _none(f"The workflow uses {used}, and the chosen model is {info.name}")
    if len(workflow.models) > 1:
        return _none(f"The workflow uses several models, {', '.join(workflow.models)}")
    header = _header(client, workflow)
    if info.path.is_file() and header and known != header:
        return _none(f"The workflow's {used} has the chosen model's name, but is another file")
    return CountsFor(info.sha256, f"Its images count for {info.name}, the chosen model: the workflow uses it.")


def adapters_of(client: Client, workflow: Workflow, store: Store) -> tuple[AdapterUse, ...]:
    """The adapters that the workflow uses; one that isn't the workspace's own has no hash."""
    records = store.adapters.all()
    stock = [_stock(client, workflow, store, records, lora.name, lora.strength) for lora in workflow.loras]
    return (*stock, *_own_nodes(workflow, records))


def clip_skip_of(workflow: Workflow) -> int:
    """The clip skip that the workflow sets; 0 if it sets none."""
    layers = [values.whole(node["inputs"].get("stop_at_clip_layer")) for node in workflow.graph.values()]
    return next((abs(layer) for layer in layers if layer), 0)


def _none(why: str) -> CountsFor:
    return CountsFor(
        "",
        f"{why}. Training needs the model that made the images: choose it in the studio if it is on this machine, or "
        "train with pairs_from = all (Train, All settings, Pairs to learn from).",
    )


def _header(client: Client, workflow: Workflow) -> dict[str, object]:
    """What ComfyUI reads in the header of the workflow's model; empty when it says nothing."""
    slot = workflow.model
    folder = _FOLDERS.get(slot.input) if slot else None
    return client.metadata(folder, str(workflow.value(slot))) if slot and folder else {}


def _stock(
    client: Client, workflow: Workflow, store: Store, records: list[AdapterRecord], name: str, strength: float
) -> AdapterUse:
    """The adapter that a stock loader names, found by its file's name and by the hash in its header."""
    for record in records:
        try:
            path = store.adapters.file(record.name)
            own = read_adapter_info(path).metadata.get("sshs_model_hash")
        except AdapterError:  # gone or damaged; then it isn't what ComfyUI loads
            continue
        same_name = name.casefold() in (path.stem.casefold(), record.name.casefold())
        if same_name and own and client.metadata("loras", workflow.lora(name)).get("sshs_model_hash") == own:
            return AdapterUse(sha256=record.sha256, strength=strength)
    return AdapterUse(sha256="", strength=strength)


def _own_nodes(workflow: Workflow, records: list[AdapterRecord]) -> list[AdapterUse]:
    """The adapters that our own pack's nodes load: their input `adapter` holds the name in the workspace."""
    found = list[AdapterUse]()
    for node in workflow.graph.values():
        name, strength = node["inputs"].get("adapter"), values.number(node["inputs"].get("strength"))
        if not isinstance(name, str) or strength is None:
            continue
        latest = records[:1] if name == "latest" else [one for one in records if one.name.casefold() == name.casefold()]
        sha256, without = latest[0].sha256 if latest else "", values.number(node["inputs"].get("without_prompt"))
        found.append(AdapterUse.at(sha256, strength, unconditional=without))
    return found
