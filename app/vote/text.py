"""Strings of the Vote page, and of the boards it shares with the Judge page."""

from app.ui.words import number

PAGE = "Vote"

VOTE_MODES = {
    "label": "How to vote",
    "mode.pairs": "Pairs",
    "intro.pairs": "Which one do you like better? Click it, or use the keyboard. Trust your first impression.",
    "mode.best": "Best of several",
    "intro.best": "Click the best one, then the worst. Two clicks here tell more than one pair does.",
    "mode.swiss": "Swiss rounds",
    "intro.swiss": (
        "Pairs from up to eight images of a prompt. In each round, images with equal results face each other."
    ),
    "mode.review": "Your votes",
    "intro.review": "All your votes. Click the other image to change a vote.",
}
MEASURED = {15: {"warm": 86, "busy": 76, "sun": 53}, 60: {"warm": 94, "busy": 75, "sun": 59}}
"""Win rates in per cent, by number of votes, of simulated people: the means in bench/results/outcome*.json."""

_FEW, _MANY = MEASURED

BOARD = {
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
    "chose.left": "Chose left.",
    "chose.right": "Chose right.",
    "chose.tie": "Marked equal.",
    "chose.both-bad": "Marked both bad.",
    "chose.skip": "Skipped.",
    "choseStrongly.left": "Chose left, much better.",
    "choseStrongly.right": "Chose right, much better.",
    "strong": "Much better",
    "strongHint": "Marks your next choice as much better. With keyboard or mouse, hold Shift.",
    "space": "Space",
    "peek": "Full size",
    "peekKey": "Both at full size; move the mouse to pan. Hold the key, or tap it to toggle.",
    "peekHint": "Move to pan. Space or a click closes it.",
    "flicker": "Flicker",
    "flickerKey": "Switches between the two images in place. Hold the key, or tap it to toggle.",
    "flickerHint": "C or a click closes it.",
    "large": "Large",
    "largeKey": "Fills the window with the images; press again to go back.",
    "keysSwitch": "Keys",
    "askAgain": "Repeat some pairs",
    "pace": "{n} votes per minute",
    "steady": "same choice {same} of {asked} times",
    "steadyHint": "About one pair in fifteen is a repeat. Nothing is trained on twice.",
    "finishLine": "{n} more to {line}",
    "finished": "{n} usable votes. Train now, or keep voting.",
    "best": "Which is the best?",
    "worst": "And which is the worst?",
    "bestMark": "Best",
    "bestOf": "Images to show",
    "choseBest": "Best and worst saved as votes on {n} pairs.",
    "bestVotes": "{done} voted",
    "noWorst": "No clear worst",
    "notNow": "Not now",
    "back": "Back",
    "number": "Image {n}",
    "numberKey": "Choose image 1, 2, 3, …",
    "bestEmpty": "No prompt has three or more images to vote on.",
    "bestEmptyHint": "Generate more pairs with fewer prompts, and their images appear here together.",
    "swissEmpty": "All rounds are done.",
    "swissEmptyHint": "A prompt needs at least four images. Generate more pairs of one to continue.",
    "finishTrain": "Train",
    "finishOn": "Keep voting",
    "moreVotes": (
        f"Measured with simulated people on the earlier demo model, at {_FEW} and {_MANY} votes: a taste for warm "
        f"colours won {MEASURED[_FEW]['warm']} and {MEASURED[_MANY]['warm']} % of blind comparisons, for busy "
        f"foregrounds {MEASURED[_FEW]['busy']} and {MEASURED[_MANY]['busy']} %, for a sun in the sky "
        f"{MEASURED[_FEW]['sun']} and {MEASURED[_MANY]['sun']} %. Differences under 10 points may be chance."
    ),
    "notMeasured": f"More than {_MANY} votes haven't been measured. Train and run a blind test to find out.",
    "keysTitle": "All keys",
    "undone": "Undone. Choose again.",
    "undoFirst": "There's no vote to undo.",
    "unsaved": "{n} unsaved",
    "unsavedHint": "These votes are kept in your browser and resent until the studio has saved them.",
    "votes": "{done} voted, {open} waiting",
    "progress": "{done} of {total}",
    "loading": "Loading the next pair…",
    "drawing": "Generating the next pair…",
    "empty": "No pairs to vote on.",
    "emptyHint": "Generate some, and they appear here as soon as they're ready.",
    "emptyButton": "Generate pairs",
    "judgeWaiting": "Generating the next comparison…",
    "judgeShort": "Some comparisons or their images are missing, so there's no verdict. Start a new blind test.",
    "gone": "An image of that pair is missing or damaged, so it was skipped.",
}


