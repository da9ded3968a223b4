"""Who may write a service area: an advisory lock to have one leader, an epoch to be sure of it.

The lock can be held by a process that is paused, or lost without notice; the epoch row, checked in
every commit, is what makes the writes of anybody but the newest leader fail.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg

from dispatch.store.connect import connect
from dispatch.store.errors import LeadershipLostError

_log = logging.getLogger(__name__)

_LOCK_KEY: Final = "hashtextextended('rufbus:dispatcher:' || %(area)s, 0)"
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
# The holder of a lock whose heart has stopped: paused, or behind a dead network.
_DEPOSE: Final = f"""
SELECT pg_terminate_backend(l.pid) FROM pg_locks l
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (l.classid::bigint << 32) | l.objid::bigint = {_LOCK_KEY}
    AND EXISTS (SELECT FROM service_area WHERE id = %(area)s
        AND heartbeat_at < clock_timestamp() - make_interval(secs => %(patience_s)s))
"""  # noqa: S608 (constants of this module only)


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
            parameters = {"area": self._area, "name": name, "leader": self._leader}
            bumped = lock.execute(_BUMP, parameters).fetchone()
        except BaseException:
            lock.close()
            raise
        if bumped is None:
            raise RuntimeError("an upsert that returns nothing")
        self._lock = lock
        self.epoch = int(bumped[0])
        return str(bumped[1])

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
        with connection.transaction():
            with connection.pipeline():
                fence = connection.execute(_FENCE, parameters)
                yield
            if fence.rowcount != 1:
                raise LeadershipLostError(f"epoch {self.epoch} of {self._area} is over")

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
