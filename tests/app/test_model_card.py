"""The model card: honest numbers, nobody's prompts and paths, and text that stays text."""

import pytest

from app.adapters.service import Adapters
from app.adapters.text import say as adapters_say
from app.studio import Studio
from sdpo_core.atomic import write_json
from tests.app.helpers import make_blind_test
from tests.app.shelves import add_adapter, judge_all

SETTINGS = {"loss": "diffusion-dpo", "mu": 0.5}


@pytest.fixture
def shelf(studio: Studio) -> Adapters:
    return studio.adapters


def test_a_judged_adapter_tells_its_verdict_with_the_interval(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio, "warm", settings=SETTINGS)
    run = studio.desk.jobs.open(record.run_id, "train")
    check = {"winner_error": 0.004, "winner_error_se": 0.002, "budget": 0.02, "held_out": True}
    write_json(run.checkpoint_path(100) / "state.json", {"step": 100, "health": check})
    studio.desk.store.adapters.recommend(record.id, 0.75)
    judge_all(studio, make_blind_test(studio.desk.workspace, 4, sha256=record.sha256), "wwtl")
    name, card = shelf.model_card(record.id, prompts=False)
    assert name == "warm.md"
    assert card.startswith("---\ntags: [lora")
    assert 'base_model_name: "Lakes XL"' in card
    assert "> You preferred the adapter in 2.5 of 4 (1 tie counts half), likely between" in card
    assert "That could still be chance." in card
    assert "2 for the adapter, 1 for the base model, 1 equal. 95 % interval" in card
    assert "| Winner error | +0.4 % ± 0.4 % on held-out pairs, budget 2 % |" in card
    assert "| Training pairs | 30 |" in card
    assert "| mu | 0.5 |" in card
    assert "Recommended strength: 0.75." in card
    assert "a judged lake" not in card, "no prompts unless they are asked for"
    assert str(studio.desk.workspace) not in card
    assert "/models/" not in card, "a path says too much about a machine"
    _, told = shelf.model_card(record.id, prompts=True)
    assert "- a judged lake 0 (1 of 1)" in told


def test_an_adapter_that_was_not_judged_says_so(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio)
    _, card = shelf.model_card(record.id, prompts=True)
    assert adapters_say("cardNotJudged") in card
    assert adapters_say("cardStrengthNone") in card
    assert "| Winner error | +0.4 % on training pairs with unseen noise" in card
    assert adapters_say("cardHeadings.prompts") not in card


def test_a_persons_words_stay_text(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio)
    studio.desk.store.adapters.rename(record.id, "<script>alert(1)</script> | x")
    studio.desk.store.adapters.note(record.id, "# not a heading\n[link](javascript:x) ![pic](y) `code`")
    _, card = shelf.model_card(record.id, prompts=False)
    assert "<script>" not in card
    assert r"\# not a heading \[link\](javascript:x) \!\[pic\](y) \`code\`" in card
