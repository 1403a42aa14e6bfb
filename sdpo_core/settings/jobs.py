"""Every job, and the class of its settings. The studio's form, the CLI's flags and the docs follow these classes.

Unknown keys and impossible combinations are refused with a `ConfigError`; a run folder keeps the resolved copy.
"""

from typing import Literal

from sdpo_core.settings.base import Settings
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.judge import GridConfig, JudgeConfig
from sdpo_core.settings.train import TrainConfig
from sdpo_core.settings.transfer import DownloadConfig, ImportConfig

Verb = Literal["download", "generate", "import", "measure", "train", "judge", "grid"]

JOBS: dict[Verb, type[Settings]] = {
    "download": DownloadConfig,
    "generate": GenerateConfig,
    "import": ImportConfig,
    "measure": TrainConfig,
    "train": TrainConfig,
    "judge": JudgeConfig,
    "grid": GridConfig,
}
"""The settings of every job."""
