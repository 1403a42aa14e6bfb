"""Loading without the garbage collector."""

import gc

import pytest

from sdpo_core.collector import gc_paused


def test_it_waits_and_then_works_again_whatever_happened() -> None:
    with gc_paused():
        with gc_paused():
            assert not gc.isenabled()
        assert not gc.isenabled(), "whoever switched it off switches it on"
    assert gc.isenabled()
    with pytest.raises(ImportError), gc_paused():
        raise ImportError
    assert gc.isenabled()
