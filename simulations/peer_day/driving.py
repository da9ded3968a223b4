"""Vehicles under way: along the fastest path from node to node, halting where their route says.

A vehicle drives on at once after a halt and can be sent elsewhere at every node it comes to. With
nothing to do it stays where it is. Everything that happens is noted down for the independent check.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from routing.roads.many_to_many import LANES, next_link
from simulations.peer_day.compiled import compiled
from simulations.peer_day.network import TICK_BITS, Network

CLOSED = -1  # the door of a vehicle that does not dwell
NOBODY = -1  # the vehicle of an action that has not been done


TICK_UP = (1 << TICK_BITS) - 1


class City(NamedTuple):
    """The roads and times as the kernels see them; nodes are ranks of the hierarchy."""

    road_offset: NDArray[np.int32]  # int32[N + 1]
    road_to: NDArray[np.int32]  # int32[M]
    road_ticks: NDArray[np.int32]  # int32[M]
    ticks_to: NDArray[np.int32]  # int32[blocks, N, LANES], see many_to_many.TimesTo
    rank: NDArray[np.int32]  # int32[S], of each place
    halt_s: int  # how long a stay takes in which anybody gets on or off


class Fleet(NamedTuple):
    """Where the vehicles are and what they have to do. Node 2b is b's pick-up, 2b + 1 its end."""

    rank: NDArray[np.int32]  # int32[V]: where it is, or comes to next
    tick: NDArray[np.int64]  # int64[V]: from when on it can leave there
    door: NDArray[np.int32]  # int32[V]: the place where it dwells, else CLOSED
    nodes: NDArray[np.int32]  # int32[V, room]: what it has to do, in order
    todo: NDArray[np.int64]  # int64[V]: how much of it


class Record(NamedTuple):
    """What has happened: every action, and every node a vehicle came to."""

    place: NDArray[np.int32]  # int32[2R]: where each action has to be done
    vehicle: NDArray[np.int32]  # int32[2R]: by whom it was done, else NOBODY
    start_s: NDArray[np.int64]  # int64[2R]
    end_s: NDArray[np.int64]  # int64[2R]
    passes: NDArray[np.int64]  # int64[1]: how many of the following are in use
    pass_vehicle: NDArray[np.int32]  # int32[room]
    pass_rank: NDArray[np.int32]  # int32[room]
    pass_tick: NDArray[np.int64]  # int64[room]


def city_of(network: Network, halt_s: int) -> City:
    """The network as the kernels see it, and how long a halt takes."""
    h, times = network.times.hierarchy, network.times
    return City(h.road_offset, h.road_to, h.road_cost, times.table, times.targets, halt_s)


def fleet_at(ranks: NDArray[np.int32], nodes: NDArray[np.int32], todo: NDArray[np.int64]) -> Fleet:
    """Vehicles at these nodes (given by rank) with these routes, shared with whoever plans them."""
    closed = np.full(len(ranks), CLOSED, np.int32)
    return Fleet(ranks.copy(), np.zeros(len(ranks), np.int64), closed, nodes, todo)


def blank_record(place: NDArray[np.int32], room: int) -> Record:
    """A record without entries, for the actions at these places and so many passed nodes."""
    return Record(
        place,
        np.full(len(place), NOBODY, np.int32),
        np.zeros(len(place), np.int64),
        np.zeros(len(place), np.int64),
        np.zeros(1, np.int64),
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.int64),
    )


@compiled
def drive_until(
    city: City, fleet: Fleet, record: Record, now_s: int, done: NDArray[np.int32]
) -> int:
    """Let all vehicles drive and halt until now, and take what they have begun off their routes.

    Args:
        city: the roads.
        fleet: where the vehicles are; changed.
        record: gets what happens.
        now_s: second of the day.
        done: int32[2R], filled with the nodes of all actions begun since the last call.

    Returns:
        how many that are.

    Raises:
        IndexError: the record is full.
    """
    # Taken apart once: every call with a tuple counts the references of all arrays in it.
    road_offset, road_to, road_ticks = city.road_offset, city.road_to, city.road_ticks
    ticks_to, rank_of = city.ticks_to, city.rank
    ranks, ticks, doors = fleet.rank, fleet.tick, fleet.door
    place_of, passes, pass_vehicle = record.place, record.passes, record.pass_vehicle
    pass_rank, pass_tick = record.pass_rank, record.pass_tick
    now, count = now_s << TICK_BITS, 0
    for v in range(len(ranks)):
        left = -1
        while ticks[v] <= now and fleet.todo[v] > 0:
            node = fleet.nodes[v, 0]
            place, rank = place_of[node], ranks[v]
            if rank == rank_of[place]:
                start_s = (ticks[v] + TICK_UP) >> TICK_BITS
                end_s = start_s + (city.halt_s if doors[v] != place else 0)
                record.vehicle[node] = v
                record.start_s[node], record.end_s[node] = start_s, end_s
                ticks[v], doors[v] = end_s << TICK_BITS, place
                fleet.todo[v] -= 1
                for k in range(fleet.todo[v]):
                    fleet.nodes[v, k] = fleet.nodes[v, k + 1]
                done[count] = node
                count += 1
                left = -1
                continue
            if left < 0:
                left = ticks_to[place // LANES, rank, place % LANES]
            link = next_link(road_offset, road_to, road_ticks, ticks_to, rank, place, left)
            left -= road_ticks[link]
            ranks[v], doors[v] = road_to[link], CLOSED
            ticks[v] += road_ticks[link]
            at = passes[0]
            if at >= len(pass_tick):
                raise IndexError("no room for more passed nodes")
            pass_vehicle[at], pass_rank[at], pass_tick[at] = v, ranks[v], ticks[v]
            passes[0] = at + 1
        if ticks[v] <= now:
            ticks[v], doors[v] = now, CLOSED
    return count
