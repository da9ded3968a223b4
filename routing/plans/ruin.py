"""Which riders to take out: related ones, strings of routes, expensive ones, any, or a whole route.

After Shaw 1998, Ropke and Pisinger 2006, Christiaens and Vanden Berghe 2020.
"""

from routing.plans.compiled import compiled
from routing.plans.kernel import B_AT, END_STOP, LATEST, STOP, Arrays, Routes, Work
from routing.plans.memory import ANY, NOWHERE, T_ABSENT, Jobs, State, below, fraction
from routing.plans.moves import changed, take_out

_ABSENT_MAX = 60  # of those served by nobody, so many are tried at a time


@compiled
def pick_string(r: Routes, jobs: Jobs, s: State, job: int, longest: int, count: int) -> int:
    """Mark a string of consecutive jobs of the job's route, the job among them."""
    v, size, at = s.where[job], 0, 0
    for k in range(r.length[v]):
        node = r.nodes[v, k]
        other = jobs.of_node[node]
        if other == NOWHERE or jobs.tied[other] != ANY or node % 2 == 1:
            continue
        if other == job:
            at = size
        s.order[size] = other
        size += 1
    length = 1 + below(s.random, min(longest, size))
    lowest, highest = max(0, at - length + 1), min(at, size - length)
    begin = lowest + below(s.random, highest - lowest + 1)
    for k in range(begin, begin + length):
        other = s.order[k]
        if s.marked[other] == 0:
            s.marked[other] = 1
            s.absent[count] = other
            count += 1
    return count


@compiled
def pick_related(r: Routes, jobs: Jobs, s: State, goal: int, strings: bool) -> int:  # noqa: FBT001 - a kernel's flag
    """Mark about `goal` jobs that are alike, or strings of routes around them."""
    seed = below(s.random, len(s.where))
    count = 0
    s.touched[:] = 0
    for step in range(-1, jobs.near.shape[1]):
        job = seed if step < 0 else jobs.near[seed, step]
        if count >= goal:
            break
        if s.where[job] == NOWHERE or s.marked[job] != 0:
            continue
        if strings and jobs.tied[job] == ANY:
            if s.touched[s.where[job]] == 0:
                s.touched[s.where[job]] = 1
                longest = max(1, min(goal - count, goal // 2 + 1))
                count = pick_string(r, jobs, s, job, longest, count)
        elif strings or fraction(s.random) < 0.8:  # noqa: PLR2004 - a rate
            s.marked[job] = 1
            s.absent[count] = job
            count += 1
    s.touched[:] = 0
    return count


@compiled
def pick_random(s: State, goal: int) -> int:
    """Mark some jobs."""
    count = 0
    for _ in range(goal):
        job = below(s.random, len(s.where))
        if s.where[job] != NOWHERE and s.marked[job] == 0:
            s.marked[job] = 1
            s.absent[count] = job
            count += 1
    return count


@compiled
def pick_route(r: Routes, jobs: Jobs, s: State) -> int:
    """Mark everybody on a route."""
    count, v = 0, below(s.random, len(r.length))
    for k in range(r.length[v]):
        job = jobs.of_node[r.nodes[v, k]]
        if job != NOWHERE and jobs.tied[job] == ANY and s.marked[job] == 0:
            s.marked[job] = 1
            s.absent[count] = job
            count += 1
    return count


@compiled
def pick_costly(a: Arrays, r: Routes, jobs: Jobs, s: State, goal: int) -> int:
    """Mark jobs whose stops lie far off the way, some by chance."""
    count, matrix = 0, a.matrix_s
    for _ in range(goal):
        worst, pick = -1.0, NOWHERE
        for _ in range(8):
            job = below(s.random, len(s.where))
            v = s.where[job]
            if v == NOWHERE or s.marked[job] != 0 or jobs.tied[job] != ANY:
                continue
            detour = 0
            for k in range(r.length[v]):
                if jobs.of_node[r.nodes[v, k]] != job:
                    continue
                at, stop = r.bounds[v, B_AT, k], a.nodes[r.nodes[v, k], STOP]
                goes = a.vehicles[v, END_STOP]
                if k + 1 < r.length[v]:
                    goes = a.nodes[r.nodes[v, k + 1], STOP]
                if at >= 0 and goes >= 0:
                    detour += matrix[at, stop] + matrix[stop, goes] - matrix[at, goes]
            value = detour * (0.5 + fraction(s.random))
            if value > worst:
                worst, pick = value, job
        if pick != NOWHERE:
            s.marked[pick] = 1
            s.absent[count] = pick
            count += 1
    return count


@compiled
def ruin(  # noqa: C901 - a kernel reads better whole
    a: Arrays, r: Routes, w: Work, jobs: Jobs, s: State, goal: int
) -> int:
    """Take about `goal` jobs out of their routes; returns how many are to be inserted now."""
    s.marked[:] = 0
    choice = fraction(s.random)
    if choice < 0.45:  # noqa: PLR2004 - rates
        count = pick_related(r, jobs, s, goal, True)  # noqa: FBT003 - numba takes no keywords here
    elif choice < 0.70:  # noqa: PLR2004
        count = pick_related(r, jobs, s, goal, False)  # noqa: FBT003
    elif choice < 0.85:  # noqa: PLR2004
        count = pick_costly(a, r, jobs, s, goal)
    elif choice < 0.98:  # noqa: PLR2004
        count = pick_random(s, goal)
    else:
        count = pick_route(r, jobs, s)
    for k in range(count):
        s.touched[s.where[s.absent[k]]] = 1
        s.where[s.absent[k]] = NOWHERE
    for v in range(len(r.length)):
        if s.touched[v] != 0:
            take_out(r, v, jobs, s.marked)
            changed(a, r, v, w, s)
    if s.totals[T_ABSENT] > 0:
        skip = below(s.random, len(s.where))
        extra = 0
        for k in range(len(s.where)):
            job = (k + skip) % len(s.where)
            if s.where[job] == NOWHERE and s.marked[job] == 0 and extra < _ABSENT_MAX:
                s.absent[count] = job
                count += 1
                extra += 1
    return count


@compiled
def arrange(a: Arrays, jobs: Jobs, s: State, count: int) -> None:
    """Bring the absent jobs into a random order, or by time."""
    by_time = fraction(s.random) < 0.3  # noqa: PLR2004 - a rate
    for k in range(count - 1, 0, -1):
        m = below(s.random, k + 1)
        s.absent[k], s.absent[m] = s.absent[m], s.absent[k]
    if not by_time:
        return
    for k in range(1, count):
        job, m = s.absent[k], k - 1
        due = a.nodes[jobs.node[jobs.begin[job]], LATEST]
        while m >= 0 and a.nodes[jobs.node[jobs.begin[s.absent[m]]], LATEST] > due:
            s.absent[m + 1] = s.absent[m]
            m -= 1
        s.absent[m + 1] = job
