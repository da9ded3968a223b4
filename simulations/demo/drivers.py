"""Virtual drivers: follow the manifest along the roads and report like real ones."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.engine.network import Network
from routing.roads.graph import Place, position_of
from simulations.demo.client import ServiceClient

Json = dict[str, Any]


@dataclass(slots=True)
class Driver:
    """One vehicle on the road: where it is and how far in time it has driven."""

    place: Place
    at_s: float


class Drivers:
    """Moves every vehicle that is on duty; `step` is called again and again."""

    def __init__(self, client: ServiceClient, network: Network) -> None:
        self._client = client
        self._network = network
        self._drivers: dict[str, Driver] = {}

    def step(self, now_s: float) -> None:
        """Do whatever is due by `now_s`, as the plan stands now.

        Raises:
            httpx.HTTPError: the service cannot be reached.
        """
        plan = self._client.get("/plan")
        relieved_first = sorted(plan["shifts"], key=lambda shift: shift["status"] == "planned")
        for shift in relieved_first:
            if _instant(shift["start"]) > now_s:
                continue
            if shift["status"] == "planned":
                self._report_shift(shift, "start")
            elif shift["visits"]:
                self._visit(shift, shift["visits"][0], now_s)
            elif now_s >= _instant(shift["end"]):
                self._report_shift(shift, "end")

    def _report_shift(self, shift: Json, what: str) -> None:
        vehicle_id = shift["vehicle"]["id"]
        self._client.post(f"/vehicles/{vehicle_id}/shifts/{shift['id']}/{what}")
        self._drivers.pop(shift["id"], None)

    def _visit(self, shift: Json, visit: Json, now_s: float) -> None:
        if visit["arrived_at"] is not None:
            self._serve(shift, visit, now_s)
            return
        driver = self._drivers.get(shift["id"]) or self._place(shift)
        self._drivers[shift["id"]] = driver
        standing = driver.at_s <= _instant(visit["leave"])
        departed_s = max(driver.at_s, _instant(visit["leave"])) if standing else driver.at_s
        if now_s <= departed_s:
            return
        target = self._network.stop_index.get(visit["stop"]["stop_id"])
        if target is None:
            return
        stop = self._network.stops[target]
        driver.place = self._network.advance(
            driver.place, stop.id, int(departed_s), int(now_s), int(now_s)
        )
        driver.at_s = float(int(now_s))
        vehicle_id = shift["vehicle"]["id"]
        if driver.place == stop.place:
            if visit["kind"] == "break" and now_s < _instant(visit["arrive"]):
                return  # there already, but it is not time to rest yet
            self._client.post(f"/vehicles/{vehicle_id}/visits/{visit['id']}/arrived")
            return
        lon, lat = position_of(self._network.graph, driver.place)
        at = datetime.fromtimestamp(int(now_s), self._network.hours.timezone).isoformat()
        body = {"lon": round(lon, 6), "lat": round(lat, 6), "at": at}
        self._client.post(f"/vehicles/{vehicle_id}/positions", body)

    def _serve(self, shift: Json, visit: Json, now_s: float) -> None:
        """Let riders off and on, each when the plan says it is done."""
        for what, riders in (("alighted", visit["alighting"]), ("boarded", visit["boarding"])):
            for rider in riders:
                if _instant(rider["done"]) <= now_s:
                    self._client.post(f"/bookings/{rider['booking_id']}/{what}")
        self._drivers.pop(shift["id"], None)

    def _place(self, shift: Json) -> Driver:
        """Take a vehicle up where the plan knows it last."""
        position = shift["position"]
        snapped = self._network.snapper.snap_side(position["lon"], position["lat"])[0]
        place = snapped.place
        for stop in self._network.stops:
            if (stop.lon, stop.lat) == (position["lon"], position["lat"]):
                place = stop.place
        return Driver(place, _instant(position["at"]))


def _instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
