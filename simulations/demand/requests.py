"""From the columns of a request file to requests; every value is checked where it stands.

Two kinds of columns are read: ours (docs/demand.md) and those of FleetPy (Engelhardt et al. 2022,
https://github.com/TUM-VT/FleetPy), whose times are seconds of a day and whose places are nodes.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from dispatch.domain.commands import RequestRide
from dispatch.domain.model import Party, Spot
from routing.roads.graph import metres_per_degree
from simulations.demand.tables import Table
from simulations.demand.trips import DemandError

Bounds = tuple[float, float, float, float]
Point = tuple[float, float]

FAR_M: Final = 50_000.0
"""A point farther than this from the town's roads is a mistake, not a wish."""
_EPOCH_FROM_S: Final = 946_684_800
_EPOCH_TO_S: Final = 4_102_444_800
"""2000 and 2100: other numbers are no epoch seconds."""
_FLEETPY_TO_S: Final = 7 * 86_400
_CLOCK_TOLERANCE_S: Final = 60
"""As in the engine: clocks of riders that are a little late."""
_PARTY_MAX: Final = 100
_WALK_MAX_M: Final = 100_000
_CHANNEL_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Request:
    """A request as a file has it.

    Attributes:
        day: the local day on which the ride is wished for; None where a file names no day.
        asked_clock_s: seconds on the clock from that day's midnight to being asked.
        wish_clock_s: the same for the departure or arrival; None = as soon as possible.
        asked_at_s: epoch second; 0 where a file names no day.
        wish_at_s: epoch second of the departure or arrival.
        by_arrival: whether the wish is an arrival.
        ask: everything but times.
    """

    day: date | None
    asked_clock_s: float
    wish_clock_s: float | None
    asked_at_s: int
    wish_at_s: int | None
    by_arrival: bool
    ask: RequestRide


class _Reader:
    """Reads values of a table by what a column is documented as.

    Args:
        table: the file.
        called: what the file calls a documented column.
        bounds: west, south, east, north of the town's roads, degrees.
    """

    def __init__(self, table: Table, called: Mapping[str, str], bounds: Bounds) -> None:
        self.table = table
        self._called = called
        self._bounds = bounds

    def name(self, column: str) -> str:
        return self._called.get(column, column)

    def has(self, column: str) -> bool:
        return self.name(column) in self.table.columns

    def need(self, *columns: str) -> None:
        missing = [self.name(column) for column in columns if not self.has(column)]
        if missing:
            there = ", ".join(self.table.columns)
            raise DemandError(
                f"{self.table.path}: there is no column {missing[0]}; its columns are {there}"
            )

    def fail(self, row: int, column: str, problem: str) -> None:
        self.table.fail(row, self.name(column), problem)

    def values(self, column: str) -> Sequence[Any]:
        return self.table.column(self.name(column))

    def number(self, row: int, column: str, value: Any) -> float:
        """A finite number."""
        if self.table.decimal_comma and isinstance(value, str):
            value = value.replace(",", ".")
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            problem = "is missing" if value is None else f"{value!r} is not a number"
            self.fail(row, column, problem)
        return number

    def whole(self, row: int, column: str, default: int, most: int) -> int:
        """A number of things; the default where there is none."""
        value = self.values(column)[row]
        # pandas makes NaN of a missing whole number.
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return default
        number = self.number(row, column, value)
        if number != int(number) or not 0 <= number <= most:
            self.fail(row, column, f"{value!r} is not a whole number from 0 to {most}")
        return int(number)

    def points(self, end: str) -> Callable[[int], Spot]:
        """Reads the points of `origin` or `destination`."""
        if self.has(end):
            shapes = self.values(end)
            return lambda row: self.spot(row, end, end, shapes[row] or (None, None))
        lon, lat = f"{end}_lon", f"{end}_lat"
        self.need(lon, lat)
        lons, lats = self.values(lon), self.values(lat)
        return lambda row: self.spot(row, lon, lat, (lons[row], lats[row]))

    def spot(self, row: int, lon_column: str, lat_column: str, point: tuple[Any, Any]) -> Spot:
        """A point not too far from the town."""
        lon = self.number(row, lon_column, point[0])
        lat = self.number(row, lat_column, point[1])
        if abs(lon) > 180 or abs(lat) > 90:  # noqa: PLR2004 - degrees
            self.fail(row, lon_column, f"{lon:g}, {lat:g} are no degrees of longitude and latitude")
        far_m = _beyond_m((lon, lat), self._bounds)
        if far_m > FAR_M:
            problem = f"{lon:g}, {lat:g} is {far_m / 1000:.0f} km from the town"
            if abs(lon) <= 90 and _beyond_m((lat, lon), self._bounds) <= FAR_M:  # noqa: PLR2004
                problem += "; longitude and latitude seem to be swapped"
            self.fail(row, lon_column, problem)
        return Spot(lon, lat)

    def party(self, row: int, seats: str = "seats") -> Party:
        party = Party(
            self.whole(row, seats, 1, _PARTY_MAX), self.whole(row, "wheelchairs", 0, _PARTY_MAX)
        )
        if not party.persons:
            self.fail(row, seats, "nobody travels")
        return party

    def channel(self, row: int) -> str:
        value = self.values("channel")[row]
        if value is None:
            return "web"
        if not isinstance(value, str) or not 0 < len(value) <= _CHANNEL_MAX:
            self.fail(row, "channel", f"{value!r} is no name of up to {_CHANNEL_MAX} characters")
        return str(value)

    def max_walk_m(self, row: int) -> int | None:
        metres = self.whole(row, "max_walk_m", -1, _WALK_MAX_M)
        return None if metres < 0 else metres

    def instant(self, row: int, column: str, timezone: ZoneInfo) -> int | None:
        """Epoch second of a time; without an offset it is local time of the town."""
        value = self.values(column)[row]
        if value is None or value != value:  # noqa: PLR0124 - NaN and NaT differ from themselves
            return None
        at = _as_datetime(value)
        if at is None:
            seconds = self._epoch(value)
            if seconds is None:
                self.fail(
                    row,
                    column,
                    f"{str(value)!r} is neither an ISO 8601 time nor epoch seconds",
                )
            return seconds
        aware = at if at.tzinfo is not None else at.replace(tzinfo=timezone)
        seconds = int(aware.timestamp())
        if not _EPOCH_FROM_S <= seconds < _EPOCH_TO_S:
            self.fail(row, column, f"{str(value)!r} lies in another century")
        return seconds

    def _epoch(self, value: Any) -> int | None:
        try:
            seconds = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            return None
        return int(seconds) if _EPOCH_FROM_S <= seconds < _EPOCH_TO_S else None


