"""Time lost at signals, signs and level crossings along one arc."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from routing.roads.speeds import SpeedModel
from routing.roads.tags import Direction, Tags

Kind = Literal["signal", "signal_crossing", "stop", "give_way", "level_crossing"]
_SIGNALS = frozenset({"signal", "signal_crossing"})


class Mark(NamedTuple):
    """Something on a road that costs time: where (metres from the arc's start), what, for whom.

    `faces` is the direction of travel concerned, None if the tags do not say. `junction` is True
    for a mark on the node at either end of the arc.
    """

    at_m: float
    kind: Kind
    faces: Direction | None = None
    junction: bool = False


def mark_kind(tags: Tags) -> Kind | None:
    """What a node's tags say about waiting there."""
    highway = tags.get("highway")
    if highway == "traffic_signals":
        return "signal"
    if highway == "crossing" and (
        tags.get("crossing") == "traffic_signals" or tags.get("crossing:signals") == "yes"
    ):
        return "signal_crossing"
    if highway == "stop":
        return "stop"
    if highway == "give_way":
        return "give_way"
    if tags.get("railway") == "level_crossing":
        return "level_crossing"
    return None


def mark_direction(tags: Tags) -> Direction | None:
    """The direction of travel a signal or sign faces, if tagged."""
    value = tags.get("traffic_signals:direction") or tags.get("direction")
    if value == "forward":
        return "forward"
    if value == "backward":
        return "backward"
    return None


def penalty_s(marks: Iterable[Mark], length_m: float, model: SpeedModel) -> float:
    """Seconds lost on an arc, given its marks in the direction of travel ("forward").

    The node at the arc's start costs nothing (the arc before has paid), and signals closer
    together than `signal_spacing_m` count once: they are one junction.
    """
    cost = {
        "signal": model.signal_s,
        "signal_crossing": model.signal_crossing_s,
        "stop": model.stop_sign_s,
        "give_way": model.give_way_s,
        "level_crossing": model.level_crossing_s,
    }
    total = 0.0
    last_signal_m = -float("inf")
    for mark in sorted(marks):
        if mark.kind in _SIGNALS:
            near = mark.at_m - last_signal_m < model.signal_spacing_m
            if near or _concerns(mark, length_m, model):
                last_signal_m = mark.at_m
            if near:
                continue
        if _concerns(mark, length_m, model) and not (mark.junction and mark.at_m <= 0):
            total += cost[mark.kind]
    return total


def _concerns(mark: Mark, length_m: float, model: SpeedModel) -> bool:
    if mark.junction or mark.kind in {"level_crossing", "signal_crossing"}:
        return True
    if mark.faces is not None:
        return mark.faces == "forward"
    nearer_to_end = mark.at_m >= length_m / 2
    if mark.kind == "signal":
        return nearer_to_end or mark.at_m >= model.signal_spacing_m
    return nearer_to_end


def reversed_marks(marks: Iterable[Mark], length_m: float) -> list[Mark]:
    """The same marks as met by traffic the other way."""
    opposite: dict[Direction, Direction] = {"forward": "backward", "backward": "forward"}
    return [
        mark._replace(
            at_m=length_m - mark.at_m,
            faces=None if mark.faces is None else opposite[mark.faces],
        )
        for mark in marks
    ]
