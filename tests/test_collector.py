"""Loading without the garbage collector."""

import gc

import pytest

from sdpo_core.collector import collector_waits


def test_it_waits_and_then_works_again_whatever_happened() -> None:
    with collector_waits():
        with collector_waits():
            assert not gc.isenabled()
        assert not gc.isenabled(), "whoever switched it off switches it on"
    assert gc.isenabled()
    with pytest.raises(ImportError), collector_waits():
        raise ImportError
    assert gc.isenabled()
