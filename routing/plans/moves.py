"""Changes of a single route, with its bounds kept up to date."""

from routing.plans.compiled import compiled
from routing.plans.kernel import BOUND_ROWS, Arrays, Ints, Routes, Work, rebuild
from routing.plans.memory import NOWHERE, Jobs, State


@compiled
def take_out(r: Routes, v: int, jobs: Jobs, marked: Ints) -> None:
    """Remove all marked jobs from a route; its bounds are stale afterwards."""
    kept = 0
    for k in range(r.length[v]):
        node = r.nodes[v, k]
        job = jobs.of_node[node]
        if job == NOWHERE or marked[job] == 0:
            r.nodes[v, kept] = node
            kept += 1
    r.length[v] = kept


@compiled
def put_in(r: Routes, v: int, node: int, i: int, j: int) -> None:
    """Insert a pick-up and its drop-off at positions (i, j), or a single action if j < 0."""
    length, nodes = r.length[v], r.nodes
    for k in range(length - 1, -1, -1):
        shift = (k >= i) + (j >= 0 and k >= j)
        if shift > 0:
            nodes[v, k + shift] = nodes[v, k]
    nodes[v, i] = node
    if j >= 0:
        nodes[v, j + 1] = node + 1
    r.length[v] = length + 1 + (j >= 0)


@compiled
def copy_route(source: Routes, target: Routes, v: int) -> None:
    """Make a route the same in both tables."""
    length = source.length[v]
    target.length[v], target.cost[v] = length, source.cost[v]
    target.departure[v], target.depot[v] = source.departure[v], source.depot[v]
    target.shared[v], target.pushed[v] = source.shared[v], source.pushed[v]
    for k in range(length):
        target.nodes[v, k] = source.nodes[v, k]
    for row in range(BOUND_ROWS):
        for k in range(length + 1):
            target.bounds[v, row, k] = source.bounds[v, row, k]


@compiled
def changed(a: Arrays, r: Routes, v: int, w: Work, s: State) -> None:
    """Note that a route is new, and know it again by its nodes."""
    rebuild(a, r, v, w)
    number = (r.length[v] + 1) * 0x632BE59BD9B4E019  # else [] and [1] would look the same
    for k in range(r.length[v]):
        number = (number ^ r.nodes[v, k]) * 0x5851F42D4C957F2D
        number ^= (number >> 29) & 0x7FFFFFFFF
    s.version[v] = number
    s.touched[v] = 1
