"""How the studio answers a message of the page: plain JSON, with a sentence for what could not be done."""

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from app.ui import text
from sdpo_core.errors import SdpoError

Reply = dict[str, Any]


def answered(act: Callable[[], Reply]) -> Reply:
    """What `act` gives, as done; or why not. A message that no page of ours sends fails `act`'s own validation."""
    try:
        return {"ok": True, **act()}
    except ValidationError:
        return {"ok": False, "error": text.UNEXPECTED_MESSAGE}
    except SdpoError as error:
        return {"ok": False, "error": str(error)}
