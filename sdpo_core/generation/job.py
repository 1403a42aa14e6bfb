"""The job `generate`: images for prompts, paired up to be voted on; and more of them while the person votes."""

import itertools
import math
import secrets
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sdpo_core.adapters.attach import LoadedAdapter, attach_adapter, find_adapter_file
from sdpo_core.checkpoints.hashing import sha256_file
from sdpo_core.errors import AdapterError, ConfigError, ModelError, SdpoError
from sdpo_core.generation.ahead import POLL_S, SEED_COUNT, Wanted, asked_seed, pair_count, training_waits
from sdpo_core.generation.sample import Stopped, build_recipe, ensure_candidates
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.registry import load_configured
from sdpo_core.prompts.weights import parse_prompt, prompt_note
from sdpo_core.prompts.wildcards import Wordings
from sdpo_core.runs.folder import RunFolder
from sdpo_core.runs.reporter import Reporter
from sdpo_core.settings.base import flat
from sdpo_core.settings.generate import GenerateConfig, NewPairs
from sdpo_core.settings.sampling import AdapterSampling
from sdpo_core.taste.chooser import Chooser
from sdpo_core.taste.described import ensure_features, files_of
from sdpo_core.taste.layout import FEATURES
from sdpo_core.workspace.records import AdapterUse, Candidate, ChosenBy, Recipe
from sdpo_core.workspace.store import Store

_BATCH = 2  # images sampled together: a pair
_LOOK_AGAIN_S = 30.0  # between two looks for images without features, once there were none
_ONE_ADAPTER = "Only one adapter works at a time: several <lora:…> tags, or one plus a chosen adapter, have no effect."
# What a warm job holds in memory; a request that wants another one needs a job of its own.
_FIXED_WHILE_WARM = ("model", "device", "precision", "threads", "keep_warm_s")


def run_generate(config: GenerateConfig, run: RunFolder, workspace: Path, reporter: Reporter) -> None:
    """The job `generate`: images for every prompt into the store, neighbours as pairs; then serve requests while warm.

    A stop keeps every finished image and ends in state stopped. Errors are `SdpoError`s; the caller reports them.
    """
    started = time.time()
    reporter.say(0, "Loading the model…", force=True)
    with Store(workspace) as store:
        model = load_configured(config.runtime)
        job = _Job(config, started, run, store, reporter, model, Chooser(store, model.info.sha256))
        try:
            stays = job.keep_ahead(config) if config.ahead.keep_ahead else job.make(config)
            if config.ahead.keep_warm_s and stays:
                job.serve()
        except Stopped:
            reporter.say(job.step, f"Stopped; {pair_count(job.made)} kept.", state="stopped", force=True)
            run.answer("stop")
        else:
            reporter.say(job.step, f"Made {pair_count(job.made)}. {job.note}".strip(), state="done", force=True)


