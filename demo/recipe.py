"""How much of everything: one frozen table per kind of machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """One training: its length, its rate and what it remembers on the way."""

    images: int
    """Training length in images seen, over all processes."""
    batch: int
    """Images per step and process."""
    lr: float
    """The highest learning rate; after `hold` of the steps it falls to zero along a cosine."""
    hold: float
    """Share of the steps before the fall."""
    warmup_steps: int = 200
    weight_decay: float = 1e-2
    ema_decay: float = 0.9995
    compile: bool = False
    """Whether torch.compile is worth its minutes."""
    bfloat16: bool = False
    """Mixed precision: fast on GPUs and on CPUs that have AVX-512 BF16 or AMX, ruinous on others."""
    save_every_steps: int = 250


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the result, up to the machine's arithmetic."""

    name: str
    scenes: int
    """Training pictures, drawn once."""
    held_out: int
    """Pictures beyond those, for validation only."""
    encoded: int
    """How many of them the denoiser trains on."""
    vae: Phase
    unet: Phase
    decoder: Phase
    """The autoencoder's decoder once more, on its finished latents."""
    judge: Phase
    """The attribute classifier that measures prompt following."""
    processes: int
    """Data-parallel training processes, one thread each; on a GPU always one."""
    judged_prompts: int
    """Samples that prompt following is measured on."""
    sampling_steps: int = 20
    timed_steps: tuple[int, ...] = (12, 20)
    """Sampling lengths whose seconds per image are measured."""
    export_every_steps: int = 0
    """Provisional exports while the denoiser trains; 0 for none."""
    seed: int = 0


RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="cpu",
            scenes=24_000,
            held_out=512,
            encoded=24_000,
            vae=Phase(
                images=34_000, batch=4, lr=1.5e-3, hold=0.2, warmup_steps=100, weight_decay=1e-4, ema_decay=0.995
            ),
            unet=Phase(images=384_000, batch=16, lr=1e-3, hold=0.4, ema_decay=0.999),
            decoder=Phase(images=12_000, batch=4, lr=1e-3, hold=0.3, weight_decay=1e-4, ema_decay=0.995),
            judge=Phase(images=40_000, batch=64, lr=2e-3, hold=0.2, warmup_steps=50, ema_decay=0.99),
            processes=2,
            judged_prompts=256,
            export_every_steps=1000,
        ),
        Recipe(
            name="cuda",
            scenes=200_000,
            held_out=512,
            encoded=200_000,
            vae=Phase(
                images=2_000_000,
                batch=128,
                lr=1e-3,
                hold=0.1,
                weight_decay=1e-4,
                ema_decay=0.999,
                compile=True,
                bfloat16=True,
            ),
            unet=Phase(images=8_000_000, batch=512, lr=1e-3, hold=0.4, compile=True, bfloat16=True),
            decoder=Phase(images=500_000, batch=128, lr=5e-4, hold=0.3, weight_decay=1e-4, compile=True, bfloat16=True),
            judge=Phase(images=200_000, batch=256, lr=2e-3, hold=0.2, warmup_steps=50, ema_decay=0.99),
            processes=1,
            judged_prompts=2048,
        ),
        Recipe(
            name="quick",
            scenes=192,
            held_out=64,
            encoded=192,
            vae=Phase(images=192, batch=8, lr=2e-3, hold=0.1, warmup_steps=5, weight_decay=1e-4, ema_decay=0.9),
            unet=Phase(images=192, batch=8, lr=2e-3, hold=0.4, warmup_steps=5, ema_decay=0.9),
            decoder=Phase(images=64, batch=8, lr=1e-3, hold=0.3, warmup_steps=5, ema_decay=0.9),
            judge=Phase(images=768, batch=32, lr=3e-3, hold=0.2, warmup_steps=5, ema_decay=0.9),
            processes=1,
            judged_prompts=16,
            sampling_steps=2,
            timed_steps=(2,),
            export_every_steps=16,
        ),
    )
}
