"""What the Adapters page shows and does. Messages may be anything; replies are plain JSON; files are named by ids."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.adapters.effect import shown_effect
from app.adapters.messages import ActionDone, AdapterMessage, Files, JudgedShare, Placing, Shelf, ShownAdapter, Tool
from app.adapters.model_card import Known, model_card, winner_error
from app.adapters.text import say
from app.desk.desk import Desk
from app.desk.text import say as desk_say
from app.judge import text as judge_text
from app.judge.verdicts import Verdicts
from app.ui.replies import Reply, Sent, answered, answered_to
from app.ui.words import moment
from sdpo_core.adapters.info import AdapterInfo
from sdpo_core.adapters.peft_keys import write_peft
from sdpo_core.adapters.placing import TOOLS, LoraFolders
from sdpo_core.errors import AdapterError, ConfigError, RunError, SdpoError, StoreError
from sdpo_core.judging.verdict import Verdict
from sdpo_core.runs.folder import RunFolder
from sdpo_core.workspace import disk as housekeeping
from sdpo_core.workspace.adapters import THROWN_KIND, file_stem
from sdpo_core.workspace.records import AdapterRecord, Fit
from sdpo_core.workspace.trash import Trash


@dataclass(frozen=True)
class AdapterCard:
    """An adapter as the person sees it."""

    record: AdapterRecord
    path: Path
    info: AdapterInfo | None  # None: the file can't be used
    problem: str  # why; empty when it can
    base: str
    works_elsewhere: bool
    round: int
    verdict: Verdict | None


class Adapters:
    """The adapters of a desk's open project."""

    def __init__(self, desk: Desk, verdicts: Verdicts) -> None:
        self._desk, self._verdicts = desk, verdicts
        self._folders = LoraFolders(desk.projects.root)

    def cards(self) -> list[AdapterCard]:
        """Every adapter with what is known about it, newest first."""
        records = self._desk.store.adapters.all()
        verdicts, rounds = self._verdicts.by_adapter(), self._desk.adapters.rounds()
        return [self._card(record, verdicts.get(record.sha256), rounds.get(record.sha256, 1)) for record in records]

    def snapshot(self, _: Any = None) -> Reply[Shelf]:
        """All cards, and the folders of other tools."""
        return answered(self._shelf)

    def act(self, message: Sent[AdapterMessage]) -> Reply[ActionDone]:
        """Do what is wished; the reply holds a sentence."""
        return answered_to(AdapterMessage, message, self._do)

    def _shelf(self) -> Shelf:
        return {"cards": [self._shown(card) for card in self.cards()], "tools": self._tools()}

    # -------------------------------------------------------------------------------------------------- files by id

    def file(self, adapter_id: int) -> Path:
        """An adapter's file; raises `AdapterError` when there is none."""
        path = self._desk.workspace / self._desk.store.adapters.get(adapter_id).path
        if not path.is_file():
            raise AdapterError(say("gone"))
        return path

    def file_stem(self, adapter_id: int) -> str:
        """What files of an adapter are called outside the studio, without suffix."""
        return file_stem(self._desk.store.adapters.get(adapter_id).name)

    def preview(self, adapter_id: int) -> Path:
        """The picture next to an adapter's file; raises `StoreError` when there is none."""
        path = self.file(adapter_id).with_suffix(".png")
        if not path.is_file():
            raise StoreError(desk_say("noSuchPreview"))
        return path

    def diffusers_file(self, adapter_id: int) -> Path:
        """The adapter under diffusers' names, made when it is first asked for; a cache that may be cleared."""
        source = self.file(adapter_id)
        record = self._desk.store.adapters.get(adapter_id)
        target = self._desk.workspace / "cache" / f"diffusers-{record.sha256}.safetensors"
        if not target.is_file():
            write_peft(source, target)
        return target

    def model_card(self, adapter_id: int, *, prompts: bool) -> tuple[str, str]:
        """Name and content of an adapter's model card; raises `AdapterError` when its file can't be read."""
        record = self._desk.store.adapters.get(adapter_id)
        card = next(card for card in self.cards() if card.record.id == record.id)
        if card.info is None:
            raise AdapterError(card.problem)
        known = Known(record, card.info, card.verdict, card.round, self._run(record))
        return f"{file_stem(record.name)}.md", model_card(known, prompts=prompts)

    # ------------------------------------------------------------------------------------------------------ actions

    def _do(self, wish: AdapterMessage) -> ActionDone:
        match wish.action:
            case "edit":
                return self._edit(wish)
            case "delete":
                record = self._desk.store.adapters.get(wish.id)
                entry = self._desk.store.adapters.trash(wish.id)
                return {"sentence": say("deleted", name=record.name), "entry": entry.id}
            case "put_back":
                if Trash(self._desk.workspace).find(wish.entry).kind != THROWN_KIND:
                    raise StoreError(say("notAnAdapter"))
                entry = housekeeping.restore_entry(self._desk.workspace, wish.entry)
                names = [str(row["name"]) for row in entry.rows.get("adapters", [])]
                return {"sentence": say("restored", name=", ".join(names))}
            case "place":
                return self._place(wish)
            case "folder":
                folder = self._folders.choose(wish.tool, wish.folder)
                return {"sentence": say("folderChosen", tool=TOOLS[wish.tool], folder=folder)}
            case "forget":
                self._folders.forget(wish.tool)
                return {"sentence": say("folderForgotten", tool=TOOLS[wish.tool])}

    def _edit(self, wish: AdapterMessage) -> ActionDone:
        store, strength = self._desk.store, _strength(wish.strength)
        # Whatever is refused, the form stays open with everything that was written.
        store.adapters.recommend(wish.id, strength)
        store.adapters.note(wish.id, wish.note)
        return {"sentence": say("saved", name=store.adapters.rename(wish.id, wish.name).name)}

    def _place(self, wish: AdapterMessage) -> ActionDone:
        record = self._desk.store.adapters.get(wish.id)
        if not self._works_elsewhere(record):
            raise AdapterError(say("notForOthers", name=record.name))
        placed = self._folders.place(wish.tool, record, self.file(wish.id), wish.how)
        told = say(f"placed.{wish.how}", tool=TOOLS[wish.tool], file=placed.file.name)
        return {"sentence": f"{told} {_fits(placed.proof.fit)}"}

    # ------------------------------------------------------------------------------------------------------ helpers

    def _card(self, record: AdapterRecord, verdict: Verdict | None, number: int) -> AdapterCard:
        path, info, problem = self._desk.workspace / record.path, None, ""
        try:
            info = self._desk.adapters.header(record)
        except AdapterError as error:
            problem = say("unreadable", why=error) if path.is_file() else say("gone")
        source = self._desk.adapters.base_of(record)
        named = (info.sdpo or {}).get("base_name") if info else None
        base = str(named or Path(source).name or source)
        return AdapterCard(record, path, info, problem, base, self._works_elsewhere(record), number, verdict)

    def _works_elsewhere(self, record: AdapterRecord) -> bool:
        try:
            base = self._desk.models.inspect(self._desk.adapters.base_of(record))
            return base.comfyui or base.sha256 != record.base_sha256  # another model than its own says nothing
        except SdpoError:  # the base model is gone; its adapters may well work where it still is
            return True

    def _run(self, record: AdapterRecord) -> RunFolder | None:
        try:
            return self._desk.jobs.open(record.run_id, "train")
        except RunError:
            return None

    def _shown(self, card: AdapterCard) -> ShownAdapter:
        record, facts = card.record, (card.info.sdpo or {}) if card.info else {}
        address = f"/sdpo/adapter/{record.id}"
        chips = [card.base, say("round", round=card.round) if card.round > 1 else ""]
        chips += [_trained_on(facts.get("pairs"), facts.get("step")), moment(record.created_at)]
        return {
            "id": record.id,
            "name": record.name,
            "chips": [chip for chip in chips if chip],
            "note": record.note,
            "strength": record.strength,
            "verdict": _verdict(card.verdict),
            "not_judged": say("notJudged"),
            "error": self._error(card),
            "effect": shown_effect(record, card.info, self._run(record)) if card.info else None,
            "fit": _fit(record),
            "proven": record.fit is not None and record.fit.matched == record.fit.modules,
            "warning": "" if card.works_elsewhere else say("worksOnlyHere"),
            "problem": card.problem,
            "path": str(card.path),
            "preview": f"{address}/preview" if card.path.with_suffix(".png").is_file() else None,
            "files": _files(address, judged=card.verdict is not None) if card.info else {},
            "places": self._places(card),
        }

    def _error(self, card: AdapterCard) -> str:
        told = winner_error(card.info, self._run(card.record)) if card.info else ""
        return say("error", error=told) if told else ""

    def _places(self, card: AdapterCard) -> list[Placing]:
        """Where the adapter could go, or is."""
        if card.info is None or not card.works_elsewhere:
            return []
        chosen = [tool for tool in TOOLS if self._folders.folder(tool)]
        there = {tool: self._folders.is_placed(tool, card.record) for tool in chosen}
        return [
            {"tool": tool, "label": TOOLS[tool], "there": say("isThere", tool=TOOLS[tool]) if there[tool] else ""}
            for tool in chosen
        ]

    def _tools(self) -> list[Tool]:
        return [
            {
                "id": tool,
                "label": label,
                "folder": str(self._folders.folder(tool) or ""),
                "suggestions": self._folders.suggestions(tool),
            }
            for tool, label in TOOLS.items()
        ]


