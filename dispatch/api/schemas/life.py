"""What API v1 answers about the life of bookings; the bodies are made by `dispatch.life_views`."""

from datetime import date, datetime
from typing import Literal

from dispatch.api.schemas.common import Answer, Party, Place, VehicleRef
from dispatch.api.schemas.rides import Booking, RideRequest


class Changed(Answer):
    """A change: done, or refused with reason and alternatives; then the booking is as before."""

    changed: bool
    booking: Booking
    request: RideRequest


class PlanVersion(Answer):
    """A plan as the preview saw it."""

    shift_id: str
    version: int


class VehicleEffect(Answer):
    """What a move does to a vehicle; below 0 it saves driving."""

    shift_id: str
    vehicle: VehicleRef
    added_drive_s: int


class RiderEffect(Answer):
    """Planned times of a booking without and with a move."""

    booking_id: str
    pickup_before: datetime | None
    pickup_after: datetime | None
    arrival_before: datetime
    arrival_after: datetime


class BrokenLimit(Answer):
    """A promise that would be missed, by how much."""

    id: str
    limit: Literal["pickup", "arrival", "ride", "break", "shift_end"]
    by_s: int


class MovePreview(Answer):
    """What a move would bring about; `forcible` if only promises to riders stand against it."""

    booking_id: str
    from_shift_id: str
    to_shift_id: str
    feasible: bool
    forcible: bool
    obstacle: str | None
    message: str | None
    versions: list[PlanVersion]
    vehicles: list[VehicleEffect]
    riders: list[RiderEffect]
    broken: list[BrokenLimit]


class SeriesDay(Answer):
    """One day of a standing order; `code` says why it is unplanned, or who skipped it."""

    day: date
    at: datetime
    status: Literal["booked", "unplanned", "skipped"]
    code: str | None
    message: str | None
    booking_id: str | None
    tries: int
    decided_at: datetime


class Series(Answer):
    """A standing order and what has become of its days so far."""

    id: str
    status: Literal["active", "ended"]
    origin: Place
    destination: Place
    party: Party
    depart_at: str | None
    arrive_by: str | None
    max_walk_m: int | None
    weekdays: list[int]
    from_day: date
    to_day: date | None
    except_days: list[date]
    on_holidays: bool
    created_at: datetime
    ended_at: datetime | None
    ended_by: str | None
    days: list[SeriesDay]


class AllSeries(Answer):
    """Standing orders, those with days that could not be planned first."""

    series: list[Series]


class Waiting(Answer):
    """A place on the waiting list; with a booking once there was room."""

    request_id: str
    status: Literal["waiting", "served", "left", "lapsed"]
    joined_at: datetime
    until: datetime
    ended_at: datetime | None
    booking_id: str | None


class WaitingEntry(Waiting):
    """A place on the waiting list with what is waited for."""

    request: RideRequest | None


class WaitingList(Answer):
    """Everybody who waits, in order."""

    waiting: list[WaitingEntry]


class GroupOffer(Answer):
    """Offers for a large party, one for each vehicle; `group_id` is None if it was refused."""

    group_id: str | None
    status: Literal["offered", "refused"]
    price_cents: int | None
    requests: list[RideRequest]


class Group(Answer):
    """The bookings of a large party."""

    group_id: str
    price_cents: int
    bookings: list[Booking]


class BookingsByCode(Answer):
    """Bookings with a short code, the open ones first; usually one."""

    bookings: list[Booking]


class Trip(Answer):
    """A caller's earlier trip: enough to book it again."""

    booking: Booking
    request: RideRequest | None


class Rider(Answer):
    """A person as they are known."""

    rider_id: str
    name: str
    phone: str | None
    email: str | None
    last_seen: datetime


class Caller(Answer):
    """Who called from a number: the people, newest first, with their last trips and series."""

    phone: str
    riders: list[Rider]
    trips: list[Trip]
    series: list[Series]


class BookedBy(Answer):
    """Whose booking it is and what was asked for; None for what has been erased meanwhile."""

    rider_id: str
    name: str | None
    phone: str | None
    email: str | None
    request: RideRequest | None


class ReadBack(Answer):
    """What a dispatcher reads to the caller."""

    language: Literal["de", "en"]
    text: str
    code_spelled: str


class CancelledByCode(Answer):
    """A booking given up by its short code."""

    code: str
    status: Literal["cancelled"]
    cancelled_late: bool
