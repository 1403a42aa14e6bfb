"""Stable Diffusion 1.x from a folder in diffusers format, loaded part by part: no pipeline class, no remote code.

Why no `StableDiffusionPipeline`: its constructor resets `clip_sample`, which the demo model needs, to False, and it
wants parts (safety checker, feature extractor) that nothing here uses.
"""

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import Tensor
from transformers import CLIPTextModel, CLIPTokenizer

from sdpo_core.config import Sampler
from sdpo_core.errors import ModelError
from sdpo_core.files.model_info import ModelInfo
from sdpo_core.models.family import Conditioning, Frame, Scheduler, set_timesteps

_SAMPLERS: dict[Sampler, tuple[type[Scheduler], dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "dpm++2m": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
}
_MOST_STEPS = 200  # as many sampler steps as a person may ask for
_LOADING_ERRORS = (
    *(OSError, ValueError, LookupError, TypeError, ArithmeticError, AttributeError, NameError, AssertionError),
    *(RuntimeError, SafetensorError, StrictDataclassError),
)
"""What the libraries raise on files and settings that are not what they should be."""


class StableDiffusion15:
    """Implements `sdpo_core.models.family.DiffusionModel` for Stable Diffusion 1.x."""

    def __init__(self, info: ModelInfo, *, device: torch.device, dtype: torch.dtype) -> None:
        """Load every part from `info.path`; raises `ModelError` naming the part that can't be read."""
        self.info, self.device, self.dtype = info, device, dtype
        self._scheduler_config = _scheduler_config(info.path)
        self._tokenizer = _load_tokenizer(info.path)
        self._text_encoder = _load_part(CLIPTextModel.from_pretrained, info.path, "text_encoder", "model", dtype)
        self._vae = _load_part(AutoencoderKL.from_pretrained, info.path, "vae", "diffusion_pytorch_model", dtype)
        self._vae.to(device)
        self._text_encoder.to(device)
        unet = _load_part(UNet2DConditionModel.from_pretrained, info.path, "unet", "diffusion_pytorch_model", dtype)
        self.network: torch.nn.Module = unet.to(device)
        self._latent_channels = int(unet.config["in_channels"])
        with _damage(info.path / "vae" / "config.json"):
            self._scale = _finite(self._vae.config["scaling_factor"])
            self._shift = _finite(self._vae.config["shift_factor"] or 0.0)
            if self._scale <= 0:
                raise ValueError(f"scaling_factor is {self._scale}")
        with _damage(_scheduler_path(info.path)):
            alphas_cumprod = self._try_samplers()
        self.alphas_cumprod = alphas_cumprod.to(device=device, dtype=torch.float32)  # (T,)
        self.prediction_type: Literal["epsilon", "v_prediction"] = cast(Any, info.prediction_type)

    def encode_prompts(self, prompts: Sequence[str]) -> Conditioning:
        """The text encoder's last hidden state after its final norm."""
        self._text_encoder.to(self.device)
        tokens = self._tokenizer(
            list(prompts), padding="max_length", truncation=True, max_length=self._token_limit, return_tensors="pt"
        )
        with torch.no_grad():
            return Conditioning(self._text_encoder(tokens["input_ids"].to(self.device))[0].float())

    def frame(self, conditioning: Conditioning, frames: Sequence[Frame]) -> Conditioning:  # noqa: ARG002
        """`conditioning` as it is: this family is not told about sizes."""
        return conditioning

    def truncated_tokens(self, prompts: Sequence[str]) -> list[int]:
        """Tokens of each prompt past the text encoder's `L` (start and end token count as well)."""
        lengths = [len(ids) for ids in self._tokenizer(list(prompts), truncation=False, verbose=False)["input_ids"]]
        return [max(0, length - self._token_limit) for length in lengths]

    def encode_images(self, images: Tensor) -> Tensor:
        """Latents (B, C, h, w) float32 of images (B, 3, H, W) in [-1, 1]: (posterior mean − shift)·scale."""
        self._vae.to(self.device)
        with torch.no_grad():
            posterior = self._vae.encode(images.to(self.device, self.dtype)).latent_dist
        return (posterior.mean.float() - self._shift) * self._scale

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) float32 of latents (B, C, h, w)."""
        self._vae.to(self.device)
        scaled = latents / self._scale + self._shift
        with torch.no_grad():
            return self._vae.decode(scaled.to(self.device, self.dtype)).sample.float()

    def predict(self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning) -> Tensor:
        """The UNet's output (B, C, h, w), float32."""
        noisy, context = noisy.to(self.dtype), conditioning.context.to(self.dtype)
        return self.network(noisy, timesteps, encoder_hidden_states=context, return_dict=False)[0].float()

    def scheduler(self, sampler: Sampler) -> Scheduler:
        """A fresh sampler. `clip_sample` acts in DDIM only: diffusers' Euler and DPM++ have no such setting."""
        kind, own = _SAMPLERS[sampler]
        scheduler: Any = kind.from_config(self._scheduler_config, **own)  # Any: typed as if it could be a tuple
        return scheduler

    def latent_shape(self, size_px: int) -> tuple[int, int, int]:
        """(C, h, w); raises `ModelError` when the side is no multiple of what VAE and UNet halve it by."""
        levels = len(self._vae.config["block_out_channels"]) - 1
        halvings = levels + len(self.network.config["block_out_channels"]) - 1  # pyright: ignore
        if size_px % 2**halvings:
            raise ModelError(
                f"{self.info.name} makes images whose side is a multiple of {2**halvings} px, not {size_px}. "
                f"Choose for instance {self.info.native_size_px}."
            )
        side = size_px // 2**levels
        return self._latent_channels, side, side

    def release_encoders(self) -> None:
        """Move VAE and text encoder to main memory."""
        self._vae.to("cpu")
        self._text_encoder.to("cpu")
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _try_samplers(self) -> Tensor:
        """Take a step with every sampler, so that none fails later; returns ᾱ of the noise schedule, (T,)."""
        latents, cpu = torch.zeros(1, self._latent_channels, 8, 8), torch.device("cpu")
        for sampler in _SAMPLERS:
            scheduler: Any = self.scheduler(sampler)
            set_timesteps(scheduler, _MOST_STEPS, cpu)
            t = scheduler.timesteps[0]
            scheduler.step(scheduler.scale_model_input(latents, t), t, latents, return_dict=False)
        reference = self.scheduler("ddim")
        if not bool(((reference.betas >= 0) & (reference.betas <= 1)).all()):
            raise ValueError("its betas leave the range from 0 to 1")
        return reference.alphas_cumprod

    @property
    def _token_limit(self) -> int:
        return int(self._text_encoder.config.max_position_embeddings)


