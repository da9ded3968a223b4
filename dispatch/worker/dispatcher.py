"""The dispatcher: the one writer of a service area, from the inbox to the tables.

It leads or waits to lead. A leader holds the open state in memory, decides batches of commands,
commits each batch once, and only then tells anybody. Whatever goes wrong with the database, it
forgets its memory and starts again from the tables.
"""

import logging
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from types import FrameType
from typing import Final

import psycopg

from dispatch.domain.commands import AcceptOffer, RequestRide, Tick
from dispatch.domain.events import Event
from dispatch.domain.model import ShiftStatus
from dispatch.domain.rules import DAY_S
from dispatch.domain.state import State, forget_closed
from dispatch.failpoints import hit
from dispatch.live.link import Link
from dispatch.live.notices import VehicleFix, notices_of, vehicle_fixes
from dispatch.messaging.announce import Announcer
from dispatch.store import inbox, outbox
from dispatch.store.connect import is_outage
from dispatch.store.errors import LeadershipLostError
from dispatch.store.leadership import Leadership
from dispatch.store.load import load_state
from dispatch.store.log import append, last_seq, newest
from dispatch.store.projection import write_changes
from dispatch.worker.batch import (
    Answer,
    Batch,
    Clock,
    Decide,
    DecideBatch,
    Engine,
    GroupPoisonedError,
    PoisonedError,
)
from dispatch.worker.preparation import Preparation, Prepare

_log = logging.getLogger(__name__)

_BACKOFF_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
_TOGETHER: Final = frozenset({RequestRide, AcceptOffer})


@dataclass(frozen=True, slots=True)
class Limits:
    """How much at once, and how long; seconds of real time unless said otherwise.

    Attributes:
        batch_max: Commands in one transaction.
        together_max: Commands decided jointly.
        budget_s: Time for deciding, after which a batch is committed as it is.
        tick_s: Between two `Tick`s.
        tick_leap_s: Between two of them at most in the service's seconds, where its clock is fast.
        wait_s: Longest sleep while Redis can wake us.
        poll_s: Longest sleep while it cannot.
        standby_s: Between two attempts to become the leader.
        heartbeat_s: Between two signs of life.
        tidy_s: Between two times that what is over is forgotten.
        depose_after_s: Silence after which a leader loses its lock.
        stuck_after_s: Length of a round after which a leader shows no more signs of life.
        keep_closed_s: How long closed entities stay in memory, in the service's seconds.
        keep_inbox_s: How long a key gets its stored answer.
    """

    batch_max: int = 256
    together_max: int = 8
    budget_s: float = 0.1
    tick_s: float = 1.0
    tick_leap_s: int = 15
    wait_s: float = 0.5
    poll_s: float = 0.1
    standby_s: float = 0.3
    heartbeat_s: float = 0.7
    tidy_s: float = 20.0
    depose_after_s: float = 3.0
    stuck_after_s: float = 30.0
    keep_closed_s: int = 6 * 3600
    keep_inbox_s: int = 7 * 86_400


