"""`download`: fetch a model of the Hugging Face hub, or say what that would take."""

import argparse
from typing import Any

from sdpo_core.cli.output import DONE, Output
from sdpo_core.hub.plan import DownloadPlan, plan_download
from sdpo_core.settings.transfer import DownloadConfig

ABOUT = "fetch a model of the Hugging Face hub into the cache that other tools share"
EPILOGUE = """examples:
  download OWNER/NAME                       what the studio needs of it: safetensors, settings, vocabularies
  download OWNER/NAME --plan                how much that is, and whether it fits the disk; nothing is fetched
  download OWNER/NAME/FILE.safetensors      one checkpoint of a repository that holds several
  generate --model OWNER/NAME --prompts …   then: use it by the same name

Nothing else ever fetches a model. Ctrl-C keeps what has come, and the same command goes on from there. Where a
part comes in half precision too, that is taken: half the bytes, and graphics cards compute in it anyway.
A gated or private model needs its terms accepted on the hub, and `hf auth login` once."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    help_text = (DownloadConfig.model_fields["model"].description or "").replace("\n", " ")
    parser.add_argument("setting_model", metavar="ID", nargs="?", default=argparse.SUPPRESS, help=help_text)
    parser.add_argument("--plan", action="store_true", help="say what would be fetched, and stop")


def tell_plan(config: DownloadConfig, out: Output) -> int:
    """Say what a download would take."""
    plan = plan_download(config.model)
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
