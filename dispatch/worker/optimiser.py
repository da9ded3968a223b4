"""The optimiser: between requests, it looks for a better open plan and proposes what it finds.

It owns nothing. It reads the tables, thinks, and puts one command at a time into the inbox; what
becomes of it is the dispatcher's business. It may be killed or stopped at any moment.
"""

import logging
import math
import secrets
import signal
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

import psycopg

from dispatch.domain.commands import ProposePlans
from dispatch.domain.model import Shift
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.network import Network
from dispatch.engine.problem import planning, takes_riders
from dispatch.engine.proposals import propose
from dispatch.live.link import Link
from dispatch.store import inbox
from dispatch.store.connect import connect
from dispatch.store.load import load_open_plans
from dispatch.worker.batch import Clock
from dispatch.worker.danger import Danger
from dispatch.worker.dispatcher import put_fixes
from routing import plans

_log = logging.getLogger(__name__)

_KEY: Final = "proposal-"
_TAKEN: Final = "taken"
_POLL_S: Final = 0.05
_TIMEOUTS: Final = "SET statement_timeout = 5000; SET lock_timeout = 1000"
_LOOK: Final = f"""
SELECT a.roads_sha256,
    coalesce((SELECT max(e.seq) FROM event e WHERE e.area = a.id), 0),
    EXISTS (SELECT FROM inbox i WHERE i.area = a.id AND i.outcome IS NULL
        AND starts_with(i.idempotency_key, '{_KEY}'))
FROM service_area a WHERE a.id = %(area)s
"""  # noqa: S608 (constants of this module only)
# Read once, needed by nobody else: proposals shall not fill the inbox for days.
# Nothing else's: after a crash an id that had not been flushed may be somebody's command.
_ANSWERS: Final = f"""
DELETE FROM inbox WHERE id = ANY(%(ids)s) AND outcome IS NOT NULL
    AND starts_with(idempotency_key, '{_KEY}') RETURNING id, outcome
"""  # noqa: S608 (constants of this module only)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to think and to rest; seconds of real time.

    Attributes:
        round_s: Thinking about a plan that is new; twice as long each time nothing was found.
        round_max_s: Thinking at most.
        shifts_max: How many shifts to think about at once; the dispatcher has to write down what
            becomes of all of them in one go, and riders wait meanwhile.
        tries: Rounds without a gain after which a plan is left alone until it changes; so many for
            each time that `shifts_max` is contained in its shifts.
        rest_s: Between two looks when there is nothing to think about.
        look_again_s: After which plans under way are looked at anew though nothing was recorded.
        answer_s: Waiting for an answer before anything else is done.
        stale_after_s: Age after which a proposal is no longer to be taken.
        backoff_max_s: Longest rest after failures.
        hang_s: A round that takes longer than this has gone wrong.
    """

    round_s: float = 2.0
    round_max_s: float = 8.0
    shifts_max: int = 12
    tries: int = 3
    rest_s: float = 1.0
    look_again_s: float = 60.0
    answer_s: float = 2.0
    stale_after_s: float = 30.0
    backoff_max_s: float = 30.0
    hang_s: int = 120


class Improve(Protocol):
    """`routing.plans.improve`."""

    def __call__(
        self, problem: plans.Problem, *, seconds: float | None = None, seed: int = 0
    ) -> plans.Improvement:
        """A plan that is no worse."""
        ...


@dataclass(frozen=True, slots=True)
class _Glance:
    """What a cheap look at the tables tells."""

    roads_sha256: str
    seq: int
    has_open_proposal: bool


class Optimiser:
    """Thinks about one service area until it is told to stop.

    Args:
        dsn: The database, migrated.
        redis_url: Of Redis.
        config: The service area.
        network: Its roads.
        clock: The service's clock.
        speed: Service seconds per real second.
        improve: What does the thinking.
        pace: How long to think and to rest.
    """

    def __init__(
        self,
        dsn: str,
        redis_url: str,
        config: ServiceConfig,
        network: Network,
        *,
        clock: Clock,
        speed: float = 1.0,
        improve: Improve = plans.improve,
        pace: Pace | None = None,
    ) -> None:
        self._dsn = dsn
        self._config = config
        self._network = network
        self._clock = clock
        self._speed = speed
        self._improve = improve
        self._pace = pace or Pace()
        self._link = Link(redis_url, config.area_id)
        self._connection: psycopg.Connection | None = None
        self._state = State()
        self._seq = -1
        self._agenda = Agenda(self._pace.tries, self._pace.shifts_max)
        self._danger = Danger(config, network)
        self._unanswered: set[int] = set()
        self._rounds = 0

    def run(self, stop: threading.Event, alive: Callable[[], object] = lambda: None) -> None:
        """Think until `stop` is set; whatever goes wrong, begin again a while later.

        Args:
            stop: Looked at between two rounds.
            alive: Called before each round.
        """
        failures = 0
        while not stop.is_set():
            alive()
            self._link.show("optimiser")
            try:
                rest_s = 0.0 if self.round() else self._pace.rest_s
                failures = 0
            except Exception as error:  # noqa: BLE001 (nobody waits for us: try again later)
                rest_s = min(self._pace.backoff_max_s, self._pace.rest_s * 2**failures)
                failures += 1
                line = str(error).strip().partition("\n")[0]
                _log.warning("%s: %s; again in %.0f s", type(error).__name__, line, rest_s)
                self.close()
            stop.wait(rest_s)
        self.close()

    def close(self) -> None:
        """Hang up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def round(self) -> bool:
        """Look, think, propose, and wait a moment for the answer.

        Returns:
            Whether there was anything to think about.

        Raises:
            psycopg.Error: the database is gone or refuses.
        """
        connection = self._connected()
        self._verdicts(connection)
        glance = self._glance(connection)
        if glance is None or glance.has_open_proposal:
            return False
        if glance.roads_sha256 != self._network.graph.digest:
            return False  # the dispatcher has not carried the plans over to our roads yet
        self._reload(connection, glance)
        self._rounds += 1
        danger = self._danger.next(self._state, self._clock.now_s())
        if danger is not None:
            rescue = self._danger.rescue(self._state, danger, self._found_s(), self._stale_s())
            if rescue is not None:
                self._propose(connection, rescue)
            return True
        topic = self._agenda.next(self._topics())
        if topic is None:
            return False
        pace, parts = self._pace, topic.parts(self._pace.shifts_max)
        budget_s = min(pace.round_max_s, pace.round_s * 2 ** (topic.tried // parts))
        rng = Random(self._rounds)  # noqa: S311 - chooses what to think about, no secret
        command = self._think(some_of(topic.shifts, pace.shifts_max, rng), budget_s)
        taken = command is not None and self._propose(connection, command)
        self._agenda.note(topic, gained=taken)
        return True

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            self._connection = connect(self._dsn, "rufbus-optimiser")
            self._connection.execute(_TIMEOUTS)
            self._seq = -1
        return self._connection

    def _glance(self, connection: psycopg.Connection) -> _Glance | None:
        row = connection.execute(_LOOK, {"area": self._config.area_id}).fetchone()
        return None if row is None else _Glance(*row)

    def _reload(self, connection: psycopg.Connection, glance: _Glance) -> None:
        """Take in what has been recorded since; positions are always new."""
        if glance.seq != self._seq:
            self._state = load_open_plans(connection, self._config.area_id)
            self._seq = glance.seq
        self._state.fixes.clear()
        put_fixes(self._state, self._link.latest_fixes(glance.roads_sha256))

    def _topics(self) -> list["Topic"]:
        now_s = self._clock.now_s()
        config, state = self._config, self._state
        shifts = [s for s in state.shifts.values() if takes_riders(config, state, s, now_s)]
        groups = by_roads(self._network, state.closures, shifts)
        days = [day for _, group in groups for day in service_days(group)]
        days.sort(key=lambda day: day[0].start_s)
        period_s = max(1, round(self._pace.look_again_s * self._speed))
        return [Topic.of(day, now_s // period_s) for day in days if any(map(has_riders, day))]

    def _think(self, shifts: Sequence[Shift], budget_s: float) -> ProposePlans | None:
        """A better plan of some shifts as they will be when it has been found."""
        now_s = self._found_s(budget_s)
        now = planning(self._config, self._network, self._state, shifts, now_s)
        found = self._improve(now.problem, seconds=budget_s, seed=self._rounds)
        saved = found.cost_before - found.cost
        if saved < max(1, self._config.weights.drive * self._config.rules.replan_gain_min_s):
            return None
        return propose(now, found.problem, self._stale_s())

    def _found_s(self, budget_s: float = 0.0) -> int:
        """When what is thought about for so long will be found."""
        return self._clock.now_s() + math.ceil((budget_s + self._pace.rest_s) * self._speed)

    def _stale_s(self) -> int:
        """When a proposal made now is no longer to be taken."""
        return self._clock.now_s() + math.ceil(self._pace.stale_after_s * self._speed)

    def _propose(self, connection: psycopg.Connection, command: ProposePlans) -> bool:
        """Put the command into the inbox; whether it was taken, as far as is known soon."""
        key = _KEY + secrets.token_hex(16)
        row_id = inbox.put(connection, self._config.area_id, key, command)
        self._unanswered.add(row_id)
        deadline = time.monotonic() + self._pace.answer_s
        while time.monotonic() < deadline:
            verdict = self._verdicts(connection).get(row_id)
            if verdict is not None:
                return verdict == _TAKEN
            time.sleep(_POLL_S)
        return False

    def _verdicts(self, connection: psycopg.Connection) -> dict[int, str]:
        """What has become of our proposals since we last asked, by inbox id."""
        if not self._unanswered:
            return {}
        rows = connection.execute(_ANSWERS, {"ids": list(self._unanswered)}).fetchall()
        found = {row_id: inbox.Outcome.from_json(outcome) for row_id, outcome in rows}
        verdicts = {
            row_id: outcome.error.code if outcome.error else _TAKEN
            for row_id, outcome in found.items()
        }
        for verdict in verdicts.values():
            _log.info("proposal: %s", verdict)
        self._unanswered -= verdicts.keys()
        return verdicts


@dataclass(frozen=True, slots=True)
class Topic:
    """Some shifts to think about together; `key` changes when there is reason to think anew."""

    shifts: tuple[Shift, ...]
    key: tuple[Any, ...]
    tried: int = 0

    @classmethod
    def of(cls, shifts: Sequence[Shift], period: int) -> "Topic":
        """The topic of a service day; plans under way are new in each period."""
        versions = tuple((shift.id, shift.version) for shift in shifts)
        under_way = any(shift.status == "active" for shift in shifts)
        return cls(tuple(shifts), (versions, period if under_way else 0))

    def parts(self, shifts_max: int) -> int:
        """How many times as many shifts it has as are thought about at once."""
        return -(-len(self.shifts) // shifts_max)


class Agenda:
    """Which service day to think about next: the least tried, the soonest of those, in turns.

    Args:
        tries: Rounds without a gain after which a topic is settled.
        shifts_max: Topics of more shifts take so many times as many rounds.
    """

    def __init__(self, tries: int, shifts_max: int) -> None:
        self._tries = tries
        self._shifts_max = shifts_max
        self._tried: dict[tuple[Any, ...], int] = {}
        self._turn = 0

    def next(self, topics: Sequence[Topic]) -> Topic | None:
        """The topic to think about, None if all are settled.

        Args:
            topics: all there are, the soonest first.
        """
        keys = {topic.key for topic in topics}
        self._tried = {key: n for key, n in self._tried.items() if key in keys}
        known = [Topic(t.shifts, t.key, self._tried.get(t.key, 0)) for t in topics]
        ahead = [t for t in known if t.tried < self._tries * t.parts(self._shifts_max)]
        if not ahead:
            return None
        self._turn += 1
        least = min(ahead, key=lambda topic: topic.tried)
        # A day under way is new all the time: every other turn is the others'.
        others = [topic for topic in ahead if topic is not known[0]]
        if least is known[0] and others and self._turn % 2 == 0:
            return min(others, key=lambda topic: topic.tried)
        return least

    def note(self, topic: Topic, *, gained: bool) -> None:
        """A round about a topic is over."""
        self._tried[topic.key] = 0 if gained else topic.tried + 1


def has_riders(shift: Shift) -> bool:
    """Whether somebody is to be picked up or set down; breaks and waiting places do not count."""
    return any(visit.actions for visit in shift.visits)


def some_of(shifts: Sequence[Shift], most: int, rng: Random) -> list[Shift]:
    """At most so many shifts: one with work, and others that are on the road at the same time."""
    if len(shifts) <= most:
        return list(shifts)
    first = rng.choice([shift for shift in shifts if has_riders(shift)] or shifts)
    beside = [
        shift
        for shift in shifts
        if shift is not first and shift.start_s < first.end_s and first.start_s < shift.end_s
    ]
    return [first, *rng.sample(beside, min(most - 1, len(beside)))]


def service_days(shifts: Sequence[Shift]) -> list[list[Shift]]:
    """Shifts that overlap in time, directly or by others between them; the soonest first."""
    days: list[list[Shift]] = []
    until_s = 0
    for shift in sorted(shifts, key=lambda s: (s.start_s, s.id)):
        if not days or shift.start_s >= until_s:
            days.append([])
        days[-1].append(shift)
        until_s = max(until_s, shift.end_s)
    return days


def run_until_killed(optimiser: Optimiser, pace: Pace) -> None:
    """Think until a signal ends the process, at once; nothing is lost.

    The kernel ends it, too, when a round hangs: whoever supervises it starts it again.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    optimiser.run(threading.Event(), alive=lambda: signal.alarm(pace.hang_s))