class Dispatcher:
    """Serves one service area until it is told to stop.

    Args:
        dsn: The database, migrated.
        redis_url: Of Redis.
        area: The service area's id.
        decide: The engine.
        answer: Makes the reply's body.
        clock: The service's clock.
        rng: Where ids come from; unguessable in service.
        name: The service area's name.
        roads_sha256: The road graph in use.
        adopt: Carries stored plans over when the road graph is another one than theirs.
        decide_batch: The engine on riders' commands that have arrived together.
        foresee: Called once a day while leading, to learn what to expect from past requests.
        announcer: Decides what riders are told; without one they are told nothing.
        prepare: Computes, beside everything else, what a command will need.
        limits: How much at once, and how long.
    """

    def __init__(  # noqa: PLR0913 (the one place where everything comes together, by keyword)
        self,
        dsn: str,
        redis_url: str,
        area: str,
        *,
        decide: Decide,
        answer: Answer,
        clock: Clock,
        rng: Random | None = None,
        name: str = "",
        roads_sha256: str = "",
        adopt: Callable[[State, int, Random], list[Event]] | None = None,
        decide_batch: DecideBatch | None = None,
        foresee: Callable[[psycopg.Connection], None] | None = None,
        announcer: Announcer | None = None,
        prepare: Prepare | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._area = area
        self._name = name
        self._roads_sha256 = roads_sha256
        self._engine = Engine(
            decide, answer, clock, rng or random.SystemRandom(), adopt, decide_batch
        )
        self._preparation = Preparation(prepare)
        self._foresee = foresee
        self._foreseen_day: int | None = None
        self._announcer = announcer
        self._limits = limits or Limits()
        self._link = Link(redis_url, area)
        leader = f"{socket.gethostname()}:{os.getpid()}"
        self._leadership = Leadership(dsn, area, leader)
        self._connection: psycopg.Connection | None = None
        self._state = State()
        self._poisoned: set[int] = set()
        self._careful = 0
        self._round_began = 0.0
        self._next_tick = 0.0
        self._ticked_s = 0
        self._next_heartbeat = 0.0
        self._next_housekeeping = 0.0

    @property
    def state(self) -> State:
        """The open state in memory; to look at only."""
        return self._state

    @property
    def epoch(self) -> int:
        """Our newest epoch, 0 before the first."""
        return self._leadership.epoch

    def run(self, stop: threading.Event) -> None:
        """Lead whenever possible until `stop` is set; then finish the batch and resign."""
        failures = 0
        while not stop.is_set():
            try:
                if not self.lead():
                    self._link.show("standby")
                    stop.wait(self._limits.standby_s)
                    continue
                failures = 0
                self._round_began = time.monotonic()
                with self._leadership.beating(self._limits.heartbeat_s, self._is_well):
                    self._serve(stop)
            except LeadershipLostError as error:
                _log.warning("leadership lost: %s", error)
            except psycopg.Error as error:
                _log.warning("database lost: %s", str(error).strip())
                stop.wait(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
                failures += 1
            finally:
                self.close(resign=stop.is_set())
        self._link.close()

    def _serve(self, stop: threading.Event) -> None:
        while not stop.is_set():
            self._round_began = time.monotonic()
            self._link.show("dispatcher")
            if not self.round():
                self._link.wait(self._limits.wait_s, self._limits.poll_s)

    def _is_well(self) -> bool:
        return time.monotonic() - self._round_began < self._limits.stuck_after_s

    def lead(self) -> bool:
        """Become the leader and load the state; False when somebody else leads.

        Raises:
            psycopg.OperationalError: the database cannot be reached.
        """
        self.close()
        depose_after_s = self._limits.depose_after_s
        roads = self._leadership.acquire(name=self._name, depose_after_s=depose_after_s)
        if roads is None:
            return False
        self._connection = self._leadership.writer()
        hit("dispatcher:load:before")
        self._load()
        hit("dispatcher:load:after")
        self._adopt(roads)
        self._link.begin()
        self._next_tick = self._next_housekeeping = 0.0
        _log.info("leading %s, epoch %s", self._area, self.epoch)
        return True

    def close(self, *, resign: bool = False) -> None:
        """Let go of the database; with `resign`, so that the next leader need not wait."""
        connection, self._connection = self._connection, None
        try:
            self._leadership.release(connection if resign else None)
        except psycopg.Error as error:
            _log.warning("could not resign: %s", str(error).strip())
        finally:
            self._leadership.release()
            if connection is not None:
                connection.close()

    def round(self) -> bool:
        """Take what waits, decide, commit, reply.

        Returns:
            Whether there may be more to do right now.

        Raises:
            LeadershipLostError: another dispatcher leads; nothing was written.
            psycopg.OperationalError: the database is gone; what was being written may or may not
                be there, only the tables know.
        """
        batch = Batch(self._engine, self._state)
        taken: list[inbox.Entry] = []
        try:
            more = self._decide(batch, taken)
            hit("dispatcher:decided:after")
            self._commit(batch, taken)
        except PoisonedError as error:
            _log.exception("the engine broke its own rules")
            if isinstance(error, GroupPoisonedError):
                self._careful = len(taken)
            elif error.entry_id is not None:
                self._poisoned.add(error.entry_id)
            self._load()
            return True
        except psycopg.Error as error:
            if is_outage(error):
                raise
            _log.exception("the tables refused a batch of %s commands", len(taken))
            self._isolate(taken)
            self._load()
            return True
        self._careful = max(0, self._careful - len(taken))
        self._poisoned -= batch.outcomes.keys()
        self._keep_house()
        return more

    def _decide(self, batch: Batch, taken: list[inbox.Entry]) -> bool:
        limit = 1 if self._careful else self._limits.batch_max
        waiting = inbox.take(self._require(), self._area, limit)
        now_s = self._engine.clock.now_s()
        entries = [e for e in waiting if not self._held_back(e, now_s)]
        began = time.monotonic()
        if not (self._careful and entries):
            if began >= self._next_tick or now_s >= self._ticked_s + self._limits.tick_leap_s:
                self._next_tick = began + self._limits.tick_s
                self._ticked_s = now_s
                batch.run_own(Tick())
            for report in self._link.take_reports():
                batch.run_own(report)
        for group in self._groups(entries):
            taken += group
            if group[0].id in self._poisoned:
                batch.reject(group[0])
            else:
                batch.run_together(group)
            if time.monotonic() - began > self._limits.budget_s:
                break
        return len(taken) < len(entries) or len(entries) == limit

    def _held_back(self, entry: inbox.Entry, now_s: int) -> bool:
        poisoned = entry.id in self._poisoned
        return not poisoned and self._preparation.holds_back(entry, self._state, now_s)

    def _groups(self, entries: Sequence[inbox.Entry]) -> list[list[inbox.Entry]]:
        """Neighbours that riders have sent at the same time, a few at once; all others alone."""
        groups: list[list[inbox.Entry]] = []
        for entry in entries:
            kind = type(entry.command)
            joins = (
                groups
                and kind in _TOGETHER
                and kind is type(groups[-1][0].command)
                and len(groups[-1]) < self._limits.together_max
                and self._poisoned.isdisjoint((entry.id, groups[-1][0].id))
            )
            if joins:
                groups[-1].append(entry)
            else:
                groups.append([entry])
        return groups

    def _isolate(self, taken: list[inbox.Entry]) -> None:
        """Find out which command of a batch the tables do not want: try them one at a time."""
        if len(taken) == 1:
            self._poisoned.add(taken[0].id)
        else:
            self._careful = len(taken)

    def _commit(self, batch: Batch, taken: Sequence[inbox.Entry] = ()) -> None:
        connection = self._require()
        changes = batch.changes
        messages = self._news(batch)
        seq = 0
        if batch.is_durable or messages:
            with self._leadership.fenced(connection):
                append(connection, self._area, self.epoch, changes.log)
                write_changes(connection, self._area, changes, self._state)
                outbox.add(connection, self._area, messages)
                log_end = newest(connection, self._area)
                inbox.write_outcomes(connection, batch.outcomes)
            seq = last_seq(log_end)
            self._next_heartbeat = time.monotonic() + self._limits.heartbeat_s
        self._link.publish(
            {e.ticket: batch.outcomes[e.id] for e in taken if e.id in batch.outcomes},
            notices_of(changes, seq),
            vehicle_fixes(changes),
            [*changes.history.ended_at_s, *(changes.halted - changes.moved.keys())],
            self._roads_sha256,
        )
        if messages:
            self._link.wake_messengers()

    def _news(self, batch: Batch) -> list[outbox.NewMessage]:
        """What riders have to be told together with this batch."""
        if self._announcer is None:
            return []
        now_s = self._engine.clock.now_s()
        return self._announcer.after(batch.changes, self._state, now_s)

    def _keep_house(self) -> None:
        connection = self._require()
        now = time.monotonic()
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + self._limits.heartbeat_s
            with self._leadership.fenced(connection):
                connection.execute("SET LOCAL synchronous_commit = off")
        if now >= self._next_housekeeping:
            self._next_housekeeping = now + self._limits.tidy_s
            forget_closed(self._state, self._forget_before_s())
            if self._announcer is not None:
                self._announcer.forget(self._state)
            inbox.prune(connection, self._area, self._limits.keep_inbox_s)
            self._look_ahead(connection)

    def _look_ahead(self, connection: psycopg.Connection) -> None:
        day = self._engine.clock.now_s() // DAY_S
        if self._foresee is not None and day != self._foreseen_day:
            self._foreseen_day = day
            self._foresee(connection)

    def _forget_before_s(self) -> int:
        return self._engine.clock.now_s() - self._limits.keep_closed_s

    def _require(self) -> psycopg.Connection:
        if self._connection is None:
            raise LeadershipLostError("not leading")
        return self._connection

    def _load(self) -> None:
        before_s = self._forget_before_s()
        self._state = load_state(self._require(), self._area, before_s=before_s)
        put_fixes(self._state, self._link.latest_fixes(self._roads_sha256))
        if self._announcer is not None:
            self._announcer.remember(outbox.last_told(self._require(), self._area, before_s))

    def _adopt(self, roads_sha256: str) -> None:
        """Carry the stored plans over to our road graph when they refer to another one."""
        if roads_sha256 == self._roads_sha256:
            return
        batch = Batch(self._engine, self._state)
        if roads_sha256 and self._engine.adopt is not None:
            now_s = self._engine.clock.now_s()
            batch.apply_own(self._engine.adopt(self._state, now_s, self._engine.rng), now_s)
        connection = self._require()
        with self._leadership.fenced(connection):
            append(connection, self._area, self.epoch, batch.changes.log)
            write_changes(connection, self._area, batch.changes, self._state)
            outbox.add(connection, self._area, self._news(batch))
            self._leadership.set_roads(connection, self._roads_sha256)


def put_fixes(state: State, latest: Iterable[VehicleFix]) -> None:
    """Take positions from Redis into a state from the tables, as far as they are news to it."""
    for known in latest:
        shift = state.shifts.get(known.shift_id)
        # a vehicle that has halted since then is where its plan says
        if (
            shift is not None
            and shift.status is ShiftStatus.ACTIVE
            and shift.current_visit is None
            and known.fix.at_s > shift.anchor.at_s
        ):
            state.fixes[known.shift_id] = known.fix


def run_until_signalled(dispatcher: Dispatcher) -> None:
    """Serve until SIGTERM or SIGINT; call it in the main thread of a process."""
    stop = threading.Event()

    def halt(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, halt)
    dispatcher.run(stop)
