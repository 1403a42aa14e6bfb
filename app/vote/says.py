"""The card “What your votes say”: what a small model of the taste learned, and a press to correct it.

Fitting takes seconds, so a thread does it, once for the same votes; a request takes what is there. Messages may be
anything; replies are plain JSON.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.desk.models import Models
from app.desk.projects import StudioProjects
from app.ui.replies import Reply, Sent, answered, answered_to
from app.vote.kinds import Training
from app.vote.messages import Asked, AskFirst, Card, Doubt, Findings, Looking, ShownImage
from app.vote.text import say
from sdpo_core.checkpoints.model_info import ModelInfo
from sdpo_core.errors import RunError, SdpoError
from sdpo_core.taste.fit import FEWEST_VOTES, Fitted, fit_taste
from sdpo_core.taste.told import Material, Told, read_material, tell
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store

_IMAGES = 6  # that are liked most, and as many least
_QUESTIONS = 6
_PROMPTS = 3  # that agree best, and as many that agree least
_FITS_KEPT = 4  # of several projects or models, and of a vote that was taken back


@dataclass(frozen=True)
class _Place:
    """What was read."""

    workspace: Path
    base_sha256: str


@dataclass(frozen=True)
class _Card:
    """What the card shows for it."""

    place: _Place
    stamp: tuple[int, int, int]  # of the store
    shown: Findings | None
    error: SdpoError | None = None


class Says:
    """What the votes of the open project say of the chosen model. Every method may be called from any thread."""

    def __init__(self, store: Store, models: Models, projects: StudioProjects, votes: Training) -> None:
        self._store, self._models, self._projects, self._votes = store, models, projects, votes
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._card: _Card | None = None
        self._fits: dict[str, Fitted] = {}  # by model and votes; the thread's own

    def look(self, _: Any = None) -> Reply[Card | Looking]:
        """The card as far as it is known; with `looking` while the votes are read again."""
        return answered(self._look)

    def ask_first(self, message: Sent[AskFirst]) -> Reply[Asked]:
        """Have the board show these pairs before all others."""
        return answered_to(AskFirst, message, self._ask)

    def _look(self) -> Card | Looking:
        model = self._models.inspect(self._models.source())
        place, stamp = _Place(self._store.workspace, model.sha256), self._store.questions.stamp()
        with self._lock:
            card = self._card if self._card and self._card.place == place else None
            if card and card.error:  # told once, then tried again
                self._card = None
                raise card.error
            if card and card.stamp == stamp:
                return _card(card, looking=False)
            if not (self._thread and self._thread.is_alive()):
                self._thread = threading.Thread(target=self._work, args=(place, stamp, model), daemon=True)
                self._thread.start()
            return _card(card, looking=True)

    def _work(self, place: _Place, stamp: tuple[int, int, int], model: ModelInfo) -> None:
        """Read, fit, tell; what another project's store answered meanwhile is dropped."""
        try:
            material = read_material(self._store, place.base_sha256)
            card = _Card(place, stamp, self._shown(material, model))
        except SdpoError as error:
            card = _Card(place, stamp, None, error)
        with self._lock:
            if self._store.workspace == place.workspace:
                self._card = card

    def _shown(self, material: Material, model: ModelInfo) -> Findings:
        unseen = (material.decided or material.elsewhere) - len(material.votes)
        reason = _reason(material, model.name, unseen)
        if reason:
            return _reply(Told((reason,), (), (), (), ()))
        told = tell(material, self._fit(material, model.sha256), _IMAGES, _QUESTIONS)
        elsewhere = material.elsewhere if material.decided else 0
        return _reply(told, say("saysLead"), _left_out(model.name, unseen, elsewhere))

    def _fit(self, material: Material, base_sha256: str) -> Fitted:
        """The taste of these votes, fitted once."""
        key = f"{base_sha256} {material.key}"
        if key not in self._fits:
            fitted = fit_taste(material.votes, base_sha256)
            self._fits = {**dict([*self._fits.items()][1 - _FITS_KEPT :]), key: fitted}
        return self._fits[key]

    def _ask(self, wish: AskFirst) -> Asked:
        with self._projects.moving:
            for one in wish.pairs:
                if one.images != tuple(self._store.candidates.get(number).image_sha256 for number in one.candidates):
                    raise RunError(say("otherProject"))
            asked = self._store.questions.ask([one.candidates for one in wish.pairs])
            self._votes.show_first([pair.id for pair in asked])
        if not asked:
            raise RunError(say("allVoted"))
        sentence = say("oneComesFirst" if len(asked) == 1 else "severalComeFirst", n=len(asked))
        return {"sentence": sentence, "pairs": len(asked)}


def _card(card: _Card | None, *, looking: bool) -> Card | Looking:
    return {**card.shown, "looking": looking} if card and card.shown else {"looking": looking}


def _reason(material: Material, model: str, unseen: int) -> str:
    """Why there is nothing to fit; empty where there may be."""
    votes = material.decided or material.elsewhere
    if not votes:
        return say("saysNothingYet")
    if not unseen or len(material.votes) >= FEWEST_VOTES:
        return ""
    if not material.decided and not len(material.votes):
        return say("otherModel", n=votes, model=model, hint=say("analysedHint"))
    return say("notAnalysed", n=votes, unseen=unseen, model=model, hint=say("analysedHint"))


def _left_out(model: str, unseen: int, elsewhere: int) -> str:
    """Votes it couldn't learn from; empty if there are none."""
    notes: list[str] = []
    if unseen:
        notes.append(say("leftOut.unseen", n=unseen, model=model))
    if elsewhere:
        notes.append(say("leftOut.elsewhere", n=elsewhere))
    return " ".join(notes)


def _reply(told: Told, lead: str = "", note: str = "") -> Findings:
    """Everything that the card shows. The last sentence describes the model itself, which `lead` introduces."""
    *found, about = told.sentences
    sentences = [*found, f"{lead} {about}".strip(), note]
    press = say("voteOnOne" if len(told.unsure) == 1 else "voteOnSeveral", n=len(told.unsure))
    ends = dict.fromkeys([*told.agreements[:_PROMPTS], *told.agreements[-_PROMPTS:]])
    return {
        "sentences": [sentence for sentence in sentences if sentence],
        "most": [_image(one) for one in told.most],
        "least": [_image(one) for one in told.least],
        "prompts": [
            {"prompt": one.prompt, "sentence": say("agreement", n=one.votes, predicted=one.predicted)} for one in ends
        ],
        "prompts_note": say("tooFewOfAPrompt") if told.most and not ends else "",
        "unsure": [_doubt(*two) for two in told.unsure],
        "press": press if told.unsure else "",
    }


def _image(candidate: Candidate) -> ShownImage:
    return {"sha256": candidate.image_sha256, "prompt": candidate.prompt}


def _doubt(one: Candidate, other: Candidate) -> Doubt:
    return {
        "candidates": (one.id, other.id),
        "images": (one.image_sha256, other.image_sha256),
        "prompt": one.prompt,
    }
