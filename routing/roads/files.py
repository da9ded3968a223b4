"""Where the road graphs lie under `var/roads`, and what lies beside them."""

import re
from pathlib import Path
from typing import Final

from routing.roads.errors import GraphNotFoundError

_NAME: Final = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


def roads_folder(var: Path) -> Path:
    """Where the graphs of a var folder lie."""
    return var / "roads"


def graph_path(var: Path, name: str) -> Path:
    """The file of a named graph.

    Raises:
        GraphNotFoundError: the name could not be a file name of ours.
    """
    if not _NAME.match(name):
        raise GraphNotFoundError(f"{name!r} is no name for a road graph")
    return roads_folder(var) / f"{name}.graph"


def landmarks_path(var: Path, name: str) -> Path:
    """Where the settlements and landmarks of a named graph lie, which name its stops."""
    return graph_path(var, name).with_suffix(".landmarks.json")


def basemap_path(var: Path, name: str) -> Path:
    """Where the map tiles of a named graph lie."""
    return graph_path(var, name).with_suffix(".pmtiles")


def default_name(path: Path) -> str:
    """A graph's name from its file: "town.osm.pbf" gives "town"."""
    stem = path.name.split(".", maxsplit=1)[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-") or "extract"


def find_graph(var: Path, name: str | None = None) -> Path:
    """The named graph, or else the most recently written one.

    Raises:
        GraphNotFoundError: there is none.
    """
    if name is not None:
        path = graph_path(var, name)
        if not path.is_file():
            raise GraphNotFoundError(f"there is no road graph {name!r} under {roads_folder(var)}")
        return path
    graphs = sorted(
        roads_folder(var).glob("[!.]*.graph"), key=lambda p: (p.stat().st_mtime_ns, p.name)
    )
    if not graphs:
        raise GraphNotFoundError(
            f"there is no road graph under {roads_folder(var)}; "
            "make one with: rufbus roads fetch, or rufbus roads import FILE"
        )
    return graphs[-1]
