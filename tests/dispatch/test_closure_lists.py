"""Lists of closures as authorities send them: good ones, and every kind of bad one."""

import json
import math
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dispatch.closure_lists import MAX_ERRORS, MAX_ROWS, ListError, Mistake, Reader
from dispatch.domain.closures import ClosureWish, Direction

READER = Reader(
    zone=ZoneInfo("Europe/Berlin"),
    bounds=(7.5, 51.3, 8.5, 52.3),
    is_stop={"st-a"}.__contains__,
    is_on_road=lambda wish: wish.street != "Nowhere",
)
SWAPPED = "swapped_coordinates"
MIDNIGHT_S = 1_774_738_800  # 2026-03-29T00:00:00+01:00: the clocks go forward that night


def mistakes(text: str | bytes, kind: str = "csv") -> tuple[Mistake, ...]:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(ListError) as raised:
        (READER.csv if kind == "csv" else READER.geojson)(data)
    return raised.value.mistakes


def test_a_list_with_everything() -> None:
    text = """id,geometry,stop_id,street,osm_way,from,until,direction,reason
1,"LINESTRING(8.04 51.75, 8.05 51.76)",,,,2026-03-29,2026-03-29,forward,Kanal  bau
2,"8.04 51.75; 8.05 51.76",,,,2026-03-29T08:00:00+02:00,,,
3,,st-a,,,,,,Markt
4,,,Weststraße,,,,both,
5,,,,4711,,,,

"6","MULTILINESTRING((8.04 51.75,8.05 51.76),(8.1 51.7,8.2 51.7))",,,,,,,"mit, Zeichen"
7,POINT(8.04 51.75),,,,,,,
"""
    found = READER.csv(text.encode("utf-8-sig"))
    line = ((8.04, 51.75), (8.05, 51.76))
    assert found == (
        ClosureWish(
            MIDNIGHT_S,
            MIDNIGHT_S + 23 * 3600,
            "Kanal bau",
            lines=(line,),
            direction=Direction.FORWARD,
            external_id="1",
        ),
        ClosureWish(MIDNIGHT_S + 7 * 3600, None, "", lines=(line,), external_id="2"),
        ClosureWish(None, None, "Markt", stop_id="st-a", external_id="3"),
        ClosureWish(None, None, "", street="Weststraße", external_id="4"),
        ClosureWish(None, None, "", way_id=4711, external_id="5"),
        ClosureWish(
            None, None, "mit, Zeichen", lines=(line, ((8.1, 51.7), (8.2, 51.7))), external_id="6"
        ),
        ClosureWish(None, None, "", lines=(((8.04, 51.75),),), external_id="7"),
    )


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_delimiters_and_line_ends(delimiter: str) -> None:
    rows = [["ID", " Street "], ["a", "Markt"], ["b", "Ring"]]
    text = "\r\n".join(delimiter.join(row) for row in rows)
    assert [w.street for w in READER.csv(text.encode())] == ["Markt", "Ring"]


def test_a_list_without_entries_closes_nothing() -> None:
    assert READER.csv(b"id,geometry\n") == ()
    assert READER.geojson(b'{"type": "FeatureCollection", "features": []}') == ()


def feature(geometry: Any, number: Any = 1, **properties: Any) -> dict[str, Any]:
    return {"type": "Feature", "id": number, "geometry": geometry, "properties": properties}


def collection(*features: Any) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


