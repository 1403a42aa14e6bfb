"""What a base model is, from its configs and weight headers: no torch, no network, no code from the model."""

import json
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from sdpo_core.checkpoints.answers import known_prediction_type, remember_prediction_type
from sdpo_core.checkpoints.hashing import sha256_folder_weights, sha256_remembered
from sdpo_core.checkpoints.header import HOW_TO_CONVERT, PICKLE_SUFFIXES, read_header
from sdpo_core.checkpoints.hub_cache import find_in_cache, parse_hub_id
from sdpo_core.checkpoints.single_files import Sizes, read_checkpoint
from sdpo_core.errors import ModelError, ModelNotHere, PredictionUnknown
from sdpo_core.families import demo
from sdpo_core.families.family import Family, FamilyName, Predicts
from sdpo_core.families.table import FAMILIES, titles
from sdpo_core.paths import repository_root

DEMO = "demo"
"""The name of the model that ships in assets/demo."""

_NARROWEST_IN_COMFYUI = 320  # ComfyUI distinguishes models by their UNet's width, and this is SD1.x's
_TIME_IDS = 6  # numbers that SDXL gets about an image's size and crop
_SCHEDULER = "scheduler/scheduler_config.json"
_SUPPORTED = f"Expected {titles()} (or a model of its shape) in a folder in diffusers format"


@dataclass(frozen=True)
class ModelInfo:
    """A base model."""

    source: str  # as it was given
    path: Path  # its folder, or its file
    configs: Path  # the folder with its parts' settings: its own, or ours for a single file
    family: FamilyName
    name: str  # for a person
    sha256: str  # of the file, or over weights, configs and tokenizer; the same for every copy of the model
    native_size_px: int  # side of the images it was made for
    default_guidance: float
    is_demo: bool
    comfyui: bool  # ComfyUI can detect the model, so adapters for it work there
    prediction_type: Predicts
    zero_terminal_snr: bool  # its noise schedule ends in pure noise (arXiv 2305.08891)
    zero_empty_prompt: bool = True  # SDXL: the empty prompt is zeros, as in diffusers' pipeline


def inspect_model(source: str, prediction_type: Literal["auto", "epsilon", "v_prediction"] = "auto") -> ModelInfo:
    """Find and check a model: `demo`, a single file, a folder in diffusers format, or a hub id in the local cache.

    `prediction_type` overrides what the model says about itself; for a single file it is remembered by the file's hash.
    Reading a model's weights for their hash takes seconds the first time. Raises `ModelError` when there is no model or
    the studio can't use it.
    """
    path = find_model(source)
    if _is_file(path):
        return _inspect_file(source, path, prediction_type)
    info = _inspect_folder(source, path)
    return info if prediction_type == "auto" else replace(info, prediction_type=prediction_type)


def configs_folder(family: FamilyName) -> Path:
    """The folder with the settings of a family's parts, in diffusers format."""
    return repository_root() / "assets" / "configs" / family


def _inspect_file(source: str, path: Path, prediction_type: Literal["auto", "epsilon", "v_prediction"]) -> ModelInfo:
    checkpoint = read_checkpoint(path, family_sizes)
    family = FAMILIES[checkpoint.family]
    try:
        sha256 = sha256_remembered(path)
    except OSError as error:
        raise ModelError(f"{path} can't be read ({error.strerror}). Check the file and the disk.") from error
    if prediction_type != "auto":
        remember_prediction_type(sha256, prediction_type)
        predicts = prediction_type
    else:
        predicts = known_prediction_type(sha256) or checkpoint.prediction_type
    if predicts is None:
        raise PredictionUnknown(
            f"{path} doesn't say what it predicts, and there are two kinds of {family.title} models. Set "
            "prediction_type once (--prediction-type on the command line): 'v_prediction' for a model made for "
            f"{family.size_px} px, 'epsilon' for one made for {family.side_px('epsilon')} px. It is remembered for "
            "this file."
        )
    configs = configs_folder(family.name)
    unet, vae = (_read_json(configs / part.config) for part in (family.network, family.vae))
    other_px = family.epsilon_size_px if predicts == "epsilon" else None
    return ModelInfo(
        source=source,
        path=path,
        configs=configs,
        family=family.name,
        name=path.stem,
        sha256=sha256,
        native_size_px=other_px or _native_size_px(configs, family, unet, vae),
        default_guidance=family.guidance,
        is_demo=False,
        comfyui=_integers(configs / family.network.config, unet, "block_out_channels")[0] >= _NARROWEST_IN_COMFYUI,
        prediction_type=predicts,
        zero_terminal_snr=checkpoint.zero_terminal_snr and predicts == "v_prediction",  # as ComfyUI reads the mark
        zero_empty_prompt=False,  # as in ComfyUI, which most such files are made for
    )


