"""The optimiser killed or stopped while riders book: nobody notices, and it comes back."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from running_service import RunningService, ask, book

from dispatch.supervisor import ServiceState

pytestmark = [pytest.mark.crash, pytest.mark.slow]

RIDES = 40
BACK_WITHIN_S = 90.0


def optimiser(service: RunningService) -> int | None:
    state = ServiceState.read(service.var)
    return None if state is None else state.processes.get("optimiser")


def hit(service: RunningService, number: int) -> None:
    pid = optimiser(service)
    if pid is not None:
        os.kill(pid, number)


def hurry(service: RunningService) -> None:
    """Let it have its share of the processor, whatever else runs on this machine."""
    pid = optimiser(service)
    with suppress(OSError):
        os.sched_setscheduler(pid or 0, os.SCHED_OTHER, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, pid or 0, 0)
        Path(f"/proc/{pid}/autogroup").write_text("0", encoding="ascii")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_riders_do_not_notice(service: RunningService, number: signal.Signals) -> None:
    """Again and again, in the midst of whatever it is doing: every answer is a proper one."""
    first = optimiser(service)
    assert first is not None
    booked = 0
    with httpx.Client(base_url=service.url, timeout=5) as client:
        stops = client.get("/api/v1/stops").json()["stops"]
        for ride in range(RIDES):
            if ride % 10 == 5:
                hit(service, number)
            asked = ask(client, stops, ride)
            assert asked.status_code == httpx.codes.CREATED
            for offer in asked.json()["offers"][:1]:
                made = book(client, offer["id"], f"{number.name}-{ride}")
                assert made.status_code == httpx.codes.CREATED
                booked += 1
    assert booked > RIDES // 2
    if number is signal.SIGSTOP:
        hit(service, signal.SIGCONT)
    deadline = time.monotonic() + BACK_WITHIN_S
    while optimiser(service) is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert (optimiser(service) == first) is (number is signal.SIGSTOP)
    audit = service.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_plans_are_improved_and_log_and_tables_agree(service: RunningService) -> None:
    """What was booked one by one is planned better."""
    hurry(service)
    log = service.var / "log" / "optimiser.log"
    deadline = time.monotonic() + BACK_WITHIN_S
    while time.monotonic() < deadline and "proposal: taken" not in log.read_text("utf-8"):
        time.sleep(0.5)
    assert "proposal: taken" in log.read_text("utf-8")
    audit = service.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr
