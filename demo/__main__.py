"""`python -m demo`: draws the data, trains autoencoder, denoiser and judge, exports, measures, writes the card."""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from demo.attributes import Judge
from demo.card import card
from demo.data import draw_data
from demo.export import load
from demo.measure import measure, save_grid, write_json
from demo.recipe import RECIPES
from demo.stages import (
    Job,
    Workers,
    encode,
    export_final,
    gather,
    launch,
    normalise,
    take_over,
    train_decoder,
    train_judge,
    train_unet,
    train_vae,
)

TRAININGS: tuple[tuple[str, Callable[[Job, Workers], None]], ...] = (
    ("vae.json", train_vae),
    ("latents-0.safetensors", encode),
    ("denoiser.json", train_unet),
    ("decoder.json", train_decoder),
    ("judge.json", train_judge),
)


def train(job: Job) -> None:
    """Runs every stage whose result isn't in the work folder yet."""
    draw_data(job.work / "data", job.recipe.scenes + job.recipe.held_out, job.recipe.seed, job.processes)
    for result, stage in TRAININGS:
        if not (job.work / result).exists():
            launch(stage, job)
        if stage is encode and not (job.work / "latents.safetensors").exists():
            (gather if (job.work / "earlier.json").exists() else normalise)(job)


def describe(job: Job) -> None:
    """Measures the exported pipeline and writes metrics.json, the sample grid and the card next to it."""
    pipeline = load(job.out).to(job.device)
    facts = {"recipe": job.recipe.name, "device": job.device, "processes": job.processes, "scenes": job.recipe.scenes}
    for part in ("vae", "denoiser", "decoder", "judge"):
        facts[part] = json.loads((job.work / f"{part}.json").read_text(encoding="utf-8"))
    facts |= measure(pipeline, Judge.load(job.work / "judge.safetensors"), job.recipe)
    shutil.copyfile(job.work / "judge.safetensors", job.out / "judge.safetensors")
    save_grid(pipeline, job.recipe.sampling_steps, job.out / "samples.png")
    write_json(job.out / "metrics.json", facts)
    (job.out / "README.md").write_text(card(facts), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path("assets/demo"), help="the pipeline folder, replaced as a whole"
    )
    parser.add_argument("--work", type=Path, help="keeps data and training state here, and continues from them")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu", choices=("cpu", "cuda"))
    parser.add_argument("--further", action="store_true", help="trains the denoiser of the pipeline in --out further")
    parser.add_argument("--quick", action="store_true", help="a recipe that takes seconds and only shows that it runs")
    options = parser.parse_args()
    recipe = RECIPES["quick" if options.quick else options.device]
    with TemporaryDirectory() as temporary:
        job = Job(recipe, options.work or Path(temporary), options.out, options.device)
        job.work.mkdir(parents=True, exist_ok=True)
        if options.further and not (job.work / "earlier.json").exists():
            take_over(job)
        train(job)
        export_final(job)
        describe(job)


if __name__ == "__main__":
    main()
