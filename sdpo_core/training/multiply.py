"""Learning more from the votes: extra pairs the model generates itself, labelled by a model of the person's taste.

A vote costs a person seconds, an image only the machine's time. So the run fits a taste model on its votes
(`sdpo_core.taste`), generates pairs from the person's own prompts, and also trains on those it's sure of. Labels aren't
votes: they're in tables and files of the run, and health is never measured on them. A blind test's prompts and seeds
are never used.
"""

import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle, islice

import torch

from sdpo_core.atomic import write_bytes, write_json
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.errors import RunError
from sdpo_core.generation.sample import build_recipe, sample, stoppable
from sdpo_core.images.files import encode_png
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.learning import Labelling
from sdpo_core.settings.train import TrainConfig
from sdpo_core.taste.comparisons import read_votes
from sdpo_core.taste.described import ImageFile, ensure_features, files_of
from sdpo_core.taste.fit import fit_taste
from sdpo_core.taste.labels import LABELS, label_pairs, pairs_to_draw
from sdpo_core.taste.layout import Vector
from sdpo_core.taste.model import FILE, TasteModel, load_taste, save_taste
from sdpo_core.training.dataset import Example, generator
from sdpo_core.training.run_data import RunData
from sdpo_core.workspace.labelled import Drawn, LabelledPair, drawn_name
from sdpo_core.workspace.pairs import blind_tests
from sdpo_core.workspace.records import AdapterUse, Candidate, Recipe
from sdpo_core.workspace.store import Store

_SEEDS = (2**31, 2**32)  # above those that judging and previews begin with


@dataclass(frozen=True)
class Multiplied:
    """What a run learns from besides its votes."""

    taste: TasteModel
    examples: tuple[Example, ...]  # labelled pairs, oriented
    drawn: tuple[Drawn, ...]  # all images that were generated, labelled or not
    vectors: dict[str, Vector]  # of theirs, by SHA-256
    sentence: str


