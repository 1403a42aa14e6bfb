"""Strings of the Adapters page: cards, other tools' folders, the model card."""

from app.ui.words import number
from sdpo_core.wording import change, percent, signed_percent

PAGE = "Adapters"

INTRO = "Trained from your votes. Each file loads in any tool that supports LoRAs for its base model."
WIDGET = {
    "label": "Your adapters",
    "empty": "No adapters yet.",
    "emptyHint": "Generate, vote and train; the results appear here.",
    "loading": "Loading…",
    "noPreview": "No preview",
    "lost": "The studio didn't respond. Try again.",
    "strengthChip": "best at {strength}",
    "path": "File location",
    "copy": "Copy path",
    "copied": "Copied",
    "copyFailed": "Couldn't copy. Select the path and copy it yourself.",
    "download": "Download",
    "file.kohya": "LoRA file",
    "fileHint.kohya": "for ComfyUI, A1111 and Forge",
    "file.diffusers": "LoRA file, diffusers format",
    "fileHint.diffusers": "for diffusers and peft",
    "file.card": "Model card",
    "fileHint.card": "Markdown: votes, verdict, settings; no prompts",
    "file.card_prompts": "Model card with the blind test's prompts",
    "fileHint.card_prompts": "Markdown",
    "copyTo": "Copy to {tool}",
    "linkTo": "Link into {tool}",
    "linkHint": "One file in both places, without using more space. Needs the same disk.",
    "judge": "Blind test",
    "roundTwo": "Round two",
    "roundTwoHint": "Opens the Train page with this adapter as the starting point.",
    "edit": "Name, strength, note…",
    "editName": "Name",
    "curveGain": "predicted gain, σ",
    "curveDrift": "winner error",
    "editStrength": "Recommended strength",
    "editStrengthHint": "−2 to 2; empty: none",
    "editNote": "Note",
    "save": "Save",
    "cancel": "Cancel",
    "delete": "Delete",
    "undo": "Undo",
    "folders": "Folders of other tools",
    "foldersHint": "Set once for all projects. Then copying an adapter there takes one click.",
    "noFolder": "not set yet",
    "choose": "Choose…",
    "change": "Change…",
    "folderLabel": "Folder of {tool}",
    "folderPlaceholder": "The tool’s main folder, or its LoRA folder",
    "forget": "Forget",
    "working": "Working…",
}
WORKS_ONLY_HERE = "Works only in the studio: other tools don't recognise the tiny demo model."
NOT_JUDGED = "Not tested yet"
UNREADABLE = "This file can't be read: {why}"
GONE = "This adapter's file is missing from the workspace's adapters folder."
NOT_AN_ADAPTER = "This trash entry isn't an adapter. Restore it on the Disk page."
NOT_PROVEN = "Loading not verified yet: run a blind test or generate a grid with it."
STRENGTH_WRONG = "The recommended strength must be a number such as 0.8, or empty; got {given!r}."


def trained_on(pairs: int | None, step: int | None) -> str:
    """How an adapter was made."""
    parts: list[str] = []
    if pairs is not None:
        parts.append(number(pairs, "pair", "pairs"))
    if step is not None:
        parts.append(f"step {step}")
    return ", ".join(parts)


def round_chip(number_of_round: int) -> str:
    """The round it belongs to."""
    return f"round {number_of_round}"


def fits(matched: int, modules: int) -> str:
    """The load proof."""
    return f"{matched} of {modules} modules match its base model."


def winner_error(error: float, two_se: float | None, budget: float | None, *, held_out: bool) -> str:
    """The held-out winner error, as far as it is known."""
    where = "held-out pairs" if held_out else "training pairs with unseen noise (too few pairs to hold any out)"
    allowed = f", budget {100 * budget:.0f} %" if budget is not None else ""
    return f"{change(error, two_se)} on {where}{allowed}"


# --- calibrated strength -------------------------------------------------------------------------------------------

BAKED = "Calibrated: strength 1 in this file is {strength:.2f} times the trained strength."

_SHARES = {
    0.6: "three of five",
    2 / 3: "two of three",
    0.75: "three of four",
    0.8: "four of five",
    0.9: "nine of ten",
    1.0: "nearly all",
}
_VISIBLE = 0.56  # below this, nobody would see a difference


def calibrated(sentence: str, strength: float | None) -> str:
    """The strength the file was calibrated to, and why."""
    if strength is None:
        return sentence
    return f"{BAKED.format(strength=strength)} {sentence}"


def predicted(shift: float, preference: float) -> str:
    """What the taste model expects; `preference` is the chance that an image beats a random one without the adapter."""
    gain = f"a gain of {_sigma(shift)}"
    if preference < _VISIBLE:
        return f"Predicted from your votes: hardly any visible difference ({gain})."
    share = _SHARES[min(_SHARES, key=lambda one: abs(one - preference))]
    return (
        f"Predicted from your votes: you should prefer about {share} of its images to a random one without it "
        f"({gain}). Only a blind test can tell."
    )


def predicted_in_figures(shift: float, preference: float) -> str:
    """The same, for a table."""
    return f"gain {_sigma(shift)}, {percent(preference)} against random images without it; predicted, not tested"


