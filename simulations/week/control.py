"""The control room of a simulated week: standing orders, closures, moves, a look at the alerts."""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Final
from urllib.parse import quote

from dispatch.domain.model import Party, Spot
from routing.roads.graph import Place, position_of
from simulations.week.book import Book
from simulations.week.calls import Calls
from simulations.week.ledger import Json
from simulations.week.riders import Riders, instant, place
from simulations.week.timeline import Timeline
from simulations.week.vehicles import Roads

_CONTROL: Final = "control"
_HOUR_S: Final = 3600
_MOVES: Final = 6


@dataclass(slots=True)
class Desk:
    """What the control room did.

    Attributes:
        closures: roads and stops closed.
        moves: bookings moved to another vehicle.
        pins: bookings kept on theirs.
        alerts: that were seen, and acknowledged.
        series: standing orders.
        series_rides: booked for them.
    """

    closures: int = 0
    moves: int = 0
    pins: int = 0
    alerts: int = 0
    series: int = 0
    series_rides: int = 0


class ControlRoom:
    """Dispatchers at work.

    Args:
        timeline: when they act.
        calls: how they reach the service.
        book: the bookings.
        riders: who has names and telephones.
        roads: where drivers learn of closures.
        rng: what they do.
    """

    def __init__(
        self,
        timeline: Timeline,
        calls: Calls,
        book: Book,
        riders: Riders,
        roads: Roads,
        rng: Random,
    ) -> None:
        self._timeline = timeline
        self._calls = calls
        self._book = book
        self._riders = riders
        self._roads = roads
        self._rng = rng
        self._series: list[str] = []
        self.desk = Desk()

    def plan_day(self, opens_s: int, closes_s: int) -> None:
        """What is done on one day between two instants."""
        for close in (self._close_stop, self._close_road):
            start_s = self._rng.randrange(opens_s + _HOUR_S, closes_s - 2 * _HOUR_S)
            until_s = min(closes_s - _HOUR_S, start_s + self._rng.randrange(_HOUR_S, 4 * _HOUR_S))
            self._timeline.at(start_s, partial(close, until_s))
        for _ in range(_MOVES):
            self._timeline.at(self._rng.randrange(opens_s, closes_s), self._move)
        for at_s in range(opens_s + _HOUR_S, closes_s, 3 * _HOUR_S):
            self._timeline.at(at_s, self._look)

    def plan_series(
        self, at_s: int, first: date, last: date, rides: list[tuple[Spot, Spot, Party]]
    ) -> None:
        """Place standing orders from a day to a day; one of them leaves a day out."""
        for number, ride in enumerate(rides):
            order = partial(self._order, number, first, last, ride)
            self._timeline.at(at_s + 60 * number, order)

    # -- standing orders

    async def _order(
        self, number: int, first: date, last: date, ride: tuple[Spot, Spot, Party]
    ) -> None:
        days = (last - first).days + 1
        body = {
            "origin": place(ride[0]),
            "destination": place(ride[1]),
            "weekdays": [1, 2, 3, 4, 5, 6, 7],
            "from_day": first.isoformat(),
            "to_day": last.isoformat(),
            "contact": self._riders.contact(9_000 + number),
            "arrive_by" if number % 2 else "depart_at": f"{10 + number:02}:30",
        }
        answer = await self._calls.post("/series", body, _CONTROL)
        if not answer.is_yes:
            return
        self.desk.series += 1
        self._series.append(answer.body["id"])
        if number == 0 and days > 2:  # noqa: PLR2004 - one before it, one after it
            skip = {"day": (first + timedelta(days=days // 2)).isoformat()}
            path = f"/series/{answer.body['id']}/skips"
            due_s = self._timeline.now_s + 5 * _HOUR_S
            self._timeline.at(due_s, partial(self._skip, path, skip))

    async def _skip(self, path: str, skip: Json) -> None:
        await self._calls.post(path, skip, _CONTROL)

    async def collect_series(self) -> None:
        """Enter the bookings that were made for standing orders into the book."""
        for series_id in self._series:
            view = await self._calls.get(f"/series/{series_id}")
            for day in view.get("days", ()):
                if day["booking_id"]:
                    self.desk.series_rides += 1
                    self._book.ride(day["booking_id"])

    # -- closures

    async def _close_stop(self, until_s: int) -> None:
        stops = [stop.id for stop in self._roads.network.stops if stop.bookable]
        await self._close({"stop_id": self._rng.choice(stops)}, until_s)

    async def _close_road(self, until_s: int) -> None:
        """One that begins and ends somewhere on the graph."""
        graph = self._roads.network.graph
        arc = self._rng.randrange(len(graph.arc_time_ms))
        last_ms = int(graph.arc_time_ms[arc]) - 1
        ends = (position_of(graph, Place(arc, offset_ms)) for offset_ms in (0, last_ms))
        await self._close({"line": [[lon, lat] for lon, lat in ends]}, until_s)

    async def _close(self, what: Json, until_s: int) -> None:
        wish = {**what, "until": self._riders.time(until_s + _HOUR_S), "reason": "Bauarbeiten"}
        await self._calls.look("/closures/preview", wish, _CONTROL)
        answer = await self._calls.post("/closures", wish, _CONTROL)
        await self._tell_drivers()
        if answer.is_yes:
            self.desk.closures += 1
            closure_id = answer.body["closure"]["id"]
            self._timeline.at(until_s, partial(self._reopen, closure_id))

    async def _reopen(self, closure_id: str) -> None:
        await self._calls.delete(f"/closures/{closure_id}", _CONTROL)
        await self._tell_drivers()

    async def _tell_drivers(self) -> None:
        known = await self._calls.get("/closures", _CONTROL)
        if known:
            self._roads.learn({view["id"]: view for view in known["closures"]})

    # -- bookings

    async def _move(self) -> None:
        """Move the ride that comes next but two to another vehicle, or keep it where it is."""
        plan = await self._calls.get("/plan", _CONTROL)
        waiting = [b for b in plan.get("bookings", ()) if b["status"] == "confirmed"]
        if len(waiting) < 3:  # noqa: PLR2004 - the next but two
            return
        booking = waiting[2]
        if self._rng.random() < 0.3:  # noqa: PLR2004 - a share
            answer = await self._calls.post(f"/bookings/{booking['id']}/pin", role=_CONTROL)
            self.desk.pins += answer.is_yes
            return
        pickup_s = instant(booking["promise"]["pickup_window"][0])
        own = booking["vehicle"]["id"]
        others = (s for s in plan["shifts"] if s["vehicle"]["id"] != own)
        able = [s for s in others if instant(s["start"]) < pickup_s < instant(s["end"])]
        if not able:
            return
        wish = {"shift_id": self._rng.choice(able)["id"]}
        path = f"/bookings/{booking['id']}"
        preview = await self._calls.post(f"{path}/move-preview", wish, _CONTROL)
        versions = preview.body.get("versions")
        if not preview.is_yes or not versions or preview.body.get("obstacle"):
            return
        body = {**wish, "versions": versions, "pin": False}
        moved = await self._calls.post(f"{path}/move", body, _CONTROL)
        self.desk.moves += moved.is_yes

    async def _look(self) -> None:
        """See to the alerts, and to the pages that somebody always has open."""
        for path in ("/fleet", "/waiting", "/plan?routes=true"):
            await self._calls.get(path, _CONTROL)
        found = await self._calls.get("/alerts", _CONTROL)
        for alert in found.get("alerts", ())[:2]:
            path = f"/alerts/{quote(alert['id'])}/acknowledge"
            answer = await self._calls.post(path, role=_CONTROL)
            self.desk.alerts += answer.is_yes
