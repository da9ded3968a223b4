"""Drivers of a simulated week: they follow their manifests and report what happens, good or bad."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from random import Random
from typing import Final

from simulations.processes import Processes
from simulations.week.book import Book, End, Ride
from simulations.week.calls import Calls
from simulations.week.ledger import Json
from simulations.week.riders import instant
from simulations.week.timeline import Timeline
from simulations.week.vehicles import Roads, Wheel

_VEHICLE: Final = "vehicle"
_LOOK_S: Final = 150
"""How often a driver looks at the manifest while nothing is due."""
_IDLE_LOOK_S: Final = 3600
_SOON_S: Final = 5
_AGAIN_S: Final = 30
_REPORT_S: Final = 45
_REPORT_REAL_S: Final = 0.25  # the service takes five reports a second
_WAITS_S: Final = 175
"""A rider who is later than this is not waited for."""
_SHORT_S: Final = 600


@dataclass(frozen=True, slots=True)
class Chances:
    """How often drivers meet what; shares, 0 where nothing is to go wrong.

    Attributes:
        late_start: of shifts that begin some minutes late.
        blocked: of halts that cannot be made.
        walk_on: of halts at which somebody without a booking waits.
        silent_break: of breaks that nobody reports.
        own_break: of shifts with a break taken at once or put off.
        radio_hole: of reports that are held back for a while.
    """

    late_start: float = 0.1
    blocked: float = 0.01
    walk_on: float = 0.015
    silent_break: float = 0.3
    own_break: float = 0.25
    radio_hole: float = 0.1


CALM: Final = Chances(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(slots=True)
class Worked:
    """What the driver of a shift did, in epoch seconds.

    Attributes:
        started_s: when it began.
        until_s: when it was meant to end as it began.
        ended_s: when it ended, 0 = the driver does not know.
        breaks: (begin, end) by visit.
    """

    started_s: int
    until_s: int
    ended_s: int = 0
    breaks: dict[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(slots=True)
class Journal:
    """What drivers wrote down by themselves.

    Attributes:
        shifts: by shift id.
        overloaded: more people on board than the vehicle holds.
        outages: how often a vehicle was taken out of service.
        aboard_lost: how many parties were on board of it then.
        delays: how often one stood still for a while.
        swaps: how often a spare took over.
        blocked: halts that could not be made.
        walk_ons: riders taken at the door.
    """

    shifts: dict[str, Worked] = field(default_factory=dict)
    overloaded: list[str] = field(default_factory=list)
    outages: int = 0
    aboard_lost: int = 0
    delays: int = 0
    swaps: int = 0
    blocked: int = 0
    walk_ons: int = 0


class Drivers:
    """All vehicles of the town.

    Args:
        timeline: when they act.
        calls: how they reach the service.
        book: whom they carry.
        roads: what they drive on.
        processes: what disturbs them.
        rng: what else they meet.
        chances: how often.
    """

    def __init__(
        self,
        timeline: Timeline,
        calls: Calls,
        book: Book,
        roads: Roads,
        processes: Processes,
        rng: Random,
        *,
        chances: Chances,
    ) -> None:
        self._timeline = timeline
        self._calls = calls
        self._book = book
        self._roads = roads
        self._processes = processes
        self._rng = rng
        self._chances = chances
        self._wheels: dict[str, Wheel] = {}
        self._fits: dict[str, Sequence[Json]] = {}
        self._spares: list[str] = []
        self.journal = Journal()

    def staff(self, fleet: Iterable[Json]) -> None:
        """Give every vehicle of the fleet, as the API lists it, a driver."""
        for vehicle in fleet:
            wheel = Wheel(vehicle["id"])
            self._wheels[wheel.vehicle_id] = wheel
            self._fits[wheel.vehicle_id] = vehicle["configurations"]
            if vehicle["spare"]:
                self._spares.append(wheel.vehicle_id)
            self._look_at(wheel, self._timeline.now_s + _AGAIN_S)

    # -- a driver's turn

    def _look_at(self, wheel: Wheel, due_s: int) -> None:
        """Have the driver look next at `due_s`, and not when it was meant before."""
        wheel.turn += 1
        self._timeline.at(due_s, partial(self._step, wheel, wheel.turn))

    async def _step(self, wheel: Wheel, turn: int) -> None:
        async with wheel.busy:
            plan = await self._calls.get(f"/vehicles/{wheel.vehicle_id}/plan", _VEHICLE)
            next_s = await self._act(wheel, plan) if plan else self._timeline.now_s + _AGAIN_S
        if turn == wheel.turn:
            self._look_at(wheel, max(next_s, self._timeline.now_s + _SOON_S))

    async def _act(self, wheel: Wheel, plan: Json) -> int:
        """Do what is due; when to look again."""
        now_s = self._timeline.now_s
        if plan["out_of_service"]:
            return now_s + _LOOK_S
        shifts = plan["shifts"]
        active = next((s for s in shifts if s["status"] == "active"), None)
        if wheel.shift_id and (active is None or active["id"] != wheel.shift_id):
            self._ended(wheel.shift_id)  # the service has closed it
            wheel.shift_id = ""
        if active is None:
            return await self._before(wheel, shifts)
        if wheel.shift_id != active["id"] or wheel.place is None:
            self._roads.take_up(wheel, active)
        for visit in active["visits"][:1]:
            if visit["arrived_at"] is None:
                return await self._drive(wheel, active, visit)
            wheel.at_s = max(wheel.at_s, instant(visit["arrived_at"]))
            if visit["kind"] == "break":
                self._rest(active, visit)
                return min(now_s + _LOOK_S, instant(visit["depart"]) + 1)
            return await self._serve(wheel, visit)
        return await self._after(wheel, active)

    async def _before(self, wheel: Wheel, shifts: Sequence[Json]) -> int:
        """Begin the next shift, if it is time."""
        now_s = self._timeline.now_s
        if not shifts:
            return now_s + _IDLE_LOOK_S
        shift = shifts[0]
        dice = Random(f"start {shift['id']}")  # noqa: S311 - reproducible, no secret
        late_s = dice.randrange(60, 600) if dice.random() < self._chances.late_start else 0
        start_s = instant(shift["start"]) + late_s
        if start_s > now_s:
            return min(start_s, now_s + _IDLE_LOOK_S)
        path = f"/vehicles/{wheel.vehicle_id}/shifts/{shift['id']}/start"
        answer = await self._calls.post(path, role=_VEHICLE)
        if not answer.is_yes:
            return now_s + 4 * _AGAIN_S
        self._roads.take_up(wheel, shift)
        wheel.at_s, wheel.drives = self._timeline.now_s, 0
        self._worked(shift)
        self._expect_trouble(wheel, shift)
        return now_s

    async def _after(self, wheel: Wheel, shift: Json) -> int:
        """Nothing is left to do: wait for more, or go home."""
        now_s = self._timeline.now_s
        over_s = max(instant(shift["end"]), self._roads.home_s(wheel, shift))
        if now_s < over_s:
            return min(over_s, now_s + _LOOK_S)
        path = f"/vehicles/{wheel.vehicle_id}/shifts/{shift['id']}/end"
        answer = await self._calls.post(path, role=_VEHICLE)
        if answer.is_yes:
            self._ended(shift["id"])
            wheel.shift_id = ""
        return now_s + _AGAIN_S

    def _worked(self, shift: Json) -> Worked:
        """What a driver writes down about a shift, from its beginning on."""
        known = self.journal.shifts.get(shift["id"])
        if known is None:
            known = Worked(self._timeline.now_s, instant(shift["end"]))
            self.journal.shifts[shift["id"]] = known
        return known

    def _ended(self, shift_id: str) -> None:
        worked = self.journal.shifts.get(shift_id)
        if worked is not None and not worked.ended_s:
            worked.ended_s = self._timeline.now_s

    # -- under way

    async def _drive(self, wheel: Wheel, shift: Json, visit: Json) -> int:
        now_s = self._timeline.now_s
        if wheel.bound_for != visit["id"]:
            wheel.bound_for = visit["id"]
            wheel.due.clear()
            wheel.drives += 1
            hour = datetime.fromisoformat(shift["start"]).hour
            wheel.factor = self._processes.drive_factor(shift["id"], wheel.drives, hour)
            if visit["kind"] == "stop" and self._met(self._chances.blocked):
                return await self._cannot_halt(wheel, visit)
            if visit["kind"] == "break" and self._met(self._chances.own_break):
                await self._arrange_break(wheel, visit)
                return now_s
        there_s = self._roads.drive(wheel, shift, visit, now_s)
        await self._report(wheel)
        if there_s is not None:
            return min(there_s, now_s + _LOOK_S)
        if visit["kind"] == "break":
            begins_s = instant(visit["arrive"])
            if now_s < begins_s:
                return min(begins_s, now_s + _LOOK_S)
            if Random(visit["id"]).random() < self._chances.silent_break:  # noqa: S311
                return now_s + _AGAIN_S
        path = f"/vehicles/{wheel.vehicle_id}/visits/{visit['id']}/arrived"
        answer = await self._calls.post(path, role=_VEHICLE)
        wheel.at_s = self._timeline.now_s
        return self._timeline.now_s + (_SOON_S if answer.is_yes else _AGAIN_S)

    async def _report(self, wheel: Wheel) -> None:
        """Send where the vehicle has been, unless it has just done so or is in a radio hole."""
        if not wheel.trail:
            return
        held_s = wheel.trail[-1][0] - wheel.trail[0][0]
        too_soon = time.monotonic() - wheel.told_real_s < _REPORT_REAL_S
        hole = held_s < 4 * _REPORT_S and self._met(self._chances.radio_hole)
        if too_soon or hole:
            return
        wheel.told_real_s = time.monotonic()
        zone = self._roads.network.hours.timezone
        fixes = [
            {"lon": lon, "lat": lat, "at": datetime.fromtimestamp(at_s, zone).isoformat()}
            for at_s, lon, lat in wheel.trail
        ]
        wheel.trail = []
        await self._calls.once(f"/vehicles/{wheel.vehicle_id}/positions", fixes, _VEHICLE)

    async def _cannot_halt(self, wheel: Wheel, visit: Json) -> int:
        path = f"/vehicles/{wheel.vehicle_id}/visits/{visit['id']}/not-served"
        reason = self._rng.choice(("road_blocked", "stop_unusable"))
        answer = await self._calls.post(path, {"reason": reason}, _VEHICLE)
        self.journal.blocked += answer.is_yes
        return self._timeline.now_s

    async def _arrange_break(self, wheel: Wheel, visit: Json) -> None:
        path = f"/vehicles/{wheel.vehicle_id}/breaks"
        if self._met(0.5):
            await self._calls.post(f"{path}/now", role=_VEHICLE)
            return
        later_s = instant(visit["arrive"]) + self._rng.randrange(300, 2400)
        zone = self._roads.network.hours.timezone
        until = datetime.fromtimestamp(later_s, zone).isoformat()
        await self._calls.post(f"{path}/postpone", {"until": until}, _VEHICLE)

    def _rest(self, shift: Json, visit: Json) -> None:
        """Note a break as long as it takes."""
        self._worked(shift).breaks[visit["id"]] = (
            instant(visit["arrived_at"]),
            instant(visit["depart"]),
        )

    # -- at a stop

    async def _serve(self, wheel: Wheel, visit: Json) -> int:
        """Let riders off and on, each when that is done; when the next one is."""
        now_s = self._timeline.now_s
        due = [now_s + _LOOK_S]
        for rider in visit["alighting"]:
            done_s = instant(rider["done"])
            if done_s <= now_s:
                await self._alight(wheel, rider["booking_id"])
                return now_s
            due.append(done_s)
        for rider in visit["boarding"]:
            ride = self._book.ride(rider["booking_id"])
            comes = ride.fate.comes and ride.fate.late_s < _WAITS_S
            after_s = ride.fate.late_s if comes else _WAITS_S + 10
            done_s = wheel.due.setdefault(ride.id, instant(rider["done"]) + after_s)
            if done_s <= now_s:
                wheel.due.pop(ride.id)
                return await (self._board if comes else self._miss)(wheel, ride)
            due.append(done_s)
        if self._met(self._chances.walk_on):
            await self._walk_on(wheel, visit)
        return min(due)

    async def _board(self, wheel: Wheel, ride: Ride) -> int:
        path = f"/bookings/{ride.id}/boarded"
        come = None if ride.party is None else {"party": ride.party}
        answer = await self._calls.post(path, come, _VEHICLE)
        if answer.code == "vehicle_full" and come is not None:
            ride.party = None
            answer = await self._calls.post(path, None, _VEHICLE)
        if not answer.is_yes:
            return self._timeline.now_s + _AGAIN_S
        self._aboard(wheel, ride.id, answer.body["party"])
        return self._timeline.now_s

    def _aboard(self, wheel: Wheel, booking_id: str, party: Json) -> None:
        wheel.aboard[booking_id] = party
        seats = sum(p["seats"] for p in wheel.aboard.values())
        wheelchairs = sum(p["wheelchairs"] for p in wheel.aboard.values())
        if not any(
            seats <= fit["seats"] and wheelchairs <= fit["wheelchairs"]
            for fit in self._fits[wheel.vehicle_id]
        ):
            self.journal.overloaded.append(
                f"{wheel.vehicle_id} carried {seats} seats and {wheelchairs} wheelchairs after "
                f"{booking_id} had got on"
            )

    async def _alight(self, wheel: Wheel, booking_id: str) -> None:
        answer = await self._calls.post(f"/bookings/{booking_id}/alighted", role=_VEHICLE)
        if answer.is_yes:
            wheel.aboard.pop(booking_id, None)
            self._book.ride(booking_id).end = End.COMPLETED

    async def _miss(self, wheel: Wheel, ride: Ride) -> int:
        answer = await self._calls.post(f"/bookings/{ride.id}/no-show", role=_VEHICLE)
        if answer.is_yes:
            ride.end = End.NO_SHOW
            return self._timeline.now_s
        wait_s = answer.body.get("params", {}).get("wait_s", _AGAIN_S)
        wheel.due[ride.id] = self._timeline.now_s + int(wait_s)
        return wheel.due[ride.id]

    async def _walk_on(self, wheel: Wheel, visit: Json) -> None:
        stops = [s.id for s in self._roads.network.stops if s.bookable]
        target = self._rng.choice([s for s in stops if s != visit["stop"]["stop_id"]])
        body = {"destination": {"stop_id": target}, "party": {"seats": 1, "wheelchairs": 0}}
        path = f"/vehicles/{wheel.vehicle_id}/walk-ons"
        answer = await self._calls.post(path, body, _VEHICLE)
        if answer.is_yes:
            self.journal.walk_ons += 1
            ride = self._book.made(answer.body, None, walked_on=True)
            self._aboard(wheel, ride.id, answer.body["party"])

    # -- trouble

    def _expect_trouble(self, wheel: Wheel, shift: Json) -> None:
        start_s, end_s = instant(shift["start"]), instant(shift["end"])
        for from_s, to_s in self._processes.standstills(shift["id"], start_s, end_s):
            if to_s - from_s <= _SHORT_S:
                self._timeline.at(from_s, partial(self._stand_still, wheel, to_s))
            else:
                self._timeline.at(from_s, partial(self._break_down, wheel, to_s))

    async def _stand_still(self, wheel: Wheel, until_s: int) -> None:
        self.journal.delays += 1
        wheel.stuck_until_s = until_s

    async def _break_down(self, wheel: Wheel, until_s: int) -> None:
        async with wheel.busy:
            await self._go_out(wheel, until_s)

    async def _go_out(self, wheel: Wheel, until_s: int) -> None:
        """Out of service; a spare may take over; later the vehicle is back."""
        vehicle = f"/vehicles/{wheel.vehicle_id}"
        swap = bool(self._spares) and self._met(0.4)
        if swap:
            spare_id = self._rng.choice(self._spares)
            body = {"spare_vehicle_id": spare_id, "reason": "breakdown"}
            answer = await self._calls.post(f"{vehicle}/swap", body, _VEHICLE)
            swap = answer.is_yes
            if swap:
                self.journal.swaps += 1
                self._look_at(self._wheels[spare_id], self._timeline.now_s + _SOON_S)
        reason = self._rng.choice(("breakdown", "accident", "soiled", "no_driver"))
        answer = await self._calls.post(f"{vehicle}/out-of-service", {"reason": reason}, _VEHICLE)
        if not answer.is_yes:
            return
        self.journal.outages += 1
        self.journal.aboard_lost += len(wheel.aboard)
        wheel.aboard.clear()
        if swap:
            self._ended(wheel.shift_id)
        self._timeline.at(until_s, partial(self._go_on, wheel))

    async def _go_on(self, wheel: Wheel) -> None:
        async with wheel.busy:
            await self._calls.post(f"/vehicles/{wheel.vehicle_id}/back-in-service", role=_VEHICLE)
            wheel.bound_for, wheel.place = "", None  # its driver looks anew where it is

    def _met(self, share: float) -> bool:
        return share > 0 and self._rng.random() < share
