"""The alerts as the control room sees them: looked for once for all who watch, and in words."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from fastapi.concurrency import run_in_threadpool

from dispatch.api.alert_words import alert_words, choice_words, minutes
from dispatch.domain.model import Acknowledgement, Booking, BookingStatus, Fix, Shift, ShiftStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.alerts import Alert, alerts, is_acknowledged
from dispatch.engine.network import Network
from dispatch.engine.remedies import Choice, Remedies
from dispatch.live.gateway import Gateway
from dispatch.town import Json, Town

_FRESH_S: Final = 1.0
_NOT_OVER: Final = (ShiftStatus.PLANNED, ShiftStatus.ACTIVE)


class AlertBoard:
    """What is wrong now; one for all who look.

    Args:
        config: the town's service.
        network: its roads, None if unknown: then nobody is looked for to take riders over.
        gateway: the way to what is stored.
        town: names.
        now: the service's clock.
    """

    def __init__(
        self,
        config: ServiceConfig,
        network: Network | None,
        gateway: Gateway,
        town: Town,
        now: Callable[[], int],
    ) -> None:
        self._config = config
        self._network = network
        self._gateway = gateway
        self._town = town
        self._now = now
        self._lock = asyncio.Lock()
        self._seen_at = 0.0
        self._seen: Json | None = None

    async def look(self, *, fresh: bool = False) -> Json:
        """`{at, alerts}`, a second old at most; with `fresh`, of this moment.

        Raises:
            StoreError: nobody can say.
        """
        async with self._lock:
            age_s = time.monotonic() - self._seen_at
            if self._seen is None or fresh or age_s >= _FRESH_S:
                self._seen = await self._looked()
                self._seen_at = time.monotonic()
            return self._seen

    async def _looked(self) -> Json:
        gateway, now_s = self._gateway, self._now()
        state = _state(
            await gateway.shifts(_NOT_OVER),
            await gateway.open_bookings(),
            await gateway.positions(),
            await gateway.acknowledgements(now_s),
        )
        state.closures = {c.id: c for c in await gateway.closures()}
        state.out = await gateway.outages()
        labels = await gateway.token_labels()
        return await run_in_threadpool(self._view, state, now_s, labels)

    def _view(self, state: State, now_s: int, labels: Mapping[str, str]) -> Json:
        network = self._network if _is_on(self._network, state) else None
        remedies = Remedies(self._config, network, state, now_s)
        found = alerts(self._config, network, state, now_s)
        views = [
            alert_view(alert, remedies.choices(alert), state, now_s, self._town) for alert in found
        ]
        for view in views:
            if view["acknowledged"] is not None:
                by = view["acknowledged"]["by"]
                view["acknowledged"]["by"] = labels.get(by, by)
        views.sort(key=lambda view: view["acknowledged"] is not None)
        return {"at": self._town.time(now_s), "alerts": views}


def _is_on(network: Network | None, state: State) -> bool:
    """Whether the plans are on these roads; while they are exchanged, some may be on others."""
    if network is None:
        return False
    stops = {visit.stop_id for shift in state.shifts.values() for visit in shift.visits}
    stops |= {shift.depot_stop_id for shift in state.shifts.values()}
    return all(network.stop(stop_id) is not None for stop_id in stops)


def _state(
    shifts: Iterable[Shift],
    bookings: Iterable[Booking],
    fixes: Mapping[str, Fix],
    seen: Iterable[Acknowledgement],
) -> State:
    """What is stored, as far as it belongs together: the reads come one after the other."""
    known = {b.id: b for b in bookings}
    whole = {
        shift.id: shift
        for shift in shifts
        if all(a.booking_id in known for visit in shift.visits for a in visit.actions)
    }
    return State(
        bookings={b.id: b for b in known.values() if b.shift_id in whole or _is_displaced(b)},
        shifts=whole,
        fixes=dict(fixes),
        acknowledged={a.alert_id: a for a in seen},
    )


def _is_displaced(booking: Booking) -> bool:
    return booking.status is BookingStatus.DISPLACED


def alert_view(
    alert: Alert, choices: Iterable[Choice], state: State, now_s: int, town: Town
) -> Json:
    """An alert in codes, numbers and words."""
    stop_id = alert.params.get("stop_id")
    bookings = [state.bookings[i] for i in alert.booking_ids if i in state.bookings]
    values: dict[str, str | int] = {
        "code": ", ".join(booking.code for booking in bookings),
        "minutes": minutes(alert.late_s),
        "stop": town.stop(str(stop_id))["name"] if stop_id else "",
        "metres": alert.params.get("metres", 0),
    }
    seen = state.acknowledged.get(alert.id)
    known = seen if is_acknowledged(alert, seen, now_s) else None
    return {
        "id": alert.id,
        "kind": str(alert.kind),
        "severity": str(alert.severity),
        "since": town.time(alert.since_s),
        "late_s": alert.late_s,
        "cause": None if alert.cause is None else str(alert.cause),
        "shift_id": alert.shift_id,
        "vehicle": town.vehicle(alert.vehicle_id),
        "stop": town.stop(str(stop_id)) if stop_id else None,
        "metres": alert.params.get("metres"),
        "bookings": [{"id": booking.id, "code": booking.code} for booking in bookings],
        "message": alert_words(alert.kind, alert.cause, values),
        "choices": [_choice_view(choice, town) for choice in choices],
        "acknowledged": None if known is None else {"at": town.time(known.at_s), "by": known.by},
    }


def _choice_view(choice: Choice, town: Town) -> Json:
    vehicle = town.vehicle(choice.vehicle_id) if choice.vehicle_id else None
    name = vehicle["name"] if vehicle else ""
    return {
        "action": str(choice.action),
        "booking_id": choice.booking_id,
        "shift_id": choice.shift_id,
        "vehicle": vehicle,
        "late_s": choice.late_s,
        "label": choice_words(choice.action, name, choice.late_s),
    }
