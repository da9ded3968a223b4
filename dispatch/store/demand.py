"""What riders have asked for in the past, whatever became of it: for forecasts."""

from typing import Final, NamedTuple

import psycopg

_SPONTANEOUS: Final = """
SELECT coalesce(depart_at_s, received_at_s), origin_lon, origin_lat FROM ride_request
WHERE area = %(area)s AND received_at_s >= %(from_s)s AND received_at_s < %(to_s)s
    AND arrive_by_s IS NULL AND replaces IS NULL AND repeats IS NULL
    AND coalesce(depart_at_s, received_at_s) <= received_at_s + %(soon_s)s
ORDER BY received_at_s, id
"""

_FIRST: Final = "SELECT min(received_at_s) FROM ride_request WHERE area = %(area)s"


class PastWish(NamedTuple):
    """When a ride was to begin (epoch seconds), and where (degrees)."""

    at_s: int
    lon: float
    lat: float


def spontaneous_wishes(
    connection: psycopg.Connection, area: str, *, from_s: int, to_s: int, soon_s: int
) -> list[PastWish]:
    """Requests received in `[from_s, to_s)` for a departure within `soon_s` of being asked."""
    parameters = {"area": area, "from_s": from_s, "to_s": to_s, "soon_s": soon_s}
    return [PastWish(*row) for row in connection.execute(_SPONTANEOUS, parameters).fetchall()]


def first_request_at_s(connection: psycopg.Connection, area: str) -> int | None:
    """When the first request of all was received, None if there is none."""
    row = connection.execute(_FIRST, {"area": area}).fetchone()
    return None if row is None else row[0]
