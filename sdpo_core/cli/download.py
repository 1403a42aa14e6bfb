"""`download`: fetch a model of the Hugging Face hub, or say what that would take."""

import argparse
from typing import Any

from sdpo_core.cli.command import Options
from sdpo_core.cli.flags import settings_from
from sdpo_core.cli.jobs import job_command
from sdpo_core.cli.output import DONE, Output
from sdpo_core.hub.plan import DownloadPlan, plan_download
from sdpo_core.settings.transfer import DownloadConfig

_ABOUT = "download a model from the Hugging Face Hub into the shared cache"
_EPILOGUE = """examples:
  download OWNER/NAME                       what the studio needs: safetensors, settings, vocabularies
  download OWNER/NAME --plan                how large that is, and whether it fits on the disk; downloads nothing
  download OWNER/NAME/FILE.safetensors      one checkpoint of a repository that has several
  generate --model OWNER/NAME --prompts …   then use it by the same name

Nothing else ever downloads a model. Ctrl-C keeps what's been downloaded, and the same command continues from
there. If a part is available in half precision, that's used: half the size, and GPUs compute in it anyway.
For a gated or private model, accept its terms on the Hub and run `hf auth login` once."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    help_text = (DownloadConfig.model_fields["model"].description or "").replace("\n", " ")
    parser.add_argument("setting_model", metavar="ID", nargs="?", default=argparse.SUPPRESS, help=help_text)
    parser.add_argument("--plan", action="store_true", help="show what would be downloaded, and stop")


def _show_plan(options: Options, out: Output) -> int | None:
    """With --plan: say what a download would take."""
    if not options["plan"]:
        return None
    plan = plan_download(settings_from(options, DownloadConfig).model)
    out.result(_as_json(plan), plan.sentence)
    return DONE


def _as_json(plan: DownloadPlan) -> dict[str, Any]:
    return {
        "model": str(plan.hub_id),
        "commit": plan.commit,
        "folder": str(plan.folder),
        "files": {file.path: file.size for file in plan.files},
        "total_bytes": plan.total,
        "missing_bytes": plan.missing,
        "free_bytes": plan.free,
        "fits": plan.fits,
        "sentence": plan.sentence,
    }


COMMAND = job_command(
    "download",
    _ABOUT,
    function=lambda _: "sdpo_core.hub.fetch:run_download",
    add_arguments=add_arguments,
    instead=_show_plan,
    epilogue=_EPILOGUE,
)
