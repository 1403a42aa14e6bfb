"""LocalGuard and the studio's own routes, asked over ASGI."""

import hashlib
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.server.routes import routes
from app.server.security import LocalGuard
from app.studio import Studio
from app.train.routes import preview_routes
from sdpo_core.runs.folder import RunFolder
from tests.app.helpers import add_pair

HOME = "http://127.0.0.1:7860"


@pytest.fixture
def client(studio: Studio) -> TestClient:
    async def act(_: Request) -> PlainTextResponse:
        return PlainTextResponse("done")

    app = Starlette(
        routes=[
            *routes(studio.desk.store),
            *preview_routes(studio.desk.jobs),
            Route("/act", act, methods=["GET", "POST"]),
        ],
        middleware=[Middleware(LocalGuard)],
    )
    return TestClient(app, base_url=HOME)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),  # a program such as ComfyUI
        ({"origin": HOME}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "http://127.0.0.1:9999"}, False),
        ({"origin": "null"}, False),
        ({"origin": "http://["}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site"}, False),
        ({"host": "evil.example"}, False),
        ({"host": "evil.example:7860", "origin": "http://evil.example:7860"}, False),
        ({"host": "[::1"}, False),
        ({"host": ""}, False),
    ],
)
def test_who_may_act(client: TestClient, headers: dict[str, str], allowed: bool) -> None:
    assert client.post("/act", headers=headers).status_code == (200 if allowed else 403)


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),  # a link to the studio
        ({"sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors"}, False),  # a page of another program here
        ({"origin": "http://127.0.0.1:3000"}, False),
        ({"host": "rebound.example:7860"}, False),
    ],
)
def test_who_may_look(client: TestClient, headers: dict[str, str], allowed: bool) -> None:
    assert client.get("/act", headers=headers).status_code == (200 if allowed else 403)


def test_answers_can_not_be_framed(client: TestClient) -> None:
    headers = client.get("/act").headers
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"


def test_images_come_by_content_and_stay_cached(client: TestClient, studio: Studio) -> None:
    pair = add_pair(studio.desk.store, 1)
    answer = client.get(f"/sdpo/image/{pair.left.image_sha256}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert "immutable" in answer.headers["cache-control"]
    assert hashlib.sha256(answer.content).hexdigest() == pair.left.image_sha256


def test_an_images_response_does_not_reveal_when_it_was_generated(client: TestClient, studio: Studio) -> None:
    """In a blind pair the base model's image is generated first."""
    pair = add_pair(studio.desk.store, 1, purpose="judge", run_id="any")
    answers = [client.get(f"/sdpo/image/{image.image_sha256}") for image in (pair.left, pair.right)]
    left, right = ({**answer.headers, "content-length": ""} for answer in answers)
    assert left == right
    assert not {"last-modified", "etag"} & left.keys()


def test_nothing_else_comes(client: TestClient, studio: Studio) -> None:
    pair = add_pair(studio.desk.store, 1)
    studio.desk.store.images.path(pair.left.image_sha256).unlink()
    for path in (
        f"/sdpo/image/{pair.left.image_sha256}",
        "/sdpo/image/..%2Fstudio.db",
        "/sdpo/image/" + "0" * 64,
        "/sdpo/static/..%2F..%2Fstudio.py",
        "/sdpo/static/../studio.py",
        "/sdpo/preview/..%2F../0/0",
        "/sdpo/adapter/7",
        "/sdpo/adapter/7/preview",
    ):
        assert client.get(path).status_code == 404, path


def test_fonts_and_scripts_have_their_types(client: TestClient) -> None:
    static = Path("/sdpo/static")
    font = client.get(str(static / "vendor/inter/inter-latin-wght-normal.woff2"))
    script = client.get(str(static / "vendor/uplot/uPlot.iife.min.js"))
    assert font.headers["content-type"] == "font/woff2"
    assert script.headers["content-type"].startswith("text/javascript")


def test_what_is_not_named_by_its_content_is_asked_for_again(client: TestClient, studio: Studio) -> None:
    """Else a browser would hand out an adapter of the workspace that had this number before."""
    run = RunFolder.create(studio.desk.jobs.root, "train", {})
    preview = run.path / "previews" / "step-000000" / "00.png"
    preview.parent.mkdir()
    preview.write_bytes(b"a picture")
    answer = client.get(f"/sdpo/preview/{run.id}/0/0")
    assert (answer.content, answer.headers["cache-control"]) == (b"a picture", "no-cache")
