"""Every string of the card “What your votes say”. What the votes say is told by `sdpo_core.taste.words`."""

from app.text import number

SAYS = {
    "title": "What your votes say",
    "hint": "What a small model of your taste has learned, and where it is unsure.",
    "looking": "Looking at your votes…",
    "lost": "The studio did not answer. Close the card and open it again.",
    "most": "It thinks you like these most",
    "least": "and these least",
    "prompts": "Do your votes agree?",
    "promptsHint": "Few votes on a prompt say little.",
    "unsure": "It is unsure about these",
    "unsureHint": "Which one would you choose? Your answers correct it where that says most.",
    "gone": "gone",
    "pair": "Two images: {prompt}",
}

LEAD = "A small model of your taste learns from every vote for one of two images."
NOTHING_YET = "You haven't chosen between two images yet. Once you have, this shows what your votes say."
TOO_FEW_OF_A_PROMPT = "No prompt has enough votes yet to tell which ones agree."
ALL_VOTED = "You have already voted on these pairs. Close the card and open it again."
OTHER_PROJECT = "These images belong to another project. Reload the page."

_DRAW = "It looks at them while it draws pairs: draw some under Generate."


def other_model(model: str, votes: int) -> str:
    """All votes are about images that the chosen model neither made nor looked at."""
    told = number(votes, "vote is", "votes are")
    return f"Your {told} about images of another model, which {model} has not looked at yet. {_DRAW}"


def not_looked_at(model: str, unseen: int, votes: int) -> str:
    """Too few votes can be used, because the model does not know their images."""
    return (
        f"{unseen} of your {number(votes, 'vote', 'votes')} are on images that {model} has not looked at yet. {_DRAW}"
    )


def left_out(model: str, unseen: int, elsewhere: int) -> str:
    """Votes that it learned nothing from; empty when there are none."""
    told: list[str] = []
    if unseen:
        told.append(f"{number(unseen, 'vote is', 'votes are')} not in it: {model} has not looked at their images yet.")
    if elsewhere:
        told.append(f"{number(elsewhere, 'vote', 'votes')} on images of other models stay out.")
    return " ".join(told)


def agreement(predicted: int, votes: int) -> str:
    """How the votes on a prompt fit those on the others."""
    return f"{predicted} of {number(votes, 'vote', 'votes')} as the votes on other prompts would have it"


def vote_on(pairs: int) -> str:
    """The press."""
    return "Vote on this one now" if pairs == 1 else f"Vote on these {pairs} now"


def come_first(pairs: int) -> str:
    """What the board says then."""
    told = "The pair that your taste model is unsure about comes" if pairs == 1 else f"{pairs} unsure pairs come"
    return f"{told} first."
