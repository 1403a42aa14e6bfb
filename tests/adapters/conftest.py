"""The tiny models of the tests of models, and a cache folder that is not the person's."""

from tests.checkpoints.conftest import cache, pristine
from tests.models.conftest import tiny, tiny_folder, xl, xl_folder

__all__ = ["cache", "pristine", "tiny", "tiny_folder", "xl", "xl_folder"]
