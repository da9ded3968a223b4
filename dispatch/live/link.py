"""The dispatcher's side of Redis: never an exception, only less liveliness while Redis is gone."""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from dispatch.domain.commands import TRAIL_MAX, ReportPosition
from dispatch.domain.model import Sighting
from dispatch.failpoints import hit
from dispatch.live.keys import Keys
from dispatch.live.notices import (
    POLL,
    Notice,
    VehicleFix,
    notice_to_json,
    vehicle_fix_from_json,
    vehicle_fix_to_json,
)
from dispatch.live.presence import SHOW_EVERY_S, sign
from dispatch.store.codec import command_from_json
from dispatch.store.errors import UndecodableError
from dispatch.store.inbox import Outcome, Ticket

if TYPE_CHECKING:
    from redis.client import PubSub

_log = logging.getLogger(__name__)

TIMEOUT_S: Final = 0.5
RETRY_AFTER_S: Final = 1.0
_REPORTS_PER_ROUND: Final = 500


class Link:
    """Wake-ups and position reports in; replies, notices and positions out.

    Args:
        url: Of Redis.
        area: The service area.
    """

    def __init__(self, url: str, area: str) -> None:
        self._keys = Keys(area)
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        self._wake: PubSub | None = None
        self._down_until = 0.0
        self._untold = True
        self._next_show, self._shown = 0.0, ""

    @property
    def is_up(self) -> bool:
        """Whether Redis was there when we last needed it."""
        return time.monotonic() >= self._down_until

    def begin(self) -> None:
        """A leadership begins: a batch may have been committed and nobody told."""
        self._untold = True

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except (redis.RedisError, OSError) as error:
            if not self._down_until:
                _log.warning("redis is gone, polling instead: %s", error)
            self._down_until = time.monotonic() + RETRY_AFTER_S
            self._close_wake()
        else:
            if self._down_until:
                _log.info("redis is back")
            self._down_until = 0.0

    def _close_wake(self) -> None:
        if self._wake is not None:
            self._wake.close()
            self._wake = None

    def wait(self, timeout_s: float, poll_s: float) -> None:
        """Sleep until somebody wakes us, at most so long.

        Args:
            timeout_s: Longest sleep while Redis can wake us.
            poll_s: Longest sleep while it cannot.
        """
        if self.is_up:
            with self._tolerant():
                if self._wake is None:
                    self._wake = self._client.pubsub(  # type: ignore[no-untyped-call]
                        ignore_subscribe_messages=True
                    )
                    self._wake.subscribe(self._keys.wake)
                    # whatever came before the subscription has to be looked for
                    self._wake.get_message(timeout=TIMEOUT_S)
                    return
                if self._wake.get_message(timeout=timeout_s) is not None:
                    while self._wake.get_message(timeout=0) is not None:
                        pass  # many callers, one round
                return
        time.sleep(min(poll_s, timeout_s))

    def take_reports(self) -> list[ReportPosition]:
        """The position reports that wait: one for each vehicle, the older ones as its trail."""
        raw: Any = None
        if self.is_up:
            with self._tolerant():
                raw = self._client.lpop(self._keys.reports, _REPORTS_PER_ROUND)
        reports: dict[str, list[ReportPosition]] = {}
        for data in raw or []:
            try:
                report = command_from_json(json.loads(data))
            except (ValueError, UndecodableError):
                continue
            if not isinstance(report, ReportPosition):
                continue
            reports.setdefault(report.vehicle_id, []).append(report)
        return [_joined(each) for each in reports.values()]

    def publish(
        self,
        outcomes: Mapping[Ticket, Outcome],
        notices: Iterable[Notice],
        fixes: Iterable[VehicleFix],
        unknown: Iterable[str],
        roads_sha256: str,
    ) -> None:
        """Tell the web what a committed batch has brought.

        `unknown` are shifts whose last position is worth nothing any more: over, or at a stop.
        Where Redis was gone meanwhile, the first thing it hears is that it may have missed some.
        """
        untold, self._untold = self._untold, True
        if not self.is_up:
            return
        with self._tolerant():
            pipeline = self._client.pipeline(transaction=False)
            if untold:
                pipeline.publish(self._keys.live, notice_to_json(POLL))
            if outcomes:
                replies = {
                    row_id: outcome.to_json() | {"fingerprint": fingerprint}
                    for (row_id, fingerprint), outcome in outcomes.items()
                }
                pipeline.publish(self._keys.replies, json.dumps(replies))
            for fix in fixes:
                document = vehicle_fix_to_json(fix, roads_sha256)
                pipeline.hset(self._keys.fixes, fix.shift_id, document)
            for shift_id in unknown:
                pipeline.hdel(self._keys.fixes, shift_id)
            for notice in notices:
                pipeline.publish(self._keys.live, notice_to_json(notice))
            if len(pipeline):
                hit("dispatcher:publish:before")
                pipeline.execute()
                hit("dispatcher:publish:after")
            self._untold = False

    def show(self, kind: str) -> None:
        """Say now and then that this process is there, and what it is."""
        now = time.monotonic()
        if self.is_up and (now >= self._next_show or kind != self._shown):
            self._next_show, self._shown = now + SHOW_EVERY_S, kind
            with self._tolerant():
                field, value = sign(kind)
                self._client.hset(self._keys.processes, field, value)

    def wake_messengers(self) -> None:
        """Say that there is something to send; without Redis they look for themselves."""
        if self.is_up:
            with self._tolerant():
                self._client.publish(self._keys.messages, b"")

    def latest_fixes(self, roads_sha256: str) -> list[VehicleFix]:
        """The positions known before we came, as far as they are on our road graph."""
        raw: Any = None
        with self._tolerant():
            raw = self._client.hgetall(self._keys.fixes)
        found = (vehicle_fix_from_json(data, roads_sha256) for data in (raw or {}).values())
        return [fix for fix in found if fix is not None]

    def close(self) -> None:
        """Hang up."""
        self._close_wake()
        self._client.close()


def _joined(reports: Sequence[ReportPosition]) -> ReportPosition:
    """Reports of one vehicle as one: the newest, with all earlier positions as its trail."""
    newest = max(reports, key=lambda report: report.at_s)
    points = {s.at_s: s for report in reports for s in (*report.trail, _sighting(report))}
    trail = (points[at_s] for at_s in sorted(points) if at_s < newest.at_s)
    return replace(newest, trail=tuple(trail)[-TRAIL_MAX:])


def _sighting(report: ReportPosition) -> Sighting:
    return Sighting(report.at_s, report.lon, report.lat)
