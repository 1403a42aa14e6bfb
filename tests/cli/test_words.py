"""What the command line says about itself."""

import re
from pathlib import Path

import pytest

from sdpo_core.cli.jobs import configured_device
from sdpo_core.cli.main import _parser, main
from sdpo_core.cli.output import DONE, FAILED, STOPPED, WRONG_USAGE
from sdpo_core.exchange.importers import IMAGES, LAYOUTS
from sdpo_core.runs.folder import RunFolder, Verb
from sdpo_core.settings.base import leaves
from sdpo_core.settings.jobs import JOBS
from sdpo_core.settings.presets import preset_names
from tests.cli.helpers import process


def test_the_device_counts_wherever_it_is_set(tmp_path: Path) -> None:
    """Several processes have to join on it before any of them reads the settings."""
    file = tmp_path / "mine.toml"
    file.write_text('device = "cpu"', encoding="utf-8")
    run = RunFolder.create(tmp_path, "train", {"device": "mps"})
    for flags, device in ((["--config", str(file)], "cpu"), (["--run", str(run.path)], "mps"), ([], "auto")):
        assert configured_device(vars(_parser().parse_args(["train", *flags]))) == device


def test_help_teaches_every_setting() -> None:
    out = process("train", "--help")
    assert "--drift-budget" in out
    assert "held-out winner error" in " ".join(out.split())
    assert "safeguard: how the loser is kept" in out
    for name in preset_names():
        assert f"{name} " in out
    assert re.search(r"sdxl +beta 2000.0, rank 16, .*learning_rate 5e-05", out)
    assert "130  stopped early" in out


def test_the_page_about_the_command_line_names_every_verb_and_exit_code(repository: Path) -> None:
    page = (repository / "docs" / "cli.md").read_text(encoding="utf-8")
    listed = re.findall(r"^    ([a-z]+)  ", process("--help"), re.MULTILINE)
    assert {
        "download",
        "generate",
        "models",
        "import",
        "measure",
        "vote",
        "train",
        "judge",
        "grid",
        "export",
        "adapter",
        "runs",
        "doctor",
    } == set(listed)
    for verb in listed:
        assert re.search(rf"^    {verb}\b|`{verb}\b", page, re.MULTILINE), verb
    for code in (DONE, FAILED, WRONG_USAGE, STOPPED):
        assert f"| {code} | " in page
    for name in (*LAYOUTS, IMAGES):
        assert f"| `{name}` | " in page


@pytest.mark.parametrize("job", [job for job in JOBS if job not in ("download", "import")])  # these take a name
def test_every_setting_has_a_flag(job: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([job, "--help"])
    out = capsys.readouterr().out
    for name in leaves(JOBS[job]):
        assert f"  --{name.replace('_', '-')} " in out
