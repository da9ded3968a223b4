"""From feasible insertions to the few offers a rider can choose from, and what they promise."""

from collections.abc import Sequence
from dataclasses import dataclass

from dispatch.domain.ids import new_id
from dispatch.domain.model import Offer, OfferKind, Party, Promise
from dispatch.domain.rules import Rules, ServiceConfig
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.wishes import Ends, Window, direct_ride_s
from routing import plans

_MINUTE_S = 60
_ALIKE_S = 180
"""Offers whose times differ by less are one offer to a rider."""
_LESS_WALKING_M = 50
_POOLED_SAVES_S = 60
_PERMILLE = 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A feasible insertion as the rider would see it."""

    pair: plans.StopPair
    cost: int
    pickup_s: int
    arrival_s: int
    walk_m: float
    walk_to_m: float
    walk_from_m: float
    walk_from_s: int

    @property
    def there_s(self) -> int:
        """When the rider is at the destination itself."""
        return self.arrival_s + self.walk_from_s


def candidates(
    rules: Rules, request: plans.Request, ends: Ends, found: plans.Insertions
) -> list[Candidate]:
    """The insertions found that a rider could prefer, cheapest first.

    Of one pair of stops only those that arrive sooner than every cheaper one: the others have the
    same walks and nothing that speaks for them.
    """
    result, soonest_s = [], dict[int, int]()
    costs, pickups_s = found.cost.tolist(), found.pickup_start_s.tolist()
    arrivals_s = found.dropoff_start_s.tolist()
    for k, pair in enumerate(found.pair.tolist()):
        if pair not in soonest_s or arrivals_s[k] < soonest_s[pair]:
            soonest_s[pair] = arrivals_s[k]
            times_s = (pickups_s[k], arrivals_s[k])
            result.append(candidate(rules, request.pairs[pair], ends, costs[k], times_s))
    return result


def candidate(
    rules: Rules, pair: plans.StopPair, ends: Ends, cost: int, times_s: tuple[int, int]
) -> Candidate:
    """A way to serve a request as the rider would see it; `times_s`: boarding, arrival."""
    to_m, from_m = dict(ends.origin)[pair.pickup_stop], dict(ends.destination)[pair.dropoff_stop]
    return Candidate(
        pair=pair,
        cost=cost,
        pickup_s=times_s[0],
        arrival_s=times_s[1],
        walk_m=to_m + from_m,
        walk_to_m=to_m,
        walk_from_m=from_m,
        walk_from_s=rules.walk_s(from_m),
    )


def choose(
    found: Sequence[Candidate],
    offers_max: int,
    *,
    by_arrival: bool,
    first: Candidate | None = None,
) -> list[tuple[OfferKind, Candidate]]:
    """Pick what differs enough to be a choice, the best for all first.

    That is the cheapest by the objective, which weighs driving against everybody's time, unless the
    earliest costs hardly more. Whoever wants to be there sooner or to walk less finds that, too.

    Args:
        found: what is feasible.
        offers_max: at most so many.
        by_arrival: the rider named an arrival, so the shortest stay before it is "earliest".
        first: offered before all others, whatever it costs.
    """
    everything = [*found, *([] if first is None else [first])]
    if not everything:
        return []
    cheapest = min(everything, key=lambda c: c.cost)
    earliest = cheapest
    if not by_arrival:
        soonest_s = min(c.there_s for c in everything)
        alike = (c for c in everything if c.there_s <= soonest_s + _ALIKE_S)
        earliest = min(alike, key=lambda c: c.cost)
    saves = earliest.cost - cheapest.cost >= _POOLED_SAVES_S * _PERMILLE
    best = first or (cheapest if saves else earliest)
    later = best.there_s > earliest.there_s + _ALIKE_S
    chosen = [(OfferKind.POOLED if later else OfferKind.EARLIEST, best)]
    if later:
        chosen.append((OfferKind.EARLIEST, earliest))
    least_m = min(c.walk_m for c in everything)
    if all(least_m <= c.walk_m - _LESS_WALKING_M for _, c in chosen):
        near = min((c for c in everything if c.walk_m <= least_m + 1), key=lambda c: c.cost)
        chosen.append((OfferKind.LEAST_WALKING, near))
    return chosen[:offers_max]


def make_offer(
    config: ServiceConfig,
    network: Network,
    draft: Draft,
    request_id: str,
    party: Party,
    window: Window,
    choice: tuple[OfferKind, Candidate],
) -> Offer:
    """The offer with its promise, price and expiry."""
    kind, candidate = choice
    pair, now_s = candidate.pair, draft.now_s
    direct_s = direct_ride_s(
        network, pair.pickup_stop, pair.dropoff_stop, candidate.pickup_s, now_s
    )
    return Offer(
        id=new_id("of", draft.rng),
        request_id=request_id,
        kind=kind,
        promise=_promise(config.rules, network, party, window, candidate, now_s),
        pickup_walk_m=round(candidate.walk_to_m),
        dropoff_walk_m=round(candidate.walk_from_m),
        planned_pickup_s=candidate.pickup_s,
        planned_arrival_s=candidate.arrival_s,
        wish_earliest_s=window.from_s,
        walk_s=pair.walk_s,
        direct_s=direct_s,
        price_cents=config.fares.price_cents(party),
        expires_at_s=now_s + config.rules.offer_valid_s,
    )


def _promise(
    rules: Rules, network: Network, party: Party, window: Window, candidate: Candidate, now_s: int
) -> Promise:
    """Windows on whole minutes, rounded away from the plan: what is shown is what is kept."""
    pair = candidate.pair
    if window.from_s <= now_s + rules.immediate_horizon_s:
        before_s, after_s = rules.immediate_window_before_s, rules.immediate_window_after_s
    else:
        before_s = after_s = rules.prebooked_window_s
    from_s = max(pair.pickup_earliest_s, _floor_minute(candidate.pickup_s - before_s))
    to_s = _ceil_minute(candidate.pickup_s + after_s)
    boarded_s = rules.boarding_stop_s + rules.board_s(party)
    arrival_latest_s = _ceil_minute(to_s + boarded_s + pair.max_ride_s)
    if window.arrive_by_s is not None:
        arrival_latest_s = max(pair.arrival_latest_s, candidate.arrival_s)
        to_s = max(candidate.pickup_s, min(to_s, pair.pickup_latest_s))
    return Promise(
        pickup_stop_id=network.stops[pair.pickup_stop].id,
        dropoff_stop_id=network.stops[pair.dropoff_stop].id,
        pickup_from_s=from_s,
        pickup_to_s=to_s,
        arrival_latest_s=arrival_latest_s,
        max_ride_s=pair.max_ride_s,
    )


def _floor_minute(at_s: int) -> int:
    return at_s // _MINUTE_S * _MINUTE_S


def _ceil_minute(at_s: int) -> int:
    return -(-at_s // _MINUTE_S) * _MINUTE_S
