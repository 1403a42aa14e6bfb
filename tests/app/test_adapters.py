"""Cards of adapters and what can be done with them, as the page asks for it. Without a browser."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.adapters.routes import adapter_routes
from app.adapters.service import Adapters
from app.adapters.text import say as adapters_say
from app.judge.routes import grid_routes
from app.studio import Studio
from app.ui.text import say as ui_say
from sdpo_core.errors import AdapterError, StoreError
from sdpo_core.workspace.records import Fit
from sdpo_core.workspace.trash import Trash
from tests.app.helpers import BASE, make_blind_test
from tests.app.shelves import add_adapter, judge_all


@pytest.fixture
def shelf(studio: Studio) -> Adapters:
    return studio.adapters


@pytest.fixture
def client(studio: Studio) -> TestClient:
    return TestClient(Starlette(routes=[*adapter_routes(studio.adapters), *grid_routes(studio.grids)]))


def act(shelf: Adapters, **message: Any) -> dict[str, Any]:
    return shelf.act(message)


def test_a_card_shows_what_is_known(studio: Studio, shelf: Adapters) -> None:
    first = add_adapter(studio, "warm", 1)
    record = add_adapter(studio, "warmer", 2, continued_from=first.sha256)
    judge_all(studio, make_blind_test(studio.desk.workspace, 3, sha256=record.sha256), "wwl")
    card, other = shelf.snapshot()["cards"]
    assert card["name"] == "warmer"
    assert card["chips"][:3] == ["Lakes XL", "round 2", "30 pairs, step 100"]
    assert card["verdict"]["sentence"].startswith("You preferred the adapter in 2 of 3")
    assert card["fit"] == "1 of 1 modules match its base model."
    assert card["error"].startswith("Winner error: +0.4 % on training pairs with unseen noise")
    assert (card["problem"], card["warning"], card["strength"]) == ("", "", None)
    assert set(card["files"]) == {"kohya", "diffusers", "card", "card_prompts"}
    assert other["verdict"] is None
    assert "card_prompts" not in other["files"]


def test_adapters_of_the_demo_say_that_they_work_only_here(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio, model="demo")
    (card,) = shelf.snapshot()["cards"]
    assert card["warning"] == adapters_say("worksOnlyHere")
    reply = act(shelf, action="place", id=record.id, tool="comfyui")
    assert reply["error"] == adapters_say("notForOthers", name="mine")


def test_an_adapter_whose_run_is_gone_is_not_taken_for_the_chosen_models(studio: Studio, shelf: Adapters) -> None:
    """Of an imported project nobody knows the model's place; the demo model is chosen, and is not its own."""
    record = add_adapter(studio)
    shutil.rmtree(studio.desk.workspace / "runs" / record.run_id)
    assert studio.desk.models.source() == "demo"
    (card,) = shelf.snapshot()["cards"]
    assert card["warning"] == ""


def test_a_card_says_what_is_wrong_with_its_file(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio)
    path = studio.desk.workspace / record.path
    path.write_bytes(b"not really")
    (card,) = shelf.cards()
    assert card.problem.startswith("This file can't be read")
    assert shelf.snapshot()["cards"][0]["files"] == {}
    path.unlink()
    (card,) = shelf.cards()
    assert card.problem == adapters_say("gone")
    for ask in (shelf.file, shelf.preview, shelf.diffusers_file):
        with pytest.raises(AdapterError, match="missing"):
            ask(record.id)
    with pytest.raises(AdapterError, match="adapter is no longer in the workspace"):
        shelf.file(999)


# --- name, strength, note, trash -------------------------------------------------------------------------------------


def test_name_strength_and_note_are_kept(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio)
    reply = act(shelf, action="edit", id=record.id, name="Warm", strength=" 0,75 ", note="for <b>evenings</b> ${1}")
    assert reply == {"ok": True, "sentence": "Saved Warm."}
    (card,) = shelf.snapshot()["cards"]
    assert (card["name"], card["strength"], card["note"]) == ("Warm", 0.75, "for <b>evenings</b> ${1}")
    assert act(shelf, action="edit", id=record.id, name="Warm", strength="", note="")["ok"]
    assert shelf.snapshot()["cards"][0]["strength"] is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"name": ""}, "1 to 80 characters"),
        ({"name": "latest"}, "newest"),
        ({"strength": "a lot"}, "got 'a lot'"),
        ({"strength": "9"}, "between −2 and 2"),
        ({"strength": "nan"}, "between −2 and 2"),
        ({"note": "x" * 3000}, "up to 2,000 characters"),
        ({"id": 99}, "adapter is no longer in the workspace"),
    ],
)
def test_what_can_not_be_kept_is_reported(studio: Studio, shelf: Adapters, change: dict[str, Any], why: str) -> None:
    record = add_adapter(studio)
    reply = act(shelf, **{"action": "edit", "id": record.id, "name": "mine", **change})
    assert not reply["ok"]
    assert why in reply["error"]
    assert studio.desk.store.adapters.get(record.id) == record


