"""A model card for an adapter: what it is, how it was made, what a blind test said. Prompts only when asked for."""

import json
from dataclasses import dataclass
from typing import Any

from app.adapters import text
from app.adapters.effect import baked_strength, calibration_of
from app.judge import text as judge_text
from sdpo_core.adapters.info import AdapterInfo
from sdpo_core.judging.verdict import Verdict
from sdpo_core.runs.folder import RunFolder
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
    parts = [_front(known), f"# {_plain(record.name)}", text.CARD_ABOUT]
    parts += [_heading("verdict"), *_verdict(known.verdict)]
    parts += [_heading("how"), _table(_facts(known)), text.CARD_ERROR_ABOUT]
    parts += [_heading("use"), _strength(known), text.CARD_FILES, text.CARD_LICENCE]
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
        return text.winner_error(float(error), None, None, held_out=held_out)
    return text.winner_error(
        float(check["winner_error"]), 2 * float(check["winner_error_se"]), check["budget"], held_out=check["held_out"]
    )


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
        "predicted": text.predicted_in_figures(*calibration.effect) if calibration and calibration.effect else "",
        "rank": info.rank,
        "layers": ", ".join(f"{count} {kind}" for kind, count in info.targets.items()),
        "sha256": known.record.sha256,
        "made": f"{known.record.created_at:%Y-%m-%d}",
    }
    return {text.CARD_ROWS[name]: str(value) for name, value in rows.items() if value not in (None, "")}


def _verdict(verdict: Verdict | None) -> list[str]:
    if verdict is None:
        return [text.CARD_NOT_JUDGED]
    counts = text.CARD_JUDGED_AT.format(
        strength=verdict.strength, wins=verdict.wins, losses=verdict.losses, ties=verdict.ties
    )
    interval = judge_text.interval(verdict.low, verdict.high)
    return [f"> {verdict.sentence}", f"{counts} {interval}. {text.CARD_CHANCE}", text.CARD_ONE_PERSON]


def _strength(known: Known) -> str:
    recommended, baked = known.record.strength, baked_strength(known.info)
    if recommended is not None:
        return text.CARD_STRENGTH.format(strength=recommended)
    return text.CARD_STRENGTH_NONE if baked == 1 else text.CARD_STRENGTH_BAKED.format(strength=baked)


def _score(share: Any) -> str:
    return judge_text.score(share.wins + share.ties / 2, share.comparisons)


def _heading(name: str) -> str:
    return f"## {text.CARD_HEADINGS[name]}"


def _table(rows: dict[str, str]) -> str:
    lines = [f"| {_plain(name)} | {_plain(value)} |" for name, value in rows.items()]
    return "\n".join(["| | |", "|---|---|", *lines])


def _plain(words: str) -> str:
    """A person's words as text, whatever Markdown or HTML would make of them."""
    escaped = "".join(f"\\{letter}" if letter in "\\`*_{}[]<>#|!" else letter for letter in words)
    return " ".join(escaped.split())
