import ast
import itertools
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.clock import CLOCK_VARIABLE, ClockError, ClockHand, ServiceClock, demo_clock

ROOT = Path(__file__).parents[2]
BERLIN = ZoneInfo("Europe/Berlin")
instants = st.integers(1_600_000_000, 2_000_000_000)


def at(text: str) -> int:
    """Epoch seconds of a local time in Berlin."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN).timestamp())


def local(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).astimezone(BERLIN).strftime("%a %H:%M:%S")


def open_weekdays_6_to_22(epoch_s: int) -> bool:
    moment = datetime.fromtimestamp(epoch_s, UTC).astimezone(BERLIN)
    return moment.weekday() < 5 and 6 <= moment.hour < 22


def test_default_clock_shows_real_time() -> None:
    clock = ServiceClock()
    assert clock.is_real
    assert abs(clock.now() - time.time()) < 1
    assert isinstance(clock.now_s(), int)


def test_runs_faster_from_another_instant() -> None:
    real = iter([100.0, 110.0, 110.05])
    clock = ServiceClock(100.0, 5000.0, 20.0, real_time=lambda: next(real))
    assert [clock.now_s() for _ in range(3)] == [5000, 5200, 5201]
    assert not clock.is_real


@given(st.lists(st.floats(-1e6, 1e6), min_size=2), st.floats(0.01, 1000))
def test_never_runs_backwards(corrections: list[float], speed: float) -> None:
    real = iter(corrections)
    clock = ServiceClock(0.0, 1e9, speed, real_time=lambda: next(real))
    shown = [clock.now_s() for _ in corrections]
    assert all(a <= b for a, b in itertools.pairwise(shown))


@given(st.floats(0, 4e9), st.floats(0, 4e9), st.floats(0.001, 10_000))
def test_environment_carries_the_clock_exactly(real: float, service: float, speed: float) -> None:
    clock = ServiceClock(real, service, speed)
    again = ServiceClock.from_env(clock.to_env())
    assert (again.origin_real_s, again.origin_service_s, again.speed) == (real, service, speed)


def test_processes_agree() -> None:
    clock = ServiceClock(time.time(), 1_000_000.0, 100.0)
    code = "from dispatch.clock import ServiceClock; print(ServiceClock.from_env().now())"
    before = clock.now()
    run = subprocess.run(
        [sys.executable, "-c", code], env=clock.to_env(), capture_output=True, text=True, check=True
    )
    assert before <= float(run.stdout) <= clock.now()


@pytest.mark.parametrize("text", ["x", "1:2", "1:2:3:4", "1:2:0", "1:2:-1", "nan:1:1", "1:inf:1"])
def test_invalid_environment(text: str) -> None:
    with pytest.raises(ClockError) as caught:
        ServiceClock.from_env({CLOCK_VARIABLE: text})
    assert caught.value.code == "clock_invalid"


def test_no_environment_is_real_time() -> None:
    assert ServiceClock.from_env({}).is_real
    assert ServiceClock.from_env(ServiceClock().to_env()).is_real


def test_a_driven_clock_stands_still_and_leaps(tmp_path: Path) -> None:
    with ClockHand(tmp_path / "clock", 1000.5, 600.0) as hand:
        clock = ServiceClock.from_env(hand.env)
        assert (clock.now(), clock.now_s(), clock.speed) == (1000.5, 1000, 600.0)
        time.sleep(0.05)
        assert clock.now() == 1000.5
        hand.move(90_000)
        assert (clock.now_s(), hand.now_s) == (90_000, 90_000)
        hand.move(5)
        assert clock.now_s() == 90_000, "never backwards"
        again = ServiceClock.from_env(clock.to_env())
        assert again.now_s() == 90_000


def test_a_driven_clock_is_the_same_in_all_processes(tmp_path: Path) -> None:
    code = (
        "from dispatch.clock import ServiceClock; clock = ServiceClock.from_env()\n"
        "print(clock.now_s(), flush=True); input(); print(clock.now_s(), flush=True)"
    )
    with ClockHand(tmp_path / "clock", 1000, 600.0) as hand:
        other = subprocess.Popen(
            [sys.executable, "-c", code],
            env=hand.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "1000\n"
        hand.move(2000)
        said, complained = other.communicate("\n", timeout=10)
        assert said == "2000\n"
        assert "time is not real" in complained, "it must not go unnoticed"


def test_who_looks_after_the_service_is_told_that_time_is_not_real(tmp_path: Path) -> None:
    assert ServiceClock().kind == "real"
    assert ServiceClock(0.0, 5.0, 2.0).kind == "demo"
    with ClockHand(tmp_path / "clock", time.time(), 1.0) as hand:
        clock = ServiceClock.from_env(hand.env)
        assert (clock.kind, clock.is_real) == ("driven", False)


def test_what_is_no_driven_clock(tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(b"x" * 100)
    (tmp_path / "empty").touch()
    for name in ("none", "other", "empty"):
        with pytest.raises(ClockError, match="is no clock"):
            ServiceClock.from_env({CLOCK_VARIABLE: f"file:{tmp_path / name}"})


def test_demo_by_day_is_real_time() -> None:
    now = at("2026-07-01 10:00") + 0.5
    clock = demo_clock(now, None, open_weekdays_6_to_22)
    assert clock.is_real
    assert clock.origin_service_s == now


@pytest.mark.parametrize(
    ("now", "begins"),
    [
        ("2026-07-01 03:00", "Wed 08:00:00"),  # before opening: today
        ("2026-07-01 23:10", "Thu 08:00:00"),  # after closing: tomorrow
        ("2026-07-01 21:40", "Thu 08:00:00"),  # about to close
        ("2026-07-04 12:00", "Mon 08:00:00"),  # weekend
        ("2026-03-28 12:00", "Mon 08:00:00"),  # over the change to summer time
    ],
)
def test_demo_outside_hours_begins_after_the_next_opening(now: str, begins: str) -> None:
    clock = demo_clock(at(now), None, open_weekdays_6_to_22, speed=10)
    assert local(clock.origin_service_s) == begins
    assert clock.origin_real_s == at(now)
    assert clock.speed == 10


def test_demo_goes_on_after_the_last_event() -> None:
    now = at("2026-07-01 10:00")
    ahead = demo_clock(now, at("2026-07-01 15:00"), open_weekdays_6_to_22)
    assert local(ahead.origin_service_s) == "Wed 15:00:01"
    over_night = demo_clock(now, at("2026-07-01 22:30"), open_weekdays_6_to_22)
    assert local(over_night.origin_service_s) == "Thu 08:00:00"


def test_demo_of_a_short_service_begins_at_its_opening() -> None:
    def market_day(epoch_s: int) -> bool:
        moment = datetime.fromtimestamp(epoch_s, UTC).astimezone(BERLIN)
        return moment.weekday() == 3 and 9 <= moment.hour < 11

    clock = demo_clock(at("2026-07-01 12:00"), None, market_day)
    assert local(clock.origin_service_s) == "Thu 09:00:00"


def test_demo_of_a_service_that_never_runs_is_real_time() -> None:
    now = at("2026-07-01 12:00")
    assert demo_clock(now, None, lambda _: False).origin_service_s == now


@given(instants, st.none() | instants, st.floats(0.1, 100))
def test_demo_never_goes_back(now: int, last: int | None, speed: float) -> None:
    clock = demo_clock(now, last, open_weekdays_6_to_22, speed=speed)
    assert clock.origin_service_s >= now
    assert last is None or clock.origin_service_s > last
    assert open_weekdays_6_to_22(int(clock.origin_service_s))


def wall_clock_reads(source: str) -> list[int]:
    """Lines that read the wall clock."""
    forbidden = {
        ("time", "time"),
        ("time", "time_ns"),
        ("datetime", "now"),
        ("datetime", "utcnow"),
        ("datetime", "today"),
        ("date", "today"),
    }
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            lines += [node.lineno for name in node.names if name.name in {"time", "time_ns"}]
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if (name, node.attr) in forbidden:
                lines.append(node.lineno)
    return lines


def test_only_the_clock_reads_the_clock() -> None:
    readers = {
        f"{path.relative_to(ROOT)}:{line}"
        for package in ("dispatch", "simulations", "routing")
        for path in (ROOT / package).rglob("*.py")
        if path != ROOT / "dispatch" / "clock.py"
        for line in wall_clock_reads(path.read_text("utf-8"))
    }
    assert readers == set()
    assert wall_clock_reads("import time\nfrom time import time\ntime.time()") == [2, 3]
    assert wall_clock_reads("x = datetime.datetime.now(UTC)") == [1]
