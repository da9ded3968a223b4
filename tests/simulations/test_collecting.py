"""The garbage collector rests for as long as it should, and no longer."""

import gc
from collections.abc import Iterator

import pytest

from simulations.collecting import collecting_rarely


@pytest.fixture(autouse=True)
def nothing_frozen() -> Iterator[None]:
    gc.unfreeze()
    yield
    gc.unfreeze()


def test_it_rests_inside_and_works_as_before_afterwards() -> None:
    before = gc.get_threshold()
    with collecting_rarely():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_a_rest_within_a_rest_changes_nothing() -> None:
    with collecting_rarely():
        outer, frozen = gc.get_threshold(), gc.get_freeze_count()
        with collecting_rarely():
            assert gc.get_threshold() == outer
        assert gc.get_threshold() == outer
        assert gc.get_freeze_count() == frozen
