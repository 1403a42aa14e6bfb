"""The pages, in workflow order: a page is a folder with a `build`, and one row here."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from app.adapters import page as adapters
from app.adapters.text import say as adapters_say
from app.desk.context import Context
from app.disk import page as disk
from app.disk.text import say as disk_say
from app.generate import page as generate
from app.generate.page import GeneratePage
from app.generate.text import say as generate_say
from app.home import page as home
from app.home.text import say as home_say
from app.judge import page as judge
from app.judge.page import JudgePage
from app.judge.text import say as judge_say
from app.models import choice as model_choice
from app.models.choice import ModelChoice
from app.server.lan import Lan
from app.studio import Studio
from app.train import page as train
from app.train.text import say as train_say
from app.ui.page import Page
from app.vote import page as vote
from app.vote.text import say as vote_say

_Page = TypeVar("_Page", bound=Page)


@dataclass(frozen=True)
class Site:
    """What pages are built from."""

    studio: Studio
    lan: Lan
    context: Context
    built: list[Page] = field(default_factory=list[Page])  # the rows above

    def page(self, kind: type[_Page]) -> _Page:
        """The page of this class, which must be built before; raises `LookupError` otherwise."""
        for page in self.built:
            if isinstance(page, kind):
                return page
        raise LookupError(kind.__name__)


@dataclass(frozen=True)
class Row:
    """A page and its tab."""

    title: str  # on the tab
    build: Callable[[Site], Page]


def _generate(site: Site) -> Page:
    studio, context = site.studio, site.context

    def choose_model() -> ModelChoice:
        return model_choice.build(context, studio.finder, studio.downloads)

    return generate.build(context, studio.drawing, studio.comfy, studio.imports, studio.grids, choose_model)


def _vote(site: Site) -> Page:
    studio = site.studio
    return vote.build(studio.votes, studio.rankings, studio.review, studio.says)


def _judge(site: Site) -> Page:
    studio = site.studio
    return judge.build(site.context, studio.judging, studio.judge_votes, studio.grids)


def _adapters(site: Site) -> Page:
    studio, drawing = site.studio, site.page(GeneratePage)
    judged = site.page(JudgePage).adapter
    return adapters.build(studio.desk, studio.adapters, drawing.begin_round, drawing.round_fields, judged)


PAGES: dict[str, Row] = {
    "home": Row(home_say("page"), lambda site: home.build(site.studio.home, site.studio.project_actions, site.lan)),
    "generate": Row(generate_say("page"), _generate),
    "vote": Row(vote_say("page"), _vote),
    "train": Row(train_say("page"), lambda site: train.build(site.context, site.studio.training, site.studio.progress)),
    "judge": Row(judge_say("page"), _judge),
    "adapters": Row(adapters_say("page"), _adapters),
    "disk": Row(disk_say("page"), lambda site: disk.build(site.studio.housekeeping)),
}
"""By the name in the address (`?tab=`)."""
