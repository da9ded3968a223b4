"""How long is waited, and when not at all."""

from random import Random

from dispatch.messaging.pace import Backoff, Breaker


def test_back_off_grows_to_its_limit_and_is_never_the_same() -> None:
    backoff, rng = Backoff(first_s=4, longest_s=300), Random(1)
    for attempts, whole_s in ((1, 4), (2, 8), (5, 64), (7, 256), (8, 300), (10_000, 300)):
        waits = [backoff.after_s(attempts, rng) for _ in range(50)]
        assert all(whole_s / 2 <= wait <= whole_s for wait in waits)
        assert len(set(waits)) == 50


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_channel_that_is_down_is_left_alone_and_then_tried_by_one() -> None:
    clock = Seconds()
    breaker = Breaker(tolerance=3, first_s=5, longest_s=60, clock=clock)
    for _ in range(3):
        assert breaker.may_try()
        breaker.failed()
    assert breaker.is_open
    assert not breaker.may_try()
    clock.now += 5
    assert breaker.may_try()
    assert not breaker.may_try()  # one is trying
    breaker.failed()
    clock.now += 9
    assert not breaker.may_try()  # longer now
    clock.now += 1
    assert breaker.may_try()
    breaker.nothing()  # there was nothing to try with
    assert breaker.may_try()
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.may_try()
    assert breaker.may_try()


def test_a_channel_is_never_left_alone_for_longer_than_the_limit() -> None:
    clock = Seconds()
    breaker = Breaker(tolerance=1, first_s=5, longest_s=60, clock=clock)
    for _ in range(500):
        breaker.failed()
    clock.now += 60
    assert breaker.may_try()


def test_failures_of_messages_do_not_count_against_the_channel() -> None:
    breaker = Breaker(tolerance=2)
    for _ in range(10):
        breaker.failed()
        breaker.succeeded()
    assert breaker.may_try()
