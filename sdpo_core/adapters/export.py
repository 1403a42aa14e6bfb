"""`export`: copy an adapter to where other tools look for it, and prove that it fits its base model."""

from pathlib import Path

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.adapters.placing import LoraFolders, Placed, Proof, Prove
from sdpo_core.checkpoints.earlier_demos import AN_EARLIER_DEMO, is_earlier_demo
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.checkpoints.model_info import DEMO, inspect_model
from sdpo_core.errors import AdapterError
from sdpo_core.workspace.records import AdapterRecord, Fit
from sdpo_core.workspace.store import Store


def export_adapter(adapter: str, target: Path, workspace: Path, base: str | None) -> tuple[Path, str]:
    """Copy `adapter` (a name in the workspace, `latest`, or a file) to `target`: a folder, a tool's own folder, or a
    .safetensors file name.

    Returns the written path and the proof as a sentence. An adapter that the workspace knows to fit its base model
    isn't loaded again, unless `base` names a model. Raises `AdapterError` when the adapter doesn't fit.
    """
    with Store(workspace) as store:
        source, known = store.adapters.file(adapter), store.adapters.all()
    info = read_adapter_info(source)
    record = _record_of(source, known, workspace)
    trained_on = record.base_sha256 if record else info.base_sha256
    recorded = base is None and record is not None and record.fit is not None and not is_earlier_demo(trained_on)
    prove = None if recorded else _by_loading(base or known_base(info.base_sha256))
    placed = LoraFolders(_root(workspace)).place_at(target, record, source, prove)
    return placed.file, _sentence(placed, trained_on)


def known_base(sha256: str | None) -> str:
    """The demo model, if an adapter was trained on it; raises `AdapterError` asking for a base model otherwise."""
    if sha256 == inspect_model(DEMO).sha256:
        return DEMO
    if is_earlier_demo(sha256):
        raise AdapterError(
            f"This adapter was trained on {AN_EARLIER_DEMO}, which is no longer there to prove it against. Copy its "
            "file from the workspace's adapters/ folder, or name a base model with --base MODEL."
        )
    raise AdapterError("This adapter wasn't trained on the demo model. Name its base model with --base MODEL.")


def _by_loading(model: str) -> Prove:
    def prove(source: Path) -> Proof:
        # Imported late: these load torch, and a mistyped command shouldn't have to wait for that.
        from sdpo_core.adapters.file import prove_adapter
        from sdpo_core.models.registry import load_model

        found = prove_adapter(source, load_model(model))
        if found.matched < found.modules:
            raise AdapterError(
                f"{source.name} wasn't copied: {found.sentence()} Name its own base model with --base MODEL."
            )
        return Proof(Fit(modules=found.modules, matched=found.matched), False, found.sentence())

    return prove


def _record_of(source: Path, known: list[AdapterRecord], workspace: Path) -> AdapterRecord | None:
    """The workspace's record of a file, found by its path, or by its hash if it is a copy elsewhere."""
    here = next((one for one in known if (workspace / one.path).resolve() == source.resolve()), None)
    if here is not None or not known:
        return here
    sha256 = sha256_file(source)
    return next((one for one in known if one.sha256 == sha256), None)


def _root(workspace: Path) -> Path:
    """The studio's data folder, of which `workspace` may be a project."""
    inside = workspace.parent.name == "projects" and (workspace / "project.json").is_file()
    return workspace.parent.parent if inside else workspace


def _sentence(placed: Placed, trained_on: str | None) -> str:
    if placed.proof.recorded and trained_on == inspect_model(DEMO).sha256:
        return f"{placed.proof.sentence} It works only in the studio: the demo model is too narrow for other tools."
    return placed.proof.sentence
