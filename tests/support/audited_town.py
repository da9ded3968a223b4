"""A stored day to be damaged: what the audit says of each damage."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

import psycopg
from desk import TUESDAY_9_S

from dispatch.audit import Roads, audit
from dispatch.domain import commands as co
from dispatch.domain import events as ev
from dispatch.domain.model import ActionKind, Party, ShiftStatus, Spot
from dispatch.domain.state import State
from dispatch.engine import Engine
from dispatch.messaging.announce import Announcer
from dispatch.store import inbox
from dispatch.store.changes import Changes
from dispatch.store.connect import connect
from dispatch.store.load import load_state
from dispatch.store.log import append
from dispatch.store.projection import write_changes
from dispatch.town import Town
from dispatch.views import answer
from dispatch.worker.dispatcher import Dispatcher

AREA = "grid"


@dataclass
class Hand:
    """A clock moved by hand."""

    at_s: int = TUESDAY_9_S

    def now_s(self) -> int:
        return self.at_s


def live_a_day(dsn: str, redis_url: str, roads: Roads) -> None:
    """Bookings of every kind: on board, done, waiting, booked ahead, cancelled; and refusals."""
    engine, clock = Engine(roads.config, roads.network), Hand()
    names = Town.of(roads.config, roads.network.stops)
    dispatcher = Dispatcher(
        dsn,
        redis_url,
        AREA,
        decide=engine.decide,
        answer=lambda command, events, state: answer(command, events, state, names),
        clock=clock,
        rng=Random(5),
        roads_sha256=roads.network.graph.digest,
        decide_batch=engine.decide_batch,
        announcer=Announcer(AREA),
    )
    assert dispatcher.lead()
    day = _Day(dsn, dispatcher, clock, roads)
    try:
        day.live()
    finally:
        dispatcher.close(resign=True)


@dataclass
class _Day:
    dsn: str
    dispatcher: Dispatcher
    clock: Hand
    roads: Roads
    asked: int = 0

    def do(self, command: co.Command) -> dict[str, Any]:
        self.asked += 1
        with connect(self.dsn) as connection:
            row = inbox.put(connection, AREA, f"key-{self.asked}", command)
            while self.dispatcher.round():
                pass
            (found,) = connection.execute("SELECT outcome FROM inbox WHERE id = %s", [row])
        outcome = inbox.Outcome.from_json(found[0])
        return outcome.body or {}

    def stop(self, index: int) -> Spot:
        stop = [stop for stop in self.roads.network.stops if stop.bookable][index]
        return Spot(stop.lon, stop.lat, stop.id)

    def book(self, origin: int, destination: int, later_s: int | None = None) -> str:
        depart_at_s = None if later_s is None else self.clock.at_s + later_s
        wish = co.RequestRide(
            self.stop(origin), self.stop(destination), Party(1), depart_at_s=depart_at_s
        )
        offers = self.do(wish)["offers"]
        return str(self.do(co.AcceptOffer(offers[0]["id"], f"rd_{self.asked}"))["id"])

    def live(self) -> None:
        self.dispatcher.round()
        for shift in list(self.dispatcher.state.shifts.values()):
            if shift.start_s <= self.clock.at_s < shift.end_s:
                self.do(co.StartShift(shift.vehicle_id, shift.id))
        for n in range(3):
            self.book(n, 20 + n)
        self.drive(until=6)
        for n in range(4):
            self.book(3 + n, 30 + n)
        for n in range(4):
            self.book(7 + n, 25 + n, 24 * 3600 + 900 * n)  # of tomorrow's shifts
        self.do(co.CancelBooking(self.book(12, 35), "rider"))
        self.do(co.RequestRide(self.stop(1), self.stop(2), Party(4, 1)))
        self.drive(until=2)

    def drive(self, until: int) -> None:
        """So many halts, each as planned."""
        for _ in range(until):
            active = [s for s in self.dispatcher.state.shifts.values() if s.visits]
            active = [s for s in active if s.status is ShiftStatus.ACTIVE]
            shift = min(active, key=lambda s: (s.visits[0].arrive_s, s.id))
            visit = shift.visits[0]
            self.clock.at_s = max(self.clock.at_s, visit.arrive_s)
            self.do(co.ReportArrived(shift.vehicle_id, visit.id))
            for action in visit.actions:
                self.clock.at_s = max(self.clock.at_s + 5, action.end_s)
                boards = action.kind is ActionKind.PICKUP
                report = co.ReportBoarded if boards else co.ReportAlighted
                self.do(report(action.booking_id))


@dataclass
class AuditedTown:
    """A copy of the stored day."""

    connection: psycopg.Connection
    area: str
    roads: Roads
    _state: State | None = field(default=None, repr=False)

    def audit(self) -> list[str]:
        """All findings as lines."""
        return [str(finding) for finding in audit(self.connection, self.area, self.roads).findings]

    def damage(self, statement: str, **parameters: Any) -> None:
        """Change something that constraints and triggers would not have allowed."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")
            assert self.connection.execute(statement, parameters).rowcount > 0, statement

    def loosen(self, table: str, constraint: str) -> None:
        """Take a constraint away."""
        self.connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint} CASCADE")

    @property
    def state(self) -> State:
        """What the tables say."""
        if self._state is None:
            self._state = load_state(self.connection, self.area, before_s=0)
        return self._state

    def tell(self, *events: ev.Event, inbox_id: int | None = None) -> None:
        """Write events as a dispatcher would, whatever they say: log and tables agree."""
        changes, epoch = Changes(), 1
        for event in events:
            changes.apply(self.state, event, TUESDAY_9_S + 7200, inbox_id)
        with self.connection.transaction():
            append(self.connection, self.area, epoch, changes.log)
            write_changes(self.connection, self.area, changes, self.state)
