"""The summary of a simulated week: for people, and as JSON."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from simulations.week.ledger import Json
from simulations.week.riders import instant

_SHOWN_MAX: Final = 40


@dataclass(slots=True)
class Outcome:
    """All that is worth knowing about a week.

    Attributes:
        setting: what was run.
        rides: what became of the bookings.
        clients: what clients met.
        operation: what happened on the road and at the desk.
        codes: problems answered, by code.
        broken: connections that failed, by kind.
        kills: how often each victim was killed.
        back_s: longest time until all was well again, by victim.
        messages: by state.
        audit: what the audit looked at.
        violations: what must not be.
    """

    setting: dict[str, Any] = field(default_factory=dict)
    rides: dict[str, int] = field(default_factory=dict)
    clients: dict[str, int] = field(default_factory=dict)
    operation: dict[str, int] = field(default_factory=dict)
    codes: Mapping[str, int] = field(default_factory=dict)
    broken: Mapping[str, int] = field(default_factory=dict)
    kills: Mapping[str, int] = field(default_factory=dict)
    back_s: Mapping[str, float] = field(default_factory=dict)
    messages: Mapping[str, int] = field(default_factory=dict)
    audit: Mapping[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was violated."""
        return not self.violations


def ridden(views: Iterable[Json]) -> dict[str, int]:
    """What became of bookings, and how late they were by their promises."""
    known = list(views)
    by_status = Counter(view["status"] for view in known)
    late = [s for view in known if (s := late_s(view)) > 0]
    displaced = [view for view in known if view["displacement"] is not None]
    return {
        "bookings": len(known),
        "served": by_status["completed"],
        "no_shows": by_status["no_show"],
        "cancelled": by_status["cancelled"],
        "cancelled_by_service": sum(view["cancelled_by"] == "service" for view in known),
        "displaced": len(displaced),
        "displaced_and_served": sum(view["status"] == "completed" for view in displaced),
        "rescued_on_the_way": sum(view["rescues"] > 0 for view in known),
        "late_over_promise": len(late),
        "late_most_s": max(late, default=0),
        "late_mean_s": round(sum(late) / len(late)) if late else 0,
    }


def late_s(view: Json) -> int:
    """By how many seconds the worse of pick-up and arrival missed the promise; 0 = neither."""
    promise = view["promise"]
    pairs = (
        (view["boarded_at"], promise["pickup_window"][1]),
        (view["alighted_at"], promise["arrival_latest"]),
    )
    return max((max(0, instant(at) - instant(to)) for at, to in pairs if at is not None), default=0)


def lines(outcome: Outcome) -> list[str]:
    """The summary for people."""
    groups: list[tuple[str, Mapping[str, Any]]] = [
        ("The week", outcome.setting),
        ("Bookings", outcome.rides),
        ("On the road and at the desk", outcome.operation),
        ("Messages", outcome.messages),
        ("Clients", outcome.clients),
        ("Problems answered", outcome.codes),
        ("Connections broken", outcome.broken),
        ("Audit", outcome.audit),
    ]
    shown: list[str] = []
    for title, values in groups:
        if values:
            shown += [title, *(f"  {_words(k):32} {v:>10}" for k, v in values.items())]
    if outcome.kills:
        shown.append("Survived                            times   well again after at most")
        for victim, times in outcome.kills.items():
            back = outcome.back_s.get(victim)
            shown.append(
                f"  {victim:32} {times:>6}   {'never' if back is None else f'{back:.1f} s'}"
            )
    found = outcome.violations
    shown.append(f"Violations                         {len(found):>10}")
    shown += [f"  {what}" for what in found[:_SHOWN_MAX]]
    if len(found) > _SHOWN_MAX:
        shown.append(f"  ... and {len(found) - _SHOWN_MAX} more")
    return shown


def as_json(outcome: Outcome) -> str:
    """The summary for programs."""
    body = {"clean": outcome.is_clean, **asdict(outcome)}
    return json.dumps(body, ensure_ascii=False, indent=1)


def _words(key: str) -> str:
    return key.replace("_", " ")
