"""Downloads of models, as the choice of a model starts and follows them."""

from app.desk.desk import Desk
from app.models.text import say
from sdpo_core.runs.folder import FINISHED, RunFolder, Status
from sdpo_core.settings.transfer import DownloadConfig


class Downloads:
    """The downloads of a desk. Every method may be called from any thread."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def start(self, source: str) -> RunFolder | None:
        """Fetch a model of the hub, now or (None) when what runs has ended. Raises `ConfigError` for no name."""
        self._desk.models.forget_offer(source.strip())
        config = DownloadConfig.parse({"model": source.strip()})
        return self._desk.queue.start_or_wait("download", config, say("queued", model=config.model))

    def newest(self) -> tuple[RunFolder, Status] | None:
        """The newest download and what it says; None when there was none."""
        run = next(iter(self._desk.readable_runs("download")), None)
        return (run, self._desk.jobs.status(run)) if run else None

    def waits(self, source: str) -> bool:
        """Whether a model's download waits for its turn."""
        waiting = self._desk.queue.waiting()
        return any(one.verb == "download" and one.config.get("model") == source for one in waiting)

    def running(self) -> str:
        """The model that is being downloaded now; empty when there is none."""
        newest = self.newest()
        runs = newest is not None and newest[1].state not in FINISHED
        return str(newest[0].settings().get("model")) if newest and runs else ""
