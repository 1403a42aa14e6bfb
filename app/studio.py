"""Everything that the pages and the API offer, put together over one desk. No room imports this."""

from pathlib import Path

from app.adapters.service import Adapters
from app.desk.desk import Desk
from app.desk.jobs import Jobs
from app.disk.service import Housekeeping
from app.generate.comfyui import ComfyDraw
from app.generate.importing import Imports
from app.generate.service import Drawing
from app.home.project_actions import ProjectActions
from app.home.service import Home
from app.judge.grids import Grids
from app.judge.service import Judging
from app.judge.verdicts import Verdicts
from app.models.downloads import Downloads
from app.models.finder import ModelFinder
from app.status.overview import Overview
from app.train.progress import RunProgress
from app.train.service import Training
from app.vote.guarded import GuardedRankings, GuardedVotes
from app.vote.kinds import Judgement
from app.vote.kinds import Training as TrainingVotes
from app.vote.review import Review
from app.vote.says import Says
from app.vote.votes import Votes


class Studio:
    """The services of the studio. Every method of each may be called from any thread."""

    def __init__(self, root: Path, jobs: Jobs | None = None) -> None:
        """Open the project of `root` that was open last; raises `SdpoError`s when that is impossible."""
        desk = self.desk = Desk(root, jobs)
        self.verdicts = Verdicts(desk)
        self.overview = Overview(desk, self.verdicts)
        self.home = Home(desk, self.overview, self.verdicts)
        self.project_actions = ProjectActions(desk)
        self.downloads = Downloads(desk)
        self.finder = ModelFinder(root, desk.models)
        self.comfy = ComfyDraw(desk.jobs, desk.models)
        self.drawing = Drawing(desk, self.comfy)
        self.imports = Imports(desk.jobs, desk.queue)

        def usable() -> int:
            return desk.standing().votes.usable

        training = TrainingVotes(desk.store, usable)
        self.votes = GuardedVotes(
            Votes(desk.store, training), lambda store: Votes(store, TrainingVotes(store)), desk.projects
        )
        self.judge_votes = GuardedVotes(
            Votes(desk.store, Judgement(desk.store)), lambda store: Votes(store, Judgement(store)), desk.projects
        )
        self.rankings = GuardedRankings(desk.store, desk.projects, usable)
        self.review = Review(desk.store)
        self.says = Says(desk.store, desk.models, desk.projects, training)
        self.training = Training(desk)
        self.progress = RunProgress(desk.jobs)
        self.judging = Judging(desk, self.verdicts)
        self.grids = Grids(desk)
        self.adapters = Adapters(desk, self.verdicts)
        self.housekeeping = Housekeeping(desk)

    def close(self) -> None:
        """Close the store. Running jobs continue."""
        self.finder.close()
        self.desk.close()
