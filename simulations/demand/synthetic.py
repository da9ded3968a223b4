"""Demand of a synthetic town: people, what draws them, how far they go, and the trains they catch.

See docs/demand.md for the model and its assumptions.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from dispatch.domain.commands import RequestRide
from dispatch.domain.model import Party, Spot
from dispatch.engine.network import Network
from simulations.demand.attractors import Surroundings, read_surroundings
from simulations.demand.cells import Cells, Ends, Floats, points
from simulations.demand.gravity import BACK, OUT, ROUND, Draw, Fitted, Goal, Gravity, Mask
from simulations.demand.homes import ANYWHERE
from simulations.demand.profiles import HOME, PURPOSES, STATION, Profile, profile_of, profiles
from simulations.demand.residents import residents
from simulations.demand.sections import SyntheticSection, Trains
from simulations.demand.trips import (
    HOUR_S,
    MINUTE_S,
    DemandError,
    LocalDay,
    Trip,
    draw_lead_s,
    draw_party,
    draw_trip,
    in_order,
)

Places = Mapping[str, Sequence[float]]
Ride = tuple[Spot, Spot, Party]

FROM_TRAIN_S: Final = 180
"""From the train to the kerb."""
BEFORE_TRAIN_S: Final = 300
"""People want to be at the station so long before the departure."""
_FOR_TRAIN_LEAD_S: Final = (45 * MINUTE_S, 90 * MINUTE_S)
"""How long before they have to be there those ask for a ride to a train who do not ask ahead."""
_DECAY_M: Final = 3_000.0
"""Where the planner gives neither a mean distance nor a decay. An assumption."""
_ROUNDING: Final = 1e-9
"""Shares that add up to so much more than 1 were meant to be 1."""


@dataclass(frozen=True, eq=False)
class _Reason:
    """Why people travel: a purpose, or a station's trains.

    Attributes:
        draw: how much which cells draw.
        ends: the points people go to.
        profile: when they set out, how long they stay.
        calls_min: when trains call, minutes after midnight; none for a purpose.
    """

    draw: Draw
    ends: Ends
    profile: Profile
    calls_min: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Tour:
    """A person's way: out, back or both.

    Attributes:
        reason: why.
        kind: which of the two ways are ridden.
        home: where it begins.
        goal: where it leads to.
        party: who goes.
    """

    reason: _Reason
    kind: int
    home: Spot
    goal: Spot
    party: Party

    @property
    def rides(self) -> list[tuple[bool, Ride]]:
        """(whether it goes out, the ride) of each of its trips."""
        out = (True, (self.home, self.goal, self.party))
        back = (False, (self.goal, self.home, self.party))
        return {ROUND: [out, back], OUT: [out], BACK: [back]}[self.kind]


class SyntheticDemand:
    """Draws days of a synthetic town."""

    def __init__(
        self,
        section: SyntheticSection,
        places: Places,
        network: Network,
        folder: Path,
        extract: Path | None = None,
    ) -> None:
        """Prepares homes and attractors and fits the model.

        Args:
            section: what the planner gives.
            places: points `[lon, lat]` that attractors and trains may name.
            network: the town.
            folder: where relative paths begin.
            extract: OSM file of the town, where the section names none.

        Raises:
            DemandError: what is asked for cannot be.
        """
        self._section = section
        self._timezone = network.hours.timezone
        self._cells = cells = Cells(network)
        known = Surroundings()
        if section.extract is not None:
            extract = folder / section.extract
        if extract is not None:
            known = read_surroundings(extract, network.graph.bounds)
        self._homes = residents(network, cells, section.population, known.houses)
        self._reasons = _Reasons(section, places, network, cells, known, self._homes).found()
        self.fitted = self._fit()
        tours = self.fitted.tours
        self._upto = np.cumsum(tours)
        self._shape = tours.shape
        self._chosen: dict[tuple[int, int, int], tuple[Floats, Callable[[int], Floats]]] = {}

    def day(self, midnight_s: int, rng: Random) -> list[Trip]:
        """A day's requests in order of being asked; the same seed gives the same list."""
        day = LocalDay(midnight_s, self._timezone)
        trips: list[Trip] = []
        while len(trips) < self._section.requests:
            trips += self._trips(self._tour(rng), day, rng)
        del trips[self._section.requests :]
        return in_order(trips, self._section.phone_share, rng)

    def past_day(self, midnight_s: int, rng: Random) -> list[Trip]:
        """Another day of the same town."""
        return self.day(midnight_s, rng)

    def ride(self, rng: Random) -> Ride:
        """One trip's ends and party."""
        return rng.choice(self._tour(rng).rides)[1]

    def expected(self, origin: str, destination: str) -> float:
        """How many trips a day there are from one settlement to another; `*` is any of them.

        Raises:
            DemandError: there is no such settlement.
        """
        pairs = _pairs(self._cells, origin, destination)
        return self.fitted.trips(pairs) * self._section.requests

    def _fit(self) -> Fitted:
        section, cells = self._section, self._cells
        draws = [reason.draw for reason in self._reasons]
        anywhere = np.ones((len(cells.zones),) * 2, np.bool_)
        goals = _goals(section, cells, len(draws))
        for position, trains in enumerate(section.trains, len(draws) - len(section.trains)):
            chosen = np.arange(len(draws)) == position
            goals.append(Goal(draws[position].name, trains.share, chosen, anywhere))
        gravity = Gravity(cells, self._homes.weight, draws, goals, section.min_distance_m)
        if section.mean_distance_km is not None:
            return gravity.with_mean_distance(section.mean_distance_km * 1000)
        decay_km = section.decay_km
        return gravity.with_decay(_DECAY_M if decay_km is None else decay_km * 1000)

    def _tour(self, rng: Random) -> _Tour:
        unit = _pick(self._upto, rng)
        p, kind, home, goal = (int(i) for i in np.unravel_index(unit, self._shape))
        if (p, home, goal) not in self._chosen:
            weights, goals = self.fitted.between(p, home, goal)
            self._chosen[p, home, goal] = np.cumsum(weights), goals
        upto, goals = self._chosen[p, home, goal]
        at = _pick(upto, rng)
        home_cell = int(self.fitted.zones[home][at])
        goal_cell = int(self.fitted.zones[goal][_pick(np.cumsum(goals(at)), rng)])
        reason = self._reasons[p]
        return _Tour(
            reason,
            kind,
            self._homes.draw(home_cell, rng),
            reason.ends.draw(goal_cell, rng),
            draw_party(self._section, rng),
        )

    def _trips(self, tour: _Tour, day: LocalDay, rng: Random) -> list[Trip]:
        """The requests of a tour, each asked for on its own."""
        profile = tour.reason.profile
        hour = rng.choices(range(24), profile.hours)[0]
        out_s = hour * HOUR_S + rng.randrange(HOUR_S)
        back_s = out_s + round(rng.uniform(*profile.stay_h) * HOUR_S)
        trips = []
        for goes_out, ride in tour.rides:
            clock_s = out_s if goes_out else back_s
            if tour.reason.calls_min:
                trips.append(self._by_train(tour.reason, clock_s, ride, day, rng, to=goes_out))
            else:
                trips.append(draw_trip(day.at(clock_s), ride, self._section, rng))
        return trips

    def _by_train(
        self, reason: _Reason, clock_s: int, ride: Ride, day: LocalDay, rng: Random, *, to: bool
    ) -> Trip:
        """To the next train after a time of the day (the last one, later), or from it."""
        calls = reason.calls_min
        at = min(bisect_left(calls, clock_s / MINUTE_S), len(calls) - 1)
        train_s = day.at(calls[at] * MINUTE_S)
        ahead = rng.random() < self._section.prebooked_share
        lead_s = draw_lead_s(self._section, rng)
        if to:
            there_s = train_s - BEFORE_TRAIN_S
            if not ahead:
                lead_s = round(rng.uniform(*_FOR_TRAIN_LEAD_S))
            return Trip(there_s - lead_s, RequestRide(*ride, arrive_by_s=there_s))
        ready_s = train_s + FROM_TRAIN_S
        if not ahead:
            return Trip(ready_s, RequestRide(*ride))
        return Trip(ready_s - lead_s, RequestRide(*ride, depart_at_s=ready_s))


