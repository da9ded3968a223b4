"""Who may write a service area: an advisory lock to have one leader, an epoch to be sure of it.

The lock can be held by a process that is paused, or lost without notice; the epoch row, checked in
every commit, is what makes the writes of anybody but the newest leader fail.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import psycopg

from dispatch.store.breakable import hit
from dispatch.store.connect import LOCK_TIMEOUT_MS, connect
from dispatch.store.errors import LeadershipLostError

_log = logging.getLogger(__name__)

_LOCK_KEY: Final = "hashtextextended('rufbus:dispatcher:' || %(area)s, 0)"
_WRITER_KEY: Final = "hashtextextended('rufbus:writer:' || %(area)s, 0)"
_TRY_LOCK: Final = f"SELECT pg_try_advisory_lock({_LOCK_KEY})"
_UNLOCK: Final = f"SELECT pg_advisory_unlock({_LOCK_KEY})"
_BUMP: Final = """
INSERT INTO service_area AS a (id, name, epoch, leader, led_since, heartbeat_at)
VALUES (%(area)s, %(name)s, 1, %(leader)s, clock_timestamp(), clock_timestamp())
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, epoch = a.epoch + 1, leader = excluded.leader,
    led_since = excluded.led_since, heartbeat_at = excluded.heartbeat_at
RETURNING epoch, roads_sha256
"""
_FENCE: Final = """
UPDATE service_area SET heartbeat_at = clock_timestamp()
WHERE id = %(area)s AND epoch = %(epoch)s
"""
_ROADS: Final = "UPDATE service_area SET roads_sha256 = %(roads)s WHERE id = %(area)s"
_RESIGN: Final = """
UPDATE service_area SET leader = '', heartbeat_at = NULL WHERE id = %(area)s AND epoch = %(epoch)s
"""
_HOLDS: Final = """l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32) | l.objid::bigint"""
# The holder of a lock whose heart has stopped: paused, or behind a dead network. One for which the
# server itself is at work, on a disk that is slow, is not silent.
_DEPOSE: Final = f"""
SELECT pg_terminate_backend(l.pid) FROM pg_locks l
WHERE {_HOLDS} = {_LOCK_KEY}
    AND EXISTS (SELECT FROM service_area WHERE id = %(area)s
        AND heartbeat_at < clock_timestamp() - make_interval(secs => %(patience_s)s))
    AND NOT EXISTS (SELECT FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE {_HOLDS} = {_WRITER_KEY} AND a.state = 'active'
            AND a.wait_event_type IS DISTINCT FROM 'Client'
            AND a.query_start > clock_timestamp() - interval '15 s')
