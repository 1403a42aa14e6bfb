"""`vote`: record a vote, or list the pairs that wait for one."""

import argparse
import uuid
from typing import Any

from sdpo_core.cli.command import Command
from sdpo_core.cli.output import DONE, Output
from sdpo_core.cli.runs import find_run
from sdpo_core.errors import ConfigError
from sdpo_core.workspace.records import CHOICES
from sdpo_core.workspace.store import Store

_ABOUT = "record a vote, or list the next open pairs"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("pair", nargs="?", type=int, help="the pair's id; without it, lists the next open pairs")
    parser.add_argument("choice", nargs="?", choices=["left", "right", "tie", "both-bad", "skip"])
    parser.add_argument("--judge", metavar="RUN", help="pairs of this blind test instead of training pairs")
    parser.add_argument("--limit", type=_number_of_pairs, default=10, help="how many pairs to list (10)")


def call(options: dict[str, Any], out: Output) -> int:
    """Run the verb; raises `ConfigError` when the choice is missing, or isn't one for this pair."""
    with Store(options["workspace"]) as store:
        if options["pair"] is not None:
            if options["choice"] is None:
                raise ConfigError("A vote needs a choice: left, right, tie, both-bad or skip.")
            if options["choice"] not in CHOICES[store.pairs.get(options["pair"]).purpose]:
                raise ConfigError(f"A vote in a blind test must be left, right or tie; got {options['choice']}.")
            vote = store.votes.cast(str(uuid.uuid4()), options["pair"], options["choice"])
            out.result(vote.model_dump(mode="json"), f"Saved: {vote.choice} on pair {vote.pair_id}.")
            return DONE
        run_id = find_run(options["workspace"], options["judge"]).id if options["judge"] else None
        purpose = "judge" if run_id else "train"
        pairs = [
            {
                "pair": pair.id,
                "prompt": pair.left.prompt,
                "left": str(store.images.path(pair.left.image_sha256)),
                "right": str(store.images.path(pair.right.image_sha256)),
            }
            for pair in store.pairs.open(purpose=purpose, run_id=run_id, limit=options["limit"])
        ]
    cells = [[str(cell) for cell in pair.values()] for pair in pairs]
    out.table(
        pairs, ("pair", "prompt", "left", "right"), cells, none="No pairs to vote on. Run `generate` to make some."
    )
    return DONE


def _number_of_pairs(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1 pair, got {word!r}")
    return int(word)


COMMAND = Command("vote", _ABOUT, call, add_arguments)
