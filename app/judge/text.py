"""Strings of the Judge page: the blind test, its verdict, the grids."""

from app.ui.words import number

PAGE = "Judge"

INTRO = (
    "A blind test on prompts and seeds not used for training: one image is from the base model, the other from your "
    "adapter. The number of comparisons is fixed before the first vote; the verdict is shown at the end."
)
ADAPTER_LABEL = "Adapter"
ADAPTER_INFO = "Newest first."
COMPARISONS_INFO = "20 can show a clear preference, 50 a slight one."
STRENGTH_INFO = "Defaults to this adapter's recommended strength, or 1. Use a grid, below, to compare several."
PREVIEW = {
    "base": "Without",
    "at": "At {strength}",
    "from": "“{prompt}”, from the latest grid, at the nearest strength.",
    "gone": "The image is missing.",
    "none": "No previews of this adapter yet.",
    "draw": "Generate previews",
    "waits": "The previews are queued or being generated.",
    "lost": "The studio didn't respond. Try again.",
}
NEGATIVE_INFO = "Empty: the one you use most."
SETUP = "New blind test"
BUTTON = "Start blind test"
STARTED = "Generating the comparisons. You can vote as soon as the first one is ready."
COMPARISONS_RANGE = "Comparisons must be a whole number from 1 to 1000."
RUN_LABEL = "Blind tests"
UNFINISHED = "not finished"
NOT_DONE = "No verdict yet. Vote on all comparisons of this blind test first."


def queue_title(name: str, comparisons: int) -> str:
    """A queued blind test."""
    return f"Blind test of {name}: {comparisons} comparisons"


def grid_title(name: str) -> str:
    """A queued grid."""
    return f"Grid of {name}"


def judging(name: str, strength: float, unconditional: float, negative: str) -> str:
    """The title above a blind test; `unconditional` is the adapter's share in the unconditional prediction."""
    title = f"Blind test of {name}" if strength == 1 else f"Blind test of {name} at strength {strength:g}"
    if unconditional != 1:
        title += ", conditional only" if unconditional == 0 else f", {unconditional:g}× in the unconditional prediction"
    shown = negative if len(negative) <= 120 else f"{negative[:119]}…"
    return f"{title}. Negative prompt: {shown}" if negative else title


def listed(name: str, moment: str, result: str) -> str:
    """A blind test in the list."""
    return f"{name}, {moment}: {result}"


def percent(share: float) -> str:
    """`58 %`."""
    return f"{100 * share:.0f} %"


def score(points: float, comparisons: int) -> str:
    """`16 of 20`."""
    return f"{points:g} of {comparisons}"


# --- the verdict -----------------------------------------------------------------------------------------------------

VERDICT = {
    "title": "Verdict",
    "base": "base preferred",
    "even": "50 %",
    "adapter": "adapter preferred",
    "scale": "Share of comparisons in which you preferred the adapter",
    "prompts": "By prompt",
    "promptsHint": "Each mark is one comparison. Right: you preferred the adapter. Left: you preferred the base model.",
    "promptColumn": "Prompt",
    "resultColumn": "Adapter preferred",
    "rounds": "By round",
    "roundsHint": "All blind tests of this project, with 95 % intervals. One that crosses the middle may be chance.",
    "roundColumn": "Blind test",
    "mark.win": "adapter",
    "mark.loss": "base model",
    "mark.tie": "equal",
    "images": "All comparisons, revealed",
    "baseImage": "Base model",
    "adapterImage": "Adapter",
    "chosen": "your choice",
    "equal": "equal",
    "goneImage": "This image is missing from disk.",
    "trainTitle": "Use these votes for training?",
    "let": "Use for training",
    "takeBack": "Don't use for training",
    "lost": "The studio didn't respond. Try again.",
    "working": "Working…",
}


def counts(wins: int, losses: int, ties: int) -> str:
    """The counts."""
    return f"{wins} for the adapter, {losses} for the base model, {ties} equal"


def interval(low: float, high: float) -> str:
    """The interval, as text."""
    return f"95 % interval {percent(low)} to {percent(high)}"


def describe_plot(win_rate: float, low: float, high: float) -> str:
    """Alternative text for the interval plot."""
    return f"You preferred the adapter in {percent(win_rate)} of the comparisons; {interval(low, high)}."


def round_name(number_of_round: int, name: str, strength: float, moment: str) -> str:
    """A blind test in the list of rounds."""
    at = "" if strength == 1 else f", strength {strength:g}"
    return f"Round {number_of_round}: {name}{at}, {moment}"


def trains(count: int, *, on: bool) -> str:
    """Whether a blind test's votes are used for training, and what that means."""
    votes = number(count, "vote", "votes")
    if on:
        return f"These {votes} will be used for training from the next run. Later blind tests skip their prompts."
    return (
        f"These {votes} aren't used for training. If you use them, their prompts are no longer unseen, so later blind "
        "tests skip them."
    )


# --- grids -----------------------------------------------------------------------------------------------------------

GRID_SETUP = "Strengths and checkpoints"
GRID_INTRO = (
    "One prompt and seed at several adapter strengths: where is the effect enough, but not too much? With "
    "checkpoints, also at several training steps. The image you pick becomes the recommended strength."
)
GRID_BUTTON = "Generate grid"
GRID_RUN_LABEL = "Grids"
PROMPT_INFO = "Empty: a starter prompt. Don't use prompts you want to keep for blind tests."
STRENGTHS_INFO = "From −2 to 2; 0 is the base model."
CHECKPOINTS_INFO = "Training steps, one per row. Empty: only the finished adapter."
SEED_INFO = "The same for all images."
STARTED_GRID = "Generating the grid. Each image appears as soon as it's ready."
STRENGTHS_WRONG = "Strengths must be numbers, such as 0, 0.5, 1; got {given!r}."
NO_SUCH_GRID = "This grid is no longer in the project. Choose another, or generate one."
GRID_REMOVED = "The grid is in the trash. Restore or delete it for good on the Disk page."
NO_SUCH_IMAGE = "This image hasn't been generated yet, or is missing from disk."
GRID = {
    "label": "Grid of strengths and checkpoints",
    "empty": "No grids yet. A grid shows where an adapter does enough, and where it does too much.",
    "waiting": "The model is loading…",
    "caption": "“{prompt}”, seed {seed}",
    "strength": "Strength {strength}",
    "base": "Base model",
    "step": "Step {step}",
    "adapter": "Adapter",
    "choose": "Recommend this",
    "chosen": "Recommended",
    "close": "Close",
    "open": "Enlarge: {row}, {column}",
    "alt": "{row}, {column}",
    "missing": "Not generated",
    "remove": "Move this grid to the trash",
    "lost": "The studio didn't respond. Try again.",
}


def grid_listed(adapter: str, prompt: str, moment: str) -> str:
    """A grid in the list."""
    shown = prompt if len(prompt) <= 40 else f"{prompt[:39]}…"
    return f"{adapter}: “{shown}”, {moment}"


def picked(name: str, strength: float) -> str:
    """Confirms the recommendation."""
    return f"{name}: recommended strength is now {strength:g}. It's shown on the Adapters page."


WHERE = {"": "everywhere", "0": "conditional prediction only", "-0.5": "opposed in the unconditional"}
"""Where an adapter is applied, by `unconditional_strength`; empty leaves that unset."""

WHERE_INFO = (
    "Guidance combines a prediction with your prompt and one without it. With the adapter off or opposed in the "
    "second, its effect is stronger. Other tools apply it everywhere."
)
