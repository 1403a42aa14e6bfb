"""Graphs as ComfyUI saves them, with the inputs that the core nodes and well-known packs have."""

import json
from typing import Any

Graph = dict[str, dict[str, Any]]


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}}


def simple(**changed: dict[str, Any]) -> Graph:
    """The default workflow."""
    return {
        "3": node(
            "KSampler",
            seed=156680208700286,
            steps=20,
            cfg=8,
            sampler_name="euler",
            scheduler="normal",
            denoise=1,
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="sd15\\v1-5-pruned-emaonly.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "6": node("CLIPTextEncode", text="a glass bottle", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="watermark", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
        **changed,
    }


def sampling(graph: Graph, **inputs: Any) -> Graph:
    """`graph` with inputs of its sampler changed."""
    graph["3"]["inputs"].update(inputs)
    return graph


SIMPLE: dict[str, Any] = {
    "prompt": "a glass bottle",
    "negative": "watermark",
    "seed": 156680208700286,
    "steps": 20,
    "guidance": 8.0,
    "sampler": "euler",
    "scheduler": "normal",
    "width_px": 512,
    "height_px": 768,
    "model": "v1-5-pruned-emaonly",
}


def flux() -> Graph:
    """A custom sampler with a guider that has no negative side, and every number in a node of its own."""
    return {
        "6": node("CLIPTextEncodeFlux", clip=["11", 0], clip_l="a cat", t5xxl="a cat on a roof", guidance=3.5),
        "8": node("VAEDecode", samples=["13", 0], vae=["10", 0]),
        "9": node("SaveImage", filename_prefix="Flux", images=["8", 0]),
        "13": node(
            "SamplerCustomAdvanced",
            noise=["25", 0],
            guider=["22", 0],
            sampler=["16", 0],
            sigmas=["17", 0],
            latent_image=["27", 0],
        ),
        "12": node("UNETLoader", unet_name="flux1-dev.safetensors", weight_dtype="default"),
        "16": node("KSamplerSelect", sampler_name="euler"),
        "17": node("BasicScheduler", scheduler="simple", steps=28, denoise=1, model=["30", 0]),
        "22": node("BasicGuider", model=["30", 0], conditioning=["26", 0]),
        "25": node("RandomNoise", noise_seed=219670278747233),
        "26": node("FluxGuidance", guidance=3.5, conditioning=["6", 0]),
        "27": node("EmptySD3LatentImage", width=1024, height=1152, batch_size=1),
        "30": node("LoraLoaderModelOnly", lora_name="styles/mine.safetensors", strength_model=0.75, model=["12", 0]),
    }


def controlled(side_of_sampler: tuple[int, int] = (0, 1)) -> Graph:
    """A ControlNet that passes both conditionings on, in the order of its outputs."""
    graph = simple()
    graph["20"] = node(
        "ControlNetApplyAdvanced", positive=["6", 0], negative=["7", 0], control_net=["21", 0], image=["22", 0]
    )
    graph["21"] = node("ControlNetLoader", control_net_name="canny.safetensors")
    graph["22"] = node("LoadImage", image="sketch.png")
    return sampling(graph, positive=["20", side_of_sampler[0]], negative=["20", side_of_sampler[1]])


def editor(graph: Graph, *, names: bool = True) -> str:
    """The editor's form of the default workflow; older versions do not name the widgets."""
    links: list[list[Any]] = []
    nodes: list[dict[str, Any]] = []
    for number, one in graph.items():
        entries: list[dict[str, Any]] = []
        widgets: list[Any] = []
        for name, value in one["inputs"].items():
            if isinstance(value, list):
                links.append([len(links) + 1, int(value[0]), value[1], int(number), len(entries), "*"])
                entries.append({"name": name, "type": "*", "link": len(links)})
            else:
                widgets.append(value)
                if names:
                    entries.append({"name": name, "type": "*", "widget": {"name": name}, "link": None})
                if name == "seed":
                    widgets.append("randomize")
        nodes.append(
            {
                "id": int(number),
                "type": one["class_type"],
                "mode": 0,
                "inputs": entries,
                "widgets_values": widgets,
            }
        )
    return json.dumps({"last_node_id": 99, "nodes": nodes, "links": links, "groups": [], "version": 0.4})
