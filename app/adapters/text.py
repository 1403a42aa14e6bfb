"""Strings of the page Adapters: cards, other tools' folders, the model card. The others stand in `app.text`."""

from app.ui.words import number
from sdpo_core.wording import change, percent, signed_percent

INTRO = "What your votes became. Each file loads wherever LoRA files of its base model do."
WIDGET = {
    "label": "Your adapters",
    "empty": "No adapter yet.",
    "emptyHint": "Generate, vote and train; the result appears here.",
    "loading": "Looking…",
    "noPreview": "No preview",
    "lost": "The studio did not answer. Try again.",
    "strengthChip": "best at {strength}",
    "path": "Where it lies",
    "copy": "Copy path",
    "copied": "Copied",
    "copyFailed": "Select the path and copy it by hand.",
    "download": "Download",
    "files": {
        "kohya": ("LoRA file", "for ComfyUI, A1111 and Forge"),
        "diffusers": ("LoRA file, diffusers’ names", "for diffusers and peft"),
        "card": ("Model card", "Markdown; votes, verdict, settings; no prompts"),
        "cardPrompts": ("Model card with the prompts judged on", "Markdown"),
    },
    "copyTo": "Copy to {tool}",
    "linkTo": "Link into {tool}",
    "linkHint": "One file in both places; takes no more room. Needs the same disk.",
    "judge": "Judge",
    "roundTwo": "Round two",
    "roundTwoHint": "Opens Train with this adapter as the start.",
    "edit": "Name, strength, note…",
    "editName": "Name",
    "curveGain": "predicted shift, σ",
    "curveDrift": "winner error",
    "editStrength": "Recommended strength",
    "editStrengthHint": "−2 to 2; empty: none",
    "editNote": "Note",
    "save": "Save",
    "cancel": "Cancel",
    "delete": "Delete",
    "undo": "Put back",
    "folders": "Folders of other tools",
    "foldersHint": "Chosen once for all projects. Adapters can then be put there with one press.",
    "noFolder": "not chosen yet",
    "choose": "Choose…",
    "change": "Change…",
    "folderLabel": "Folder of {tool}",
    "folderPlaceholder": "The tool’s own folder, or its folder for LoRA files",
    "forget": "Forget",
    "working": "Working…",
}
WORKS_ONLY_HERE = "Works only in the studio: the demo model is too small for other tools to recognise."
NOT_JUDGED = "Not judged yet"
UNREADABLE = "This file can't be read: {why}"
GONE = "The file of this adapter is gone from the workspace's adapters folder."
NOT_AN_ADAPTER = "This entry of the trash holds no adapter. The page Disk puts it back."
NOT_PROVEN = "Not proven to load yet: judge it or draw a grid with it once."
STRENGTH_WRONG = "The recommended strength is a number such as 0.8, or empty; {given!r} is neither."


def trained_on(pairs: int | None, step: int | None) -> str:
    """How an adapter was made."""
    parts: list[str] = []
    if pairs is not None:
        parts.append(number(pairs, "pair", "pairs"))
    if step is not None:
        parts.append(f"step {step}")
    return ", ".join(parts)


def round_chip(number_of_round: int) -> str:
    """Which round it is of."""
    return f"round {number_of_round}"


def fits(matched: int, modules: int) -> str:
    """The load proof."""
    return f"{matched} of {modules} modules fit its base model."


def winner_error(error: float, two_se: float | None, budget: float | None, *, held_out: bool) -> str:
    """The held-out winner error, as far as it is known."""
    where = "held-out pairs" if held_out else "unseen draws of the training pairs (too few to hold any out)"
    allowed = f", of {100 * budget:.0f} % allowed" if budget is not None else ""
    return f"{change(error, two_se)} on {where}{allowed}"


# --- calibrated strength -------------------------------------------------------------------------------------------

BAKED = "Calibrated: strength 1 of this file is {strength:.2f} times what was trained."

_SHARES = {
    0.6: "three of five",
    2 / 3: "two of three",
    0.75: "three of four",
    0.8: "four of five",
    0.9: "nine of ten",
    1.0: "nearly all",
}
_VISIBLE = 0.56  # below, nobody would see a difference


def calibrated(sentence: str, strength: float | None) -> str:
    """At which strength the file is, and why."""
    if strength is None:
        return sentence
    return f"{BAKED.format(strength=strength)} {sentence}"


def predicted(shift: float, preference: float) -> str:
    """What the taste model expects; `preference` is its chance that an image beats a random one without the adapter."""
    size = f"a shift of {_sigma(shift)}"
    if preference < _VISIBLE:
        return f"Predicted from your votes: hardly a difference that you would see ({size})."
    share = _SHARES[min(_SHARES, key=lambda one: abs(one - preference))]
    return (
        f"Predicted from your votes: about {share} of its images should look better to you than a random one without "
        f"it ({size}). A blind test decides."
    )


