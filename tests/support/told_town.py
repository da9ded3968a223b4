"""The tiny town with a real engine, dispatcher and outbox; its clock is moved by the test."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from desk import TUESDAY_9_S
from tiny_town import grid_config

from dispatch.domain import commands as cmd
from dispatch.domain.model import Booking, Party, Shift, ShiftStatus, Spot
from dispatch.domain.rules import ServiceConfig
from dispatch.engine import Engine, Network
from dispatch.messaging.announce import Announcer
from dispatch.messaging.assembly import messenger
from dispatch.messaging.messenger import Messenger, MessengerPace
from dispatch.messaging.pace import Backoff, Breaker
from dispatch.messaging.policy import Policy
from dispatch.messaging.settings import MessageSettings
from dispatch.store import inbox
from dispatch.store.audit import differences
from dispatch.store.codec import command_to_json
from dispatch.store.connect import connect
from dispatch.store.inbox import Outcome
from dispatch.town import Town
from dispatch.views import answer
from dispatch.worker.dispatcher import Dispatcher, Limits

AREA = "grid"
QUICK = MessengerPace(
    poll_s=0.05,
    backoff=Backoff(first_s=0.05, longest_s=0.2),
    breaker=lambda: Breaker(first_s=0.2, longest_s=0.4),
)


@dataclass
class MovedClock:
    """Stands still unless it is moved."""

    at_s: int
    speed: float = 1.0

    def now_s(self) -> int:
        return self.at_s


@dataclass
class ToldTown:
    """Riders book by name; `told` is what the outbox holds for them."""

    dsn: str
    redis_url: str
    network: Network
    config: ServiceConfig = field(default_factory=grid_config)
    policy: Policy = field(default_factory=Policy)
    now_s: int = TUESDAY_9_S

    def __post_init__(self) -> None:
        self.clock = MovedClock(self.now_s)
        self.names = Town.of(self.config, self.network.stops)
        self.engine = Engine(self.config, self.network)
        self.dispatcher = self.start()
        for shift in list(self.dispatcher.state.shifts.values()):
            if shift.start_s <= self.now_s < shift.end_s:
                self.do(cmd.StartShift(shift.vehicle_id, shift.id))

    def start(self, seed: int = 1) -> Dispatcher:
        """A dispatcher that leads and has made its first round."""
        dispatcher = Dispatcher(
            self.dsn,
            self.redis_url,
            AREA,
            decide=self.engine.decide,
            answer=lambda command, events, state: answer(command, events, state, self.names),
            clock=self.clock,
            rng=Random(seed),
            announcer=Announcer(AREA, self.policy),
            limits=Limits(tick_s=0.0, budget_s=60.0),
        )
        assert dispatcher.lead()
        dispatcher.round()
        return dispatcher

    def restart(self) -> None:
        """Another dispatcher takes over, from the tables."""
        self.dispatcher.close()
        self.dispatcher = self.start(2)

    def put(self, command: cmd.Command, **person: str | None) -> int:
        """Put a command into the inbox; gives its number."""
        row: dict[str, Any] = dict.fromkeys(
            ("rider_id", "name", "phone", "phone_e164", "email", "language", "channel")
        )
        row |= person | {"area": AREA, "key": secrets.token_hex(8), "fingerprint": ""}
        row["command"] = json.dumps(command_to_json(command))
        with connect(self.dsn) as connection:
            found = connection.execute(inbox.PUT, row).fetchone()
        assert found is not None
        return int(found[0])

    def round(self) -> None:
        while self.dispatcher.round():
            pass

    def do(self, command: cmd.Command, **person: str | None) -> dict[str, Any]:
        """Have a command decided and committed."""
        row_id = self.put(command, **person)
        self.round()
        return self.outcome(row_id)

    def outcome(self, row_id: int) -> dict[str, Any]:
        ((stored,),) = self.sql("SELECT outcome FROM inbox WHERE id = %s", row_id)
        outcome = Outcome.from_json(stored)
        assert outcome.error is None, outcome.error
        return outcome.body or {}

    def later(self, seconds: int) -> None:
        """Time passes, and the dispatcher looks."""
        self.clock.at_s += seconds
        self.round()

    def until(self, at_s: int, step_s: int = 30) -> None:
        """Time passes in steps."""
        while self.clock.at_s < at_s:
            self.later(min(step_s, at_s - self.clock.at_s))

    def stop(self, index: int) -> Spot:
        bookable = [stop for stop in self.network.stops if stop.bookable]
        stop = bookable[index % len(bookable)]
        return Spot(stop.lon, stop.lat, stop.id)

    def offer(self, origin: int, destination: int, depart_at_s: int | None = None) -> str:
        ask = cmd.RequestRide(
            self.stop(origin), self.stop(destination), Party(1), depart_at_s=depart_at_s
        )
        offers = self.do(ask)["offers"]
        return str(offers[0]["id"])

    def book(
        self,
        origin: int = 0,
        destination: int = 30,
        *,
        depart_at_s: int | None = None,
        name: str = "Erika Muster",
        email: str | None = "erika@example.org",
        phone: str | None = None,
        language: str = "de",
        channel: str | None = None,
    ) -> Booking:
        """Ask and take the first offer."""
        offer_id = self.offer(origin, destination, depart_at_s)
        rider_id = f"rd_{secrets.token_hex(8)}"
        taken = self.do(
            cmd.AcceptOffer(offer_id, rider_id),
            rider_id=rider_id,
            name=name,
            email=email,
            phone=phone,
            language=language,
            channel=channel,
        )
        return self.booking(taken["id"])

    def booking(self, booking_id: str) -> Booking:
        return self.dispatcher.state.bookings[booking_id]

    def shift(self, booking_id: str) -> Shift:
        return self.dispatcher.state.shifts[self.booking(booking_id).shift_id]

    def planned_s(self, booking_id: str) -> int:
        """When boarding is planned to begin."""
        actions = [a for v in self.shift(booking_id).visits for a in v.actions]
        return next(a.start_s for a in actions if a.booking_id == booking_id)

    def active(self) -> list[Shift]:
        shifts = self.dispatcher.state.shifts.values()
        return [s for s in shifts if s.status is ShiftStatus.ACTIVE]

    def told(self, booking_id: str) -> list[str]:
        """The kinds of messages about a booking, in order."""
        statement = "SELECT kind FROM message WHERE booking_id = %s ORDER BY ordinal"
        return [kind for (kind,) in self.sql(statement, booking_id)]

    def facts(self, booking_id: str) -> dict[str, Any]:
        """Of the last message about a booking."""
        statement = "SELECT facts FROM message WHERE booking_id = %s ORDER BY ordinal DESC LIMIT 1"
        ((facts,),) = self.sql(statement, booking_id)
        return dict(facts)

    def states(self) -> list[tuple[str, str]]:
        """Kind and state of all messages, in order of their making."""
        return self.sql("SELECT kind, state FROM message ORDER BY at_s, ordinal, id")

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        with connect(self.dsn) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def differences(self) -> list[str]:
        with connect(self.dsn) as connection:
            return differences(connection, AREA)

    def messenger(
        self,
        folder: Path,
        settings: MessageSettings | None = None,
        *,
        pace: MessengerPace = QUICK,
        environment: dict[str, str] | None = None,
        redis_url: str | None = None,
    ) -> Messenger:
        return messenger(
            self.dsn,
            redis_url or self.redis_url,
            AREA,
            settings=settings or MessageSettings(),
            town=self.names,
            place=self.config.name,
            clock=self.clock,
            folder=folder,
            pace=pace,
            environment=environment or {},
        )

    def close(self) -> None:
        self.dispatcher.close()


@contextmanager
def sending(messengers: Sequence[Messenger]) -> Iterator[None]:
    """Messengers at work in threads."""
    stop = threading.Event()
    threads = [threading.Thread(target=m.run, args=[stop]) for m in messengers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()


def wait_until(condition: Callable[[], object], timeout_s: float = 15.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)