def test_away_and_back_again(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio)
    reply = act(shelf, action="delete", id=record.id)
    assert shelf.snapshot()["cards"] == []
    assert act(shelf, action="put_back", entry=reply["entry"])["sentence"] == "Restored mine."
    (card,) = shelf.cards()
    assert card.info
    assert not act(shelf, action="put_back", entry=reply["entry"])["ok"], "it is no longer in the trash"
    assert not act(shelf, action="put_back", entry="../../..")["ok"]
    trash = Trash(studio.desk.workspace)
    other = trash.move_in(trash.begin("unvoted", []))
    assert act(shelf, action="put_back", entry=other.id)["error"] == adapters_say("notAnAdapter")


WRONG = (None, "x", {}, {"action": "burn"}, {"action": "delete", "id": -1}, {"action": "edit", "x": 1})


@pytest.mark.parametrize("message", WRONG)
def test_what_no_page_sends_is_refused(shelf: Adapters, message: Any) -> None:
    assert shelf.act(message) == {"ok": False, "error": ui_say("unexpectedMessage")}


# --- other tools -----------------------------------------------------------------------------------------------------


def test_an_adapter_goes_to_comfyui_with_its_proof(
    studio: Studio, shelf: Adapters, tmp_path_factory: pytest.TempPathFactory
) -> None:
    loras = tmp_path_factory.mktemp("ComfyUI") / "models" / "loras"
    loras.mkdir(parents=True)
    record = add_adapter(studio)
    assert "ComfyUI isn't set yet" in act(shelf, action="place", id=record.id, tool="comfyui")["error"]
    told = act(shelf, action="folder", tool="comfyui", folder=str(loras.parents[1]))
    assert told["sentence"] == adapters_say("folderChosen", tool="ComfyUI", folder=loras)
    assert shelf.snapshot()["tools"][0]["folder"] == str(loras)
    (place,) = shelf.snapshot()["cards"][0]["places"]
    assert place == {"tool": "comfyui", "label": "ComfyUI", "there": ""}
    told = act(shelf, action="place", id=record.id, tool="comfyui", how="copy")
    assert told["sentence"] == "Copied to ComfyUI as mine.safetensors. 1 of 1 modules match its base model."
    assert (loras / "mine.safetensors").read_bytes() == (studio.desk.workspace / record.path).read_bytes()
    assert shelf.snapshot()["cards"][0]["places"][0]["there"] == "in ComfyUI"
    assert act(shelf, action="forget", tool="comfyui")["ok"]
    assert shelf.snapshot()["cards"][0]["places"] == []
    assert (loras / "mine.safetensors").is_file()


def test_only_what_is_proven_goes_elsewhere(
    studio: Studio, shelf: Adapters, tmp_path_factory: pytest.TempPathFactory
) -> None:
    act(shelf, action="folder", tool="a1111", folder=str(tmp_path_factory.mktemp("Lora")))
    record = add_adapter(studio)
    with studio.desk.store._database.writing() as connection:
        connection.execute("UPDATE adapters SET modules = NULL, matched = NULL")
    assert shelf.snapshot()["cards"][0]["fit"] == adapters_say("notProven")
    assert "Loading mine hasn't been verified yet" in act(shelf, action="place", id=record.id, tool="a1111")["error"]
    studio.desk.store.adapters.record_fit(record.sha256, BASE, Fit(modules=2, matched=1))
    assert "only 1 of 2 modules" in act(shelf, action="place", id=record.id, tool="a1111")["error"]


# --- files over HTTP -------------------------------------------------------------------------------------------------


def test_files_come_under_their_names(studio: Studio, client: TestClient) -> None:
    record = add_adapter(studio)
    studio.desk.store.adapters.rename(record.id, "Wärme 2")
    plain = client.get(f"/sdpo/adapter/{record.id}")
    assert plain.content == (studio.desk.workspace / studio.desk.store.adapters.get(record.id).path).read_bytes()
    assert "W%C3%A4rme-2.safetensors" in plain.headers["content-disposition"]
    other = client.get(f"/sdpo/adapter/{record.id}/diffusers")
    path = Path(studio.desk.workspace / "got.safetensors")
    path.write_bytes(other.content)
    assert set(load_file(path)) == {
        f"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_{half}.weight" for half in "AB"
    }
    assert "W%C3%A4rme-2-diffusers.safetensors" in other.headers["content-disposition"]
    assert client.get(f"/sdpo/adapter/{record.id}/preview").status_code == 404
    card = client.get(f"/sdpo/adapter/{record.id}/card")
    assert card.headers["content-type"].startswith("text/markdown")
    assert "W%C3%A4rme-2.md" in card.headers["content-disposition"]
    for nothing in ("/sdpo/adapter/99", "/sdpo/adapter/99/card", "/sdpo/adapter/99/diffusers", "/sdpo/grid/x/0/0"):
        assert client.get(nothing).status_code == 404
    assert client.get("/sdpo/adapter/..%2f..%2fstudio.db").status_code == 404


def test_a_preview_is_the_picture_next_to_the_file(studio: Studio, shelf: Adapters) -> None:
    record = add_adapter(studio)
    with pytest.raises(StoreError, match="preview doesn't exist"):
        shelf.preview(record.id)
    (studio.desk.workspace / record.path).with_suffix(".png").write_bytes(b"picture")
    assert shelf.preview(record.id).read_bytes() == b"picture"
    assert shelf.snapshot()["cards"][0]["preview"] == f"/sdpo/adapter/{record.id}/preview"
