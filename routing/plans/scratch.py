"""Room for the kernels to work in, and routes with their bounds as tables."""

import numpy as np

from routing.plans.compiled import allocating
from routing.plans.kernel import (
    BOUND_ROWS,
    FOREVER,
    NODE_COLUMNS,
    Arrays,
    Routes,
    Work,
    rebuild,
)


@allocating
def make_work(room: int, nodes: int) -> Work:
    """Scratch for routes of up to `room` actions in a problem of so many nodes."""
    return Work(
        np.empty((room + 4, NODE_COLUMNS), np.int64),
        np.empty(room + 4, np.int64),
        np.empty(room + 4, np.int64),
        np.empty((3, room + 4), np.int64),
        np.empty(room + 2, np.int64),
        np.empty(nodes, np.int64),
    )


@allocating
def empty_routes(vehicles: int, room: int) -> Routes:
    """Tables for routes of up to `room` actions, all empty; call `rebuild` before using them."""
    return Routes(
        np.zeros((vehicles, room), np.int32),
        np.zeros(vehicles, np.int64),
        np.zeros((vehicles, BOUND_ROWS, room + 1), np.int64),
        np.full(vehicles, FOREVER, np.int64),
        np.zeros(vehicles, np.int64),
        np.zeros(vehicles, np.int64),
        np.zeros(vehicles, np.int64),
        np.zeros(vehicles, np.int64),
    )


@allocating
def copy_routes(r: Routes, room: int) -> Routes:
    """The same routes in tables of their own with room for more."""
    width = r.nodes.shape[1]
    copied = empty_routes(len(r.length), max(room, width))
    copied.nodes[:, :width] = r.nodes
    copied.length[:] = r.length
    copied.bounds[:, :, : width + 1] = r.bounds
    copied.cost[:] = r.cost
    copied.departure[:] = r.departure
    copied.depot[:] = r.depot
    copied.shared[:] = r.shared
    copied.pushed[:] = r.pushed
    return copied


@allocating
def rebuild_one(a: Arrays, r: Routes, v: int) -> None:
    """Bring cost and bounds of one vehicle up to date."""
    rebuild(a, r, v, make_work(r.nodes.shape[1], len(a.nodes)))


@allocating
def rebuild_all(a: Arrays, r: Routes) -> None:
    """Bring costs and bounds of all vehicles up to date."""
    w = make_work(r.nodes.shape[1], len(a.nodes))
    for v in range(len(a.vehicles)):
        rebuild(a, r, v, w)
