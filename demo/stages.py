"""The stages of a recipe. Each writes a file in the work folder and is skipped if that file exists."""

import json
import os
import shutil
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from diffusers import AutoencoderKL
from safetensors.torch import load_file, save_file
from torch import Tensor, multiprocessing, nn

from demo.attributes import ATTRIBUTES, UNDEFINED, Judge, JudgeObjective, labels_of, soften
from demo.data import CAPTIONS_PER_SCENE, Drawn, draw_data, scene_of
from demo.export import export, load
from demo.measure import write_json
from demo.recipe import Recipe
from demo.scenes import SIZE_PX
from demo.tokenizer import build_tokenizer
from demo.training import Trainer, Workers
from demo.unet import DenoisingObjective, build_text_encoder, build_unet, spread_timesteps
from demo.vae import (
    CHANNELS,
    SCALE_PX,
    DecoderObjective,
    VaeObjective,
    as_images,
    build_vae,
    encode_all,
    normalise_latents,
    psnr_db,
)

LOG_EVERY_STEPS = 50
HELD_OUT_DRAWS = 8
CROP_PX = 64  # the autoencoder learns on crops: it only sees details, and crops are faster
_EARLIER = "earlier.json"  # how long the parts of a pipeline that is trained further took before
CAPTION_DROPOUT = 0.1  # teaches the empty prompt, which guidance needs

Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class Job:
    """A recipe in progress: what to do, where and on what."""

    recipe: Recipe
    work: Path
    out: Path
    device: str

    @property
    def processes(self) -> int:
        return self.recipe.processes if self.device == "cpu" else 1


