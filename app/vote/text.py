"""Every string of the page Vote, and of the boards that Judge uses too."""

from typing import Any

from app.ui.words import number

VOTE_MODES: dict[str, Any] = {
    "label": "How to vote",
    "modes": [
        ("pairs", "Pairs", "Which one do you like better? Click it, or use the keys. Trust your first look."),
        (
            "best",
            "Best of several",
            "Click the best one, then the worst one. That says more in two clicks than a pair.",
        ),
        (
            "swiss",
            "Swiss rounds",
            "Pairs from up to eight images of a prompt: each round, images that did equally well meet.",
        ),
        ("review", "Your votes", "Every vote once more. Click the other image to change one."),
    ],
}
MEASURED = {15: {"warm": 86, "busy": 76, "sun": 53}, 60: {"warm": 94, "busy": 75, "sun": 59}}
"""Win rates in per cent by the votes of simulated people: the means in bench/results/outcome*.json."""

_FEW, _MANY = MEASURED

BOARD: dict[str, Any] = {
    "label": "Choose between two images",
    "prompt": "Prompt",
    "left": "Left",
    "right": "Right",
    "leftLabel": "Choose the left image",
    "rightLabel": "Choose the right image",
    "tie": "Equal",
    "both-bad": "Both bad",
    "skip": "Skip",
    "undo": "Undo",
    "chose": {
        "left": "Chose left.",
        "right": "Chose right.",
        "tie": "Called it equal.",
        "both-bad": "Called both bad.",
        "skip": "Skipped.",
    },
    "choseStrongly": {"left": "Chose left, much better.", "right": "Chose right, much better."},
    "strong": "Much better",
    "strongHint": "The next one you choose is much better. With keys or mouse: hold Shift.",
    "space": "Space",
    "peek": "Full size",
    "peekKey": "Both at full size; move the mouse to look around. Hold the key, or tap it and tap it again.",
    "peekHint": "Move to look around. Space or a click goes back.",
    "flicker": "Flicker",
    "flickerKey": "One in the other’s place, in turn. Hold the key, or tap it and tap it again.",
    "flickerHint": "C or a click goes back.",
    "large": "Large",
    "largeKey": "The images alone on the whole window, and back.",
    "keysSwitch": "Keys",
    "askAgain": "Ask some pairs again",
    "pace": "{n} votes a minute",
    "steady": "you chose the same in {same} of {asked}",
    "steadyHint": "About one pair in fifteen is one that you chose on before. Nothing is trained on twice.",
    "finishLine": "{n} more to {line}",
    "finished": "{n} votes for a side. Train now, or just go on voting.",
    "best": "Which one is the best?",
    "worst": "And which one is the worst?",
    "bestMark": "Best",
    "bestOf": "Images at once",
    "choseBest": "Best and worst are saved as votes on {n} pairs.",
    "bestVotes": "{done} voted",
    "noWorst": "None is the worst",
    "notNow": "Not now",
    "back": "Back",
    "number": "Image {n}",
    "numberKey": "Choose image 1, 2, 3, …",
    "bestEmpty": "No prompt has three or more images that wait for your vote.",
    "bestEmptyHint": "Draw more pairs of fewer prompts, and their images come together here.",
    "swissEmpty": "All rounds are done.",
    "swissEmptyHint": "A prompt takes part with four or more images. Draw more pairs of it to go on.",
    "finishTrain": "Train",
    "finishOn": "Go on",
    "moreVotes": [  # from so many votes on
        (
            1,
            f"Measured with simulated people, {_FEW} and {_MANY} votes: a taste in warm colours won "
            f"{MEASURED[_FEW]['warm']} and {MEASURED[_MANY]['warm']} % of blind comparisons, one for busy foregrounds "
            f"{MEASURED[_FEW]['busy']} and {MEASURED[_MANY]['busy']} %, one for a sun in the sky "
            f"{MEASURED[_FEW]['sun']} and {MEASURED[_MANY]['sun']} %. Differences under 10 points may be chance.",
        ),
        (
            _MANY,
            f"What more than {_MANY} votes bring was not measured. Train, judge blindly, and you will know.",
        ),
    ],
    "keysTitle": "All keys",
    "undone": "Undone. Choose again.",
    "undoFirst": "There is no vote to take back.",
    "unsaved": "{n} unsaved",
    "unsavedHint": "These votes wait in your browser and are sent again until the studio has them.",
    "votes": "{done} voted, {open} waiting",
    "progress": "{done} of {total}",
    "loading": "Loading the next pair…",
    "drawing": "The next pair is being drawn…",
    "empty": "No pair waits for your vote.",
    "emptyHint": "Draw some, and they appear here as soon as they are ready.",
    "emptyButton": "Generate pairs",
    "judgeWaiting": "The next comparison is being drawn…",
    "judgeShort": "Comparisons are missing or their images are gone, so there is no verdict. Start a new blind test.",
    "gone": "An image of that pair is gone or damaged, so it was left out.",
}


REVIEW: dict[str, Any] = {
    "label": "Your votes",
    "search": "Prompt contains",
    "filterChoice": "Choice",
    "anyChoice": "All",
    "muchBetter": "Much better",
    "unsteady": "Another answer when asked again",
    "since": "From",
    "until": "To",
    "clear": "Clear filters",
    "found": "{n} votes",
    "foundOne": "1 vote",
    "none": "No vote fits these filters.",
    "noneYet": "There is no vote yet.",
    "more": "Show more",
    "change": "Choice",
    "delete": "Delete",
    "restore": "Bring back",
    "deleted": "Deleted; the pair waits for a vote again.",
    "changed": "Changed.",
    "restored": "Back as it was.",
    "again": "Asked again: {choice}",
    "ranked": "Best and worst",
    "goneImage": "This image is gone from disk.",
    "asLeft": "Left is better: {prompt}",
    "asRight": "Right is better: {prompt}",
}

FOREIGN_PAIR = "This vote belongs to a pair of another workspace, so it was dropped. Reload the page."
OTHER_BOARD = "This vote belongs to a pair that is not voted on here, so it was dropped. Reload the page."


def no_such_choice(choice: str, choices: tuple[str, ...]) -> str:
    """A choice that this board does not have."""
    return f"{choice} is no choice here; choose one of {', '.join(choices)}."


JUDGEMENT_CLOSED = "This judgement is complete, and its verdict is shown. Start a new one to judge again."
JUDGEMENT_GONE = "This judgement is not in the workspace any more. Reload the page."

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

SAYS_LEAD = "A small model of your taste learns from every vote for one of two images."

SAYS_NOTHING_YET = "You haven't chosen between two images yet. Once you have, this shows what your votes say."

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
