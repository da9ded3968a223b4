"""A tiny OSM writer for hand-made towns, and the real extract as a graph, once per session."""

from collections.abc import Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import pytest

from routing.roads.graph import RoadGraph, metres_per_degree
from routing.roads.importing import import_extract

HEIDELBERG = Path(__file__).resolve().parents[4] / "shared" / "osm" / "heidelberg.osm.pbf"
ORIGIN = (8.0, 51.75)

Way = tuple[str, str]


def lonlat(x: float, y: float) -> tuple[float, float]:
    """Degrees of a point x metres east and y metres north of the made-up town's corner."""
    per_lon, per_lat = metres_per_degree(ORIGIN[1])
    return ORIGIN[0] + x / per_lon, ORIGIN[1] + y / per_lat


def osm_xml(
    nodes: dict[str, tuple[float, float]],
    ways: Sequence[Way],
    *,
    node_tags: dict[str, str] | None = None,
    restrictions: Sequence[tuple[str, str]] = (),
    first_id: int = 1,
    generator: str = "test",
) -> str:
    """OSM XML of a small town.

    Args:
        nodes: metres east and north, by a one-letter name.
        ways: ("abc", "highway=residential oneway=yes") node names and tags; ids from 101 on.
        node_tags: tags by node name.
        restrictions: ("101 b 103", "restriction=no_left_turn") from way, via node(s)/way(s), to.
        first_id: id of the first node; negative ids count downwards.
        generator: what the file says it was made by.
    """
    step = 1 if first_id > 0 else -1
    ids = {name: first_id + step * i for i, name in enumerate(nodes)}
    lines = [f'<osm version="0.6" generator={quoteattr(generator)}>']
    for name, (x, y) in nodes.items():
        lon, lat = lonlat(x, y)
        lines.append(f'<node id="{ids[name]}" version="1" lon="{lon:.7f}" lat="{lat:.7f}">')
        lines.extend(_tags((node_tags or {}).get(name, "")))
        lines.append("</node>")
    for number, (members, tags) in enumerate(ways):
        lines.append(f'<way id="{step * (101 + number)}" version="1">')
        lines.extend(f'<nd ref="{ids[name]}"/>' for name in members)
        lines.extend(_tags(tags))
        lines.append("</way>")
    for number, (members, tags) in enumerate(restrictions):
        lines.append(f'<relation id="{901 + number}" version="1">')
        come, via, leave = members.split()
        parts = [("way", ref, "from") for ref in come.split(",")]
        parts += [("way", ref, "to") for ref in leave.split(",")]
        parts += [
            ("way", ref, "via") if ref.isdigit() else ("node", str(ids[ref]), "via")
            for ref in via.split(",")
        ]
        lines.extend(f'<member type="{t}" ref="{ref}" role="{role}"/>' for t, ref, role in parts)
        lines.extend(_tags("type=restriction " + tags))
        lines.append("</relation>")
    return "\n".join([*lines, "</osm>"])


def _tags(text: str) -> list[str]:
    pairs = (part.split("=", 1) for part in text.split())
    return [
        f"<tag k={quoteattr(k)} v={quoteattr(v.replace('_', ' '))}/>"
        if k == "name"
        else f"<tag k={quoteattr(k)} v={quoteattr(v)}/>"
        for k, v in pairs
    ]


@pytest.fixture
def town(tmp_path: Path) -> Callable[..., RoadGraph]:
    """Writes a hand-made town (arguments of `osm_xml`) and imports it."""

    def build(*args: object, options: object = None, **kwargs: object) -> RoadGraph:
        path = tmp_path / "town.osm"
        path.write_text(osm_xml(*args, **kwargs), encoding="utf-8")  # type: ignore[arg-type]
        return import_extract(path, var=tmp_path / "var", options=options, basemap=False)  # type: ignore[arg-type]

    return build


@pytest.fixture
def write_town(tmp_path: Path) -> Callable[..., Path]:
    """Writes a hand-made town (arguments of `osm_xml`) without importing it."""

    def write(*args: object, name: str = "town.osm", **kwargs: object) -> Path:
        path = tmp_path / name
        path.write_text(osm_xml(*args, **kwargs), encoding="utf-8")  # type: ignore[arg-type]
        return path

    return write


@pytest.fixture(scope="session")
def heidelberg_file() -> Path:
    """The shared extract of Heidelberg."""
    if not HEIDELBERG.is_file():
        pytest.skip("the shared extract heidelberg.osm.pbf is not on this machine")
    return HEIDELBERG


@pytest.fixture(scope="session")
def heidelberg(heidelberg_file: Path, tmp_path_factory: pytest.TempPathFactory) -> RoadGraph:
    """The road graph of Heidelberg."""
    return import_extract(heidelberg_file, var=tmp_path_factory.mktemp("heidelberg"), basemap=False)
