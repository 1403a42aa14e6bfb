"""Rounds at equal votes: who is asked what, table and conclusion; (slow) two rounds of a tiny model."""

from pathlib import Path

import pytest

from bench import command, rounds
from bench.cells import Case, Cell, Results, in_groups
from bench.journey import Workbench
from bench.questions import RESERVED_SEED
from bench.rounds import ARMS, Rounds, all_rounds, conclusion, run_rounds
from sdpo_core.workspace.store import Store
from tests.bench.bench_cells import made_cell

TINY = ("--steps", "2", "--rank", "2", "--learning-rate", "1e-2", "--preview-prompts", "0")
GOING_ON = ("--steps", "2", "--learning-rate", "1e-2", "--preview-prompts", "0")  # whose rank is the adapter's


def made(case: Rounds, change: float) -> Cell:
    cell = made_cell(case, change=change)
    shares = case.shares()
    facts = [
        {**cell["training"], "votes": {"left": sum(shares[: i + 1]) - 3, "right": 3}, "train_s": 60.0 + i}
        for i in range(len(shares))
    ]
    return {**cell, "training": facts[-1], "earlier": facts[:-1]}


def people(one: float, two: float) -> list[Cell]:
    """One round and two of four people, each with the same gap."""
    cells = [made(Rounds(taste, seed), one + 0.1 * seed) for taste in ("warm", "busy") for seed in (0, 1)]
    return cells + [
        made(Rounds(taste, seed, rounds=2), two + 0.1 * seed) for taste in ("warm", "busy") for seed in (0, 1)
    ]


def test_all_ways_have_as_many_votes() -> None:
    cases = all_rounds([Case("warm", 0, votes=61)])
    assert [(case.rounds, case.reference) for case in cases] == list(ARMS)
    assert [case.shares() for case in cases] == [[61], [31, 30], [31, 30], [21, 20, 20], [21, 20, 20]]
    assert len({str(case.key("m")) for case in cases}) == len({case.title() for case in cases}) == 5


def test_the_table_has_every_way_and_its_gap_to_one_round() -> None:
    text = rounds.table(people(0.5, 0.3))
    two = ARMS[2, "base"]
    assert "## 60 votes, guidance 3" in text
    assert f"| {two} | **warm** | 0, 1 |" in text
    assert f"| {two} | -0.20 σ (-0.20 – -0.20) | -0.20 σ (-0.20 – -0.20) | -0.20 σ (-0.20 – -0.20) |" in text
    last = next(line for line in text.splitlines() if line.startswith(f"| {two} | warm | 1 |"))
    assert last.endswith("| 30 + 30 | 60 + 61 s |")
    assert text.count("Conclusion: votes do more in one round") == 1


def test_the_conclusion_claims_no_more_than_the_intervals() -> None:
    def said(cells: list[Cell]) -> str:
        return conclusion(in_groups(cells, "rounds", "reference"))

    assert said(people(0.3, 0.5)).startswith(
        "Conclusion: generating with the adapter and voting again is worth it: two"
    )
    assert "+0.20 σ (+0.20 – +0.20) beyond one round" in said(people(0.3, 0.5))
    assert said(people(0.5, 0.3)).startswith("Conclusion: votes do more in one round")
    mixed = [*people(0.3, 0.4)[:4], made(Rounds("warm", 0, rounds=2), 0.9), made(Rounds("busy", 1, rounds=2), 0.1)]
    assert said(mixed).startswith("Conclusion: several rounds can't be told from one")
    assert "none yet" in said(people(0.3, 0.5)[:4])


@pytest.mark.parametrize("asked", [["--tastes", "cosy"], ["--seeds", str(RESERVED_SEED)], ["--reserved"]])
def test_advice_is_never_chosen_on_what_is_reserved(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        rounds.main(asked)
    assert "eserved" in capsys.readouterr().err


def test_rendering_needs_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = Results(tmp_path / "rounds.json")
    monkeypatch.setattr(rounds, "RESULTS", results.path)
    monkeypatch.setattr(command, "tuning_bench", None)
    for cell in people(0.5, 0.3):
        results.keep(cell)
    rounds.main(["--render"])
    assert results.path.with_suffix(".md").read_text("utf-8") == rounds.table(results.cells())


@pytest.mark.slow
@pytest.mark.parametrize(("reference", "flags"), [("base", TINY), ("previous", GOING_ON)])
def test_the_second_round_is_drawn_with_the_first_adapter(
    bench: Workbench, reference: str, flags: tuple[str, ...]
) -> None:
    case = Rounds("warm", 0, votes=5, flags=flags, rounds=2, reference=reference)
    found = run_rounds(bench, case)
    facts = [*found["earlier"], found["training"]]
    assert [sum(one["votes"].values()) for one in facts] == [3, 5]
    assert [one["trained_pairs"] for one in facts] == [3, 2 if reference == "previous" else 5]
    with Store(Path(bench._folder.name) / "workspace") as store:
        voted = store.pairs.voted(purpose="train")
        first, second = (adapter.sha256 for adapter in sorted(store.adapters.all(), key=lambda one: one.created_at))
    recipes = [side.recipe for one in voted for side in (one.pair.left, one.pair.right) if side.recipe]
    used = [{use.sha256 for use in recipe.adapters} for recipe in recipes]
    assert used == [set()] * 6 + [{first}] * 4
    assert first != second
    seeds = sorted(recipe.seed for recipe in recipes)
    assert seeds == list(range(1_000_000, 1_000_010))
    assert found["readings"]["after"] != found["readings"]["before"]
