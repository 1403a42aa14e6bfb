"""Images as other tools write them, each with its own picture: an import must keep reading them in the same way."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.exchange import comfy_graphs as graphs
from tests.images.image_files import (
    ASCII,
    MODEL,
    UNDEFINED,
    USER_COMMENT,
    hidden,
    international,
    jpeg,
    packed,
    png,
    scene,
    text,
    tiff,
    unicode_comment,
    webp,
)

_A1111 = (
    "a tower, (stone:1.2)\nin a storm <lora:inkLora:0.6>\nNegative prompt: blurry,\nlow contrast\n"
    "Steps: 24, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 987654321, Size: 640x448, "
    "Model hash: 0a1b2c3d4e, Model: landscapes_v3, Denoising strength: 0.35, Clip skip: 2, Hires upscale: 1.5, "
    'Lora hashes: "inkLora: cafe0123beef", Version: v1.10.1'
)
_FORGE = (
    "霧の中の塔\nSteps: 8, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 11, "
    "Size: 1152x896, Model hash: 00ff00ff00, Model: flux1-dev-bnb-nf4, Version: f2.0.1"
)
_OLD = "a bridge\nSteps: 40, Sampler: Euler a, CFG scale: 9, Seed: 4, Size: 512x512"
_FOOOCUS = {
    "base_model": "landscapesXL_v2", "base_model_hash": "1234abcd56", "full_prompt": ["a mill, cinematic", "a mill"],
    "guidance_scale": 4.5, "loras": [["offset", 0.2, "77aa88bb99"], ["None", 1.0, ""]], "metadata_scheme": "fooocus",
    "negative_prompt": "blurry", "prompt": "a mill", "refiner_model": "None", "resolution": "(1216, 832)",
    "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "555", "steps": 30, "version": "Fooocus v2.5.5",
}  # fmt: skip
_FOOOCUS_AS_A1111 = (
    "cinematic a harbour, sharp\nNegative prompt: ugly\nSteps: 30, Sampler: DPM++ 2M SDE, Seed: 556, Size: 1152x896, "
    "CFG scale: 4, Model: landscapesXL_v2, Model hash: 1234abcd56, Scheduler: karras, Raw prompt: a harbour, "
    'Raw negative prompt: , Lora hashes: "offset: 77aa", Lora weights: "offset: 0.5", Version: Fooocus v2.5.5'
)
_FOOOCUS_OLD = {
    "Prompt": "a quay", "Negative Prompt": "people", "Seed": 5, "Resolution": "(896, 1152)", "Guidance Scale": 7,
    "Base Model": "xl_base_1.0.safetensors", "Sampler": "dpmpp_2m", "LoRA 1": "offset.safetensors : 0.5",
}  # fmt: skip
_INVOKE_3 = {
    "app_version": "3.4.0", "generation_mode": "txt2img", "positive_prompt": "a dune", "negative_prompt": "grass",
    "width": 512, "height": 640, "seed": 31, "cfg_scale": 7.5, "steps": 30, "scheduler": "euler",
    "model": {"model_name": "landscapes-1-5", "base_model": "sd-1", "model_type": "main"},
    "loras": [{"lora": {"model_name": "ink", "base_model": "sd-1"}, "weight": 0.75}],
}  # fmt: skip
_INVOKE_5 = {
    **_INVOKE_3, "app_version": "5.6.0", "positive_prompt": "an oasis", "generation_mode": "sdxl_txt2img",
    "model": {"key": "1", "hash": "blake3:ab12", "name": "Landscapes XL", "base": "sdxl", "type": "main"},
    "loras": [{"model": {"key": "2", "hash": "blake3:cd", "name": "ink", "base": "sdxl", "type": "lora"}, "weight": 1}],
}  # fmt: skip
_NOVEL = {
    "prompt": "a forest, night", "steps": 28, "height": 1216, "width": 832, "scale": 5.5, "seed": 3409518714,
    "noise_schedule": "karras", "sampler": "k_euler_ancestral", "uc": "lowres", "signed_hash": "x",
}  # fmt: skip
_NOVEL_4 = {
    **_NOVEL,
    "v4_prompt": {
        "caption": {
            "base_caption": "a forest, noon",
            "char_captions": [{"char_caption": "an owl", "centers": [{"x": 0.5, "y": 0.5}]}],
        },
    },
    "v4_negative_prompt": {"caption": {"base_caption": "lowres", "char_captions": [{"char_caption": ""}]}},
}
_SWARM = {
    "sui_image_params": {
        "prompt": "a glacier", "negativeprompt": "snow", "model": "Folder/landscapes_xl", "seed": 8, "steps": 20,
        "cfgscale": 7.0, "width": 1024, "height": 832, "sampler": "euler", "scheduler": "karras",
        "loras": ["styles/ink"], "loraweights": ["0.5"], "swarm_version": "0.9.3.1",
    },
    "sui_models": [
        {"name": "Folder/landscapes_xl.safetensors", "param": "model", "hash": "0xd7a9"},
        {"name": "styles/ink.safetensors", "param": "loras", "hash": "0x12"},
    ],
}  # fmt: skip
_SWARM_LENIENT = '{"sui_image_params": {"prompt": "a fjord",}, "sui_extra_data": {},\n}'
_SWARM_TEXTS = {"sui_image_params": {"prompt": "ice", "seed": "7", "cfgscale": "4.5", "loras": "a,b"}}

_GRAPHS: dict[str, graphs.Graph] = {
    "simple": graphs.simple(),
    "flux": graphs.flux(),
    "controlled": graphs.controlled(),
    "crossed": graphs.controlled((1, 0)),
    "styled": graphs.styled(),
    "concatenated": graphs.concatenated(),
    "stacked": graphs.stacked(),
    "efficient": graphs.efficient(),
    "piped": graphs.piped(),
    "zeroed": graphs.zeroed(),
    "combined": graphs.combined(),
    "refined": graphs.refined(),
    "continued": graphs.continued(),
    "model-before": graphs.with_model_before(),
    "boxed": graphs.boxed(),
    "final": graphs.two_savers(),  # of two savers, the one that writes files with this name
}


def write_pack(folder: Path) -> None:
    """Write all of them into a new `folder`."""
    folder.mkdir()
    for name, content in _files():
        (folder / name).write_bytes(content)


def _files() -> Iterator[tuple[str, bytes]]:
    pictures = (scene(number) for number in range(10_000))
    comment = (USER_COMMENT, UNDEFINED, b"ASCII\0\0\0" + json.dumps(_SWARM).encode())
    yield "a1111.png", png(text("parameters", _A1111), image=next(pictures))
    yield "a1111-packed.png", png(packed("parameters", _A1111.replace("tower", "gate")), image=next(pictures))
    yield "a1111.jpg", jpeg(tiff(exif=[unicode_comment(_A1111)]), next(pictures))
    yield "a1111.webp", webp(tiff(exif=[unicode_comment(_A1111)]), next(pictures))
    yield "a1111-old.png", png(text("parameters", _OLD), image=next(pictures))
    yield "a1111-hidden.png", hidden(_A1111, scene(9_001, (128, 128)), pack=False)
    yield "forge.png", png(international("parameters", _FORGE), image=next(pictures))
    yield "forge.jpg", jpeg(tiff(exif=[unicode_comment(_FORGE, "utf-16-le")], order=">"), next(pictures))
    for name, graph in _GRAPHS.items():
        yield f"{name}_00001_.png", png(text("prompt", json.dumps(graph)), image=next(pictures))
    for names in (True, False):
        drawn = graphs.editor(graphs.simple(), names=names)
        yield f"comfy-editor-{'new' if names else 'old'}.png", png(text("workflow", drawn), image=next(pictures))
    plain = tiff([(MODEL, ASCII, f"prompt:{json.dumps(graphs.simple())}\0".encode())])
    yield "comfy.webp", webp(plain, next(pictures))
    scheme = text("fooocus_scheme", "fooocus")
    yield "fooocus.png", png(text("parameters", json.dumps(_FOOOCUS)), scheme, image=next(pictures))
    yield "fooocus-a1111.png", png(text("parameters", _FOOOCUS_AS_A1111), image=next(pictures))
    yield "fooocus-old.png", png(text("parameters", json.dumps(_FOOOCUS_OLD)), image=next(pictures))
    yield "invoke-3.png", png(text("invokeai_metadata", json.dumps(_INVOKE_3)), image=next(pictures))
    yield "invoke-5.png", png(packed("invokeai_metadata", json.dumps(_INVOKE_5)), image=next(pictures))
    yield "novel-3.png", png(*_novel(_NOVEL), image=next(pictures))
    yield "novel-4.png", png(*_novel(_NOVEL_4), image=next(pictures))
    yield "swarm.png", png(international("parameters", json.dumps(_SWARM, indent=2)), image=next(pictures))
    yield "swarm.webp", webp(tiff(exif=[comment]), next(pictures))
    yield "swarm-lenient.png", png(text("parameters", _SWARM_LENIENT), image=next(pictures))
    yield "swarm-texts.png", png(text("parameters", json.dumps(_SWARM_TEXTS)), image=next(pictures))


def _novel(comment: dict[str, Any]) -> list[bytes]:
    texts = {
        "Title": "NovelAI generated image",
        "Description": comment["prompt"],
        "Software": "NovelAI",
        "Source": "Stable Diffusion XL C1E1DE52",
        "Comment": json.dumps(comment),
    }
    return [text(key, value) for key, value in texts.items()]
