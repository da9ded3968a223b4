"""How many trips go from where to where: a gravity model fitted to what the planner knows.

People of a home cell h choose a destination a with probability proportional to its attractiveness
times exp(-distance(h, a) / decay), the production-constrained gravity model with an exponential
deterrence function (Wilson 1967; Ortúzar and Willumsen, Modelling Transport, ch. 5). What people
do on a day is a tour: out and back, or only one of them. The numbers of tours between settlements
are then fitted to given totals of trips by iterative proportional fitting, one total after the
other (Deming and Stephan 1940), each solved exactly because a tour may count twice in a total.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from simulations.demand.cells import Cells, Floats, Ints
from simulations.demand.trips import DemandError

Mask = NDArray[np.bool_]

ROUND, OUT, BACK = range(3)
"""Kinds of tours: home and back, only from home, only back home."""
KINDS: Final = 3

_SWEEPS: Final = 2_000
_TOLERANCE: Final = 1e-6
_WORST: Final = 1e-3
"""Relative error above which totals contradict each other."""
_DECAY_M: Final = (100.0, 1e6)
_STEPS: Final = 60
_MEAN_WITHIN_M: Final = 1.0


@dataclass(frozen=True, eq=False)
class Draw:
    """A reason to travel.

    Attributes:
        name: for messages.
        share: of all trips, before totals are fitted.
        weight: float64[C], how much the cells draw.
        kinds: share of tours out and back, only out, only back.
    """

    name: str
    share: float
    weight: Floats
    kinds: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Goal:
    """A total that the trips are to have.

    Attributes:
        name: for messages.
        share: of all trips.
        draws: bool[P], the reasons that count.
        pairs: bool[Z, Z], the zones from and to that count.
    """

    name: str
    share: float
    draws: Mask
    pairs: Mask


class Gravity:
    """Tours between cells, by P reasons to travel."""

    def __init__(
        self,
        cells: Cells,
        people: Floats,
        draws: Sequence[Draw],
        goals: Sequence[Goal],
        min_distance_m: float,
    ) -> None:
        """Prepares what does not depend on the decay of attraction with distance.

        Args:
            cells: of the town.
            people: float64[C], who live there.
            draws: why they travel.
            goals: what has to be met.
            min_distance_m: no trips below.
        """
        self._people, self._draws = people, draws
        self._goals = goals
        self._far_m = np.where(np.isfinite(cells.distance_m), cells.distance_m, 0.0)
        # One-way streets make the way back another one; both have to be worth a ride.
        there, back = cells.distance_m, cells.distance_m.T
        self._possible = (np.minimum(there, back) >= min_distance_m) & np.isfinite(there + back)
        if not self._possible.any():
            raise DemandError(f"min_distance_m: no two stops are {min_distance_m:g} m apart")
        self._member = np.eye(len(cells.zones))[cells.zone]
        self._zones = [np.flatnonzero(cells.zone == z) for z in range(len(cells.zones))]
        self._counts = [_counts(goal, len(draws), len(cells.zones)) for goal in goals]

    def with_decay(self, decay_m: float) -> "Fitted":
        """The tours if attraction fades to 1/e within `decay_m` metres.

        Raises:
            DemandError: the goals cannot be met.
        """
        fade = np.where(self._possible, np.exp(-self._far_m / decay_m), 0.0)
        zones = len(self._zones)
        by_zone = np.zeros((len(self._draws), zones, zones))
        metres = np.zeros((2, *by_zone.shape))
        fade_m = fade * self._far_m, fade * self._far_m.T
        rows = []
        for p, draw in enumerate(self._draws):
            attraction = fade @ draw.weight
            row = self._people / np.where(attraction > 0, attraction, 1.0)
            homes = (self._member * row[:, None]).T
            goals = self._member * draw.weight[:, None]
            by_zone[p] = homes @ fade @ goals
            for way in (0, 1):
                metres[way, p] = homes @ fade_m[way] @ goals
            if not by_zone[p].any():
                raise DemandError(f"{draw.name}: nobody can get there: no trip is long enough")
            rows.append(row)
        prior = np.stack([self._prior(p, by_zone[p]) for p in range(len(self._draws))])
        fitted = _fit(prior, self._goals, self._counts)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean_m = np.where(by_zone > 0, metres / by_zone, 0.0)
        legs_m = np.stack((mean_m[0] + mean_m[1], mean_m[0], mean_m[1]), axis=1)
        mean_distance_m = float((fitted * legs_m).sum() / _trips(fitted))
        return Fitted(decay_m, fitted, mean_distance_m, fade, rows, self._draws, self._zones)

    def with_mean_distance(self, mean_m: float) -> "Fitted":
        """The tours whose trips are `mean_m` metres long on average; finds the decay by bisection.

        Raises:
            DemandError: no decay gives that mean, or the goals cannot be met.
        """
        # exp(-600) is still a number: no pair of cells becomes impossible by being far apart.
        least_m = max(_DECAY_M[0], float(self._far_m.max()) / 600)
        low, high = self.with_decay(least_m), self.with_decay(_DECAY_M[1])
        if not low.mean_distance_m <= mean_m <= high.mean_distance_m:
            raise DemandError(
                f"mean_distance_km: {mean_m / 1000:g} cannot be; with these homes, attractors and "
                f"totals it lies between {low.mean_distance_m / 1000:.2f} and "
                f"{high.mean_distance_m / 1000:.2f}"
            )
        found = high
        for _ in range(_STEPS):
            found = self.with_decay(exp((log(low.decay_m) + log(high.decay_m)) / 2))
            if abs(found.mean_distance_m - mean_m) < _MEAN_WITHIN_M:
                break
            if found.mean_distance_m < mean_m:
                low = found
            else:
                high = found
        return found

    def _prior(self, p: int, by_zone: Floats) -> Floats:
        """Tours of a reason before fitting, float64[kinds, Z, Z]: its share of all trips."""
        kinds = np.array(self._draws[p].kinds)
        trips_a_tour = kinds[ROUND] * 2 + kinds[OUT] + kinds[BACK]
        tours = self._draws[p].share / trips_a_tour * by_zone / by_zone.sum()
        prior: Floats = kinds[:, None, None] * tours[None, :, :]
        return prior


@dataclass(frozen=True, eq=False)
class Fitted:
    """Tours that meet the goals; the trips of all tours sum up to 1.

    Attributes:
        decay_m: of the attraction.
        tours: float64[P, kinds, Z, Z], from the zone of the home to that of the destination.
        mean_distance_m: of their trips.
        fade: float64[C, C], how much of the attraction is left at each distance.
        row: P times float64[C], people over what they could be attracted to.
        draws: the P reasons.
        zones: Z times the cells of a zone.
    """

    decay_m: float
    tours: Floats
    mean_distance_m: float
    fade: Floats
    row: Sequence[Floats]
    draws: Sequence[Draw]
    zones: Sequence[Ints]

    def trips(self, pairs: Mask) -> float:
        """The share of trips between zones, of all trips.

        Args:
            pairs: bool[Z, Z], which zones from and to count.
        """
        out = self.tours[:, [ROUND, OUT]].sum(axis=(0, 1))
        back = self.tours[:, [ROUND, BACK]].sum(axis=(0, 1)).T
        return float(((out + back) * pairs).sum() / _trips(self.tours))

    def between(self, p: int, home: int, goal: int) -> tuple[Floats, Callable[[int], Floats]]:
        """Weights of the home cells of tours between two zones, and of their destinations' cells.

        Args:
            p: the reason.
            home: zone of the homes.
            goal: zone of the destinations.

        Returns:
            float64[cells of home]; and by position of a home cell, float64[cells of goal].
        """
        homes, goals = self.zones[home], self.zones[goal]
        fade, weight = self.fade[np.ix_(homes, goals)], self.draws[p].weight[goals]
        return self.row[p][homes] * (fade @ weight), lambda h: fade[h] * weight


def _trips(tours: Floats) -> float:
    """All trips of tours: those out and back have two."""
    return float(2 * tours[:, ROUND].sum() + tours[:, OUT].sum() + tours[:, BACK].sum())


def _counts(goal: Goal, draws: int, zones: int) -> NDArray[np.int8]:
    """How often each tour counts for a goal, int8[P, kinds, Z, Z]: 0, 1 or 2."""
    counts = np.zeros((draws, KINDS, zones, zones), np.int8)
    counts[:, [ROUND, OUT]] += goal.pairs.astype(np.int8)
    counts[:, [ROUND, BACK]] += goal.pairs.T.astype(np.int8)
    counts[~goal.draws] = 0
    return counts


def _fit(tours: Floats, goals: Sequence[Goal], counts: Sequence[NDArray[np.int8]]) -> Floats:
    """Scales tours until all goals are met; the change is the least possible (relative entropy)."""
    tours = tours.copy()
    chosen = [(count == 1, count == 2) for count in counts]  # noqa: PLR2004 - out and back
    worst, at = 0.0, 0
    for _ in range(_SWEEPS):
        worst = 0.0
        for number, (goal, (once, twice)) in enumerate(zip(goals, chosen, strict=True)):
            single, double = float(tours[once].sum()), float(tours[twice].sum())
            now = single + 2 * double
            if now == goal.share:
                continue
            if now == 0:
                raise DemandError(f"{goal.name}: no trips are possible there")
            error = abs(now - goal.share) / max(goal.share, _TOLERANCE)
            if error > worst:
                worst, at = error, number
            scale = _scale(single, double, goal.share)
            tours[once] *= scale
            tours[twice] *= scale**2
        if worst < _TOLERANCE:
            break
    if worst > _WORST:
        raise DemandError(f"{goals[at].name}: contradicts the other totals")
    return tours


def _scale(single: float, double: float, share: float) -> float:
    """The x for which single * x + 2 * double * x ** 2 = share."""
    if double == 0:
        return share / single
    return (sqrt(single**2 + 8 * double * share) - single) / (4 * double)