class _Reasons:
    """Finds what draws people, by purpose and train."""

    def __init__(
        self,
        section: SyntheticSection,
        places: Places,
        network: Network,
        cells: Cells,
        known: Surroundings,
        homes: Ends,
    ) -> None:
        self._section = section
        self._places = places
        self._network = network
        self._cells = cells
        self._known = known
        self._homes = homes

    def found(self) -> list[_Reason]:
        section = self._section
        by_train = sum(trains.share for trains in section.trains)
        only_trains = by_train >= 1 - _ROUNDING
        wanted = {} if only_trains else profiles(section.purposes, trains=bool(section.trains))
        self._check(wanted)
        whole = sum(profile.share for profile in wanted.values())
        reasons = [
            self._reason(name, (1 - by_train) * profile.share / whole, self.ends(name), profile)
            for name, profile in wanted.items()
        ]
        return reasons + [self._trains(trains) for trains in section.trains]

    def ends(self, purpose: str) -> Ends:
        """What the scenario names for a purpose, else what the extract knows, else homes."""
        named = self._section.attractors.get(purpose)
        if named is not None:
            spots = [self._place(name, f"attractors.{purpose}") for name in named]
            return points(self._cells, spots, [1.0] * len(spots))
        if purpose == HOME:
            return self._homes
        drawn = [a for a in self._known.attractors if purpose in a.draws]
        drawn = [a for a in drawn if self._network.covers(Spot(a.lon, a.lat))]
        if not drawn:
            return self._homes
        spots = [(a.lon, a.lat) for a in drawn]
        return points(self._cells, spots, [a.draws[purpose] for a in drawn])

    def _reason(self, name: str, share: float, ends: Ends, profile: Profile) -> _Reason:
        both = self._section.round_trip_share
        one_way = (1 - both) / 2
        return _Reason(Draw(name, share, ends.weight, (both, one_way, one_way)), ends, profile)

    def _trains(self, trains: Trains) -> _Reason:
        spot = self._place(trains.place, "trains")
        ends = points(self._cells, [spot], [1.0])
        profile = profile_of(STATION, self._section.purposes)
        reason = self._reason(f"trains at {trains.place}", trains.share, ends, profile)
        kinds = {
            "both": reason.draw.kinds,
            "arrivals": (0.0, 0.0, 1.0),
            "departures": (0.0, 1.0, 0.0),
        }[trains.calls]
        draw = replace(reason.draw, kinds=kinds)
        return replace(reason, draw=draw, calls_min=tuple(trains.calls_min))

    def _place(self, name: str, where: str) -> tuple[float, float]:
        if name in self._places:
            lon, lat = self._places[name]
            return lon, lat
        stations = {a.name: (a.lon, a.lat) for a in self._known.attractors if STATION in a.draws}
        if name in stations:
            return stations[name]
        known = ", ".join([*self._places, *sorted(stations)]) or "none"
        raise DemandError(f"{where}: there is no place {name}; places are {known}")

    def _check(self, wanted: Mapping[str, Profile]) -> None:
        for name in self._section.attractors:
            if name not in wanted and name not in PURPOSES:
                known = ", ".join(wanted)
                raise DemandError(f"attractors: {name} is no purpose; purposes are {known}")


