"""Demand from a file: replays requests that were made, or that somebody else has drawn."""

from collections import defaultdict
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

from dispatch.domain.model import Party, Spot
from dispatch.engine.network import Network
from simulations.demand.requests import (
    Request,
    is_fleetpy,
    read_fleetpy,
    read_nodes,
    read_requests,
)
from simulations.demand.sections import FileSection
from simulations.demand.tables import Table, read_table
from simulations.demand.trips import DemandError, LocalDay, Trip


class FileDemand:
    """A day of a file's requests, all of them or a sample.

    Without `day`, a file of several days gives one of those of the same kind (weekday, Saturday,
    Sunday or holiday) as the day to simulate, drawn with the seed; any, if there is none.
    """

    def __init__(self, section: FileSection, network: Network, folder: Path) -> None:
        """Reads and checks the file.

        Args:
            section: which file, and what of it.
            network: for the town's time zone, holidays and whereabouts.
            folder: where relative paths begin.

        Raises:
            DemandError: it cannot be used.
        """
        self._section = section
        self._hours = network.hours
        self._path = folder / section.path
        requests = self._read(read_table(self._path), network, folder)
        if not requests:
            raise DemandError(f"{self._path}: there are no requests in it")
        self._requests = requests
        self._days: dict[date | None, list[Request]] = defaultdict(list)
        for request in requests:
            self._days[request.day].append(request)
        if section.day is not None:
            self._known(section.day)

    def day(self, midnight_s: int, rng: Random) -> list[Trip]:
        """The file's day, or one of its days, moved to the day that begins at `midnight_s`.

        Raises:
            DemandError: there are no requests for such a day, or fewer than are to be drawn.
        """
        today = self._hours.local_date(midnight_s)
        day: date | None
        if not self._section.shift_to_date:
            day = today
        elif self._section.day is not None:
            day = self._section.day
        else:
            day = self._alike(today, rng, ())
        return self._trips(self._known(day), midnight_s, rng)

    def past_day(self, midnight_s: int, rng: Random) -> list[Trip]:
        """Another of the file's days; nothing if there is no other.

        Without `day`, the day replayed is drawn and may be among them.
        """
        today = self._hours.local_date(midnight_s)
        shown = self._section.day if self._section.shift_to_date else today
        if len(set(self._days) - {shown}) < (2 if shown is None else 1):
            return []
        day = self._alike(today, rng, () if shown is None else (shown,))
        return self._trips(self._known(day), midnight_s, rng, move=True)

    def ride(self, rng: Random) -> tuple[Spot, Spot, Party]:
        """The ends and party of any of the requests."""
        ask = rng.choice(self._requests).ask
        return ask.origin, ask.destination, ask.party

    def _read(self, table: Table, network: Network, folder: Path) -> list[Request]:
        section, bounds = self._section, network.graph.bounds
        called = {str(ours): theirs for ours, theirs in section.columns.items()}
        if not is_fleetpy(table, called):
            return read_requests(table, called, bounds, network.hours.timezone)
        if section.nodes is None:
            raise DemandError(f"{self._path}: names nodes, but nodes = … names no node file")
        if not section.shift_to_date or section.day is not None:
            raise DemandError(f"{self._path}: has times of a day, but no dates")
        nodes = read_nodes(read_table(folder / section.nodes))
        return read_fleetpy(table, called, bounds, nodes)

    def _known(self, day: date | None) -> list[Request]:
        if day not in self._days:
            days = sorted(d for d in self._days if d is not None)
            raise DemandError(
                f"{self._path}: there are no requests for {day}; it has {_in_words(days)}"
            )
        return self._days[day]

    def _alike(self, today: date, rng: Random, besides: tuple[date, ...]) -> date | None:
        """One of the days of the file, of the same kind as today if there are any."""
        days = sorted(day for day in self._days if day is not None and day not in besides)
        if not days:
            return None
        kind = self._hours.kind_of(today)
        alike = [day for day in days if self._hours.kind_of(day) == kind] or days
        return alike[0] if len(alike) == 1 else rng.choice(alike)

    def _trips(
        self, requests: list[Request], midnight_s: int, rng: Random, *, move: bool = False
    ) -> list[Trip]:
        number = self._section.requests
        if self._section.share is not None:
            number = round(self._section.share * len(requests))
        if number is not None and number > len(requests):
            raise DemandError(
                f"{self._path}: has {len(requests)} requests on that day, fewer than {number}"
            )
        if number is not None:
            requests = rng.sample(requests, number)
        move = move or self._section.shift_to_date
        day = LocalDay(midnight_s, self._hours.timezone) if move else None
        return sorted((_trip(r, day) for r in requests), key=lambda trip: trip.asked_at_s)


def _trip(request: Request, day: LocalDay | None) -> Trip:
    """The request as it was made, or at the same clock times of a day."""
    asked_s, wish_s = request.asked_at_s, request.wish_at_s
    if day is not None:
        asked_s = day.at(request.asked_clock_s)
        wish_s = None if request.wish_clock_s is None else day.at(request.wish_clock_s)
    if request.by_arrival:
        return Trip(asked_s, replace(request.ask, arrive_by_s=wish_s))
    return Trip(asked_s, replace(request.ask, depart_at_s=wish_s))


def _in_words(days: list[date]) -> str:
    if len(days) == 1:
        return f"only {days[0]}"
    return f"{len(days)} days from {days[0]} to {days[-1]}"
