"""A small real town for tests: a grid of streets as OSM XML, imported like any other."""

from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from dispatch.domain.model import Configuration, Vehicle
from dispatch.domain.rules import Fares, Hours, Rules, ServiceConfig, ShiftPattern, Weights

COLUMNS, ROWS = 9, 9
WEST, SOUTH = 8.0000, 51.7500
STEP_LON, STEP_LAT = 0.0040, 0.0025  # about 275 m each way
ZONE = ZoneInfo("Europe/Berlin")


def node_id(column: int, row: int) -> int:
    return 1 + row * COLUMNS + column


def grid_osm(path: Path) -> Path:
    """A grid of residential streets with one-way streets and a primary road through the middle."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<osm version="0.6" generator="rufbus-test">',
    ]
    for row in range(ROWS):
        for column in range(COLUMNS):
            lon, lat = WEST + column * STEP_LON, SOUTH + row * STEP_LAT
            lines.append(f'<node id="{node_id(column, row)}" lon="{lon:.6f}" lat="{lat:.6f}"/>')
    way = 1000
    for row in range(ROWS):
        refs = [node_id(column, row) for column in range(COLUMNS)]
        tags = {
            "highway": "primary" if row == ROWS // 2 else "residential",
            "name": f"Querweg {row}",
        }
        if row == 2:
            tags["oneway"] = "yes"
        way += 1
        lines.append(_way(way, refs, tags))
    for column in range(COLUMNS):
        refs = [node_id(column, row) for row in range(ROWS)]
        tags = {"highway": "residential", "name": f"Langweg {column}"}
        if column == 3:
            tags["oneway"] = "-1"
        way += 1
        lines.append(_way(way, refs, tags))
    lines.append("</osm>")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _way(way: int, refs: list[int], tags: dict[str, str]) -> str:
    inner = "".join(f'<nd ref="{ref}"/>' for ref in refs)
    inner += "".join(f'<tag k="{key}" v="{value}"/>' for key, value in tags.items())
    return f'<way id="{way}">{inner}</way>'


@dataclass(frozen=True)
class Depot:
    id: str
    name: str
    lon: float
    lat: float


DEPOT = Depot("depot", "Betriebshof", WEST + 4 * STEP_LON, SOUTH + 4.5 * STEP_LAT)


def grid_config(vehicles: int = 2, rules: Rules | None = None) -> ServiceConfig:
    """Two vans, the second with a wheelchair place, on duty in two shifts every day."""
    fleet = tuple(
        Vehicle(
            f"van-{n}",
            f"Van {n}",
            DEPOT.id,
            (Configuration(4, 0), Configuration(2, 1)) if n % 2 == 0 else (Configuration(4, 0),),
        )
        for n in range(1, vehicles + 1)
    )
    every_day = frozenset({"weekday", "saturday", "sunday"})
    shifts = tuple(
        ShiftPattern(v.id, every_day, start, end)
        for v in fleet
        for start, end in ((6 * 60, 14 * 60), (14 * 60, 22 * 60))
    )
    hours = (6 * 60, 22 * 60)
    factors = tuple(1.3 if hour in {7, 8, 16, 17} else 1.0 for hour in range(24))
    return ServiceConfig(
        area_id="grid",
        name="Gitterstadt",
        place="Gitterstadt",
        roads="grid",
        timezone=ZONE,
        map_center=(WEST, SOUTH),
        map_zoom=13,
        hours=Hours(ZONE, hours, hours, hours),
        rules=rules or Rules(),
        weights=Weights(),
        fares=Fares(),
        vehicles=fleet,
        shifts=shifts,
        traffic={"weekday": factors, "saturday": (1.0,) * 24, "sunday": (1.0,) * 24},
    )
