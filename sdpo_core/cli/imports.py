"""`import`: pairs that were chosen elsewhere, and images that other tools made, into the workspace."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from sdpo_core.cli.command import Options
from sdpo_core.cli.jobs import job_command
from sdpo_core.cli.output import DONE, FAILED, Output, progress
from sdpo_core.errors import ConfigError
from sdpo_core.exchange.images import ImagesReport, import_images
from sdpo_core.exchange.importers import ABOUT_IMAGES, IMAGES, LAYOUTS, detect, layout_named, open_folder
from sdpo_core.exchange.importers.found import Folder, Trouble
from sdpo_core.exchange.inbox import import_inbox
from sdpo_core.exchange.metadata import READERS
from sdpo_core.exchange.pairs import import_pairs
from sdpo_core.workspace.store import Store

_ABOUT = "import images from other tools to vote on, or pairs with votes from elsewhere"
_EPILOGUE = f"""layouts, in the order they are tried:
{chr(10).join(f"  {name:12} {layout.about}" for name, layout in LAYOUTS.items())}
  {IMAGES:12} {ABOUT_IMAGES}

Metadata is read from: {", ".join(sorted(READERS))}.

examples:
  import FOLDER                                 the layout is detected and shown
  import FOLDER --layout two-folders --winners mine
  import FOLDER --prompt "portrait of ohwx"     for images without caption or metadata
  import --inbox                                what the ComfyUI nodes sent; a running studio does this by itself
  train --pairs-from all                        also use images from an unknown model

Nothing outside FOLDER is read. Importing twice adds nothing, and your own votes are never replaced."""

_TROUBLES_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's own arguments."""
    parser.add_argument("folder", type=Path, nargs="?", help="the folder with the pairs or images")
    parser.add_argument("--inbox", action="store_true", help="import the workspace's inbox instead of a folder")
    parser.add_argument("--layout", metavar="NAME", help="how the folder is organised (default: detected)")
    parser.add_argument("--winners", metavar="NAME", help="two-folders: the subfolder with the better images")
    parser.add_argument("--prompt", metavar="TEXT", help="the prompt for images without caption or metadata")


def _import_here(options: Options, out: Output) -> int | None:
    """Import without a run folder, which a person at a terminal doesn't need.

    Raises `ConfigError` unless there is a folder or --inbox, and the flags that go with that one.
    """
    if options["run"]:
        return None
    if options["inbox"] == bool(options["folder"]):
        raise ConfigError("`import` needs either a folder, or --inbox for what the ComfyUI nodes sent.")
    if options["inbox"]:
        if any(options[name] for name in ("layout", "winners", "prompt")):
            raise ConfigError(
                "--inbox imports what the ComfyUI nodes sent as it is, without --layout, --winners or --prompt."
            )
        return _inbox(options["workspace"], out)
    folder = open_folder(
        options["folder"], winners=options["winners"], prompt=options["prompt"], workspace=options["workspace"]
    )
    name = options["layout"] or detect(folder)
    with Store(options["workspace"]) as store, progress() as show:
        if name == IMAGES:
            return _images(store, folder, show, out)
        layout = layout_named(name)
        report = import_pairs(store, layout.read(folder), lambda done: show(done, None, f"pairs ({name})"))
    value = {
        "layout": name,
        "found": report.found,
        "pairs_added": report.added.pairs,
        "votes_added": report.added.votes,
        "troubles": [trouble._asdict() for trouble in report.troubles],
    }
    words = [f"Layout {name}: {LAYOUTS[name].about}.", report.sentence(), *_told(report.troubles)]
    if not report.usable:
        words.append("Nothing could be imported. Check the folder, or set its layout with --layout.")
    out.result(value, "\n".join(words))
    return DONE if report.usable else FAILED


def _inbox(workspace: Path, out: Output) -> int:
    with Store(workspace) as store:
        report = import_inbox(store)
    value = {
        "sendings": report.sendings,
        "pairs_added": report.added.pairs,
        "votes_added": report.added.votes,
        "troubles": [trouble._asdict() for trouble in report.troubles],
    }
    out.result(value, report.sentence() if report else "The inbox is empty.")
    return FAILED if report.troubles else DONE


def _images(store: Store, folder: Folder, show: Callable[[int, int | None, str], None], out: Output) -> int:
    """Import a folder of images without choices."""
    report = import_images(
        store,
        folder.all_images(),
        prompt=folder.prompt,
        name=folder.name,
        on_image=lambda done: show(done, None, IMAGES),
    )
    value = {
        "layout": IMAGES,
        "found": report.found,
        "images_added": report.added.candidates,
        "images_known": report.known,
        "pairs_added": report.added.pairs,
        "tools": dict(report.tools),
        "left_out": dict(report.left_out),
        "troubles": [trouble._asdict() for trouble in report.troubles],
    }
    out.result(value, "\n".join([report.sentence(), *_told(report.troubles), *_next(report)]))
    return DONE if report.added.candidates or report.known else FAILED


def _next(report: ImagesReport) -> list[str]:
    if not report.added.candidates and not report.known:
        return ["Nothing could be imported. Check the folder, or set the images' prompt with --prompt."]
    return [
        "`vote` shows the pairs. Those whose metadata has the hash of the model you train are used like your own; "
        "`train --pairs-from all` uses the others too."
    ]


def _told(troubles: Sequence[Trouble]) -> list[str]:
    lines = [f"  {trouble.name}: {trouble.reason}" for trouble in troubles[:_TROUBLES_SHOWN]]
    if len(troubles) > _TROUBLES_SHOWN:
        lines.append(f"  and {len(troubles) - _TROUBLES_SHOWN} more; --json lists all")
    return lines


COMMAND = job_command(
    "import",
    _ABOUT,
    function=lambda _: "sdpo_core.exchange.job:run_import",
    add_arguments=add_arguments,
    instead=_import_here,
    epilogue=_EPILOGUE,
)