def test_geojson() -> None:
    line = {"type": "LineString", "coordinates": [[8.04, 51.75, 90.0], [8.05, 51.76, 91]]}
    spot = {"type": "Point", "coordinates": [8.04, 51.75]}
    found = READER.geojson(
        collection(
            feature(line, reason="Kanalbau", until="2026-03-30"),
            feature({"type": "MultiLineString", "coordinates": [[[8, 51.7], [8, 51.8]]]}, 2),
            feature(spot, None, id="three", stop_id="st-a"),
        )
    )
    assert found[0].lines == (((8.04, 51.75), (8.05, 51.76)),)
    assert (found[0].reason, found[0].external_id) == ("Kanalbau", "1")
    assert found[1].lines == (((8.0, 51.7), (8.0, 51.8)),)
    assert (found[2].stop_id, found[2].lines, found[2].external_id) == ("st-a", (), "three")


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ('1,"51.75 8.04; 51.76 8.05"', "geometry", "swapped_coordinates"),
        ('1,"-74.0 40.7; -74.1 40.8"', "geometry", "outside"),
        ("1,POINT(179.9 -89.9)", "geometry", "outside"),
        ('1,"NaN NaN; 8 51.7"', "geometry", "geometry"),
        ('1,"1e999 51.7; 8 51.7"', "geometry", "not_finite"),
        ("1,LINESTRING(8 51.7", "geometry", "geometry"),
        ("1,LINESTRING()", "geometry", "geometry"),
        ("1,MULTILINESTRING()", "geometry", "empty"),
        ('1,"POLYGON((8 51.7,8.1 51.7,8 51.7))"', "geometry", "geometry"),
        ("1,8 51.7 3", "geometry", "geometry"),
        (f'1,"{"; ".join(["8 51.7"] * 2001)}"', "geometry", "too_many"),
        (f'1,"{"; ".join(["8 51.4", "8 52.2"] * 2)}"', "geometry", "too_long"),
        ("1,", "geometry", "place"),
        (",8 51.7", "id", "id"),
        (f"{'x' * 300},8 51.7", "id", "too_long"),
    ],
)
def test_bad_places(row: str, field: str, code: str) -> None:
    [found] = mistakes(f"id,geometry\n{row}\n")
    assert (found.line, found.field, found.code) == (2, field, code)


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("1,nowhere,,,,", "stop_id", "unknown_stop"),
        ("1,st-a,2026-02-30,,,", "from", "time"),
        ("1,st-a,29.03.2026,,,", "from", "time"),
        ("1,st-a,,2026-03-29T08:00:00,,", "until", "naive_datetime"),
        ("1,st-a,9999-12-31,9999-12-31,,", "until", "time"),
        ("1,st-a,2026-03-29,2026-03-28,,", "until", "times"),
        ("1,st-a,,,sideways,", "direction", "direction"),
        ("1,st-a,,,forward,", "direction", "direction"),
        (f"1,st-a,,,,{'x' * 201}", "reason", "too_long"),
        ("1,st-a,,,,a\x07b", "reason", "reason"),
    ],
)
def test_bad_values(row: str, field: str, code: str) -> None:
    [found] = mistakes(f"id,stop_id,from,until,direction,reason\n{row}\n")
    assert (found.line, found.field, found.code) == (2, field, code)


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        ("", 1, "columns"),
        ("id,reason\n1,x\n", 1, "columns"),
        ("geometry\n8 51.7\n", 1, "columns"),
        ("id,geometry,length\n", 1, "columns"),
        ("id,geometry,id\n", 1, "columns"),
        ("id,stop_id\n1,st-a\n2\n", 3, "columns"),
        ('id,stop_id\n1,"st-a\n', 2, "csv"),
        (b"id,stop_id\n1,st-a\n2,\xff\n", 3, "encoding"),
        ("id,stop_id\n1,st\x00-a\n", 1, "encoding"),
        (b"x" * (10 * 1024 * 1024), 1, "too_large"),
    ],
)
def test_files_that_are_no_lists(text: str | bytes, line: int, code: str) -> None:
    [found] = mistakes(text)
    assert (found.line, found.code) == (line, code)


def test_every_mistake_is_told_with_its_line() -> None:
    text = 'id,street,from\n1,"Two\nlines",x\n2,Nowhere,\n2,Ring,\n3,Ring,soon\n'
    assert [(m.line, m.field, m.code) for m in mistakes(text)] == [
        (2, "from", "time"),
        (4, "street", "off_road"),
        (5, "id", "repeated"),
        (6, "from", "time"),
    ]


def test_thousands_of_rows() -> None:
    rows = "".join(f"{n},Ring\n" for n in range(MAX_ROWS))
    assert len(READER.csv(f"id,street\n{rows}".encode())) == MAX_ROWS
    [found] = mistakes(f"id,street\n{rows}more,Ring\n")
    assert (found.line, found.code) == (MAX_ROWS + 2, "too_many")
    bad = "".join(f"{n},Nowhere\n" for n in range(MAX_ROWS))
    assert len(mistakes(f"id,street\n{bad}")) == MAX_ERRORS


@pytest.mark.parametrize(
    ("data", "line", "code"),
    [
        (b"", 1, "json"),
        (b"[" * 100_000, 1, "json"),
        (b"[]", 1, "geojson"),
        (b'{"type": "Feature", "features": []}', 1, "geojson"),
        (b'{"type": "FeatureCollection", "features": 3}', 1, "geojson"),
        (collection(feature({"type": "Point", "coordinates": [8, 51.7]}), 7), 2, "geojson"),
        (collection(feature({"type": "Point", "coordinates": ["8", "51.7"]})), 1, "geometry"),
        (collection(feature({"type": "Point", "coordinates": [8]})), 1, "geometry"),
        (collection(feature({"type": "Point", "coordinates": {"a": 1}})), 1, "geometry"),
        (collection(feature({"type": "LineString", "coordinates": []})), 1, "empty"),
        (collection(feature({"type": "Point", "coordinates": [math.nan, 1]})), 1, "not_finite"),
        (
            collection(feature({"type": "Point", "coordinates": [51.7, 8]})),
            1,
            "swapped_coordinates",
        ),
        (collection(feature({"type": "Polygon", "coordinates": []})), 1, "geometry"),
        (collection(feature(None)), 1, "place"),
        (collection(feature(None, stop_id=["st-a"])), 1, "type"),
        (collection(feature(None, number=True, stop_id="st-a")), 1, "type"),
    ],
)
def test_bad_geojson(data: bytes, line: int, code: str) -> None:
    found = mistakes(data, "geojson")[0]
    assert (found.line, found.code) == (line, code)
