"""The door to the local network: what the gate lets in, and the whole way on a really started studio."""

import contextlib
import http.client
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.server.gate import COOKIE, ENTER, MOST_WRONG, Gate, make_password
from app.server.lan import MOST_CONNECTIONS, REQUEST_WITHIN_S, Door, Lan, LanError, _bound, addresses
from app.server.security import NETWORK_HOST
from app.server.text import say as server_say
from tests.app.browsing import RunningStudio, open_tab, running, watched_page
from tests.app.helpers import wait_for

HOST = "192.168.7.7:7860"
PASSWORD = "abcd-efgh-jkmn"
Ask = Callable[..., tuple[int, dict[str, str], str]]


@pytest.fixture
def ask() -> Iterator[Ask]:
    """A request to a gate, without a network: status, headers and body of the answer."""

    def inside(request: Request) -> PlainTextResponse:
        return PlainTextResponse(f"inside as {request.scope[NETWORK_HOST]}")

    gate = Gate(Starlette(routes=[Route("/{path:path}", inside, methods=["GET", "POST"])]), HOST, PASSWORD)
    client = TestClient(gate, base_url=f"http://{HOST}", follow_redirects=False)

    def send(method: str, path: str, body: str = "", **headers: str) -> tuple[int, dict[str, str], str]:
        answer = client.request(method, path, content=body, headers=headers)
        client.cookies.clear()  # every request says by itself who it is
        return answer.status_code, dict(answer.headers), answer.text

    yield send
    client.close()


def enter(ask: Ask, password: str, **headers: str) -> tuple[int, dict[str, str], str]:
    return ask("POST", ENTER, urlencode({"password": password}), **{"origin": f"http://{HOST}", **headers})


def test_without_the_password_there_is_a_login_and_nothing_else(ask: Ask) -> None:
    status, headers, page = ask("GET", "/", accept="text/html")
    assert status == 200
    assert server_say("login.about") in page
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    for method, path in [("GET", "/sdpo/image/abc"), ("POST", "/gradio_api/component_server"), ("GET", "/config")]:
        assert ask(method, path)[0] == 401
        assert ask(method, path, cookie=f"{COOKIE}=guess")[0] == 401
    assert ask("GET", "/", cookie="a=b; =; \x7f")[0] == 401


def test_the_password_lets_in_until_the_gate_is_gone(ask: Ask) -> None:
    for typed in (PASSWORD, "ABCDEFGHJKMN", "abcd efgh jkmn"):
        status, headers, _ = enter(ask, typed)
        assert (status, headers["location"]) == (303, "/")
        assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in headers["set-cookie"].split(";")}
        cookie = f'a={{"b":1}}; bad[key]=1; x; c=d e; {headers["set-cookie"].split(";")[0]}; y'
        assert ask("GET", "/sdpo/image/abc", cookie=cookie)[2] == "inside as 192.168.7.7"


def test_guessing_is_slow_and_the_right_password_waits_too(ask: Ask) -> None:
    for _ in range(MOST_WRONG):
        status, _, page = enter(ask, "wrong")
        assert (status, server_say("wrongPassword") in page) == (401, True)
    status, _, page = enter(ask, PASSWORD)
    assert (status, server_say("tooMany") in page) == (429, True)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", ""])
def test_another_page_cannot_log_in_for_a_person(ask: Ask, origin: str) -> None:
    assert enter(ask, PASSWORD, origin=origin)[0] == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1:7860", "192.168.7.7", "192.168.7.7:7861"])
def test_it_answers_under_its_own_name_only(ask: Ask, host: str) -> None:
    """DNS rebinding: another name leads here, and the browser believes it is that site."""
    assert ask("GET", "/", host=host, accept="text/html")[0] == 403


def test_a_body_without_end_is_not_read(ask: Ask) -> None:
    assert enter(ask, PASSWORD + "x" * 2_000_000)[0] == 401


def test_passwords_are_long_and_no_two_alike() -> None:
    made = {make_password() for _ in range(200)}
    assert len(made) == 200
    assert all(re.fullmatch(r"[a-km-np-z2-9]{4}(-[a-km-np-z2-9]{4}){2}", one) for one in made)


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "224.0.0.1", "home.lan", "http://192.168.1.1", ""])
def test_only_one_address_of_this_machine_is_opened(address: str) -> None:
    with pytest.raises(LanError, match="isn't an address of this computer"):
        _bound(address, 0, ["192.168.7.7"])


def test_an_address_of_another_machine_is_reported() -> None:
    with pytest.raises(LanError, match=re.escape("Can't listen on 203.0.113.5")):
        _bound("203.0.113.5", 0, [])


def test_before_the_studio_is_up_nothing_is_opened() -> None:
    lan = Lan(0)
    with pytest.raises(LanError, match="still starting"):
        lan.open("127.0.0.2")
    lan.close()
    assert lan.door is None


def test_addresses_are_local_ones_or_the_one_that_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SDPO_LAN_ADDRESS", raising=False)
    assert not [address for address in addresses() if address.startswith(("127.", "169.254."))]
    monkeypatch.setenv("SDPO_LAN_ADDRESS", "10.1.2.3")
    assert addresses() == ["10.1.2.3"]
    assert Door("fd00::7", 7860, "x").url == "http://[fd00::7]:7860/"


def status_of(url: str, path: str = "/", **headers: str) -> int:
    """The status that a plain program gets; 0 without an answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request("GET", path, headers=headers)
        return connection.getresponse().status
    except ConnectionError:
        return 0
    finally:
        connection.close()


@pytest.mark.browser
def test_on_the_phone_and_off_again(tmp_path: Path, browser: Browser) -> None:
    """127.0.0.2 stands for the computer's address in the network."""
    studio = RunningStudio(tmp_path / "workspace", environment={"SDPO_LAN_ADDRESS": "127.0.0.2"})
    away = f"http://127.0.0.2:{studio.port}/"
    phone_screen: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    with running(studio), watched_page(browser, studio.url, viewport={"width": 1280, "height": 900}) as page:
        open_tab(page, studio, "home")
        assert status_of(away) == 0
        page.click("#phone-open")
        expect(page.locator("#phone-url")).to_have_text(away)
        password = page.locator("#phone-password").inner_text()
        assert page.locator(".phone-code").evaluate("image => image.naturalWidth") > 100
        assert status_of(away, "/config") == 401
        assert status_of(away, "/config", Host=f"127.0.0.1:{studio.port}") == 403
        assert status_of(studio.url, "/config", Host=f"127.0.0.2:{studio.port}") == 403  # not on the other listener
        with watched_page(browser, away, away=True, known=("401 (Unauthorized)",), **phone_screen) as phone:
            phone.goto(away)
            phone.fill("#password", "wrong")
            phone.click("button")
            expect(phone.get_by_role("alert")).to_have_text(server_say("wrongPassword"))
            phone.goto(f"{away}#{password}")  # what the code holds
            phone.reload()
            expect(phone.locator("#steps")).to_be_visible()
            assert phone.url.startswith(away)
            assert password not in phone.url
            page.click("#phone-close")
            expect(page.locator("#phone-open")).to_be_visible()
            assert status_of(away) == 0
        assert status_of(studio.url) == 200


@pytest.mark.browser
def test_host_opens_it_from_the_start(tmp_path: Path) -> None:
    studio = RunningStudio(tmp_path / "workspace", more=("--host", "127.0.0.2"))
    away = f"http://127.0.0.2:{studio.port}/"
    with running(studio):
        wait_for(lambda: "On the network: " in studio.output())
        assert (status_of(studio.url), status_of(away, "/config")) == (200, 401)
        assert re.search(rf"On the network: {re.escape(away)}   password: \S{{14}}\n", studio.output())


@pytest.mark.browser
def test_strangers_who_hold_connections_do_not_stop_the_studio(tmp_path: Path) -> None:
    studio = RunningStudio(tmp_path / "workspace", more=("--host", "127.0.0.2"))
    with running(studio), contextlib.ExitStack() as held:
        wait_for(lambda: "On the network: " in studio.output())
        for _ in range(3 * MOST_CONNECTIONS):
            stranger = held.enter_context(socket.create_connection(("127.0.0.2", studio.port), timeout=20))
            with contextlib.suppress(OSError):
                stranger.sendall(b"GET / HTTP/1.1\r\nHost: ")
        assert studio.process
        process = psutil.Process(studio.process.pid)

        def held_open() -> int:
            connections = process.net_connections()
            return sum(one.laddr.ip == "127.0.0.2" and one.status == "ESTABLISHED" for one in connections)

        wait_for(lambda: held_open() <= MOST_CONNECTIONS)
        assert status_of(studio.url) == 200
        wait_for(lambda: status_of(f"http://127.0.0.2:{studio.port}/", "/config") == 401, REQUEST_WITHIN_S + 20)
