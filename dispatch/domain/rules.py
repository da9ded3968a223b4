"""The service's rules as configured for a town: hours, promises, dwell times, fares, weights."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dispatch.domain.model import Configuration, Party, Vehicle

DAY_S = 86_400
SHIFTS_AHEAD_MAX_DAYS = 35
_MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class Hours:
    """Opening hours by kind of day, as minutes after local midnight; None = closed."""

    timezone: ZoneInfo
    weekday: tuple[int, int] | None
    saturday: tuple[int, int] | None
    sunday: tuple[int, int] | None
    holidays: frozenset[date] = frozenset()

    def kind_of(self, day: date) -> str:
        """`weekday`, `saturday` or `sunday`; public holidays count as Sundays."""
        if day in self.holidays or day.isoweekday() == 7:  # noqa: PLR2004 - ISO weekday of Sunday
            return "sunday"
        return "saturday" if day.isoweekday() == 6 else "weekday"  # noqa: PLR2004 - ISO Saturday

    def local_date(self, at_s: int) -> date:
        """The calendar day in the town at an instant."""
        return datetime.fromtimestamp(at_s, self.timezone).date()

    def instant(self, day: date, minutes: int) -> int:
        """Epoch second of a local clock time; 1440 minutes are the next midnight."""
        day += timedelta(days=minutes // _MINUTES_A_DAY)
        minutes %= _MINUTES_A_DAY
        clock = time(minutes // 60, minutes % 60)
        return int(datetime.combine(day, clock, self.timezone).astimezone(UTC).timestamp())

    def interval(self, day: date) -> tuple[int, int] | None:
        """Opening and closing instant of a day, None when closed."""
        hours: tuple[int, int] | None = getattr(self, self.kind_of(day))
        if hours is None:
            return None
        return self.instant(day, hours[0]), self.instant(day, hours[1])

    def is_open(self, at_s: int) -> bool:
        """Whether the service runs at an instant."""
        return any(start <= at_s < end for start, end in self.intervals(at_s, at_s + 1))

    def intervals(self, from_s: int, to_s: int) -> Iterator[tuple[int, int]]:
        """Opening intervals that overlap `[from_s, to_s)`, in order."""
        day = self.local_date(from_s) - timedelta(days=1)
        last = self.local_date(to_s)
        while day <= last:
            interval = self.interval(day)
            if interval and interval[0] < to_s and interval[1] > from_s:
                yield interval
            day += timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ShiftPattern:
    """A shift that recurs on some kinds of day, as minutes after local midnight."""

    vehicle_id: str
    days: frozenset[str]
    start_min: int
    end_min: int


@dataclass(frozen=True, slots=True)
class Weights:
    """The objective: permille of one second of driving, per person and second.

    `unserved_s` is no rate: the seconds of driving that a request nobody serves counts for.
    """

    drive: int = 1000
    wait: int = 300
    ride: int = 300
    walk: int = 600
    unserved_s: int = 3600


@dataclass(frozen=True, slots=True)
class Fares:
    """A flat table, in cents."""

    adult_cents: int = 250
    further_passenger_cents: int = 200
    wheelchair_cents: int = 0

    def price_cents(self, party: Party) -> int:
        """What a party pays: the first on a seat, each further one, each rider in a wheelchair."""
        if party.seats == 0:
            return party.wheelchairs * self.wheelchair_cents
        further = (party.seats - 1) * self.further_passenger_cents
        return self.adult_cents + further + party.wheelchairs * self.wheelchair_cents


@dataclass(frozen=True, slots=True)
class Rules:
    """Promises and limits. Distances in metres, times in seconds."""

    bookable_ahead_days: int = 7
    immediate_wait_max_s: int = 1800
    immediate_horizon_s: int = 1800
    immediate_window_before_s: int = 180
    immediate_window_after_s: int = 600
    prebooked_window_s: int = 600
    early_arrival_max_s: int = 1800
    max_walk_m: int = 300
    max_walk_reduced_m: int = 100
    max_walk_limit_m: int = 1000
    walk_speed_mps: float = 1.2
    ride_factor: float = 1.5
    ride_extra_s: int = 600
    boarding_stop_s: int = 30
    boarding_person_s: int = 10
    boarding_wheelchair_s: int = 120
    no_show_after_s: int = 180
    offer_valid_s: int = 120
    offers_max: int = 3
    alternatives_search_s: int = 3600
    alternatives_step_s: int = 600
    alternatives_max: int = 2
    lock_s: int = 60
    leave_buffer_s: int = 60
    retime_after_s: int = 60
    replan_gain_min_s: int = 30
    joint_iterations: int = 0
    direct_min_m: int = 300
    candidate_stops: int = 4
    party_seats_max: int = 8
    party_wheelchairs_max: int = 1
    shifts_ahead_days: int = 8
    shift_start_grace_s: int = 900
    position_stale_s: int = 60
    rescue_iterations: int = 100
    late_cancel_s: int = 1800
    cancel_grace_s: int = 120
    transfer_s: int = 300
    group_persons_max: int = 24
    group_vehicles_max: int = 4
    group_spread_s: int = 900
    waiting_max: int = 200
    waiting_tries_per_tick: int = 4
    series_tries_per_tick: int = 2
    series_retry_s: int = 3600

    def max_ride_s(self, direct_s: int) -> int:
        """The longest ride that may be promised for a direct driving time."""
        return int(self.ride_factor * direct_s) + self.ride_extra_s

    def board_s(self, party: Party) -> int:
        """Time for a party to get on or off, without the halt itself."""
        return party.seats * self.boarding_person_s + party.wheelchairs * self.boarding_wheelchair_s

    def walk_s(self, walk_m: float) -> int:
        """Walking time, rounded up."""
        return -int(-walk_m // self.walk_speed_mps)


@dataclass(frozen=True, slots=True)
class Repositioning:
    """Where vehicles without work wait.

    Attributes:
        idle: `stay` where they are, return to the `depot`, or go where `demand` is expected.
        horizon_s: requests expected within this time are what a place is worth.
        min_gain_s: seconds of driving that a move has to be worth beyond what it costs.
    """

    idle: str = "stay"
    horizon_s: int = 1800
    min_gain_s: int = 30


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """A town's service, complete: the one object that distinguishes Beckum from the next town."""

    area_id: str
    name: str
    place: str
    roads: str
    timezone: ZoneInfo
    map_center: tuple[float, float]
    map_zoom: float
    hours: Hours
    rules: Rules
    weights: Weights
    fares: Fares
    vehicles: tuple[Vehicle, ...]
    shifts: tuple[ShiftPattern, ...]
    traffic: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    repositioning: Repositioning = field(default_factory=Repositioning)

    def vehicle(self, vehicle_id: str) -> Vehicle | None:
        """The vehicle of that id."""
        return next((v for v in self.vehicles if v.id == vehicle_id), None)

    def largest_fit(self, party: Party) -> Configuration | None:
        """Some configuration of some vehicle that holds the party."""
        for vehicle in self.vehicles:
            for configuration in vehicle.configurations:
                if configuration.holds(party.seats, party.wheelchairs):
                    return configuration
        return None
