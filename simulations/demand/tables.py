"""Reads the columns of a CSV, Parquet or GeoParquet file, each value with the line it stands in."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from simulations.demand.trips import DemandError

_PARQUET: Final = (".parquet", ".geoparquet", ".pq")
_DEGREES: Final = {("OGC", "CRS84"), ("EPSG", "4326")}
_ROWS_MAX: Final = 1_000_000
_BYTES_MAX: Final = 1_000_000_000


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length.

    Attributes:
        path: of the file.
        columns: values by name: str, numbers, datetimes, or None where there is none.
        unit: what a row is called: a line of a text file, a row of another one.
        numbers: of the rows, as the reader of the file counts them.
        decimal_comma: whether numbers may be written like 8,04.
    """

    path: Path
    columns: dict[str, Sequence[Any]]
    unit: str
    numbers: Sequence[int]
    decimal_comma: bool = False

    def __len__(self) -> int:
        return len(self.numbers)

    def column(self, name: str) -> Sequence[Any]:
        """A column's values; nothing but None for a column that is not there."""
        return self.columns.get(name) or [None] * len(self)

    def fail(self, row: int, column: str, problem: str) -> NoReturn:
        """Say what is wrong with a value."""
        where = f"{self.unit} {self.numbers[row]}, column {column}"
        raise DemandError(f"{self.path}: {where}: {problem}")


def read_table(path: Path) -> Table:
    """All columns of a file, told by its suffix; geometries are points (lon, lat).

    Raises:
        DemandError: there is no such file, it is too large, or not what its name says.
    """
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise DemandError(f"{path}: has more than {_BYTES_MAX / 1e9:.0f} GB")
        if path.suffix.lower() in _PARQUET:
            return _limited(_parquet(path))
        return _limited(_csv(path))
    except FileNotFoundError:
        raise DemandError(f"{path}: there is no such file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DemandError(f"{path}: cannot be read: {error}") from error


def _limited(table: Table) -> Table:
    if not table.columns:
        raise DemandError(f"{table.path}: is empty")
    if len(table) > _ROWS_MAX:
        raise DemandError(f"{table.path}: has more than {_ROWS_MAX} rows")
    return table


def _csv(path: Path) -> Table:
    text = path.read_text(encoding="utf-8-sig")
    first = text.partition("\n")[0]
    # Spreadsheets in countries with decimal commas separate by semicolons.
    separator = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    names = [name.strip() for name in next(reader, [])]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DemandError(f"{path}: line 1: column {twice} is there twice")
    rows, numbers = [], []
    for number, cells in _filled(reader):
        if len(cells) != len(names):
            wanted, found = len(names), len(cells)
            raise DemandError(f"{path}: line {number}: has {found} values, not {wanted}")
        rows.append([cell.strip() or None for cell in cells])
        numbers.append(number)
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    named: dict[str, Sequence[Any]] = dict(zip(names, columns, strict=True))
    return Table(path, named, "line", numbers, decimal_comma=separator == ";")


def _filled(reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not blank, with their numbers."""
    return ((reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells))


def _parquet(path: Path) -> Table:
    import pyarrow as pa  # noqa: PLC0415 - slow to import
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        with pq.ParquetFile(path) as file:
            if file.metadata.num_rows > _ROWS_MAX:
                raise DemandError(f"{path}: has more than {_ROWS_MAX} rows")
            table = file.read()
        geo = json.loads((table.schema.metadata or {}).get(b"geo", b"{}"))
        columns = {
            name: _points(path, name, geo["columns"][name], table.column(name).to_pylist())
            if name in geo.get("columns", {})
            else table.column(name).to_pylist()
            for name in table.column_names
        }
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise DemandError(f"{path}: is no Parquet file that can be read: {error}") from error
    return Table(path, columns, "row", range(1, table.num_rows + 1))


def _points(path: Path, name: str, about: dict[str, Any], values: list[Any]) -> list[Any]:
    """(lon, lat) of a GeoParquet column; None where there is no point."""
    import shapely  # noqa: PLC0415 - only for GeoParquet

    where = f"{path}: column {name}"
    if about.get("encoding") != "WKB":
        raise DemandError(f"{where}: is encoded as {about.get('encoding')}, not as WKB")
    crs = about.get("crs")
    if "crs" in about and crs is None:
        raise DemandError(f"{where}: does not say its coordinate system; WGS 84 degrees are needed")
    if crs is not None:
        known = crs.get("id") or {}
        if (known.get("authority"), str(known.get("code"))) not in _DEGREES:
            called = crs.get("name", "another one")
            raise DemandError(f"{where}: its coordinates are {called}, not WGS 84 degrees")
    try:
        shapes = shapely.from_wkb(values)
    except shapely.errors.ShapelyError as error:
        raise DemandError(f"{where}: is no WKB: {error}") from error
    return [
        None
        if shape is None or shape.geom_type != "Point" or shape.is_empty
        else (shape.x, shape.y)
        for shape in shapes
    ]
