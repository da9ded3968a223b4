"""The best combination of routes from a pool: every request on one of them, or left out at a price.

Set partitioning in three steps, each of which leaves less to the next:

1. GLOP solves the linear relaxation by column generation: it holds a few hundred routes and is
   given those that its prices make worth while, until none is left (Desrosiers and Lübbecke 2005).
2. Where it picks fractions of routes, subset-row cuts forbid that for three requests at a time:
   of all routes that serve two or more of the three, there can be only one (Jepsen et al. 2008).
3. A route whose reduced cost exceeds the gap between the incumbent and the bound is in no better
   combination. CP-SAT solves what remains, the most promising routes first: each better
   incumbent leaves fewer.

Single-threaded and deterministic unless the clock ends it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
from ortools.linear_solver import pywraplp
from ortools.sat.python import cp_model
from scipy import sparse

if TYPE_CHECKING:
    from collections.abc import Iterable

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MANDATORY = -1
"""Penalty of a request that must not be left out."""

_FIRST, _MORE = 400, 150  # routes the relaxation starts with, and is given at a time
_CUTS = 60  # at a time
_WORTH_CUTTING = 0.9  # go on if so much or less remains
_FEW = 250  # routes that CP-SAT solves at once anyway: cutting more would take longer
_TRIPLE_WORK = 200_000_000  # multiplications for which cuts are still worth looking for
_EPSILON = 1e-6
_FOREVER_S = 1e9


class RoutePool(NamedTuple):
    """Routes known to be feasible; route k serves `requests[begin[k] : begin[k + 1]]`."""

    costs: Ints  # int64[R]; what it adds to leaving the vehicle as it is without the route
    begin: Ints  # int64[R + 1]
    requests: Ints  # int64[begin[R]]: numbers 0 .. Q - 1, each at most once in a route
    vehicle_class: Ints  # int64[R]: vehicles of one class are interchangeable


class _Limits:
    """How long it may go on: wall seconds, CP-SAT's deterministic time, or both."""

    def __init__(self, seconds: float | None, effort: float | None) -> None:
        self._end = time.perf_counter() + (_FOREVER_S if seconds is None else seconds)
        self._effort = _FOREVER_S if effort is None else effort

    @property
    def seconds(self) -> float:
        """Wall time left."""
        return self._end - time.perf_counter()

    @property
    def effort(self) -> float:
        """Deterministic time left."""
        return self._effort

    def spend(self, effort: float) -> None:
        """Note that so much deterministic time is gone."""
        self._effort -= effort

    @property
    def over(self) -> bool:
        """Whether there is nothing left."""
        return self.seconds <= 0 or self._effort <= 0


def choose_routes(
    pool: RoutePool,
    class_sizes: npt.ArrayLike,
    penalties: npt.ArrayLike,
    incumbent: npt.ArrayLike | None = None,
    *,
    seconds: float | None = None,
    effort: float | None = None,
) -> Ints | None:
    """The cheapest routes that serve every request exactly once, or leave it out at its penalty.

    Args:
        pool: to choose from.
        class_sizes: int64[C], how many vehicles there are of each class.
        penalties: int64[Q], what leaving a request out costs, or `MANDATORY`.
        incumbent: routes that are a solution already; nothing worse is returned.
        seconds: wall time, if that is limited. Then two runs may differ.
        effort: CP-SAT's deterministic time (about seconds), if that is limited.

    Returns:
        Indices into the pool, ascending; the incumbent's if nothing better was found in time; None
        without an incumbent if there is no solution or none was found in time.
    """
    limits = _Limits(seconds, effort)
    table = _Table(pool, np.asarray(class_sizes, np.int64), np.asarray(penalties, np.int64))
    best = None if incumbent is None else np.unique(np.asarray(incumbent, np.int64))
    search = _Search(table, table.completed(best), limits)
    found = search.run()
    return None if found is None else np.sort(found[found < len(pool.costs)])


