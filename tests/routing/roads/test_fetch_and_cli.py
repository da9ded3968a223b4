"""Fetching a town from a local server that replays Nominatim and Overpass, and the command line."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import click
import pytest
import shapely
from click.testing import CliRunner

from routing.roads.cli import roads
from routing.roads.errors import (
    EmptyExtractError,
    ExtractTooLargeError,
    NetworkUnavailableError,
    PlaceNotFoundError,
    RoadsError,
)
from routing.roads.fetch import USER_AGENT, FetchSettings, fetch_place, overpass_query
from routing.roads.files import graph_path
from routing.roads.graph import RoadGraph
from routing.roads.importing import import_extract

WriteTown = Callable[..., Path]
Answer = tuple[int, bytes, dict[str, str]]

NODES = {"a": (0, 0), "b": (500, 0), "c": (500, 400)}
WAYS = [("ab", "highway=residential name=Gasse"), ("bc", "highway=residential")]
BOUNDARY = {
    "type": "Polygon",
    "coordinates": [[[7.9, 51.7], [8.1, 51.7], [8.1, 51.8], [7.9, 51.8], [7.9, 51.7]]],
}


@dataclass
class Replay:
    """Answers in the order given, the last one again and again; remembers what it was asked."""

    url: str = ""
    geocoder: list[Answer] = field(default_factory=list)
    overpass: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    hang_s: float = 0.0

    def settings(self, **kwargs: Any) -> FetchSettings:
        defaults: dict[str, Any] = {"timeout_s": 5.0, "retries": 2, "backoff_s": 0.01}
        return FetchSettings(
            nominatim_url=f"{self.url}/search",
            overpass_url=f"{self.url}/interpreter",
            **(defaults | kwargs),
        )

    def next(self, path: str) -> Answer:
        queue = self.geocoder if path == "/search" else self.overpass
        return queue.pop(0) if len(queue) > 1 else queue[0]


@pytest.fixture
def server(write_town: WriteTown) -> Iterator[Replay]:
    replay = Replay()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, body: str) -> None:
            path = urlsplit(self.path).path
            replay.asked.append((self.path, body, self.headers["User-Agent"]))
            if replay.hang_s and path != "/search":
                time.sleep(replay.hang_s)
            status, content, headers = replay.next(path)
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
            except OSError:
                return

        def do_GET(self) -> None:
            self.answer("")

        def do_POST(self) -> None:
            self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def log_message(self, *_: object) -> None:
            pass

    place = {"osm_type": "relation", "display_name": "Town", "geojson": BOUNDARY}
    text = write_town(NODES, WAYS).read_text(encoding="utf-8")
    note = '<note>data ODbL</note><meta osm_base="2026-10-11T12:00:00Z"/><node id="1"'
    replay.geocoder = [(200, json.dumps([place]).encode(), {})]
    replay.overpass = [(200, text.replace('<node id="1"', note, 1).encode(), {})]
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    replay.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    yield replay
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


def test_a_town_is_fetched(server: Replay, var: Path) -> None:
    said: list[str] = []
    graph = fetch_place(
        "Town", var=var, name="beckum", settings=server.settings(), progress=said.append
    )
    assert graph.manifest.name == "beckum"
    assert graph.manifest.source == "Overpass: Town"
    assert graph.manifest.extract_date == "2026-10-11"
    assert not graph.manifest.schematic
    assert graph.area is not None
    assert (7.9, 51.7) in graph.area[0][0]
    assert RoadGraph.load(graph_path(var, "beckum")).digest == graph.digest
    assert {"beckum.graph", "beckum.osm"} <= {p.name for p in (var / "roads").iterdir()}
    assert not list((var / "roads").glob(".*")), "no left-overs"
    (search, _, agent), (_, query, other) = server.asked
    assert parse_qs(urlsplit(search).query)["q"] == ["Town"]
    assert agent == other == USER_AGENT
    assert "highway" in query
    assert said


@pytest.mark.parametrize(
    "first",
    [
        (429, b"slow down", {"Retry-After": "0"}),
        (504, b"<html>timeout</html>", {}),
        (200, b"<html>busy</html>", {}),
        (200, b"<osm version='0.6'><node id='1'", {}),
        (200, b"<osm><remark> runtime error: Query timed out </remark></osm>", {}),
    ],
)
def test_passing_troubles_are_tried_again(server: Replay, var: Path, first: Answer) -> None:
    server.overpass.insert(0, first)
    paused: list[float] = []
    graph = fetch_place("Town", var=var, name="t", settings=server.settings(), sleep=paused.append)
    assert graph.arcs > 0
    assert len(server.asked) == 3
    assert len(paused) == 1


def test_pauses_grow_and_heed_retry_after(server: Replay, var: Path) -> None:
    server.overpass = [(503, b"", {}), (503, b"", {}), (429, b"", {"Retry-After": "7"})]
    paused: list[float] = []
    with pytest.raises(NetworkUnavailableError, match="429"):
        fetch_place(
            "Town",
            var=var,
            name="t",
            settings=server.settings(retries=3, backoff_s=1.0),
            sleep=paused.append,
        )
    assert paused == [1.0, 2.0, 7.0]


@pytest.mark.parametrize(
    ("overpass", "error"),
    [
        ((400, b"bad query", {}), NetworkUnavailableError),
        ((403, b"go away", {}), NetworkUnavailableError),
        ((500, b"", {}), NetworkUnavailableError),
        ((200, b"", {}), NetworkUnavailableError),
        ((200, b"\x00\x01garbage", {}), NetworkUnavailableError),
        ((200, b"<osm version='0.6'></osm>", {}), EmptyExtractError),
        ((200, b"<osm><broken></osm>", {}), RoadsError),
        ((200, b"<osm>" + b" " * 2000 + b"</osm>", {}), ExtractTooLargeError),
    ],
)
def test_lasting_troubles_leave_the_old_graph(
    server: Replay, var: Path, write_town: WriteTown, overpass: Answer, error: type[RoadsError]
) -> None:
    import_extract(write_town(NODES, WAYS), var=var, name="beckum", basemap=False)
    before = {p.name: p.read_bytes() for p in (var / "roads").iterdir()}
    server.overpass = [overpass]
    with pytest.raises(error):
        fetch_place(
            "Town",
            var=var,
            name="beckum",
            settings=server.settings(max_bytes=1500),
            sleep=lambda _: None,
        )
    assert {p.name: p.read_bytes() for p in (var / "roads").iterdir()} == before


@pytest.mark.parametrize(
    ("geocoder", "error"),
    [
        ((200, b"[]", {}), PlaceNotFoundError),
        ((200, b'{"error": "x"}', {}), PlaceNotFoundError),
        (
            (200, b'[{"geojson": {"type": "Point", "coordinates": [8, 51]}}]', {}),
            PlaceNotFoundError,
        ),
        ((200, b"no json", {}), NetworkUnavailableError),
        ((403, b"", {}), NetworkUnavailableError),
        (
            (200, b'[{"geojson": {"type": "Polygon", "coordinates": [[1]]}}]', {}),
            NetworkUnavailableError,
        ),
    ],
)
def test_geocoder_troubles(
    server: Replay, var: Path, geocoder: Answer, error: type[RoadsError]
) -> None:
    server.geocoder = [geocoder]
    with pytest.raises(error):
        fetch_place("Town", var=var, name="t", settings=server.settings(), sleep=lambda _: None)


def test_a_silent_server_is_given_up(server: Replay, var: Path) -> None:
    server.hang_s = 1.5
    begun = time.perf_counter()
    with pytest.raises(NetworkUnavailableError, match="no answer within"):
        fetch_place("Town", var=var, name="t", settings=server.settings(timeout_s=0.2, retries=1))
    assert time.perf_counter() - begun < 5.0


def test_no_server_at_all(var: Path) -> None:
    settings = FetchSettings(
        nominatim_url="http://127.0.0.1:9/search", retries=1, backoff_s=0.01, timeout_s=2.0
    )
    with pytest.raises(NetworkUnavailableError) as caught:
        fetch_place("Town", var=var, name="t", settings=settings)
    assert caught.value.code == "roads_network_unavailable"


def test_the_deadline_bounds_everything(server: Replay, var: Path) -> None:
    server.overpass = [(503, b"", {})]
    paused: list[float] = []
    with pytest.raises(NetworkUnavailableError):
        fetch_place(
            "Town",
            var=var,
            name="t",
            settings=server.settings(retries=50, backoff_s=20.0, deadline_s=1.0),
            sleep=paused.append,
        )
    assert paused == [], "no pause that would outlast the deadline"
    assert len(server.asked) == 2, "nor an attempt without one"


def test_the_query_names_every_outer_ring() -> None:
    area = shapely.MultiPolygon([shapely.box(8, 51, 8.1, 51.1), shapely.box(9, 52, 9.1, 52.1)])
    query = overpass_query(area, 30.0)
    assert query.startswith("[out:xml][timeout:30]")
    assert query.count('way["highway"](poly:') == 2
    assert "51.100000 8.100000" in query
    assert query.count("out body;") == 1


def invoke(*args: str, env: dict[str, str] | None = None) -> Any:
    return CliRunner().invoke(roads, args, env=env)


def test_import_and_info_on_the_command_line(write_town: WriteTown, var: Path) -> None:
    path = write_town(NODES, WAYS)
    done = invoke("import", str(path), "--var", str(var), "--date", "2026-01-02")
    assert done.exit_code == 0, done.output
    assert "reading the ways" in done.stderr
    assert "ODbL-1.0" in done.stdout
    info = invoke("info", "--json", env={"RUFBUS_VAR": str(var)})
    manifest = json.loads(info.stdout)
    wanted = {"name", "nodes", "edges", "length_km", "source", "licence", "extract_date", "sha256"}
    assert wanted | {"schematic"} <= set(manifest)
    assert manifest["name"] == "town"
    assert manifest["schematic"] is False
    assert manifest["extract_date"] == "2026-01-02"
    assert manifest["length_km"] == pytest.approx(0.9, rel=1e-3)
    named = invoke("info", "--name", "town", "--var", str(var))
    assert "extract_date" in named.stdout
    assert "OpenStreetMap contributors" in named.stdout


def test_clipping_on_the_command_line(write_town: WriteTown, var: Path, tmp_path: Path) -> None:
    path = write_town(NODES, WAYS)
    box = "7.99,51.749,8.0075,51.751"
    assert invoke("import", str(path), "--bbox", box, "--var", str(var)).exit_code == 0
    assert RoadGraph.load(graph_path(var, "town")).manifest.length_km == pytest.approx(
        0.5, rel=0.01
    )
    clip = tmp_path / "clip.geojson"
    west, south, east, north = (float(x) for x in box.split(","))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    clip.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}), encoding="utf-8")
    done = invoke("import", str(path), "--clip", str(clip), "--var", str(var), "--name", "part")
    assert done.exit_code == 0
    assert RoadGraph.load(graph_path(var, "part")).manifest.length_km == pytest.approx(
        0.5, rel=0.01
    )
    both = invoke("import", str(path), "--clip", str(clip), "--bbox", box, "--var", str(var))
    assert both.exit_code == 2


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["import", "missing.osm"], "roads_extract_not_found"),
        (["import", "{empty}"], "roads_empty_extract"),
        (["import", "{junk}"], "roads_unreadable_extract"),
        (["import", "{big}", "--max-mb", "1"], "roads_extract_too_large"),
        (["import", "{empty}", "--bbox", "1,2"], "roads_invalid_clip"),
        (["import", "{empty}", "--name", "../x"], "roads_graph_not_found"),
        (["info"], "roads_graph_not_found"),
        (["info", "--name", "nowhere", "--json"], "roads_graph_not_found"),
    ],
)
def test_errors_are_one_coded_line(args: list[str], code: str, tmp_path: Path, var: Path) -> None:
    files = {name: tmp_path / f"{name}.osm" for name in ("empty", "junk", "big")}
    files["empty"].write_text("<osm version='0.6'></osm>", encoding="utf-8")
    files["junk"].write_text("junk", encoding="utf-8")
    files["big"].write_bytes(b" " * 1_100_000)
    done = invoke(*(arg.format(**files) for arg in args), "--var", str(var))
    assert done.exit_code == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert line.startswith(f"error: [{code}] ")
    assert "Traceback" not in done.output


def test_fetch_on_the_command_line(server: Replay, var: Path) -> None:
    settings = server.settings()
    urls = ["--nominatim-url", settings.nominatim_url, "--overpass-url", settings.overpass_url]
    done = invoke("fetch", *urls, "--var", str(var))
    assert done.exit_code == 0, done.output
    assert RoadGraph.load(graph_path(var, "beckum")).manifest.source.startswith("Overpass: Beckum")
    server.geocoder = [(200, b"[]", {})]
    failed = invoke("fetch", "Nirgendwo", *urls, "--var", str(var))
    assert failed.exit_code == 1
    assert "error: [roads_place_not_found]" in failed.stderr


def test_help_is_there() -> None:
    assert isinstance(roads, click.Group)
    for command in roads.commands:
        assert invoke(command, "--help").exit_code == 0
