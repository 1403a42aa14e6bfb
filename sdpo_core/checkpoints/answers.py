"""What a person answered about a model because its file doesn't say it, remembered by the file's hash.

    prediction-types.json in the cache folder: {"<SHA-256 of the checkpoint>": "epsilon" or "v_prediction", …}

It belongs to the machine, not to a workspace: the same file predicts the same thing in all of them. If it is lost, the
question is asked again.
"""

import json
from typing import Any, cast

from sdpo_core.atomic import write_json
from sdpo_core.checkpoints.hashing import cache_folder
from sdpo_core.errors import DiskError
from sdpo_core.families.family import Predicts

_FILE = "prediction-types.json"


def known_prediction_type(sha256: str) -> Predicts | None:
    """The answer for the model with this hash; None when there is none or it can't be read."""
    answer = _answers().get(sha256)
    return answer if answer in ("epsilon", "v_prediction") else None


def remember_prediction_type(sha256: str, prediction_type: Predicts) -> None:
    """Keep the answer; if it can't be written, it has to be given again."""
    if known_prediction_type(sha256) == prediction_type:
        return
    try:
        write_json(cache_folder() / _FILE, {**_answers(), sha256: prediction_type})
    except (DiskError, OSError):
        return


def _answers() -> dict[str, Any]:
    try:
        content: Any = json.loads((cache_folder() / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("dict[str, Any]", content) if isinstance(content, dict) else {}
