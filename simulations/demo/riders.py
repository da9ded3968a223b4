"""Virtual riders: a trickle of requests, each taking its first offer."""

from random import Random

from simulations.demand import Demand
from simulations.demo.client import ServiceClient

_OPENING_ASKS = 4
"""Rides asked for at the very beginning, so that there is something to see at once."""


class Riders:
    """Asks for a ride every now and then."""

    def __init__(
        self,
        client: ServiceClient,
        demand: Demand,
        per_hour: float,
        rng: Random,
    ) -> None:
        self._client = client
        self._demand = demand
        self._per_hour = per_hour
        self._rng = rng
        self._asked = 0
        self._next_s = 0.0

    def step(self, now_s: float) -> None:
        """Ask for the rides that are due by `now_s`.

        Raises:
            httpx.HTTPError: the service cannot be reached.
        """
        if now_s < self._next_s:
            return
        self._ask()
        self._asked += 1
        if self._asked >= _OPENING_ASKS:
            self._next_s = now_s + self._rng.expovariate(self._per_hour / 3600)

    def _ask(self) -> None:
        origin, destination, party = self._demand.ride(self._rng)
        answer = self._client.post(
            "/ride-requests",
            {
                "origin": {"lon": origin.lon, "lat": origin.lat},
                "destination": {"lon": destination.lon, "lat": destination.lat},
                "party": {"seats": party.seats, "wheelchairs": party.wheelchairs},
            },
        )
        if answer and answer["offers"]:
            contact = {"name": "Demo", "email": "demo@example.org"}
            self._client.post(
                "/bookings", {"offer_id": answer["offers"][0]["id"], "contact": contact}
            )
