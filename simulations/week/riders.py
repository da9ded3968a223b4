"""Riders of a simulated week: they ask, book, wait, change their minds, cancel, come in crowds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from random import Random
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from dispatch.domain.model import Party, Spot
from simulations.demand import Trip
from simulations.week.book import Book, End, Ride
from simulations.week.calls import Calls
from simulations.week.ledger import Answer, Json
from simulations.week.timeline import Timeline

_HOUR_S: Final = 3600
_THINKS_S: Final = 90
_LOOKS_AGAIN_S: Final = 900
_CALLERS: Final = 60
"""So many telephone numbers there are, so callers are known after a while."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How often riders do what; shares.

    Attributes:
        abandons: an offer is left to lapse.
        changes: a booking is changed.
        by_code: of cancellations that are made with the short code and a proof.
        waits: of refusals for want of room that are waited out.
        others_come: other people come than were booked.
        takes_any: takes any of the offers, not the first.
    """

    abandons: float = 0.06
    changes: float = 0.08
    by_code: float = 0.4
    waits: float = 0.6
    others_come: float = 0.06
    takes_any: float = 0.25


class Riders:
    """Everybody who wants to be driven.

    Args:
        timeline: when they act.
        calls: how they reach the service.
        book: where their bookings are noted.
        zone: the town's.
        rng: whoever does what.
        end_s: nobody wants a ride after that.
    """

    def __init__(
        self,
        timeline: Timeline,
        calls: Calls,
        book: Book,
        zone: ZoneInfo,
        rng: Random,
        end_s: int,
    ) -> None:
        self._timeline = timeline
        self._calls = calls
        self._book = book
        self._zone = zone
        self._rng = rng
        self._end_s = end_s
        self._habits = Habits()
        self._number = 0
        self.asked = self.refused = self.abandoned = self.waiting = self.served_waiting = 0

    def expect(self, trips: Iterable[Trip]) -> None:
        """Have some trips asked for, each at its time or at once if that has passed."""
        for trip in trips:
            self._number += 1
            asked_s = max(trip.asked_at_s, self._timeline.now_s + 60)
            self._timeline.at(asked_s, partial(self._ask, self._number, trip))

    def expect_group(self, at_s: int, ride: tuple[Spot, Spot, Party], persons: int) -> None:
        """Have a large party ask for a ride two hours ahead."""
        self._number += 1
        self._timeline.at(at_s, partial(self._ask_as_group, self._number, ride, persons))

    def time(self, at_s: int) -> str:
        """An instant as clients write it."""
        return datetime.fromtimestamp(at_s, self._zone).isoformat()

    def contact(self, number: int) -> Json:
        """Name and addresses of the n-th rider."""
        phone = f"02521 {70_000 + number % _CALLERS}"
        return {"name": f"Rider {number}", "phone": phone, "email": f"r{number}@example.org"}

    # -- asking

    async def _ask(self, number: int, trip: Trip) -> None:
        wish = trip.ask
        body: Json = {
            "origin": place(wish.origin),
            "destination": place(wish.destination),
            "party": {"seats": wish.party.seats, "wheelchairs": wish.party.wheelchairs},
        }
        now_s = self._timeline.now_s
        for name, at_s in (("depart_at", wish.depart_at_s), ("arrive_by", wish.arrive_by_s)):
            if at_s is not None and at_s > now_s:
                body[name] = self.time(at_s)
        role = "control" if wish.channel == "phone" else ""
        await self._request(number, body, role, may_repeat=True)

    async def _request(self, number: int, body: Json, role: str, *, may_repeat: bool) -> None:
        self.asked += 1
        answer = await self._calls.post("/ride-requests", body, role)
        offers = answer.body.get("offers") or []
        if not answer.is_yes:
            return
        if not offers:
            self.refused += 1
            await self._refused(number, body, role, answer.body, may_repeat=may_repeat)
            return
        if self._rng.random() < self._habits.abandons:
            self.abandoned += 1
            return
        chosen = self._rng.choice(offers) if self._chance(self._habits.takes_any) else offers[0]
        take = partial(self._take, number, body, chosen["id"], role)
        self._timeline.at(self._timeline.now_s + self._rng.randrange(_THINKS_S), take)

    async def _refused(
        self, number: int, body: Json, role: str, request: Json, *, may_repeat: bool
    ) -> None:
        refusal = request["refusal"]
        if refusal["code"] == "no_capacity" and self._chance(self._habits.waits):
            path = f"/ride-requests/{request['id']}/waiting"
            joined = await self._calls.post(path, {"contact": self.contact(number)})
            if joined.is_yes:
                self.waiting += 1
                self._look_later(number, path)
        elif may_repeat and refusal["alternatives"]:
            other = {k: v for k, v in body.items() if k not in {"depart_at", "arrive_by"}}
            other["depart_at"] = refusal["alternatives"][0]["depart_at"]
            await self._request(number, other, role, may_repeat=False)

    def _look_later(self, number: int, path: str) -> None:
        async def look() -> None:
            entry = await self._calls.get(path)
            if entry.get("status") == "waiting" and self._timeline.now_s < self._end_s:
                self._look_later(number, path)
            elif entry.get("booking_id"):
                self.served_waiting += 1
                self._book.made({"id": entry["booking_id"]}, number)

        self._timeline.at(self._timeline.now_s + _LOOKS_AGAIN_S, look)

    # -- booking

    async def _take(self, number: int, wish: Json, offer_id: str, role: str) -> None:
        body: Json = {"offer_id": offer_id}
        known = await self._known(number) if role else None
        body |= {"contact": self.contact(number)} if known is None else {"rider_id": known}
        answer = await self._calls.post("/bookings", body, role)
        if not answer.is_yes:
            return
        ride = self._book.made(answer.body, number)
        if role:
            await self._calls.get(f"/bookings/{ride.id}/read-back", role)
        self._plan_life(ride, wish)

    async def _known(self, number: int) -> str | None:
        """The control room looks for the caller."""
        phone = quote(self.contact(number)["phone"])
        found = await self._calls.get(f"/riders?phone={phone}", "control")
        riders = found.get("riders") or []
        return str(riders[0]["rider_id"]) if riders else None

    def _plan_life(self, ride: Ride, wish: Json) -> None:
        """What will become of the wish before the vehicle comes."""
        pickup_s = instant(ride.view["promise"]["pickup_window"][0])
        now_s, fate = self._timeline.now_s, ride.fate
        if self._chance(self._habits.others_come):
            booked = ride.view["party"]
            seats = max(1, booked["seats"] + self._rng.choice((-1, 1, 1)))
            ride.party = {**booked, "seats": seats}
        if fate.cancels_ahead_s is not None and pickup_s - fate.cancels_ahead_s > now_s:
            self._timeline.at(pickup_s - fate.cancels_ahead_s, partial(self._cancel, ride))
        elif pickup_s - now_s > _HOUR_S and self._chance(self._habits.changes):
            due_s = now_s + self._rng.randrange(pickup_s - now_s)
            self._timeline.at(due_s, partial(self._change, ride, wish))

    async def _change(self, ride: Ride, wish: Json) -> None:
        """Ask for the same an hour later, and take it."""
        pickup_s = instant(ride.view["promise"]["pickup_window"][0])
        depart_s = max(self._timeline.now_s + 60, pickup_s + _HOUR_S)
        if ride.end is not End.OPEN or depart_s > self._end_s - _HOUR_S:
            return
        other = {k: v for k, v in wish.items() if k not in {"depart_at", "arrive_by"}}
        other |= {"depart_at": self.time(depart_s), "replaces": ride.id}
        answer = await self._calls.post("/ride-requests", other)
        offers = answer.body.get("offers") or []
        if not answer.is_yes or not offers:
            return
        taken = await self._calls.post("/bookings", {"offer_id": offers[0]["id"]})
        if taken.is_yes:
            ride.view = taken.body
            ride.changes += 1

    async def _cancel(self, ride: Ride) -> None:
        if ride.end is not End.OPEN:
            return
        if self._chance(self._habits.by_code) and ride.number is not None:
            contact = self.contact(ride.number)
            # who is known to the control room is there with the name of the first call
            proof = {"phone_digits": contact["phone"][-4:]}
            path = f"/bookings/by-code/{ride.view['code']}/cancel"
            answer = await self._calls.post(path, proof)
        else:
            answer = await self._calls.delete(f"/bookings/{ride.id}?reason=plans_changed")
        if answer.is_yes:
            ride.end = End.CANCELLED

    # -- crowds

    async def _ask_as_group(
        self, number: int, ride: tuple[Spot, Spot, Party], persons: int
    ) -> None:
        self.asked += 1
        body = {
            "origin": place(ride[0]),
            "destination": place(ride[1]),
            "party": {"seats": persons, "wheelchairs": 0},
            "depart_at": self.time(self._timeline.now_s + 2 * _HOUR_S),
        }
        answer = await self._calls.post("/group-requests", body)
        if not answer.is_yes or answer.body["group_id"] is None:
            self.refused += 1
            return
        group_id = answer.body["group_id"]
        wanted = {"group_id": group_id, "contact": self.contact(number)}
        made = await self._calls.post("/groups", wanted)
        if not made.is_yes:
            return
        rides = [self._book.made(view, number) for view in made.body["bookings"]]
        if self._chance(0.3):
            give_up = partial(self._cancel_group, group_id, rides)
            self._timeline.at(self._timeline.now_s + _HOUR_S, give_up)

    async def _cancel_group(self, group_id: str, rides: list[Ride]) -> None:
        answer: Answer = await self._calls.delete(f"/groups/{group_id}")
        if answer.is_yes:
            for view in answer.body["bookings"]:
                for ride in rides:
                    if ride.id == view["id"] and view["status"] == "cancelled":
                        ride.end = End.CANCELLED

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share


def place(spot: Spot) -> Json:
    """A spot as the API takes it."""
    if spot.stop_id is not None:
        return {"stop_id": spot.stop_id}
    return {"lon": spot.lon, "lat": spot.lat}


def instant(text: str) -> int:
    """Epoch second of a time that the API tells."""
    return int(datetime.fromisoformat(text).timestamp())
