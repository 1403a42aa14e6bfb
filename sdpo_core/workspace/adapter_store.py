"""The store's part about adapters: what they are called, where they are, and what the person says of them."""

from pathlib import Path

from sdpo_core.workspace import adapters
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.records import AdapterRecord, Fit
from sdpo_core.workspace.trash import Thrown


class AdapterStore:
    """The methods of a `Store` on its table of adapters and the files under `adapters/`. Ids may come from anywhere."""

    workspace: Path
    _database: Database

    def add_adapter(
        self, *, name: str, path: Path, sha256: str, base_sha256: str, run_id: str, fit: Fit | None = None
    ) -> AdapterRecord:
        """Record a trained adapter that is in the workspace; a name that is taken gets a number. The same file of
        the same run again returns the first record."""
        relative = adapters.relative_path(self.workspace, path)
        return adapters.add(
            self._database, name, relative, sha256=sha256, base_sha256=base_sha256, run_id=run_id, fit=fit
        )

    def adapters(self) -> list[AdapterRecord]:
        """All adapters, newest first."""
        return adapters.newest_first(self._database)

    def adapter(self, adapter_id: int) -> AdapterRecord:
        """The adapter of this id; raises `AdapterError` when there is none."""
        return adapters.by_id(self._database, adapter_id)

    def find_adapter(self, name: str) -> AdapterRecord:
        """The adapter of this name, or the newest for `latest`; raises `AdapterError` naming those there are."""
        return adapters.find(self.adapters(), name)

    def adapter_file(self, adapter: str) -> Path:
        """The file of an adapter given as a file, a name in the workspace, or `latest`; `AdapterError`."""
        return adapters.locate(self.workspace, self.adapters(), adapter)

    def rename_adapter(self, adapter_id: int, name: str) -> AdapterRecord:
        """Give an adapter another name; its file stays where it is. Raises `AdapterError`."""
        return adapters.rename(self._database, adapter_id, name)

    def note_on_adapter(self, adapter_id: int, note: str) -> AdapterRecord:
        """Keep the person's own words about an adapter."""
        return adapters.write_note(self._database, adapter_id, note)

    def recommend(self, adapter_id: int, strength: float | None) -> AdapterRecord:
        """Keep the strength at which the person likes an adapter best; None takes it back."""
        return adapters.recommend(self._database, adapter_id, strength)

    def record_fit(self, sha256: str, base_sha256: str, fit: Fit) -> None:
        """Keep the load proof of an adapter file on a model; a file or base that no adapter has changes nothing."""
        adapters.record_fit(self._database, sha256, base_sha256, fit)

    def trash_adapter(self, adapter_id: int) -> Thrown:
        """Move an adapter to the trash; `housekeeping.restore_entry` brings it back."""
        return adapters.take_out(self._database, self.workspace, adapter_id)