@dataclass
class _Job:
    """The state of one `generate` job."""

    begun: GenerateConfig  # what it was started with; a request may ask for something else
    started: float  # seconds since the epoch: a training run queued since then is waited for
    run: RunFolder
    store: Store
    reporter: Reporter
    model: DiffusionModel
    chooser: Chooser
    step: int = 0  # sampler steps so far, a batch counting once
    made: list[int] = field(default_factory=list)  # ids of the pairs, in the order of making
    note: str = ""  # what the person should know: notation without effect, an adapter of another base
    adapter: LoadedAdapter | None = None
    undescribable: set[int] = field(default_factory=set[int])  # ids of images that can't be read
    blind: str = ""  # why this model can't describe images
    looks_again: float = 0.0  # when to look for images without features, monotonic seconds

    def make(self, config: GenerateConfig) -> bool:
        """All images and pairs that `config` asks for; each pair is in the store as soon as it has both images.

        Raises `Stopped` between two sampler steps. Returns True: the job may stay for more.
        """
        prompts = Wordings(asked_seed(config.pairs.seed))
        worded = [prompts.next(prompt) for prompt in config.pairs.prompts]
        self.reporter.total = self.step + len(worded) * self._steps(config.pairs, config.sampling.sampling_steps)
        notes = [prompt_note([*worded, config.pairs.negative], tags_act=True)]
        for i, prompt in enumerate(worded):
            self._make_one(config, prompt, i, notes)
        return True

    def keep_ahead(self, config: GenerateConfig) -> bool:
        """Generate pair after pair while fewer than `keep_ahead` wait for a vote; returns whether the job may stay.

        It ends as `Wanted.wait` says: when it is over (False), or when a request came (True).
        """
        prompts, notes = Wordings(asked_seed(config.pairs.seed)), list[str]()
        wanted = Wanted(config.ahead, self.run, self.store, self.reporter, self.started)
        for i, listed in enumerate(itertools.cycle(config.pairs.prompts)):
            if (more := wanted.wait(self.step, self.note, self.describe_waiting)) is not None:
                return more
            prompt = prompts.next(listed)
            notes[:1] = [prompt_note([prompt, config.pairs.negative], tags_act=True)]
            steps = self._steps(config.pairs, config.sampling.sampling_steps)
            self.reporter.total = self.step + max(1, wanted.missing) * steps
            self._make_one(config, prompt, i, notes)
        raise AssertionError("the prompts are never at their end")

    def _make_one(self, config: GenerateConfig, prompt: str, index: int, notes: list[str]) -> None:
        """The images and pairs of the `index`-th prompt; what a person should know is added to `notes`."""
        pairs, sampling = config.pairs, config.sampling
        notes.append(self._prepare(pairs, sampling, prompt))
        self.note = " ".join(note for note in dict.fromkeys([*notes, self.blind]) if note)
        drawn: list[Candidate] = []
        for recipes in self._batches(pairs, sampling, prompt, index):
            batch = self._draw(recipes, f"Generating “{prompt}”. {self.note}".strip())
            if pairs.pairing == "neighbours":
                for one, other in itertools.pairwise([*drawn[-1:], *batch]):
                    self._offer(one, other)
            self._describe(batch)
            drawn += batch
        if pairs.pairing == "telling":
            asked = self.chooser.choose(drawn)
            self._offer(drawn[asked.first], drawn[asked.second], asked.chosen_by)

    def _offer(self, one: Candidate, other: Candidate, chosen_by: ChosenBy = "chance") -> None:
        """Two images to choose between."""
        self.made.append(self.store.pairs.add(one.id, other.id, run_id=self.run.id, chosen_by=chosen_by).id)

    def _count(self, pairs: NewPairs) -> int:
        """Images of the next prompt: two where there is nothing yet to choose a pair by."""
        chooses = pairs.pairing == "telling" and not self.blind and self.chooser.taste.knows_taste
        return pairs.candidates_per_prompt if chooses or pairs.pairing == "neighbours" else _BATCH

    def _steps(self, pairs: NewPairs, sampling_steps: int) -> int:
        """Sampler steps that one listed prompt takes."""
        return math.ceil(self._count(pairs) / _BATCH) * sampling_steps

    def serve(self) -> None:
        """Answer requests in `control/` until none came for `keep_warm_s`, or a training run wants the memory."""
        idle_since, warm_s = time.monotonic(), self.begun.ahead.keep_warm_s
        self.reporter.say(self.step, "Ready for more.", force=True)
        while time.monotonic() - idle_since < warm_s and not training_waits(self.run, self.started):
            if self.reporter.stop_requested():
                raise Stopped
            request = next(self.run.requests(), None)
            if request is None:
                if not self.describe_waiting():
                    time.sleep(POLL_S)
                continue
            if not self._answer(*request):
                return
            self.reporter.say(self.step, "Ready for more.", force=True)
            idle_since = time.monotonic()

    def describe_waiting(self) -> bool:
        """Describe a few images that no job with this model has checked (imported ones, say).

        For moments in which nothing is asked. Returns whether there were any.
        """
        if self.blind or time.monotonic() < self.looks_again:
            return False
        base = self.model.info.sha256
        some = self.store.features.undescribed(base, FEATURES, _BATCH, self.undescribable)
        if not some:
            self.looks_again = time.monotonic() + _LOOK_AGAIN_S
        self._describe(some)
        return bool(some)

    def _describe(self, candidates: list[Candidate]) -> None:
        """Keep what the taste model has to know of these images, which a model that can't tell never stops."""
        if not candidates or self.blind:
            return
        try:
            known = ensure_features(self.store, self.model, files_of(self.store, candidates))
        except ModelError as error:
            self.blind = f"The taste model can't use these images: {error}"
            self.note = f"{self.note} {self.blind}".strip()
        else:
            self.undescribable |= {one.id for one in candidates if one.image_sha256 not in known}

    def _answer(self, name: str, content: dict[str, Any]) -> bool:
        """Do what a request asks for; returns whether the job may stay for more."""
        first = len(self.made)
        try:
            asked = _requested(self.begun, content)
            if asked.ahead.keep_ahead:  # has no end to wait for
                self.run.answer_request(name, {"pairs": []})
                return self.keep_ahead(asked)
            self.make(asked)
        except Stopped:
            self.run.answer_request(name, {"pairs": self.made[first:]})
            raise
        except SdpoError as error:  # the person reads it where they asked; the job continues serving
            self.run.answer_request(name, {"error": str(error)})
        else:
            self.run.answer_request(name, {"pairs": self.made[first:]})
        return True

    def _draw(self, recipes: list[Recipe], message: str) -> list[Candidate]:
        def tick(steps: int = 1) -> None:
            self.step += steps
            if self.reporter.stop_requested():
                raise Stopped
            self.reporter.say(self.step, message)

        tick(0)
        end = self.step + recipes[0].steps
        lora = self.adapter.lora if self.adapter else None
        drawn = ensure_candidates(self.store, self.model, recipes, lora=lora, on_step=tick)
        if self.step < end:  # the images were in the store already, which says nothing about the pace
            self.step = end
            self.reporter.begin_at(end)
        return drawn

    def _batches(self, pairs: NewPairs, sampling: AdapterSampling, prompt: str, index: int) -> list[list[Recipe]]:
        """The recipes of the `index`-th prompt's images, in batches of two."""
        count = self._count(pairs)
        sizes = [min(_BATCH, count - start) for start in range(0, count, _BATCH)]
        adapters = (self.adapter.use,) if self.adapter else ()
        sampling = self.adapter.with_trained_defaults(sampling) if self.adapter else sampling
        seeds = iter(_seeds(pairs.seed, index * pairs.candidates_per_prompt, count))
        return [
            [
                build_recipe(
                    self.model,
                    sampling,
                    prompt=prompt,
                    negative=pairs.negative,
                    seed=next(seeds),
                    batch=size,
                    adapters=adapters,
                )
                for _ in range(size)
            ]
            for size in sizes
        ]

    def _prepare(self, pairs: NewPairs, sampling: AdapterSampling, prompt: str) -> str:
        """Have exactly the adapter on the model that the settings name, or else the prompt's one <lora:…> tag.

        Returns what the person should know. The settings' adapter has to fit; a tag that was pasted in need not.
        """
        tags = parse_prompt(prompt).loras
        if pairs.adapter or len(tags) != 1:
            path = find_adapter_file(self.store, pairs.adapter) if pairs.adapter else None
            self._attach(path, pairs.strength, sampling)
            return " ".join(filter(None, (self.adapter.note if self.adapter else "", _ONE_ADAPTER if tags else "")))
        (tag,) = tags
        try:
            self._attach(find_adapter_file(self.store, tag.name), tag.strength, sampling)
        except AdapterError as error:
            self._attach(None, 0.0, sampling)
            return f"<lora:{tag.name}> has no effect: {error}"
        return self.adapter.note if self.adapter else ""

    def _attach(self, path: Path | None, strength: float, sampling: AdapterSampling) -> None:
        """Have the adapter in `path`, or none, on the model; one that is there already is kept."""
        branch, unconditional = sampling.adapter_branch, sampling.unconditional_strength
        if path and self.adapter and self.adapter.use.sha256 == sha256_file(path):
            use = AdapterUse.at(self.adapter.use.sha256, strength, branch, unconditional)
            self.adapter = replace(self.adapter, use=use)
            return
        if self.adapter:
            self.adapter.lora.remove()
            self.adapter = None
        if path:
            self.adapter = attach_adapter(
                self.model, path, strength=strength, branch=branch, unconditional=unconditional
            )


def _requested(config: GenerateConfig, content: dict[str, Any]) -> GenerateConfig:
    """The warm job's settings with a request's own; prompts and seed are never inherited."""
    held, content = config.flat(), flat(GenerateConfig, content)
    for name in _FIXED_WHILE_WARM:
        if content.get(name, held[name]) != held[name]:
            raise ConfigError(f"This job was started with {name} = {held[name]!r}. Stop it to use {content[name]!r}.")
    asked = GenerateConfig.parse({**held, "prompts": (), "seed": None, **content})
    if not asked.pairs.prompts:
        raise ConfigError("Nothing to generate: the request has no prompts. Give at least one prompt.")
    return asked


def _seeds(seed: int | None, first: int, count: int) -> list[int]:
    if seed is None:
        return [secrets.randbelow(SEED_COUNT) for _ in range(count)]
    return [(seed + first + i) % SEED_COUNT for i in range(count)]