def family_sizes(family: FamilyName) -> Sizes:
    """What the UNet of a family's single files must have."""
    unet = _read_json(configs_folder(family) / FAMILIES[family].network.config)
    return Sizes(
        in_channels=unet["in_channels"],
        width=unet["block_out_channels"][0],
        text_width=unet["cross_attention_dim"],
        vector_width=unet.get("projection_class_embeddings_input_dim"),
        transformer_blocks=_transformer_blocks(unet),
    )


def _transformer_blocks(unet: dict[str, Any]) -> int:
    """How many a UNet with these settings has: on the way down, in the middle, and on the way up."""
    layers, down, up = unet["layers_per_block"], unet["down_block_types"], unet["up_block_types"]
    blocks = unet.get("transformer_layers_per_block", 1)
    depths: list[int] = blocks if isinstance(blocks, list) else [blocks] * len(down)
    ways = ((layers, down, depths), (layers + 1, up, depths[::-1]))
    outer = sum(
        count * depth
        for count, kinds, each in ways
        for kind, depth in zip(kinds, each, strict=True)
        if kind.startswith("CrossAttn")
    )
    return outer + depths[-1]


def _inspect_folder(source: str, folder: Path) -> ModelInfo:
    index, name, comfyui = check_settings(folder)
    family = FAMILIES[name]
    unet, vae = (_read_json(folder / part.config) for part in (family.network, family.vae))
    scheduler = _read_json(folder / _SCHEDULER)
    weights = [path for part in family.parts for path in weight_files(folder / part.name, part.weights)]
    for path in weights:
        read_header(path, ModelError)
    is_demo = folder.resolve() == _demo_folder().resolve()
    return ModelInfo(
        source=source,
        path=folder,
        configs=folder,
        family=name,
        name=DEMO if is_demo else source if parse_hub_id(source) else folder.resolve().name,
        sha256=_sha256(folder, family, weights),
        native_size_px=_native_size_px(folder, family, unet, vae),
        default_guidance=demo.GUIDANCE if is_demo else family.guidance,
        is_demo=is_demo,
        comfyui=comfyui,
        prediction_type=_prediction_type(folder, scheduler),
        zero_terminal_snr=scheduler.get("rescale_betas_zero_snr") is True,
        zero_empty_prompt=index.get("force_zeros_for_empty_prompt", True) is True,
    )


def check_settings(folder: Path) -> tuple[dict[str, Any], FamilyName, bool]:
    """A folder's family from its settings alone, without weights; raises `ModelError` for any other kind of model.

    Returns its model_index.json, the family, and whether ComfyUI can detect the model.
    """
    index = _read_json(folder / "model_index.json")
    candidates = _of_pipeline(index.get("_class_name"))
    if not candidates:
        raise ModelError(f"{folder} is a {index.get('_class_name')}. {_SUPPORTED}; choose another model.")
    first = candidates[0]
    configs = (first.network.config, first.vae.config, first.text_encoders[0].config, _SCHEDULER)
    unet, vae, text_encoder, scheduler = (_read_json(folder / name) for name in configs)
    if str(scheduler.get("_class_name")).startswith("EDM"):
        raise ModelError(f"{folder} is an EDM model like Playground 2.5. {_SUPPORTED}; choose another model.")
    _prediction_type(folder, scheduler)
    _native_size_px(folder, first, unet, vae)
    if first.takes_pooled_and_size:
        return index, first.name, _check_pooled(folder, first, unet, text_encoder)
    return index, *_check_shape(folder, candidates, unet, text_encoder)


def weighted_parts(kind: Any) -> dict[str, str]:
    """The parts with weights of a kind of pipeline, and the file name of each without its suffix."""
    return {part.name: part.weights for family in _of_pipeline(kind)[:1] for part in family.parts}


def _of_pipeline(kind: Any) -> list[Family]:
    """The families whose folders name this class; those of one class have the same parts."""
    return [family for family in FAMILIES.values() if family.pipeline == kind]


def _demo_folder() -> Path:
    return repository_root() / "assets" / "demo"


