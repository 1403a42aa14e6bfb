"""A workbench on a tiny real model, for tests of whole cells."""

from collections.abc import Iterator

import pytest

from bench.journey import How, Workbench
from bench.questions import PairPlan, Questions
from tests.tiny_model import build_tiny_pipeline

QUESTIONS = Questions(("hills", "the sea"), ((11, 12), (13, 14)))
FRESH = PairPlan(("a forest", "a lake", "dunes"), 900)


@pytest.fixture(scope="module")
def how(tmp_path_factory: pytest.TempPathFactory) -> How:
    folder = build_tiny_pipeline(tmp_path_factory.mktemp("model") / "tiny")
    return How.of(model=str(folder), device="cpu", sampling_steps=2)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, how: How) -> Iterator[Workbench]:
    """Draws and trains once for all that ask."""
    cache = tmp_path_factory.mktemp("bench") / "cache"
    with Workbench(QUESTIONS, FRESH, draws_per_pair=2, how=how, cache=cache) as bench:
        yield bench
