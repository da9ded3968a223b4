"""A road-works authority's list, as CSV or GeoJSON, to closures; every mistake with its line.

All or nothing: a list with one mistake is turned down whole, so that nobody has to guess what of it
was taken. The columns (or properties) are in docs/closures.md.
"""

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from dispatch.closure_geometry import WrongValueError, from_geojson, from_text, length_km
from dispatch.domain.closures import ClosureWish, Direction, Line

MAX_BYTES: Final = 2 * 1024 * 1024
MAX_ROWS: Final = 2000
MAX_POINTS: Final = 2000
MAX_LENGTH_KM: Final = 100.0
MAX_ERRORS: Final = 100
_TEXT_MAX: Final = 200
_COLUMNS: Final = frozenset(
    {"id", "geometry", "stop_id", "street", "osm_way", "from", "until", "direction", "reason"}
)
_PLACES: Final = ("geometry", "stop_id", "street", "osm_way")


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong where: `line` counts from 1 (a GeoJSON feature by its place in the list)."""

    line: int
    field: str
    code: str
    message: str


class ListError(Exception):
    """A list that cannot be taken.

    Attributes:
        mistakes: at most `MAX_ERRORS` of them, in order.
    """

    code = "closures_list"

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = tuple(mistakes[:MAX_ERRORS])
        first = mistakes[0]
        more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
        super().__init__(f"line {first.line}: {first.field}: {first.message}{more}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads lists for one town.

    Attributes:
        zone: of days without a time.
        bounds: west, south, east, north in degrees: nothing outside can be meant.
        is_stop: whether there is a stop of that id.
        is_on_road: whether a closure would close any road; None is not asked.
    """

    zone: ZoneInfo
    bounds: tuple[float, float, float, float]
    is_stop: Callable[[str], bool]
    is_on_road: Callable[[ClosureWish], bool] | None = None

    def csv(self, data: bytes) -> tuple[ClosureWish, ...]:
        """Read comma, semicolon or tab separated values in UTF-8, with a line of column names.

        Raises:
            ListError: with all mistakes.
        """
        return self._wishes(_csv_rows(_text(data)))

    def geojson(self, data: bytes) -> tuple[ClosureWish, ...]:
        """Read a FeatureCollection of lines and points.

        Raises:
            ListError: with all mistakes.
        """
        return self._wishes(_features(_text(data)))

    def check_lines(self, lines: tuple[Line, ...]) -> None:
        """Refuse lines that nobody can mean.

        Raises:
            ListError: too long, far from here, or the wrong way round.
        """
        try:
            self._check_lines(lines)
        except WrongValueError as error:
            raise ListError([Mistake(1, "geometry", error.code, str(error))]) from error

    def _wishes(self, rows: Iterator[tuple[int, Mapping[str, Any]]]) -> tuple[ClosureWish, ...]:
        wishes: list[ClosureWish] = []
        mistakes: list[Mistake] = []
        seen: dict[str, int] = {}
        for count, (line, row) in enumerate(rows, 1):
            if count > MAX_ROWS:
                text = f"a list has at most {MAX_ROWS} entries"
                raise ListError([Mistake(line, "", "too_many", text)])
            if len(mistakes) > MAX_ERRORS:
                break
            found = list(self._read(line, row, wishes))
            number = str(row.get("id") or "").strip()
            if number in seen:
                text = f"the id is that of line {seen[number]}, too"
                found.append(Mistake(line, "id", "repeated", text))
            seen.setdefault(number, line)
            mistakes += found
        if mistakes:
            raise ListError(mistakes)
        return tuple(wishes)

    def _read(
        self, line: int, row: Mapping[str, Any], wishes: list[ClosureWish]
    ) -> Iterator[Mistake]:
        """Read one row into `wishes`; its mistakes instead, if there are any."""
        values: dict[str, Any] = {}
        wrong = False
        readers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "id": _number_of,
            "geometry": self._geometry,
            "stop_id": self._stop,
            "osm_way": _way,
            "from": lambda r: self._instant(r.get("from"), last=False),
            "until": lambda r: self._instant(r.get("until"), last=True),
            "direction": _direction,
            "reason": _reason,
        }
        for field, read in readers.items():
            try:
                values[field] = read(row)
            except WrongValueError as error:
                wrong = True
                yield Mistake(line, field, error.code, str(error))
        if wrong:
            return
        wish = ClosureWish(
            from_s=values["from"],
            until_s=values["until"],
            reason=values["reason"],
            stop_id=values["stop_id"],
            lines=values["geometry"],
            way_id=values["osm_way"],
            street=_cell(row.get("street")) or None,
            direction=values["direction"],
            external_id=values["id"],
        )
        mistake = self._whole(line, row, wish)
        if mistake is None:
            wishes.append(wish)
        else:
            yield mistake

    def _whole(self, line: int, row: Mapping[str, Any], wish: ClosureWish) -> Mistake | None:
        """What is wrong with a row whose values are all right."""
        given = [field for field in _PLACES if _given(row.get(field))]
        if len(given) != 1:
            text = "give exactly one of geometry, stop_id, street and osm_way"
            return Mistake(line, "geometry", "place", text)
        if wish.until_s is not None and wish.from_s is not None and wish.until_s <= wish.from_s:
            return Mistake(line, "until", "times", "until has to be after from")
        if wish.direction is not Direction.BOTH and not wish.lines:
            return Mistake(line, "direction", "direction", "one direction needs a geometry")
        on_road = wish.stop_id is not None or self.is_on_road is None or self.is_on_road(wish)
        if not on_road:
            return Mistake(line, given[0], "off_road", "no road runs along there")
        return None

    def _stop(self, row: Mapping[str, Any]) -> str | None:
        stop_id = _cell(row.get("stop_id"))
        if stop_id and not self.is_stop(stop_id):
            raise WrongValueError("unknown_stop", "there is no such stop")
        return stop_id or None

    def _geometry(self, row: Mapping[str, Any]) -> tuple[Line, ...]:
        value = row.get("geometry")
        if not _given(value):
            return ()
        lines = from_geojson(value) if isinstance(value, dict) else from_text(str(value))
        self._check_lines(lines)
        return lines

    def _check_lines(self, lines: tuple[Line, ...]) -> None:
        points = [point for line in lines for point in line]
        if not points or not all(lines):
            raise WrongValueError("empty", "there are no points")
        if len(points) > MAX_POINTS:
            raise WrongValueError("too_many", f"at most {MAX_POINTS} points")
        west, south, east, north = self.bounds
        for lon, lat in points:
            if not math.isfinite(lon) or not math.isfinite(lat):
                raise WrongValueError("not_finite", "coordinates have to be numbers")
            if not (west <= lon <= east and south <= lat <= north):
                if west <= lat <= east and south <= lon <= north:
                    raise WrongValueError(
                        "swapped_coordinates", "lon and lat are the wrong way round"
                    )
                raise WrongValueError("outside", "that is not in this town")
        if sum(map(length_km, lines)) > MAX_LENGTH_KM:
            raise WrongValueError("too_long", f"at most {MAX_LENGTH_KM:.0f} km of road")

    def _instant(self, value: Any, *, last: bool) -> int | None:
        """Epoch seconds; a mere day counts from its beginning, or to its end, by local time."""
        text = _cell(value)
        if not text:
            return None
        try:
            if len(text) == len("2026-03-29"):
                day = date.fromisoformat(text) + timedelta(days=1 if last else 0)
                return int(datetime(day.year, day.month, day.day, tzinfo=self.zone).timestamp())
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise WrongValueError("naive_datetime", "a time needs an offset, such as +01:00")
            return int(moment.timestamp())
        except (ValueError, OverflowError) as error:
            raise WrongValueError("time", "neither a day nor an RFC 3339 time") from error


