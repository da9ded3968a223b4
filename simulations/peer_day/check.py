"""Checks a driven day from the files and its record alone; shares no code with the dispatch.

Driving times come from the edges as the file gives them, shortest ones from scipy's Dijkstra.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

if TYPE_CHECKING:
    from simulations.peer_day.files import Demand, Ints, Roads
    from simulations.peer_day.outcome import DrivenDay, Halt, Pass

_SLACK_S: Final = 1e-6
_SOURCES_AT_ONCE: Final = 256


class Rules(NamedTuple):
    """What every day has to keep.

    Attributes:
        wait_s: longest time from the request to the start of boarding.
        detour: longest time in the vehicle, as a multiple of the direct one.
        detour_s: how much longer than that it may be.
        seats: of each vehicle; a request takes one.
        halt_s: how long a vehicle stays for people to get on and off.
        end_s: when everything is over.
    """

    wait_s: int = 600
    detour: float = 1.4
    detour_s: int = 0
    seats: int = 4
    halt_s: int = 30
    end_s: int = 16_200


class _Action(NamedTuple):
    """In the order of time; whoever alights makes room for those who board at the same second."""

    start_s: int
    end_s: int
    change: int
    request: int
    node: int


class Edge(NamedTuple):
    """The fastest edge between two nodes."""

    time_s: float
    length_m: float


Edges = dict[tuple[int, int], Edge]


def edges_of(roads: Roads) -> Edges:
    """By (tail, head)."""
    edges: Edges = {}
    for tail, head, time_s, length_m in zip(
        roads.tail.tolist(),
        roads.head.tolist(),
        roads.time_s.tolist(),
        roads.length_m.tolist(),
        strict=True,
    ):
        known = edges.get((tail, head))
        if known is None or time_s < known.time_s:
            edges[tail, head] = Edge(time_s, length_m)
    return edges


def direct_ways(roads: Roads, edges: Edges, origin: Ints, destination: Ints) -> list[Edge]:
    """Time and length of the fastest way from each origin to its destination (inf: none)."""
    nodes = len(roads.names)
    pairs = np.array(list(edges), np.int64).reshape(-1, 2)
    times = np.array([edge.time_s for edge in edges.values()])
    graph = csr_array((times, (pairs[:, 0], pairs[:, 1])), shape=(nodes, nodes))
    ways = [Edge(np.inf, np.inf)] * len(origin)
    sources = np.unique(origin)
    for at in range(0, len(sources), _SOURCES_AT_ONCE):
        chunk = sources[at : at + _SOURCES_AT_ONCE]
        time_s, before = dijkstra(graph, indices=chunk, return_predecessors=True)
        for request in np.flatnonzero(np.isin(origin, chunk)).tolist():
            row = int(np.searchsorted(chunk, origin[request]))
            goal = int(destination[request])
            if np.isfinite(time_s[row, goal]):
                length_m = _length_m(before[row], edges, int(origin[request]), goal)
                ways[request] = Edge(float(time_s[row, goal]), length_m)
    return ways


def _length_m(before: Ints, edges: Edges, start: int, goal: int) -> float:
    length_m, node = 0.0, goal
    while node != start:
        previous = int(before[node])
        length_m += edges[previous, node].length_m
        node = previous
    return length_m


def violations(
    day: DrivenDay, demand: Demand, edges: Edges, direct: list[Edge], starts: Ints, rules: Rules
) -> list[str]:
    """Everything that is wrong with a day; empty if it keeps all rules.

    Args:
        day: what happened.
        demand: what was asked for.
        edges: the roads.
        direct: by request, its fastest way.
        starts: where the vehicles were at second 0.
        rules: to be kept.
    """
    found: list[str] = []
    actions: dict[int, list[_Action]] = defaultdict(list)
    for request in range(len(demand)):
        pickup, dropoff = day.pickups[request], day.dropoffs[request]
        name = f"request {demand.ids[request]}"
        if not day.accepted[request]:
            if pickup or dropoff:
                found.append(f"{name}: was refused and driven nevertheless")
            continue
        if pickup is None or dropoff is None:
            found.append(f"{name}: was accepted and not driven")
            continue
        limits = int(demand.time_s[request]), direct[request].time_s
        found += [f"{name}: {wrong}" for wrong in _ride(pickup, dropoff, *limits, rules)]
        ends = int(demand.origin[request]), int(demand.destination[request])
        for halt, node, change in ((pickup, ends[0], 1), (dropoff, ends[1], -1)):
            actions[halt.vehicle].append(_Action(halt.start_s, halt.end_s, change, request, node))
    for vehicle, track in enumerate(day.tracks):
        wrongs = _track(track, sorted(actions.pop(vehicle, [])), edges, int(starts[vehicle]), rules)
        found += [f"vehicle {vehicle}: {wrong}" for wrong in wrongs]
    return found + [f"vehicle {vehicle}: does not exist" for vehicle in actions]


def _ride(pickup: Halt, dropoff: Halt, asked_s: int, direct_s: float, rules: Rules) -> list[str]:
    found = []
    if pickup.vehicle != dropoff.vehicle:
        found.append("changes vehicles")
    if not asked_s <= pickup.start_s <= asked_s + rules.wait_s:
        found.append(f"boards {pickup.start_s - asked_s} s after asking")
    if dropoff.start_s - pickup.end_s > rules.detour * direct_s + rules.detour_s + _SLACK_S:
        found.append(f"rides {dropoff.start_s - pickup.end_s} s, directly {direct_s:.1f} s")
    if dropoff.start_s < pickup.end_s:
        found.append("alights before having boarded")
    if dropoff.end_s > rules.end_s:
        found.append("is still on board at the end")
    return found


def _track(
    track: list[Pass], actions: list[_Action], edges: Edges, start: int, rules: Rules
) -> list[str]:
    """One vehicle: drives on roads, no faster than they allow, and halts where it has to."""
    found = []
    if track[0].node != start:
        found.append(f"starts at {track[0].node}, not at {start}")
    load, at = 0, 0
    for position, (node, come_s) in enumerate(track):
        leave_s = np.inf
        if position + 1 < len(track):
            following = track[position + 1]
            edge = edges.get((node, following.node))
            if edge is None:
                found.append(f"drives from {node} to {following.node}, where no road is")
                continue
            leave_s = following.time_s - edge.time_s
            if leave_s < come_s - _SLACK_S:
                found.append(f"drives from {node} to {following.node} too fast")
        opened_s = -1
        while at < len(actions) and actions[at].start_s <= leave_s + _SLACK_S:
            action = actions[at]
            name = f"for request #{action.request} at second {action.start_s}"
            opened_s = action.start_s if opened_s < 0 else opened_s
            load += action.change
            if action.node != node or action.start_s < come_s - _SLACK_S:
                found.append(f"is not in its place {name}")
            if action.end_s < opened_s + rules.halt_s or action.end_s > leave_s + _SLACK_S:
                found.append(f"halts too short a time {name}")
            if not 0 <= load <= rules.seats:
                found.append(f"has {load} people on board {name}")
            at += 1
    return found + ["does not drive to all its actions"] * (at < len(actions))
