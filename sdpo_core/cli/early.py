"""What a job would refuse after its model has loaded, refused before there is even a run folder."""

from pathlib import Path

from sdpo_core.comfyui.job import require_usable
from sdpo_core.hub.plan import required_hub_id
from sdpo_core.judging.grid_plan import rows_of
from sdpo_core.prompts.wildcards import count_wordings
from sdpo_core.settings.base import Settings
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.settings.judge import GridConfig, JudgeConfig
from sdpo_core.settings.train import TrainConfig
from sdpo_core.settings.transfer import DownloadConfig
from sdpo_core.workspace.store import Store


def refuse_early(settings: Settings, workspace: Path) -> None:
    """Raise an `SdpoError` for a hub id, an adapter, a checkpoint, braces or a ComfyUI workflow that can't be meant."""
    adapter = None
    match settings:
        case DownloadConfig():
            required_hub_id(settings.model)
        case GenerateConfig():
            for prompt in settings.pairs.prompts:
                count_wordings(prompt)
            if settings.comfyui.comfy is not None:
                require_usable(settings.comfyui, settings.sampling.size_px, settings.pairs.negative)
            adapter = settings.pairs.adapter
        case JudgeConfig():
            adapter = settings.blind_test.adapter
        case GridConfig():
            adapter = settings.cells.adapter
        case TrainConfig():
            adapter = settings.lora.continue_from
        case _:
            pass
    if adapter is None:
        return
    with Store(workspace) as store:
        store.adapters.file(adapter)
        if isinstance(settings, GridConfig):
            rows_of(store, settings.cells.adapter, settings.cells.checkpoints)
