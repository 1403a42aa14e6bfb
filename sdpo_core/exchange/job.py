"""The job `import`: bring images and pairs from elsewhere into the workspace, with progress and a final report."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sdpo_core.atomic import write_json
from sdpo_core.exchange.images import ImagesReport, import_images
from sdpo_core.exchange.importers import IMAGES, detect, layout_named, open_folder
from sdpo_core.exchange.importers.found import Folder, Trouble
from sdpo_core.exchange.pairs import ImportReport, import_pairs
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.transfer import ImportConfig
from sdpo_core.workspace.store import Store

REPORT = "report.json"
"""In the run folder: what was read, and what was left out and why."""

_MOST_NAMED = 1000  # troubles that the report names


def run_import(config: ImportConfig, run: RunFolder, workspace: Path, reporter: Reporter) -> None:
    """Import a folder; a stop keeps what was imported. Ends with `report.json`; errors are `SdpoError`s."""
    reporter.say(0, "Listing the files…", force=True)
    folder = open_folder(Path(config.folder), winners=config.winners, prompt=config.prompt, workspace=workspace)
    layout = config.layout or detect(folder)
    with Store(workspace) as store:
        take = _take_images if layout == IMAGES else _take_pairs
        sentence, report = take(store, folder, layout, reporter)
    write_json(run.path / REPORT, {"layout": layout, "sentence": sentence, **report})
    stopped = reporter.stop_was_requested
    if stopped:
        run.answer("stop")
    step = reporter.total or 1
    words = f"Stopped. {sentence} Start the import again to continue." if stopped else sentence
    reporter.say(step, words, state="stopped" if stopped else "done", force=True)


def _take_images(store: Store, folder: Folder, _: str, reporter: Reporter) -> tuple[str, dict[str, Any]]:
    images = list(folder.all_images())
    reporter.total = len(images)
    report = import_images(
        store,
        itertools.takewhile(lambda _: not reporter.stop_requested(), images),
        prompt=folder.prompt,
        name=folder.name,
        on_image=lambda done: reporter.say(done, f"{done:,} of {len(images):,} images read"),
    )
    return report.sentence(), images_report(report)


def _take_pairs(store: Store, folder: Folder, layout: str, reporter: Reporter) -> tuple[str, dict[str, Any]]:
    pairs = itertools.takewhile(lambda _: not reporter.stop_requested(), layout_named(layout).read(folder))
    report = import_pairs(store, pairs, lambda done: reporter.say(done, f"{done:,} pairs read ({layout})"))
    return report.sentence(), pairs_report(report)


def images_report(report: ImagesReport) -> dict[str, Any]:
    """What an import of images did, as JSON."""
    return {
        "found": report.found,
        "images_added": report.added.candidates,
        "images_known": report.known,
        "pairs_added": report.added.pairs,
        "without_prompt": report.without_prompt,
        "tools": dict(report.tools),
        "left_out": dict(report.left_out),
        "troubles": _named(report.troubles),
    }


def pairs_report(report: ImportReport) -> dict[str, Any]:
    """What an import of pairs did, as JSON."""
    added = report.added
    return {
        "found": report.found,
        "pairs_added": added.pairs,
        "votes_added": added.votes,
        "troubles": _named(report.troubles),
    }


def _named(troubles: Sequence[Trouble]) -> list[dict[str, Any]]:
    return [trouble._asdict() for trouble in troubles[:_MOST_NAMED]]
