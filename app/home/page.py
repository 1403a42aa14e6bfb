"""Home: how far the person is, the next step, the machine, the projects."""

from app.desk.text import job_strings
from app.home.phone_panel import phone_panel
from app.home.project_actions import ProjectActions
from app.home.service import Home
from app.home.text import say
from app.server.lan import Lan
from app.ui.page import Page
from app.ui.widget import widget


def build(home: Home, actions: ProjectActions, lan: Lan) -> Page:
    """The page; its widget does everything itself."""
    widget(
        "home/home.js",
        role="sdpo-home",
        elem_id="home",
        strings={**say.rows("home"), **job_strings()},
        server={"home": home.snapshot, "act": actions.act},
    )
    phone_panel(lan)
    return Page()
