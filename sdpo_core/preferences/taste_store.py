"""The store's part about taste: what it sees of images, and what runs drew and labelled by it."""

from sdpo_core.preferences.adapter_store import AdapterStore
from sdpo_core.preferences.features import FeatureTable
from sdpo_core.preferences.labelled import LabelledTable


class TasteStore(AdapterStore):
    """A `Store`'s tables that are not about what the person made and chose. Ask anew after `Store.move_to`."""

    @property
    def features(self) -> FeatureTable:
        """Vectors of images."""
        return FeatureTable(self._database)

    @property
    def labelled(self) -> LabelledTable:
        """Images that runs drew for themselves, and the pairs of them that were labelled."""
        return LabelledTable(self._database)
