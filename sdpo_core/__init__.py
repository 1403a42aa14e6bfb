"""Diffusion-SDPO (safeguarded DPO, arXiv 2511.03317) for LoRA adapters: the library under SDPO Studio.

Importing this package loads no torch; `sdpo_core.objective`, `sdpo_core.models` and `sdpo_core.training.step` do.
"""

__version__ = "0.1.0"
