"""The adapters of the open project, as all pages look them up."""

import contextlib
from typing import Any

from app.desk.headers import Headers
from app.desk.jobs import Jobs
from app.desk.machine import threads_for
from app.desk.models import Models
from app.desk.text import say
from sdpo_core.adapters.info import AdapterInfo
from sdpo_core.errors import AdapterError, RunError
from sdpo_core.workspace.records import AdapterRecord
from sdpo_core.workspace.store import Store


class KnownAdapters:
    """What a page may ask about adapters. Every method may be called from any thread."""

    def __init__(self, store: Store, jobs: Jobs, models: Models) -> None:
        self._store, self._jobs, self._models = store, jobs, models
        self._headers = Headers()

    def names(self) -> list[str]:
        """Names of the adapters, newest first."""
        return [record.name for record in self._store.adapters.all()]

    def require(self, name: Any) -> AdapterRecord:
        """The adapter that was chosen on a page; raises `AdapterError` when that isn't one."""
        if not name:
            raise AdapterError(say("chooseAdapter") if self._store.adapters.all() else say("noAdapter"))
        return self._store.adapters.find(str(name))

    def recommended_strength(self, name: Any) -> float | None:
        """The strength that a person recommends for an adapter; None for none, and for an unknown adapter."""
        return next((record.strength for record in self._store.adapters.all() if record.name == name), None)

    def base_of(self, record: AdapterRecord) -> str:
        """The model that an adapter was trained on, or the best guess."""
        try:
            return str(self._jobs.open(record.run_id, "train").settings()["model"])
        except (RunError, KeyError):  # the run folder was cleared away; the chosen model is the best guess
            return self._models.source()

    def to_draw_with(self, record: AdapterRecord) -> dict[str, Any]:
        """The settings of a job that generates with an adapter: its base model, and as many threads as that gains from.

        Raises `ModelError` when the base can't be used.
        """
        info = self._models.inspect(self.base_of(record))
        return {"model": info.source, "threads": threads_for(info)}

    def header(self, record: AdapterRecord) -> AdapterInfo:
        """What an adapter's file says about itself; raises `AdapterError` as reading it does."""
        return self._headers.read(self._store.workspace / record.path)

    def rounds(self) -> dict[str, int]:
        """The round of every adapter file by its SHA-256: 1, and one more than that of the adapter it continues."""
        parents: dict[str, str] = {}
        adapters = self._store.adapters.all()
        for record in adapters:
            with contextlib.suppress(AdapterError):  # a file that is gone or damaged says nothing
                parent = (self.header(record).sdpo or {}).get("continued_from")
                if isinstance(parent, str):
                    parents[record.sha256] = parent

        def round_of(sha256: str, seen: frozenset[str] = frozenset()) -> int:
            parent = parents.get(sha256)
            if parent is None or parent in seen:
                return 1
            return 1 + round_of(parent, seen | {sha256})

        return {record.sha256: round_of(record.sha256) for record in adapters}
