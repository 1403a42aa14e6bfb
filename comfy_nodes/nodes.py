# ComfyUI's modules exist only inside ComfyUI.
# pyright: reportMissingImports=false, reportUntypedBaseClass=false
"""What ComfyUI sees. Everything that can be decided without ComfyUI is decided in the other modules."""

import logging
from typing import Any

import comfy.sd
import comfy.utils
import folder_paths
from comfy_api.latest import ComfyExtension, io

from . import fit
from .header import AdapterProblem, read_header
from .workspace import LATEST, Shelf, fingerprint

_log = logging.getLogger(__name__)


class LoadPreferenceAdapter(io.ComfyNode):
    """Patches a model with an adapter of the studio, and says what came of it."""

    @classmethod
    def define_schema(cls) -> Any:
        """Inputs and outputs. ComfyUI asks again at every refresh (R), so new adapters appear without a restart."""
        return io.Schema(
            node_id="SdpoLoadPreferenceAdapter",
            display_name="Load Preference Adapter",
            category="SDPO Studio",
            description="Makes a model draw to your taste, with an adapter that SDPO Studio trained from your votes.",
            inputs=[
                io.Model.Input("model", tooltip="A model of the family that the adapter was trained on."),
                io.Combo.Input(
                    "adapter",
                    options=[LATEST, *_names()],
                    tooltip="An adapter of the studio, newest first; 'latest' is always the newest. Press R to reload.",
                ),
                io.Float.Input(
                    "strength",
                    default=1.0,
                    min=-2.0,
                    max=2.0,
                    step=0.05,
                    tooltip="1 is as trained, 0 is off, less than 0 is away from your taste.",
                ),
            ],
            outputs=[
                io.Model.Output(id="patched_model", display_name="model"),
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
        except AdapterProblem as problem:
            return str(problem)
        return True

    @classmethod
    def fingerprint_inputs(cls, adapter: str | None = None, **_others: Any) -> str:
        """The file behind the name: `latest` may be another one than last time, and a file may have been replaced."""
        if adapter is None:
            return ""
        try:
            return fingerprint(Shelf.find().path(adapter))
        except (AdapterProblem, OSError) as problem:
            return str(problem)

    @classmethod
    def execute(cls, model: Any, adapter: str, strength: float) -> Any:
        """Patch a clone of the model. One that the adapter does not belong to comes out as it was, with a warning."""
        path = Shelf.find().path(adapter)
        header = read_header(path)
        fit.refuse_unusable(path, header)
        warning = fit.wrong_family(header, [base.__name__ for base in type(model.model.model_config).__mro__])
        if warning:
            info = f"⚠ {warning} The model is passed on unchanged."
            _log.warning("SDPO Studio: %s: %s", path.stem, info)
            return cls._answer(model, info)
        weights = comfy.utils.load_torch_file(str(path), safe_load=True)
        patched, _ = comfy.sd.load_lora_for_models(model, None, weights, strength, 0.0)
        count = fit.count_new_patches(model.patches, patched.patches)
        model_type = model.model.model_type.name
        return cls._answer(patched, fit.describe(path, header, patched=count, strength=strength, model_type=model_type))

    @classmethod
    def _answer(cls, model: Any, info: str) -> Any:
        """The outputs; the text is drawn on the node too."""
        from server import PromptServer  # only here: it exists once ComfyUI's server runs

        PromptServer.instance.send_progress_text(info, cls.hidden.unique_id)
        return io.NodeOutput(model, info)


class SdpoStudioExtension(ComfyExtension):
    """The pack."""

    async def get_node_list(self) -> list[type]:
        """The nodes of the pack."""
        return [LoadPreferenceAdapter]


def join_lora_lists() -> None:
    """Show the studio's adapters in every LoRA list of ComfyUI, also in other packs' loaders."""
    try:
        folder = str(Shelf.find().folder)
    except AdapterProblem as problem:
        _log.warning("SDPO Studio: %s", problem)
        return
    if folder not in folder_paths.get_folder_paths("loras"):
        folder_paths.add_model_folder_path("loras", folder)


def _names() -> list[str]:
    """Names for the list; a workspace that is not known gives none, and the node says why when it runs."""
    try:
        return Shelf.find().names()
    except AdapterProblem:
        return []
