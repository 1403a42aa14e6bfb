# ComfyUI's modules exist only inside ComfyUI.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false
"""The nodes that generate with an adapter of the studio: alike with and without the prompt, or not."""

import logging
from typing import Any, NamedTuple

import comfy.hooks
import comfy.sd
import comfy.utils
from comfy_api.latest import io

from . import fit
from .header import Header, read_header
from .problem import PackProblem
from .speaking import CATEGORY, draw
from .workspace import LATEST, Shelf, fingerprint

_WARN, _STOP = "warn", "stop"
_log = logging.getLogger(__name__)


class _AdapterNode(io.ComfyNode):
    """What the nodes share that load an adapter by its name: whether it can be used, and when it is another one."""

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


class LoadPreferenceAdapter(_AdapterNode):
    """Patches a model with an adapter of the studio, and reports the result."""

    @classmethod
    def define_schema(cls) -> Any:
        """Inputs and outputs. ComfyUI asks again at every refresh (R), so new adapters appear without a restart."""
        return io.Schema(
            node_id="SdpoLoadPreferenceAdapter",
            display_name="Load Preference Adapter",
            category=CATEGORY,
            description="Applies an adapter that SDPO Studio trained on your votes, so the model generates to your "
            "taste.",
            inputs=[
                *_adapter_inputs(),
                _mismatch_input(),
                io.Clip.Input(
                    "clip",
                    optional=True,
                    tooltip="Only for adapters from other tools that also change the text encoder.",
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
    def execute(
        cls, model: Any, adapter: str, strength: float, on_mismatch: str = _WARN, clip: Any = None
    ) -> io.NodeOutput:
        """Patch clones. A model that the adapter does not belong to comes out as it was, with a warning or an error."""
        loaded = _load(model, clip, adapter, strength, on_mismatch)
        draw(cls, loaded.info)
        return io.NodeOutput(loaded.model, loaded.clip, loaded.info)


class LoadAdapterForGuidance(_AdapterNode):
    """Patches a model with an adapter, and gives it another strength where guidance predicts without the prompt.

    Two patched clones of one checkpoint can't do that: they share its weights, and what is loaded last acts in both.
    ComfyUI's hooks can: a weight patch that belongs to a conditioning acts while that one is predicted.
    """

    @classmethod
    def define_schema(cls) -> Any:
        """Inputs and outputs."""
        return io.Schema(
            node_id="SdpoLoadAdapterForGuidance",
            display_name="Load Adapter for Guidance",
            category=CATEGORY,
            description="A stronger effect: the adapter is applied in the conditional prediction, and off, weaker or "
            "opposed in the unconditional.",
            inputs=[
                *_adapter_inputs(),
                io.Conditioning.Input(
                    "negative", tooltip="The negative prompt conditioning; connect the output to the sampler."
                ),
                io.Float.Input(
                    "without_prompt",
                    default=0.0,
                    min=-1.0,
                    max=1.0,
                    step=0.05,
                    tooltip="Strength in the negative prompt's prediction, relative to the adapter's strength: 1 is "
                    "the same, 0 is off, below 0 is opposed.",
                ),
                _mismatch_input(),
            ],
            outputs=[
                io.Model.Output(id="patched_model", display_name="model"),
                io.Conditioning.Output(id="guided_negative", display_name="negative"),
                io.String.Output(id="info", display_name="info"),
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def execute(
        cls, model: Any, adapter: str, strength: float, negative: Any, without_prompt: float, on_mismatch: str = _WARN
    ) -> io.NodeOutput:
        """Patch a clone, and hang the difference on the negative prompt. What does not fit comes out as it was."""
        loaded = _load(model, None, adapter, strength, on_mismatch, takes_clip=False)
        info, difference = loaded.info, (without_prompt - 1) * strength
        if loaded.weights is not None:
            info = f"{info}\nWithout the prompt at strength {without_prompt * strength:g}."
            if difference:
                hooks = comfy.hooks.create_hook_lora(loaded.weights, difference, 0.0)
                negative = comfy.hooks.set_hooks_for_conditioning(negative, hooks)
        draw(cls, info)
        return io.NodeOutput(loaded.model, negative, info)


class _Loaded(NamedTuple):
    """The result of loading an adapter."""

    model: Any
    clip: Any
    info: str
    weights: Any  # as they are in the file; None where they belong to another family and nothing was patched


def _load(
    model: Any, clip: Any, adapter: str, strength: float, on_mismatch: str, *, takes_clip: bool = True
) -> _Loaded:
    path = Shelf.find().path(adapter)
    name = adapter if "/" in adapter else path.stem
    header = read_header(path)
    fit.refuse_unusable(path, header)
    warning = fit.wrong_family(header, [base.__name__ for base in type(model.model.model_config).__mro__])
    if warning:
        _refuse_if_wanted(on_mismatch, warning)
        info = f"⚠ {warning} The model is passed through unchanged."
        _log.warning("SDPO Studio: %s: %s", name, info)
        return _Loaded(model, clip, info, None)
    weights = comfy.utils.load_torch_file(str(path), safe_load=True)
    patched, patched_clip = comfy.sd.load_lora_for_models(model, clip, weights, strength, strength)
    outcome = _outcome(header, model, patched, clip, patched_clip)
    complaint = outcome.complaint(header)
    if complaint:
        _refuse_if_wanted(on_mismatch, f"{outcome.patched} of {outcome.expected} modules patched. {complaint}")
    info = fit.describe(name, header, outcome, strength, takes_clip=takes_clip)
    return _Loaded(patched, patched_clip, info, weights)


def _adapter_inputs() -> list[Any]:
    """The model, and which adapter at which strength."""
    return [
        io.Model.Input("model", tooltip="A model of the family the adapter was trained on."),
        io.Combo.Input(
            "adapter",
            options=[LATEST, *_names()],
            tooltip="An adapter from the studio, newest first, or a checkpoint of a run. 'latest' is always the "
            "newest adapter. Press R to reload.",
        ),
        io.Float.Input(
            "strength",
            default=1.0,
            min=-2.0,
            max=2.0,
            step=0.05,
            tooltip="1 is as trained, 0 is off, below 0 moves away from your taste.",
        ),
    ]


def _mismatch_input() -> Any:
    return io.Combo.Input(
        "on_mismatch",
        options=[_WARN, _STOP],
        default=_WARN,
        optional=True,
        tooltip="What to do if the adapter doesn't fit the model: warn on the node, or stop the run.",
    )


def _names() -> list[str]:
    """Names for the list; a workspace that is not known gives none, and the node says why when it runs."""
    try:
        return Shelf.find().names()
    except PackProblem:
        return []


def _outcome(header: Header, model: Any, patched: Any, clip: Any, patched_clip: Any) -> fit.Outcome:
    left_out = 0 if clip else header.text_modules
    count = fit.count_new_patches(model.patches, patched.patches)
    if clip:
        count += fit.count_new_patches(clip.patcher.patches, patched_clip.patcher.patches)
    return fit.Outcome(count, header.modules - left_out, left_out, model.model.model_type.name)


def _refuse_if_wanted(on_mismatch: str, problem: str) -> None:
    if on_mismatch == _STOP:
        raise PackProblem(f"{problem} The node is set to stop in this case (on_mismatch).")
