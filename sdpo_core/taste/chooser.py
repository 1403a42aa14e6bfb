"""Which of a prompt's images a generating job offers as a pair: neighbours, or the two whose comparison says most."""

from collections.abc import Sequence

from sdpo_core.taste.comparisons import read_votes
from sdpo_core.taste.fit import fit_taste
from sdpo_core.taste.layout import FEATURES
from sdpo_core.taste.model import TasteModel
from sdpo_core.taste.questions import Question, choose_question
from sdpo_core.workspace.records import Candidate
from sdpo_core.workspace.store import Store

_REFIT_AFTER_VOTES = 5


class Chooser:
    """Chooses questions about images of the model `base_sha256`, by a taste that follows the votes in `store`.

    The taste is that of all standing votes, those too that a run would hold out: a question isn't training.
    """

    def __init__(self, store: Store, base_sha256: str) -> None:
        self._store, self._base = store, base_sha256
        self._taste: TasteModel | None = None
        self._votes = 0

    @property
    def taste(self) -> TasteModel:
        """The taste, fitted again after every few votes."""
        voted = self._store.pairs.voted(purpose="train")
        if self._taste is None or abs(len(voted) - self._votes) >= _REFIT_AFTER_VOTES:
            votes, _ = read_votes(self._store, self._base, voted)
            self._taste, self._votes = fit_taste(votes, self._base).model, len(voted)
        return self._taste

    def choose(self, candidates: Sequence[Candidate]) -> Question:
        """The pair to offer of images of one prompt: rows of `candidates`. An image that wasn't described loses."""
        vectors = self._store.features.get(self._base, FEATURES, {one.image_sha256 for one in candidates})
        seen = [row for row, one in enumerate(candidates) if one.image_sha256 in vectors]
        if len(seen) < 2 or not self.taste.knows_taste:
            return Question(0, 1, "chance")
        layout = self.taste.facts.layout
        asked = choose_question(
            self.taste, layout.require([vectors[candidates[row].image_sha256] for row in seen]), _token(candidates)
        )
        return Question(seen[asked.first], seen[asked.second], asked.chosen_by)


def _token(candidates: Sequence[Candidate]) -> str:
    """Names the question: what decides the images."""
    return " ".join(one.key for one in candidates)
