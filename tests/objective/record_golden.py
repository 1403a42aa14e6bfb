"""Record what the official code computes, for test_golden.py: `python tests/objective/record_golden.py TRAIN_PY`.

TRAIN_PY is `train.py` of a checkout of AIDC-AI/Diffusion-SDPO. Its λ and its loss branches are cut out of the file and
run as they are, in float64, on inputs that test_golden.py draws again; only their results are written.
"""

import ast
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

GOLDEN = Path(__file__).with_name("golden.json")
SHAPE = (2, 2, 3, 4)  # (B, C, H, W)
CASES: dict[str, dict[str, Any]] = {
    "diffusion-dpo sd15": {"train_method": "diffusion-dpo", "sdxl": False, "beta_dpo": 5000.0, "mu": 0.9},
    "diffusion-dpo sdxl": {"train_method": "diffusion-dpo", "sdxl": True, "beta_dpo": 5000.0, "mu": 0.6},
    "diffusion-dpo mu 0": {"train_method": "diffusion-dpo", "sdxl": False, "beta_dpo": 500.0, "mu": 0.0},
    "diffusion-dpo free": {"train_method": "diffusion-dpo", "sdxl": False, "beta_dpo": 5000.0, "mu": None},
    "dmpo sd15": {"train_method": "dmpo", "sdxl": False, "beta_dpo": 2000.0, "mu": 0.9, "dmpo_alpha": 0.01},
    "dmpo sdxl": {"train_method": "dmpo", "sdxl": True, "beta_dpo": 6000.0, "mu": 0.6, "dmpo_alpha": 0.01},
    "dspo sd15": {"train_method": "dspo", "sdxl": False, "beta_dpo": 0.001, "mu": 0.2},
    "dspo larger beta": {"train_method": "dspo", "sdxl": False, "beta_dpo": 50.0, "mu": 0.2},
    "dspo sdxl": {"train_method": "dspo", "sdxl": True, "beta_dpo": 5000.0, "mu": 0.6},
}


def inputs(case: str, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Prediction, reference and target, (2B, C, H, W) float64, winners first.

    As in practice the residuals of a pair are alike, and the policy is so close to its reference that u is of order 1.
    """
    g = torch.Generator().manual_seed(1000 * seed + list(CASES).index(case))

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g, dtype=torch.float64)

    batch = SHAPE[0]
    target = normal(*SHAPE).repeat(2, 1, 1, 1)  # shared noise
    residual = 0.3 * normal(*SHAPE).repeat(2, 1, 1, 1) + 0.2 * normal(2 * batch, *SHAPE[1:])
    residual[batch:] *= 1.6  # losers fit worse, so that λ < 1 also at small μ
    reference = target + residual
    return reference + 0.006 * normal(2 * batch, *SHAPE[1:]), reference, target


def record(train_py: Path) -> dict[str, Any]:
    """λ, loss and gradient of every case, three draws each."""
    tree = ast.parse(train_py.read_text(encoding="utf-8"))
    scale = next(
        node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "get_adaptive_lose_l_scale"
    )
    branches = next(
        node.orelse
        for node in ast.walk(tree)
        if isinstance(node, ast.If)
        and ast.unparse(node.test) == "args.train_method == 'sft'"
        and "model_losses" in ast.unparse(node)
    )
    return {
        case: [run(scale, branches, settings, *inputs(case, seed)) for seed in range(3)]
        for case, settings in CASES.items()
    }


def run(
    scale: ast.FunctionDef,
    branches: list[ast.stmt],
    settings: dict[str, Any],
    prediction: Tensor,
    reference: Tensor,
    target: Tensor,
) -> dict[str, Any]:
    """One forward and backward of the official lines."""
    prediction = prediction.requires_grad_()
    names: dict[str, Any] = {
        "torch": torch,
        "F": F,
        "args": SimpleNamespace(
            use_winner_preserving=settings["mu"] is not None, winner_preserving_mu=settings["mu"], **settings
        ),
        "model_pred": prediction,
        "target": target,
        "ref_unet": lambda *_, **__: SimpleNamespace(sample=reference),
        "model_batch_args": (),
        "added_cond_kwargs": None,
    }
    exec(compile(ast.Module([scale, *branches], []), "train.py", "exec"), names)
    names["loss"].backward()
    assert prediction.grad is not None
    return {
        "lambda": float(names["lose_l_scale"]),
        "loss": float(names["loss"].detach()),
        "gradient": prediction.grad.flatten().tolist(),
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(record(Path(sys.argv[1]))), encoding="utf-8")
