"""What fails every second is told once a minute, with how often it has."""

import logging

import pytest

from dispatch.worker.failures import Failures


def test_once_a_minute_with_the_traceback(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    failures = Failures(logging.getLogger("rufbus.test"), clock=lambda: now[0])
    for second in range(130):
        now[0] = float(second)
        failures("rescue", ZeroDivisionError("in vain"))
    said = [record.getMessage() for record in caplog.records]
    assert said == ["rescue failed", "rescue failed, 60 times", "rescue failed, 60 times"]
    assert "ZeroDivisionError: in vain" in caplog.text


def test_another_failure_is_told_at_once(caplog: pytest.LogCaptureFixture) -> None:
    failures = Failures(logging.getLogger("rufbus.test"), clock=lambda: 0.0)
    for error in (KeyError("a"), KeyError("b"), KeyError("a")):
        failures("fleet", error)
    assert len(caplog.records) == 2
