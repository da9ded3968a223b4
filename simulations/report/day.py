"""A simulated day as the report looks at it: vehicles with what they did, minute by minute."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from dispatch.domain.rules import DAY_S
from simulations.records import Record
from simulations.runner import Result
from simulations.world import Leg

HOUR_S = 3600
EMPTY, STANDING, BREAK, BROKEN = "empty", "standing", "break", "broken"
LOADS = ("1", "2", "3", "4+")
STATES = (STANDING, BREAK, BROKEN, EMPTY, *LOADS)
"""All that a vehicle on its shift can be doing."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Driven:
    """A leg with the passengers on board."""

    leg: Leg
    persons: int


@dataclass(frozen=True, eq=False, slots=True)
class VehicleDay:
    """What one vehicle did; spans are (from, to) in epoch seconds, in order of time.

    `stays` are halts with somebody on board who rides on: (from, to, passengers).
    """

    vehicle_id: str
    name: str
    shifts: Sequence[Span]
    breaks: Sequence[Span]
    standstills: Sequence[Span]
    legs: Sequence[Driven]
    stays: Sequence[tuple[int, int, int]]
    served: Sequence[Record]

    @property
    def length_m(self) -> float:
        """All driving."""
        return sum(d.leg.length_m for d in self.legs)

    @property
    def empty_m(self) -> float:
        """Driving with nobody on board."""
        return sum(d.leg.length_m for d in self.legs if not d.leg.booking_ids)

    @property
    def staffed_s(self) -> int:
        """Time on shift less breaks."""
        return sum(b - a for a, b in self.shifts) - sum(b - a for a, b in self.breaks)

    def spans(self) -> dict[str, list[Span]]:
        """What the vehicle was doing, by state; later states of `STATES` lie over earlier ones.

        A vehicle that breaks down on its way is shown as broken only while it stands.
        """
        found: dict[str, list[Span]] = {state: [] for state in STATES}
        found[STANDING] = list(self.shifts)
        found[BREAK] = list(self.breaks)
        found[BROKEN] = list(self.standstills)
        for driven in self.legs:
            pieces = without((driven.leg.from_s, driven.leg.to_s), self.standstills)
            found[load_state(driven.persons)] += pieces
        for from_s, to_s, persons in self.stays:
            found[load_state(persons)].append((from_s, to_s))
        return found


@dataclass(frozen=True, eq=False, slots=True)
class DayView:
    """The day.

    Attributes:
        result: the run.
        from_s, to_s: whole local hours around everything that vehicles did.
        vehicles: those on duty that day, in the order of the town's configuration.
    """

    result: Result
    from_s: int
    to_s: int
    vehicles: Sequence[VehicleDay]

    @property
    def records(self) -> Sequence[Record]:
        """Every request."""
        return self.result.analysis.records

    def hour(self, at_s: float) -> float:
        """An instant as hours after local midnight; goes on beyond 24."""
        return (at_s - self.result.midnight_s) / HOUR_S

    def local_hour(self, at_s: int) -> int:
        """The hour on the town's clocks."""
        return datetime.fromtimestamp(at_s, self.result.config.timezone).hour


def view_of(result: Result) -> DayView:
    """Sort a run by vehicle."""
    midnight_s, book = result.midnight_s, result.analysis.book
    persons = {r.booking_id: r.persons for r in result.analysis.records if r.booking_id}
    day = {s.id: s for s in book.shifts.values() if midnight_s <= s.start_s < midnight_s + DAY_S}
    legs: dict[str, list[Driven]] = {}
    for leg in sorted(result.day.legs, key=lambda leg: (leg.from_s, leg.to_s)):
        if leg.shift_id in day:
            driven = Driven(leg, sum(persons[i] for i in leg.booking_ids))
            legs.setdefault(day[leg.shift_id].vehicle_id, []).append(driven)
    rests, stands = _pauses(result)
    served: dict[str, list[Record]] = {}
    for record in result.analysis.records:
        if record.served and record.vehicle_id is not None:
            served.setdefault(record.vehicle_id, []).append(record)
    spans: dict[str, list[tuple[str, Span]]] = {}
    for shift in sorted(day.values(), key=lambda s: s.start_s):
        span = (shift.start_s, min(shift.end_s, max(shift.start_s, result.day.done_s)))
        spans.setdefault(shift.vehicle_id, []).append((shift.id, span))
    vehicles = [
        VehicleDay(
            vehicle_id=vehicle.id,
            name=vehicle.name or vehicle.id,
            shifts=[span for _, span in spans[vehicle.id]],
            breaks=sorted(s for i, _ in spans[vehicle.id] for s in rests.get(i, [])),
            standstills=sorted(s for i, _ in spans[vehicle.id] for s in stands.get(i, [])),
            legs=legs.get(vehicle.id, []),
            stays=_stays(legs.get(vehicle.id, []), persons),
            served=served.get(vehicle.id, []),
        )
        for vehicle in result.config.vehicles
        if vehicle.id in spans
    ]
    return _framed(result, vehicles)


