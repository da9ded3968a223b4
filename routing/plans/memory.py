"""What the large neighbourhood search remembers, and its random numbers."""

from typing import NamedTuple

import numpy as np

from routing.plans.compiled import inlined
from routing.plans.kernel import Ints, ShortInts

NOWHERE = -1
ANY = -1  # `Jobs.tied` of what may be served by any vehicle
T_COST, T_BEST, T_ABSENT = range(3)


class Jobs(NamedTuple):
    """What can be moved: a pair of pick-up and drop-off, or a single action of one vehicle.

    Single actions are drop-offs of riders who are on board (or will surely be) and breaks.
    """

    begin: Ints  # int64[J + 1]: span of each job's alternatives
    node: Ints  # int64[A]: the pick-up of each alternative (the drop-off follows), or the action
    penalty: Ints  # int64[J]: cost of leaving it out; FOREVER: it has to be served
    tied: Ints  # int64[J]: the vehicle of a single action, else ANY
    of_node: Ints  # int64[N]: the job of each node, NOWHERE for fixed ones
    near: ShortInts  # int32[J, K]: other jobs, the most related first
    keys: Ints  # int64[J]: random, for telling sets of jobs apart


class Cache(NamedTuple):
    """The best place of each job in a route with this fingerprint; all int64[J, V]."""

    version: Ints
    cost: Ints
    first: Ints
    second: Ints
    choice: Ints


class Pool(NamedTuple):
    """Routes seen, by the set of jobs they serve and the kind of vehicle; an open hash table."""

    key: Ints  # int64[P], 0 = free
    cost: Ints  # int64[P]
    vehicle: Ints  # int64[P]
    length: Ints  # int64[P]
    nodes: ShortInts  # int32[P, room]


class State(NamedTuple):
    """The search's memory; the routes at hand are in `Routes` tables beside it."""

    where: Ints  # int64[J]: the vehicle of each job, NOWHERE if it is served by none
    kept_where: Ints  # the same in the accepted solution
    version: Ints  # int64[V]: a fingerprint of each route
    kept_version: Ints
    best_nodes: ShortInts  # int32[V, room]: the best solution so far
    best_length: Ints
    best_where: Ints
    totals: Ints  # int64[3], entries T_*
    random: Ints  # int64[1]: state of the random numbers
    touched: Ints  # int64[V]: scratch, 1 for routes changed in this iteration
    marked: Ints  # int64[J]: scratch
    absent: Ints  # int64[J]: scratch, the jobs to insert
    order: Ints  # int64[max(J, V)]: scratch
    best: Ints  # int64[V, 1]: scratch of the insertion
    out: Ints  # int64[V, 1, 8]: scratch of the insertion


@inlined
def draw(random: Ints) -> int:
    """The next of 2^62 random numbers (xorshift*, Vigna 2016)."""
    x = np.uint64(random[0])
    x ^= x >> np.uint64(12)
    x ^= x << np.uint64(25)
    x ^= x >> np.uint64(27)
    random[0] = np.int64(x)
    return int(np.int64((x * np.uint64(2685821657736338717)) >> np.uint64(2)))


@inlined
def below(random: Ints, n: int) -> int:
    """A random whole number from 0 to n - 1."""
    return draw(random) % n


@inlined
def fraction(random: Ints) -> float:
    """A random number in [0, 1)."""
    return draw(random) / 4611686018427387904.0