def find_model(source: str) -> Path:
    """The file or folder that `source` means; raises `ModelError` when nothing there could be a model."""
    if source == DEMO:
        if not _is_file(_demo_folder() / "model_index.json"):
            raise ModelError(f"The demo model is missing from {_demo_folder()}. Download the studio again.")
        return _demo_folder()
    path = _expanded(source)
    if _exists(path):
        return _check_place(path)
    hub_id = parse_hub_id(source)
    if hub_id:
        found = find_in_cache(hub_id)
        if found is None or not _is_whole(found):
            raise ModelNotHere(
                f"There is no folder or file {source}, and no {'complete ' if found else ''}model with this hub id on "
                f"this machine. Check the spelling, or download it: python launch.py download {source}"
            )
        return found
    raise ModelError(
        f"There is no model at {source}. Expected a checkpoint (.safetensors), a folder in diffusers format, a hub id, "
        "or 'demo'; check the spelling."
    )


def _is_whole(path: Path) -> bool:
    """Whether a model in the cache has its weights; other kinds of models count as complete and are refused later."""
    if not path.is_dir():
        return True
    parts = weighted_parts(_read_json(path / "model_index.json").get("_class_name"))
    try:
        weights = [file for part, stem in parts.items() for file in weight_files(path / part, stem)]
    except ModelError:  # no weights at all, or only pickles left by older tools
        return False
    return all(_is_file(file) for file in weights)


def _check_place(path: Path) -> Path:
    if path.suffix.casefold() in PICKLE_SUFFIXES and _is_file(path):
        raise _pickle(path)
    if _is_file(path):
        if path.suffix.casefold() != ".safetensors":
            raise ModelError(
                f"{path} isn't a checkpoint: expected a file whose name ends in .safetensors. Choose another."
            )
        return path
    if not _is_file(path / "model_index.json"):
        raise ModelError(f"{path} has no model_index.json. {_SUPPORTED}, which has one; choose that folder.")
    return path


def _expanded(source: str) -> Path:
    try:
        return Path(source).expanduser()
    except RuntimeError as error:
        raise ModelError(
            f"There is no model at {source}: the home folder for ~ isn't known. Enter the full path."
        ) from error


def _is_file(path: Path) -> bool:
    """Whether a file exists; raises `ModelError` when that can't be checked, as in a folder without permission."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ModelError(f"{path} can't be read ({error.strerror}). Check the permissions of its folder.") from error


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False  # not a possible name on this system: too long, or on a missing drive


def _check_shape(
    folder: Path, candidates: list[Family], unet: dict[str, Any], text_encoder: dict[str, Any]
) -> tuple[FamilyName, bool]:
    """Refuse models that only look like one of these; returns the family and whether ComfyUI can detect the model."""
    wide = _check_channels(folder, candidates[0], unet)
    context, text = unet.get("cross_attention_dim"), text_encoder.get("hidden_size")
    if not isinstance(context, int) or context != text:
        raise ModelError(f"In {folder} the UNet expects text of width {context}; its text encoder makes {text}.")
    family = next((family for family in candidates if family.text_width == context), None)
    if wide and family is None:
        raise ModelError(f"{folder} has text of width {context}, like no model that the studio knows. {_SUPPORTED}.")
    return (family if wide and family else candidates[0]).name, wide


def _check_pooled(folder: Path, family: Family, unet: dict[str, Any], text_encoder: dict[str, Any]) -> bool:
    """The same for a family that takes the prompt as one vector, and the size: whether ComfyUI can detect it."""
    wide = _check_channels(folder, family, unet)
    second = _read_json(folder / family.text_encoders[1].config)
    context = unet.get("cross_attention_dim")
    vector = unet.get("projection_class_embeddings_input_dim")
    times = unet.get("addition_time_embed_dim")
    numbers = (text_encoder.get("hidden_size"), second.get("hidden_size"), second.get("projection_dim"), times)
    if unet.get("addition_embed_type") != "text_time" or not all(isinstance(number, int) for number in numbers):
        raise ModelError(f"The UNet in {folder} doesn't take the prompt as one vector and the size. {_SUPPORTED}.")
    first_width, second_width, pooled, times = cast("tuple[int, int, int, int]", numbers)
    made = (first_width + second_width, pooled + _TIME_IDS * times)
    if (context, vector) != made:
        raise ModelError(
            f"In {folder} the UNet expects text of width {context} and a vector of {vector}; its text encoders make "
            f"{made[0]} and {made[1]}. Download the model again, or choose another."
        )
    return wide and context == family.text_width


def _check_channels(folder: Path, family: Family, unet: dict[str, Any]) -> bool:
    """Refuse UNets that take more than latents; returns whether it is as wide as ComfyUI's models."""
    channels = unet.get("in_channels")
    if channels != 4:
        raise ModelError(f"The UNet in {folder} takes {channels} channels, as inpainting does. {_SUPPORTED} with 4.")
    return _integers(folder / family.network.config, unet, "block_out_channels")[0] >= _NARROWEST_IN_COMFYUI


