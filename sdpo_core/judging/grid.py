"""The job `grid`: one prompt and one seed, over an adapter's strengths and the checkpoints of its training.

Its images are for looking, not for votes, so they are in the run folder and not in the store.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdpo_core.adapters.attach import LoadedAdapter, attach_adapter
from sdpo_core.atomic import replacing, write_bytes
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.generation.sample import Stopped, build_recipe, sample, ticking
from sdpo_core.judging.grid_plan import GridPlan, GridRow, cell_path, rows_of, write_plan
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.registry import load_configured
from sdpo_core.paths import repository_root
from sdpo_core.prompts.weights import prompt_note
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.judge import GridConfig
from sdpo_core.workspace.pairs import usual_negative
from sdpo_core.workspace.store import Store


def run_grid(config: GridConfig, run: RunFolder, workspace: Path, reporter: Reporter) -> None:
    """Generate every cell of the grid; each can be seen as soon as it is there.

    A stop keeps the finished images and ends in state stopped. Raises `AdapterError` when an adapter does not fit the
    model, or a checkpoint doesn't exist.
    """
    zero = 0.0 in config.cells.strengths
    images = max(1, len(config.cells.checkpoints)) * (len(config.cells.strengths) - zero) + zero
    reporter.total = images * config.sampling.sampling_steps
    reporter.say(0, "Loading the model…", force=True)
    with Store(workspace) as store:
        if config.cells.adapter == "latest":
            # By name from here on: the next training must not change what was generated.
            config = config.changed(adapter=store.adapters.find("latest").name)
        rows = rows_of(store, config.cells.adapter, config.cells.checkpoints)
        model = load_configured(config.runtime)
        plan = GridPlan(
            adapter=config.cells.adapter,
            base_sha256=model.info.sha256,
            prompt=config.cells.prompt.strip() or _starter_prompt(model.info),
            seed=config.cells.seed,
            strengths=config.cells.strengths,
            rows=tuple(GridRow(step=step, sha256=sha256_file(path)) for step, path in rows),
        )
        negative = usual_negative(store, model.info.sha256) if config.cells.negative is None else config.cells.negative
        config = config.changed(prompt=plan.prompt, negative=negative)
        run.write_config(config.model_dump(mode="json"))
        write_plan(run, plan)
        note = prompt_note([plan.prompt, negative], tags_act=False)
        painter = _Painter(config, plan, run, model, reporter, images, note)
        try:
            for row, (_, path) in enumerate(rows):
                adapter = attach_adapter(
                    model,
                    path,
                    strength=1.0,
                    branch=config.sampling.adapter_branch,
                    unconditional=config.sampling.unconditional_strength,
                )
                store.adapters.record_fit(adapter.use.sha256, model.info.sha256, adapter.fit)
                painter.paint_row(row, adapter)
                adapter.lora.remove()
        except Stopped:
            message = f"Stopped after {painter.drawn} of {images} images."
            reporter.say(painter.drawn * config.sampling.sampling_steps, message, state="stopped", force=True)
            run.answer("stop")
        else:
            message = f"The grid is ready: {images} images. {note}".strip()
            reporter.say(reporter.total, message, state="done", force=True)


@dataclass
class _Painter:
    """What every image of a grid shares."""

    config: GridConfig
    plan: GridPlan
    run: RunFolder
    model: DiffusionModel
    reporter: Reporter
    images: int
    note: str  # what the person should know
    drawn: int = 0

    def paint_row(self, row: int, adapter: LoadedAdapter) -> None:
        """The images of one adapter file. The base model's, at strength 0, is generated for the first row only."""
        for column, strength in enumerate(self.plan.strengths):
            target = cell_path(self.run, row, column)
            if strength == 0 and row:
                write_bytes(target, cell_path(self.run, 0, column).read_bytes())
            else:
                self._paint(target, adapter, strength)

    def _paint(self, target: Path, adapter: LoadedAdapter, strength: float) -> None:
        """One image; raises `Stopped` between two sampler steps."""
        first = self.drawn * self.config.sampling.sampling_steps
        message = f"Image {self.drawn + 1} of {self.images}. {self.note}".strip()
        tick = ticking(self.reporter, first, message)
        recipe = build_recipe(
            self.model,
            adapter.with_trained_defaults(self.config.sampling),
            prompt=self.plan.prompt,
            negative=self.config.cells.negative or "",
            seed=self.plan.seed,
            batch=1,
            adapters=(adapter.use.model_copy(update={"strength": strength}),) if strength else (),
        )
        (image,) = sample(self.model, [recipe], lora=adapter.lora, on_step=tick)
        with replacing(target) as temporary:
            image.save(temporary)
        self.drawn += 1


def _starter_prompt(info: ModelInfo) -> str:
    """The first built-in starter prompt: judge prompts stay unseen."""
    name = "starter-demo.txt" if info.is_demo else "starter-general.txt"
    return next(_lines(repository_root() / "assets" / "prompts" / name))


def _lines(path: Path) -> Iterator[str]:
    return (line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
