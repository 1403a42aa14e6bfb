"""`export`: put an adapter where other tools look for it, and prove that it fits its base."""

from pathlib import Path

from sdpo_core.adapters.info import read_adapter_info
from sdpo_core.atomic import disk_errors, write_bytes
from sdpo_core.checkpoints.earlier_demos import AN_EARLIER_DEMO, is_earlier_demo
from sdpo_core.checkpoints.model_info import DEMO, inspect_model
from sdpo_core.errors import AdapterError
from sdpo_core.workspace.store import Store

PREVIEW_MODE = 0o644  # as the adapter: a ComfyUI under another user has to read it


def export_adapter(adapter: str, target: Path, workspace: Path, base: str | None) -> tuple[Path, str]:
    """Copy `adapter` (a name in the workspace, `latest`, or a file) to `target`, a folder or a .safetensors file name.

    Returns the written path and the load proof in words. Raises AdapterError when nothing would be gained: an adapter
    that doesn't fit its base.
    """
    # Late: these load torch, which a mistyped command should not wait for.
    from sdpo_core.adapters.file import ADAPTER_MODE, prove_adapter
    from sdpo_core.models.registry import load_model

    with Store(workspace) as store:
        source = store.adapter_file(adapter)
    info = read_adapter_info(source)
    with disk_errors(target):
        path = target / source.name if target.is_dir() or target.suffix != ".safetensors" else target
        if path.exists() and not path.samefile(source) and path.read_bytes() != source.read_bytes():
            raise AdapterError(f"{path} exists and is another file. Choose another name, or remove it first.")
    proof = prove_adapter(source, load_model(base or known_base(info.base_sha256)))
    if proof.matched < proof.modules:
        raise AdapterError(f"{source.name} was not copied: {proof.sentence()} Name its own base with --base MODEL.")
    write_bytes(path, source.read_bytes(), mode=ADAPTER_MODE)
    copy_preview(source, path)
    return path, proof.sentence()


def copy_preview(source: Path, target: Path) -> None:
    """The picture beside an adapter, which ComfyUI shows, beside its copy; one that is there already stays."""
    preview, beside = source.with_suffix(".png"), target.with_suffix(".png")
    if preview.is_file() and not beside.exists():
        write_bytes(beside, preview.read_bytes(), mode=PREVIEW_MODE)


def known_base(sha256: str | None) -> str:
    """The model to prove an adapter against when none was named: the demo model, or an `AdapterError` that asks."""
    if sha256 == inspect_model(DEMO).sha256:
        return DEMO
    if is_earlier_demo(sha256):
        raise AdapterError(
            f"This adapter was trained on {AN_EARLIER_DEMO}, which is not here any more to prove it against. Copy its "
            "file from the folder adapters/ of the workspace, or name a base with --base MODEL."
        )
    raise AdapterError("This adapter was not trained on the demo model. Name its base with --base MODEL.")
