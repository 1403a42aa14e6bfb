"""`generate`: its words, and what `--plan` says: what a ComfyUI workflow would be given, before anything is drawn."""

import argparse
from dataclasses import asdict

from sdpo_core.cli.output import DONE, FAILED, Output
from sdpo_core.comfyui.client import Client
from sdpo_core.comfyui.job import look, workflow_of
from sdpo_core.errors import ConfigError
from sdpo_core.settings.generate import GenerateConfig

ABOUT = "make images from prompts and pair them up"
EPILOGUE = """examples:
  generate --prompts "a lake at dawn" "a desert"          two images a prompt, one pair each
  generate --model FOLDER --prompts "a lake" --seed 7     from a model of your own, repeatable
  vote                                                    then: what is there to choose between

with a running ComfyUI and a workflow of yours (Workflow > Export (API) there):
  generate --comfy http://127.0.0.1:8188 --workflow mine.json --prompts "a lake" --plan    what was found; draws nothing
  generate --comfy http://127.0.0.1:8188 --workflow mine.json --prompts "a lake"
  generate --comfy … --workflow … --prompt-slot 31.string_b --prompts "a lake"            where it could not be told
  generate --run FOLDER                                   after ComfyUI was down: goes on with what is missing"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("--plan", action="store_true", help="with --comfy: say what was found there, and draw nothing")


def tell_plan(config: GenerateConfig, out: Output) -> int:
    """Say what a workflow would be given, and what its ComfyUI says to it; raises `ConfigError` without --comfy."""
    if config.comfy is None:
        raise ConfigError("--plan belongs to --comfy: it says what was found in a ComfyUI workflow.")
    workflow = workflow_of(config)
    there = look(Client(config.comfy), workflow, config)
    found, problems = workflow.found(), [*workflow.problems, *there.problems]
    images = len(config.prompts) * config.candidates_per_prompt
    told = {"found": [line._asdict() for line in found], **asdict(there), "problems": problems, "images": images}
    lines = [f"{line.what:16} {line.where:24} {line.value}".rstrip() for line in found]
    words = [*lines, "", *there.notes, *problems, f"{images} images would be drawn." if not problems else ""]
    out.result(told, "\n".join(words).rstrip())
    return FAILED if problems else DONE
