"""Independent check of claimed plans: recomputes everything in plain Python and names each breach.

Slow on purpose and free of the kernels' code: only the records are shared. It accepts any schedule
that keeps the rules, not only the earliest one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from routing.plans.records import Action, Booking, Vehicle, Weights

Rule = Literal[
    "shape",
    "unknown_booking",
    "unknown_vehicle",
    "exactly_once",
    "precedence",
    "one_vehicle",
    "boarded_vehicle",
    "lock",
    "driving",
    "dwell",
    "pickup_window",
    "dropoff_earliest",
    "arrival_latest",
    "max_ride",
    "break",
    "capacity",
    "shift_end",
    "max_route",
    "cost",
]

_NO_WAY_S = 2**30  # legs this long stand for "there is none"


class Violation(NamedTuple):
    """One broken rule: its name, the vehicle (and position) or booking, and the figures."""

    rule: Rule
    where: str
    detail: str


@dataclass(frozen=True)
class World:
    """What all vehicles share; units and meaning as in `problem.build_problem`."""

    matrix_s: Sequence[Sequence[int]]
    base_s: int
    speed_permille: Sequence[int]
    setup_s: int
    weights: Weights


@dataclass(frozen=True)
class ClaimedRoute:
    """What a vehicle is said to do, and when; index k is the k-th action."""

    vehicle: str
    actions: tuple[Action, ...]
    start_s: tuple[int, ...]
    end_s: tuple[int, ...]
    depot_arrival_s: int
    cost: int | None = None


def verify_plan(
    world: World,
    vehicles: Sequence[Vehicle],
    bookings: Mapping[str, Booking],
    claims: Sequence[ClaimedRoute],
) -> list[Violation]:
    """Check a whole plan: every route, and every booking on exactly one of them.

    Args:
        world: travel times, traffic, set-up time, weights.
        vehicles: with the routes they had before (for locks and riders on board).
        bookings: everything that must be carried, by id.
        claims: one per vehicle; a vehicle without one is not examined.

    Returns:
        All violations, in the order of claims and positions; empty if the plan holds.
    """
    found: list[Violation] = []
    by_id = {vehicle.id: vehicle for vehicle in vehicles}
    for vehicle_id, count in Counter(claim.vehicle for claim in claims).items():
        if vehicle_id not in by_id:
            found.append(Violation("unknown_vehicle", vehicle_id, "no such vehicle"))
        elif count > 1:
            found.append(Violation("exactly_once", vehicle_id, f"{count} routes for one vehicle"))
    for claim in claims:
        if claim.vehicle in by_id:
            found += verify_route(world, by_id[claim.vehicle], bookings, claim)
    found += _check_assignment(vehicles, bookings, claims)
    return found


def verify_route(
    world: World, vehicle: Vehicle, bookings: Mapping[str, Booking], claim: ClaimedRoute
) -> list[Violation]:
    """Check one route: order, lock, times, windows, ride caps, capacity, shift and cost.

    Args:
        world: travel times, traffic, set-up time, weights.
        vehicle: with the route it had before.
        bookings: at least those on the route, by id.
        claim: what to check.

    Returns:
        All violations found; times are not examined while the route itself makes no sense.
    """
    count = len(claim.actions)
    if not len(claim.start_s) == len(claim.end_s) == count:
        return [Violation("shape", vehicle.id, "actions and times differ in number")]
    rides = [a for a in claim.actions if a.kind != "break"]
    unknown = [a.booking for a in rides if a.booking not in bookings]
    if unknown:
        return [Violation("unknown_booking", b, "no such booking") for b in unknown]
    found = [*_check_order(vehicle, bookings, claim)]
    found += _check_capacity(vehicle, bookings, claim)
    found += _check_times(world, vehicle, bookings, claim)
    found += _check_promises(vehicle, bookings, claim)
    found += _check_breaks(vehicle, bookings, claim)
    if claim.cost is not None and not found:
        cost = route_cost(world, vehicle, bookings, claim)
        if cost != claim.cost:
            found.append(Violation("cost", vehicle.id, f"is {cost}, not {claim.cost}"))
    return found


def route_cost(
    world: World, vehicle: Vehicle, bookings: Mapping[str, Booking], claim: ClaimedRoute
) -> int:
    """The objective of a well-formed claimed route in millicost, leaving at the end of service."""
    w = world.weights
    driving = sum(arrival - leave for leave, arrival, _ in _drives(world, vehicle, bookings, claim))
    cost = w.drive * driving
    boarded_at = {}
    for k, (kind, booking_id) in enumerate(claim.actions):
        if kind == "break":
            continue
        b = bookings[booking_id]
        if kind == "pickup":
            boarded_at[b.id] = claim.end_s[k]
            cost += b.persons * w.wait * (claim.start_s[k] - b.wish_earliest_s)
            cost += b.persons * w.walk * b.walk_s
        else:
            since = boarded_at[b.id] if b.boarded_at_s is None else b.boarded_at_s
            cost += b.persons * w.ride * (claim.start_s[k] - since)
    return cost


def arrival_after(world: World, depart_s: int, leg_s: int) -> int:
    """Arrival second: walks through the hours of the profile, each at its own pace."""
    remaining = leg_s * 1000
    now = depart_s
    while remaining > 0:
        hour = (now - world.base_s) // 3600
        pace = world.speed_permille[min(max(hour, 0), len(world.speed_permille) - 1)]
        until_next = world.base_s + (hour + 1) * 3600 - now
        whole_leg = (remaining + pace - 1) // pace
        step = min(whole_leg, until_next)
        now += step
        remaining -= step * pace
    return now


def _check_assignment(
    vehicles: Sequence[Vehicle], bookings: Mapping[str, Booking], claims: Sequence[ClaimedRoute]
) -> Iterator[Violation]:
    serving: dict[str, set[str]] = {booking_id: set() for booking_id in bookings}
    for claim in claims:
        for action in claim.actions:
            if action.kind != "break":
                serving.setdefault(action.booking, set()).add(claim.vehicle)
    home = {a.booking: v.id for v in vehicles for a in v.route if a.kind != "break"}
    for booking in bookings.values():
        on = sorted(serving[booking.id])
        if not on:
            yield Violation("exactly_once", booking.id, "is on no route")
        if len(on) > 1:
            yield Violation("one_vehicle", booking.id, f"is on {', '.join(on)}")
        boarded = booking.boarded_at_s is not None
        if boarded and booking.id in home and on and on != [home[booking.id]]:
            detail = f"is aboard {home[booking.id]}, not {', '.join(on)}"
            yield Violation("boarded_vehicle", booking.id, detail)


def _stop(bookings: Mapping[str, Booking], action: Action) -> int | None:
    """Where an action takes place; None for a break, which is taken in place."""
    if action.kind == "break":
        return None
    booking = bookings[action.booking]
    return booking.pickup_stop if action.kind == "pickup" else booking.dropoff_stop


def _drives(
    world: World, vehicle: Vehicle, bookings: Mapping[str, Booking], claim: ClaimedRoute
) -> Iterator[tuple[int, int, int]]:
    """(departure, arrival, leg) of each drive, the last one to the depot; arrival -1: no way.

    The first one departs when the vehicle's time begins, also where the whole route is capped: then
    it may depart later, and in traffic drive for another time, which is not looked at here.
    """
    leave, row = vehicle.start_time_s, vehicle.start_leg_s
    legs: Sequence[int] = world.matrix_s[vehicle.start_stop] if row is None else list(row)
    stops = [_stop(bookings, action) for action in claim.actions]
    for k, stop in enumerate([*stops, vehicle.end_stop]):
        leg = 0 if stop is None else int(legs[stop])
        yield leave, -1 if leg >= _NO_WAY_S else arrival_after(world, leave, leg), leg
        if k < len(stops):
            leave = claim.end_s[k]
            legs = legs if stop is None else world.matrix_s[stop]


def _check_order(
    vehicle: Vehicle, bookings: Mapping[str, Booking], claim: ClaimedRoute
) -> Iterator[Violation]:
    locked = vehicle.route[: vehicle.locked]
    if claim.actions[: vehicle.locked] != locked:
        detail = f"begins {claim.actions[: vehicle.locked]}, locked is {locked}"
        yield Violation("lock", vehicle.id, detail)
    on_board = [a.booking for a in vehicle.route if a.kind == "dropoff"]
    on_board = [b for b in on_board if b in bookings and bookings[b].boarded_at_s is not None]
    rides = [a.booking for a in claim.actions if a.kind != "break"]
    for booking_id in dict.fromkeys([*rides, *on_board]):
        boarded = bookings[booking_id].boarded_at_s is not None
        kinds: list[str] = [a.kind for a in claim.actions if a.booking == booking_id]
        expected = {"pickup": 0 if boarded else 1, "dropoff": 1}
        for kind, times in expected.items():
            if kinds.count(kind) != times:
                detail = f"{kind} {kinds.count(kind)} times, not {times}"
                yield Violation("exactly_once", booking_id, detail)
        if "pickup" in kinds and "dropoff" in kinds and kinds[0] == "dropoff":
            yield Violation("precedence", booking_id, "alights before it boards")


def _check_capacity(
    vehicle: Vehicle, bookings: Mapping[str, Booking], claim: ClaimedRoute
) -> Iterator[Violation]:
    actions = [a for a in (*vehicle.route, *claim.actions) if a.kind != "break"]
    known = dict.fromkeys(a.booking for a in actions)
    aboard = [bookings[b] for b in known if b in bookings]
    aboard = [b for b in aboard if b.boarded_at_s is not None]
    for k in range(-1, len(claim.actions)):
        if k >= 0:
            kind, booking_id = claim.actions[k]
            if kind == "pickup":
                aboard.append(bookings[booking_id])
            elif kind == "dropoff":
                aboard = [b for b in aboard if b.id != booking_id]
        seats, wheelchairs = sum(b.seats for b in aboard), sum(b.wheelchairs for b in aboard)
        if not any(seats <= s and wheelchairs <= w for s, w in vehicle.configurations):
            where = f"{vehicle.id}[{k}]" if k >= 0 else vehicle.id
            yield Violation("capacity", where, f"{seats} seats, {wheelchairs} wheelchairs aboard")


def _check_times(
    world: World, vehicle: Vehicle, bookings: Mapping[str, Booking], claim: ClaimedRoute
) -> Iterator[Violation]:
    count = len(claim.actions)
    place = vehicle.start_stop if vehicle.start_dwelling else -1
    breaks = {pause.id: pause for pause in vehicle.breaks}
    for k, (leave, arrival, leg) in enumerate(_drives(world, vehicle, bookings, claim)):
        where = f"{vehicle.id}[{k}]"
        begins = claim.start_s[k] if k < count else claim.depot_arrival_s
        if arrival < 0:
            yield Violation("driving", where, "there is no way")
        elif begins < arrival:
            detail = f"at {begins}, but {leg} s from {leave} on end at {arrival}"
            yield Violation("driving", where, detail)
        if k == count:
            break
        stop, name = _stop(bookings, claim.actions[k]), claim.actions[k].booking
        if stop is None:
            dwell = breaks[name].duration_s if name in breaks else 0
        else:
            dwell = bookings[name].board_s + (world.setup_s if stop != place else 0)
            place = stop
        if claim.end_s[k] - claim.start_s[k] != dwell:
            detail = f"lasts {claim.end_s[k] - claim.start_s[k]} s, not {dwell}"
            yield Violation("dwell", where, detail)
    if claim.depot_arrival_s > vehicle.end_time_s:
        detail = f"back at {claim.depot_arrival_s}, shift ends {vehicle.end_time_s}"
        yield Violation("shift_end", vehicle.id, detail)
    if vehicle.max_route_s is not None:
        yield from _check_route_time(world, vehicle, bookings, claim)


def _check_route_time(
    world: World, vehicle: Vehicle, bookings: Mapping[str, Booking], claim: ClaimedRoute
) -> Iterator[Violation]:
    """From the latest departure that is in time for the first action to the depot."""
    leave_s, _, leg_s = next(_drives(world, vehicle, bookings, claim))
    due_s = claim.start_s[0] if claim.actions else claim.depot_arrival_s
    latest_s = due_s
    while latest_s > leave_s and arrival_after(world, latest_s, leg_s) > due_s:
        latest_s -= max(1, arrival_after(world, latest_s, leg_s) - due_s)
    spent_s = claim.depot_arrival_s - max(latest_s, leave_s)
    if vehicle.max_route_s is not None and spent_s > vehicle.max_route_s:
        detail = f"out for {spent_s} s, at most {vehicle.max_route_s}"
        yield Violation("max_route", vehicle.id, detail)


def _check_breaks(
    vehicle: Vehicle, bookings: Mapping[str, Booking], claim: ClaimedRoute
) -> Iterator[Violation]:
    """Each break once, in its window, with nobody on board."""
    breaks = {pause.id: pause for pause in vehicle.breaks}
    taken = Counter(a.booking for a in claim.actions if a.kind == "break")
    for name in {*breaks, *taken}:
        if taken[name] != 1 or name not in breaks:
            yield Violation("break", name, f"is in the route of {vehicle.id} {taken[name]} times")
    names = {a.booking for a in (*vehicle.route, *claim.actions) if a.kind != "break"}
    aboard = {n for n in names if n in bookings and bookings[n].boarded_at_s is not None}
    for k, (kind, name) in enumerate(claim.actions):
        if kind == "pickup":
            aboard.add(name)
        elif kind == "dropoff":
            aboard.discard(name)
        elif name in breaks:
            pause, where = breaks[name], f"{vehicle.id}[{k}]"
            if aboard:
                yield Violation("break", where, f"with {', '.join(sorted(aboard))} on board")
            if not pause.earliest_s <= claim.start_s[k] <= pause.latest_s:
                detail = f"at {claim.start_s[k]}, not in {pause.earliest_s}..{pause.latest_s}"
                yield Violation("break", where, detail)


def _check_promises(
    vehicle: Vehicle, bookings: Mapping[str, Booking], claim: ClaimedRoute
) -> Iterator[Violation]:
    boarded_at = {b.id: b.boarded_at_s for b in bookings.values() if b.boarded_at_s is not None}
    for k, (kind, booking_id) in enumerate(claim.actions):
        if kind == "break":
            continue
        b, start, where = bookings[booking_id], claim.start_s[k], f"{vehicle.id}[{k}]"
        if kind == "pickup":
            boarded_at[b.id] = claim.end_s[k]
            if not b.pickup_earliest_s <= start <= b.pickup_latest_s:
                detail = f"at {start}, not in {b.pickup_earliest_s}..{b.pickup_latest_s}"
                yield Violation("pickup_window", where, detail)
            continue
        if b.dropoff_earliest_s is not None and start < b.dropoff_earliest_s:
            detail = f"at {start}, not before {b.dropoff_earliest_s}"
            yield Violation("dropoff_earliest", where, detail)
        if start > b.arrival_latest_s:
            yield Violation("arrival_latest", where, f"at {start}, not by {b.arrival_latest_s}")
        if b.id in boarded_at and start - boarded_at[b.id] > b.max_ride_s:
            detail = f"rides {start - boarded_at[b.id]} s, at most {b.max_ride_s}"
            yield Violation("max_ride", where, detail)