def _stays(legs: Sequence[Driven], persons: Mapping[str, int]) -> list[tuple[int, int, int]]:
    """Halts between two legs with somebody on board on both of them."""
    found = []
    for before, after in pairwise(driven.leg for driven in legs):
        kept = sum(persons[i] for i in set(before.booking_ids) & set(after.booking_ids))
        if kept and before.to_s < after.from_s:
            found.append((before.to_s, after.from_s, kept))
    return found


def _framed(result: Result, vehicles: Sequence[VehicleDay]) -> DayView:
    """The view from the whole hour before the first to that after the last thing."""
    instants = [s for v in vehicles for span in v.shifts for s in span]
    instants += [s for v in vehicles for d in v.legs for s in (d.leg.from_s, d.leg.to_s)]
    wished = [r.wished_s for r in result.analysis.records]
    instants += [s for s in wished if 0 <= s - result.midnight_s < DAY_S]
    first_s, last_s = min(instants, default=0), max(instants, default=0)
    from_s, to_s = result.midnight_s, result.midnight_s + DAY_S
    if last_s > first_s:
        from_s += (first_s - result.midnight_s) // HOUR_S * HOUR_S
        to_s = result.midnight_s - (result.midnight_s - last_s) // HOUR_S * HOUR_S
    return DayView(result, from_s, to_s, vehicles)


def _pauses(result: Result) -> tuple[dict[str, list[Span]], dict[str, list[Span]]]:
    """Breaks and standstills by shift; of an unfinished day only what has happened."""
    done_s = result.day.done_s
    rests, stands = dict[str, list[Span]](), dict[str, list[Span]]()
    for shift_id, spans in result.analysis.book.rests.items():
        rests[shift_id] = [(a, min(b, done_s)) for a, b in spans if a < done_s]
    for shift_id, a, b in result.day.standstills:
        if a < done_s:
            stands.setdefault(shift_id, []).append((a, min(b, done_s)))
    return rests, stands


def load_state(persons: int) -> str:
    """The state of a vehicle with so many passengers on board."""
    return EMPTY if persons == 0 else LOADS[min(persons, len(LOADS)) - 1]


def without(span: Span, holes: Sequence[Span]) -> list[Span]:
    """What is left of a span outside of others, which are in order."""
    left, pieces = span[0], []
    for from_s, to_s in holes:
        if to_s <= left or from_s >= span[1]:
            continue
        if from_s > left:
            pieces.append((left, from_s))
        left = min(to_s, span[1])
    if left < span[1]:
        pieces.append((left, span[1]))
    return pieces


def counts(vehicles: Sequence[VehicleDay], at_s: Sequence[int]) -> dict[str, list[int]]:
    """How many vehicles are in each state at some instants."""
    found = {state: [0] * len(at_s) for state in STATES}
    for vehicle in vehicles:
        spans = {state: sorted(s) for state, s in vehicle.spans().items()}
        starts = {state: [a for a, _ in s] for state, s in spans.items()}
        for number, instant in enumerate(at_s):
            for state in reversed(STATES):
                place = bisect_right(starts[state], instant) - 1
                if place >= 0 and instant < spans[state][place][1]:
                    found[state][number] += 1
                    break
    return found