class _Table:
    """The pool and, as further columns, leaving out single requests."""

    def __init__(self, pool: RoutePool, class_sizes: Ints, penalties: Ints) -> None:
        optional = np.flatnonzero(penalties != MANDATORY)
        lengths = np.concatenate((np.diff(pool.begin), np.ones(len(optional), np.int64)))
        self.routes = len(pool.costs)
        self.optional = optional
        self.penalties = penalties
        self.class_sizes = class_sizes
        self.costs = np.concatenate((pool.costs, penalties[optional])).astype(np.int64)
        self.begin = np.concatenate(([0], np.cumsum(lengths)))
        self.requests = np.concatenate((pool.requests, optional)).astype(np.int64)
        none = np.full(len(optional), -1, np.int64)
        self.classes = np.concatenate((pool.vehicle_class, none)).astype(np.int64)
        ones = np.ones(len(self.requests))
        shape = (len(self.costs), len(penalties))
        self.matrix = sparse.csr_matrix((ones, self.requests, self.begin), shape=shape)
        order = np.argsort(self.requests, kind="stable")
        column = np.repeat(np.arange(len(self.costs)), lengths)[order]
        ends = np.cumsum(np.bincount(self.requests, minlength=len(penalties)))
        self.serving = np.split(column, ends[:-1]) if len(penalties) else []

    def members(self, column: int) -> list[int]:
        """The requests of a column."""
        members: list[int] = self.requests[self.begin[column] : self.begin[column + 1]].tolist()
        return members

    def completed(self, routes: Ints | None) -> Ints | None:
        """A solution's routes and what they leave out, as columns."""
        if routes is None:
            return None
        served = [self.requests[self.begin[k] : self.begin[k + 1]] for k in routes]
        missing = ~np.isin(self.optional, np.concatenate(served) if served else [])
        return np.concatenate((routes, self.routes + np.flatnonzero(missing)))

    def cost(self, columns: Ints) -> int:
        """Of a solution."""
        return int(self.costs[columns].sum())


class _Search:
    """One call of `choose_routes`."""

    def __init__(self, table: _Table, incumbent: Ints | None, limits: _Limits) -> None:
        self._table, self._best, self._limits = table, incumbent, limits

    def run(self) -> Ints | None:
        if len(self._table.penalties) == 0:
            return np.zeros(0, np.int64)
        relaxation = _Relaxation(self._table, self._best)
        if relaxation.solve(self._limits) is None:
            return self._best
        self._cut(relaxation)
        self._combine(relaxation)
        return self._best

    def _cut(self, relaxation: _Relaxation) -> None:
        """Raise the bound as long as that makes the rest of the search much smaller."""
        many = len(self._promising(relaxation))
        while many > _FEW and relaxation.cut() and relaxation.solve(self._limits) is not None:
            before, many = many, len(self._promising(relaxation))
            if many > _WORTH_CUTTING * before:
                return

    def _promising(self, relaxation: _Relaxation) -> Ints:
        """Columns that may be in a better solution, by reduced cost."""
        reduced = relaxation.reduced
        order = np.argsort(reduced, kind="stable")
        if self._best is None:
            return order
        gap = self._table.cost(self._best) - relaxation.bound
        # Costs are integers: what improves by less than one does not improve.
        return order[: np.searchsorted(reduced[order], gap - 1 + relaxation.tolerance, "right")]

    def _combine(self, relaxation: _Relaxation) -> None:
        """CP-SAT on the first so many promising columns, then twice as many, until all."""
        size = _FEW
        while not self._limits.over:
            columns = self._promising(relaxation)
            known = [] if self._best is None else self._best.tolist()
            chosen = np.unique(np.concatenate((columns[:size], np.array(known, np.int64))))
            found = _exact(self._table, chosen, self._best, self._limits)
            if found is not None:
                self._best = found
            if size >= len(columns):
                return
            size *= 2


