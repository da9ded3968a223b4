"""Times from everywhere to many places: equal to scipy's, ways that add up, mistakes refused."""

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from routing.roads.errors import UnreachableError
from routing.roads.kernels import UNREACHABLE
from routing.roads.many_to_many import LANES, eliminate, times_to

ONE_WAY_RING = SimpleNamespace(
    tail=np.array([0, 1, 2, 3, 0], np.int32),
    head=np.array([1, 2, 3, 0, 2], np.int32),
    cost=np.array([10, 20, 30, 40, 35], np.int32),
)


def random_graph(seed: int, nodes: int, arcs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, nodes, (2, arcs)).astype(np.int32)
    return ends[0], ends[1], rng.integers(1, 1000, arcs).astype(np.int32)


def scipy_times(
    nodes: int, tail: np.ndarray, head: np.ndarray, cost: np.ndarray, targets: np.ndarray
) -> np.ndarray:
    least: dict[tuple[int, int], int] = {}
    for a, b, c in zip(tail.tolist(), head.tolist(), cost.tolist(), strict=True):
        least[b, a] = min(c, least.get((b, a), c))
    ends = np.array(list(least), np.int64).reshape(-1, 2)
    graph = csr_array((list(least.values()), (ends[:, 0], ends[:, 1])), shape=(nodes, nodes))
    found = dijkstra(graph, indices=targets)
    return np.where(np.isinf(found), UNREACHABLE, found).astype(np.int64)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    nodes=st.integers(1, 60),
    arcs=st.integers(0, 200),
    targets=st.integers(1, 2 * LANES + 1),
)
def test_times_equal_scipys(seed: int, nodes: int, arcs: int, targets: int) -> None:
    graph = random_graph(seed, nodes, arcs)
    chosen = np.random.default_rng(seed).integers(0, nodes, targets).astype(np.int32)
    times = times_to(eliminate(nodes, *graph), chosen)
    rows = np.array([times.to_target(t) for t in range(targets)])
    assert np.array_equal(rows, scipy_times(nodes, *graph, chosen))
    assert np.array_equal(times.matrix(), rows[:, chosen].T)


def test_lists_of_neighbours_grow_where_a_node_has_many() -> None:
    nodes = 300
    tail, head = (x.ravel().astype(np.int32) for x in np.meshgrid(*[np.arange(nodes)] * 2))
    cost = np.random.default_rng(1).integers(1, 10_000, len(tail)).astype(np.int32)
    apart = tail != head
    graph = tail[apart], head[apart], cost[apart]
    targets = np.array([0, 7, 299], np.int32)
    times = times_to(eliminate(nodes, *graph), targets)
    rows = np.array([times.to_target(t) for t in range(3)])
    assert np.array_equal(rows, scipy_times(nodes, *graph, targets))


def test_one_way_streets_are_driven_one_way() -> None:
    ring = ONE_WAY_RING
    times = times_to(eliminate(4, ring.tail, ring.head, ring.cost), np.array([0, 2], np.int32))
    assert times.to_target(0).tolist() == [0, 90, 70, 40]
    assert times.to_target(1).tolist() == [30, 20, 0, 70]
    assert times.matrix().tolist() == [[0, 30], [70, 0]]


def test_the_matrix_rounds_up_once() -> None:
    ring = ONE_WAY_RING
    times = times_to(eliminate(4, ring.tail, ring.head, ring.cost), np.array([0, 2], np.int32))
    assert times.matrix(bits=3).tolist() == [[0, 4], [9, 0]]


def test_a_way_takes_what_the_table_says() -> None:
    nodes = 40
    tail, head, cost = random_graph(3, nodes, 160)
    hierarchy = eliminate(nodes, tail, head, cost)
    targets = np.arange(nodes, dtype=np.int32)
    times = times_to(hierarchy, targets)
    least: dict[tuple[int, int], int] = {}
    for a, b, c in zip(tail.tolist(), head.tolist(), cost.tolist(), strict=True):
        least[a, b] = min(c, least.get((a, b), c))
    for target in range(nodes):
        for start in range(nodes):
            expected = int(times.to_target(target)[start])
            if expected >= UNREACHABLE:
                continue
            passed = hierarchy.node[times.way(int(hierarchy.rank[start]), target)].tolist()
            assert (passed[0], passed[-1]) == (start, target)
            assert sum(least[link] for link in pairwise(passed)) == expected


def test_where_no_way_leads_the_table_and_the_way_say_so() -> None:
    arc = [np.array([x], np.int32) for x in (0, 1, 5)]
    hierarchy = eliminate(2, *arc)
    times = times_to(hierarchy, np.array([0], np.int32))
    assert times.to_target(0).tolist() == [0, UNREACHABLE]
    with pytest.raises(UnreachableError):
        times.way(int(hierarchy.rank[1]), 0)


@pytest.mark.parametrize(
    ("tail", "head", "cost", "message"),
    [
        ([0], [2], [1], "does not have"),
        ([-1], [0], [1], "does not have"),
        ([0], [1], [0], "not positive"),
        ([0], [1], [UNREACHABLE], "no way"),
        ([0, 1], [1], [1], "differ in length"),
    ],
)
def test_impossible_graphs_are_refused(
    tail: list[int], head: list[int], cost: list[int], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        eliminate(2, *(np.array(x, np.int32) for x in (tail, head, cost)))


def test_targets_off_the_graph_are_refused() -> None:
    ring = ONE_WAY_RING
    hierarchy = eliminate(4, ring.tail, ring.head, ring.cost)
    with pytest.raises(ValueError, match="not a node"):
        times_to(hierarchy, np.array([4], np.int32))
