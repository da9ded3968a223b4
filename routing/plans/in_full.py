"""Insertions evaluated in full: where a ride cap pushes, or a shared set-up changes hands."""

from routing.plans.compiled import compiled, merged
from routing.plans.kernel import (
    AT_START,
    B_AT,
    B_EARLIEST,
    B_END,
    B_LATEST_END,
    B_PARTNER,
    B_SEATS,
    B_WHEELCHAIRS,
    BREAK,
    CONFIG_BEGIN,
    CONFIG_END,
    DWELLING,
    EARLIEST,
    END,
    FOREVER,
    KIND,
    LATEST,
    LIMITED,
    LOCKED,
    NO_PARTNER,
    NODE_COLUMNS,
    OK,
    SEATS,
    SERVICE,
    START,
    START_STOP,
    START_TIME,
    STOP,
    WHEELCHAIRS,
    Arrays,
    Ints,
    Routes,
    Work,
    arrive,
    fits,
    frame,
    price,
    settle,
)

# Columns of the result, int64[found, 8].
R_VEHICLE, R_PAIR, R_PICKUP_POSITION, R_DROPOFF_POSITION = range(4)
R_COST, R_PICKUP_START, R_PICKUP_END, R_DROPOFF_START = range(4, 8)
RESULT_COLUMNS = 8

ANEW, SETTLED = 0, 1  # where a full evaluation begins


@compiled
def compose(  # noqa: PLR0913, PLR0917 - a kernel's arguments
    a: Arrays, r: Routes, v: int, w: Work, asks: Ints, pair: int, i: int, j: int, since: int
) -> None:
    """Write route `v` with a pair inserted at positions (i, j) to the scratch, as `gather` does.

    `since`: SETTLED to begin with what the route's own ride caps have raised already, else ANEW.
    """
    count, nodes, table, rows = r.length[v], r.nodes[v], a.nodes, w.rows
    for k in range(count):
        to = k + 1 + (k >= i) + (k >= j)
        node = nodes[k]
        for column in range(NODE_COLUMNS):
            rows[to, column] = table[node, column]
        if since == SETTLED:
            rows[to, EARLIEST] = r.bounds[v, B_EARLIEST, k]
        p = r.bounds[v, B_PARTNER, k]
        w.partner[to] = p + 1 + (p >= i) + (p >= j) if p >= 0 else NO_PARTNER
    for column in range(NODE_COLUMNS):
        rows[i + 1, column] = asks[2 * pair, column]
        rows[j + 2, column] = asks[2 * pair + 1, column]
    w.partner[i + 1], w.partner[j + 2] = NO_PARTNER, i + 1
    frame(a.vehicles[v], w, count + 2)


@compiled
def fixed_point(  # noqa: PLR0913, PLR0917 - a kernel's arguments
    a: Arrays, r: Routes, v: int, w: Work, asks: Ints, pair: int, i: int, j: int, since: int
) -> int:
    """Cost by full evaluation, its times in the scratch; FOREVER if there is no schedule."""
    compose(a, r, v, w, asks, pair, i, j, since)
    reason, _ = settle(a, v, w, r.length[v] + 2, LIMITED)
    if reason != OK:
        return FOREVER
    cost, _ = price(a, w, r.length[v] + 2)
    return cost


@merged
def frees(a: Arrays, r: Routes, v: int, k: int, stop: int, door: int) -> bool:
    """Whether stopping at `stop` just before action `k` may let something happen sooner.

    It does if it spares the next action at a stop its set-up, or parts it from one it shares a
    set-up with while a ride cap pushes it: then it is over later, and may begin sooner. A break is
    taken wherever the vehicle stands, so the next action may come behind it.
    """
    count, here = r.length[v], r.bounds[v, B_AT, k]
    while k < count and a.nodes[r.nodes[v, k], KIND] == BREAK:
        k += 1
    if k == count:
        return False
    node = r.nodes[v, k]
    after = a.nodes[node, STOP]
    if after == stop:
        return True
    shared = after == (door if here == AT_START else here)
    return bool(shared and r.bounds[v, B_EARLIEST, k] > a.nodes[node, EARLIEST])


@merged
def rests(a: Arrays, r: Routes, v: int) -> bool:
    """Whether there is a break on the route."""
    found = False
    for k in range(r.length[v]):
        found = found or a.nodes[r.nodes[v, k], KIND] == BREAK
    return found