def is_fleetpy(table: Table, called: Mapping[str, str]) -> bool:
    """Whether a file has FleetPy's columns instead of ours."""
    names = {called.get(column, column) for column in ("rq_time", "start", "end")}
    return names <= set(table.columns) and called.get("asked_at", "asked_at") not in table.columns


def read_requests(
    table: Table, called: Mapping[str, str], bounds: Bounds, timezone: ZoneInfo
) -> list[Request]:
    """The requests of a file with our columns.

    Args:
        table: the file.
        called: what the file calls a documented column.
        bounds: west, south, east, north of the town's roads, degrees.
        timezone: of the town.

    Raises:
        DemandError: a column is missing, or a value cannot be used.
    """
    reader = _Reader(table, called, bounds)
    reader.need("asked_at")
    origin, destination = reader.points("origin"), reader.points("destination")
    _distinct(reader)
    return [
        _request(reader, row, (origin(row), destination(row)), timezone)
        for row in range(len(table))
    ]


def read_fleetpy(
    table: Table, called: Mapping[str, str], bounds: Bounds, nodes: Mapping[int, Point]
) -> list[Request]:
    """The requests of a file with FleetPy's columns.

    Args:
        table: the file; times are seconds of a day.
        called: what the file calls a documented column.
        bounds: west, south, east, north of the town's roads, degrees.
        nodes: points by node number, degrees.

    Raises:
        DemandError: a column is missing, or a value cannot be used.
    """
    reader = _Reader(table, called, bounds)
    _distinct(reader)
    found = []
    for row in range(len(table)):
        asked_s = reader.number(row, "rq_time", reader.values("rq_time")[row])
        wish = reader.values("earliest_pickup_time")[row]
        wish_s = None if wish is None else reader.number(row, "earliest_pickup_time", wish)
        for column, at_s in (("rq_time", asked_s), ("earliest_pickup_time", wish_s)):
            if at_s is not None and not -_FLEETPY_TO_S <= at_s < _FLEETPY_TO_S:
                reader.fail(row, column, f"{at_s:g} is no second of a day")
        if wish_s is not None and wish_s < asked_s:
            reader.fail(row, "earliest_pickup_time", "is before the request is made")
        ends = [_node(reader, row, column, nodes) for column in ("start", "end")]
        party = reader.party(row, "number_passenger")
        ask = RequestRide(ends[0], ends[1], party, channel=reader.channel(row))
        found.append(Request(None, asked_s, wish_s, 0, None, by_arrival=False, ask=ask))
    return found