def _enter(rank: int, stage: Callable[[Job, Workers], None], job: Job, rendezvous: str) -> None:
    """One training process: a single thread, because two in one process wait for each other on a busy machine."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{rendezvous}", timedelta(hours=1), job.processes, rank)
    stage(job, Workers(rank, job.processes))
    dist.destroy_process_group()


def launch(stage: Callable[[Job, Workers], None], job: Job) -> None:
    """Runs a training stage in as many processes as the job has."""
    if job.processes == 1:
        stage(job, Workers(0, 1))
        return
    rendezvous = job.work / f"rendezvous-{os.getpid()}-{stage.__name__}"
    multiprocessing.spawn(_enter, (stage, job, str(rendezvous)), nprocs=job.processes)
    rendezvous.unlink(missing_ok=True)


def train_vae(job: Job, workers: Workers) -> None:
    """Drawn pictures -> vae.safetensors, vae.json."""
    device, held_out = torch.device(job.device), job.recipe.held_out
    torch.manual_seed(job.recipe.seed)
    drawn = _drawn(job)
    pixels = torch.from_numpy(drawn.pixels)
    vae = build_vae().to(device)

    def draw(generator: torch.Generator, batch: int) -> Inputs:
        picked = torch.randint(job.recipe.scenes, (batch,), generator=generator)
        down, right = (int(torch.randint(SIZE_PX - CROP_PX + 1, (), generator=generator)) for _ in range(2))
        images = as_images(pixels[picked, down : down + CROP_PX, right : right + CROP_PX])
        if torch.rand((), generator=generator) < 0.5:
            images = images.flip(-1)
        noise = torch.randn((batch, CHANNELS, CROP_PX // SCALE_PX, CROP_PX // SCALE_PX), generator=generator)
        return images.to(device), noise.to(device)

    trainer = Trainer(VaeObjective(vae), draw, job.recipe.vae, workers, job.recipe.seed + 1, device)
    _run(trainer, job, "vae")
    if workers.rank != 0:
        return
    with trainer.averaged():
        quality_db = psnr_db(vae, pixels[-held_out:])
        save(vae, job.work / "vae.safetensors")
    _note(job, "vae", trainer, psnr_db=quality_db)


def train_decoder(job: Job, workers: Workers) -> None:
    """Fixed unit latents -> decoder.json and vae-final.safetensors, whose decoder is sharper than that of vae-unit."""
    device, held_out = torch.device(job.device), job.recipe.held_out
    pixels = torch.from_numpy(_drawn(job).pixels)
    latents = load_file(job.work / "latents.safetensors")["latents"]
    vae = _load_vae(job, "vae-unit").to(device)

    def draw(generator: torch.Generator, batch: int) -> Inputs:
        picked = torch.randint(job.recipe.encoded, (batch,), generator=generator)
        return latents[picked].to(device), as_images(pixels[picked]).to(device)

    seed = job.recipe.seed + 6 + _so_far(job, "decoder")["images"]  # further training sees different pictures
    trainer = Trainer(DecoderObjective(vae), draw, job.recipe.decoder, workers, seed, device)
    _run(trainer, job, "decoder")
    if workers.rank != 0:
        return
    with trainer.averaged():
        quality_db = psnr_db(vae, pixels[-held_out:])
        save(vae, job.work / "vae-final.safetensors")
    _note(job, "decoder", trainer, psnr_db=quality_db)


def encode(job: Job, workers: Workers) -> None:
    """Each process encodes its share of the pictures with the trained VAE -> latents-<rank>.safetensors."""
    device, held_out = torch.device(job.device), job.recipe.held_out
    pixels = torch.from_numpy(_drawn(job).pixels)
    wanted = torch.cat([torch.arange(job.recipe.encoded), torch.arange(len(pixels) - held_out, len(pixels))])
    share = wanted.tensor_split(workers.size)[workers.rank]
    vae = _load_vae(job, "vae").to(device)
    save_file({"latents": encode_all(vae, pixels[share])}, job.work / f"latents-{workers.rank}.safetensors")


def gather(job: Job) -> None:
    """Latents that already have unit variance -> latents.safetensors."""
    save_file({"latents": _encoded(job)}, job.work / "latents.safetensors")


def normalise(job: Job) -> None:
    """Brings the latents to unit variance -> latents.safetensors, and the VAE with them -> vae-unit.safetensors."""
    vae = _load_vae(job, "vae")
    save_file({"latents": normalise_latents(vae, _encoded(job))}, job.work / "latents.safetensors")
    save(vae, job.work / "vae-unit.safetensors")


def take_over(job: Job) -> None:
    """An exported pipeline instead of the stages that it completes: denoiser and decoder continue, on its own latents.

    So a model that is trained in several sessions only needs the exported files. Its encoder, and its judge if it has
    one, stay as they are; optimisers start again, which the warm-up is for.
    """
    pipeline = load(job.out)
    facts = json.loads((job.out / "metrics.json").read_text(encoding="utf-8"))
    for name in ("vae", "vae-unit"):
        save(pipeline.vae, job.work / f"{name}.safetensors")
    save(DenoisingObjective(pipeline.unet, pipeline.text_encoder), job.work / "earlier.safetensors")
    if "judge" in facts:
        shutil.copyfile(job.out / "judge.safetensors", job.work / "judge.safetensors")
    for part in {"vae", "judge"} & facts.keys():
        write_json(job.work / f"{part}.json", facts[part])
    write_json(job.work / _EARLIER, {part: facts[part] for part in ("denoiser", "decoder") if part in facts})


def train_unet(job: Job, workers: Workers) -> None:
    """Unit latents and captions -> denoiser.safetensors (UNet and text encoder), denoiser.json; exports on the way."""
    device, held_out = torch.device(job.device), job.recipe.held_out
    torch.manual_seed(job.recipe.seed + 2)
    tokenizer = build_tokenizer()
    latents = load_file(job.work / "latents.safetensors")["latents"]  # (N, 4, 24, 24), the held-out ones last
    captions = _drawn(job).captions
    captions = captions[: job.recipe.encoded] + captions[-held_out:]
    texts = [text for scene in captions for text in scene]
    ids = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    ids = ids.view(len(captions), CAPTIONS_PER_SCENE, -1)  # (N, 4, 24)
    empty = tokenizer("", padding="max_length", return_tensors="pt").input_ids[0]
    model = DenoisingObjective(build_unet(), build_text_encoder(tokenizer))
    earlier = _so_far(job, "denoiser")
    if earlier["images"]:
        model.load_state_dict(load_file(job.work / "earlier.safetensors"))
    model.to(device)

    def draw(generator: torch.Generator, batch: int, first: int = 0, stop: int = job.recipe.encoded) -> Inputs:
        picked = torch.randint(first, stop, (batch,), generator=generator)
        tokens = ids[picked, torch.randint(CAPTIONS_PER_SCENE, (batch,), generator=generator)]
        tokens[torch.rand(batch, generator=generator) < CAPTION_DROPOUT] = empty
        noise = torch.randn(latents[picked].shape, generator=generator)
        inputs = (latents[picked], tokens, noise, spread_timesteps(batch, generator))
        return tuple(tensor.to(device) for tensor in inputs)

    seed = job.recipe.seed + 3 + earlier["images"]  # further training sees different noise
    trainer = Trainer(model, draw, job.recipe.unet, workers, seed, device)

    def held_out_loss() -> float:
        """On held-out pictures, always with the same noise and timesteps."""
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            inputs = (draw(generator, 64, job.recipe.encoded, len(captions)) for _ in range(HELD_OUT_DRAWS))
            parts = [model.errors(*drawn).mean() for drawn in inputs]
        return float(torch.stack(parts).mean())

    def observe(step: int) -> None:
        every = job.recipe.export_every_steps
        if every and step % every == 0:
            with trainer.averaged():
                print(f"held-out loss {held_out_loss():.4f}", flush=True)
                _export(job, model, "vae-unit")

    _run(trainer, job, "unet", observe)
    if workers.rank != 0:
        return
    with trainer.averaged():
        loss = held_out_loss()
        save(model, job.work / "denoiser.safetensors")
    _note(job, "denoiser", trainer, held_out_loss=loss)


def train_judge(job: Job, workers: Workers) -> None:
    """Drawn pictures and their scenes -> judge.safetensors, judge.json with its accuracy on held-out pictures."""
    device, held_out = torch.device(job.device), job.recipe.held_out
    torch.manual_seed(job.recipe.seed + 4)
    drawn = _drawn(job)
    pixels = torch.from_numpy(drawn.pixels)
    labels = torch.tensor([labels_of(scene_of(job.recipe.seed, i)[0]) for i in range(len(pixels))])
    judge = Judge().to(device)

    def draw(generator: torch.Generator, batch: int) -> Inputs:
        picked = torch.randint(job.recipe.scenes, (batch,), generator=generator)
        return soften(as_images(pixels[picked]), generator).to(device), labels[picked].to(device)

    trainer = Trainer(JudgeObjective(judge), draw, job.recipe.judge, workers, job.recipe.seed + 5, device)
    _run(trainer, job, "judge")
    if workers.rank != 0:
        return
    with trainer.averaged(), torch.no_grad():
        judge.cpu().save(job.work / "judge.safetensors")
        guesses = [logits.argmax(1) for logits in judge(as_images(pixels[-held_out:]))]
    truth = labels[-held_out:]
    accuracy = {
        name: float((guess == truth[:, i])[truth[:, i] != UNDEFINED].float().mean())
        for i, (name, guess) in enumerate(zip(ATTRIBUTES, guesses, strict=True))
    }
    write_json(job.work / "judge.json", accuracy)


def export_final(job: Job) -> None:
    """The denoiser with the sharpened decoder -> the pipeline folder."""
    model = DenoisingObjective(build_unet(), build_text_encoder(build_tokenizer()))
    model.load_state_dict(load_file(job.work / "denoiser.safetensors"))
    _export(job, model, "vae-final")


def _export(job: Job, model: DenoisingObjective, vae: str) -> None:
    unet, text_encoder = deepcopy(model.unet), deepcopy(model.text_encoder)
    export(job.out, _load_vae(job, vae), unet.cpu(), text_encoder.cpu(), build_tokenizer())


def _note(job: Job, name: str, trainer: Trainer, **results: float) -> None:
    """Writes what a training took, over all sessions, and reached to <name>.json: the stage is done."""
    before = _so_far(job, name)
    took = {"images": trainer.phase.images, "seconds": round(trainer.elapsed_s)}
    write_json(job.work / f"{name}.json", {what: n + before[what] for what, n in took.items()} | results)


def _so_far(job: Job, name: str) -> dict[str, int]:
    """Images and seconds that a part was trained for before it was taken over."""
    file = job.work / _EARLIER
    known = json.loads(file.read_text(encoding="utf-8")).get(name, {}) if file.exists() else {}
    return {what: known.get(what, 0) for what in ("images", "seconds")}


def _encoded(job: Job) -> Tensor:
    """The latents that all processes encoded."""
    shares = [load_file(job.work / f"latents-{rank}.safetensors")["latents"] for rank in range(job.processes)]
    return torch.cat(shares)


def _drawn(job: Job) -> Drawn:
    return draw_data(job.work / "data", job.recipe.scenes + job.recipe.held_out, job.recipe.seed, processes=1)


def save(model: nn.Module, file: Path) -> None:
    """The weights in the plain order of their axes, which is how they are read."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, file)


def _load_vae(job: Job, name: str) -> AutoencoderKL:
    vae = build_vae()
    vae.load_state_dict(load_file(job.work / f"{name}.safetensors"))
    return vae


def _run(trainer: Trainer, job: Job, name: str, observe: Callable[[int], None] | None = None) -> None:
    """Trains to the end, from the last saved state if there is one; the first process logs, saves and observes."""
    state_file, log_file = job.work / f"{name}.state.safetensors", job.work / f"{name}.log"
    if state_file.exists():
        trainer.load(state_file)
    for progress in trainer.run():
        if trainer.workers.rank != 0:
            continue
        last = progress.step == progress.steps
        if progress.step % LOG_EVERY_STEPS == 0 or last:
            line = (
                f"{name} {progress.step}/{progress.steps}  images {progress.images}  loss {progress.loss:.4f}"
                f"  lr {progress.lr:.1e}  {progress.images_per_s:.0f} images/s"
            )
            print(line, flush=True)
            with log_file.open("a", encoding="utf-8") as log:
                log.write(line + "\n")
        if progress.step % trainer.phase.save_every_steps == 0 or last:
            trainer.save(state_file)
        if observe is not None:
            observe(progress.step)
