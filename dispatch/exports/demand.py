"""The history of ride requests as a file for planners, without anything about who asked.

Requests that were refused, or whose offers nobody took, are in it: demand that was not met is what
planners need most. Its columns are those that simulations read, see docs/demand.md.
"""

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final
from zoneinfo import ZoneInfo

import psycopg

from dispatch.domain.rules import Hours
from dispatch.store.connect import connect, unavailable

COLUMNS: Final = (
    "request_id",
    "asked_at",
    "depart_at",
    "arrive_by",
    "origin_lon",
    "origin_lat",
    "destination_lon",
    "destination_lat",
    "seats",
    "wheelchairs",
    "channel",
    "max_walk_m",
)
_TIMES: Final = COLUMNS[1:4]
_ROUGH_DIGITS: Final = 3
"""Of degrees: about 110 m north to south and 70 m east to west."""
_EXACT_DIGITS: Final = 6

# A change of a booking, and a refused request made again, are no new demand.
# The day of a request is that of the ride, which is what is simulated. A walking distance that is
# the town's own says nothing about the rider, and would hide a change of the rule from simulations.
_REQUESTS: Final = """
SELECT received_at_s, depart_at_s, arrive_by_s, origin_lon, origin_lat, destination_lon,
    destination_lat, seats, wheelchairs, channel, nullif(max_walk_m, %(max_walk_m)s)
FROM ride_request
WHERE area = %(area)s AND replaces IS NULL AND repeats IS NULL
    AND coalesce(depart_at_s, arrive_by_s, received_at_s) >= %(from_s)s
    AND coalesce(depart_at_s, arrive_by_s, received_at_s) < %(to_s)s
ORDER BY received_at_s, id
"""


class ExportError(Exception):
    """The file cannot be written as asked for."""

    code = "export_invalid"


@dataclass(frozen=True, slots=True)
class DemandExport:
    """Which requests, and how much of them.

    Attributes:
        area: the service area.
        hours: for the time zone.
        max_walk_m: the town's own walking distance, which is left out.
        first: the first day of the rides.
        last: the last one.
        exact: whether coordinates are as asked for, instead of rounded to about 100 m.
    """

    area: str
    hours: Hours
    max_walk_m: int
    first: date
    last: date
    exact: bool = False


def export_demand(dsn: str, wanted: DemandExport, out: Path) -> int:
    """Write the requests to a CSV or Parquet file; one that is there is replaced when it is whole.

    Args:
        dsn: the database, with tables of this version.
        wanted: which requests.
        out: the file, named `….csv` or `….parquet`.

    Returns:
        how many requests there were.

    Raises:
        ExportError: another kind of file, or days in the wrong order.
        StoreUnavailableError: the database cannot be reached.
        OSError: the file cannot be written.
    """
    write = _WRITERS.get(out.suffix.lower())
    if write is None:
        raise ExportError(f"{out}: has to be named like one of {', '.join(_WRITERS)}")
    if wanted.last < wanted.first:
        raise ExportError(f"the last day, {wanted.last}, is before the first, {wanted.first}")
    with unavailable(), connect(dsn) as connection:
        rows = pseudonymous_requests(connection, wanted)
    temporary = out.with_name(f".{out.name}.part")
    try:
        with temporary.open("wb") as file:
            write(file, rows, wanted.hours.timezone)
        temporary.replace(out)
    finally:
        temporary.unlink(missing_ok=True)
    return len(rows)


def pseudonymous_requests(
    connection: psycopg.Connection, wanted: DemandExport
) -> list[tuple[Any, ...]]:
    """Rows of `COLUMNS`, in order of being asked; times are epoch seconds.

    Requests are numbered from 1: their ids, by which they could be found again, stay here.
    """
    hours, digits = wanted.hours, _EXACT_DIGITS if wanted.exact else _ROUGH_DIGITS
    parameters = {
        "area": wanted.area,
        "from_s": hours.instant(wanted.first, 0),
        "to_s": hours.instant(wanted.last + timedelta(days=1), 0),
        "max_walk_m": wanted.max_walk_m,
    }
    found = connection.execute(_REQUESTS, parameters).fetchall()
    return [
        (number, *row[:3], *(round(degrees, digits) for degrees in row[3:7]), *row[7:])
        for number, row in enumerate(found, 1)
    ]


def _write_csv(file: IO[bytes], rows: Sequence[tuple[Any, ...]], timezone: ZoneInfo) -> None:
    """Times are ISO 8601 with the offset of the town's clocks."""
    lines = csv.writer(_Utf8(file), lineterminator="\n")
    lines.writerow(COLUMNS)
    for row in rows:
        times = (
            None if at_s is None else datetime.fromtimestamp(at_s, timezone).isoformat()
            for at_s in row[1:4]
        )
        lines.writerow([row[0], *times, *row[4:]])


def _write_parquet(file: IO[bytes], rows: Sequence[tuple[Any, ...]], timezone: ZoneInfo) -> None:
    """Times are timestamps in the town's time zone."""
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    kinds = {name: pa.int32() for name in COLUMNS} | {"channel": pa.string()}
    kinds |= dict.fromkeys(_TIMES, pa.timestamp("s", tz=timezone.key))
    kinds |= dict.fromkeys(COLUMNS[4:8], pa.float64())
    columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    arrays = [
        pa.array(list(values), pa.int64()).cast(kinds[name])
        if name in _TIMES
        else pa.array(list(values), kinds[name])
        for name, values in zip(COLUMNS, columns, strict=True)
    ]
    pq.write_table(pa.table(arrays, names=list(COLUMNS)), file)


class _Utf8:
    """Lets the csv module write to a file of bytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, text: str) -> int:
        return self._file.write(text.encode())


_Write = Callable[[IO[bytes], Sequence[tuple[Any, ...]], ZoneInfo], None]
_WRITERS: Final[dict[str, _Write]] = {".csv": _write_csv, ".parquet": _write_parquet}
