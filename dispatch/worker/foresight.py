"""The demand forecast of the live service: the mean of the past four weeks' requests."""

from collections import Counter
from datetime import timedelta

import psycopg

from dispatch.domain.rules import ServiceConfig
from dispatch.engine.network import Network
from dispatch.engine.repositioning import Forecast, Wish, forecast_from
from dispatch.store.demand import first_request_at_s, spontaneous_wishes

_PAST_DAYS = 28


def learn(
    connection: psycopg.Connection, config: ServiceConfig, network: Network, now_s: int
) -> Forecast | None:
    """What to expect by the requests of the last four weeks, today excepted.

    Returns:
        None where idle vehicles do not ask for it, and before the first full day of service.
    """
    if config.repositioning.idle != "demand":
        return None
    hours = config.hours
    first_s = first_request_at_s(connection, config.area_id)
    if first_s is None:
        return None
    today = hours.local_date(now_s)
    begins = max(today - timedelta(days=_PAST_DAYS), hours.local_date(first_s) + timedelta(days=1))
    days = [begins + timedelta(days=n) for n in range((today - begins).days)]
    kinds = Counter(hours.kind_of(day) for day in days if hours.interval(day) is not None)
    if not kinds:
        return None
    past = spontaneous_wishes(
        connection,
        config.area_id,
        from_s=hours.instant(begins, 0),
        to_s=hours.instant(today, 0),
        soon_s=config.rules.immediate_horizon_s,
    )
    return forecast_from(network, (Wish(*wish) for wish in past), kinds)
