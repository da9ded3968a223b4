"""Legal turns between arcs: OSM turn restrictions, barriers, U-turns, and what a turn costs."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from routing.roads.graph import ArcFlag
from routing.roads.osm_reader import RESTRICTION_KEYS, Extract, OsmRestriction
from routing.roads.segments import ArcTable
from routing.roads.speeds import SpeedModel
from routing.roads.tags import FAST_ROADS, HIGHWAY_INDEX, Tags

_EXCEPT_US: Final = frozenset({"psv", "bus", "minibus"})
_NO_U_TURN: Final = frozenset(HIGHWAY_INDEX[name] for name in FAST_ROADS)
_MINOR: Final = frozenset(
    HIGHWAY_INDEX[name]
    for name in (
        "tertiary",
        "tertiary_link",
        "unclassified",
        "residential",
        "living_street",
        "service",
        "road",
        "track",
        "busway",
        "pedestrian",
    )
)
_JUNCTION_ROADS: Final = 3


def restriction_value(tags: Tags) -> str | None:
    """What a restriction relation says to a bus ("no_left_turn"), or None if it does not apply.

    `except=psv` or `except=bus` frees us; `restriction:hgv` and the like are about others;
    conditional restrictions are ignored.
    """
    exempt = {part.strip() for part in tags.get("except", "").split(";")}
    if exempt & _EXCEPT_US:
        return None
    for key in reversed(RESTRICTION_KEYS):
        value = tags.get(key, "")
        if value.startswith(("no_", "only_")):
            return value
    return None


@dataclass
class TurnRules:
    """Restrictions in terms of arcs: forbidden pairs, and arcs with only certain ways on."""

    forbidden: set[tuple[int, int]] = field(default_factory=set)
    only: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def allows(self, arc: int, onto: int) -> bool:
        """Whether no restriction speaks against this turn."""
        if (arc, onto) in self.forbidden:
            return False
        return arc not in self.only or onto in self.only[arc]


def turn_rules(extract: Extract, table: ArcTable) -> TurnRules:
    """Translates restriction relations with a via node; others are counted, not applied."""
    ending: dict[tuple[int, int], list[int]] = defaultdict(list)
    starting: dict[tuple[int, int], list[int]] = defaultdict(list)
    for arc, (tail, head, way) in enumerate(zip(table.tail, table.head, table.way, strict=True)):
        starting[tail, way].append(arc)
        ending[head, way].append(arc)
    rules = TurnRules()
    for restriction in extract.restrictions:
        value = restriction_value(restriction.tags)
        if value is None:
            rules.counts["not_for_us"] += 1
        elif restriction.via_ways:
            rules.counts["via_way"] += 1
        elif len(restriction.via_nodes) != 1:
            rules.counts["malformed"] += 1
        else:
            via = int(extract.index_of(np.array(restriction.via_nodes, np.int64))[0])
            come = [a for way in restriction.from_ways for a in ending.get((via, way), ())]
            leave = [a for way in restriction.to_ways for a in starting.get((via, way), ())]
            rules.counts[_apply(rules, restriction, value, come, leave, table)] += 1
    return rules


def _apply(
    rules: TurnRules,
    restriction: OsmRestriction,
    value: str,
    come: Sequence[int],
    leave: Sequence[int],
    table: ArcTable,
) -> str:
    if not come or not leave:
        return "not_on_our_roads"
    if value.startswith("only_"):
        for arc in come:
            rules.only[arc].update(
                onto for onto in leave if value == "only_u_turn" or onto != table.twin[arc]
            )
        return "applied"
    same_road = value == "no_u_turn" and set(restriction.from_ways) & set(restriction.to_ways)
    for arc in come:
        for onto in leave:
            if not same_road or onto == table.twin[arc]:
                rules.forbidden.add((arc, onto))
    return "applied"


@dataclass(frozen=True)
class Turns:
    """Turns in compressed rows: those of arc a are `to[offset[a]:offset[a + 1]]`."""

    offset: NDArray[np.int64]
    to: NDArray[np.int64]
    time_ms: NDArray[np.int64]


def signed_angle_deg(heading_in: float, heading_out: float) -> float:
    """Change of heading, -180 (exclusive) to 180, positive to the right."""
    angle = (heading_out - heading_in) % 360.0
    return angle - 360.0 if angle > 180.0 else angle  # noqa: PLR2004 - half a turn


def build_turns(
    table: ArcTable, rules: TurnRules, blocked: NDArray[np.bool_], model: SpeedModel
) -> Turns:
    """All legal turns with their cost in ms, in the order of the arcs.

    A U-turn is legal where there is no other way on, and at junctions with a minor road, in whose
    mouth one turns; never on motorways and trunk roads. At a barrier nothing else is possible.
    """
    leaving: dict[int, list[int]] = defaultdict(list)
    roads: dict[int, int] = defaultdict(int)
    for arc, (tail, head, twin) in enumerate(zip(table.tail, table.head, table.twin, strict=True)):
        leaving[tail].append(arc)
        if twin < 0 or arc < twin:
            roads[tail] += 1
            roads[head] += 1
    offset, to, time_ms = [0], [], []
    for arc, head in enumerate(table.head):
        others = [] if blocked[head] else [b for b in leaving[head] if b != table.twin[arc]]
        onto = [b for b in others if rules.allows(arc, b)]
        twin = table.twin[arc]
        round_ = twin >= 0 and _may_turn_round(table, arc, others, roads[head])
        if round_ and rules.allows(arc, twin):
            onto.append(twin)
        for b in sorted(onto):
            to.append(b)
            time_ms.append(_turn_ms(table, arc, b, roads[head], model))
        offset.append(len(to))
    return Turns(np.array(offset), np.array(to, np.int64), np.array(time_ms, np.int64))


def _may_turn_round(table: ArcTable, arc: int, others: Sequence[int], roads: int) -> bool:
    """Whether a minibus can turn at the end of an arc: nowhere else to go, or a mouth to do it."""
    if table.highway[arc] in _NO_U_TURN:
        return False
    if not others:
        return True
    mouths = [arc, *others]
    return roads >= _JUNCTION_ROADS and any(table.highway[b] in _MINOR for b in mouths)


def _turn_ms(table: ArcTable, arc: int, onto: int, roads: int, model: SpeedModel) -> int:
    if onto == table.twin[arc]:
        on_main_road = roads >= _JUNCTION_ROADS and table.highway[arc] not in _MINOR
        return round(1000 * (model.main_road_u_turn_s if on_main_road else model.u_turn_s))
    cost = 0
    before, after = table.flags[arc], table.flags[onto]
    if roads >= _JUNCTION_ROADS and not before & after & ArcFlag.ROUNDABOUT:
        angle = signed_angle_deg(table.bearing_in[arc], table.bearing_out[onto])
        cost += model.turn_ms(angle)
    if after & ArcFlag.RESTRICTED and not before & ArcFlag.RESTRICTED:
        cost += round(1000 * model.restricted_entry_s)
    return cost


def strongest_component(turns: Turns, weights: Iterable[float]) -> NDArray[np.bool_]:
    """Arcs of the strongly connected component of the turn graph with the largest weight.

    Args:
        turns: the turn graph over A arcs.
        weights: A weights, metres.

    Returns:
        bool[A].
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - keeps `import routing.roads` quick
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    arcs = len(turns.offset) - 1
    links = csr_matrix((np.ones(len(turns.to), np.int8), turns.to, turns.offset), (arcs, arcs))
    _, label = connected_components(links, directed=True, connection="strong")
    size = np.bincount(label, weights=np.fromiter(weights, np.float64, arcs))
    kept: NDArray[np.bool_] = label == int(np.argmax(size))
    return kept
