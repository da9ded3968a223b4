"""Values around the life of bookings: moves weighed, standing orders, the waiting list."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from dispatch.domain.model import Party, Spot


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """A shift's plan as somebody has seen it."""

    shift_id: str
    version: int


@dataclass(frozen=True, slots=True)
class BrokenLimit:
    """Something promised that would be missed by `by_s` seconds.

    `limit` is `pickup`, `arrival` or `ride` of the booking `id`, `break` of the break `id`, or
    `shift_end` of the shift `id`.
    """

    id: str
    limit: str
    by_s: int


@dataclass(frozen=True, slots=True)
class VehicleEffect:
    """What a move does to one shift; `added_drive_s` is below 0 where it saves driving."""

    shift_id: str
    vehicle_id: str
    version: int
    added_drive_s: int


@dataclass(frozen=True, slots=True)
class RiderEffect:
    """Planned times of a booking without and with a move; a pick-up that is over is None."""

    booking_id: str
    pickup_before_s: int | None
    pickup_after_s: int | None
    arrival_before_s: int
    arrival_after_s: int


class Obstacle(StrEnum):
    """Why a booking cannot be moved to a shift."""

    SAME_SHIFT = "same_shift"
    BOARDING = "boarding"
    NO_DRIVER = "no_driver"
    PARTY_DOES_NOT_FIT = "party_does_not_fit"
    NO_ROOM = "no_room"
    OUTSIDE_SHIFT = "outside_shift"
    BREAK_IN_THE_WAY = "break_in_the_way"
    PROMISE_BROKEN = "promise_broken"


@dataclass(frozen=True, slots=True)
class MovePreview:
    """What moving a booking to another shift would bring about.

    `feasible`: everything promised is kept. `forcible`: nothing but promises to riders would be
    broken, which the control room may decide; those are in `broken`.
    """

    booking_id: str
    from_shift_id: str
    to_shift_id: str
    feasible: bool
    forcible: bool
    obstacle: Obstacle | None
    vehicles: tuple[VehicleEffect, ...]
    riders: tuple[RiderEffect, ...] = ()
    broken: tuple[BrokenLimit, ...] = ()


class SeriesStatus(StrEnum):
    """Life of a standing order."""

    ACTIVE = "active"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class SeriesWish:
    """The ride that recurs; one of the local clock times, in minutes after midnight, is given."""

    origin: Spot
    destination: Spot
    party: Party
    depart_min: int | None = None
    arrive_min: int | None = None
    max_walk_m: int | None = None


@dataclass(frozen=True, slots=True)
class SeriesCalendar:
    """When a ride recurs: ISO weekdays (1 = Monday) from one day to another, both included."""

    weekdays: tuple[int, ...]
    from_day: date
    to_day: date | None = None
    except_days: tuple[date, ...] = ()
    on_holidays: bool = False


@dataclass(frozen=True, slots=True)
class Series:
    """A standing order: one wish on many days, each becoming an ordinary booking ahead of time."""

    id: str
    rider_id: str
    wish: SeriesWish
    calendar: SeriesCalendar
    channel: str
    status: SeriesStatus
    created_at_s: int
    ended_at_s: int | None = None
    ended_by: str | None = None


class DayStatus(StrEnum):
    """What became of one day of a standing order."""

    BOOKED = "booked"
    UNPLANNED = "unplanned"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class SeriesDay:
    """One day of a standing order.

    `wish_s` is the wished instant. Of an unplanned day `code` says why; it is tried again until
    then. Of a skipped one `code` says whose doing it was: `rider`, `control`, `holiday`.
    """

    series_id: str
    day: date
    wish_s: int
    status: DayStatus
    at_s: int
    booking_id: str | None = None
    request_id: str | None = None
    code: str | None = None
    tries: int = 0

    @property
    def key(self) -> tuple[str, date]:
        """Unique: a day is carried out once."""
        return self.series_id, self.day


class WaitingStatus(StrEnum):
    """Life of a place on the waiting list."""

    WAITING = "waiting"
    SERVED = "served"
    LEFT = "left"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Somebody who was refused for want of room and would ride if there were some.

    Identified by the refused request. After `until_s` the ride would be of no use any more.
    """

    request_id: str
    rider_id: str
    joined_at_s: int
    until_s: int
    status: WaitingStatus = WaitingStatus.WAITING
    ended_at_s: int | None = None
    booking_id: str | None = None