def predicted_in_figures(shift: float, preference: float) -> str:
    """The same for a table."""
    return f"shift {_sigma(shift)}, {percent(preference)} against random images without it; predicted, not judged"


def gate(budget: float) -> str:
    """The line that no strength may cross."""
    return f"budget {100 * budget:.1f} %"


def curve_point(strength: float, shift: float, error: float) -> str:
    """One strength that was measured."""
    return f"at {strength:.2f} a shift of {_sigma(shift)} for a winner error of {signed_percent(error)}"


def curve_in_words(points: list[str], budget: float, strength: float | None) -> str:
    """The curve, for those who don't see it."""
    chosen = "None is inside." if strength is None else f"Calibrated at {strength:.2f}."
    return f"Predicted gain against drift: {'; '.join(points)}. The {gate(budget)} is the limit. {chosen}"


def _sigma(shift: float) -> str:
    return f"{shift:+.1f} σ".replace("-", "−")


# --- what was done ---------------------------------------------------------------------------------------------------


def saved(name: str) -> str:
    """Name, note and strength are kept."""
    return f"{name}: saved."


def deleted(name: str) -> str:
    """An adapter was thrown away."""
    return f"{name} is in the trash. The page Disk puts it back, or removes it for good."


def back(name: str) -> str:
    """And is back."""
    return f"{name} is back."


# --- other tools' folders --------------------------------------------------------------------------------------------

FOLDER_FORGOTTEN = "The folder of {tool} is forgotten. What lies there stays."
NOT_FOR_OTHERS = "{name} works only in the studio, so it is not put elsewhere. Train on a model of your own."


def folder_chosen(tool: str, folder: str) -> str:
    """A folder is known from now on."""
    return f"Adapters for {tool} go to {folder}."


def placed(tool: str, file: str, proof: str, *, linked: bool) -> str:
    """An adapter is where another tool finds it."""
    return f"{'Linked' if linked else 'Copied'} to {tool} as {file}. {proof}"


def is_there(tool: str) -> str:
    """It is there."""
    return f"in {tool}"


# --- model card ------------------------------------------------------------------------------------------------------

CARD_ABOUT = (
    "A LoRA adapter that was trained from one person's votes between pairs of images, with Diffusion-SDPO (safeguarded "
    "DPO, [arXiv 2511.03317](https://arxiv.org/abs/2511.03317)) in SDPO Studio. It leans the base model towards that "
    "person's taste; it teaches no new subject."
)
CARD_NOT_JUDGED = "It was not judged blind. Nobody knows yet whether its images are preferred to the base model's."
CARD_CHANCE = "An interval that holds 50 % can be chance."
CARD_ONE_PERSON = (
    "This is one person's blind choice between images of the same prompt and seed, on prompts that this adapter was "
    "not trained on. It says little about another person's taste."
)
CARD_LICENCE = "The base model's licence holds for what is made with it; check it before you share."
CARD_ERROR_ABOUT = (
    "How much worse the adapter became at the images that were preferred, against its reference. Training is held "
    "inside a budget; this measures, it does not promise."
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
    "base_sha256": "Its hash (the studio's)",
    "votes": "Pairs it was trained on",
    "held_out": "Pairs held out",
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
CARD_STRENGTH_NONE = "No strength is recommended; it was trained at 1."
CARD_STRENGTH_BAKED = "No strength is recommended; 1 is what was calibrated, {strength:.2f} times what was trained."
CARD_FILES = (
    "The LoRA file loads in ComfyUI, A1111 and Forge, and in diffusers with `load_lora_weights`. A second file with "
    "diffusers' own names can be exported from the studio."
)
CARD_JUDGED_AT = "Judged at strength {strength:g}: {wins} for the adapter, {losses} for the base model, {ties} equal."

COMFY: dict[str, str] = {
    "title": "Nodes for ComfyUI",
    "about": (
        "They load your adapters by name and say whether all of it fits, send images to the studio to vote on, and let "
        "you choose while ComfyUI draws."
    ),
    "none": "No ComfyUI was found in the usual places.",
    "installed": "installed",
    "install": "Install",
    "remove": "Remove",
    "other": "Folder of another ComfyUI",
    "placeholder": "the folder that holds custom_nodes",
    "working": "Just a moment…",
    "lost": "The studio did not answer. Try again.",
}

COMFY_GONE = "This ComfyUI is not there any more. Look again, or type its folder."

COMFY_EMPTY = "Type the folder of your ComfyUI, the one that holds custom_nodes."

COMFY_RELATIVE = "Type the whole path of the folder, from the root or the drive on; {given} is only a part of one."
