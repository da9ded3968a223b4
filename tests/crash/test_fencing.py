"""A leader that is paused anywhere is replaced in time, and harmless when it wakes up."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from crash_town import Child, Site, Town

pytestmark = [pytest.mark.crash, pytest.mark.slow]

TAKEN_OVER_S = 5.0
PATIENCE_S = 30.0
POINTS = (
    "dispatcher:SELECT inbox:after@3",
    "dispatcher:decided:after@3",
    "dispatcher:transaction:before@3",
    "dispatcher:UPDATE service_area:after@3",
    "dispatcher:INSERT event:after@2",
    "dispatcher:INSERT offer:after@1",
    "dispatcher:UPDATE inbox:after@2",
    "dispatcher:answers:before@3",
    "dispatcher:commit:before@3",
    "dispatcher:commit:after@3",
    "dispatcher:publish:before@3",
    "dispatcher:publish:after@3",
)


def wait_until(condition: object, what: str) -> float:
    """Seconds until it is so."""
    assert callable(condition)
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + PATIENCE_S, what
        time.sleep(0.01)
    return time.monotonic() - began


@contextmanager
def towns(site: Site, points: tuple[str, ...]) -> Iterator[list[tuple[str, Town, Child]]]:
    """One town for each point; its leader is going to stop there, a standby waits."""
    founded: list[tuple[str, Town, Child]] = []
    try:
        for point in points:
            town = site.town()
            founded.append((point, town, town.start("dispatcher", f"{point}=stop", limits={})))
        for point, town, _ in founded:
            wait_until(lambda town=town: town.epoch() == 1, f"{point}: nobody leads")
            town.start("dispatcher", limits={})
            town.start("riders")
        yield founded
    finally:
        for _, town, _ in founded:
            town.close()


def test_a_paused_leader_is_replaced_and_its_commits_fail(site: Site) -> None:
    with towns(site, POINTS) as founded:
        stopped = {}
        for point, _, leader in founded:
            wait_until(leader.is_stopped, f"{point} was not reached")
            stopped[point] = time.monotonic()
        for point, town, leader in founded:
            wait_until(lambda town=town: town.epoch() == 2, f"{point}: nobody takes over")
            assert time.monotonic() - stopped[point] < TAKEN_OVER_S, point
            assert leader.is_stopped()
        for point, town, _ in founded:
            wait_until(lambda town=town: town.epoch_of_log() == 2, f"{point}: nothing is decided")
        written = {point: town.written_by(1) for point, town, _ in founded}
        for _, _, leader in founded:
            leader.signal(signal.SIGCONT)
        for point, town, leader in founded:
            assert town.finish() == [], point
            assert town.written_by(1) == written[point], point
            assert leader.wait(0) is None, f"{point}: it should stand by, not die"
            assert town.out_of_order() == [], point


def test_a_slow_decision_is_no_silence(site: Site) -> None:
    """A leader that thinks longer than a standby's patience shows signs of life meanwhile."""
    with towns(site, ()):
        town = site.town()
        try:
            slow = "dispatcher:decided:after@3=delay:4500"
            town.start("dispatcher", slow, limits={})
            wait_until(lambda: town.epoch() == 1, "nobody leads")
            town.start("dispatcher", limits={})
            assert town.finish() == []
            assert town.epoch() == 1
        finally:
            town.close()


def test_a_leader_that_is_stuck_shows_no_signs_of_life(site: Site) -> None:
    town = site.town()
    try:
        stuck = "dispatcher:decided:after@3=delay:60000"
        town.start("dispatcher", stuck, limits={"stuck_after_s": 1.0, "depose_after_s": 1.0})
        wait_until(lambda: town.epoch() == 1, "nobody leads")
        town.start("dispatcher", limits={"depose_after_s": 1.0})
        assert town.finish() == []
        assert town.epoch() == 2
    finally:
        town.close()
