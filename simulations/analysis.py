"""A day's key figures: for the whole, by hour, by zone and by group of riders."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from dispatch.domain.rules import ServiceConfig
from dispatch.engine.network import Network
from simulations.kpis import (
    Figures,
    fairness_figures,
    fleet_figures,
    money_figures,
    objective_s,
    pieces,
    rider_figures,
    staff_figures,
)
from simulations.records import Ledger, Record, ledger, records
from simulations.scenario import Costs
from simulations.world import Day

_DAY_MIN = 1440
_GROUPS: dict[str, Callable[[Record], bool]] = {
    "wheelchair": lambda r: r.wheelchairs > 0,
    "no_wheelchair": lambda r: r.wheelchairs == 0,
    "phone": lambda r: r.channel == "phone",
    "online": lambda r: r.channel != "phone",
}


@dataclass(frozen=True, eq=False)
class Analysis:
    """A day, read.

    Attributes:
        records: every request.
        book: the events, sorted.
        figures: of the whole day.
        by_hour: by local hour `00`..`23` in which the ride was wished, and of driving in that hour.
        by_zone: by settlement in which the trip begins.
        by_group: by group of riders.
    """

    records: Sequence[Record]
    book: Ledger
    figures: Figures
    by_hour: dict[str, Figures]
    by_zone: dict[str, Figures]
    by_group: dict[str, Figures]


def analyse(
    day: Day, config: ServiceConfig, network: Network, midnight_s: int, costs: Costs
) -> Analysis:
    """Read a day.

    Args:
        day: what happened.
        config: the service.
        network: its roads and stops.
        midnight_s: when the day began; shifts that begin within it count as staffed time.
        costs: prices.
    """
    index, shortest = network.stop_index, network.travel.shortest_m
    book = ledger(day)
    found = records(
        day, book, config.rules, network, lambda a, b: float(shortest[index[a], index[b]])
    )
    persons = {r.booking_id: r.persons for r in found if r.booking_id is not None}
    driven = pieces(day.legs, persons, standstills=day.standstills)
    by_zone = {
        zone: rider_figures([r for r in found if r.origin_zone == zone])
        for zone in sorted({r.origin_zone for r in found})
    }
    figures = rider_figures(found)
    figures |= fleet_figures(driven, figures["direct_passenger_km"])
    date = config.hours.local_date(midnight_s)
    span_s = (midnight_s, config.hours.instant(date, _DAY_MIN))
    done_s = None if day.complete else day.done_s
    figures |= staff_figures(found, driven, book, config.rules, span_s, done_s)
    figures |= money_figures(figures, costs)
    figures |= fairness_figures(by_zone, found)
    figures["objective_s"] = objective_s(found, driven, config.weights)
    return Analysis(
        records=found,
        book=book,
        figures=figures,
        by_hour=_by_hour(day, found, persons, config, midnight_s),
        by_zone=by_zone,
        by_group={
            name: rider_figures([r for r in found if belongs(r)])
            for name, belongs in _GROUPS.items()
        },
    )


def _by_hour(
    day: Day,
    found: Sequence[Record],
    persons: dict[str, int],
    config: ServiceConfig,
    midnight_s: int,
) -> dict[str, Figures]:
    hours: dict[str, list[Record]] = {f"{hour:02d}": [] for hour in range(24)}
    for record in found:
        local = datetime.fromtimestamp(record.wished_s, config.timezone)
        hours[f"{local.hour:02d}"].append(record)
    result = {}
    date = config.hours.local_date(midnight_s)
    for hour, wished in hours.items():
        riders = rider_figures(wished)
        begins_min = int(hour) * 60
        span_s = tuple(config.hours.instant(date, m) for m in (begins_min, begins_min + 60))
        driven = pieces(day.legs, persons, (span_s[0], span_s[1]))
        fleet = fleet_figures(driven, 0.0)
        del fleet["system_efficiency"]  # its passengers are not those of the hour's wishes
        result[hour] = riders | fleet
    return result
