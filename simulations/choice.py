"""Which offer a rider takes, if any: a multinomial logit model (McFadden 1974).

The utility of an offer is minus what waiting, walking and riding cost by the minute; doing without
has the utility at which the scenario says that half of the riders give up. The default prices keep
the usual ratios of about two minutes of riding for one of waiting or walking (Wardman 2004); they
are assumptions until somebody has asked the town's riders.
"""

from collections.abc import Sequence
from math import exp

from dispatch.domain.model import Offer
from simulations.scenario import Riders

_MINUTE_S = 60


def choose_offer(offers: Sequence[Offer], riders: Riders, whim: float) -> Offer | None:
    """The offer a rider takes; None: the rider does without.

    Args:
        offers: in the order shown, at least one.
        riders: how they weigh.
        whim: uniform in [0, 1); the same whim takes the same place among the options.
    """
    if riders.choice == "first":
        return offers[0]
    strengths = [exp(-cost_of(offer, riders)) for offer in offers]
    left = whim * (sum(strengths) + exp(-riders.too_much))
    for offer, strength in zip(offers, strengths, strict=True):
        left -= strength
        if left < 0:
            return offer
    return None


def cost_of(offer: Offer, riders: Riders) -> float:
    """What an offer costs a rider, in units of utility.

    An arrival wished for is met by early offers too: the wait counts from when the rider would set
    off, as in the objective.
    """
    walk_m = offer.pickup_walk_m + offer.dropoff_walk_m
    to_stop_s = offer.walk_s * offer.pickup_walk_m / walk_m if walk_m else 0
    wait_s = max(0, offer.planned_pickup_s - offer.wish_earliest_s - to_stop_s)
    ride_s = max(0, offer.planned_arrival_s - offer.planned_pickup_s)
    return (
        riders.wait_per_min * wait_s
        + riders.walk_per_min * offer.walk_s
        + riders.ride_per_min * ride_s
    ) / _MINUTE_S
