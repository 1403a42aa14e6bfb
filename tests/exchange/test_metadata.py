"""What images of other tools say about their making: each tool, version and container, byte by byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from sdpo_core.exchange.metadata import READERS, read_made_with
from sdpo_core.images.files import decode_image
from sdpo_core.workspace.records import MadeWith, NamedLora
from tests.exchange.comfy_graphs import (
    SIMPLE,
    boxed,
    combined,
    concatenated,
    continued,
    controlled,
    editor,
    efficient,
    flux,
    looped,
    node,
    piped,
    refined,
    sampling,
    simple,
    stacked,
    styled,
    two_savers,
    with_model_before,
    zeroed,
)
from tests.images.image_files import (
    ASCII,
    MAKE,
    MAKER_NOTE,
    MODEL,
    SHORT,
    SOFTWARE,
    UNDEFINED,
    USER_COMMENT,
    chunk,
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

Case = tuple[str, bytes, dict[str, Any]]


def lora(name: str, strength: float = 1.0, sha: str = "") -> NamedLora:
    return NamedLora(name=name, strength=strength, hash=sha)


# ------------------------------------------------------------------------------------------------------- A1111, Forge

A1111 = (
    "a castle, (red:1.2)\non a hill <lora:castleLora:0.8>\nNegative prompt: blurry,\nugly\n"
    "Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, Seed: 1234567890, Size: 512x768, "
    "Model hash: 879db523c3, Model: dreamshaper_8, Denoising strength: 0.4, Clip skip: 2, Hires upscale: 2, "
    'Lora hashes: "castleLora: deadbeef0123", Version: v1.10.1'
)
A1111_SAYS: dict[str, Any] = {
    "tool": "A1111/Forge",
    "prompt": "a castle, (red:1.2)\non a hill <lora:castleLora:0.8>",
    "negative": "blurry,\nugly",
    "seed": 1234567890,
    "steps": 20,
    "guidance": 7.5,
    "sampler": "DPM++ 2M",
    "scheduler": "Karras",
    "width_px": 512,
    "height_px": 768,
    "model": "dreamshaper_8",
    "model_hash": "879db523c3",
    "loras": (lora("castleLora", 0.8, "deadbeef0123"),),
}
FORGE = (
    "猫が屋根の上に\nSteps: 4, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 7, "
    "Size: 896x1152, Model hash: c161224931, Model: flux1-dev-bnb-nf4, Version: f2.0.1v1.10.1-previous-659-gc055f2d"
)
FORGE_SAYS = {"prompt": "猫が屋根の上に", "negative": "", "guidance": 1.0, "seed": 7, "model": "flux1-dev-bnb-nf4"}
OLD = "a cat\nSteps: 50, Sampler: Euler a, CFG scale: 7, Seed: 3, Size: 512x512"

A1111_CASES: list[Case] = [
    ("png tEXt", png(text("parameters", A1111)), A1111_SAYS),
    ("png iTXt", png(international("parameters", FORGE)), FORGE_SAYS),
    ("png iTXt packed", png(international("parameters", FORGE, pack=True)), FORGE_SAYS),
    ("png zTXt", png(packed("parameters", A1111)), A1111_SAYS),
    ("png tEXt in UTF-8", png(text("parameters", FORGE.encode())), FORGE_SAYS),
    ("png tEXt in Latin-1", png(text("parameters", "un café\n" + OLD[6:])), {"prompt": "un café", "seed": 3}),
    ("jpeg", jpeg(tiff(exif=[unicode_comment(A1111)])), A1111_SAYS),
    ("jpeg of a big-endian writer", jpeg(tiff(exif=[unicode_comment(A1111)], order=">")), A1111_SAYS),
    ("jpeg with little-endian text", jpeg(tiff(exif=[unicode_comment(A1111, "utf-16-le")])), A1111_SAYS),
    ("jpeg in Japanese", jpeg(tiff(exif=[unicode_comment(FORGE)])), FORGE_SAYS),
    ("jpeg, Japanese, little-endian", jpeg(tiff(exif=[unicode_comment(FORGE, "utf-16-le")])), FORGE_SAYS),
    ("webp", webp(tiff(exif=[unicode_comment(A1111)])), A1111_SAYS),
    ("webp with JPEG's prefix", webp(b"Exif\0\0" + tiff(exif=[unicode_comment(A1111)])), A1111_SAYS),
    (
        "jpeg in ASCII",
        jpeg(tiff(exif=[(USER_COMMENT, UNDEFINED, b"ASCII\0\0\0" + A1111.encode())])),
        A1111_SAYS,
    ),
    ("png with EXIF", png(chunk(b"eXIf", tiff(exif=[unicode_comment(A1111)]))), A1111_SAYS),
    ("old", png(text("parameters", OLD)), {"prompt": "a cat", "model": "", "scheduler": "", "seed": 3}),
    ("no prompt", png(text("parameters", OLD[6:])), {"prompt": "", "steps": 50, "width_px": 512}),
    ("nothing but a prompt", png(text("parameters", "a cat")), {"prompt": "a cat", "seed": None, "steps": None}),
    (
        "lines of an extension behind the settings",
        png(text("parameters", f"{OLD}\nTemplate: {{a|b}} cat\nNegative Template: none")),
        {"prompt": "a cat", "seed": 3, "height_px": 512},
    ),
    (
        "a wildcard in front and quoted values",
        png(text("parameters", '{a|b} cat\r\nSteps: 9, Model: "x: y, z", Lora hashes: "p: 1, q: 2", Seed: 5')),
        {"prompt": "{a|b} cat", "model": "x: y, z", "seed": 5, "loras": (lora("p", 1.0, "1"), lora("q", 1.0, "2"))},
    ),
]

# ------------------------------------------------------------------------------------------------------------ ComfyUI

COMFY_WEBP = tiff(
    [
        (MODEL, ASCII, f"prompt:{json.dumps(simple())}\0".encode()),
        (MAKE, ASCII, f"workflow:{editor(simple())}\0".encode()),
    ]
)
COMFY_ANIMATED = chunk(b"comf", b"prompt\0" + json.dumps(simple()).encode("latin-1"))


def comfy(graph: dict[str, Any]) -> bytes:
    return png(text("prompt", json.dumps(graph)), text("workflow", editor(simple())))


COMFY_CASES: list[Case] = [
    ("base and refiner", comfy(continued()), SIMPLE),
    ("model, positive, negative", comfy(with_model_before()), SIMPLE),
    ("a text for a part", comfy(boxed()), {**SIMPLE, "prompt": "a glass bottle, sun"}),
    ("default", comfy(simple()), {"tool": "ComfyUI", **SIMPLE}),
    ("only the prompt", png(text("prompt", json.dumps(simple()))), SIMPLE),
    ("only the workflow", png(text("workflow", editor(simple()))), SIMPLE),
    (
        "only an older workflow",
        png(text("workflow", editor(simple(), names=False))),
        SIMPLE,
    ),
    (
        "only the oldest workflow",
        png(text("workflow", editor(simple(), names=False).replace('"randomize"', "true"))),
        SIMPLE,
    ),
    ("webp", webp(COMFY_WEBP), SIMPLE),
    (
        "jpeg of a pack that puts objects into the comment",
        jpeg(tiff(exif=[unicode_comment(json.dumps({"prompt": simple(), "workflow": {}}))])),
        SIMPLE,
    ),
    ("webp of a pack with capitals", webp(tiff([(MODEL, ASCII, b"Prompt: " + json.dumps(simple()).encode())])), SIMPLE),
    ("animated png", png(after=[COMFY_ANIMATED]), SIMPLE),
    ("NaN in it", comfy(sampling(simple(), is_changed=float("nan"))), SIMPLE),
    (
        "flux",
        comfy(flux()),
        {
            "prompt": "a cat, a cat on a roof", "negative": "", "seed": 219670278747233, "steps": 28, "guidance": None,
            "sampler": "euler", "scheduler": "simple", "model": "flux1-dev", "loras": (lora("mine", 0.75),),
            "width_px": 1024, "height_px": 1152,
        },
    ),
    ("controlnet", comfy(controlled()), SIMPLE),
    ("controlnet, sides crossed", comfy(controlled((1, 0))), {"prompt": "watermark", "negative": "a glass bottle"}),
    ("styler", comfy(styled()), {"prompt": "{prompt} in oil", "negative": "photo"}),
    ("concatenation", comfy(concatenated()), {"prompt": "a glass bottle, on sand"}),
    ("lora stacks", comfy(stacked()), {**SIMPLE, "loras": (lora("one", 0.5), lora("three", 0.25))}),
    (
        "efficiency nodes",
        comfy(efficient()),
        {"prompt": "a tower", "negative": "fog", "seed": 42, "guidance": 5.5, "model": "xl", "loras": ()},
    ),
    ("pipe", comfy(piped()), {**{k: SIMPLE[k] for k in ("prompt", "negative", "model", "width_px")}, "seed": 9}),
    ("zeroed negative", comfy(zeroed()), {**SIMPLE, "negative": ""}),
    ("combined conditionings", comfy(combined()), {"prompt": "a glass bottle, a bottle"}),
    ("a loop of links", png(text("prompt", json.dumps(looped()))), {"prompt": "", "negative": "watermark"}),
    ("two passes", comfy(refined()), {**SIMPLE, "width_px": 1024, "height_px": 1536}),
    ("no sampler", comfy({"1": node("SomeCloudImage", prompt="a fox", seed=1)}), {"prompt": "a fox"}),
]  # fmt: skip

# ----------------------------------------------------------------------------------------------------------- InvokeAI

INVOKE_3 = {
    "app_version": "3.4.0", "generation_mode": "txt2img", "positive_prompt": "a fox", "negative_prompt": "",
    "width": 512, "height": 640, "seed": 3, "rand_device": "cpu", "cfg_scale": 7.5, "steps": 30, "scheduler": "euler",
    "model": {"model_name": "stable-diffusion-v1-5", "base_model": "sd-1", "model_type": "main"},
    "loras": [{"lora": {"model_name": "ink", "base_model": "sd-1"}, "weight": 0.75}],
}  # fmt: skip
INVOKE_5 = {
    **INVOKE_3, "app_version": "5.6.0", "generation_mode": "sdxl_txt2img", "positive_style_prompt": "",
    "model": {"key": "0f2…", "hash": "blake3:ab12", "name": "Juggernaut XL v9", "base": "sdxl", "type": "main"},
    "loras": [{"model": {"key": "1", "hash": "blake3:cd", "name": "ink", "base": "sdxl", "type": "lora"}, "weight": 1}],
}  # fmt: skip
INVOKE_SAYS: dict[str, Any] = {
    "tool": "InvokeAI", "prompt": "a fox", "negative": "", "seed": 3, "steps": 30, "guidance": 7.5, "sampler": "euler",
    "width_px": 512, "height_px": 640,
}  # fmt: skip
INVOKE_CASES: list[Case] = [
    (
        "version 3",
        png(text("invokeai_metadata", json.dumps(INVOKE_3)), text("invokeai_graph", "{}")),
        {**INVOKE_SAYS, "model": "stable-diffusion-v1-5", "loras": (lora("ink", 0.75),)},
    ),
    (
        "version 5",
        png(text("invokeai_metadata", json.dumps(INVOKE_5))),
        {
            **INVOKE_SAYS,
            "model": "Juggernaut XL v9",
            "model_hash": "blake3:ab12",
            "loras": (lora("ink", 1.0, "blake3:cd"),),
        },
    ),
    (
        "version 4 with null fields, packed",
        png(packed("invokeai_metadata", json.dumps({**INVOKE_5, "model": None, "loras": None, "seed": None}))),
        {"prompt": "a fox", "model": "", "loras": (), "seed": None},
    ),
]

# ------------------------------------------------------------------------------------------------------------ Fooocus

FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8", "base_model_hash": "aeb7e9e689",
    "full_negative_prompt": ["blurry"], "full_prompt": ["a fox, cinematic", "a fox, sharp"], "guidance_scale": 4,
    "loras": [["sd_xl_offset", 0.1, "4852686128"], ["None", 1.0, ""]], "metadata_scheme": "fooocus",
    "negative_prompt": "blurry", "performance": "Speed", "prompt": "a fox", "refiner_model": "None",
    "resolution": "(1152, 896)", "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "seed": "8021203",
    "sharpness": 2, "steps": 30, "styles": "['Fooocus V2']", "vae": "Default (model)", "version": "Fooocus v2.5.5",
}  # fmt: skip
FOOOCUS_SAYS: dict[str, Any] = {
    "tool": "Fooocus", "prompt": "a fox", "negative": "blurry", "seed": 8021203, "steps": 30, "guidance": 4.0,
    "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "model": "juggernautXL_v8", "model_hash": "aeb7e9e689",
    "width_px": 1152, "height_px": 896, "loras": (lora("sd_xl_offset", 0.1, "4852686128"),),
}  # fmt: skip
FOOOCUS_A1111 = (
    "cinematic a fox, sharp\nNegative prompt: blurry, ugly\nSteps: 30, Sampler: DPM++ 2M SDE, Seed: 8021203, "
    "Size: 1152x896, CFG scale: 4, Model: juggernautXL_v8, Model hash: aeb7e9e689, Scheduler: karras, "
    'Raw prompt: a fox, Raw negative prompt: , Lora hashes: "ink: 12ab", Lora weights: "ink: 0.5", '
    "Version: Fooocus v2.5.5"
)
FOOOCUS_OLD = {
    "Prompt": "a fox", "Negative Prompt": "", "Seed": 5, "Resolution": "(896, 1152)", "Guidance Scale": 7,
    "Base Model": "sd_xl_base_1.0_0.9vae.safetensors", "Sampler": "dpmpp_2m", "Styles": "[]",
    "LoRA 1": "ink.safetensors : 0.5",
}  # fmt: skip
FOOOCUS_CASES: list[Case] = [
    ("png", png(text("parameters", json.dumps(FOOOCUS)), text("fooocus_scheme", "fooocus")), FOOOCUS_SAYS),
    (
        "jpeg",
        jpeg(
            tiff([
                (USER_COMMENT, ASCII, json.dumps(FOOOCUS).encode() + b"\0"),
                (MAKER_NOTE, ASCII, b"fooocus\0"),
                (SOFTWARE, ASCII, b"Fooocus v2.5.5\0"),
            ])
        ),
        FOOOCUS_SAYS,
    ),
    ("webp", webp(tiff([(USER_COMMENT, ASCII, json.dumps(FOOOCUS).encode() + b"\0")])), FOOOCUS_SAYS),
    (
        "its A1111 scheme",
        png(text("parameters", FOOOCUS_A1111), text("fooocus_scheme", "a1111")),
        {
            "tool": "Fooocus", "prompt": "a fox", "negative": "", "seed": 8021203, "scheduler": "karras",
            "loras": (lora("ink", 0.5, "12ab"),), "model_hash": "aeb7e9e689", "width_px": 1152,
        },
    ),
    (
        "FooocusPlus",
        png(text("Comment", json.dumps({"Prompt": "a fox", "Base Model": "x", "Seed": "5", "Steps": 30}))),
        {"tool": "Fooocus", "prompt": "a fox", "seed": 5, "model": "x"},
    ),
    (
        "RuinedFooocus",
        png(text("parameters", json.dumps({
            "Prompt": "a fox", "Negative": "blur", "cfg": 8, "sampler_name": "dpmpp_2m", "width": 1152, "height": 896,
            "base_model_name": "x.safetensors", "loras": [["4852", "0.1 - ink.safetensors"]],
            "software": "RuinedFooocus",
        }))),
        {"tool": "Fooocus", "negative": "blur", "guidance": 8.0, "model": "x", "loras": (lora("ink", 0.1, "4852"),),
         "height_px": 896},
    ),
    (
        "old names",
        png(text("parameters", json.dumps(FOOOCUS_OLD))),
        {"tool": "Fooocus", "prompt": "a fox", "seed": 5, "model": "sd_xl_base_1.0_0.9vae", "height_px": 1152,
         "loras": (lora("ink", 0.5),)},
    ),
]  # fmt: skip

# ------------------------------------------------------------------------------------------------------------ SwarmUI

SWARM = {
    "sui_image_params": {
        "prompt": "a photo of a cat", "negativeprompt": "dog", "model": "OfficialStableDiffusion/sd_xl_base_1.0",
        "seed": 1, "steps": 20, "cfgscale": 7.0, "width": 1024, "height": 832, "sampler": "euler",
        "scheduler": "karras", "loras": ["styles/ink"], "loraweights": ["0.5"], "swarm_version": "0.9.3.1",
    },
    "sui_extra_data": {"date": "2025-01-25"},
    "sui_models": [
        {"name": "OfficialStableDiffusion/sd_xl_base_1.0.safetensors", "param": "model", "hash": "0xd7a9"},
        {"name": "styles/ink.safetensors", "param": "loras", "hash": "0x12"},
    ],
}  # fmt: skip
SWARM_SAYS: dict[str, Any] = {
    "tool": "SwarmUI", "prompt": "a photo of a cat", "negative": "dog", "seed": 1, "steps": 20, "guidance": 7.0,
    "width_px": 1024, "height_px": 832, "sampler": "euler", "scheduler": "karras", "model": "sd_xl_base_1.0",
    "model_hash": "d7a9", "loras": (lora("ink", 0.5, "12"),),
}  # fmt: skip
SWARM_TEXTS = {"sui_image_params": {"prompt": "x", "seed": "7", "cfgscale": "4.5", "loras": "a,b", "loraweights": "1"}}
SWARM_CASES: list[Case] = [
    ("png", png(international("parameters", json.dumps(SWARM, indent=2))), SWARM_SAYS),
    ("jpeg", jpeg(tiff(exif=[unicode_comment(json.dumps(SWARM), "utf-16-le")])), SWARM_SAYS),
    ("webp", webp(tiff(exif=[(USER_COMMENT, UNDEFINED, b"ASCII\0\0\0" + json.dumps(SWARM).encode())])), SWARM_SAYS),
    ("older jpeg", jpeg(tiff([(MODEL, ASCII, json.dumps(SWARM).encode() + b"\0")])), SWARM_SAYS),
    (
        "values as texts",
        png(text("parameters", json.dumps(SWARM_TEXTS))),
        {"prompt": "x", "seed": 7, "guidance": 4.5, "loras": (lora("a"), lora("b"))},
    ),
    (
        "a comma too many, as in its own documentation",
        png(text("parameters", '{"sui_image_params": {"prompt": "a cat",}, "sui_extra_data": {},\n}')),
        {"tool": "SwarmUI", "prompt": "a cat"},
    ),
]

# ------------------------------------------------------------------------------------------------------------ NovelAI

NOVEL = {
    "prompt": "1girl, forest", "steps": 28, "height": 1216, "width": 832, "scale": 5.0, "uncond_scale": 1.0,
    "cfg_rescale": 0.0, "seed": 3409518713, "n_samples": 1, "noise_schedule": "karras", "sampler": "k_euler_ancestral",
    "uc": "lowres", "request_type": "PromptGenerateRequest", "signed_hash": "x",
}  # fmt: skip
NOVEL_4 = {
    **NOVEL,
    "v4_prompt": {
        "caption": {
            "base_caption": "1girl, forest",
            "char_captions": [{"char_caption": "girl, red hair", "centers": [{"x": 0.5, "y": 0.5}]}],
        },
        "use_coords": False,
    },
    "v4_negative_prompt": {"caption": {"base_caption": "lowres", "char_captions": [{"char_caption": ""}]}},
}
NOVEL_SAYS: dict[str, Any] = {
    "tool": "NovelAI", "prompt": "1girl, forest", "negative": "lowres", "seed": 3409518713, "steps": 28,
    "guidance": 5.0, "sampler": "k_euler_ancestral", "scheduler": "karras", "width_px": 832, "height_px": 1216,
    "model": "Stable Diffusion XL", "model_hash": "C1E1DE52",
}  # fmt: skip


def novel(comment: dict[str, Any], source: str = "Stable Diffusion XL C1E1DE52") -> dict[str, str]:
    return {
        "Title": "NovelAI generated image",
        "Description": "1girl, forest",
        "Software": "NovelAI",
        "Source": source,
        "Generation time": "4.39",
        "Comment": json.dumps(comment),
    }


NOVEL_CASES: list[Case] = [
    ("version 3", png(*(text(key, value) for key, value in novel(NOVEL).items())), NOVEL_SAYS),
    (
        "version 4",
        png(*(text(key, value) for key, value in novel(NOVEL_4, "NovelAI Diffusion V4.5 4BDE2A90").items())),
        {
            **NOVEL_SAYS, "prompt": "1girl, forest | girl, red hair", "model": "NovelAI Diffusion V4.5",
            "model_hash": "4BDE2A90",
        },
    ),
    ("hidden in alpha", hidden(json.dumps(novel(NOVEL_4))), {**NOVEL_SAYS, "prompt": "1girl, forest | girl, red hair"}),
    (
        "a comment that can't be read",
        png(text("Software", "NovelAI"), text("Description", "1girl, forest"), text("Comment", "{{")),
        {"tool": "NovelAI", "prompt": "1girl, forest", "seed": None},
    ),
    ("A1111's text hidden in alpha", hidden(A1111, pack=False), A1111_SAYS),
]  # fmt: skip

ALL = {
    "a1111": A1111_CASES,
    "comfyui": COMFY_CASES,
    "invokeai": INVOKE_CASES,
    "fooocus": FOOOCUS_CASES,
    "swarmui": SWARM_CASES,
    "novelai": NOVEL_CASES,
}


@pytest.mark.parametrize(
    ("content", "says"),
    [pytest.param(content, says, id=f"{tool}: {name}") for tool, cases in ALL.items() for name, content, says in cases],
)
def test_what_a_file_says_is_read(content: bytes, says: dict[str, Any]) -> None:
    found = read_made_with(content)
    assert found
    assert {key: getattr(found, key) for key in says} == says
    assert MadeWith.model_validate_json(found.model_dump_json()) == found
    assert decode_image(content).mode == "RGB", "an image that can be read can be shown"


def test_there_are_cases_of_every_tool() -> None:
    tools = {found.tool for cases in ALL.values() for _, content, _ in cases if (found := read_made_with(content))}
    assert tools == set(READERS)


@pytest.mark.parametrize(
    ("name", "prompt"), [("draft_00001_.png", "a first draft"), ("final_00001_.png", "a glass bottle")]
)
def test_of_several_savers_the_one_that_wrote_the_file_counts(tmp_path: Path, name: str, prompt: str) -> None:
    (tmp_path / name).write_bytes(comfy(two_savers()))
    found = read_made_with(tmp_path / name)
    assert found
    assert found.prompt == prompt


@pytest.mark.parametrize(
    "content",
    [
        png(),
        png(image=scene(0).convert("RGBA")),
        jpeg(tiff([(SOFTWARE, ASCII, b"GIMP 2.10\0"), (0x0112, SHORT, b"\1\0")])),
        jpeg(tiff(exif=[(USER_COMMENT, UNDEFINED, b"ASCII\0\0\0Created with GIMP")])),
        png(text("Comment", "Created with GIMP"), text("Software", "GIMP")),
        png(text("prompt", "no graph"), text("workflow", "[]")),
        png(text("Comment", '{"by": "a camera"}')),
        b"",
        b"GIF89a",
    ],
)
def test_a_file_that_says_nothing_of_it_gives_nothing(content: bytes) -> None:
    assert read_made_with(content) is None


def test_the_plainest_statement_wins() -> None:
    both = png(text("parameters", OLD), text("prompt", json.dumps(simple())))
    found = read_made_with(both)
    assert found
    assert (found.tool, found.prompt) == ("A1111/Forge", "a cat")
    without_prompt = png(text("parameters", OLD[6:]), text("prompt", json.dumps(simple())))
    found = read_made_with(without_prompt)
    assert found
    assert (found.tool, found.prompt) == ("ComfyUI", "a glass bottle")
