"""What the web looks up around the life of bookings: by code, group, caller, standing order."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from dispatch.domain.life import Series, SeriesDay, Waiting
from dispatch.domain.model import Booking, RequestStatus, RideRequest
from dispatch.store import entities, life
from dispatch.store.codec import BOOKING, REQUEST

_SHOWN_MAX: Final = 50
_RIDERS: Final = """
SELECT id, name, phone, email, created_at FROM rider
WHERE area = %(area)s AND phone_e164 = %(phone)s ORDER BY created_at DESC, id LIMIT 200
"""
_FATE_OF_OFFER: Final = """
SELECT r.status FROM offer o JOIN ride_request r ON r.area = o.area AND r.id = o.request_id
WHERE o.area = %(area)s AND o.id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class KnownRider:
    """Personal data as stored with one booking or standing order."""

    id: str
    name: str
    phone: str | None
    email: str | None
    created_at: datetime


class Lookups(ABC):
    """Mixed into the gateway, which knows how to ask the database."""

    @abstractmethod
    async def _read(self, statement: str, **parameters: Any) -> list[Any]:
        """The entities of a query."""

    @abstractmethod
    async def _rows(self, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""

    async def bookings_by_code(self, code: str) -> list[Booking]:
        """Bookings with a short code, the open ones first, then the newest; usually one."""
        statement = entities.BOOKINGS + (
            " AND b.code = %(code)s ORDER BY b.ended_at_s DESC NULLS FIRST, b.id LIMIT 5"
        )
        return [BOOKING.validate_python(row) for row in await self._read(statement, code=code)]

    async def group(self, group_id: str) -> list[Booking]:
        """The bookings of a group."""
        statement = entities.BOOKINGS + " AND b.group_id = %(id)s ORDER BY b.id"
        return [BOOKING.validate_python(row) for row in await self._read(statement, id=group_id)]

    async def riders_by_phone(self, phone: str) -> list[KnownRider]:
        """Everybody who gave this E.164 number, the newest first."""
        return [KnownRider(*row) for row in await self._rows(_RIDERS, phone=phone)]

    async def last_bookings(self, rider_ids: Iterable[str], limit: int = 10) -> list[Booking]:
        """The latest bookings of some riders by their pick-up, the last one first."""
        statement = entities.BOOKINGS + (
            " AND b.rider_id = ANY(%(ids)s) ORDER BY b.pickup_from_s DESC, b.id LIMIT %(limit)s"
        )
        found = await self._read(statement, ids=[*rider_ids], limit=min(limit, _SHOWN_MAX))
        return [BOOKING.validate_python(row) for row in found]

    async def requests(self, request_ids: Iterable[str]) -> dict[str, RideRequest]:
        """Ride requests by id; unknown ones are left out."""
        rows = await self._read(entities.REQUESTS + " AND r.id = ANY(%(ids)s)", ids=[*request_ids])
        return {r.id: r for r in map(REQUEST.validate_python, rows)}

    async def fate_of_offer(self, offer_id: str) -> RequestStatus | None:
        """What became of the request that an offer answered; None if there never was such an offer.

        The dispatcher forgets what came to nothing, the tables do not.
        """
        rows = await self._rows(_FATE_OF_OFFER, id=offer_id)
        return RequestStatus(rows[0][0]) if rows else None

    async def series(self, series_id: str) -> Series | None:
        """A standing order."""
        rows = await self._read(life.SERIES_ROWS + " AND s.id = %(id)s", id=series_id)
        return life.SERIES.validate_python(rows[0]) if rows else None

    async def all_series(self, rider_ids: Iterable[str] | None = None) -> list[Series]:
        """Standing orders that have not ended, or all of some riders; the newest first."""
        statement = life.SERIES_ROWS + (
            " AND (s.rider_id = ANY(%(ids)s) OR (%(ids)s IS NULL AND s.status = 'active'))"
            " ORDER BY s.created_at_s DESC, s.id LIMIT 500"
        )
        ids = None if rider_ids is None else [*rider_ids]
        statement = statement.replace("%(ids)s", "%(ids)s::text[]")
        return [life.SERIES.validate_python(row) for row in await self._read(statement, ids=ids)]

    async def series_days(self, series_ids: Iterable[str]) -> list[SeriesDay]:
        """What has become of the days of some standing orders, a year's at most."""
        statement = life.SERIES_DAYS + (
            " AND d.series_id = ANY(%(ids)s) ORDER BY d.day DESC LIMIT 2000"
        )
        rows = await self._read(statement, ids=[*series_ids])
        return [life.SERIES_DAY.validate_python(row) for row in rows]

    async def waiting(self, request_id: str) -> Waiting | None:
        """A place on the waiting list."""
        rows = await self._read(life.WAITING_ROWS + " AND w.request_id = %(id)s", id=request_id)
        return life.WAITING.validate_python(rows[0]) if rows else None

    async def waiting_list(self) -> list[Waiting]:
        """Everybody who waits, in order."""
        statement = life.WAITING_ROWS + (
            " AND w.status = 'waiting' ORDER BY w.joined_at_s, w.request_id"
        )
        return [life.WAITING.validate_python(row) for row in await self._read(statement)]
