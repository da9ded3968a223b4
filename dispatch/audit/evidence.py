"""What an audit looks at: the log folded, the tables, and the roads, all of one instant."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from dispatch.domain.events import Event
from dispatch.domain.model import Booking, RideRequest, Shift
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.network import Network
from dispatch.store import entities
from dispatch.store.codec import BOOKING, REQUEST, SHIFT
from dispatch.store.log import Ledger, fold_all

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something that is not as it must be.

    Attributes:
        check: the name of the check.
        subject: what it is about, such as `booking bk_1`.
        detail: what is wrong with it.
    """

    check: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.check}: {self.subject}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Roads:
    """What plans are checked against."""

    config: ServiceConfig
    network: Network


@dataclass(slots=True)
class Evidence:
    """One snapshot of a service area.

    Attributes:
        connection: within the snapshot's transaction; for questions in SQL.
        area: the service area.
        ledger: the log folded from its start.
        at_s: when the newest event was decided, the service's epoch seconds; 0 without any.
        requests, bookings, shifts: as the tables have them, by id.
        roads_sha256: the road graph that the stored plans refer to.
        roads: None where plans cannot be checked.
        witnessed: findings of those who watched the log being folded.
    """

    connection: psycopg.Connection
    area: str
    ledger: Ledger = field(default_factory=Ledger)
    at_s: int = 0
    requests: Mapping[str, RideRequest] = field(default_factory=dict)
    bookings: Mapping[str, Booking] = field(default_factory=dict)
    shifts: Mapping[str, Shift] = field(default_factory=dict)
    roads_sha256: str = ""
    roads: Roads | None = None
    witnessed: list[Finding] = field(default_factory=list)

    def rows(self, statement: Any, **parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query; `%(area)s` is given."""
        return self.connection.execute(statement, {"area": self.area} | parameters).fetchall()


Check = Callable[[Evidence], Iterable[Finding]]
Watcher = Callable[[int, Event, State], Iterable[Finding]]
"""Told an event's number, the event, and the state after it; made anew for each audit."""

_NEWEST = "SELECT coalesce(max(at_s), 0) FROM event WHERE area = %(area)s"
_ROADS = "SELECT roads_sha256 FROM service_area WHERE id = %(area)s"


def gather(
    connection: psycopg.Connection,
    area: str,
    roads: Roads | None,
    watchers: Sequence[Watcher] = (),
) -> Evidence:
    """Read everything, within one snapshot.

    Args:
        connection: in a REPEATABLE READ transaction.
        area: the service area.
        roads: what plans are checked against.
        watchers: told each event of the log.

    Raises:
        IllegalTransitionError: the log contradicts itself.
        UndecodableError: this version cannot read an event.
    """
    evidence = Evidence(connection, area, roads=roads)

    def watch(seq: int, event: Event, state: State) -> None:
        for watcher in watchers:
            evidence.witnessed += watcher(seq, event, state)

    evidence.ledger = fold_all(connection, area, watch)
    evidence.at_s = int(evidence.rows(_NEWEST)[0][0])
    evidence.roads_sha256 = "".join(row[0] for row in evidence.rows(_ROADS))
    evidence.requests = _read(evidence, entities.REQUESTS, REQUEST)
    evidence.bookings = _read(evidence, entities.BOOKINGS, BOOKING)
    evidence.shifts = _read(evidence, entities.SHIFTS, SHIFT)
    return evidence


def _read(evidence: Evidence, statement: Any, adapter: "TypeAdapter[Any]") -> dict[str, Any]:
    return {key: adapter.validate_python(entity) for key, entity in evidence.rows(statement)}
