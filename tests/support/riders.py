"""Riders and a driver at the gateway, who write down what they ask and what they are told.

Whoever comes after a crash with the same journal asks the very same again.
"""

import asyncio
import json
import os
from pathlib import Path
from random import Random
from typing import Any

from dispatch.domain import commands as co
from dispatch.domain.model import ActionKind, Party, ShiftStatus, Spot
from dispatch.live.gateway import Contact, Gateway
from dispatch.store.codec import command_from_json, command_to_json
from dispatch.store.errors import AnswerPendingError, OverloadedError, StoreUnavailableError
from dispatch.store.inbox import Outcome

RIDERS = 3
RIDES = 2
PATIENCE_S = 2.0


class Journal:
    """A file that outlives its writer: each line is written at once, whole."""

    def __init__(self, path: Path) -> None:
        self.intended: dict[str, dict[str, Any]] = {}
        self.told: dict[str, dict[str, Any]] = {}
        self.contradictions: list[str] = []
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                self._read(json.loads(line))
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _read(self, entry: dict[str, Any]) -> None:
        key = entry["key"]
        if "command" in entry:
            self.intended.setdefault(key, entry["command"])
        elif self.told.setdefault(key, entry["told"]) != entry["told"]:
            self.contradictions.append(f"{key}: {self.told[key]} / {entry['told']}")

    def write(self, **entry: Any) -> None:
        os.write(self._file, (json.dumps(entry) + "\n").encode())
        self._read(entry)


async def ask(gateway: Gateway, journal: Journal, key: str, command: co.Command) -> Outcome:
    """What a careful client does: again with the same key until there is an answer."""
    if known := journal.intended.get(key):
        command = command_from_json(known)
    else:
        journal.write(key=key, command=command_to_json(command))
    contact = (
        Contact("Ada", email="ada@example.org") if isinstance(command, co.AcceptOffer) else None
    )
    while True:
        try:
            outcome = await gateway.submit(command, key=key, contact=contact, timeout_s=PATIENCE_S)
        except (AnswerPendingError, OverloadedError, StoreUnavailableError):
            await asyncio.sleep(0.02)
        else:
            journal.write(key=key, told=outcome.to_json())
            return outcome


async def ride_all(gateway: Gateway, journal: Journal, stops: list[str], seed: int) -> None:
    """All riders and the driver, to the end."""
    riders = [_ride(gateway, journal, stops, Random(f"{seed}-{n}"), f"r{n}") for n in range(RIDERS)]
    await asyncio.gather(*riders, _drive(gateway, journal))


async def _ride(
    gateway: Gateway, journal: Journal, stops: list[str], rng: Random, name: str
) -> None:
    for n in range(RIDES):
        origin, destination = rng.sample(stops, 2)
        wish = co.RequestRide(Spot(8.0, 51.75, origin), Spot(8.0, 51.75, destination), Party(1))
        asked = await ask(gateway, journal, f"{name}-{n}-ask", wish)
        offers = (asked.body or {}).get("offers") or []
        if not offers:
            continue
        take = co.AcceptOffer(offers[0]["id"], "")
        taken = await ask(gateway, journal, f"{name}-{n}-take", take)
        if taken.body is not None and n % 2:
            cancel = co.CancelBooking(taken.body["id"], "rider")
            await ask(gateway, journal, f"{name}-{n}-cancel", cancel)


async def _drive(gateway: Gateway, journal: Journal) -> None:
    """Begin a shift, and make the first halt of whatever is planned by then."""
    shifts = await gateway.shifts([ShiftStatus.PLANNED, ShiftStatus.ACTIVE])
    if not shifts:
        await asyncio.sleep(0.01)
        await _drive(gateway, journal)
        return
    shift = shifts[0]
    await ask(gateway, journal, "drive-start", co.StartShift(shift.vehicle_id, shift.id))
    for n in range(3):
        visits = [v for s in await gateway.shifts([ShiftStatus.ACTIVE]) for v in s.visits]
        if visits:
            arrive = co.ReportArrived(shift.vehicle_id, visits[0].id)
            await ask(gateway, journal, f"drive-{n}-arrive", arrive)
            for booking_id in visits[0].booking_ids(ActionKind.PICKUP)[:1]:
                await ask(gateway, journal, f"drive-{n}-board", co.ReportBoarded(booking_id))
        await asyncio.sleep(0.02)
