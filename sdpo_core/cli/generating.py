"""`generate`: its texts, and `--plan`: what a ComfyUI workflow would get, before anything is generated."""

import argparse
from dataclasses import asdict

from sdpo_core.cli.command import Options
from sdpo_core.cli.flags import add_settings, settings_from
from sdpo_core.cli.jobs import job_command
from sdpo_core.cli.output import DONE, FAILED, Output
from sdpo_core.comfyui.client import Client
from sdpo_core.comfyui.job import look, workflow_of
from sdpo_core.errors import ConfigError
from sdpo_core.settings.generate import GenerateConfig

_ABOUT = "generate images from prompts and pair them up"
_EPILOGUE = """examples:
  generate --prompts "a lake at dawn" "a desert"          two images per prompt, one pair each
  generate --model FOLDER --prompts "a lake" --seed 7     from your own model, reproducible
  vote                                                    then see which pairs to vote on

with a running ComfyUI and your own workflow (saved with Workflow > Export (API)):
  generate --comfy http://127.0.0.1:8188 --workflow mine.json --prompts "a lake" --plan    checks the workflow only
  generate --comfy http://127.0.0.1:8188 --workflow mine.json --prompts "a lake"
  generate --comfy … --workflow … --prompt-slot 31.string_b --prompts "a lake"            if the input wasn't found
  generate --run FOLDER                                   after ComfyUI was down: generate the missing images"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument(
        "--plan", action="store_true", help="with --comfy: show what was found there, and generate nothing"
    )
    add_settings(parser, GenerateConfig)


def _function(config: GenerateConfig) -> str:
    """Who generates: a running ComfyUI, or the model itself."""
    return (
        "sdpo_core.comfyui.job:run_comfy"
        if config.comfyui.comfy is not None
        else "sdpo_core.generation.job:run_generate"
    )


def _show_plan(options: Options, out: Output) -> int | None:
    """With --plan: say what a workflow would be given, and what its ComfyUI says to it."""
    if not options["plan"]:
        return None
    config = settings_from(options, GenerateConfig)
    if config.comfyui.comfy is None:
        raise ConfigError("--plan needs --comfy: it shows what was found in a ComfyUI workflow.")
    workflow = workflow_of(config.comfyui, config.sampling.size_px)
    there = look(Client(config.comfyui.comfy), workflow, config.runtime.model, config.pairs.negative)
    found, problems = workflow.found(), [*workflow.problems, *there.problems]
    images = len(config.pairs.prompts) * config.pairs.candidates_per_prompt
    told = {"found": [line._asdict() for line in found], **asdict(there), "problems": problems, "images": images}
    lines = [f"{line.what:16} {line.where:24} {line.value}".rstrip() for line in found]
    words = [*lines, "", *there.notes, *problems, f"{images} images would be generated." if not problems else ""]
    out.result(told, "\n".join(words).rstrip())
    return FAILED if problems else DONE


COMMAND = job_command(
    "generate", _ABOUT, function=_function, add_arguments=add_arguments, instead=_show_plan, epilogue=_EPILOGUE
)