def _text(data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise ListError([Mistake(1, "", "too_large", "a list has at most 2 MB")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ListError([Mistake(line, "", "encoding", "the text is not UTF-8")]) from error
    if "\x00" in text:
        raise ListError([Mistake(1, "", "encoding", "the text has NUL characters")])
    return text


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        _check_columns(names)
        before = reader.line_num
        for cells in reader:
            line, before = before + 1, reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(names):
                text = f"{len(cells)} values for {len(names)} columns"
                raise ListError([Mistake(line, "", "columns", text)])
            yield line, dict(zip(names, cells, strict=True))
    except csv.Error as error:
        raise ListError([Mistake(reader.line_num, "", "csv", str(error))]) from error


def _check_columns(names: list[str]) -> None:
    unknown = [name for name in names if name not in _COLUMNS]
    missing = [] if "id" in names else ["id"]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not any(place in names for place in _PLACES):
        missing.append("geometry")
    if unknown or missing or twice:
        parts = (("unknown", unknown), ("missing", missing), ("repeated", twice))
        text = "; ".join(f"{what}: {', '.join(n[:40] for n in ns)}" for what, ns in parts if ns)
        raise ListError([Mistake(1, "", "columns", f"wrong columns: {text}")])


def _features(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise ListError([Mistake(line, "", "json", "the text is no JSON")]) from error
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list) or document.get("type") != "FeatureCollection":
        raise ListError([Mistake(1, "", "geojson", "this is no FeatureCollection")])
    for number, feature in enumerate(features, 1):
        known = feature if isinstance(feature, dict) else {}
        properties = known.get("properties") or {}
        if known.get("type") != "Feature" or not isinstance(properties, dict):
            raise ListError([Mistake(number, "", "geojson", "this is no Feature")])
        row = {key: properties.get(key) for key in _COLUMNS - {"geometry"}}
        if row["id"] is None:
            row["id"] = known.get("id")
        geometry = known.get("geometry")
        elsewhere = any(_given(row[place]) for place in ("stop_id", "street", "osm_way"))
        yield number, row | {"geometry": None if elsewhere else geometry}


def _given(value: Any) -> bool:
    return value is not None and str(value).strip() != ""


def _cell(value: Any) -> str:
    """A value as text; JSON's numbers are welcome where a word is meant."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise WrongValueError("type", "not a text")
    text = str(value).strip()
    if len(text) > _TEXT_MAX:
        raise WrongValueError("too_long", f"at most {_TEXT_MAX} characters")
    return text


def _number_of(row: Mapping[str, Any]) -> str:
    number = _cell(row.get("id"))
    if not number or not number.isprintable():
        raise WrongValueError("id", "each entry needs an id of its own")
    if len(number) > _TEXT_MAX:
        raise WrongValueError("too_long", f"at most {_TEXT_MAX} characters")
    return number


def _way(row: Mapping[str, Any]) -> int | None:
    text = _cell(row.get("osm_way"))
    if not text:
        return None
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise WrongValueError("osm_way", "not the number of an OSM way")
    return int(text)


def _direction(row: Mapping[str, Any]) -> Direction:
    text = _cell(row.get("direction")).lower() or "both"
    try:
        return Direction(text)
    except ValueError as error:
        raise WrongValueError("direction", "one of both, forward and backward") from error


def _reason(row: Mapping[str, Any]) -> str:
    text = " ".join(_cell(row.get("reason")).split())
    if len(text) > _TEXT_MAX or not text.isprintable():
        raise WrongValueError("reason", f"at most {_TEXT_MAX} printable characters")
    return text