def _goals(section: SyntheticSection, cells: Cells, draws: int) -> list[Goal]:
    """What is known of trips between settlements; together they are all trips.

    Raises:
        DemandError: a settlement is not there, or there are more trips than requests.
    """
    every, anywhere = np.ones(draws, np.bool_), np.ones((len(cells.zones),) * 2, np.bool_)
    goals = []
    for total in section.totals:
        name = f"totals: {total.origin} to {total.destination}"
        share = total.share
        if share is None:
            share = (total.requests or 0.0) / max(section.requests, 1)
        if share > 1:
            raise DemandError(f"{name}: that is more than there are requests")
        goals.append(Goal(name, share, every, _pairs(cells, total.origin, total.destination)))
    known = sum((goal.pairs.astype(np.int64) for goal in goals), np.zeros(anywhere.shape, np.int64))
    if known.max() > 1:  # totals like "from anywhere" overlap with others
        return [Goal("requests", 1.0, every, anywhere), *goals]
    left = 1 - sum(goal.share for goal in goals)
    if left < -_ROUNDING:
        raise DemandError("totals: together that is more than there are requests")
    return [*goals, Goal("totals: all other trips", max(left, 0.0), every, known == 0)]


def _pairs(cells: Cells, origin: str, destination: str) -> Mask:
    """bool[Z, Z]: the zones from and to that are meant."""
    sides = []
    for name in (origin, destination):
        if name not in {ANYWHERE, *cells.zones}:
            known = ", ".join(zone for zone in cells.zones if zone) or "none with a name"
            raise DemandError(f"totals: there is no settlement {name}; there are {known}")
        sides.append(np.array([name in {ANYWHERE, zone} for zone in cells.zones]))
    pairs: Mask = np.logical_and.outer(*sides)
    return pairs


def _pick(upto: Floats, rng: Random) -> int:
    """An index in proportion to weights, given by their cumulative sums."""
    mark = rng.random() * float(upto[-1])
    return min(int(np.searchsorted(upto, mark, side="right")), len(upto) - 1)
