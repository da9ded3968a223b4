"""The roads in a web process: ways for the map around what is closed, and closures tried out."""

from collections.abc import Sequence
from functools import cached_property
from random import Random
from threading import Lock
from typing import TYPE_CHECKING

from dispatch.closure_views import closures_answer
from dispatch.domain import commands as cmd
from dispatch.domain.closures import Closure, ClosureWish
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.network import Network
from dispatch.town import Json, Town
from routing.roads.closures import RoadMatcher

if TYPE_CHECKING:
    from dispatch.engine import Engine


class RoadsDesk:
    """Looks at the roads and decides nothing. Its methods take a while: call them in a thread.

    Args:
        config: the town's service.
        network: its roads, all of them open.
    """

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._lock = Lock()

    @cached_property
    def _engine(self) -> "Engine":
        from dispatch.engine import Engine  # noqa: PLC0415 - loads kernels that maps do not need

        return Engine(self._config, self._network)

    def line(
        self,
        start: tuple[float, float] | None,
        stop_ids: Sequence[str],
        closed: Sequence[Closure] = (),
    ) -> list[list[float]]:
        """The way from a point (or the first stop) through stops, as `[[lon, lat], ...]`.

        Args:
            start: lon and lat.
            stop_ids: unknown ones are left out.
            closed: road closures to drive around.
        """
        network = self._network.closed_roads.without(closed)
        known = [i for i in map(network.stop_index.get, stop_ids) if i is not None]
        if not known:
            return []
        travel = network.travel
        if start is None:
            place = travel.stops[known.pop(0)]
        else:
            place = network.snapper.snap_side(*start)[0].place
        points: list[list[float]] = []
        for stop in known:
            path = travel.path(place, stop)
            points += [
                [float(lon), float(lat)] for lon, lat in zip(path.lons, path.lats, strict=True)
            ]
            place = travel.stops[stop]
        return points

    def is_on_road(self, wish: ClosureWish) -> bool:
        """Whether a closure of a road would close any."""
        return is_on_road(self._network.closed_roads.matcher, wish)

    def preview(
        self, command: cmd.Close | cmd.Reopen | cmd.ImportClosures, state: State, now_s: int
    ) -> Json:
        """What a command would be answered with if it were given now; nothing is changed.

        Raises:
            DomainError: it would be refused.
        """
        rng = Random(0)  # noqa: S311 - ids that nobody will ever see again
        town = Town.of(self._config, self._network.stops)
        with self._lock:
            events = self._engine.decide(state, command, now_s, rng)
        return closures_answer(command, events, state, town) or {}


def is_on_road(matcher: RoadMatcher, wish: ClosureWish) -> bool:
    """Whether a closure of a road would close any."""
    lines: Sequence[Sequence[tuple[float, float]]] = wish.lines
    if wish.way_id is not None:
        lines = matcher.of_way(wish.way_id)
    elif wish.street is not None:
        lines = matcher.of_street(wish.street)
    return bool(matcher.along(lines, wish.direction.value).arcs)
