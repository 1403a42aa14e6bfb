"""The job `generate` with a running ComfyUI and the person's own workflow. No torch.

Each run of the workflow is one job in ComfyUI's queue, among other people's. An image is in the store as soon as it
arrives, so whatever happens there, finished images are kept, and the same run folder continues with what's missing.
"""

import contextlib
import itertools
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from sdpo_core.atomic import write_json
from sdpo_core.comfyui.client import Client, NotFound, Unreachable
from sdpo_core.comfyui.match import CountsFor, adapters_of, clip_skip_of, counts_for
from sdpo_core.comfyui.queue import Heard, Picture, Queue
from sdpo_core.comfyui.slots import Pointed, find_slots
from sdpo_core.comfyui.workflow import MOST_BYTES, Graph, Workflow, read_graph
from sdpo_core.errors import ComfyUIError, ImageUnreadable, SdpoError
from sdpo_core.exchange.metadata import values
from sdpo_core.generation.ahead import SEED_COUNT, Wanted, asked_seed, pair_count
from sdpo_core.images.files import decode_image
from sdpo_core.prompts.weights import prompt_note
from sdpo_core.prompts.wildcards import Wordings
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter, Stopped
from sdpo_core.settings.comfyui import ComfyUI
from sdpo_core.settings.generate import GenerateConfig
from sdpo_core.workspace.records import AdapterUse, Candidate, MadeWith, Recipe, WorkflowUse
from sdpo_core.workspace.store import Store

_T = TypeVar("_T")
_LOOK_S = 0.5
_START_WAIT_S = 10.0  # for the first reply: an address with a typo never answers
_ATTEMPTS = 3  # to queue a job that ComfyUI has forgotten
_LOOKS_UNTIL_LOST = 3
_STEPS = 20  # of a run whose workflow doesn't say
_WORKFLOW, _SEED = "workflow.json", "seed.json"


def run_comfy(config: GenerateConfig, run: RunFolder, workspace: Path, reporter: Reporter) -> None:
    """Generate what `config` asks for. A stop takes our own job out of ComfyUI's queue and keeps all finished images.

    Raises `ComfyUIError` when the workflow can't be used, or ComfyUI fails; images finished until then are kept.
    """
    assert config.comfyui.comfy is not None
    client = Client(config.comfyui.comfy)
    reporter.say(0, f"Asking the ComfyUI at {client.url}…", force=True)
    workflow = workflow_of(config.comfyui, config.sampling.size_px, run)
    workflow.require(negative=bool(config.pairs.negative))
    queue = Queue(client)
    with Store(workspace) as store:
        job = _Job(config, run, store, reporter, queue, workflow, _seed(config.pairs.seed, run))
        try:
            job.begin(client)
            job.keep_ahead() if config.ahead.keep_ahead else job.make()
        except Stopped:
            reporter.say(job.step, f"Stopped; {pair_count(job.made)} kept.", state="stopped", force=True)
            run.answer("stop")
        except ComfyUIError as error:
            raise ComfyUIError(f"{error} {job.kept()}") from error
        else:
            words = f"Made {pair_count(job.made)}. {job.note()}".strip()
            reporter.say(job.step, words, state="done", force=True)
        finally:
            queue.close()


def workflow_of(comfyui: ComfyUI, size_px: int | None, run: RunFolder | None = None) -> Workflow:
    """The workflow that the settings name, with its slots and size; `run` keeps a copy, and continues with that.

    Raises `ComfyUIError` when it can't be read, or lacks what was pointed at or a size that could be set.
    """
    kept = run.path / _WORKFLOW if run else None
    path = kept if kept and kept.is_file() else Path(comfyui.workflow or "")
    try:
        with path.open("rb") as file:
            graph = read_graph(file.read(MOST_BYTES + 1))
    except (OSError, ValueError) as error:  # ValueError: an impossible file name
        why = error.strerror if isinstance(error, OSError) else error
        raise ComfyUIError(f"The workflow {path} can't be read ({why}). Check the name.") from error
    if kept and path != kept:
        write_json(kept, graph)
    pointed = Pointed(comfyui.prompt_slot, comfyui.negative_slot, comfyui.seed_slot, comfyui.image_node)
    return find_slots(graph, pointed).sized(size_px)


