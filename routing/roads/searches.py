"""Runs the shortest-path kernels over a road graph: seeds, weights, chunks on all cores."""

import os
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routing.roads.graph import RoadGraph
from routing.roads.kernels import UNREACHABLE, many_dijkstra, repair_rows

_CHUNK_ROWS: Final = 8
_MAX_THREADS: Final = 8


@dataclass(frozen=True)
class Seeds:
    """Where each row of a search starts: arcs and costs in compressed rows."""

    offset: NDArray[np.int32]
    arc: NDArray[np.int32]
    cost: NDArray[np.int32]


def stop_seeds(
    graph: RoadGraph,
    stop_arcs: NDArray[np.int32],
    stop_costs: NDArray[np.int32],
    turn_cost: NDArray[np.int32],
    closed: NDArray[np.int32],
) -> Seeds:
    """From where each stop's arc is entered, and at what cost up to the stop."""
    reverse = graph.reverse_turns
    count = reverse.offset[stop_arcs + 1] - reverse.offset[stop_arcs]
    row = np.repeat(np.arange(len(stop_arcs)), count)
    first = np.cumsum(count) - count
    link = reverse.offset[stop_arcs][row] + np.arange(len(row)) - first[row]
    allowed = ~np.isin(stop_arcs[row], closed) | np.isin(reverse.origin[link], closed)
    row, link = row[allowed], link[allowed]
    sizes = np.bincount(row, minlength=len(stop_arcs))
    offset = np.concatenate(([0], np.cumsum(sizes))).astype(np.int32)
    return Seeds(offset, reverse.origin[link], turn_cost[link] + stop_costs[row])


def search(
    graph: RoadGraph,
    weight: NDArray[np.int32],
    seeds: Seeds,
    out: NDArray[np.int32],
) -> None:
    """Fills `out`, one row per stop."""
    reverse = graph.reverse_turns

    def work(rows: NDArray[np.int64]) -> None:
        many_dijkstra(
            reverse.offset, reverse.origin, weight, seeds.offset, seeds.arc, seeds.cost, rows, out
        )

    in_chunks(work, len(out))


def repair(
    graph: RoadGraph,
    table: NDArray[np.int32],
    stop_arcs: NDArray[np.int32],
    stop_costs: NDArray[np.int32],
    closed_arcs: Collection[int],
    skipped: Collection[int],
) -> None:
    """Brings a table of the open roads, one row per stop, up to date with closed arcs.

    Args:
        graph: the road graph.
        table: int32[S, A], overwritten.
        stop_arcs: int32[S].
        stop_costs: int32[S], ms from the start of its arc to each stop.
        closed_arcs: arcs that may not be entered from open ones.
        skipped: rows that are left alone.
    """
    closed = np.zeros(graph.arcs, bool)
    closed[list(closed_arcs)] = True
    reverse = graph.reverse_turns
    onto = np.repeat(np.arange(graph.arcs), np.diff(reverse.offset))
    entries = np.unique(reverse.origin[closed[onto] & ~closed[reverse.origin]]).astype(np.int32)
    wanted = np.setdiff1d(np.arange(len(table)), list(skipped)).astype(np.int64)

    def work(chunk: NDArray[np.int64]) -> None:
        repair_rows(
            graph.turn_offset,
            graph.turn_to,
            graph.turn_time_ms,
            graph.arc_time_ms,
            reverse.offset,
            reverse.origin,
            reverse.time_ms,
            closed,
            entries,
            stop_arcs,
            stop_costs,
            wanted[chunk],
            table,
        )

    in_chunks(work, len(wanted))


def in_chunks(work: Callable[[NDArray[np.int64]], None], rows: int) -> None:
    """Runs `work` on a few rows at a time, on as many threads as there are cores.

    Small chunks, so that a Python thread that waits for its turn gets it soon.
    """
    chunks = [np.arange(at, min(at + _CHUNK_ROWS, rows)) for at in range(0, rows, _CHUNK_ROWS)]
    threads = min(os.cpu_count() or 1, _MAX_THREADS, len(chunks))
    if threads <= 1:
        for chunk in chunks:
            work(chunk)
        return
    with ThreadPoolExecutor(threads, "travel-times") as pool:
        list(pool.map(work, chunks))


def link_weights(
    graph: RoadGraph,
    arc_cost: NDArray[np.int32],
    turn_cost: NDArray[np.int32],
    closed: NDArray[np.int32],
) -> NDArray[np.int32]:
    """Per turn onto arc b: cost of the turn and of all of b; `UNREACHABLE` if b is closed.

    From one closed arc onto another the turn stays: what is in there has to get out.
    """
    onto = np.repeat(np.arange(graph.arcs), np.diff(graph.reverse_turns.offset))
    weight = turn_cost + arc_cost[onto]
    inside = np.isin(graph.reverse_turns.origin, closed)
    weight[np.isin(onto, closed) & ~inside] = UNREACHABLE
    return weight
