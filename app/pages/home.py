"""Home: where the person stands, the next step, the machine, the projects."""

from app import text_home as text
from app.components.phone_panel import phone_panel
from app.components.widget import widget
from app.home import Home
from app.pages.common import Context, Page
from app.project_actions import ProjectActions


def build(context: Context) -> Page:
    """The page; its widget does everything itself."""
    home, actions = Home(context.studio, context.overview), ProjectActions(context.studio)
    widget(
        "home.js",
        role="sdpo-home",
        elem_id="home",
        strings=text.HOME,
        server={"home": home.snapshot, "act": actions.act},
    )
    phone_panel(context.lan)
    return Page()
