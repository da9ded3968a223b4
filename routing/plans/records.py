"""The dispatch problem in words: vehicles, bookings, requests and the actions of a route.

Plain immutable records without arrays: what callers build, and all that the verifier reads.
Times are epoch seconds (UTC), `*_s` durations are whole seconds, stops are indices into the matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

UNDER_WAY = -1
"""`Vehicle.start_stop` of a vehicle that is between two stops."""

UNREACHABLE_S = 1 << 30
"""Legs this long (34 years) or longer do not exist: there is no way between the two places."""


@dataclass(frozen=True)
class Weights:
    """What a second costs, in permille: 1000 means one second of it counts as one second.

    Attributes:
        drive: of driving, whoever is on board, the way back to the depot included.
        wait: per person and second between the earliest wish and the start of boarding.
        ride: per person and second between the end of boarding and the start of alighting.
        walk: per person and second on foot at both ends.
        unserved_s: not a rate: the seconds of driving that a request nobody serves counts for.
    """

    drive: int
    wait: int
    ride: int
    walk: int
    unserved_s: int = 3600

    @property
    def unserved(self) -> int:
        """What a request nobody serves costs, in millicost."""
        return self.drive * self.unserved_s


class Action(NamedTuple):
    """One party boards or alights, or the driver takes the break that `booking` then names."""

    kind: Literal["pickup", "dropoff", "break"]
    booking: str


@dataclass(frozen=True)
class Break:
    """A driver's break: nobody is on board, and the vehicle stands wherever it has come to.

    Attributes:
        id: unique among the breaks of a problem.
        earliest_s: it does not begin before.
        latest_s: it begins no later.
        duration_s: how long it lasts.
    """

    id: str
    earliest_s: int
    latest_s: int
    duration_s: int


@dataclass(frozen=True)
class Booking:
    """A party that has to be carried, and the limits promised to it.

    Attributes:
        id: unique among the bookings of a problem.
        pickup_stop: where it boards.
        dropoff_stop: where it alights.
        pickup_earliest_s: boarding does not begin before.
        pickup_latest_s: boarding begins no later.
        arrival_latest_s: alighting begins no later.
        max_ride_s: longest time between the end of boarding and the start of alighting.
        wish_earliest_s: waiting counts from here in the objective.
        seats: seats taken.
        wheelchairs: wheelchair places taken.
        persons: how many people's time counts in the objective.
        board_s: time the party needs to board, and again to alight.
        walk_s: walking time to the pick-up and from the drop-off together.
        boarded_at_s: end of boarding once the party is on board, else None.
        dropoff_earliest_s: alighting does not begin before; None for no such limit.
    """

    id: str
    pickup_stop: int
    dropoff_stop: int
    pickup_earliest_s: int
    pickup_latest_s: int
    arrival_latest_s: int
    max_ride_s: int
    wish_earliest_s: int
    seats: int = 1
    wheelchairs: int = 0
    persons: int = 1
    board_s: int = 0
    walk_s: int = 0
    boarded_at_s: int | None = None
    dropoff_earliest_s: int | None = None


@dataclass(frozen=True, eq=False)
class Vehicle:
    """One shift of a vehicle: where it is free to go, and what it has to do.

    Attributes:
        id: unique among the vehicles of a problem.
        start_time_s: from when on its time is planned.
        start_stop: the stop it stands at then, or `UNDER_WAY`.
        end_stop: the depot it returns to.
        end_time_s: when it must be there at the latest.
        configurations: (seats, wheelchairs) it can be arranged for; a load must fit one of them.
        route: its actions in order; riders on board have a drop-off only, all breaks are in it.
        locked: how many leading actions must stay first.
        start_dwelling: it already stands with open doors at `start_stop`: no set-up time there.
        start_leg_s: int32[S], free-flow seconds from where it is at `start_time_s` to every stop;
            None means the matrix row of `start_stop`.
        breaks: what its driver is still entitled to.
        max_route_s: longest time between departure and the arrival at the depot, if there is one;
            it may depart later than `start_time_s` for that.
        pinned: bookings on its route that no search may give to another vehicle.
    """

    id: str
    start_time_s: int
    start_stop: int
    end_stop: int
    end_time_s: int
    configurations: tuple[tuple[int, int], ...]
    route: tuple[Action, ...] = ()
    locked: int = 0
    start_dwelling: bool = False
    start_leg_s: npt.NDArray[np.int32] | None = None
    breaks: tuple[Break, ...] = ()
    max_route_s: int | None = None
    pinned: frozenset[str] = frozenset()


@dataclass(frozen=True)
class StopPair:
    """One way to serve a request: a pair of stops with the limits that go with it."""

    pickup_stop: int
    dropoff_stop: int
    pickup_earliest_s: int
    pickup_latest_s: int
    arrival_latest_s: int
    max_ride_s: int
    walk_s: int = 0
    dropoff_earliest_s: int | None = None


@dataclass(frozen=True)
class Request:
    """A party that asks for a ride; the fields mean what they mean in `Booking`."""

    id: str
    pairs: tuple[StopPair, ...]
    wish_earliest_s: int
    seats: int = 1
    wheelchairs: int = 0
    persons: int = 1
    board_s: int = 0

    def booking(self, pair: int) -> Booking:
        """The booking that serving the request with this stop pair would create."""
        chosen = self.pairs[pair]
        return Booking(
            id=self.id,
            pickup_stop=chosen.pickup_stop,
            dropoff_stop=chosen.dropoff_stop,
            pickup_earliest_s=chosen.pickup_earliest_s,
            pickup_latest_s=chosen.pickup_latest_s,
            arrival_latest_s=chosen.arrival_latest_s,
            max_ride_s=chosen.max_ride_s,
            wish_earliest_s=self.wish_earliest_s,
            seats=self.seats,
            wheelchairs=self.wheelchairs,
            persons=self.persons,
            board_s=self.board_s,
            walk_s=chosen.walk_s,
            dropoff_earliest_s=chosen.dropoff_earliest_s,
        )