def require_usable(comfyui: ComfyUI, size_px: int | None, negative: str) -> None:
    """Raise `ComfyUIError` for an invalid address or a workflow that can't be used; no request is sent."""
    Client(comfyui.comfy or "")
    workflow_of(comfyui, size_px).require(negative=bool(negative))


@dataclass
class _Job:
    """The state of one job."""

    config: GenerateConfig
    run: RunFolder
    store: Store
    reporter: Reporter
    queue: Queue
    workflow: Workflow
    seed: int
    step: int = 0
    made: list[int] = field(default_factory=list[int])  # ids of the pairs
    surplus: int = 0  # images that a run gave in addition to those asked for
    base: CountsFor = field(default_factory=lambda: CountsFor("", ""))
    adapters: tuple[AdapterUse, ...] = ()
    notes: list[str] = field(default_factory=list[str])

    @property
    def _steps(self) -> int:
        """Steps that one run counts for in the bar."""
        return self.workflow.made_with.steps or _STEPS

    def begin(self, client: Client) -> None:
        """Check that the workflow can run there, and for which model its images count."""
        wait_s = min(_START_WAIT_S, self.config.comfyui.comfy_wait_s)
        self._patiently(lambda: require_nodes(client, self.workflow), wait_s)
        self.base = self._patiently(lambda: counts_for(client, self.workflow, self.config.runtime.model))
        self.adapters = self._patiently(lambda: adapters_of(client, self.workflow, self.store))

    def make(self) -> None:
        """All pairs that were asked for."""
        wordings = Wordings(self.seed)
        worded = [wordings.next(prompt) for prompt in self.config.pairs.prompts]
        steps = self.config.pairs.candidates_per_prompt * self._steps
        self.reporter.total = len(worded) * steps
        for index, prompt in enumerate(worded):
            self._make_one(prompt, index)
            self.step = (index + 1) * steps  # also when runs gave several

    def keep_ahead(self) -> None:
        """Pair after pair while fewer than `keep_ahead` wait for a vote."""
        wordings = Wordings(self.seed)
        wanted = Wanted(self.config.ahead, self.run, self.store, self.reporter, time.time())
        for index, listed in enumerate(itertools.cycle(self.config.pairs.prompts)):
            if wanted.wait(self.step, " ".join(self.notes)) is not None:
                return
            steps = self.config.pairs.candidates_per_prompt * self._steps
            self.reporter.total = self.step + max(1, wanted.missing) * steps
            end = self.step + steps
            self._make_one(wordings.next(listed), index)
            self.step = end

    def note(self) -> str:
        """What the person should know."""
        images = "1 image" if self.surplus == 1 else f"{self.surplus} images"
        surplus = f"Batches gave {images} more than asked for; those are left out." if self.surplus else ""
        return " ".join(dict.fromkeys(filter(None, [*self.notes, self.base.sentence, surplus])))

    def kept(self) -> str:
        """What is kept after a failure."""
        return f"{pair_count(self.made)} kept; run it again to continue with what's missing."

    def _make_one(self, prompt: str, index: int) -> None:
        """The images and pairs of the `index`-th prompt."""
        count = self.config.pairs.candidates_per_prompt
        note = prompt_note([prompt, self.config.pairs.negative], tags_act=False)
        self.notes += [note] if note and note not in self.notes else []
        neighbour: Candidate | None = None
        received = 0
        for number in range(index * count, (index + 1) * count):
            images = self._images(prompt, (self.seed + number) % SEED_COUNT)
            self.surplus += max(0, received + len(images) - count)
            for candidate in images[: count - received]:
                if neighbour:
                    self._pair(neighbour, candidate)
                neighbour = candidate
            received += len(images)
            if received >= count:
                return

    def _pair(self, one: Candidate, other: Candidate) -> None:
        if one.image_sha256 == other.image_sha256:
            slots = ", ".join(map(str, self.workflow.seed))
            raise ComfyUIError(
                f"Two seeds gave the same image, so {slots} isn't where the workflow gets its noise from. Point at the "
                "seed yourself."
            )
        self.made.append(self.store.pairs.add(one.id, other.id, run_id=self.run.id).id)

    def _images(self, prompt: str, seed: int) -> list[Candidate]:
        """The images of one run of the workflow, from the store if they were made before."""
        graph = self.workflow.filled(prompt, self.config.pairs.negative, seed)
        made_with = self.workflow.read(graph)
        found, own = self.workflow.read_texts, self.config.pairs.negative
        # With what the workflow adds.
        text = made_with.prompt if found[0] and prompt.strip() in made_with.prompt else prompt
        negative = made_with.negative if not own or (found[1] and own.strip() in made_with.negative) else own
        known = self._known(text, negative, seed)
        if known:
            self.step += self._steps
            return known
        first = self.step
        images = self._generate(graph, prompt)
        self.step = first + self._steps
        recipes = [
            self._recipe(made_with, text, negative, seed, place, len(images), image)
            for place, image in enumerate(images)
        ]
        return [self.store.candidates.add(image, recipe) for image, recipe in zip(images, recipes, strict=True)]

    def _known(self, prompt: str, negative: str, seed: int) -> list[Candidate]:
        """The images of an earlier run, if all of them exist and count for the same model."""
        found = [
            candidate
            for candidate in self.store.candidates.drawn_by(self.workflow.sha256, prompt, negative, seed)
            if candidate.recipe
            and (candidate.recipe.base_sha256, candidate.recipe.adapters) == (self.base.sha256, self.adapters)
            and self.store.images.intact(candidate.image_sha256)
        ]
        whole = found and found[0].recipe and len(found) >= found[0].recipe.batch
        return found if whole else []

    def _recipe(
        self, made_with: MadeWith, prompt: str, negative: str, seed: int, place: int, batch: int, image: Image.Image
    ) -> Recipe:
        return Recipe(
            prompt=prompt,
            negative=negative,
            seed=seed,
            noise="comfyui",
            sampler=made_with.sampler,
            steps=made_with.steps or 0,
            guidance=made_with.guidance or 0.0,
            width_px=image.width,
            height_px=image.height,
            base_sha256=self.base.sha256,
            adapters=self.adapters,
            clip_skip=clip_skip_of(self.workflow),
            device="comfyui",
            dtype="",
            threads=0,
            batch=batch,
            scheduler=made_with.scheduler,
            workflow=WorkflowUse(
                sha256=self.workflow.sha256, image=place, model=made_with.model, loras=self.workflow.loras
            ),
        )

    # ------------------------------------------------------------------------------------------------- one run there

    def _generate(self, graph: Graph, prompt: str) -> list[Image.Image]:
        """Run the graph in ComfyUI; a job that it forgets (it was restarted, its queue cleared) is queued again."""
        for _ in range(_ATTEMPTS):
            job, tries = str(uuid.uuid4()), itertools.count()

            def put(job: str = job, tries: Any = tries) -> str:
                return self.queue.put(graph, self.workflow.image, job, again=next(tries) > 0)

            try:
                job = self._patiently(put)
            except Stopped:  # it may be queued, although no reply arrived
                self._take_out(job)
                raise
            history = self._ended(job, f"ComfyUI is generating “{prompt}”.")
            if history is not None:
                pictures = self.queue.pictures(history, self.workflow.image)
                with contextlib.suppress(NotFound):  # restarted meanwhile, which deletes temporary images
                    return [self._decoded(picture) for picture in pictures]
        raise ComfyUIError(
            f"ComfyUI forgot the job {_ATTEMPTS} times: it was restarted, or its queue was cleared. Check its window."
        )

    def _decoded(self, picture: Picture) -> Image.Image:
        data = self._patiently(lambda: self.queue.fetch(picture))
        try:
            return decode_image(data)
        except ImageUnreadable as error:
            raise ComfyUIError(f"ComfyUI made {values.name(picture.filename)}, which can't be used: {error}") from error

    def _ended(self, job: str, message: str) -> dict[str, Any] | None:
        """The job's history once it has ended; None when ComfyUI forgot it. Takes the job out on a stop request."""
        first, looks = self.step, 0
        try:
            while looks < _LOOKS_UNTIL_LOST:
                if self.reporter.stop_requested():
                    raise Stopped
                heard = self.queue.listen(job, _LOOK_S)
                if heard and not heard.ended:
                    self._report(first, heard, message)
                    continue
                history = self._patiently(lambda: self.queue.ended(job))
                if history is not None:
                    return history
                place = self._patiently(lambda: self.queue.place(job))
                looks = looks + 1 if place is None else 0
                if place and place.before:
                    self.reporter.say(self.step, f"ComfyUI is busy: {_jobs(place.before)} before ours.")
        except BaseException:
            self._take_out(job)
            raise
        return None

    def _take_out(self, job: str) -> None:
        try:
            self.queue.cancel(job)
        except ComfyUIError as error:  # nothing answers; then there is nothing to take out either
            print(f"The job {job} couldn't be taken out of ComfyUI's queue: {error}")

    def _report(self, first: int, heard: Heard, message: str) -> None:
        """Report a run's progress; a second sampler starts at 0 again, but the bar doesn't move back."""
        self.step = max(self.step, first + min(self._steps, heard.done * self._steps // heard.total))
        self.reporter.say(self.step, message)

    def _patiently(self, ask: Callable[[], _T], wait_s: float | None = None) -> _T:
        """The result of `ask`; while nothing answers it tries again, for `wait_s` or as long as the settings say."""
        wait_s = self.config.comfyui.comfy_wait_s if wait_s is None else wait_s
        until: float | None = None
        while True:
            try:
                return ask()
            except Unreachable as error:
                first, until = until is None, until or time.monotonic() + wait_s
                left = until - time.monotonic()
                if left <= 0:
                    raise
                self.reporter.say(self.step, f"{error} Trying again for {left:.0f} s.", force=first)
                for _ in range(4):
                    if self.reporter.stop_requested():
                        raise Stopped from error
                    time.sleep(min(_LOOK_S / 2, max(0.0, left / 4)))


def require_nodes(client: Client, workflow: Workflow) -> None:
    """Raise `ComfyUIError` when the ComfyUI lacks nodes of the workflow."""
    missing = client.missing_nodes(workflow.kinds)
    if missing:
        named = ", ".join(missing)
        raise ComfyUIError(f"The ComfyUI at {client.url} lacks nodes of this workflow: {named}. Install them there.")


@dataclass(frozen=True)
class Look:
    """What a ComfyUI says about a workflow before anything is generated."""

    counts_for: str  # hash of the studio's model that the images count for; empty: none
    notes: tuple[str, ...]
    problems: tuple[str, ...]


def look(client: Client, workflow: Workflow, model: str, negative: str) -> Look:
    """Check whether it is running, has the nodes, is busy, and for which model the images count. Never raises.

    `model` and `negative` are as in the settings.
    """
    try:
        require_nodes(client, workflow)
        base = counts_for(client, workflow, model)
        waiting = Queue(client).length()
    except ComfyUIError as error:
        return Look("", (), (str(error),))
    busy = [f"ComfyUI is busy: {_jobs(waiting)} before ours."] if waiting else []
    own_negative = (workflow.negative_problem,) if negative and workflow.negative_problem else ()
    return Look(base.sha256, (base.sentence, *busy), own_negative)


def _seed(asked: int | None, run: RunFolder) -> int:
    """The seed that all others follow from; a random one is kept, so that the run can continue."""
    if asked is not None:
        return asked
    path = run.path / _SEED
    try:
        return int(json.loads(path.read_text(encoding="utf-8"))["seed"])
    except FileNotFoundError:
        seed = asked_seed(asked)
        write_json(path, {"seed": seed})
        return seed
    except (ValueError, KeyError, TypeError) as error:
        raise SdpoError(f"{path} is damaged. Start a new run.") from error


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count} jobs are"