class _Relaxation:
    """The linear relaxation over all columns, in units of a typical cost."""

    def __init__(self, table: _Table, incumbent: Ints | None) -> None:
        self._table = table
        self._unit = max(float(np.abs(table.costs).max(initial=0)) / 1000, 1.0)
        self._costs = table.costs / self._unit
        self._solver = pywraplp.Solver.CreateSolver("GLOP")
        self._solver.SetSolverSpecificParametersAsString("use_preprocessing: false")
        self._objective = self._solver.Objective()
        self._once = [self._solver.Constraint(1, 1) for _ in table.penalties]
        # No lower bound, though 0 holds: its dual value would be taken for the upper bound's.
        none = -self._solver.infinity()
        self._sizes = [self._solver.Constraint(none, float(size)) for size in table.class_sizes]
        self._cuts: list[tuple[Any, npt.NDArray[np.bool_]]] = []
        self._seen: set[tuple[int, ...]] = set()
        self._variables: dict[int, Any] = {}
        self._missing = self._may_miss(10 * float(np.abs(self._costs).sum()) + 1)
        self.reduced = np.zeros(0)
        self.bound = -np.inf
        self.tolerance = _EPSILON * self._unit
        guess = self._guess(incumbent)
        self._add(np.argsort(self._costs - table.matrix @ guess, kind="stable")[:_FIRST])
        self._add([] if incumbent is None else incumbent)

    def solve(self, limits: _Limits) -> float | None:
        """Generate columns until none is worth while; the bound, None if impossible or too late."""
        while True:
            if limits.over:
                return None
            self._solver.SetTimeLimit(max(int(1000 * min(limits.seconds, 1e6)), 1))
            if self._solver.Solve() != pywraplp.Solver.OPTIMAL:
                return None
            reduced = self._reduced()
            outside = np.ones(len(reduced), bool)
            outside[list(self._variables)] = False
            worth = np.flatnonzero(outside & (reduced < -_EPSILON))
            if len(worth) == 0:
                break
            self._add(worth[np.argsort(reduced[worth], kind="stable")[:_MORE]])
        if any(x.solution_value() > _EPSILON for x in self._missing):
            return None
        bound = self._dual_value() + float(np.minimum(reduced, 0).sum())
        self.reduced = reduced * self._unit
        self.bound = bound * self._unit
        return self.bound

    def cut(self) -> bool:
        """Forbid the worst fractions three requests at a time; False if there are none."""
        violated = self._violated()
        for triple in violated:
            self._seen.add(triple)
            serving = np.concatenate([self._table.serving[q] for q in triple])
            inside = np.bincount(serving, minlength=len(self._costs)) > 1
            row = self._solver.Constraint(-self._solver.infinity(), 1)
            for k, x in self._variables.items():
                if inside[k]:
                    row.SetCoefficient(x, 1)
            self._cuts.append((row, inside))
        return bool(violated)

    def _violated(self) -> list[tuple[int, ...]]:
        values = {k: x.solution_value() for k, x in self._variables.items()}
        parts = [k for k, value in values.items() if _EPSILON < value < 1 - _EPSILON]
        rows = np.unique(np.concatenate([self._table.members(k) for k in parts] or [[]]))
        if len(parts) * len(rows) ** 3 > _TRIPLE_WORK or not parts:
            return []
        rows = rows.astype(np.int64)
        x = self._table.matrix[parts][:, rows].toarray()
        w = np.array([values[k] for k in parts])
        pairs = (x * w[:, None]).T @ x
        found = []
        for i in range(len(rows)):
            both = (x * (w * x[:, i])[:, None]).T @ x
            once = pairs[i][:, None] + pairs[i][None, :] + pairs - 2 * both
            for j, k in np.argwhere(np.triu(once > 1 + 0.01, 1)):
                if j > i:
                    found.append((-float(once[j, k]), tuple(rows[[i, j, k]].tolist())))
        fresh = [item for item in sorted(found) if item[1] not in self._seen]
        return [triple for _, triple in fresh[:_CUTS]]

    def _reduced(self) -> Floats:
        table = self._table
        prices = np.array([row.dual_value() for row in self._once])
        classes = np.array([*(row.dual_value() for row in self._sizes), 0.0])
        reduced: Floats = self._costs - table.matrix @ prices - classes[table.classes]
        for row, inside in self._cuts:
            price = row.dual_value()
            if price < 0:
                reduced[inside] -= price
        return reduced

    def _dual_value(self) -> float:
        value = sum(row.dual_value() for row in self._once)
        value += sum(row.dual_value() * row.ub() for row in self._sizes)
        return float(value + sum(row.dual_value() for row, _ in self._cuts))

    def _guess(self, incumbent: Ints | None) -> Floats:
        """Prices to begin with: every request bears its share of its route in the incumbent."""
        table = self._table
        if incumbent is None:
            return np.full(len(table.penalties), self._costs.mean() if len(self._costs) else 0)
        prices = np.zeros(len(table.penalties))
        for k in incumbent.tolist():
            members = table.members(k)
            prices[members] = self._costs[k] / max(len(members), 1)
        return prices

    def _may_miss(self, price: float) -> list[Any]:
        """Artificial columns: there is always a solution, if only a dear one."""
        found = []
        for q in np.flatnonzero(self._table.penalties == MANDATORY).tolist():
            x = self._solver.NumVar(0, self._solver.infinity(), "")
            self._objective.SetCoefficient(x, price)
            self._once[q].SetCoefficient(x, 1)
            found.append(x)
        return found

    def _add(self, columns: Iterable[int]) -> None:
        table, infinity = self._table, self._solver.infinity()
        fresh = [int(k) for k in columns if int(k) not in self._variables]
        for k in fresh:
            x = self._variables[k] = self._solver.NumVar(0, infinity, "")
            self._objective.SetCoefficient(x, float(self._costs[k]))
            for q in table.members(k):
                self._once[q].SetCoefficient(x, 1)
            if table.classes[k] >= 0:
                self._sizes[table.classes[k]].SetCoefficient(x, 1)
        places = np.array(fresh, np.int64)
        for row, inside in self._cuts:
            for k in places[inside[places]].tolist():
                row.SetCoefficient(self._variables[k], 1)


