# ComfyUI's modules exist only inside ComfyUI.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false
"""What ComfyUI sees. Everything that can be decided without ComfyUI is decided in the other modules."""

import logging
from typing import Any

import comfy.model_management
import comfy.sd
import comfy.utils
import folder_paths
from comfy_api.latest import ComfyExtension, io

from . import fit, graph, inbox, pictures
from .header import Header, read_header
from .problem import PackProblem
from .questions import Question, Questions, Unanswered
from .workspace import LATEST, Shelf, adapter_folders, fingerprint, here

CATEGORY = "SDPO Studio"
QUESTIONS = Questions()
_WARN, _STOP = "warn", "stop"
_PASS_ON, _FAIL = "pass the first image on", "stop the run"
_log = logging.getLogger(__name__)


class LoadPreferenceAdapter(io.ComfyNode):
    """Patches a model with an adapter of the studio, and says what came of it."""

    @classmethod
    def define_schema(cls) -> Any:
        """Inputs and outputs. ComfyUI asks again at every refresh (R), so new adapters appear without a restart."""
        return io.Schema(
            node_id="SdpoLoadPreferenceAdapter",
            display_name="Load Preference Adapter",
            category=CATEGORY,
            description="Makes a model draw to your taste, with an adapter that SDPO Studio trained from your votes.",
            inputs=[
                io.Model.Input("model", tooltip="A model of the family that the adapter was trained on."),
                io.Combo.Input(
                    "adapter",
                    options=[LATEST, *_names()],
                    tooltip="An adapter of the studio, newest first, or a checkpoint of a run. 'latest' is always the "
                    "newest adapter. Press R to reload.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-2.0,
                    max=2.0,
                    step=0.05,
                    tooltip="1 is as trained, 0 is off, less than 0 is away from your taste.",
                ),
                io.Combo.Input(
                    "on_mismatch",
                    options=[_WARN, _STOP],
                    default=_WARN,
                    optional=True,
                    tooltip="What to do when the adapter does not fit the model: warn on the node, or stop the run.",
                ),
                io.Clip.Input(
                    "clip", optional=True, tooltip="Only for adapters of other tools that change the text encoder too."
                ),
            ],
            outputs=[
                io.Model.Output(id="patched_model", display_name="model"),
                io.Clip.Output(id="patched_clip", display_name="clip"),
                io.String.Output(id="info", display_name="info"),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, adapter: str | None = None) -> bool | str:
        """True, or the reason why the adapter can't be used. A linked name is None here and is checked when it runs."""
        if adapter is None:
            return True
        try:
            path = Shelf.find().path(adapter)
            fit.refuse_unusable(path, read_header(path))
        except PackProblem as problem:
            return str(problem)
        return True

    @classmethod
    def fingerprint_inputs(cls, adapter: str | None = None, **_others: Any) -> str:
        """The file behind the name: `latest` may be another one than last time, and a file may have been replaced."""
        if adapter is None:
            return ""
        try:
            return fingerprint(Shelf.find().path(adapter))
        except (PackProblem, OSError) as problem:
            return str(problem)

    @classmethod
    def execute(
        cls, model: Any, adapter: str, strength: float, on_mismatch: str = _WARN, clip: Any = None
    ) -> io.NodeOutput:
        """Patch clones. A model that the adapter does not belong to comes out as it was, with a warning or an error."""
        path = Shelf.find().path(adapter)
        name = adapter if "/" in adapter else path.stem
        header = read_header(path)
        fit.refuse_unusable(path, header)
        warning = fit.wrong_family(header, [base.__name__ for base in type(model.model.model_config).__mro__])
        if warning:
            _refuse_if_wanted(on_mismatch, warning)
            info = f"⚠ {warning} The model is passed on unchanged."
            _log.warning("SDPO Studio: %s: %s", name, info)
            _draw(cls, info)
            return io.NodeOutput(model, clip, info)
        weights = comfy.utils.load_torch_file(str(path), safe_load=True)
        patched, patched_clip = comfy.sd.load_lora_for_models(model, clip, weights, strength, strength)
        outcome = _outcome(header, model, patched, clip, patched_clip)
        complaint = outcome.complaint(header)
        if complaint:
            _refuse_if_wanted(on_mismatch, f"{outcome.patched} of {outcome.expected} modules patched. {complaint}")
        info = fit.describe(name, header, outcome, strength)
        _draw(cls, info)
        return io.NodeOutput(patched, patched_clip, info)


class SendPairToStudio(io.ComfyNode):
    """Leaves images of one prompt in the studio's inbox, to be voted on there."""

    @classmethod
    def define_schema(cls) -> Any:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SdpoSendPairToStudio",
            display_name="Send Pair to Studio",
            category=CATEGORY,
            description="Sends images of one prompt to SDPO Studio, to be voted on there. It may be closed.",
            inputs=[
                io.Image.Input("images", tooltip="A batch of at least two images; neighbours become pairs."),
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
        """Write the images into the inbox; raises `PackProblem` in words when that can't be done."""
        count = len(images)
        if count < 2:
            raise PackProblem(f"A pair needs two images, and this batch has {count}. Set batch_size to 2 or more.")
        facts = _facts(cls, prompt, negative)
        if image_seed >= 0:
            facts = facts._replace(seed=image_seed)
        inbox.send(here(), pictures.encode(images), facts)
        info = f"{count} images sent to the studio, to be voted on.\nPrompt: {_short(facts.prompt)}"
        _draw(cls, info)
        return io.NodeOutput(info)


class ChoosePreferred(io.ComfyNode):
    """Waits until a person has chosen one of several images, goes on with it, and sends the vote to the studio."""

    @classmethod
    def define_schema(cls) -> Any:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SdpoChoosePreferred",
            display_name="Choose Preferred",
            category=CATEGORY,
            description="Shows images on the node, goes on with the one you choose, and sends the vote to SDPO Studio.",
            inputs=[
                io.Image.Input("images", tooltip="A batch of at least two images of one prompt."),
                *_prompt_inputs(),
                io.Int.Input(
                    "timeout_s",
                    default=300,
                    min=0,
                    max=86400,
                    optional=True,
                    tooltip="Seconds to wait for your choice; 0 waits for ever. Runs that nobody watches need an end.",
                ),
                io.Combo.Input(
                    "when_time_is_up",
                    options=[_PASS_ON, _FAIL],
                    default=_PASS_ON,
                    optional=True,
                    tooltip="What happens when nobody has chosen by then. No vote is recorded in either case.",
                ),
            ],
            outputs=[
                io.Image.Output(id="image", display_name="image"),
                io.Int.Output(id="index", display_name="index", tooltip="The chosen image's number, counted from 0."),
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
        """Ask, wait, go on. ComfyUI's Cancel ends the waiting."""
        if len(images) < 2:
            _draw(cls, "Only one image came, so there was nothing to choose.")
            return io.NodeOutput(images, 0)
        encoded = pictures.encode(images)
        question = Question(str(cls.hidden.unique_id), encoded, timeout_s)
        try:
            choice = await _ask(question)
        except Unanswered:
            if when_time_is_up == _FAIL:
                raise PackProblem(
                    f"Nobody chose within {timeout_s} s, and the node is set to stop the run then. Queue it again, or "
                    "let it wait longer."
                ) from None
            _draw(cls, f"Nobody chose within {timeout_s} s: the first image goes on, without a vote.")
            return io.NodeOutput(images[:1], 0)
        if choice is None:
            _draw(cls, "Skipped: the first image goes on, without a vote.")
            return io.NodeOutput(images[:1], 0)
        try:
            inbox.send(here(), encoded, _facts(cls, prompt, negative), choice)
            _draw(cls, f"Image {choice + 1} of {len(encoded)} was chosen; the vote is on its way to the studio.")
        except PackProblem as problem:  # the choice is made, so the run goes on
            _draw(cls, f"Image {choice + 1} of {len(encoded)} goes on. ⚠ The vote was not recorded. {problem}")
        return io.NodeOutput(images[choice : choice + 1], choice)


class SdpoStudioExtension(ComfyExtension):
    """The pack."""

    async def get_node_list(self) -> list[type]:
        """The nodes of the pack."""
        return [LoadPreferenceAdapter, SendPairToStudio, ChoosePreferred]


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


def _names() -> list[str]:
    """Names for the list; a workspace that is not known gives none, and the node says why when it runs."""
    try:
        return Shelf.find().names()
    except PackProblem:
        return []


def _prompt_inputs() -> list[Any]:
    return [
        io.String.Input(
            "prompt",
            default="",
            optional=True,
            tooltip="The prompt of the images. Empty: it is read from the workflow.",
        ),
        io.String.Input(
            "negative",
            default="",
            optional=True,
            tooltip="The negative prompt. Empty: it is read from the workflow, unless a prompt is given.",
        ),
    ]


def _facts(node: Any, prompt: str, negative: str) -> graph.Found:
    """What is known of the images: what was given, else what the links of the running graph tell."""
    found = graph.find(node.hidden.prompt, node.hidden.unique_id)
    if prompt.strip():
        return found._replace(prompt=prompt, negative=negative)
    return found._replace(negative=negative) if negative.strip() else found


def _outcome(header: Header, model: Any, patched: Any, clip: Any, patched_clip: Any) -> fit.Outcome:
    left_out = 0 if clip else header.text_modules
    count = fit.count_new_patches(model.patches, patched.patches)
    if clip:
        count += fit.count_new_patches(clip.patcher.patches, patched_clip.patcher.patches)
    return fit.Outcome(count, header.modules - left_out, left_out, model.model.model_type.name)


def _refuse_if_wanted(on_mismatch: str, problem: str) -> None:
    if on_mismatch == _STOP:
        raise PackProblem(f"{problem} The node is set to stop then (on_mismatch).")


async def _ask(question: Question) -> int | None:
    """Show the question on every page that is open, and wait."""
    server = _server()
    QUESTIONS.open(question)
    try:
        server.send_sync("sdpo.question", question.told())
        return await question.answer(comfy.model_management.throw_exception_if_processing_interrupted)
    finally:
        QUESTIONS.close(question)
        server.send_sync("sdpo.closed", {"token": question.token})


def _draw(node: Any, text: str) -> None:
    """Write on the node; ComfyUI's page does that without a script of ours."""
    _server().send_progress_text(text, node.hidden.unique_id)


def _server() -> Any:
    from server import PromptServer  # only here: it exists once ComfyUI's server runs

    return PromptServer.instance


def _short(text: str | None) -> str:
    line = " ".join((text or "").split())
    return line if len(line) <= 80 else f"{line[:79]}…"
