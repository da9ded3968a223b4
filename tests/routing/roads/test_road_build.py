"""Hand-made towns through the whole import: what may be driven, what is cut off, what it costs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import shapely
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from routing.roads.build import BuildOptions
from routing.roads.errors import EmptyExtractError
from routing.roads.graph import ArcFlag, RoadGraph
from routing.roads.importing import import_extract
from routing.roads.penalties import Mark, penalty_s, reversed_marks
from routing.roads.speeds import SpeedModel
from routing.roads.tags import HIGHWAYS
from routing.roads.turns import signed_angle_deg

Town = Callable[..., RoadGraph]
WriteTown = Callable[..., Path]

# A ring road with a spur from a to e, where a bus can turn round: all of it is connected.
SQUARE = {"a": (0, 0), "b": (200, 0), "c": (200, 200), "d": (0, 200), "e": (-100, 0)}
RING = [(piece, "highway=residential name=Ring") for piece in ("ab", "bc", "cd", "da", "ae")]
RING_KM = 0.9


def arcs(graph: RoadGraph) -> set[str]:
    """Arcs as node names, "ab" from a to b: the n-th letter is the node with id n."""
    letter = {node: chr(96 + abs(int(node))) for node in graph.node_osm_id.tolist()}
    start, end = graph.node_osm_id[graph.arc_from], graph.node_osm_id[graph.arc_to]
    return {letter[u] + letter[v] for u, v in zip(start.tolist(), end.tolist(), strict=True)}


def arc(graph: RoadGraph, name: str) -> int:
    """The arc from one node to another, by letters; there must be exactly one."""
    ids = [ord(x) - 96 for x in name]
    start = np.abs(graph.node_osm_id[graph.arc_from])
    end = np.abs(graph.node_osm_id[graph.arc_to])
    (found,) = np.flatnonzero((start == ids[0]) & (end == ids[1]))
    return int(found)


def turn_ms(graph: RoadGraph, come: str, leave: str) -> int | None:
    """Cost of a turn between two arcs, None if it is not allowed."""
    a, b = arc(graph, come), arc(graph, leave)
    row = slice(graph.turn_offset[a], graph.turn_offset[a + 1])
    found = graph.turn_time_ms[row][graph.turn_to[row] == b]
    return int(found[0]) if len(found) else None


def test_ways_are_cut_at_junctions_and_keep_their_shape(town: Town) -> None:
    nodes = {"a": (0, 0), "b": (100, 0), "c": (200, 30), "d": (300, 0), "e": (100, 100)}
    nodes |= {"f": (400, 0)}
    graph = town(nodes, [("abcdf", "highway=residential"), ("be", "highway=residential")])
    assert arcs(graph) == {"ab", "ba", "bf", "fb", "be", "eb"}
    lon, _ = graph.arc_geometry(arc(graph, "bf"))
    assert len(lon) == 4, "the bends at c and d are geometry, not junctions"
    assert graph.arc_length_m[arc(graph, "be")] == pytest.approx(100.0, rel=1e-3)
    assert graph.arc_twin[arc(graph, "bf")] == arc(graph, "fb")
    assert graph.manifest.nodes == graph.nodes
    assert graph.manifest.edges == graph.arcs


def test_length_counts_each_road_once(town: Town) -> None:
    graph = town(SQUARE, RING)
    assert graph.manifest.length_km == pytest.approx(RING_KM, rel=1e-3)


def test_oneway_streets_have_no_reverse_arc(town: Town) -> None:
    graph = town(SQUARE, [*RING, ("ac", "highway=residential oneway=yes")])
    assert "ac" in arcs(graph)
    assert "ca" not in arcs(graph)
    assert graph.arc_twin[arc(graph, "ac")] == -1


def test_oneway_against_the_way_direction(town: Town) -> None:
    graph = town(SQUARE, [*RING, ("ac", "highway=residential oneway=-1")])
    assert "ca" in arcs(graph)
    assert "ac" not in arcs(graph)


def test_a_bus_may_drive_against_a_oneway_street_where_signed(town: Town) -> None:
    graph = town(SQUARE, [*RING, ("ac", "highway=residential oneway=yes oneway:bus=no")])
    assert {"ac", "ca"} <= arcs(graph)


def test_a_oneway_street_without_return_is_dropped_and_reported(town: Town) -> None:
    nodes = SQUARE | {"f": (400, 0)}
    graph = town(nodes, [*RING, ("bf", "highway=residential oneway=yes")])
    assert "bf" not in arcs(graph)
    assert graph.manifest.dropped["arcs_disconnected"] == 1
    assert graph.manifest.dropped["ways_disconnected"] == 1
    assert graph.manifest.dropped["km_disconnected"] == pytest.approx(0.2, rel=1e-2)


def test_psv_roads_are_open_and_flagged(town: Town) -> None:
    graph = town(SQUARE, [*RING, ("ac", "highway=service access=no psv=yes")])
    assert "ac" in arcs(graph)
    assert graph.arc_flags[arc(graph, "ac")] & ArcFlag.BUS_ONLY


def test_private_roads_are_closed_and_counted(town: Town) -> None:
    graph = town(SQUARE, [*RING, ("ac", "highway=service access=private")])
    assert "ac" not in arcs(graph)
    assert graph.manifest.dropped["ways_closed"] == 1


def test_a_bollard_cuts_a_road_but_both_ends_stay(town: Town) -> None:
    nodes = SQUARE | {"f": (100, 100)}
    ways = [*RING, ("afc", "highway=residential")]
    graph = town(nodes, ways, node_tags={"f": "barrier=bollard"})
    assert {"af", "fa", "fc", "cf"} <= arcs(graph)
    assert turn_ms(graph, "af", "fc") is None
    assert turn_ms(graph, "af", "fa") == 20_000, "turning round before the bollard"
    passable = town(nodes, ways, node_tags={"f": "barrier=bollard bus=yes"})
    assert {"ac", "ca"} <= arcs(passable)


def test_roundabouts_go_one_way(town: Town) -> None:
    nodes = SQUARE | {"f": (300, 0), "g": (-100, 200)}
    graph = town(
        nodes,
        [
            ("abcda", "highway=residential junction=roundabout"),
            ("bf", "highway=residential"),
            ("dg", "highway=residential"),
        ],
    )
    assert {"ab", "bd", "da"} <= arcs(graph)
    assert "ba" not in arcs(graph)
    assert graph.arc_twin[arc(graph, "bd")] == -1
    assert graph.arc_flags[arc(graph, "bd")] & ArcFlag.ROUNDABOUT
    assert turn_ms(graph, "bd", "da") == 0, "staying on the roundabout is no turn"
    assert turn_ms(graph, "bd", "dg") is not None


CROSS = {"a": (-200, 0), "b": (0, 0), "c": (200, 0), "d": (0, 200), "e": (0, -200)}
CROSS_WAYS = [
    ("ab", "highway=residential"),
    ("bc", "highway=residential"),
    ("bd", "highway=residential"),
    ("be", "highway=residential"),
]


def test_left_turns_cost_more_than_right_turns(town: Town) -> None:
    graph = town(CROSS, CROSS_WAYS)
    left, right = turn_ms(graph, "ab", "bd"), turn_ms(graph, "ab", "be")
    straight, round_ = turn_ms(graph, "ab", "bc"), turn_ms(graph, "ab", "ba")
    assert left is not None
    assert right is not None
    assert straight is not None
    assert straight < right < left
    assert left == SpeedModel().turn_ms(-90.0)
    assert round_ == 20_000


@pytest.mark.parametrize(
    ("restriction", "banned", "free"),
    [
        (("101 b 103", "restriction=no_left_turn"), {"bd"}, {"bc", "be", "ba"}),
        (("101 b 102", "restriction=only_straight_on"), {"bd", "be", "ba"}, {"bc"}),
        (("101 b 101", "restriction=no_u_turn"), {"ba"}, {"bc", "bd", "be"}),
        (("101 b 103,104", "restriction=no_exit"), {"bd", "be"}, {"bc", "ba"}),
        (("101 b 103", "restriction=no_left_turn except=psv"), set(), {"bd", "bc", "be", "ba"}),
        (("101 b 103", "restriction=no_left_turn except=bus"), set(), {"bd", "bc", "be", "ba"}),
        (("101 b 103", "restriction:hgv=no_left_turn"), set(), {"bd", "bc", "be", "ba"}),
        (("101 b 103", "restriction:bus=no_left_turn"), {"bd"}, {"bc", "be", "ba"}),
        (("101 104 103", "restriction=no_left_turn"), set(), {"bd", "bc", "be", "ba"}),
        (("101 a 103", "restriction=no_left_turn"), set(), {"bd", "bc", "be", "ba"}),
    ],
)
def test_turn_restrictions(
    town: Town, restriction: tuple[str, str], banned: set[str], free: set[str]
) -> None:
    graph = town(CROSS, CROSS_WAYS, restrictions=[restriction])
    for leave in banned:
        assert turn_ms(graph, "ab", leave) is None
    for leave in free:
        assert turn_ms(graph, "ab", leave) is not None
    assert turn_ms(graph, "cb", "bd") is not None, "other approaches are free"


def test_no_entry_has_several_from_ways(town: Town) -> None:
    graph = town(CROSS, CROSS_WAYS, restrictions=[("101,102 b 103", "restriction=no_entry")])
    assert turn_ms(graph, "ab", "bd") is None
    assert turn_ms(graph, "cb", "bd") is None
    assert turn_ms(graph, "eb", "bd") is not None


def test_restrictions_are_counted(town: Town) -> None:
    graph = town(
        CROSS,
        CROSS_WAYS,
        restrictions=[
            ("101 b 103", "restriction=no_left_turn"),
            ("101 104 103", "restriction=no_left_turn"),
            ("101 a 103", "restriction=no_left_turn"),
            ("101 b 103", "restriction=no_left_turn except=psv"),
        ],
    )
    dropped = graph.manifest.dropped
    assert dropped["restrictions_applied"] == 1
    assert dropped["restrictions_via_way"] == 1
    assert dropped["restrictions_not_on_our_roads"] == 1
    assert dropped["restrictions_not_for_us"] == 1


def test_u_turns_only_where_they_are_sensible(town: Town) -> None:
    nodes = CROSS | {"f": (400, 0)}
    ways = [
        ("ab", "highway=primary"),
        ("bc", "highway=primary"),
        ("bd", "highway=residential"),
        ("be", "highway=residential"),
        ("cf", "highway=primary"),
    ]
    graph = town(nodes, ways)
    assert turn_ms(graph, "ab", "ba") == 40_000, "in the mouth of a side road"
    assert turn_ms(graph, "db", "bd") == 20_000, "but where a minor road meets it"
    assert turn_ms(graph, "bc", "cb") is None, "not where a road only changes its number"
    assert turn_ms(graph, "cf", "fc") == 20_000, "at its end there is no other way"
    main = town(nodes, [(piece, "highway=secondary") for piece, _ in ways])
    assert turn_ms(main, "ab", "ba") is None, "not where main roads cross"


def test_trunk_roads_have_no_u_turns_even_at_their_end(town: Town) -> None:
    nodes = SQUARE | {"f": (500, 0)}
    graph = town(nodes, [*RING, ("bf", "highway=trunk")])
    assert "bf" not in arcs(graph)


def test_signals_and_signs_cost_time(town: Town) -> None:
    nodes = {"a": (-300, 0), "b": (0, 0), "c": (300, 0), "d": (0, 300), "e": (-20, 0)}
    ways = [
        ("aeb", "highway=residential"),
        ("bc", "highway=residential"),
        ("bd", "highway=residential"),
    ]
    plain = town(nodes, ways)
    signals = town(nodes, ways, node_tags={"b": "highway=traffic_signals"})

    def extra(graph: RoadGraph, name: str) -> int:
        return int(graph.arc_time_ms[arc(graph, name)] - plain.arc_time_ms[arc(plain, name)])

    assert extra(signals, "ab") == 8000
    assert extra(signals, "ba") == 0
    assert signals.arc_flags[arc(signals, "ab")] & ArcFlag.SIGNAL
    stop_line = town(
        nodes, ways, node_tags={"e": "highway=traffic_signals traffic_signals:direction=forward"}
    )
    assert extra(stop_line, "ab") == 8000
    assert extra(stop_line, "ba") == 0
    both = town(
        nodes,
        ways,
        node_tags={"e": "highway=traffic_signals", "b": "highway=traffic_signals"},
    )
    assert extra(both, "ab") == 8000, "stop line and junction are one set of signals"
    stop = town(nodes, ways, node_tags={"e": "highway=stop"})
    assert extra(stop, "ab") == 2000
    assert extra(stop, "ba") == 0


def test_marks_along_an_arc() -> None:
    model = SpeedModel()
    signal = Mark(300.0, "signal", None)
    assert penalty_s([signal], 500.0, model) == 8.0
    assert penalty_s(reversed_marks([signal], 500.0), 500.0, model) == 8.0
    facing = Mark(300.0, "signal", "backward")
    assert penalty_s([facing], 500.0, model) == 0.0
    assert penalty_s(reversed_marks([facing], 500.0), 500.0, model) == 8.0
    assert penalty_s([Mark(10.0, "signal")], 500.0, model) == 0.0, "behind us at the junction"
    crossing = Mark(250.0, "signal_crossing")
    assert penalty_s([crossing, Mark(500.0, "signal", None, junction=True)], 500.0, model) == 11.0
    assert penalty_s([Mark(0.0, "signal", None, junction=True)], 500.0, model) == 0.0
    assert penalty_s([Mark(20.0, "level_crossing")], 500.0, model) == 3.0


def test_destination_roads_are_no_short_cut(town: Town) -> None:
    graph = town(SQUARE, [*RING, ("ac", "highway=residential motor_vehicle=destination")])
    into, out = arc(graph, "ac"), arc(graph, "ca")
    assert graph.arc_flags[into] & ArcFlag.RESTRICTED
    entering = graph.reverse_turns
    costs = entering.time_ms[entering.offset[into] : entering.offset[into + 1]]
    origins = entering.origin[entering.offset[into] : entering.offset[into + 1]]
    assert all(cost >= 20_000 for cost, o in zip(costs, origins, strict=True) if o != out)


def test_clip_keeps_what_lies_inside(town: Town) -> None:
    x = 1.0 / 68_900  # roughly a metre in degrees of longitude here
    area = shapely.box(8.0 - 150 * x, 51.749, 8.0 + 250 * x, 51.755)
    nodes = SQUARE | {"f": (230, 0), "g": (400, 0)}
    ways = [*RING, ("bfg", "highway=residential")]
    graph = town(nodes, ways, options=BuildOptions(area=area))
    assert "bf" in arcs(graph)
    assert graph.manifest.length_km == pytest.approx(RING_KM + 0.03, rel=1e-2)
    assert graph.area is not None
    assert len(graph.area[0][0]) == 5
    wide = town(nodes, ways, options=BuildOptions(area=area, margin_m=400.0))
    assert "bg" in arcs(wide)


def test_nothing_drivable_is_an_error(town: Town) -> None:
    with pytest.raises(EmptyExtractError):
        town(SQUARE, [("abcda", "highway=footway")])
    with pytest.raises(EmptyExtractError):
        town(SQUARE, [("ab", "highway=motorway")])
    with pytest.raises(EmptyExtractError):
        town(SQUARE, RING, options=BuildOptions(area=shapely.box(0, 0, 1, 1)))


def test_missing_nodes_are_reported_and_cut_the_way(write_town: WriteTown, tmp_path: Path) -> None:
    nodes = SQUARE | {"f": (300, 0), "g": (400, 0), "h": (500, 0)}
    path = write_town(nodes, [*RING, ("bfgh", "highway=residential")])
    lines = path.read_text(encoding="utf-8").splitlines()
    g = next(i for i, line in enumerate(lines) if line.startswith('<node id="7"'))
    path.write_text("\n".join(lines[:g] + lines[g + 2 :]), encoding="utf-8")
    graph = import_extract(path, var=tmp_path, basemap=False)
    assert graph.manifest.dropped["nodes_missing"] == 1
    assert "bf" in arcs(graph)
    assert graph.manifest.length_km == pytest.approx(RING_KM + 0.1, rel=1e-2)


def test_negative_ids_and_the_schematic_mark(town: Town) -> None:
    graph = town(SQUARE, RING, first_id=-1, generator="rufbus schematic")
    assert graph.manifest.schematic
    assert graph.node_osm_id.max() < 0
    assert graph.manifest.length_km == pytest.approx(RING_KM, rel=1e-3)


def test_walking_network_has_paths_and_keeps_the_largest_part(town: Town) -> None:
    nodes = SQUARE | {"f": (100, 100), "g": (900, 900), "h": (950, 900)}
    graph = town(
        nodes,
        [*RING, ("afc", "highway=footway name=Stiege"), ("gh", "highway=footway")],
        node_tags={"f": "barrier=bollard"},
    )
    assert graph.manifest.walk_length_km == pytest.approx(RING_KM + 0.2828, rel=1e-2)
    assert graph.manifest.dropped["walk_km"] == pytest.approx(0.05, rel=1e-2)
    assert "Stiege" in {graph.names[i] for i in graph.walk_name}


def test_names_and_classes(town: Town) -> None:
    graph = town(
        SQUARE | {"f": (300, 0)},
        [
            *RING[1:],
            ("ab", "highway=residential name=Am_Ring"),
            ("bf", "highway=secondary ref=L882"),
        ],
    )
    assert graph.name_of(arc(graph, "bf")) == "L882"
    assert HIGHWAYS[graph.arc_highway[arc(graph, "bf")]] == "secondary"
    assert graph.names[0] == ""
    assert "Am Ring" in graph.names


def test_every_arc_reaches_every_other(heidelberg: RoadGraph) -> None:
    links = csr_matrix(
        (np.ones(len(heidelberg.turn_to)), heidelberg.turn_to, heidelberg.turn_offset),
        (heidelberg.arcs, heidelberg.arcs),
    )
    parts, _ = connected_components(links, directed=True, connection="strong")
    assert parts == 1


def test_the_real_graph_is_plausible(heidelberg: RoadGraph) -> None:
    speed = heidelberg.arc_length_m / heidelberg.arc_time_ms * 3600
    assert speed.max() <= 100.5
    assert heidelberg.arc_time_ms.min() >= 1
    twins = heidelberg.arc_twin[heidelberg.arc_twin >= 0]
    assert np.array_equal(heidelberg.arc_twin[twins], np.flatnonzero(heidelberg.arc_twin >= 0))
    assert heidelberg.manifest.extract_date == "2024-09-08"
    assert heidelberg.manifest.licence == "ODbL-1.0"


def test_angles_are_signed() -> None:
    assert signed_angle_deg(90.0, 180.0) == 90.0
    assert signed_angle_deg(90.0, 0.0) == -90.0
    assert signed_angle_deg(350.0, 10.0) == 20.0
    assert signed_angle_deg(0.0, 180.0) == 180.0
