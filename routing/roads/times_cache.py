"""Keeps computed distances beside the graph, so that a warm start need not compute them."""

import glob
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routing.roads.graph import Place, RoadGraph

_CACHE_VERSION: Final = 1


def cache_path(folder: Path, graph: RoadGraph, stops: Sequence[Place]) -> Path:
    """The file for these stops on this graph; another graph or list of stops has another name."""
    return folder / f"{graph.manifest.name}.{_key(graph, stops)}.times.npy"


def _key(graph: RoadGraph, stops: Sequence[Place]) -> str:
    digest = hashlib.sha256(f"{_CACHE_VERSION} {graph.digest}".encode())
    digest.update(np.array([tuple(stop) for stop in stops], np.int64).tobytes())
    return digest.hexdigest()[:32]


def load_rows(path: Path, shape: tuple[int, int]) -> NDArray[np.int32] | None:
    """Memory-maps int32 rows of that shape; None if there are none, or not whole."""
    try:
        rows = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return None
    return rows if rows.shape == shape and rows.dtype == np.int32 else None


def store_rows(path: Path, rows: NDArray[np.int32]) -> None:
    """Writes rows atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.save(file, rows, allow_pickle=False)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_older(path: Path, graph: RoadGraph) -> None:
    """Removes what was kept for other stops or an earlier state of the graph of that name."""
    for old in path.parent.glob(f"{glob.escape(graph.manifest.name)}.*.times.npy"):
        if old != path:
            old.unlink(missing_ok=True)
