"""The store's part about taste: what it sees of images, what runs drew and labelled by it, and what it asks."""

from sdpo_core.workspace.adapter_store import AdapterStore
from sdpo_core.workspace.asking import QuestionTable
from sdpo_core.workspace.features import FeatureTable
from sdpo_core.workspace.labelled import LabelledTable


class TasteStore(AdapterStore):
    """What a `Store` has for the taste model. Request it again after `Store.move_to`."""

    @property
    def features(self) -> FeatureTable:
        """Vectors of images."""
        return FeatureTable(self._database)

    @property
    def labelled(self) -> LabelledTable:
        """Images that runs drew for themselves, and the pairs of them that were labelled."""
        return LabelledTable(self._database)

    @property
    def questions(self) -> QuestionTable:
        """Pairs that the taste model asks about."""
        return QuestionTable(self._database)
