"""Request files: CSV, Parquet, GeoParquet, FleetPy; and everything that can be wrong in one."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from pydantic import TypeAdapter, ValidationError
from tiny_town import ZONE, grid_config

from dispatch.domain.commands import RequestRide
from dispatch.domain.model import Party, Spot
from dispatch.engine import Network
from simulations.demand import Demand, DemandError, DemandSection, Trip, make_demand

Make = Callable[..., Demand]

TUESDAY = date(2026, 3, 10)
HEADER = (
    "request_id,asked_at,depart_at,arrive_by,origin_lon,origin_lat,destination_lon,"
    "destination_lat,seats,wheelchairs,channel,max_walk_m"
)
NOW = "1,2026-03-10T08:00:00+01:00,,,8.001,51.751,8.02,51.76,1,0,web,"
LATER = "2,2026-03-09T18:30,2026-03-10T09:15,,8.001,51.751,8.02,51.76,2,1,phone,150"
BY_ARRIVAL = "3,1773126000,,1773129600,8.002,51.752,8.02,51.76,1,,,"


def at(hour: int, minute: int = 0, day: int = 10) -> int:
    return int(datetime(2026, 3, day, hour, minute, tzinfo=ZONE).timestamp())


THREE = [
    Trip(
        at(18, 30, day=9),
        RequestRide(
            Spot(8.001, 51.751),
            Spot(8.02, 51.76),
            Party(2, 1),
            depart_at_s=at(9, 15),
            max_walk_m=150,
            channel="phone",
        ),
    ),
    Trip(at(8), RequestRide(Spot(8.001, 51.751), Spot(8.02, 51.76), Party(1))),
    Trip(
        at(8),
        RequestRide(
            Spot(8.002, 51.752), Spot(8.02, 51.76), Party(1), arrive_by_s=at(9), channel="web"
        ),
    ),
]


def write(folder: Path, *lines: str, header: str = HEADER, name: str = "r.csv") -> dict[str, Any]:
    """A file of such lines, and the section that names it."""
    (folder / name).write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return {"source": "file", "path": name}


def one(folder: Path, **values: str) -> dict[str, Any]:
    """A file whose second request has other values."""
    row = dict(zip(HEADER.split(","), NOW.split(","), strict=True)) | {"request_id": "9"} | values
    return write(folder, NOW, ",".join(row.values()))


def test_every_column_of_a_csv_is_read(make: Make, tmp_path: Path, midnight_s: int) -> None:
    demand = make(**write(tmp_path, NOW, LATER, BY_ARRIVAL))
    assert demand.day(midnight_s, Random(1)) == THREE
    assert demand.ride(Random(1)) in [(t.ask.origin, t.ask.destination, t.ask.party) for t in THREE]


def test_blank_lines_a_mark_and_columns_of_others_do_no_harm(
    make: Make, tmp_path: Path, midnight_s: int
) -> None:
    lines = [f"\ufeff{HEADER},fare", f"{NOW},2.50", "", f"{LATER},", f"{BY_ARRIVAL},x", " "]
    (tmp_path / "r.csv").write_text("\r\n".join(lines), encoding="utf-8")
    assert make(source="file", path="r.csv").day(midnight_s, Random(1)) == THREE


def test_a_spreadsheet_with_decimal_commas(make: Make, tmp_path: Path, midnight_s: int) -> None:
    lines = [line.replace(",", ";").replace(".", ",") for line in (NOW, LATER, BY_ARRIVAL)]
    keys = write(tmp_path, *lines, header=HEADER.replace(",", ";"))
    assert make(**keys).day(midnight_s, Random(1)) == THREE


def test_other_names_of_columns(make: Make, tmp_path: Path, midnight_s: int) -> None:
    header = HEADER.replace("asked_at", "Zeit").replace("seats", "Personen")
    keys = write(tmp_path, NOW, LATER, BY_ARRIVAL, header=header)
    keys["columns"] = {"asked_at": "Zeit", "seats": "Personen"}
    assert make(**keys).day(midnight_s, Random(1)) == THREE
    with pytest.raises(ValidationError, match="columns"):
        make(**(keys | {"columns": {"askedat": "Zeit"}}))


def table(*, geometry: bool, crs: Any = "none") -> pa.Table:
    """The same three requests, typed as pandas or GeoPandas would write them."""
    columns: dict[str, Any] = {
        "request_id": pa.array([1, 2, 3]),
        "asked_at": pa.array(
            [datetime.fromtimestamp(t, UTC) for t in (at(8), at(18, 30, day=9), at(8))],
            pa.timestamp("us", tz="Europe/Berlin"),
        ),
        "depart_at": pa.array([None, datetime(2026, 3, 10, 9, 15), None], pa.timestamp("s")),  # noqa: DTZ001 - local time
        "arrive_by": pa.array([None, None, at(9)], pa.int64()),
        "seats": pa.array([1.0, 2.0, float("nan")]),
        "wheelchairs": pa.array([0, 1, None], pa.int32()),
        "channel": pa.array([None, "phone", None]),
        "max_walk_m": pa.array([None, 150, None]),
    }
    origins, goals = [(8.001, 51.751)] * 2 + [(8.002, 51.752)], [(8.02, 51.76)] * 3
    if not geometry:
        for end, spots in (("origin", origins), ("destination", goals)):
            for i, axis in enumerate(("lon", "lat")):
                columns[f"{end}_{axis}"] = pa.array([spot[i] for spot in spots])
        return pa.table(columns)
    about: dict[str, Any] = {"encoding": "WKB", "geometry_types": ["Point"]}
    if crs != "none":
        about["crs"] = crs
    for end, spots in (("origin", origins), ("destination", goals)):
        columns[end] = pa.array([shapely.to_wkb(shapely.Point(spot)) for spot in spots])
    geo = {
        "version": "1.1.0",
        "primary_column": "origin",
        "columns": {"origin": about, "destination": about},
    }
    return pa.table(columns).replace_schema_metadata({"geo": json.dumps(geo)})


@pytest.mark.parametrize("geometry", [False, True])
def test_parquet_and_geoparquet_give_the_same(
    make: Make, tmp_path: Path, midnight_s: int, *, geometry: bool
) -> None:
    pq.write_table(table(geometry=geometry), tmp_path / "r.parquet")
    demand = make(source="file", path="r.parquet")
    assert demand.day(midnight_s, Random(1)) == THREE


@pytest.mark.parametrize(
    ("crs", "message"),
    [
        ({"name": "ETRS89 / UTM 32N", "id": {"authority": "EPSG", "code": 25832}}, "ETRS89 / UTM"),
        (None, "does not say its coordinate system"),
    ],
)
def test_other_coordinate_systems_are_named(
    make: Make, tmp_path: Path, crs: Any, message: str
) -> None:
    pq.write_table(table(geometry=True, crs=crs), tmp_path / "r.parquet")
    with pytest.raises(DemandError, match=rf"column origin: .*{message}"):
        make(source="file", path="r.parquet")


def test_geoparquet_of_a_known_system_and_of_lines(make: Make, tmp_path: Path) -> None:
    wgs84 = {"name": "WGS 84", "id": {"authority": "EPSG", "code": 4326}}
    good = table(geometry=True, crs=wgs84)
    pq.write_table(good, tmp_path / "r.parquet")
    make(source="file", path="r.parquet")
    line = shapely.to_wkb(shapely.LineString([(8, 51.75), (8.01, 51.75)]))
    position = good.column_names.index("origin")
    bad = good.set_column(position, "origin", pa.array([good["origin"][0].as_py(), line, None]))
    pq.write_table(bad, tmp_path / "r.parquet")
    with pytest.raises(DemandError, match="row 2, column origin: is missing"):
        make(source="file", path="r.parquet")


def test_the_files_day_is_moved_to_the_scenarios(make: Make, tmp_path: Path) -> None:
    """By the clock, also where it has been changed since: 10 March to 1 July."""
    midnight_s = grid_config().hours.instant(date(2026, 7, 1), 0)
    trips = make(**write(tmp_path, NOW, LATER, BY_ARRIVAL)).day(midnight_s, Random(1))
    by_clock = [
        datetime.fromtimestamp(s, ZONE).strftime("%d %H:%M")
        for trip in trips
        for s in (trip.asked_at_s, trip.ask.depart_at_s or trip.ask.arrive_by_s)
        if s is not None
    ]
    assert by_clock == ["30 18:30", "01 09:15", "01 08:00", "01 08:00", "01 09:00"]


def test_without_moving_the_date_has_to_be_in_the_file(
    make: Make, tmp_path: Path, midnight_s: int
) -> None:
    keys = write(tmp_path, NOW, LATER, BY_ARRIVAL) | {"shift_to_date": False}
    assert make(**keys).day(midnight_s, Random(1)) == THREE
    tomorrow_s = grid_config().hours.instant(date(2026, 3, 11), 0)
    with pytest.raises(DemandError, match=r"no requests for 2026-03-11; it has only 2026-03-10"):
        make(**keys).day(tomorrow_s, Random(1))


def month(folder: Path) -> dict[str, Any]:
    """Request n of day n of March, at 8 h, for n from 1 to 28."""
    begin = datetime(2026, 3, 1, 8, tzinfo=ZONE)
    lines = [
        f"{n},{(begin + timedelta(days=n - 1)).isoformat()},,,8.001,51.751,8.02,51.76,{n},0,,"
        for n in range(1, 29)
    ]
    return write(folder, *lines)


def days_drawn(demand: Demand, midnight_s: int) -> set[int]:
    drawn: set[int] = set()
    for seed in range(200):
        (trip,) = demand.day(midnight_s, Random(seed))
        drawn.add(trip.ask.party.seats)
    return drawn


def test_of_a_month_one_day_of_the_same_kind_is_drawn(
    make: Make, tmp_path: Path, midnight_s: int
) -> None:
    demand = make(**month(tmp_path))
    weekdays = {n for n in range(1, 29) if date(2026, 3, n).isoweekday() < 6}
    assert days_drawn(demand, midnight_s) == weekdays
    saturday_s = grid_config().hours.instant(date(2026, 3, 14), 0)
    assert days_drawn(demand, saturday_s) == {7, 14, 21, 28}
    assert demand.day(midnight_s, Random(3)) == demand.day(midnight_s, Random(3))


def test_a_day_can_be_chosen_and_is_then_no_past_day(
    make: Make, tmp_path: Path, midnight_s: int
) -> None:
    demand = make(**month(tmp_path), day=date(2026, 3, 5))
    assert days_drawn(demand, midnight_s) == {5}
    past = {demand.past_day(midnight_s, Random(s))[0].ask.party.seats for s in range(300)}
    weekdays = {n for n in range(1, 29) if date(2026, 3, n).isoweekday() < 6}
    assert past == weekdays - {5}
    with pytest.raises(DemandError, match="no requests for 2026-04-01; it has 28 days from"):
        make(**month(tmp_path), day=date(2026, 4, 1))


def test_a_file_of_one_day_has_no_past(make: Make, tmp_path: Path, midnight_s: int) -> None:
    assert make(**write(tmp_path, NOW, LATER)).past_day(midnight_s, Random(1)) == []


def many(folder: Path, count: int) -> dict[str, Any]:
    row = "{},2026-03-10T08:00,,,8.001,51.751,8.02,51.76,1,0,,{}"
    return write(folder, *(row.format(n, n) for n in range(count)))


def test_sampling_is_without_repetition_and_by_seed(
    make: Make, tmp_path: Path, midnight_s: int
) -> None:
    keys = many(tmp_path, 100)
    demand = make(**keys, requests=30)
    first, other = (demand.day(midnight_s, Random(seed)) for seed in (1, 2))
    assert first == demand.day(midnight_s, Random(1))
    assert len({trip.ask.max_walk_m for trip in first}) == len(first) == 30
    assert {t.ask.max_walk_m for t in first} != {t.ask.max_walk_m for t in other}
    assert len(make(**keys, share=0.25).day(midnight_s, Random(1))) == 25
    with pytest.raises(DemandError, match="has 100 requests on that day, fewer than 101"):
        make(**keys, requests=101).day(midnight_s, Random(1))
    with pytest.raises(ValidationError, match="give requests or share, not both"):
        make(**keys, requests=10, share=0.1)


FLEETPY = "rq_time,start,end,request_id,number_passenger,earliest_pickup_time"
NODES = "node_index,is_stop_only,pos_x,pos_y\n7,False,8.001,51.751\n8,False,8.02,51.76\n"


def fleetpy(folder: Path, *lines: str, header: str = FLEETPY) -> dict[str, Any]:
    (folder / "nodes.csv").write_text(NODES, encoding="utf-8")
    return write(folder, *lines, header=header) | {"nodes": "nodes.csv"}


def test_fleetpy_requests_are_seconds_of_the_day_between_nodes(
    make: Make, tmp_path: Path, midnight_s: int
) -> None:
    trips = make(**fleetpy(tmp_path, "36000,8,7,b,2,39600", "28800,7,8,a,1,")).day(
        midnight_s, Random(1)
    )
    west, east = Spot(8.001, 51.751), Spot(8.02, 51.76)
    assert trips == [
        Trip(at(8), RequestRide(west, east, Party(1))),
        Trip(at(10), RequestRide(east, west, Party(2), depart_at_s=at(11))),
    ]


def test_a_peer_file_needs_no_optional_columns(make: Make, tmp_path: Path, midnight_s: int) -> None:
    keys = fleetpy(tmp_path, "14,7,8,0", header="rq_time,start,end,request_id")
    (trip,) = make(**keys).day(midnight_s, Random(1))
    assert (trip.asked_at_s - midnight_s, trip.ask.party) == (14, Party(1))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("28800,7,9,a,1,", "line 2, column end: node 9 is not in the node file"),
        ("28800,,8,a,1,", "line 2, column start: is missing"),
        ("900000,7,8,a,1,", "line 2, column rq_time: 900000 is no second of a day"),
        ("28800,7,8,a,0,", "line 2, column number_passenger: nobody travels"),
        ("28800,7,8,a,1,100", "earliest_pickup_time: is before the request is made"),
        ("x,7,8,a,1,", "line 2, column rq_time: 'x' is not a number"),
    ],
)
def test_wrong_fleetpy_values_are_named(
    make: Make, tmp_path: Path, line: str, message: str
) -> None:
    with pytest.raises(DemandError, match=message):
        make(**fleetpy(tmp_path, line))


def test_fleetpy_files_need_nodes_in_degrees_and_no_date(make: Make, tmp_path: Path) -> None:
    keys = fleetpy(tmp_path, "28800,7,8,a,1,")
    with pytest.raises(DemandError, match="names no node file"):
        make(**(keys | {"nodes": None}))
    with pytest.raises(DemandError, match="has times of a day, but no dates"):
        make(**keys, shift_to_date=False)
    metres = NODES.replace("8.001,51.751", "430000,5733000")
    (tmp_path / "nodes.csv").write_text(metres, encoding="utf-8")
    with pytest.raises(DemandError, match=r"nodes.csv: line 2, column pos_x: .*project them"):
        make(**keys)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"asked_at": ""}, "line 3, column asked_at: is missing"),
        ({"asked_at": "gestern"}, "column asked_at: 'gestern' is neither an ISO 8601 time nor"),
        ({"asked_at": "17731260000"}, "column asked_at: '17731260000' is neither"),
        ({"asked_at": "1026-03-10"}, "column asked_at: '1026-03-10' lies in another century"),
        ({"depart_at": "2026-03-10T07:00"}, "depart_at: the departure is before the request is"),
        ({"arrive_by": "2026-03-10T08:00"}, "arrive_by: the arrival is not after the request is"),
        (
            {"depart_at": "2026-03-10T09:00", "arrive_by": "2026-03-10T08:30"},
            "arrive_by: the arrival is not after the departure",
        ),
        (
            {"depart_at": "2026-03-10T09:00", "arrive_by": "2026-03-10T09:30"},
            "arrive_by: a request names a departure or an arrival, not both",
        ),
        ({"origin_lon": "nan"}, "line 3, column origin_lon: 'nan' is not a number"),
        ({"origin_lat": ""}, "line 3, column origin_lat: is missing"),
        ({"destination_lat": "51,76"}, "line 3: has 13 values, not 12"),
        ({"destination_lat": "inf"}, "column destination_lat: 'inf' is not a number"),
        (
            {"origin_lon": "51.751", "origin_lat": "8.001"},
            "column origin_lon: 51.751, 8.001 is .* km from the town; longitude and latitude seem",
        ),
        ({"origin_lon": "9.0"}, r"column origin_lon: 9, 51.751 is 6\d km from the town$"),
        ({"origin_lon": "430000"}, "430000, 51.751 are no degrees"),
        ({"seats": "0"}, "line 3, column seats: nobody travels"),
        ({"seats": "-1"}, "column seats: '-1' is not a whole number from 0"),
        ({"seats": "1.5"}, "column seats: '1.5' is not a whole number"),
        ({"wheelchairs": "ja"}, "column wheelchairs: 'ja' is not a number"),
        ({"max_walk_m": "-5"}, "column max_walk_m: '-5' is not a whole number"),
        ({"channel": "x" * 21}, "column channel: .* is no name of up to 20 characters"),
        ({"request_id": "1"}, "line 3, column request_id: 1 is there twice"),
    ],
)
def test_a_wrong_value_is_named(
    make: Make, tmp_path: Path, values: dict[str, str], message: str
) -> None:
    with pytest.raises(DemandError, match=rf"r\.csv: .*{message}") as error:
        make(**one(tmp_path, **values))
    assert error.value.code == "demand_invalid"


def test_a_point_outside_the_town_is_the_engines_to_refuse(
    make: Make, tmp_path: Path, midnight_s: int
) -> None:
    trips = make(**one(tmp_path, origin_lon="8.3")).day(midnight_s, Random(1))
    assert [trip.ask.origin.lon for trip in trips] == [8.001, 8.3]


def test_asking_for_this_very_moment_is_asking_for_as_soon_as_possible(
    make: Make, tmp_path: Path, midnight_s: int
) -> None:
    trips = make(**one(tmp_path, depart_at="2026-03-10T08:00")).day(midnight_s, Random(1))
    assert [trip.ask.depart_at_s for trip in trips] == [None, None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (HEADER.encode(), "there are no requests in it"),
        (b"a,b\n1,2\n", "there is no column asked_at; its columns are a, b"),
        (b"asked_at,asked_at\n", "line 1: column asked_at is there twice"),
        (b"asked_at\n2026-03-10\n", "there is no column origin_lon"),
        (b"asked_at\n\xff\xfe\n", "cannot be read"),
        (b'asked_at\n"2026\n', "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_named(
    make: Make, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(DemandError, match=rf"r\.csv: {message}"):
        make(source="file", path="r.csv")


def test_missing_and_damaged_files_are_named(make: Make, tmp_path: Path) -> None:
    with pytest.raises(DemandError, match=r"no\.csv: there is no such file"):
        make(source="file", path="no.csv")
    (tmp_path / "r.parquet").write_bytes(b"PAR1 or not")
    with pytest.raises(DemandError, match=r"r\.parquet: is no Parquet file"):
        make(source="file", path="r.parquet")
    with pytest.raises(DemandError, match="cannot be read"):
        make(source="file", path=".")


def test_a_csv_can_be_written_by_the_standard_library(
    grid: Network, tmp_path: Path, midnight_s: int
) -> None:
    """What docs/demand.md calls the columns is all that is needed to write a file."""
    with (tmp_path / "r.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER.split(","))
        for n, trip in enumerate(THREE):
            ask = trip.ask
            ends = (ask.origin.lon, ask.origin.lat, ask.destination.lon, ask.destination.lat)
            times = (trip.asked_at_s, ask.depart_at_s, ask.arrive_by_s)
            party = (ask.party.seats, ask.party.wheelchairs)
            writer.writerow([n, *times, *ends, *party, ask.channel, ask.max_walk_m])
    section = TypeAdapter(DemandSection).validate_python({"source": "file", "path": "r.csv"})
    assert make_demand(section, {}, grid, tmp_path).day(midnight_s, Random(1)) == THREE
