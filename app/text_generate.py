"""Every string of the page Generate that `app.text` does not hold: prompts, how many pairs, importing images."""

from app.text import number

STARTERS = {
    "starter-demo": "For the demo model",
    "starter-general": "A bit of everything",
    "starter-portraits": "People",
    "starter-landscapes": "Landscapes",
    "starter-illustration": "Illustration",
}
"""The sets in assets/prompts, by file."""

STARTERS_LABEL = "Starter prompts"
ADD_STARTERS = "Add"
OPEN_FILE = "Prompts from a file…"
PROMPTS_INFO = "One per line. {red|blue} is a choice: every pair gets one wording, the same for both images."
AHEAD_LABEL = "Go on drawing while I vote"
AHEAD_INFO = "That many pairs are kept waiting for you. It ends by itself when nobody has voted for ten minutes."
TELLING_LABEL = "Ask the most informative questions"
TELLING_INFO = (
    "Once your votes show what you like, each pair is picked from 4 images: the two whose comparison says most. "
    "Drawing takes twice as long, and the choices are harder."
)
ADAPTER_LABEL = "Draw with an adapter"
ADAPTER_INFO = "For round two. None: the base model alone."
NO_ADAPTER = "none"
STRENGTH_INFO = "0 is the base model, 1 the adapter as it was trained. It starts at what you recommend for the adapter."
AHEAD_RANGE = "To draw while you vote, the number of pairs kept waiting must be a whole number from 1 to 200."
STARTED_AHEAD = "Drawing has started, and goes on while you vote."
UNKNOWN_SET = "There is no such set of starter prompts. Reload the page."
FILE_TOO_LARGE = "This file holds more than a megabyte of prompts. Split it, and open one part at a time."
FILE_NO_TEXT = "This file is no text that can be read. Save it as plain text (UTF-8), one prompt a line."
FILE_EMPTY = "There is no prompt in this file. It needs one prompt a line."
FILE_GONE = "The file did not arrive. Open it again."
TOO_MANY_PROMPTS = "At most 10,000 prompts can be used at once. Leave some out."


def prompt_too_long(prompt: str, most: int) -> str:
    """One prompt is longer than any model reads."""
    return f"The prompt that begins “{prompt[:50]}…” has {len(prompt):,} characters; at most {most:,} are taken."


def long_prompt(prompt: str, most: int) -> str:
    """One prompt is much longer than people write them, and is taken all the same."""
    return (
        f"The prompt that begins “{prompt[:50]}…” has {len(prompt):,} characters; is it meant as one prompt? It "
        f"is taken whole (up to {most:,}), and read in parts of 75 tokens (some 300 characters)."
    )


def started_generate(pairs: int, prompts: int) -> str:
    """Drawing has begun; said too when there are prompts that get no pair."""
    started = "Drawing has started. You can vote as soon as the first pair is there."
    left_out = f" There are more prompts ({prompts:,}) than pairs ({pairs:,}), so the last prompts are left out."
    return started + left_out if prompts > pairs else started


def many(count: int) -> str:
    """A number that may be astronomical."""
    return f"{count:,}" if count < 10**6 else "more than a million"


def prompt_plan(prompts: int, wordings: int, pairs: int, *, ahead: bool) -> str:
    """What would be drawn, said before it starts."""
    told = number(prompts, "prompt", "prompts")
    if wordings > prompts:
        told = f"{told} with choices in them, {many(wordings)} wordings in all"
    if ahead:
        return f"{told}. {number(pairs, 'pair is', 'pairs are')} kept waiting for you, in turn."
    left_out = f" The last {prompts - pairs:,} get none." if prompts > pairs else ""
    return f"{told}. {number(pairs, 'pair', 'pairs')}: {number(2 * pairs, 'image', 'images')}.{left_out}"