"""  # noqa: S608 (constants of this module only)
# A shared lock, so that it stops nobody: it only says which sessions write for an area.
_SIGN: Final = f"SELECT pg_advisory_lock_shared({_WRITER_KEY})"
_END_WRITERS: Final = f"""
SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE {_HOLDS} = {_WRITER_KEY}
"""  # noqa: S608 (constants of this module only)
_BUMP_PATIENCE_MS: Final = 250
_BEAT_TIMEOUT_MS: Final = 2000


class Leadership:
    """The right to write one service area, as long as `fence` says so.

    Args:
        dsn: The database.
        area: The service area.
        leader: Who we are, for people who look.
    """

    def __init__(self, dsn: str, area: str, leader: str) -> None:
        self._dsn = dsn
        self._area = area
        self._leader = leader
        self._lock: psycopg.Connection | None = None
        self.epoch = 0

    def acquire(self, *, name: str, depose_after_s: float) -> str | None:
        """Try to become the leader, with a new epoch.

        Args:
            name: The service area's name.
            depose_after_s: Silence of a leader after which its lock is taken away, real seconds.

        Returns:
            The road graph that the stored plans refer to ("" = not known yet), None when somebody
            else leads.

        Raises:
            psycopg.OperationalError: the database cannot be reached.
        """
        self.release()
        lock = connect(self._dsn, "rufbus-leader")
        try:
            row = lock.execute(_TRY_LOCK, {"area": self._area}).fetchone()
            if row is None or not row[0]:
                parameters = {"area": self._area, "patience_s": depose_after_s}
                if lock.execute(_DEPOSE, parameters).rowcount:
                    _log.warning("the leader of %s is silent: taking over", self._area)
                lock.close()
                return None
            epoch, roads = self._begin_epoch(lock, name)
        except BaseException:
            lock.close()
            raise
        self._lock = lock
        self.epoch = epoch
        return roads

    def _begin_epoch(self, lock: psycopg.Connection, name: str) -> tuple[int, str]:
        """Raise the epoch; a former leader paused in the middle of a commit is not waited for."""
        parameters = {"area": self._area, "name": name, "leader": self._leader}
        lock.execute(f"SET lock_timeout = {_BUMP_PATIENCE_MS}")
        try:
            bumped = lock.execute(_BUMP, parameters).fetchone()
        except psycopg.errors.LockNotAvailable:
            _log.warning("a former leader of %s is stuck in a commit: ending it", self._area)
            lock.execute(_END_WRITERS, {"area": self._area})
            lock.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
            bumped = lock.execute(_BUMP, parameters).fetchone()
        if bumped is None:
            raise RuntimeError("an upsert that returns nothing")
        return int(bumped[0]), str(bumped[1])

    def writer(self) -> psycopg.Connection:
        """A connection to write with; whoever leads next knows it by a lock that stops nobody.

        Raises:
            psycopg.OperationalError: the database cannot be reached.
        """
        connection = connect(self._dsn, "rufbus-dispatcher")
        try:
            connection.execute(_SIGN, {"area": self._area})
        except BaseException:
            connection.close()
            raise
        return connection

    @contextmanager
    def beating(self, every_s: float, is_well: Callable[[], bool]) -> Iterator[None]:
        """Show signs of life from a thread while something else may take long.

        Args:
            every_s: Between two of them, real seconds.
            is_well: Asked before each; after a "no" there are no more, and a standby takes over.
        """
        lock, still = self._lock, threading.Event()
        if lock is None:
            raise LeadershipLostError("not leading")
        heart = threading.Thread(
            target=self._beat,
            args=(lock, still, every_s, is_well),
            name="rufbus-heart",
            daemon=True,
        )
        heart.start()
        try:
            yield
        finally:
            still.set()
            heart.join(2 * _BEAT_TIMEOUT_MS / 1000)

    def _beat(
        self,
        lock: psycopg.Connection,
        still: threading.Event,
        every_s: float,
        is_well: Callable[[], bool],
    ) -> None:
        parameters = {"area": self._area, "epoch": self.epoch}
        # a lost lock or epoch ends only this thread: the next commit finds out and says so
        with suppress(psycopg.Error):
            lock.execute(
                f"SET synchronous_commit = off; SET statement_timeout = {_BEAT_TIMEOUT_MS}"
            )
            while not still.wait(every_s) and is_well():
                if lock.execute(_FENCE, parameters).rowcount != 1:
                    return
        if not still.is_set():
            _log.warning("no more signs of life for epoch %s of %s", self.epoch, self._area)

    @contextmanager
    def fenced(self, connection: psycopg.Connection) -> Iterator[None]:
        """A transaction that commits only while our epoch lasts; it also shows that we are alive.

        What is executed inside is sent at once and answered together (libpq's pipeline mode), so
        that a batch costs three round trips however much it writes. No other epoch can begin
        between the first statement and the commit.

        Args:
            connection: Outside a transaction.

        Raises:
            LeadershipLostError: another leader has begun; nothing was written.
        """
        parameters = {"area": self._area, "epoch": self.epoch}
        hit("dispatcher:transaction:before")
        with connection.transaction():
            with connection.pipeline():
                fence = connection.execute(_FENCE, parameters)
                yield
                hit("dispatcher:answers:before")
            if fence.rowcount != 1:
                raise LeadershipLostError(f"epoch {self.epoch} of {self._area} is over")
            hit("dispatcher:commit:before")
        hit("dispatcher:commit:after")

    def set_roads(self, connection: psycopg.Connection, roads_sha256: str) -> None:
        """Say which road graph the stored plans refer to, in a fenced transaction."""
        connection.execute(_ROADS, {"area": self._area, "roads": roads_sha256})

    def release(self, connection: psycopg.Connection | None = None) -> None:
        """Give the lock up; with a connection, also say that nobody leads now."""
        if connection is not None:
            connection.execute(_RESIGN, {"area": self._area, "epoch": self.epoch})
        if self._lock is not None:
            self._lock.close()
            self._lock = None
