"""The store: every prompt, image, pair and vote of a workspace, in `studio.db` and `images/`.

What can be done with them is in one class for each subject, which the store hands out. A method returns when what it
wrote is committed and on the disk. Votes are only ever appended; the vote that *stands* on a pair is the newest one,
unless it was undone. Failures are `StoreError`s and `DiskError`s.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

from sdpo_core.images.files import ImageFolder
from sdpo_core.workspace.adapters import AdapterTable
from sdpo_core.workspace.asking import QuestionTable
from sdpo_core.workspace.backups import daily_backup
from sdpo_core.workspace.candidates import CandidateTable
from sdpo_core.workspace.checkup import Counts, check, count, missing_images
from sdpo_core.workspace.database import Database
from sdpo_core.workspace.features import FeatureTable
from sdpo_core.workspace.imported import ImportTable
from sdpo_core.workspace.judged import JudgedTable
from sdpo_core.workspace.labelled import LabelledTable
from sdpo_core.workspace.location import make_folders
from sdpo_core.workspace.migrations import migrate
from sdpo_core.workspace.pairing import PairTable
from sdpo_core.workspace.rankings import RankingTable
from sdpo_core.workspace.records import Purpose
from sdpo_core.workspace.votes import VoteTable


class Store:
    """The workspace's database and images. One per process; every method may be called from any thread.

    What a property returns belongs to the workspace that is open: request it again after `move_to`.
    """

    def __init__(self, workspace: Path) -> None:
        """Open the workspace, creating folders and database as needed and bringing an older database up to date.

        Raises `StoreTooNew` for a newer studio's database, `StoreError` for a damaged or foreign one, `DiskError`
        when the disk refuses.
        """
        self.workspace = workspace
        backups = workspace / "backups"
        self._images = ImageFolder(workspace / "images")
        make_folders(workspace, self._images.root, backups, workspace / "runs", workspace / "adapters")
        self._database = Database(workspace / "studio.db")
        try:
            migrate(self._database, backups)
            daily_backup(self._database, backups)
            self.labelled.forget_gone(workspace / "runs")
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; a second call does nothing."""
        self._database.close()

    def move_to(self, workspace: Path) -> None:
        """Go over to another workspace; whoever holds this store goes with it. Raises as opening one does, and then
        stays where it is."""
        other = Store(workspace)
        left, self._database = self._database, other._database
        self._images, self.workspace = other._images, other.workspace
        left.close()

    # ---------------------------------------------------------------------------------------------- what is in it

    @property
    def images(self) -> ImageFolder:
        """The images' files, by the SHA-256 of their content."""
        return self._images

    @property
    def candidates(self) -> CandidateTable:
        """Images with their recipes."""
        return CandidateTable(self._database, self._images)

    @property
    def pairs(self) -> PairTable:
        """Two candidates each, open or voted on."""
        return PairTable(self._database, self._images)

    @property
    def votes(self) -> VoteTable:
        """Choices on pairs."""
        return VoteTable(self._database, self._images)

    @property
    def rankings(self) -> RankingTable:
        """Choices among several images at a time."""
        return RankingTable(self._database, self._images)

    @property
    def imports(self) -> ImportTable:
        """Images and pairs that were made elsewhere."""
        return ImportTable(self._database, self._images)

    @property
    def judged(self) -> JudgedTable:
        """Comparisons of blind tests whose votes train too."""
        return JudgedTable(self._database)

    @property
    def adapters(self) -> AdapterTable:
        """Adapters: what they are called, where they are, and what the person says of them."""
        return AdapterTable(self._database, self.workspace)

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

    # ----------------------------------------------------------------------------------------------------- health

    def counts(self, purpose: Purpose = "train") -> Counts:
        """How much there is; pairs and votes of `purpose` only, so that judging doesn't look like training data."""
        return count(self._database, self._images, purpose)

    def missing_images(self) -> int:
        """How many recorded images have no file; looks at every one."""
        return len(missing_images(self._database, self._images))

    def check(self) -> list[str]:
        """What is wrong or risky with this workspace, one sentence each; empty when all is well."""
        return check(self.workspace, self._database, self._images)
