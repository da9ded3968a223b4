"""`rufbus serve` with two towns, two web processes each: every process is restarted by itself."""

import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from running_service import RunningService, ask, book, rufbus, write_grid_town

from dispatch.supervisor import ServiceState

pytestmark = [pytest.mark.crash, pytest.mark.slow]

RECOVERY_S = 60.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("towns")
    towns = [write_grid_town(folder / name, vehicles=2) for name in ("grid", "other")]
    arguments = [word for town in towns for word in ("--town", str(town))]
    running = RunningService(folder / "var", towns[0], (*arguments, "--web-workers", "2"))
    running.import_grid()
    with running:
        yield running


def urls(service: RunningService) -> list[str]:
    return re.findall(r"is served at (\S+)", service.output())


def pids(service: RunningService) -> dict[str, int]:
    state = ServiceState.read(service.var)
    assert state is not None
    return dict(state.processes)


def offer(client: httpx.Client, number: int) -> str:
    stops = client.get("/api/v1/stops").json()["stops"]
    return str(ask(client, stops, number).json()["offers"][0]["id"])


def test_each_town_has_its_own_processes_and_rides(service: RunningService) -> None:
    for role in ("dispatcher", "web", "web-2", "messenger", "optimiser"):
        for town in ("grid", "other"):
            assert f"{role}-{town}" in pids(service)
    here, there = (httpx.Client(base_url=url, timeout=10) for url in urls(service))
    with here, there:
        mine = offer(here, 3)
        assert book(there, mine, "a").status_code == 404
        made = book(here, mine, "a")
        assert made.status_code == 201
        assert there.get(f"/api/v1/bookings/{made.json()['id']}").status_code == 404
        assert book(there, offer(there, 4), "b").status_code == 201
        names = [each.get("/api/v1/service").json()["id"] for each in (here, there)]
        assert names == ["grid", "other"]
    for town in (service.town, service.town.with_name("other")):
        audit = rufbus("audit", env=service.environment() | {"RUFBUS_TOWN": str(town)})
        assert audit.returncode == 0, audit.stdout + audit.stderr


def test_a_killed_web_process_is_missed_by_nobody_who_comes_later(
    service: RunningService,
) -> None:
    url = urls(service)[0]
    failed: list[str] = []
    served = 0
    stop = threading.Event()

    def visit() -> None:
        nonlocal served
        while not stop.wait(0.02):
            try:
                # a connection of its own each time: whoever accepts it answers
                if not httpx.get(f"{url}/api/v1/service", timeout=10).is_success:
                    failed.append("no success")
                served += 1
            except httpx.ConnectError as error:
                failed.append(repr(error))
            except httpx.HTTPError:
                pass  # it was being answered by the one that was killed

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        others = {name: pid for name, pid in pids(service).items() if name != "web-grid"}
        killed = service.kill("web-grid")
        deadline = time.monotonic() + RECOVERY_S
        while time.monotonic() < deadline and pids(service).get("web-grid", killed) == killed:
            time.sleep(0.1)
        before = served
        time.sleep(2)
        assert served > before
    finally:
        stop.set()
        visitor.join(20)
    assert failed == []
    after = pids(service)
    assert after["web-grid"] != killed
    assert {name: after[name] for name in others} == others, "nobody else was restarted"


def test_guesses_count_over_both_processes(service: RunningService) -> None:
    url = urls(service)[1]
    path = f"{url}/api/v1/bookings/by-code/ZZZZZZ/cancel"
    codes = []
    for _ in range(8):
        answer = httpx.post(path, json={"phone_digits": "0000"}, timeout=10)
        codes.append(answer.status_code)
    assert codes == [403] * 5 + [429] * 3


def test_the_control_rooms_of_two_towns_are_open_in_one_browser(service: RunningService) -> None:
    here, there = urls(service)
    other = service.environment() | {"RUFBUS_TOWN": str(service.town.with_name("other"))}
    tokens = [
        service.control_token,
        rufbus("token", "create", "--role", "control", env=other).stdout.strip(),
    ]
    with httpx.Client(timeout=10) as browser:  # like a browser, it tells hosts apart, not ports
        for url, token in zip((here, there), tokens, strict=True):
            assert browser.post(f"{url}/control/session", json={"token": token}).is_success
        for url in (here, there):
            assert browser.get(f"{url}/api/v1/plan").is_success
    assert not Path(service.var / "planner-grid").exists()
