"""The studio's page: a bar above, Home and the steps below. Built on a `Studio`, which knows nothing of it."""

import sys
from collections.abc import Callable, Iterable
from typing import Any

import gradio as gr
from gradio.blocks import Block
from starlette.middleware import Middleware

from app.adapters.routes import adapter_routes
from app.api import add_api
from app.desk.context import Context
from app.generate.import_routes import import_routes
from app.home.project_routes import project_routes
from app.judge.routes import grid_routes
from app.pages import PAGES, Site
from app.server.lan import Lan
from app.server.routes import routes
from app.server.security import LocalGuard
from app.status.bar import status_bar
from app.studio import Studio
from app.train.routes import preview_routes
from app.ui.assets import STATIC
from app.ui.page import QUIET, Page, Updates, Values
from app.ui.theme import HEAD, STYLES, theme
from app.ui.words import NAME
from sdpo_core.errors import SdpoError

# A page that Back or Forward has opened is in the address already (status_bar.js opens it).
_KEEP_TAB_IN_ADDRESS = """() => {
  const address = new URL(window.location);
  if (!window.sdpoTabsReady || (address.searchParams.get("tab") ?? "%(first)s") === "%(name)s") return;
  address.searchParams.set("tab", "%(name)s");
  window.history.pushState(null, "", address);
}"""

_WAIT_UNTIL_SHOWN = """async () => {
  window.sdpoPageReady = true;
  while (!document.documentElement.dataset.shown) await new Promise((resume) => setTimeout(resume, 50));
}"""


def build(studio: Studio, lan: Lan) -> gr.Blocks:
    """The whole page."""
    with gr.Blocks(title=NAME, analytics_enabled=False, fill_width=True, delete_cache=(3600, 86400)) as demo:
        add_api(studio)  # first, because a name belongs to the event that has it first
        bar = status_bar(studio.desk, studio.overview)
        tabs: dict[str, gr.Tab] = {}
        with gr.Tabs(elem_id="steps") as steps:
            pages = _build_pages(Site(studio, lan, Context(studio.desk, bar)), tabs)
        _wire(demo, steps, tabs, pages, bar)
    return demo


def _build_pages(site: Site, tabs: dict[str, gr.Tab]) -> dict[str, Page]:
    """Every page on a tab of its own."""
    for name, row in PAGES.items():
        tabs[name] = gr.Tab(row.title, id=name, elem_id=f"tab-{name}")
        with tabs[name]:
            site.built.append(row.build(site))
    return dict(zip(PAGES, site.built, strict=True))


def _wire(demo: gr.Blocks, steps: gr.Tabs, tabs: dict[str, gr.Tab], pages: dict[str, Page], bar: gr.HTML) -> None:
    """Refresh the page that is asked for, then the others; all whenever a job changes, one when it is opened.

    Each page has events of its own: an answer that had to wait for another page would undo what was done meanwhile.
    The page is kept in `?tab=`, so the browser's Back and Forward move between pages.
    """
    inputs = {component for page in pages.values() for component in page.inputs}
    outputs = [component for page in pages.values() for component in page.outputs]

    def open_page(request: gr.Request) -> gr.Tabs:
        return gr.Tabs(selected=_asked_for(request))

    def refresh_asked_for(values: Values, request: gr.Request) -> Updates:
        return _left_alone(outputs) | _refreshed(pages[_asked_for(request)])(values)

    demo.load(open_page, None, steps, **QUIET).then(None, js="() => { window.sdpoTabsReady = true; }")
    shown = demo.load(refresh_asked_for, inputs, outputs, **QUIET).then(None, js=_WAIT_UNTIL_SHOWN)
    for name, page in pages.items():
        tabs[name].select(None, js=_KEEP_TAB_IN_ADDRESS % {"name": name, "first": next(iter(pages))})
        if page.outputs:
            refresh = _refreshed(page)
            later: Any = _unless_asked_for(name, page), page.inputs, page.outputs  # `then` is typed too narrowly
            shown.then(*later, **QUIET)
            bar.job_changed(refresh, page.inputs, page.outputs, trigger_mode="always_last", **QUIET)
            tabs[name].select(refresh, page.inputs, page.outputs, **QUIET)


def _asked_for(request: gr.Request) -> str:
    """The page that the address names, or the first."""
    wanted = request.query_params.get("tab", "")
    return wanted if wanted in PAGES else next(iter(PAGES))


def _left_alone(components: Iterable[Block]) -> Updates:
    """An answer that changes none of them; an empty one Gradio would not understand."""
    return dict.fromkeys(components, gr.skip())


def _unless_asked_for(name: str, page: Page) -> Callable[[Values, gr.Request], Updates]:
    """A page's refresh that leaves it as it is when it is the one that the address names."""

    def refresh_later(values: Values, request: gr.Request) -> Updates:
        return _left_alone(page.outputs) if _asked_for(request) == name else _refreshed(page)(values)

    return refresh_later


def _refreshed(page: Page) -> Callable[[Values], Updates]:
    """A page's refresh that leaves the page as it is when the workspace can't be read; the bar above says why."""

    def refresh(values: Values) -> Updates:
        try:
            return page.refresh(values)
        except SdpoError as error:
            print(f"{NAME}: {error}", file=sys.stderr)
            return _left_alone(page.outputs)

    return refresh


def launch_options(studio: Studio, lan: Lan) -> dict[str, Any]:
    """Arguments of `launch` that make the page ours, closed to everybody else, and silent towards the network."""
    return {
        "share": False,
        "quiet": True,
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "max_file_size": "64mb",
        "favicon_path": STATIC / "favicon.svg",
        "theme": theme(),
        "css_paths": STYLES,
        "head": HEAD,
        "app_kwargs": {
            "middleware": [Middleware(LocalGuard)],
            "routes": [
                *routes(studio.desk.store),
                *preview_routes(studio.desk.jobs),
                *grid_routes(studio.grids),
                *adapter_routes(studio.adapters),
                *project_routes(studio.desk, studio.project_actions),
                *import_routes(studio.imports),
            ],
            "lifespan": lan.lifespan,
            "openapi_url": None,
        },
    }