def _exact(table: _Table, columns: Ints, incumbent: Ints | None, limits: _Limits) -> Ints | None:
    """The best solution among these columns, if it beats the incumbent."""
    model = cp_model.CpModel()
    chosen = [model.new_bool_var("") for _ in columns]
    if not _constrain(model, table, columns, chosen):
        return None
    total = cp_model.LinearExpr.weighted_sum(chosen, table.costs[columns].tolist())
    if incumbent is not None:
        model.add(total <= table.cost(incumbent) - 1)
    model.minimize(total)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    solver.parameters.linearization_level = 2
    solver.parameters.max_deterministic_time = limits.effort
    solver.parameters.max_time_in_seconds = max(limits.seconds, 0.0)
    status = solver.solve(model)
    limits.spend(solver.response_proto.deterministic_time)
    if status not in {cp_model.OPTIMAL, cp_model.FEASIBLE}:
        return None
    picked = [k for k, x in zip(columns.tolist(), chosen, strict=True) if solver.boolean_value(x)]
    return np.array(picked, np.int64)


def _constrain(model: Any, table: _Table, columns: Ints, chosen: list[Any]) -> bool:
    """Every request once, no more routes than vehicles; False if a request is in no column."""
    serving: list[list[Any]] = [[] for _ in table.penalties]
    of_class: list[list[Any]] = [[] for _ in table.class_sizes]
    for k, x in zip(columns.tolist(), chosen, strict=True):
        for q in table.members(k):
            serving[q].append(x)
        if table.classes[k] >= 0:
            of_class[table.classes[k]].append(x)
    for literals in serving:
        model.add_exactly_one(literals)
    for size, literals in zip(table.class_sizes.tolist(), of_class, strict=True):
        if len(literals) > size:
            model.add(cp_model.LinearExpr.sum(literals) <= size)
    return all(serving)
