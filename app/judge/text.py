"""Strings of the page Judge: the blind test, its verdict, the grids. The others stand in `app.text`."""

from app.ui.words import number

INTRO = (
    "A blind test on prompts and seeds that nothing was trained on: one image is by the base model, the other by your "
    "adapter. The number of comparisons is fixed before the first vote; the verdict comes at the end."
)
ADAPTER_LABEL = "Adapter"
ADAPTER_INFO = "Newest first."
COMPARISONS_INFO = "20 show a clear taste, 50 a slight one."
STRENGTH_INFO = "It starts at what you recommend for this adapter, or 1. A grid, below, shows several side by side."
PREVIEW = {
    "base": "Without",
    "at": "At {strength}",
    "from": "“{prompt}”, from the newest grid, at the nearest strength.",
    "gone": "The image is gone.",
    "none": "No previews of this adapter yet.",
    "draw": "Draw previews",
    "waits": "The previews are being drawn or are queued.",
    "lost": "The studio did not answer. Try again.",
}
NEGATIVE_INFO = "Empty: the one you mostly draw with."
SETUP = "New blind test"
BUTTON = "Start judging"
STARTED = "The comparisons are being drawn. You can vote as soon as the first one is there."
COMPARISONS_RANGE = "Comparisons must be a whole number from 1 to 1000."
RUN_LABEL = "Blind tests"
UNFINISHED = "not finished"
NOT_DONE = "This blind test has no verdict yet. Vote on all its comparisons first."


def queue_title(name: str, comparisons: int) -> str:
    """A blind test that waits to be drawn."""
    return f"Blind test of {name}: {comparisons} comparisons"


def grid_title(name: str) -> str:
    """A grid that waits to be drawn."""
    return f"Grid of {name}"


def judging(name: str, strength: float, unconditional: float, negative: str) -> str:
    """The title over a blind test; `unconditional` is the adapter's share where there is no prompt."""
    told = f"Blind test of {name}" if strength == 1 else f"Blind test of {name} at strength {strength:g}"
    if unconditional != 1:
        told += (
            ", only with your prompt" if unconditional == 0 else f", {unconditional:g} times that without your prompt"
        )
    shown = negative if len(negative) <= 120 else f"{negative[:119]}…"
    return f"{told}. Negative prompt: {shown}" if negative else told


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
    "promptsHint": "Each mark is one comparison: on the right you preferred the adapter, on the left the base model.",
    "promptColumn": "Prompt",
    "resultColumn": "Adapter preferred",
    "rounds": "By round",
    "roundsHint": "All blind tests of this project, with 95 % intervals. What crosses the middle may be chance.",
    "roundColumn": "Blind test",
    "marks": {"win": "adapter", "loss": "base model", "tie": "equal"},
    "images": "All comparisons, with their sides told",
    "baseImage": "Base model",
    "adapterImage": "Adapter",
    "chosen": "your choice",
    "equal": "equal",
    "goneImage": "This image is gone from disk.",
    "trainTitle": "Should these votes train?",
    "let": "Let these votes train",
    "takeBack": "Take that back",
    "lost": "The studio did not answer. Try again.",
    "working": "Working…",
}


def counts(wins: int, losses: int, ties: int) -> str:
    """The bare numbers."""
    return f"{wins} for the adapter, {losses} for the base model, {ties} equal"


def interval(low: float, high: float) -> str:
    """The interval in words."""
    return f"95 % interval {percent(low)} to {percent(high)}"


def plot_in_words(win_rate: float, low: float, high: float) -> str:
    """What the drawn interval shows, for who can't see it."""
    return f"You preferred the adapter in {percent(win_rate)} of the comparisons; {interval(low, high)}."


def round_name(number_of_round: int, name: str, strength: float, moment: str) -> str:
    """A blind test among all."""
    at = "" if strength == 1 else f", strength {strength:g}"
    return f"Round {number_of_round}: {name}{at}, {moment}"


def trains(count: int, *, on: bool) -> str:
    """Whether the votes of a blind test train, and what that means."""
    votes = number(count, "vote", "votes")
    if on:
        return f"You let these {votes} train, from the next run on. Later blind tests leave their prompts out."
    return (
        f"These {votes} judge only, and nothing is trained on them. If you let them train, their prompts can't judge "
        "any more: later blind tests leave them out."
    )


# --- grids -----------------------------------------------------------------------------------------------------------

GRID_SETUP = "Strengths and checkpoints"
GRID_INTRO = (
    "One prompt and one seed, at several strengths of the adapter: where does it do enough, and not too much? With "
    "checkpoints, also at several steps of its training. Choose the best, and it becomes what you recommend."
)
GRID_BUTTON = "Draw the grid"
GRID_RUN_LABEL = "Grids"
PROMPT_INFO = "Empty: a starter prompt. Prompts of blind tests are better left unseen."
STRENGTHS_INFO = "Numbers from −2 to 2; 0 is the base model."
CHECKPOINTS_INFO = "Steps of its training, one a row. Empty: the adapter alone."
SEED_INFO = "The same for all images."
STARTED_GRID = "The grid is being drawn. Each image appears as soon as it is done."
STRENGTHS_WRONG = "Strengths are numbers such as 0, 0.5, 1; {given!r} is none."
NO_SUCH_GRID = "There is no such grid in this project any more. Choose another, or draw one."
GRID_REMOVED = "The grid is in the trash. The page Disk puts it back, or removes it for good."
NO_SUCH_IMAGE = "This image is not drawn, or gone from disk."
GRID = {
    "label": "Grid of strengths and checkpoints",
    "empty": "No grid yet. It shows where an adapter does enough, and where too much.",
    "waiting": "The model is loading…",
    "caption": "“{prompt}”, seed {seed}",
    "strength": "Strength {strength}",
    "base": "Base model",
    "step": "Step {step}",
    "adapter": "Adapter",
    "choose": "Recommend this",
    "chosen": "Recommended",
    "close": "Close",
    "open": "Show large: {row}, {column}",
    "alt": "{row}, {column}",
    "missing": "Not drawn",
    "remove": "Move this grid to the trash",
    "lost": "The studio did not answer. Try again.",
}


def grid_listed(adapter: str, prompt: str, moment: str) -> str:
    """A grid in the list."""
    shown = prompt if len(prompt) <= 40 else f"{prompt[:39]}…"
    return f"{adapter}: “{shown}”, {moment}"


def picked(name: str, strength: float) -> str:
    """What was recommended."""
    return f"{name} at strength {strength:g} is what you recommend now. Adapters shows it."


WHERE = {"": "everywhere", "0": "only with your prompt", "-0.5": "opposed without it"}
"""Where an adapter acts, by the setting `unconditional_strength`; empty leaves it unset."""

WHERE_INFO = (
    "Each step compares a prediction with your prompt to one without it. Off or opposed in the second, the adapter "
    "acts more strongly. Other tools draw with it everywhere."
)
