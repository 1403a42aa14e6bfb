"""Home: how far the person is, the next step, the machine, the projects."""

from app.desk import text as desk_text
from app.home import text
from app.home.phone_panel import phone_panel
from app.home.project_actions import ProjectActions
from app.home.service import Home
from app.server.lan import Lan
from app.ui.page import Page
from app.ui.widget import widget


def build(home: Home, actions: ProjectActions, lan: Lan) -> Page:
    """The page; its widget does everything itself."""
    widget(
        "home/home.js",
        role="sdpo-home",
        elem_id="home",
        strings={**text.HOME, **desk_text.JOB_STRINGS},
        server={"home": home.snapshot, "act": actions.act},
    )
    phone_panel(lan)
    return Page()
