"""diffusers' samplers, configured as a model's own scheduler settings ask.

A schedule with zero terminal SNR (`rescale_betas_zero_snr`, arXiv 2305.08891) ends in pure noise, ᾱ_T = 0. There a
network has to predict v, because ε says nothing about the image; and sampling has to start at that last timestep.
"""

from typing import Any

import torch
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
from torch import Tensor

from sdpo_core.families.family import Predicts
from sdpo_core.models.family import Scheduler, set_timesteps
from sdpo_core.models.loading import usable_settings
from sdpo_core.models.noise_process import NoiseProcess, ddpm
from sdpo_core.models.parts import Parts
from sdpo_core.settings.sampling import Sampler

_SAMPLERS: dict[Sampler, tuple[type[Scheduler], dict[str, Any]]] = {
    "ddim": (DDIMScheduler, {}),
    "euler": (EulerDiscreteScheduler, {}),
    "dpm++2m": (DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++", "solver_order": 2}),
}
MOST_STEPS = 200  # as many sampler steps as a person may ask for


class Samplers:
    """The samplers of one model, and its noise process."""

    def __init__(self, parts: Parts, channels: int) -> None:
        """Try every sampler, so that none fails later; raises `ModelError` when the settings can't be used."""
        self._config = parts.scheduler_config()
        with usable_settings(parts.settings_path("scheduler")):
            if self._config.get("rescale_betas_zero_snr"):
                if self._config.get("prediction_type") != "v_prediction":
                    raise ValueError("rescale_betas_zero_snr needs prediction_type v_prediction")
                if self._config.get("timestep_spacing", "leading") == "leading":
                    self._config["timestep_spacing"] = "trailing"  # "leading" never visits the last timestep
            self._alphas_cumprod = self._try(channels)  # ᾱ, (T,) float32 on the CPU

    def make(self, sampler: Sampler) -> Scheduler:
        """A fresh sampler. `clip_sample` acts in DDIM only: diffusers' Euler and DPM++ have no such setting."""
        kind, own = _SAMPLERS[sampler]
        scheduler: Any = kind.from_config(self._config, **own)  # Any: typed as if it could be a tuple
        return scheduler

    def process(self, prediction: Predicts) -> NoiseProcess:
        """The noise process that the model was trained with, on the CPU."""
        return ddpm(self._alphas_cumprod, prediction)

    def _try(self, channels: int) -> Tensor:
        latents, cpu = torch.zeros(1, channels, 8, 8), torch.device("cpu")
        for sampler in _SAMPLERS:
            scheduler: Any = self.make(sampler)
            set_timesteps(scheduler, MOST_STEPS, cpu)
            t = scheduler.timesteps[0]
            scheduler.step(scheduler.scale_model_input(latents, t), t, latents, return_dict=False)
        reference: Any = self.make("ddim")
        if not bool(((reference.betas >= 0) & (reference.betas <= 1)).all()):
            raise ValueError("its betas must be between 0 and 1")
        return reference.alphas_cumprod.float()
