# ComfyUI's modules exist only inside ComfyUI.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false
"""What ComfyUI sees. Everything that can be decided without ComfyUI is decided in the other modules."""

import logging
from typing import Any

import comfy.model_management
import folder_paths
from comfy_api.latest import ComfyExtension, io

from . import graph, inbox, pictures
from .loading import LoadAdapterForGuidance, LoadPreferenceAdapter
from .problem import PackProblem
from .questions import Question, Questions, Unanswered
from .speaking import CATEGORY, comfy_server, draw
from .workspace import adapter_folders, here

QUESTIONS = Questions()
_PASS_ON, _FAIL = "pass the first image on", "stop the run"
_log = logging.getLogger(__name__)


class SendPairToStudio(io.ComfyNode):
    """Leaves images of one prompt in the studio's inbox, to be voted on there."""

    @classmethod
    def define_schema(cls) -> Any:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SdpoSendPairToStudio",
            display_name="Send Pair to Studio",
            category=CATEGORY,
            description="Sends images of one prompt to SDPO Studio to vote on. The studio doesn't need to be running.",
            inputs=[
                io.Image.Input("images", tooltip="A batch of at least two images; consecutive images become pairs."),
                *_prompt_inputs(),
                io.Int.Input(
                    "image_seed",
                    default=-1,
                    min=-1,
                    max=2**64 - 1,
                    optional=True,
                    tooltip="The seed, for your own records. -1: read from the workflow.",
                ),
            ],
            outputs=[io.String.Output(id="info", display_name="info")],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            is_output_node=True,
        )

    @classmethod
    def execute(cls, images: Any, prompt: str = "", negative: str = "", image_seed: int = -1) -> io.NodeOutput:
        """Write the images into the inbox; raises `PackProblem` when that can't be done."""
        count = len(images)
        if count < 2:
            raise PackProblem(f"A pair needs two images, and this batch has {count}. Set batch_size to 2 or more.")
        facts = _facts(cls, prompt, negative)
        if image_seed >= 0:
            facts = facts._replace(seed=image_seed)
        inbox.send(here(), pictures.encode(images), facts)
        info = f"Sent {count} images to the studio to vote on.\nPrompt: {_short(facts.prompt)}"
        draw(cls, info)
        return io.NodeOutput(info)


class ChoosePreferred(io.ComfyNode):
    """Waits until a person has chosen one of several images, continues with it, and sends the vote to the studio."""

    @classmethod
    def define_schema(cls) -> Any:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SdpoChoosePreferred",
            display_name="Choose Preferred",
            category=CATEGORY,
            description="Shows images on the node, passes on the one you choose, and sends the vote to SDPO Studio.",
            inputs=[
                io.Image.Input("images", tooltip="A batch of at least two images of one prompt."),
                *_prompt_inputs(),
                io.Int.Input(
                    "timeout_s",
                    default=300,
                    min=0,
                    max=86400,
                    optional=True,
                    tooltip="Seconds to wait for your choice; 0 waits forever. Set a limit for unattended runs.",
                ),
                io.Combo.Input(
                    "when_time_is_up",
                    options=[_PASS_ON, _FAIL],
                    default=_PASS_ON,
                    optional=True,
                    tooltip="What happens if nobody chooses in time. No vote is recorded either way.",
                ),
            ],
            outputs=[
                io.Image.Output(id="image", display_name="image"),
                io.Int.Output(
                    id="index", display_name="index", tooltip="The index of the chosen image, starting at 0."
                ),
            ],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt],
            is_output_node=True,
        )

    @classmethod
    async def execute(
        cls,
        images: Any,
        prompt: str = "",
        negative: str = "",
        timeout_s: int = 300,
        when_time_is_up: str = _PASS_ON,
    ) -> io.NodeOutput:
        """Ask, wait, continue. ComfyUI's Cancel ends the waiting."""
        if len(images) < 2:
            draw(cls, "Got only one image, so there was nothing to choose.")
            return io.NodeOutput(images, 0)
        encoded = pictures.encode(images)
        question = Question(str(cls.hidden.unique_id), encoded, timeout_s)
        try:
            choice = await _ask(question)
        except Unanswered:
            if when_time_is_up == _FAIL:
                raise PackProblem(
                    f"No choice within {timeout_s} s, and the node is set to stop the run then. Queue it again, "
                    "or set a longer timeout."
                ) from None
            draw(cls, f"No choice within {timeout_s} s: passing on the first image, without a vote.")
            return io.NodeOutput(images[:1], 0)
        if choice is None:
            draw(cls, "Skipped: passing on the first image, without a vote.")
            return io.NodeOutput(images[:1], 0)
        try:
            inbox.send(here(), encoded, _facts(cls, prompt, negative), choice)
            draw(cls, f"Image {choice + 1} of {len(encoded)} chosen; the vote was sent to the studio.")
        except PackProblem as problem:  # the choice is made, so the run continues
            draw(cls, f"Passing on image {choice + 1} of {len(encoded)}. ⚠ The vote wasn't recorded. {problem}")
        return io.NodeOutput(images[choice : choice + 1], choice)


class SdpoStudioExtension(ComfyExtension):
    """The pack."""

    async def get_node_list(self) -> list[type]:
        """The nodes of the pack."""
        return [LoadPreferenceAdapter, LoadAdapterForGuidance, SendPairToStudio, ChoosePreferred]


def join_lora_lists() -> None:
    """Show the studio's adapters in every LoRA list of ComfyUI, also in other packs' loaders."""
    try:
        folders = [str(folder) for folder in adapter_folders()]
    except PackProblem as problem:
        _log.warning("SDPO Studio: %s", problem)
        return
    for folder in folders:
        if folder not in folder_paths.get_folder_paths("loras"):
            folder_paths.add_model_folder_path("loras", folder)


def _prompt_inputs() -> list[Any]:
    return [
        io.String.Input(
            "prompt",
            default="",
            optional=True,
            tooltip="The prompt of the images. Empty: read from the workflow.",
        ),
        io.String.Input(
            "negative",
            default="",
            optional=True,
            tooltip="The negative prompt. Empty: read from the workflow, unless a prompt is set.",
        ),
    ]


def _facts(node: Any, prompt: str, negative: str) -> graph.Found:
    """What is known of the images: what was given, else what the links of the running graph tell."""
    found = graph.find(node.hidden.prompt, node.hidden.unique_id)
    if prompt.strip():
        return found._replace(prompt=prompt, negative=negative)
    return found._replace(negative=negative) if negative.strip() else found


async def _ask(question: Question) -> int | None:
    """Show the question on every page that is open, and wait."""
    server = comfy_server()
    QUESTIONS.open(question)
    try:
        server.send_sync("sdpo.question", question.told())
        return await question.answer(comfy.model_management.throw_exception_if_processing_interrupted)
    finally:
        QUESTIONS.close(question)
        server.send_sync("sdpo.closed", {"token": question.token})


def _short(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= 80 else f"{line[:79]}…"
