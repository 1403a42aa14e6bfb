"""What a checkout's golden test computes: our losses and gradients on the official code's inputs."""

import json
import shutil
from pathlib import Path

from bench import golden_recorder
from bench.checkout import Checkout, CheckoutFailed
from bench.leaves import Parts


def golden_values(checkout: Checkout, scratch: Path) -> Parts:
    """Every value that the golden test compares, by its case; raises `CheckoutFailed` if the test fails or is missing.

    `golden.json` holds the official code's results and never changes, so it proves nothing; these are our numbers.
    """
    tests = sorted((checkout.folder / "tests").rglob("test_golden.py"))
    if len(tests) != 1:
        raise CheckoutFailed(f"{checkout.folder} has {len(tests)} files tests/**/test_golden.py; expected one.")
    plugin = Path(golden_recorder.__file__)
    alone = scratch / "plugin"  # in a separate folder, so that no other module of ours can be imported
    alone.mkdir()
    shutil.copy(plugin, alone)
    output = scratch / "golden.json"
    words = ("-m", "pytest", "-q", "-p", plugin.stem, "-p", "no:cacheprovider", tests[0])
    checkout.python(*words, PYTHONPATH=str(alone), **{golden_recorder.FILE: str(output)})
    values: Parts = json.loads(output.read_text(encoding="utf-8"))
    if not values:
        raise CheckoutFailed(f"{tests[0]} compares nothing with torch.testing.assert_close, so nothing was recorded.")
    return values
