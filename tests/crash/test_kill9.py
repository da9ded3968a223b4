"""kill -9 of each process under load: what was acknowledged is there, once, and stays the same."""

import itertools
import threading
import time
from dataclasses import dataclass, field

import httpx
import pytest
from running_service import RunningService, ask, book, canonical

from dispatch.supervisor import ServiceState

pytestmark = [pytest.mark.crash, pytest.mark.slow]

RIDERS = 4
LOAD_BEFORE_S, LOAD_AFTER_S = 1.5, 3.0
RECOVERY_S = 30.0
_numbers = itertools.count()


@dataclass
class Acknowledged:
    """What the service has said yes to."""

    bookings: dict[str, httpx.Response] = field(default_factory=dict)
    offers: dict[str, str] = field(default_factory=dict)
    refused: int = 0
    unsure: int = 0


def ride(service: RunningService, stop: threading.Event, seen: Acknowledged) -> None:
    """Ask and book again and again; an error of the service is repeated with the same key."""
    with httpx.Client(base_url=service.url, timeout=5) as client:
        stops: list[dict[str, object]] = []
        while not stop.is_set():
            number = next(_numbers)
            try:
                stops = stops or client.get("/api/v1/stops").json()["stops"]
                asked = ask(client, stops, number)
                offers = asked.json().get("offers") or []
                if not offers:
                    seen.refused += 1
                    time.sleep(0.02)
                    continue
                key = f"crash-{number}"
                seen.offers[key] = offers[0]["id"]
                answer = book(client, offers[0]["id"], key)
                if answer.status_code == httpx.codes.CREATED:
                    seen.bookings[key] = answer
                elif answer.is_server_error:
                    seen.unsure += 1
            except (httpx.HTTPError, ValueError):
                seen.unsure += 1
                time.sleep(0.05)


def wait_until_healthy(service: RunningService, name: str, killed: int) -> None:
    deadline = time.monotonic() + RECOVERY_S
    while time.monotonic() < deadline:
        state = ServiceState.read(service.var)
        replaced = state is not None and state.processes.get(name) not in (None, killed)
        try:
            if replaced and httpx.get(f"{service.url}/healthz", timeout=1).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    pytest.fail(f"{name} did not come back within {RECOVERY_S} s:\n{service.output()}")


@pytest.mark.parametrize("victim", ["dispatcher", "web", "redis", "postgres"])
def test_nothing_acknowledged_is_lost(service: RunningService, victim: str) -> None:
    seen, stop = Acknowledged(), threading.Event()
    riders = [threading.Thread(target=ride, args=(service, stop, seen)) for _ in range(RIDERS)]
    for thread in riders:
        thread.start()
    time.sleep(LOAD_BEFORE_S)
    before = len(seen.bookings)
    killed = service.kill(victim)
    time.sleep(LOAD_AFTER_S)
    wait_until_healthy(service, victim, killed)
    stop.set()
    for thread in riders:
        thread.join(30)
    assert before > 0, "there was no load before the kill"
    with httpx.Client(base_url=service.url, timeout=10) as client:
        for key, answer in seen.bookings.items():
            booking = answer.json()
            found = client.get(f"/api/v1/bookings/{booking['id']}")
            assert found.status_code == httpx.codes.OK
            assert canonical(found.json()["promise"]) == canonical(booking["promise"])
            again = book(client, seen.offers[key], key)
            assert again.status_code == httpx.codes.CREATED
            assert again.content == answer.content, "the same key answers the same body"
        for key in seen.offers.keys() - seen.bookings.keys():
            book(client, seen.offers[key], key)  # who was unsure asks again: yes once, or no
        stops = client.get("/api/v1/stops").json()["stops"]
        assert ask(client, stops, 3).status_code == httpx.codes.CREATED
    ids = [answer.json()["id"] for answer in seen.bookings.values()]
    assert len(set(ids)) == len(ids)
    audit = service.audit()
    assert audit.returncode == 0, audit.stdout + audit.stderr


def test_a_restart_of_everything_continues_where_it_was(service: RunningService) -> None:
    with httpx.Client(base_url=service.url, timeout=10) as client:
        stops = client.get("/api/v1/stops").json()["stops"]
        bookings = []
        for number in range(20):
            offers = ask(client, stops, 1000 + number).json()["offers"]
            if offers:
                bookings.append(book(client, offers[0]["id"], f"restart-{number}").json())
    assert bookings
    assert service.process is not None
    service.process.kill()
    service.process.wait(10)
    service.start()
    with httpx.Client(base_url=service.url, timeout=10) as client:
        for booking in bookings:
            found = client.get(f"/api/v1/bookings/{booking['id']}").json()
            assert found["code"] == booking["code"]
            assert canonical(found["promise"]) == canonical(booking["promise"])
    assert service.audit().returncode == 0