@merged
def sooner_by(a: Arrays) -> int:
    """By how much anything may begin sooner than now after an insertion that `frees` it.

    The set-ups (twice, and twice to be safe), in traffic times the ratio of speeds.
    """
    slowest = a.fastest
    for hour in range(len(a.speed)):
        slowest = min(slowest, int(a.speed[hour]))
    return int(4 * a.setup_s * -(-a.fastest // slowest))


@merged
def soonest_end(a: Arrays, node: int, stop: int, leave_s: int) -> int:
    """When an action is over at the soonest if the vehicle leaves another stop for it."""
    leg = a.matrix_s[stop, a.nodes[node, STOP]]
    arrival = arrive(leave_s, leg, a.base_s, a.speed, a.flat)
    return int(max(arrival, a.nodes[node, EARLIEST]) + a.nodes[node, SERVICE])


@compiled
def try_frail(  # noqa: C901, PLR0912, PLR0913, PLR0915, PLR0917 - a kernel reads better whole
    a: Arrays,
    r: Routes,
    v: int,
    w: Work,
    asks: Ints,
    pair: int,
    apart_s: int,
    best: Ints,
    out: Ints,
    every: bool,  # noqa: FBT001 - a kernel's flag
) -> None:
    """The insertions of one route that may let something happen sooner, by the full fixed point.

    Where ride caps push, sparing others a set-up can let a pick-up begin sooner, and so can parting
    two who share one if the second is pushed; then bounds from the present schedule do not hold,
    but for those on how late anything may end. Arguments as in `best_positions`, whose other
    insertions come first; `every`: all of them, of a route of which nothing else is known.
    """
    count, seats, chairs = r.length[v], asks[2 * pair, SEATS], asks[2 * pair, WHEELCHAIRS]
    pickup, dropoff = asks[2 * pair, STOP], asks[2 * pair + 1, STOP]
    first, last = a.vehicles[v, CONFIG_BEGIN], a.vehicles[v, CONFIG_END]
    slack = FOREVER >> 20 if every else sooner_by(a)
    door = a.vehicles[v, START_STOP] if a.vehicles[v, DWELLING] else AT_START
    for i in range(a.vehicles[v, LOCKED], count + 1):
        if i < count:
            soonest = asks[2 * pair, EARLIEST] + asks[2 * pair, SERVICE]
            if soonest > r.bounds[v, B_LATEST_END, i]:
                continue
        at = r.bounds[v, B_AT, i] if i > 0 else AT_START
        leg = a.start_legs_s[v, pickup] if at == AT_START else a.matrix_s[at, pickup]
        leave = r.bounds[v, B_END, i - 1] - slack if i > 0 else a.vehicles[v, START_TIME]
        arrival = arrive(leave, leg, a.base_s, a.speed, a.flat)
        if arrival > asks[2 * pair, LATEST]:
            break
        frail = every or frees(a, r, v, i, pickup, door)
        stop, free = pickup, max(arrival, asks[2 * pair, EARLIEST]) + asks[2 * pair, SERVICE]
        for j in range(i, count + 1):
            if j > i:
                node = r.nodes[v, j - 1]
                if a.nodes[node, KIND] == BREAK:
                    break
                free = soonest_end(a, node, stop, free)
                if free > r.bounds[v, B_LATEST_END, j - 1]:
                    break
                stop, free = a.nodes[node, STOP], max(free, r.bounds[v, B_END, j - 1] - slack)
            arrival = arrive(free, a.matrix_s[stop, dropoff], a.base_s, a.speed, a.flat)
            if arrival > asks[2 * pair + 1, LATEST]:
                break
            load, places = r.bounds[v, B_SEATS, j] + seats, r.bounds[v, B_WHEELCHAIRS, j] + chairs
            if not fits(load, places, a.configurations, first, last):
                break
            if not (frail or frees(a, r, v, j, dropoff, door)):
                continue
            if j < count and a.nodes[r.nodes[v, j], KIND] != BREAK:
                off = max(arrival, asks[2 * pair + 1, EARLIEST]) + asks[2 * pair + 1, SERVICE]
                if soonest_end(a, r.nodes[v, j], dropoff, off) > r.bounds[v, B_LATEST_END, j]:
                    continue
            cost = fixed_point(a, r, v, w, asks, pair, i, j, ANEW)
            if cost == FOREVER:
                continue
            begins = w.times[START, i + 1]
            slot = min((begins - asks[2 * pair, EARLIEST]) // apart_s, len(best) - 1)
            row, more = out[slot], cost - r.cost[v]
            sooner = row[R_VEHICLE] == v and row[R_PAIR] == pair
            sooner = sooner and (i, j) < (row[R_PICKUP_POSITION], row[R_DROPOFF_POSITION])
            if more < best[slot] or (more == best[slot] and sooner):
                best[slot] = more
                row[R_VEHICLE], row[R_PAIR], row[R_COST] = v, pair, more
                row[R_PICKUP_POSITION], row[R_DROPOFF_POSITION] = i, j
                row[R_PICKUP_START], row[R_PICKUP_END] = begins, w.times[END, i + 1]
                row[R_DROPOFF_START] = w.times[START, j + 2]
