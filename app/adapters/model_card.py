"""A model card for an adapter: what it is, how it was made, what a blind test said. Prompts only when asked for."""

import json
from dataclasses import dataclass
from typing import Any

from app.adapters.effect import baked_strength, calibration_of, sigma
from app.adapters.text import say
from app.judge import text as judge_text
from sdpo_core.adapters.info import AdapterInfo
from sdpo_core.judging.verdict import Verdict
from sdpo_core.runs.folder import RunFolder
from sdpo_core.taste.calibration import Calibration
from sdpo_core.wording import change, percent
from sdpo_core.workspace.records import AdapterRecord


@dataclass(frozen=True)
class Known:
    """What is known of an adapter."""

    record: AdapterRecord
    info: AdapterInfo
    verdict: Verdict | None
    round: int
    run: RunFolder | None  # that made it; None when it was cleared away


def model_card(known: Known, *, prompts: bool) -> str:
    """The card as Markdown, with YAML for the hub in front."""
    record = known.record
    parts = [_front(known), f"# {_plain(record.name)}", say("cardAbout")]
    parts += [_heading("verdict"), *_verdict(known.verdict)]
    parts += [_heading("how"), _table(_facts(known)), say("cardErrorAbout")]
    parts += [_heading("use"), _strength(known), say("cardFiles"), say("cardLicence")]
    settings = (known.info.sdpo or {}).get("settings")
    if isinstance(settings, dict):
        rows = {str(name): str(value) for name, value in settings.items()}
        parts += [_heading("settings"), _table(rows)]
    if prompts and known.verdict:
        told = [f"- {_plain(share.prompt)} ({_score(share)})" for share in known.verdict.by_prompt()]
        parts += [_heading("prompts"), "\n".join(told)]
    if record.note:
        parts += [_heading("note"), _plain(record.note)]
    return "\n\n".join(parts) + "\n"


def winner_error(info: AdapterInfo, run: RunFolder | None) -> str:
    """The winner error as text, with its uncertainty if the run still has it; empty if unknown."""
    facts = info.sdpo or {}
    error = facts.get("winner_error")
    if not isinstance(error, int | float):
        return ""
    step = facts.get("step")
    check = run.health_at(step, float(facts.get("strength", 1.0))) if run and isinstance(step, int) else None
    held_out = bool(facts.get("held_out_pairs"))
    if check is None:
        return say(f"winnerError.{_pairs(held_out=held_out)}", change=change(float(error)))
    told = change(float(check["winner_error"]), 2 * float(check["winner_error_se"]))
    measured_on = _pairs(held_out=check["held_out"])
    if check["budget"] is None:
        return say(f"winnerError.{measured_on}", change=told)
    return say(f"winnerErrorInBudget.{measured_on}", change=told, budget=percent(check["budget"]))


def _pairs(*, held_out: bool) -> str:
    """Those on which the winner error was measured, as the rows about it name them."""
    return "heldOut" if held_out else "trained"


def _front(known: Known) -> str:
    """What the hub reads. The base model by its name: a path says too much about a machine."""
    base = json.dumps(_base(known.info), ensure_ascii=False)
    return "\n".join(["---", "tags: [lora, preference, dpo, diffusion-sdpo]", f"base_model_name: {base}", "---"])


def _base(info: AdapterInfo) -> str:
    return str((info.sdpo or {}).get("base_name") or info.family or "")


def _facts(known: Known) -> dict[str, str]:
    info, facts = known.info, known.info.sdpo or {}
    calibration = calibration_of(known.record, known.run)
    rows = {
        "base": _base(info),
        "base_sha256": info.base_sha256,
        "votes": facts.get("pairs"),
        "held_out": facts.get("held_out_pairs"),
        "round": known.round,
        "step": facts.get("step"),
        "error": winner_error(info, known.run),
        "calibrated": calibration.sentence if calibration else "",
        "predicted": _predicted(calibration),
        "rank": info.rank,
        "layers": ", ".join(say(f"cardLayers.{kind}", n=count) for kind, count in info.targets.items()),
        "sha256": known.record.sha256,
        "made": f"{known.record.created_at:%Y-%m-%d}",
    }
    return {say(f"cardRows.{name}"): str(value) for name, value in rows.items() if value not in (None, "")}


def _predicted(calibration: Calibration | None) -> str:
    if calibration is None or calibration.effect is None:
        return ""
    shift, preference = calibration.effect
    return say("cardPredicted", gain=sigma(shift), preference=percent(preference))


def _verdict(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return [say("cardNotJudged")]
    counts = say("cardJudgedAt", strength=verdict.strength, wins=verdict.wins, losses=verdict.losses, ties=verdict.ties)
    interval = judge_text.interval(verdict.low, verdict.high)
    return [f"> {verdict.sentence}", f"{counts} {interval}. {say('cardChance')}", say("cardOnePerson")]


def _strength(known: Known) -> str:
    recommended, baked = known.record.strength, baked_strength(known.info)
    if recommended is not None:
        return say("cardStrength", strength=recommended)
    return say("cardStrengthNone") if baked == 1 else say("cardStrengthBaked", strength=baked)


def _score(share: Any) -> str:
    return judge_text.score(share.wins + share.ties / 2, share.comparisons)


def _heading(name: str) -> str:
    return f"## {say(f'cardHeadings.{name}')}"


def _table(rows: dict[str, str]) -> str:
    lines = [f"| {_plain(name)} | {_plain(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _plain(words: str) -> str:
    """A person's words as text, whatever Markdown or HTML would make of them."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|!" else letter for letter in words)
    return " ".join(escaped.split())