def read_nodes(table: Table) -> dict[int, Point]:
    """Points by node number of a node file with `node_index`, `pos_x`, `pos_y` in degrees.

    Raises:
        DemandError: a column is missing, a value is no number, or coordinates are no degrees.
    """
    reader = _Reader(table, {}, (-180.0, -90.0, 180.0, 90.0))
    reader.need("node_index", "pos_x", "pos_y")
    nodes = {}
    for row in range(len(table)):
        index = reader.whole(row, "node_index", -1, 2**53)
        x, y = (reader.number(row, c, reader.values(c)[row]) for c in ("pos_x", "pos_y"))
        if abs(x) > 180 or abs(y) > 90:  # noqa: PLR2004 - degrees
            reader.fail(row, "pos_x", f"{x:g}, {y:g} are no degrees; project them to WGS 84 first")
        nodes[index] = (x, y)
    return nodes


def _request(reader: _Reader, row: int, ends: tuple[Spot, Spot], timezone: ZoneInfo) -> Request:
    asked_s = reader.instant(row, "asked_at", timezone)
    if asked_s is None:
        raise reader.table.fail(row, reader.name("asked_at"), "is missing")
    depart_s = reader.instant(row, "depart_at", timezone)
    arrive_s = reader.instant(row, "arrive_by", timezone)
    if depart_s is not None and arrive_s is not None:
        if arrive_s <= depart_s:
            reader.fail(row, "arrive_by", "the arrival is not after the departure")
        reader.fail(row, "arrive_by", "a request names a departure or an arrival, not both")
    if depart_s is not None and depart_s < asked_s - _CLOCK_TOLERANCE_S:
        reader.fail(row, "depart_at", "the departure is before the request is made")
    if arrive_s is not None and arrive_s <= asked_s:
        reader.fail(row, "arrive_by", "the arrival is not after the request is made")
    if depart_s is not None and depart_s <= asked_s:
        depart_s = None  # at once, which the engine calls as soon as possible
    wish_s = arrive_s if depart_s is None else depart_s
    party, channel = reader.party(row), reader.channel(row)
    ask = RequestRide(*ends, party, max_walk_m=reader.max_walk_m(row), channel=channel)
    day = datetime.fromtimestamp(asked_s if wish_s is None else wish_s, timezone).date()
    wish_clock_s = None if wish_s is None else _clock_s(wish_s, day, timezone)
    asked_clock_s = _clock_s(asked_s, day, timezone)
    if wish_clock_s is not None:  # in the night when clocks are put back they may seem to cross
        asked_clock_s = min(asked_clock_s, wish_clock_s - (arrive_s is not None))
    return Request(
        day, asked_clock_s, wish_clock_s, asked_s, wish_s, by_arrival=arrive_s is not None, ask=ask
    )


def _node(reader: _Reader, row: int, column: str, nodes: Mapping[int, Point]) -> Spot:
    index = reader.whole(row, column, -1, 2**53)
    if index not in nodes:
        missing = "is missing" if index < 0 else f"node {index} is not in the node file"
        reader.fail(row, column, missing)
    return reader.spot(row, column, column, nodes[index])


def _distinct(reader: _Reader) -> None:
    """A request that is there twice is a mistake."""
    seen: set[str] = set()
    for row, value in enumerate(reader.values("request_id")):
        if value is None:
            continue
        if str(value) in seen:
            reader.fail(row, "request_id", f"{value} is there twice")
        seen.add(str(value))


def _as_datetime(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or "-" not in value:
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _clock_s(at_s: int, day: date, timezone: ZoneInfo) -> float:
    """Seconds that the clock shows between a day's midnight and an instant."""
    local = datetime.fromtimestamp(at_s, timezone).replace(tzinfo=UTC)
    return (local - datetime.combine(day, time(), UTC)) / timedelta(seconds=1)


def _beyond_m(point: Point, bounds: Bounds) -> float:
    """Metres from a point (lon, lat) to a box, 0 inside."""
    west, south, east, north = bounds
    east_m, north_m = metres_per_degree((south + north) / 2)
    x = max(west - point[0], 0.0, point[0] - east) * east_m
    y = max(south - point[1], 0.0, point[1] - north) * north_m
    return math.hypot(x, y)
