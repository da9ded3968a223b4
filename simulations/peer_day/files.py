"""Reads a peer day: roads from `peer_edges.csv`, requests from `peer_<number>.csv`."""

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulations.benchmarks.errors import BenchmarkError

Ints = NDArray[np.int32]
Floats = NDArray[np.float64]

EDGES: Final = "peer_edges.csv"
_EDGE_COLUMNS: Final = ("from_node", "to_node", "distance", "travel_time")
_REQUEST_COLUMNS: Final = ("rq_time", "start", "end", "request_id")
_REQUESTS_PER_VEHICLE: Final = 40


@dataclass(frozen=True, eq=False)
class Roads:
    """A directed road graph; nodes are numbered 0..N-1 in the order of the file's own numbers.

    Attributes:
        names: int64[N], ascending, what the file calls the nodes.
        tail: int32[M], where each edge begins.
        head: int32[M], where it ends.
        time_s: float64[M], driving seconds.
        length_m: float64[M], metres.
    """

    names: NDArray[np.int64]
    tail: Ints
    head: Ints
    time_s: Floats
    length_m: Floats


@dataclass(frozen=True, eq=False)
class Demand:
    """Requests by time, each for one passenger.

    Attributes:
        problem: its name, requests/vehicles.
        vehicles: how many there are to serve them.
        ids: what the file calls the requests.
        time_s: int64[R], when they are made, ascending; a ride is wished at once.
        origin: int32[R], node.
        destination: int32[R], node.
    """

    problem: str
    vehicles: int
    ids: tuple[str, ...]
    time_s: NDArray[np.int64]
    origin: Ints
    destination: Ints

    def __len__(self) -> int:
        return len(self.time_s)


def read_roads(folder: Path, *more: Path) -> Roads:
    """The road graph of a folder, and further edges from other files.

    Raises:
        BenchmarkError: there is none, or a line of it cannot be used.
    """
    rows = np.concatenate([_edges(path) for path in (folder / EDGES, *more)])
    ends = rows[:, :2].astype(np.int64)
    names, index = np.unique(ends, return_inverse=True)
    tail, head = (index.reshape(ends.shape)[:, side].astype(np.int32) for side in (0, 1))
    return Roads(names, tail, head, rows[:, 3].copy(), rows[:, 2].copy())


def _edges(path: Path) -> Floats:
    """float64[M, 4]: tail, head, metres, seconds."""
    rows = _rows(path, _EDGE_COLUMNS)
    if not len(rows):
        raise BenchmarkError(f"{path}: there are no roads in it")
    _whole(rows[:, :2], path)
    _must(path, rows[:, 2] >= 0, "distance is negative")
    _must(path, rows[:, 3] > 0, "travel_time is not positive")
    return rows


def read_demand(path: Path, roads: Roads, vehicles: int | None = None) -> Demand:
    """The requests of one file; without `vehicles` there is one for every 40 of them.

    Raises:
        BenchmarkError: a line cannot be used, or names a node without roads.
    """
    rows = _rows(path, _REQUEST_COLUMNS)
    if not len(rows):
        raise BenchmarkError(f"{path}: there are no requests in it")
    values = _whole(rows, path)
    values = values[np.argsort(values[:, 0], kind="stable")]
    nodes = np.searchsorted(roads.names, values[:, 1:3])
    known = roads.names[np.minimum(nodes, len(roads.names) - 1)] == values[:, 1:3]
    if not known.all():
        raise BenchmarkError(f"{path}: node {values[:, 1:3][~known][0]} is on no road")
    ids = tuple(str(number) for number in values[:, 3].tolist())
    if len(set(ids)) < len(ids):
        raise BenchmarkError(f"{path}: a request_id is there twice")
    number = len(values)
    vehicles = vehicles or max(1, number // _REQUESTS_PER_VEHICLE)
    origin, destination = (nodes[:, side].astype(np.int32) for side in (0, 1))
    name = f"{number}/{vehicles}"
    return Demand(name, vehicles, ids, values[:, 0].copy(), origin, destination)


def demand_files(folder: Path) -> list[Path]:
    """The request files of a folder, smallest first.

    Raises:
        BenchmarkError: the folder does not exist, or there are none.
    """
    if not folder.is_dir():
        raise BenchmarkError(f"{folder}: there is no such folder")
    found = [
        (int(match[1]), path)
        for path in folder.iterdir()
        if (match := re.fullmatch(r"peer_(\d+)\.csv", path.name))
    ]
    if not found:
        raise BenchmarkError(f"{folder}: there is no peer_<number>.csv in it")
    return [path for _, path in sorted(found)]


def _rows(path: Path, columns: tuple[str, ...]) -> Floats:
    """float64[lines, columns] of a comma-separated file with exactly this header."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file), [])
            if tuple(header) != columns:
                raise BenchmarkError(f"{path}: its columns are not {','.join(columns)}")
            lines = file.read()
        if not lines.strip():
            return np.empty((0, len(columns)))
        rows = np.loadtxt(io.StringIO(lines), delimiter=",", ndmin=2, comments=None)
    except FileNotFoundError:
        raise BenchmarkError(f"{path}: there is no such file") from None
    except (ValueError, OSError) as error:
        raise BenchmarkError(f"{path}: {error}") from error
    if rows.shape[1] != len(columns):
        raise BenchmarkError(f"{path}: its lines do not have {len(columns)} values")
    if not np.isfinite(rows).all():
        raise BenchmarkError(f"{path}: a value is not finite")
    return rows


def _whole(values: Floats, path: Path) -> NDArray[np.int64]:
    whole = values.astype(np.int64)
    _must(path, whole == values, "a number that has to be whole is not")
    return whole


def _must(path: Path, holds: NDArray[np.bool_], otherwise: str) -> None:
    if not holds.all():
        line = 2 + int(np.argwhere(~holds)[0][0])
        raise BenchmarkError(f"{path}: line {line}: {otherwise}")