def _files(address: str, *, judged: bool) -> Files:
    files: Files = {"kohya": address, "diffusers": f"{address}/diffusers", "card": f"{address}/card"}
    return {**files, "card_prompts": f"{address}/card?prompts=1"} if judged else files


def _verdict(verdict: Verdict | None) -> JudgedShare | None:
    if verdict is None:
        return None
    plot = judge_text.describe_plot(verdict.win_rate, verdict.low, verdict.high)
    return {
        "win_rate": verdict.win_rate,
        "low": verdict.low,
        "high": verdict.high,
        "plot": plot,
        "sentence": verdict.sentence,
    }


def _fit(record: AdapterRecord) -> str:
    return _fits(record.fit) if record.fit else say("notProven")


def _fits(fit: Fit) -> str:
    return say("fits", matched=fit.matched, modules=fit.modules)


def _trained_on(pairs: int | None, step: int | None) -> str:
    """How an adapter was made, as far as its file says."""
    if step is None:
        return "" if pairs is None else say("pairs", n=pairs)
    return say("step", step=step) if pairs is None else say("trainedOn", n=pairs, step=step)


def _strength(written: str) -> float | None:
    if not written.strip():
        return None
    try:
        return float(written.replace(",", ".").replace("−", "-"))
    except ValueError as error:
        raise ConfigError(say("strengthWrong", given=written)) from error
