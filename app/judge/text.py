"""Strings of the Judge page: the blind test, its verdict, the grids."""

from app.ui.strings import Strings

say = Strings(
    {
        "page": "Judge",
        "intro": (
            "A blind test on prompts and seeds not used for training: one image is from the base model, the other "
            "from your adapter. The number of comparisons is fixed before the first vote; the verdict is shown at the "
            "end."
        ),
        "adapterLabel": "Adapter",
        "adapterInfo": "Newest first.",
        "comparisonsInfo": "20 can show a clear preference, 50 a slight one.",
        "strengthInfo": "Defaults to this adapter's recommended strength, or 1. Use a grid, below, to compare several.",
        "preview.base": "Without",
        "preview.at": "At {strength}",
        "preview.from": "“{prompt}”, from the latest grid, at the nearest strength.",
        "preview.gone": "The image is missing.",
        "preview.none": "No previews of this adapter yet.",
        "preview.draw": "Generate previews",
        "preview.waits": "The previews are queued or being generated.",
        "preview.lost": "The studio didn't respond. Try again.",
        "negativeInfo": "Empty: the one you use most.",
        "setup": "New blind test",
        "button": "Start blind test",
        "started": "Generating the comparisons. You can vote as soon as the first one is ready.",
        "comparisonsRange": "Comparisons must be a whole number from 1 to 1000.",
        "queueTitle.one": "Blind test of {name}: {n} comparison",
        "queueTitle.other": "Blind test of {name}: {n} comparisons",
        "runLabel": "Blind tests",
        "listed": "{name}, {moment}: {result}",
        "unfinished": "not finished",
        "notDone": "No verdict yet. Vote on all comparisons of this blind test first.",
        # The title above a blind test; each of the rows below may wrap the one before.
        "title": "Blind test of {name}",
        "titleAtStrength": "Blind test of {name} at strength {strength:g}",
        "titleConditional": "{title}, conditional only",
        "titleUnconditional": "{title}, {share:g}× in the unconditional prediction",
        "titleNegative": "{title}. Negative prompt: {negative}",
        # --- the verdict ---
        "verdict.title": "Verdict",
        "verdict.base": "base preferred",
        "verdict.even": "50 %",
        "verdict.adapter": "adapter preferred",
        "verdict.scale": "Share of comparisons in which you preferred the adapter",
        "verdict.prompts": "By prompt",
        "verdict.promptsHint": (
            "Each mark is one comparison. Right: you preferred the adapter. Left: you preferred the base model."
        ),
        "verdict.promptColumn": "Prompt",
        "verdict.resultColumn": "Adapter preferred",
        "verdict.rounds": "By round",
        "verdict.roundsHint": (
            "All blind tests of this project, with 95 % intervals. One that crosses the middle may be chance."
        ),
        "verdict.roundColumn": "Blind test",
        "verdict.mark.win": "adapter",
        "verdict.mark.loss": "base model",
        "verdict.mark.tie": "equal",
        "verdict.images": "All comparisons, revealed",
        "verdict.baseImage": "Base model",
        "verdict.adapterImage": "Adapter",
        "verdict.chosen": "{image}: your choice",
        "verdict.equal": "{prompt} (equal)",
        "verdict.goneImage": "This image is missing from disk.",
        "verdict.trainTitle": "Use these votes for training?",
        "verdict.let": "Use for training",
        "verdict.takeBack": "Don't use for training",
        "verdict.lost": "The studio didn't respond. Try again.",
        "verdict.working": "Working…",
        "score": "{points:g} of {comparisons:d}",
        "counts": "{wins:d} for the adapter, {losses:d} for the base model, {ties:d} equal",
        "interval": "95 % interval {low:.0f} % to {high:.0f} %",
        "plot": (
            "You preferred the adapter in {win_rate:.0f} % of the comparisons; 95 % interval {low:.0f} % to "
            "{high:.0f} %."
        ),
        "round": "Round {round:d}: {name}, {moment}",
        "roundAtStrength": "Round {round:d}: {name}, strength {strength:g}, {moment}",
        "trains.one": ("This vote will be used for training from the next run. Later blind tests skip its prompt."),
        "trains.other": (
            "These {n} votes will be used for training from the next run. Later blind tests skip their prompts."
        ),
        "trainsNot.one": (
            "This vote isn't used for training. If you use it, its prompt is no longer unseen, so later blind tests "
            "skip it."
        ),
        "trainsNot.other": (
            "These {n} votes aren't used for training. If you use them, their prompts are no longer unseen, so later "
            "blind tests skip them."
        ),
        # --- grids ---
        "gridSetup": "Strengths and checkpoints",
        "gridIntro": (
            "One prompt and seed at several adapter strengths: where is the effect enough, but not too much? With "
            "checkpoints, also at several training steps. The image you pick becomes the recommended strength."
        ),
        "gridButton": "Generate grid",
        "gridTitle": "Grid of {name}",
        "gridRunLabel": "Grids",
        "gridListed": "{adapter}: “{prompt}”, {moment}",
        "promptInfo": "Empty: a starter prompt. Don't use prompts you want to keep for blind tests.",
        "strengthsInfo": "From −2 to 2; 0 is the base model.",
        "checkpointsInfo": "Training steps, one per row. Empty: only the finished adapter.",
        "seedInfo": "The same for all images.",
        "startedGrid": "Generating the grid. Each image appears as soon as it's ready.",
        "strengthsWrong": "Strengths must be numbers, such as 0, 0.5, 1; got {given!r}.",
        "noSuchGrid": "This grid is no longer in the project. Choose another, or generate one.",
        "picked": "{name}: recommended strength is now {strength:g}. It's shown on the Adapters page.",
        "gridRemoved": "The grid is in the trash. Restore or delete it for good on the Disk page.",
        "noSuchImage": "This image hasn't been generated yet, or is missing from disk.",
        "grid.label": "Grid of strengths and checkpoints",
        "grid.empty": "No grids yet. A grid shows where an adapter does enough, and where it does too much.",
        "grid.waiting": "The model is loading…",
        "grid.caption": "“{prompt}”, seed {seed}",
        "grid.strength": "Strength {strength}",
        "grid.base": "Base model",
        "grid.step": "Step {step}",
        "grid.adapter": "Adapter",
        "grid.choose": "Recommend this",
        "grid.chosen": "Recommended",
        "grid.close": "Close",
        "grid.open": "Enlarge: {row}, {column}",
        "grid.alt": "{row}, {column}",
        "grid.missing": "Not generated",
        "grid.remove": "Move this grid to the trash",
        "grid.lost": "The studio didn't respond. Try again.",
        # --- where an adapter is applied ---
        "where.everywhere": "everywhere",
        "where.conditional": "conditional prediction only",
        "where.opposed": "opposed in the unconditional",
        "whereInfo": (
            "Guidance combines a prediction with your prompt and one without it. With the adapter off or opposed in "
            "the second, its effect is stronger. Other tools apply it everywhere."
        ),
    }
)


def clipped(words: str, most: int) -> str:
    """What a person wrote, cut to at most so many letters."""
    return words if len(words) <= most else f"{words[: most - 1]}…"


def score(points: float, comparisons: int) -> str:
    """`16 of 20`."""
    return say("score", points=points, comparisons=comparisons)


def interval(low: float, high: float) -> str:
    """The interval of a win rate, as text."""
    return say("interval", low=100 * low, high=100 * high)


def describe_plot(win_rate: float, low: float, high: float) -> str:
    """Alternative text for the interval plot."""
    return say("plot", win_rate=100 * win_rate, low=100 * low, high=100 * high)