def multiply(
    config: TrainConfig,
    run: RunFolder,
    store: Store,
    model: DiffusionModel,
    data: RunData,
    reporter: Reporter,
    start: tuple[Lora, AdapterUse] | None = None,
) -> Multiplied:
    """Fit the taste on the run's training votes, generate, label, and keep it all; what is there already is not redone.

    In a second round `start` is the adapter that the pairs were made with, and so are these. Raises `Stopped` when the
    person stops: a resume continues.
    """
    if (run.path / LABELS).is_file():
        return _read(run, store, model)
    taste = _fit(run, store, model, data, reporter)
    wanted = 0
    if taste.knows_taste:
        wanted = pairs_to_draw(config.labels, config.schedule, config.sampling.sampling_steps, len(data.train))
    prompts = _prompts(store, data)
    if not prompts:
        wanted = 0
    artist = _Artist(config, run, store, model, reporter, start)
    began = time.monotonic()
    drawn = artist.draw(prompts, wanted)
    labelled = _label(config.labels, run, store, model, taste, drawn)
    sentence = _sentence(taste, len(drawn) // 2, len(labelled))
    content = {"sentence": sentence, "drawn_pairs": len(drawn) // 2, "labelled_pairs": len(labelled)}
    content |= {"drawing_s": round(time.monotonic() - began, 1)}  # of this sitting: what a plan of the next run reads
    write_json(run.path / LABELS, {**content, "taste": taste.facts.model_dump(mode="json")})
    return _read(run, store, model)


def _fit(run: RunFolder, store: Store, model: DiffusionModel, data: RunData, reporter: Reporter) -> TasteModel:
    """The taste of the training votes: those that are held out shall test the adapter, not teach it."""
    reporter.say(0, "Analysing your images to learn what you like…", force=True)
    images = [image for voted in data.train for image in voted.sides]
    ensure_features(store, model, files_of(store, images), stoppable(reporter))
    votes, _ = read_votes(store, model.info.sha256, data.train)
    fitted = fit_taste(votes, model.info.sha256)
    save_taste(fitted.model, run.path / FILE)
    return fitted.model


def _prompts(store: Store, data: RunData) -> list[str]:
    """The distinct prompts of the training votes, in order, without those that a blind test has asked about."""
    judged = blind_tests(store).prompts
    return [prompt for prompt in dict.fromkeys(voted.pair.left.prompt for voted in data.train) if prompt not in judged]


@dataclass(frozen=True)
class _Artist:
    """What every generated image shares."""

    config: TrainConfig
    run: RunFolder
    store: Store
    model: DiffusionModel
    reporter: Reporter
    start: tuple[Lora, AdapterUse] | None

    def draw(self, prompts: Sequence[str], wanted: int) -> list[Drawn]:
        """Both images of each pair, one pair after the other; as many whole pairs as were wanted or time allowed."""
        there = {one.key: one for one in self.store.labelled.drawn(self.run.id)}
        minutes = self.config.labels.label_minutes
        end = math.inf if minutes is None else time.monotonic() + 60 * minutes
        found: list[Drawn] = []
        self.reporter.total = wanted
        for place, recipes in enumerate(islice(self._recipes(prompts), wanted)):
            known = [there.get(recipe.key()) for recipe in recipes]
            kept = [one for one in known if one is not None and self._is_intact(one)]
            if len(kept) < len(recipes):
                if time.monotonic() > end:
                    break
                self.reporter.say(place, f"Generating pair {place + 1} of {wanted} to learn more from your votes…")
                kept = self._draw(recipes)
            found += kept
        return found

    def _recipes(self, prompts: Sequence[str]) -> Iterator[list[Recipe]]:
        """Pair after pair, prompts in turn, at seeds that no blind test has."""
        taken = {image.recipe.seed for image in blind_tests(self.store).images if image.recipe}
        for place, prompt in enumerate(cycle(prompts)):
            g = generator(self.config.schedule.seed, "multiply", place)
            drawn = torch.randint(*_SEEDS, (2 + len(taken),), generator=g).tolist()
            free = [seed for seed in dict.fromkeys(drawn) if seed not in taken][:2]
            yield [
                build_recipe(
                    self.model,
                    self.config.sampling,
                    prompt=prompt,
                    negative=self.config.data.negative or "",
                    seed=seed,
                    batch=2,
                    adapters=(self.start[1],) if self.start else (),
                )
                for seed in free
            ]

    def _draw(self, recipes: list[Recipe]) -> list[Drawn]:
        images = sample(
            self.model, recipes, lora=self.start[0] if self.start else None, on_step=stoppable(self.reporter)
        )
        kept: list[Drawn] = []
        for recipe, image in zip(recipes, images, strict=True):
            path = self.run.path / drawn_name(recipe.key())
            write_bytes(path, encode_png(image))
            kept.append(self.store.labelled.add_drawn(self.run.id, recipe, sha256_file(path)))
        return kept

    def _is_intact(self, image: Drawn) -> bool:
        path = self.run.path / image.file
        return path.is_file() and sha256_file(path) == image.image_sha256


def _label(
    how: Labelling, run: RunFolder, store: Store, model: DiffusionModel, taste: TasteModel, drawn: Sequence[Drawn]
) -> list[LabelledPair]:
    """Label the surest of the generated pairs and keep that with the run."""
    vectors = _vectors(run, store, model, drawn)
    both = [(one, other) for one, other in zip(drawn[::2], drawn[1::2], strict=True) if _seen(one, other, vectors)]
    if not both:
        return []
    labels = label_pairs(
        taste,
        taste.facts.layout.require([vectors[one.image_sha256] for one, _ in both]),
        taste.facts.layout.require([vectors[other.image_sha256] for _, other in both]),
        share=how.label_share,
        threshold=how.label_threshold,
        weight=how.label_weight,
    )
    pairs = [LabelledPair(*both[one.row], one.first_wins, one.probability, one.weight) for one in labels]
    store.labelled.label(run.id, pairs)
    return pairs


def _seen(one: Drawn, other: Drawn, vectors: dict[str, Vector]) -> bool:
    return {one.image_sha256, other.image_sha256} <= vectors.keys()


def _vectors(run: RunFolder, store: Store, model: DiffusionModel, drawn: Sequence[Drawn]) -> dict[str, Vector]:
    files = [ImageFile(one.image_sha256, one.prompt, run.path / one.file) for one in drawn]
    return ensure_features(store, model, files)


def _read(run: RunFolder, store: Store, model: DiffusionModel) -> Multiplied:
    """What an earlier call has left; raises `RunError` when it can't be read, or images are gone."""
    try:
        sentence = str(json.loads((run.path / LABELS).read_text(encoding="utf-8"))["sentence"])
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{LABELS} of run {run.id} can't be read ({error}). Start a new run.") from error
    drawn = tuple(store.labelled.drawn(run.id))
    pairs = store.labelled.labelled(run.id)
    gone = [one.file for pair in pairs for one in (pair.first, pair.second) if not (run.path / one.file).is_file()]
    if gone:
        raise RunError(
            f"{len(gone)} of the images that run {run.id} generated to learn from are missing, for example {gone[0]}. "
            "Restore them, or start a new run."
        )
    return Multiplied(
        load_taste(run.path / FILE, model.info.sha256),
        tuple(_example(run, place, pair) for place, pair in enumerate(pairs, start=1)),
        drawn,
        _vectors(run, store, model, drawn),
        sentence,
    )


def _example(run: RunFolder, place: int, pair: LabelledPair) -> Example:
    """Oriented by the label; its number is negative, so that it is never taken for a person's pair."""
    winner, loser = (pair.first, pair.second) if pair.first_wins else (pair.second, pair.first)
    return Example(
        -place,
        winner.prompt,
        _candidate(winner),
        _candidate(loser),
        pair.weight,
        (run.path / winner.file, run.path / loser.file),
    )


def _candidate(image: Drawn) -> Candidate:
    recipe = image.recipe
    return Candidate(
        id=0,
        key=image.key,
        prompt=image.prompt,
        negative=recipe.negative,
        image_sha256=image.image_sha256,
        width_px=recipe.width_px,
        height_px=recipe.height_px,
        recipe=recipe,
        created_at=datetime.now(UTC),
    )


def _sentence(taste: TasteModel, drawn: int, labelled: int) -> str:
    """For the person, at the run's start."""
    if not taste.knows_taste:
        return f"{taste.facts.sentence} So this run learns from your votes only."
    if not drawn:
        return f"{taste.facts.sentence} No extra pairs were generated."
    return f"{taste.facts.sentence} Of {drawn} extra pairs, it labelled the {labelled} it was surest about."
