"""What the ComfyUI pack has to know of the families, as a file of its own, because it stands alone.

`python -m sdpo_core.families.for_comfyui` writes it; a test holds it up to date.
"""

import json

from sdpo_core.families.table import FAMILIES
from sdpo_core.paths import repository_root

PACK_FILE = repository_root() / "comfy_nodes" / "families.json"


def pack_facts() -> str:
    """The content of `PACK_FILE`."""
    facts = {
        family.name: {
            "title": family.short_title,
            "classes": family.comfyui_classes,
            "kohya": family.kohya_start,
            "narrowest_query": family.narrowest_query,
        }
        for family in FAMILIES.values()
    }
    return json.dumps(facts, indent=2) + "\n"


if __name__ == "__main__":
    PACK_FILE.write_text(pack_facts(), encoding="utf-8")