REVIEW = {
    "label": "Your votes",
    "search": "Prompt contains",
    "filterChoice": "Choice",
    "anyChoice": "All",
    "muchBetter": "Much better",
    "unsteady": "Different choice on repeat",
    "since": "From",
    "until": "To",
    "clear": "Clear filters",
    "found": "{n} votes",
    "foundOne": "1 vote",
    "none": "No votes match these filters.",
    "noneYet": "No votes yet.",
    "more": "Show more",
    "change": "Choice",
    "delete": "Delete",
    "restore": "Restore",
    "deleted": "Deleted. You can vote on this pair again.",
    "changed": "Changed.",
    "restored": "Restored.",
    "again": "On repeat: {choice}",
    "ranked": "Best and worst",
    "goneImage": "This image is missing from disk.",
    "asLeft": "Left is better: {prompt}",
    "asRight": "Right is better: {prompt}",
}

FOREIGN_PAIR = "This vote belongs to another project, so it was discarded. Reload the page."
OTHER_BOARD = "This vote belongs to a pair that isn't on this board, so it was discarded. Reload the page."


def no_such_choice(choice: str, choices: tuple[str, ...]) -> str:
    """A choice this board doesn't offer."""
    return f"Unknown choice: {choice}. Use one of {', '.join(choices)}."


JUDGEMENT_CLOSED = "This blind test is complete and its verdict is shown. Start a new one to test again."
JUDGEMENT_GONE = "This blind test is no longer in the workspace. Reload the page."

SAYS = {
    "title": "What your votes say",
    "hint": "What a small model of your taste has learned, and where it's unsure.",
    "looking": "Reading your votes…",
    "lost": "The studio didn't respond. Close this card and open it again.",
    "most": "It thinks you like these best",
    "least": "and these least",
    "prompts": "Do your votes agree?",
    "promptsHint": "A few votes on a prompt don't say much.",
    "unsure": "It's unsure about these",
    "unsureHint": "Which would you choose? Your answers correct it where it helps most.",
    "gone": "missing",
    "pair": "Two images: {prompt}",
}

SAYS_LEAD = "A small model of your taste learns from every vote that picks one of two images."
SAYS_NOTHING_YET = "You haven't picked one of two images yet. Once you have, this shows what your votes say."
TOO_FEW_OF_A_PROMPT = "No prompt has enough votes yet to show whether they agree."
ALL_VOTED = "You have already voted on these pairs. Close the card and open it again."
OTHER_PROJECT = "These images belong to another project. Reload the page."
_GENERATE = "It does so while generating pairs: generate some on the Generate page."


def other_model(model: str, votes: int) -> str:
    """All votes are on images the selected model neither made nor analysed."""
    counted = number(votes, "vote is", "votes are")
    return f"Your {counted} on images of another model, which {model} hasn't analysed yet. {_GENERATE}"


def not_described(model: str, unseen: int, votes: int) -> str:
    """Too few votes can be used, because the model hasn't analysed their images."""
    return (
        f"{unseen} of your {number(votes, 'vote', 'votes')} are on images that {model} hasn't analysed yet. {_GENERATE}"
    )


def left_out(model: str, unseen: int, elsewhere: int) -> str:
    """Votes it couldn't learn from; empty if there are none."""
    notes: list[str] = []
    if unseen:
        notes.append(f"{number(unseen, 'vote', 'votes')} not used: {model} hasn't analysed their images yet.")
    if elsewhere:
        notes.append(f"{number(elsewhere, 'vote', 'votes')} on images of other models not used.")
    return " ".join(notes)


def agreement(predicted: int, votes: int) -> str:
    """How the votes on a prompt fit those on the others."""
    return f"{predicted} of {number(votes, 'vote', 'votes')} match what the votes on other prompts predict"


def vote_on(pairs: int) -> str:
    """The button."""
    return "Vote on this one now" if pairs == 1 else f"Vote on these {pairs} now"


def come_first(pairs: int) -> str:
    """What the board says after that."""
    if pairs == 1:
        return "Showing the pair your taste model is unsure about first."
    return f"Showing {pairs} pairs your taste model is unsure about first."
