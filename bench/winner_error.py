"""The winner error of an adapter file on fresh pairs: the gate of training, measured where no run has looked.

The gate of a run sees some ten pairs and chooses by them; this is the same number (`sdpo_core.training.health`) on many
pairs that were generated and voted on only for this.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from bench.simulated_user import SimulatedUser
from sdpo_core.models.family import DiffusionModel
from sdpo_core.models.lora import Lora
from sdpo_core.training.dataset import EncodedPairs, encode_pairs
from sdpo_core.training.health import MAX_BANK_PAIRS, Bank, _side_error
from sdpo_core.workspace.store import Store

DRAWS_PER_PAIR = 8
_SEED = 20_261_130  # of timesteps and noise; the same for every adapter


def voted_pairs(drawn: Path, model: DiffusionModel, person: SimulatedUser) -> EncodedPairs:
    """The pairs of the workspace `drawn`, which isn't changed, voted on by `person` and encoded."""
    with tempfile.TemporaryDirectory(prefix="sdpo-fresh-") as folder:
        workspace = Path(shutil.copytree(drawn, Path(folder) / "workspace"))
        with Store(workspace) as store:
            person.vote_all(store)
            voted = [v for v in store.pairs.voted(purpose="train") if v.vote.choice in ("left", "right")]
            sizes = [(one.pair.left.width_px, one.pair.left.height_px) for one in voted]
            return encode_pairs(model, store, voted, sizes)


def make_banks(model: DiffusionModel, lora: Lora, pairs: EncodedPairs, draws_per_pair: int) -> list[Bank]:
    """Fixed draws on all of `pairs`, with the base model's errors; several banks, as one holds only so many pairs."""
    count = len(pairs)
    parts = np.array_split(np.arange(count), -(-count // MAX_BANK_PAIRS))
    return [
        Bank.make(model, lora, pairs.subset(part.tolist()), draws_per_pair=draws_per_pair, seed=_SEED + i)
        for i, part in enumerate(parts)
    ]


def pair_errors(model: DiffusionModel, banks: Sequence[Bank]) -> tuple[np.ndarray, np.ndarray]:
    """Errors on each pair's winner, summed over its draws: the base's, and what the network adds now, (N,) each."""
    references: list[np.ndarray] = []
    rises: list[np.ndarray] = []
    for bank in banks:
        reference = bank.reference.winner.double().cpu()
        now = _side_error(model, bank.draws, 0).double().cpu()
        index = bank.pair_index.cpu()
        for found, per_draw in ((references, reference), (rises, now - reference)):
            sums = torch.zeros(int(index.max()) + 1, dtype=torch.float64).index_add_(0, index, per_draw)
            found.append(sums.numpy())
    return np.concatenate(references), np.concatenate(rises)