def gate(budget: float) -> str:
    """The limit no strength may exceed."""
    return f"budget {100 * budget:.1f} %"


def curve_point(strength: float, shift: float, error: float) -> str:
    """One strength that was measured."""
    return f"at {strength:.2f}, a gain of {_sigma(shift)} for a winner error of {signed_percent(error)}"


def describe_curve(points: list[str], budget: float, strength: float | None) -> str:
    """Alternative text for the curve."""
    chosen = "No strength stays within it." if strength is None else f"Calibrated at {strength:.2f}."
    return f"Predicted gain against drift: {'; '.join(points)}. The {gate(budget)} is the limit. {chosen}"


def _sigma(shift: float) -> str:
    return f"{shift:+.1f} σ".replace("-", "−")


# --- what was done ---------------------------------------------------------------------------------------------------


def saved(name: str) -> str:
    """Name, note and strength were saved."""
    return f"Saved {name}."


def deleted(name: str) -> str:
    """An adapter was moved to the trash."""
    return f"{name} is in the trash. Restore or delete it for good on the Disk page."


def back(name: str) -> str:
    """An adapter was restored."""
    return f"Restored {name}."


# --- other tools' folders --------------------------------------------------------------------------------------------

FOLDER_FORGOTTEN = "Folder of {tool} removed from the settings. The files in it were kept."
NOT_FOR_OTHERS = "{name} works only in the studio, so it wasn't copied. Train on your own model instead."


def folder_chosen(tool: str, folder: str) -> str:
    """A tool's folder was set."""
    return f"Adapters for {tool} go to {folder}."


def placed(tool: str, file: str, proof: str, *, linked: bool) -> str:
    """An adapter was copied or linked into another tool's folder."""
    return f"{'Linked' if linked else 'Copied'} to {tool} as {file}. {proof}"


def is_there(tool: str) -> str:
    """The adapter is in that tool's folder."""
    return f"in {tool}"


# --- model card ------------------------------------------------------------------------------------------------------

CARD_ABOUT = (
    "A LoRA adapter trained on one person's votes on pairs of images, with Diffusion-SDPO (safeguarded DPO, "
    "[arXiv 2511.03317](https://arxiv.org/abs/2511.03317)) in SDPO Studio. It shifts the base model towards that "
    "person's taste; it doesn't teach new subjects."
)
CARD_NOT_JUDGED = "No blind test yet, so it's unknown whether its images are preferred to the base model's."
CARD_CHANCE = "An interval that includes 50 % may be chance."
CARD_ONE_PERSON = (
    "One person's blind choices between images with the same prompt and seed, on prompts this adapter wasn't "
    "trained on. They say little about anyone else's taste."
)
CARD_LICENCE = "The base model's licence applies to what you make with it. Check it before you share."
CARD_ERROR_ABOUT = (
    "Winner error: how much worse the adapter became at predicting the preferred images, compared with its "
    "reference. Training keeps it within a budget. It's a measurement, not a guarantee."
)
CARD_HEADINGS = {
    "how": "How it was made",
    "verdict": "Blind test",
    "use": "Use",
    "settings": "Settings",
    "prompts": "Prompts of the blind test",
    "note": "Note",
}
CARD_ROWS = {
    "base": "Base model",
    "base_sha256": "Base model hash (SDPO Studio's)",
    "votes": "Training pairs",
    "held_out": "Held-out pairs",
    "round": "Round",
    "step": "Step",
    "error": "Winner error",
    "calibrated": "Strength in the file",
    "predicted": "Predicted by the taste model",
    "rank": "Rank",
    "layers": "Layers",
    "sha256": "SHA-256 of the file",
    "made": "Made",
}
CARD_STRENGTH = "Recommended strength: {strength:g}."
CARD_STRENGTH_NONE = "No recommended strength; trained at 1."
CARD_STRENGTH_BAKED = "No recommended strength; 1 is calibrated, {strength:.2f} times the trained strength."
CARD_FILES = (
    "The LoRA file loads in ComfyUI, A1111 and Forge, and in diffusers with `load_lora_weights`. The studio can "
    "also export it with diffusers' key names."
)
CARD_JUDGED_AT = "Tested at strength {strength:g}: {wins} for the adapter, {losses} for the base model, {ties} equal."

COMFY: dict[str, str] = {
    "title": "Nodes for ComfyUI",
    "about": (
        "Load your adapters by name and check that they fit, send images to the studio to vote on, and pick an image "
        "while a workflow runs."
    ),
    "none": "No ComfyUI found in the usual places.",
    "installed": "installed",
    "install": "Install",
    "remove": "Remove",
    "other": "Another ComfyUI folder",
    "placeholder": "the folder that contains custom_nodes",
    "working": "Working…",
    "lost": "The studio didn't respond. Try again.",
}

COMFY_GONE = "This ComfyUI is no longer there. Reload the page, or enter its folder."
COMFY_EMPTY = "Enter your ComfyUI folder, the one that contains custom_nodes."
COMFY_RELATIVE = "Enter the full path of the folder, including the root or drive; {given} isn't a full path."
