"""The six figures that a report begins with, each with a sentence in plain words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulations.report.words import Words

NAMES = (
    "acceptance",
    "wait_mean_s",
    "pickup_kept",
    "passengers_per_staffed_hour",
    "empty_share",
    "cost_per_passenger_eur",
)


@dataclass(frozen=True, slots=True)
class Headline:
    """One of the six: `name` is that of its key figure, to look up what it means."""

    name: str
    title: str
    value: str
    beside: str
    sentence: str


def headlines(figures: Mapping[str, Any], words: Words) -> list[Headline]:
    """The six, in order.

    Args:
        figures: of the day.
        words: of the report.
    """
    values = {
        "acceptance": words.share(figures["acceptance"]),
        "wait_mean_s": words.minutes(figures["wait_mean_s"]),
        "pickup_kept": words.share(figures["pickup_kept"]),
        "passengers_per_staffed_hour": words.number(figures["passengers_per_staffed_hour"], 1)
        if figures["passengers_per_staffed_hour"] is not None
        else words.number(None),
        "empty_share": words.share(figures["empty_share"]),
        "cost_per_passenger_eur": words.money(figures["cost_per_passenger_eur"], 2),
    }
    details = _details(figures, words)
    return [
        Headline(
            name=name,
            title=words(f"head_{name}"),
            value=value,
            beside=words(f"beside_{name}", **details) if figures[name] is not None else "",
            sentence=words(
                f"say_{name}" if figures[name] is not None else "say_nothing", **details
            ),
        )
        for name, value in values.items()
    ]


def _details(figures: Mapping[str, Any], words: Words) -> dict[str, str]:
    empty_km = figures["vehicle_km"] * (figures["empty_share"] or 0.0)
    late_s = max(figures["pickup_late_max_s"] or 0, figures["arrival_late_max_s"] or 0)
    return {
        "accepted": words.number(figures["accepted"], 0),
        "requests": words.number(figures["requests"], 0),
        "refused": words.number(figures["refused"], 0),
        "not_taken": words.number(figures["offered_not_taken"], 0),
        "p95": words.minutes(figures["wait_p95_s"]),
        "p50": words.minutes(figures["wait_p50_s"]),
        "arrival": words.share(figures["arrival_kept"]),
        "late": words("never_late")
        if late_s == 0
        else words("most_late", late=words.duration(late_s)),
        "passengers": words.number(figures["passengers_served"], 0),
        "hours": words.number(figures["staffed_hours"], 1),
        "pooling": words.share(figures["pooling_rate"]),
        "empty_km": words.number(empty_km, 0),
        "vehicle_km": words.number(figures["vehicle_km"], 0),
        "depot_km": words.number(figures["depot_km"], 0),
        "cost": words.money(figures["cost_eur"], 0),
        "revenue": words.money(figures["revenue_eur"], 0),
    }