def weight_files(part: Path, stem: str) -> list[Path]:
    """A part's weight files, full precision before half, as `models` loads them; raises `ModelError` without any."""
    for variant in ("", ".fp16"):
        single = part / f"{stem}{variant}.safetensors"
        if _is_file(single):
            return [single]
        index = part / f"{stem}.safetensors.index{variant}.json"
        if _is_file(index):
            return _shards(index)
    pickles = sorted(path for path in part.glob("*") if path.suffix.casefold() in PICKLE_SUFFIXES)
    if pickles:
        raise _pickle(pickles[0])
    raise ModelError(f"{part} has no {stem}.safetensors. The download may be incomplete; download the model again.")


def _shards(index: Path) -> list[Path]:
    match _read_json(index).get("weight_map"):
        case dict() as weight_map if weight_map:
            names = {str(name) for name in cast("dict[str, Any]", weight_map).values()}
        case _:
            raise ModelError(f"{index} names no files. Download the model again.")
    if any(Path(name).name != name for name in names):
        raise ModelError(f"{index} names files outside its folder, so it isn't trusted. Download the model again.")
    return [index.parent / name for name in sorted(names)]


def _sha256(folder: Path, family: Family, weights: list[Path]) -> str:
    vocabularies: list[Path] = []
    for name in (part.tokenizer for part in family.text_encoders):
        found = [path for path in (folder / name).glob("*") if path.suffix in (".json", ".txt")]
        if not found:
            raise ModelError(f"{folder / name} is missing or empty. Download the model again.")
        vocabularies.extend(found)
    settings = [part.config for part in family.parts] + [_SCHEDULER]
    if family.takes_pooled_and_size:  # whose index says what the empty prompt is
        settings.append("model_index.json")
    configs = [folder / name for name in settings]
    try:
        return sha256_folder_weights(folder, [*weights, *configs, *vocabularies])
    except OSError as error:
        raise ModelError(f"{error.filename} can't be read ({error.strerror}). Check the file and the disk.") from error
    except ValueError as error:
        raise ModelError(f"A tokenizer file in {folder} isn't JSON. Download the model again.") from error


def _native_size_px(folder: Path, family: Family, unet: dict[str, Any], vae: dict[str, Any]) -> int:
    side = unet.get("sample_size")
    if not isinstance(side, int) or side < 1:
        raise ModelError(
            f"{folder / family.network.config} has sample_size {side}; expected a side in latent pixels, such as 64."
        )
    return side * 2 ** (len(_integers(folder / family.vae.config, vae, "block_out_channels")) - 1)


def _prediction_type(folder: Path, scheduler: dict[str, Any]) -> Predicts:
    kind = scheduler.get("prediction_type", "epsilon")
    if kind not in ("epsilon", "v_prediction"):
        raise ModelError(f"{folder} predicts {kind!r}; expected 'epsilon' or 'v_prediction'. Choose another model.")
    return kind


def _integers(path: Path, config: dict[str, Any], key: str) -> list[int]:
    match config.get(key):
        case list() as values if values and all(isinstance(value, int) for value in cast("list[Any]", values)):
            return cast("list[int]", values)
        case other:
            raise ModelError(f"{path} has {key} {other}; expected a list of numbers. Download the model again.")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content: Any = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise ModelError(f"{path} is missing. The download may be incomplete; download the model again.") from error
    except OSError as error:
        raise ModelError(f"{path} can't be read ({error.strerror}). Check the file and its permissions.") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} isn't JSON. Download the model again.") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} isn't a JSON object. Download the model again.")
    return cast("dict[str, Any]", content)


def _pickle(path: Path) -> ModelError:
    return ModelError(
        f"{path} is a pickle file, which can run any code when it is loaded, so the studio never opens one. "
        f"{HOW_TO_CONVERT}"
    )