def _load_part(load: Callable[..., Any], folder: Path, part: str, stem: str, dtype: torch.dtype) -> Any:
    """One frozen part in eval mode; raises `ModelError` when its file is missing, cut short, or lacks tensors."""
    has_full = any((folder / part / f"{stem}.safetensors{end}").is_file() for end in ("", ".index.json"))
    weights = f"{part}/{stem}.safetensors" if has_full else f"{part}/{stem}.fp16.safetensors"
    try:
        module, report = load(
            folder,
            subfolder=part,
            variant=None if has_full else "fp16",
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            **({"dtype": dtype} if part == "text_encoder" else {"torch_dtype": dtype}),
        )
    except _LOADING_ERRORS as error:
        raise ModelError(
            f"Could not read {weights} of the model in {folder}: {_reason(error)}. The file may be missing or damaged; "
            "copy or download the model again."
        ) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise ModelError(
            f"{weights} of the model in {folder} lacks {len(missing)} tensors, for instance {missing[0]}. "
            "Copy or download the model again."
        )
    return module.requires_grad_(False).eval()


@contextlib.contextmanager
def _damage(config: Path) -> Iterator[None]:
    """Turn what goes wrong with a part's settings into a `ModelError` that names their file."""
    try:
        yield
    except _LOADING_ERRORS as error:
        raise ModelError(
            f"The settings in {config} can't be used: {_reason(error)}. Copy or download the model again."
        ) from error


def _reason(error: Exception) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no finite number")
    return number


def _load_tokenizer(folder: Path) -> Any:
    try:
        return CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer", local_files_only=True)
    except _LOADING_ERRORS as error:
        raise ModelError(
            f"Could not read the folder tokenizer of the model in {folder}: {_reason(error)}. Copy or download the "
            "model again."
        ) from error


def _scheduler_path(folder: Path) -> Path:
    return folder / "scheduler" / "scheduler_config.json"


def _scheduler_config(folder: Path) -> dict[str, Any]:
    path = _scheduler_path(folder)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"Could not read {path}: {error}. Copy or download the model again.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path} holds {type(config).__name__}, not a JSON object. Copy or download the model again.")
    # SD latents reach far past ±1, so clipping to the default range is an oversight in old configs, which
    # StableDiffusionPipeline corrects in the same way. A wider range, as the demo model's 2.5, is meant.
    with _damage(path):
        clips = bool(config.get("clip_sample", False)) and _finite(config.get("clip_sample_range", 1.0)) > 1.0
    return {**config, "clip_sample": clips}
