"""Plans driven in plain Python: when a route is where, what it costs, whether somebody fits in.

Slow and simple on purpose, and without the planning kernels: of `routing.plans` only the records
and the independent verifier are used.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from routing.plans import claims
from routing.plans.problem import Problem
from routing.plans.records import UNDER_WAY, UNREACHABLE_S, Action, Booking, Request, Vehicle
from routing.plans.verifier import ClaimedRoute, World, arrival_after, route_cost

_ROUNDS_MAX = 200


@dataclass(frozen=True)
class Timed:
    """When a vehicle does what on a route; `feasible` if no limit is broken."""

    start_s: tuple[int, ...]
    end_s: tuple[int, ...]
    depot_s: int
    drive_s: int
    feasible: bool


@lru_cache(maxsize=4)
def world_of(problem: Problem) -> World:
    """What all vehicles share, as plain lists."""
    return claims.world_of(problem)


class Drive:
    """A vehicle on a route.

    Args:
        world: travel times and traffic.
        vehicle: where it begins, and its breaks.
        bookings: those on the route, with the limits that count.
        route: what it does.
    """

    def __init__(
        self,
        world: World,
        vehicle: Vehicle,
        bookings: Mapping[str, Booking],
        route: Sequence[Action],
    ) -> None:
        self._world = world
        self._vehicle = vehicle
        self._bookings = bookings
        self._route = tuple(route)
        self._breaks = {pause.id: pause for pause in vehicle.breaks}

    def not_before(self, at_s: int) -> "Drive":
        """The same by a vehicle that cannot begin sooner."""
        later = replace(self._vehicle, start_time_s=max(self._vehicle.start_time_s, at_s))
        return Drive(self._world, later, self._bookings, self._route)

    def soonest(self) -> Timed:
        """What will happen if nobody waits for anything but the windows to open."""
        starts, ends, depot_s, drive_s = self._forward({})
        feasible = self._in_time(starts, depot_s) and not self._too_long(starts, ends)
        return Timed(starts, ends, depot_s, drive_s, feasible and self._fit())

    def best(self) -> Timed:
        """The earliest schedule that keeps all limits, else what will happen."""
        not_before: dict[int, int] = {}
        for _ in range(_ROUNDS_MAX):
            starts, ends, depot_s, drive_s = self._forward(not_before)
            if not self._in_time(starts, depot_s):
                break
            later = self._too_long(starts, ends)
            if not later:
                return Timed(starts, ends, depot_s, drive_s, self._fit())
            if any(k < 0 for k in later):
                break  # on board already: nothing can be put off
            not_before |= later
        return self.soonest()

    def cost(self, timed: Timed) -> int:
        """What the route costs by the objective, in millicost, as the verifier counts."""
        claim = ClaimedRoute(
            self._vehicle.id, self._route, timed.start_s, timed.end_s, timed.depot_s
        )
        return route_cost(self._world, self._vehicle, self._bookings, claim)

    def _forward(
        self, not_before: Mapping[int, int]
    ) -> tuple[tuple[int, ...], tuple[int, ...], int, int]:
        vehicle, world = self._vehicle, self._world
        legs = (
            world.matrix_s[vehicle.start_stop]
            if vehicle.start_leg_s is None
            else [int(leg) for leg in vehicle.start_leg_s]
        )
        place = vehicle.start_stop if vehicle.start_dwelling else UNDER_WAY
        at_s, drive_s = vehicle.start_time_s, 0
        starts, ends = [], []
        for k, (kind, name) in enumerate(self._route):
            if kind == "break":
                start_s = max(at_s, self._breaks[name].earliest_s)
                at_s = start_s + self._breaks[name].duration_s
            else:
                booking = self._bookings[name]
                boards = kind == "pickup"
                stop = booking.pickup_stop if boards else booking.dropoff_stop
                there_s = arrival_after(world, at_s, legs[stop])
                drive_s += there_s - at_s
                opens_s = booking.pickup_earliest_s if boards else (booking.dropoff_earliest_s or 0)
                start_s = max(there_s, opens_s, not_before.get(k, 0))
                at_s = start_s + booking.board_s + (world.setup_s if stop != place else 0)
                place, legs = stop, world.matrix_s[stop]
            starts.append(start_s)
            ends.append(at_s)
        depot_s = arrival_after(world, at_s, legs[vehicle.end_stop])
        return tuple(starts), tuple(ends), depot_s, drive_s + depot_s - at_s

    def _in_time(self, starts: Sequence[int], depot_s: int) -> bool:
        latest = []
        for kind, name in self._route:
            if kind == "break":
                latest.append(self._breaks[name].latest_s)
            elif kind == "pickup":
                latest.append(self._bookings[name].pickup_latest_s)
            else:
                latest.append(self._bookings[name].arrival_latest_s)
        kept = all(start_s <= limit_s for start_s, limit_s in zip(starts, latest, strict=True))
        return kept and depot_s <= self._vehicle.end_time_s

    def _too_long(self, starts: Sequence[int], ends: Sequence[int]) -> dict[int, int]:
        """Pick-ups that have to be later for no ride to last too long; -1 for who is on board."""
        boards = {name: k for k, (kind, name) in enumerate(self._route) if kind == "pickup"}
        found = {}
        for k, (kind, name) in enumerate(self._route):
            if kind != "dropoff":
                continue
            booking, at = self._bookings[name], boards.get(name)
            since_s = booking.boarded_at_s if at is None else ends[at]
            over_s = starts[k] - (starts[k] if since_s is None else since_s) - booking.max_ride_s
            if over_s > 0:
                found[-1 if at is None else at] = over_s + (0 if at is None else starts[at])
        return found

    def _fit(self) -> bool:
        """Whether everybody has a place on every leg, and nobody is on board during a break."""
        known = dict.fromkeys(name for kind, name in self._route if kind != "break")
        aboard = {i for i in known if self._bookings[i].boarded_at_s is not None}
        for kind, name in self._route:
            if kind == "pickup":
                aboard.add(name)
            elif kind == "dropoff":
                aboard.discard(name)
            elif aboard:
                return False
            seats = sum(self._bookings[i].seats for i in aboard)
            chairs = sum(self._bookings[i].wheelchairs for i in aboard)
            if not any(seats <= s and chairs <= w for s, w in self._vehicle.configurations):
                return False
        return True


def driven(problem: Problem, index: int) -> Drive:
    """A vehicle of a problem on the route that it has."""
    vehicle = problem.vehicles[index]
    return Drive(world_of(problem), vehicle, problem.bookings, vehicle.route)


def as_booking(request: Request, pair: int = 0) -> Booking:
    """Who asks, as somebody who has booked."""
    asked = request.pairs[pair]
    return Booking(
        id=request.id,
        pickup_stop=asked.pickup_stop,
        dropoff_stop=asked.dropoff_stop,
        pickup_earliest_s=asked.pickup_earliest_s,
        pickup_latest_s=asked.pickup_latest_s,
        arrival_latest_s=asked.arrival_latest_s,
        max_ride_s=asked.max_ride_s,
        wish_earliest_s=request.wish_earliest_s,
        seats=request.seats,
        wheelchairs=request.wheelchairs,
        persons=request.persons,
        board_s=request.board_s,
        walk_s=asked.walk_s,
    )


def places(problem: Problem, index: int, booking: Booking) -> Iterator[tuple[int, Timed]]:
    """Every place in a vehicle's route at which all limits are kept: (added cost, times)."""
    vehicle, world = problem.vehicles[index], world_of(problem)
    bookings = {**problem.bookings, booking.id: booking}
    boards, alights = Action("pickup", booking.id), Action("dropoff", booking.id)
    now = Drive(world, vehicle, problem.bookings, vehicle.route)
    before = now.best()
    if not before.feasible:
        return
    costs = now.cost(before)
    rests = vehicle.start_stop == UNDER_WAY
    for i in range(vehicle.locked, len(vehicle.route) + 1):
        for j in range(i, len(vehicle.route) + 1):
            route = (*vehicle.route[:i], boards, *vehicle.route[i:j], alights, *vehicle.route[j:])
            if rests and route[0].kind == "break":
                continue  # a break is not taken on the road
            tried = Drive(world, vehicle, bookings, route)
            timed = tried.best()
            if timed.feasible:
                yield tried.cost(timed) - costs, timed


def reachable(problem: Problem, booking: Booking) -> bool:
    """Whether there is a road from one stop to the other."""
    return int(problem.matrix_s[booking.pickup_stop, booking.dropoff_stop]) < UNREACHABLE_S
