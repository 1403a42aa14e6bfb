"""The card “What your votes say”, as the page asks for it: what it tells, when it is silent, and the press."""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.desk.jobs import Jobs
from app.desk.models import SETTINGS
from app.studio import Studio
from app.ui.text import say as ui_say
from app.vote.text import say as vote_say
from sdpo_core.errors import ModelError
from sdpo_core.workspace.records import Pair
from sdpo_core.workspace.store import Store
from tests.app.helpers import BASE, wait_for
from tests.app.tastes import add_pairs, describe

VOTES, WAITING = 40, 12


@pytest.fixture(scope="module")
def warm_taste(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the demo model in which somebody likes warm pictures, with some open pairs."""
    workspace = tmp_path_factory.mktemp("warm") / "workspace"
    studio = Studio(workspace)
    add_pairs(studio.desk.store, studio.desk.models.chosen().sha256, range(VOTES))
    add_pairs(studio.desk.store, studio.desk.models.chosen().sha256, range(VOTES, VOTES + WAITING), choose=None)
    studio.close()
    return workspace


@pytest.fixture
def warm(warm_taste: Path, tmp_path: Path) -> Iterator[Studio]:
    """A studio on a copy of it."""
    shutil.copytree(warm_taste, tmp_path / "warm")
    studio = Studio(tmp_path / "warm", Jobs(tmp_path / "warm"))
    yield studio
    studio.close()


def card(studio: Studio) -> dict[str, Any]:
    """The card once the votes were evaluated."""
    told = studio.says.look()

    def looked() -> bool:
        nonlocal told
        told = studio.says.look()
        return not told.get("looking")

    wait_for(looked, seconds=60)
    return told


def unsure(shown: dict[str, Any]) -> dict[str, Any]:
    return {"pairs": [{name: one[name] for name in ("candidates", "images")} for one in shown["unsure"]]}


def sides(pair: dict[str, Any]) -> frozenset[str]:
    return frozenset(pair["images"])


def message(pair: Pair, choice: str = "left") -> dict[str, Any]:
    images = [pair.left.image_sha256, pair.right.image_sha256]
    return {"uuid": str(uuid.uuid4()), "pair": pair.id, "images": images, "choice": choice, "ms": 700}


# --- what it tells ---------------------------------------------------------------------------------------------------


def test_it_says_so_with_text_and_images(warm: Studio) -> None:
    first = warm.says.look()
    assert first == {"ok": True, "looking": True}, "nobody waits for the fit"
    shown = card(warm)
    assert "clearly warmer" in shown["sentences"][0]
    assert shown["sentences"][-1].startswith(f"{vote_say('saysLead')} It predicts")
    assert [len(shown[name]) for name in ("most", "least", "unsure")] == [6, 6, 6]
    assert shown["press"] == vote_say("voteOnSeveral", n=6)
    for one in (*shown["most"], *shown["least"]):
        assert warm.desk.store.images.path(one["sha256"]).is_file()
    assert [one["prompt"] for one in shown["prompts"]]
    assert "votes match what the votes on other prompts predict" in shown["prompts"][0]["sentence"]
    assert "path" not in str(shown)


def test_the_same_votes_are_fitted_once(warm: Studio) -> None:
    card(warm)
    (before,) = warm.says._fits.values()
    add_pairs(warm.desk.store, warm.desk.models.chosen().sha256, range(90, 92), choose=None)  # something new to rank
    assert warm.says.look()["looking"]
    shown = card(warm)
    assert [*warm.says._fits.values()] == [before]
    waiting = warm.desk.store.pairs.open(purpose="train")[0]
    vote = message(waiting)
    assert warm.votes.vote(vote)["ok"]
    meanwhile = warm.says.look()
    assert meanwhile == {**shown, "looking": True}, "what was known stays while it looks again"
    card(warm)
    assert len(warm.says._fits) == 2
    assert warm.votes.undo({"uuid": str(uuid.uuid4()), "vote": vote["uuid"]})["ok"]
    card(warm)
    assert len(warm.says._fits) == 2, "these votes were fitted already"


# --- when it knows nothing -------------------------------------------------------------------------------------------


def only_words(studio: Studio) -> str:
    """All that the card says, after a look that it shows nothing else."""
    shown = card(studio)
    assert not any(shown[name] for name in ("most", "least", "prompts", "prompts_note", "unsure", "press"))
    return " ".join(shown["sentences"])


def test_no_votes(studio: Studio) -> None:
    add_pairs(studio.desk.store, studio.desk.models.chosen().sha256, range(2), choose=lambda *_: "tie")
    assert only_words(studio) == vote_say("saysNothingYet")


def test_too_few_votes(studio: Studio) -> None:
    base = studio.desk.models.chosen().sha256
    add_pairs(studio.desk.store, base, range(3))
    assert only_words(studio).startswith(f"{vote_say('saysLead')} 3 votes can be used so far; it needs at least 12.")
    add_pairs(studio.desk.store, BASE, range(10, 12), seen=False)
    assert only_words(studio).endswith(vote_say("leftOut.elsewhere", n=2))


def test_images_without_features(studio: Studio) -> None:
    model = studio.desk.models.chosen()
    add_pairs(studio.desk.store, model.sha256, range(5))
    add_pairs(studio.desk.store, model.sha256, range(5, 14), seen=False)
    hint = vote_say("analysedHint")
    assert only_words(studio) == vote_say("notAnalysed", n=14, unseen=9, model=model.name, hint=hint)


def test_votes_on_another_model(studio: Studio) -> None:
    """The features of one model say nothing about another's, even of the same images."""
    pairs = add_pairs(studio.desk.store, BASE, range(3), seen=False)
    describe(studio.desk.store, BASE, [side for pair in pairs for side in (pair.left, pair.right)])
    model, hint = studio.desk.models.chosen().name, vote_say("analysedHint")
    assert only_words(studio) == vote_say("otherModel", n=3, model=model, hint=hint)


def test_one_sided_and_contradictory_votes(studio: Studio) -> None:
    base = studio.desk.models.chosen().sha256
    add_pairs(studio.desk.store, base, range(20), choose=lambda *_: "left")
    assert "20 of 20 votes are for the left image" in only_words(studio)
    run_id = "20261121-100000-generate-ab12"
    add_pairs(studio.desk.store, base, range(12), choose=lambda *_: "right", run_id=run_id)
    assert "contradict another vote" in only_words(studio)


def test_a_model_that_can_not_be_used_says_why(studio: Studio) -> None:
    (studio.desk.workspace / SETTINGS).write_text('{"model": "/no/such/model"}', encoding="utf-8")
    with pytest.raises(ModelError) as raised:
        studio.desk.models.chosen()
    assert studio.says.look() == {"ok": False, "error": str(raised.value)}


# --- the press -------------------------------------------------------------------------------------------------------


def test_the_board_shows_the_unsure_pairs_first(warm: Studio) -> None:
    shown = card(warm)
    asked = [sides(one) for one in shown["unsure"]]
    reply = warm.says.ask_first(unsure(shown))
    assert (reply["ok"], reply["pairs"], reply["sentence"]) == (True, 6, vote_say("severalComeFirst", n=6))
    deck = warm.votes.deck({"n": 8})["pairs"]
    assert [sides(pair) for pair in deck[:6]] == asked
    assert len({pair["id"] for pair in deck}) == 8
    assert set(deck[0]) == {"id", "prompt", "images"}, "nothing reveals why a pair was chosen"
    assert {warm.desk.store.pairs.get(pair["id"]).chosen_by for pair in deck[:6]} == {"taste"}
    assert warm.desk.store.pairs.get(deck[7]["id"]).chosen_by == "chance"
    for pair in deck[:2]:
        assert warm.votes.vote(message(warm.desk.store.pairs.get(pair["id"])))["ok"]
    again = warm.votes.deck({"n": 6, "have": [deck[2]["id"]]})["pairs"]  # a page that was reloaded
    assert [sides(pair) for pair in again[:3]] == asked[3:]
    assert deck[2]["id"] not in {pair["id"] for pair in again}


def test_pairs_are_made_where_too_few_wait(warm: Studio) -> None:
    for pair in warm.desk.store.pairs.open(purpose="train", limit=100):
        warm.desk.store.votes.cast(str(uuid.uuid4()), pair.id, "skip")
    before = warm.desk.store.counts().pairs
    shown = card(warm)
    assert warm.desk.store.counts().pairs == before, "a look makes none"
    assert shown["unsure"]
    assert warm.says.ask_first(unsure(shown))["ok"]
    waiting = warm.desk.store.pairs.open(purpose="train")
    assert len(waiting) == len(shown["unsure"])
    assert {pair.chosen_by for pair in waiting} == {"taste"}
    assert warm.says.ask_first(unsure(shown))["ok"], "twice is once"
    assert warm.desk.store.pairs.open(purpose="train") == waiting
    for pair in waiting:
        assert warm.votes.vote(message(pair))["ok"]
    assert warm.says.ask_first(unsure(shown)) == {"ok": False, "error": vote_say("allVoted")}


def test_another_project_keeps_its_own_order(warm: Studio) -> None:
    assert warm.says.ask_first(unsure(card(warm)))["ok"]
    one = warm.desk.store.candidates.get(1)
    first = warm.votes.deck({"n": 1})["pairs"]
    other = warm.desk.projects.make("another")
    home = warm.desk.projects.current.id
    warm.desk.open_project(other.id)
    pairs = add_pairs(warm.desk.store, warm.desk.models.chosen().sha256, range(200, 203), choose=None)
    assert [pair["id"] for pair in warm.votes.deck({})["pairs"]] == [pair.id for pair in pairs]
    assert only_words(warm) == vote_say("saysNothingYet")
    late = {"candidates": [1, 2], "images": [one.image_sha256] * 2}  # from a page that still shows the first project
    assert warm.says.ask_first({"pairs": [late]}) == {"ok": False, "error": vote_say("otherProject")}
    assert {pair.chosen_by for pair in warm.desk.store.pairs.open(purpose="train")} == {"chance"}
    warm.desk.open_project(home)
    assert warm.votes.deck({"n": 1})["pairs"] == first


def test_nothing_of_a_blind_test_is_asked(warm: Studio) -> None:
    run_id = "20261121-100000-judge-ab12"
    (judged,) = add_pairs(
        warm.desk.store, warm.desk.models.chosen().sha256, range(300, 301), choose=None, purpose="judge", run_id=run_id
    )
    both = (judged.left, judged.right)
    wish = {"candidates": [one.id for one in both], "images": [one.image_sha256 for one in both]}
    assert "for more than training votes" in warm.says.ask_first({"pairs": [wish]})["error"]
    with Store(warm.desk.workspace) as store:
        assert store.pairs.get(judged.id).chosen_by == "chance"


A = "0" * 64


@pytest.mark.parametrize(
    "hostile",
    [
        None,
        {},
        {"pairs": []},
        {"pairs": [1]},
        {"pairs": [{"candidates": [1, 2]}]},
        {"pairs": [{"candidates": [1, 2, 3], "images": [A, A]}]},
        {"pairs": [{"candidates": [1, -2], "images": [A, A]}]},
        {"pairs": [{"candidates": [1, 2], "images": ["../x", A]}]},
        {"pairs": [{"candidates": [1, 2], "images": [A, A]}] * 25},
        {"pairs": [{"candidates": [1, 2], "images": [A, A], "path": "/etc"}]},
    ],
)
def test_what_no_page_sends_is_refused(studio: Studio, hostile: Any) -> None:
    assert studio.says.ask_first(hostile) == {"ok": False, "error": ui_say("unexpectedMessage")}
