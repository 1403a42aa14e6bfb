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


def styled() -> Graph:
    graph = simple()
    graph["30"] = node("SDXLPromptStyler", text_positive="{prompt} in oil", text_negative="photo", style="oil")
    graph["6"]["inputs"]["text"], graph["7"]["inputs"]["text"] = ["30", 0], ["30", 1]
    return graph


def concatenated() -> Graph:
    graph = simple()
    graph["30"] = node("PrimitiveString", value="a glass bottle")
    graph["31"] = node("StringConcatenate", string_a=["30", 0], string_b="on sand", delimiter=", ")
    graph["6"]["inputs"]["text"] = ["31", 0]
    return graph


def stacked() -> Graph:
    graph = simple()
    first = {"on": True, "lora": "a\\one.safetensors", "strength": 0.5}
    second = {"on": False, "lora": "two.safetensors", "strength": 1}
    graph["30"] = node("Power Lora Loader (rgthree)", model=["31", 0], clip=["4", 1], lora_1=first, lora_2=second)
    graph["31"] = node(
        "CR LoRA Stack", model=["4", 0], lora_name_1="three.safetensors", model_weight_1=0.25, switch_1="On",
        lora_name_2="four.safetensors", model_weight_2=1, switch_2="Off",
    )  # fmt: skip
    return sampling(graph, model=["30", 0])


def efficient() -> Graph:
    return {
        "1": node(
            "Efficient Loader", ckpt_name="xl.safetensors", vae_name="Baked VAE", clip_skip=-1, lora_name="None",
            positive="a tower", negative="fog", empty_latent_width=1024, empty_latent_height=1024,
        ),
        "2": node(
            "KSampler (Efficient)", seed=["3", 0], steps=30, cfg=5.5, sampler_name="dpmpp_2m", scheduler="karras",
            model=["1", 0], positive=["1", 1], negative=["1", 2], latent_image=["1", 3],
        ),
        "3": node("Seed (rgthree)", seed=42),
        "4": node("SaveImage", filename_prefix="E", images=["2", 5]),
    }  # fmt: skip


def piped() -> Graph:
    graph = simple()
    del graph["3"]
    graph["30"] = node("ToBasicPipe", model=["4", 0], clip=["4", 1], vae=["4", 2], positive=["6", 0], negative=["7", 0])
    graph["3"] = node("ImpactKSamplerBasicPipe", basic_pipe=["30", 0], seed=9, steps=8, cfg=2.0, latent_image=["5", 0])
    return graph


def two_savers() -> Graph:
    """The second saver's file is read; the first one's sampler draws something else."""
    graph = simple()
    graph["60"] = node("CLIPTextEncode", text="a first draft", clip=["4", 1])
    graph["30"] = {**graph["3"], "inputs": {**graph["3"]["inputs"], "positive": ["60", 0], "seed": 1}}
    graph["80"] = node("VAEDecode", samples=["30", 0], vae=["4", 2])
    drafts = {"1": node("SaveImage", filename_prefix="out/draft", images=["80", 0])}
    graph["9"]["inputs"]["filename_prefix"] = "out/%date:yyyy%/final"
    return {**drafts, **graph}


def zeroed() -> Graph:
    return sampling(
        {**simple(), "20": node("ConditioningZeroOut", conditioning=["6", 0])},
        negative=["20", 0],
    )


def combined() -> Graph:
    graph = simple()
    graph["20"] = node("ConditioningCombine", conditioning_1=["6", 0], conditioning_2=["21", 0])
    graph["21"] = node(
        "CLIPTextEncodeSDXL", text_g="a bottle", text_l="a bottle", width=4096, height=4096, clip=["4", 1]
    )
    return sampling(graph, positive=["20", 0])


def looped() -> Graph:
    graph = simple()
    graph["20"] = node("ConditioningSetArea", conditioning=["21", 0])
    graph["21"] = node("ConditioningSetMask", conditioning=["20", 0])
    return sampling(graph, positive=["20", 0])


def refined() -> Graph:
    """Two passes: the first one began the image, the second one gives it its size."""
    graph = simple()
    again = {**graph["3"]["inputs"], "seed": 2, "steps": 8, "latent_image": ["41", 0]}
    graph["40"] = node("KSampler", **again)
    graph["41"] = node("LatentUpscale", samples=["3", 0], width=1024, height=1536)
    graph["8"]["inputs"]["samples"] = ["40", 0]
    return graph


def continued() -> Graph:
    """A base model and a refiner, which continues with the base's noise."""
    graph = simple()
    graph["3"]["class_type"], graph["3"]["inputs"]["add_noise"] = "KSamplerAdvanced", "enable"
    graph["3"]["inputs"]["noise_seed"] = graph["3"]["inputs"].pop("seed")
    graph["44"] = node("CheckpointLoaderSimple", ckpt_name="refiner.safetensors")
    again = {
        **graph["3"]["inputs"],
        "noise_seed": 0,
        "add_noise": "disable",
        "model": ["44", 0],
        "latent_image": ["3", 0],
    }
    graph["40"] = node("KSamplerAdvanced", **again)
    graph["8"]["inputs"]["samples"] = ["40", 0]
    return graph


def with_model_before(kind: str = "ApplyStyle") -> Graph:
    """A node that gives out model, positive and negative in this order."""
    graph = simple()
    graph["20"] = node(kind, model=["4", 0], positive=["6", 0], negative=["7", 0])
    return sampling(graph, model=["20", 0], positive=["20", 1], negative=["20", 2])


def boxed() -> Graph:
    """A text for a part of the picture, on top of the prompt's own."""
    graph = simple()
    graph["20"] = node("GLIGENTextboxApply", conditioning_to=["6", 0], clip=["4", 1], text="sun", width=144, x=0)
    return sampling(graph, positive=["20", 0])


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
