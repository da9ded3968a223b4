"""What demand to expect: learnt from past days of the same scenario, never from the day itself."""

from random import Random

from dispatch.domain.rules import DAY_S, ServiceConfig
from dispatch.engine import Network
from dispatch.engine.repositioning import Forecast, Wish, forecast_from
from simulations.demand import Demand
from simulations.scenario import Scenario

_PAST_DAYS = 20
"""Four weeks of weekdays, as the live service learns from."""


def past_demand(
    scenario: Scenario, demand: Demand, config: ServiceConfig, network: Network, seed: int
) -> Forecast:
    """The forecast that a service would have made after weeks of such days.

    The past days are drawn from the scenario's demand with seeds of their own.
    """
    midnight_s = config.hours.instant(scenario.date, 0)
    soon_s = config.rules.immediate_horizon_s
    wishes = []
    for day in range(_PAST_DAYS):
        rng = Random(f"past day {day} before {seed}")  # noqa: S311 - reproducible demand
        for trip in demand.past_day(midnight_s, rng):
            at_s = trip.ask.depart_at_s or trip.asked_at_s
            known_ahead = trip.ask.arrive_by_s is not None or at_s > trip.asked_at_s + soon_s
            if not known_ahead and midnight_s <= at_s < midnight_s + DAY_S:
                wishes.append(Wish(at_s, trip.ask.origin.lon, trip.ask.origin.lat))
    return forecast_from(network, wishes, {config.hours.kind_of(scenario.date): _PAST_DAYS})
