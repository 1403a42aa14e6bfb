"""The studio starts in seconds, because it loads no model library, and it asks nobody on the network."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORBIDDEN = ("torch", "diffusers", "peft", "transformers", "accelerate", "matplotlib")


def test_building_the_whole_page_loads_no_model_library(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from app.server.lan import Lan
from app.main import build, launch_options
from app.studio import Studio
studio, lan = Studio(Path({str(tmp_path)!r})), Lan(0)
build(studio, lan)
launch_options(studio, lan)
studio.training.plan({{}})
print(*[name for name in {FORBIDDEN!r} if name in sys.modules])
studio.close()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_importing_the_app_writes_nothing_next_to_the_source() -> None:
    """Gradio writes a .pyi file next to every subclass of a component; we make none."""
    assert not list((ROOT / "app").rglob("*.pyi"))
