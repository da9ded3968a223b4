"""Downloads a town's roads: its boundary from Nominatim, its ways from Overpass as OSM XML.

The answer is stored as a file and goes through the same import as any other extract. Time-outs and
attempts are bounded; a failure leaves the old graph untouched.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from routing.roads.build import BuildOptions, widened
from routing.roads.errors import (
    ExtractTooLargeError,
    NetworkUnavailableError,
    PlaceNotFoundError,
)
from routing.roads.files import graph_path, roads_folder
from routing.roads.graph import RoadGraph
from routing.roads.importing import import_extract
from routing.roads.osm_reader import Progress

if TYPE_CHECKING:
    import httpx
    from shapely.geometry.base import BaseGeometry

USER_AGENT: Final = "rufbus/0.1"
_RETRY_STATUS: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_SIMPLIFY_M: Final = 50.0
_OK: Final = 200
_SERVER_MEMORY: Final = 512 * 1024 * 1024
_WAY_KEYS: Final = (
    "building",
    "landuse",
    "natural",
    "leisure",
    "amenity",
    "waterway",
    "railway",
    "shop",
)
_NODE_KEYS: Final = ("place", "amenity", "railway", "shop", "leisure", "addr:housenumber")
_AREA_KEYS: Final = ("building", "landuse", "natural", "leisure", "amenity")


@dataclass(frozen=True)
class FetchSettings:
    """Where to ask, how long to wait, how often to try.

    `deadline_s` bounds everything together, waiting between attempts included.
    """

    nominatim_url: str = "https://nominatim.openstreetmap.org/search"
    overpass_url: str = "https://overpass-api.de/api/interpreter"
    timeout_s: float = 60.0
    retries: int = 3
    backoff_s: float = 2.0
    max_backoff_s: float = 30.0
    deadline_s: float = 300.0
    margin_m: float = 500.0
    max_bytes: int = 300_000_000


class _Attempts:
    """Repeats a request while it may still succeed, with growing pauses, up to a deadline."""

    def __init__(
        self, settings: FetchSettings, progress: Progress, sleep: Callable[[float], None]
    ) -> None:
        self._settings = settings
        self._progress = progress
        self._sleep = sleep
        self._spent_from = time.monotonic()

    def left_s(self) -> float:
        return self._settings.deadline_s - (time.monotonic() - self._spent_from)

    def run(self, what: str, attempt: Callable[[float], Any]) -> Any:
        """Calls `attempt(timeout_s)` until it returns; gives up with `NetworkUnavailableError`."""
        import httpx  # noqa: PLC0415 - keeps `import routing.roads` quick

        reason = "no time left"
        for number in range(self._settings.retries + 1):
            timeout = min(self._settings.timeout_s, self.left_s())
            if timeout <= 0:
                break
            pause = min(self._settings.backoff_s * 2**number, self._settings.max_backoff_s)
            try:
                return attempt(timeout)
            except _TryAgainError as error:
                reason = str(error)
                pause = max(pause, min(error.after_s, self._settings.max_backoff_s))
            except httpx.TimeoutException:
                reason = f"no answer within {timeout:.0f} s"
            except httpx.HTTPError as error:
                reason = str(error) or type(error).__name__
            if number == self._settings.retries or pause >= self.left_s():
                break
            self._progress(f"{what}: {reason}; trying again in {pause:.0f} s")
            self._sleep(pause)
        raise NetworkUnavailableError(f"{what}: {reason}")


class _TryAgainError(Exception):
    def __init__(self, message: str, after_s: float = 0.0) -> None:
        super().__init__(message)
        self.after_s = after_s


def _check_status(what: str, response: "httpx.Response") -> None:
    if response.status_code in _RETRY_STATUS:
        wait = response.headers.get("Retry-After", "")
        raise _TryAgainError(
            f"the server answered {response.status_code}", float(wait) if wait.isdigit() else 0.0
        )
    if response.status_code != _OK:
        raise NetworkUnavailableError(f"{what}: the server answered {response.status_code}")


def place_boundary(place: str, settings: FetchSettings, attempts: "_Attempts") -> "BaseGeometry":
    """The boundary of a named place, as Nominatim knows it.

    Raises:
        PlaceNotFoundError: no place of that name that is an area.
        NetworkUnavailableError: no usable answer.
    """
    import httpx  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    query = {"q": place, "format": "jsonv2", "polygon_geojson": "1", "limit": "10"}

    def attempt(timeout_s: float) -> Any:
        response = httpx.get(
            settings.nominatim_url,
            params=query,
            headers={"User-Agent": USER_AGENT},
            timeout=timeout_s,
            follow_redirects=True,
        )
        _check_status("geocoder", response)
        try:
            return json.loads(response.content)
        except ValueError as error:
            raise _TryAgainError("the answer is not JSON") from error

    found = attempts.run("geocoder", attempt)
    for entry in found if isinstance(found, list) else ():
        geometry = entry.get("geojson") if isinstance(entry, dict) else None
        if isinstance(geometry, dict) and geometry.get("type") in {"Polygon", "MultiPolygon"}:
            try:
                return shapely.make_valid(shapely.geometry.shape(geometry))
            except (ValueError, TypeError, shapely.errors.ShapelyError) as error:
                raise NetworkUnavailableError("geocoder: a boundary without a shape") from error
    raise PlaceNotFoundError(f"OpenStreetMap knows no area called {place!r}")


def overpass_query(area: "BaseGeometry", timeout_s: float) -> str:
    """Overpass QL for what the road graph, the stops and the basemap of a polygon are made of.

    One set, put out once: then nodes come before ways and ways before relations, as readers want.

    Args:
        area: polygon(s) in degrees; outer rings only.
        timeout_s: how long the server may work.
    """
    roads, others = [], []
    for ring in _overpass_rings(area):
        roads.append(f'way["highway"](poly:"{ring}");')
        others += [f'way["{key}"](poly:"{ring}");' for key in _WAY_KEYS]
        others += [f'node["{key}"](poly:"{ring}");' for key in _NODE_KEYS]
        others += [f'rel["type"="multipolygon"]["{key}"](poly:"{ring}");' for key in _AREA_KEYS]
    head = f"[out:xml][timeout:{max(1, int(timeout_s))}][maxsize:{_SERVER_MEMORY}];"
    union = f'.roads;rel(bw.roads)["type"="restriction"];{"".join(others)}'
    return f"{head}({''.join(roads)})->.roads;({union});(._;>;);out body;"


def _overpass_rings(area: "BaseGeometry") -> Iterable[str]:
    for polygon in getattr(area, "geoms", [area]):
        if polygon.geom_type == "Polygon":
            yield " ".join(f"{y:.6f} {x:.6f}" for x, y in polygon.exterior.coords)


def _download(query: str, target: Path, settings: FetchSettings, attempts: "_Attempts") -> None:
    """Streams Overpass's answer into a file.

    Raises:
        NetworkUnavailableError: no usable answer.
        ExtractTooLargeError: it does not end within `max_bytes`.
    """
    import httpx  # noqa: PLC0415

    def attempt(timeout_s: float) -> None:
        with httpx.stream(
            "POST",
            settings.overpass_url,
            data={"data": query},
            headers={"User-Agent": USER_AGENT},
            timeout=timeout_s,
            follow_redirects=True,
        ) as response:
            _check_status("Overpass", response)
            size = 0
            with target.open("wb") as file:
                for block in response.iter_bytes():
                    size += len(block)
                    if size > settings.max_bytes:
                        raise ExtractTooLargeError(
                            f"Overpass sent more than {settings.max_bytes / 1e6:.0f} MB"
                        )
                    if attempts.left_s() <= 0:
                        raise _TryAgainError("the download takes too long")
                    file.write(block)
        _check_answer(target)

    attempts.run("Overpass", attempt)


def _check_answer(path: Path) -> None:
    """Overpass reports a time-out or a full server inside an answer that looks complete."""
    with path.open("rb") as file:
        start = file.read(4096)
        file.seek(max(0, path.stat().st_size - 4096))
        end = file.read()
    if b"<osm" not in start or b"</osm>" not in end:
        raise _TryAgainError("the answer is not complete OSM XML")
    if b"<remark>" in end and b"runtime error" in end:
        raise _TryAgainError("the server gave up on the query")


def fetch_place(
    place: str,
    *,
    var: Path,
    name: str,
    settings: FetchSettings | None = None,
    options: BuildOptions | None = None,
    progress: Progress = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> RoadGraph:
    """Fetches a town's roads from OpenStreetMap and makes its road graph.

    Args:
        place: as one would type it into a map search.
        var: the var folder; the download stays beside the graph as `<name>.osm`.
        name: the graph's name.
        settings: servers, time-outs, attempts.
        options: vehicle and speeds; the area is set to the place's boundary.
        progress: told what is being done.
        sleep: waits between attempts.

    Returns:
        the stored graph; roads up to `margin_m` outside the boundary are part of it.

    Raises:
        RoadsError: with a code that says what was wrong; the old graph and download stay then.
    """
    import shapely  # noqa: PLC0415

    settings = settings or FetchSettings()
    graph_path(var, name)
    folder = roads_folder(var)
    folder.mkdir(parents=True, exist_ok=True)
    attempts = _Attempts(settings, progress, sleep)
    progress(f"asking for the boundary of {place}")
    boundary = place_boundary(place, settings, attempts)
    wanted = widened(boundary, settings.margin_m + _SIMPLIFY_M)
    per_degree = 111_195.0
    outline = shapely.simplify(wanted, _SIMPLIFY_M / per_degree)
    temporary = folder / f".{name}.part.osm"
    try:
        progress("downloading the roads")
        query = overpass_query(outline, settings.timeout_s)
        _download(query, temporary, settings, attempts)
        options = replace(options or BuildOptions(), area=boundary, margin_m=settings.margin_m)
        graph = import_extract(
            temporary,
            var=var,
            name=name,
            options=options,
            source=f"Overpass: {place}",
            progress=progress,
        )
        temporary.replace(folder / f"{name}.osm")
    finally:
        temporary.unlink(missing_ok=True)
    return graph
