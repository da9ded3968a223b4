"""Tables of OSM tags and what a minibus makes of them."""

import math

import pytest

from routing.roads.speeds import SpeedModel, limit_kmh, parse_maxspeed
from routing.roads.tags import (
    VehicleSize,
    barrier_blocks,
    barrier_blocks_walkers,
    bus_only,
    directions,
    drivable,
    fits,
    has_sidewalk,
    parse_limit,
    walkable,
)
from routing.roads.turns import restriction_value


def tags(text: str) -> dict[str, str]:
    """Tags from "highway=residential access=private"; an underscore in values stays."""
    return dict(part.split("=", 1) for part in text.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("highway=motorway", "open"),
        ("highway=trunk_link", "open"),
        ("highway=residential", "open"),
        ("highway=living_street", "open"),
        ("highway=unclassified", "open"),
        ("highway=service", "open"),
        ("highway=service service=parking_aisle", "open"),
        ("highway=service service=driveway access=private", "closed"),
        ("highway=service service=emergency_access", "closed"),
        ("highway=service service=emergency_access psv=yes", "open"),
        ("highway=service service=drive-through", "closed"),
        ("highway=service area=yes", "closed"),
        ("highway=footway", "closed"),
        ("highway=cycleway", "closed"),
        ("highway=construction construction=residential", "closed"),
        ("highway=proposed", "closed"),
        ("highway=raceway", "closed"),
        ("route=ferry", "closed"),
        ("highway=pedestrian", "closed"),
        ("highway=pedestrian motor_vehicle=delivery", "closed"),
        ("highway=pedestrian motor_vehicle=yes", "closed"),
        ("highway=pedestrian bus=yes", "open"),
        ("highway=pedestrian psv=designated", "open"),
        ("highway=pedestrian psv=no", "closed"),
        ("highway=busway", "open"),
        ("highway=busway access=no", "open"),
        ("highway=busway access=no bus=designated", "open"),
        ("highway=busway bus=no", "closed"),
        ("highway=track", "closed"),
        ("highway=track tracktype=grade1", "open"),
        ("highway=track tracktype=grade2", "closed"),
        ("highway=track surface=asphalt", "open"),
        ("highway=track surface=asphalt tracktype=grade2", "closed"),
        ("highway=track tracktype=grade2 motor_vehicle=yes", "open"),
        ("highway=track tracktype=grade3 motor_vehicle=destination", "restricted"),
        ("highway=track tracktype=grade1 motor_vehicle=agricultural", "closed"),
        ("highway=track tracktype=grade1 vehicle=forestry", "closed"),
        ("highway=unclassified motor_vehicle=agricultural;destination", "restricted"),
        ("highway=residential access=private", "closed"),
        ("highway=residential access=no", "closed"),
        ("highway=residential access=no psv=yes", "open"),
        ("highway=residential access=no bus=yes", "open"),
        ("highway=residential motor_vehicle=no", "closed"),
        ("highway=residential motor_vehicle=no bus=designated", "open"),
        ("highway=residential vehicle=no motor_vehicle=yes", "open"),
        ("highway=residential motorcar=no", "closed"),
        ("highway=residential motorcar=no psv=yes", "open"),
        ("highway=residential psv=yes bus=no", "closed"),
        ("highway=residential bus=no minibus=yes", "open"),
        ("highway=residential access=destination", "restricted"),
        ("highway=service access=customers", "restricted"),
        ("highway=service access=delivery", "closed"),
        ("highway=service access=employees", "closed"),
        ("highway=service access=permit", "closed"),
        ("highway=service access=permissive", "open"),
        ("highway=residential access=unknown", "open"),
        ("highway=residential access=gibberish", "open"),
        ("highway=residential bicycle=no foot=no", "open"),
    ],
)
def test_drivable(text: str, expected: str) -> None:
    assert drivable(tags(text)) == expected


def test_access_may_differ_by_direction() -> None:
    street = tags("highway=residential motor_vehicle:backward=no")
    assert drivable(street, "forward") == "open"
    assert drivable(street, "backward") == "closed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("highway=residential", (True, True)),
        ("highway=residential oneway=yes", (True, False)),
        ("highway=residential oneway=true", (True, False)),
        ("highway=residential oneway=1", (True, False)),
        ("highway=residential oneway=-1", (False, True)),
        ("highway=residential oneway=reverse", (False, True)),
        ("highway=residential oneway=no", (True, True)),
        ("highway=residential oneway=false", (True, True)),
        ("highway=residential oneway=0", (True, True)),
        ("highway=residential oneway=YES", (True, False)),
        ("highway=residential oneway=reversible", (False, False)),
        ("highway=residential oneway=alternating", (True, True)),
        ("highway=residential oneway=nonsense", (True, True)),
        ("highway=motorway", (True, False)),
        ("highway=motorway oneway=no", (True, True)),
        ("highway=motorway_link", (True, False)),
        ("highway=trunk", (True, True)),
        ("highway=residential junction=roundabout", (True, False)),
        ("highway=residential junction=circular", (True, False)),
        ("highway=residential junction=roundabout oneway=-1", (False, True)),
        ("highway=residential oneway=yes oneway:bus=no", (True, True)),
        ("highway=residential oneway=yes oneway:psv=no", (True, True)),
        ("highway=residential oneway=yes oneway:bicycle=no", (True, False)),
        ("highway=residential oneway=-1 oneway:psv=no", (True, True)),
        ("highway=residential oneway:bus=yes", (True, False)),
        ("highway=residential oneway=yes busway=opposite_lane", (True, True)),
        ("highway=residential oneway=yes busway:left=opposite_lane", (True, True)),
        ("highway=residential oneway=yes busway=lane", (True, False)),
    ],
)
def test_oneway(text: str, expected: tuple[bool, bool]) -> None:
    assert directions(tags(text)) == expected


@pytest.mark.parametrize(
    ("value", "kmh"),
    [
        ("50", 50.0),
        ("50 km/h", 50.0),
        (" 30 ", 30.0),
        ("30 mph", 48.28032),
        ("20mph", 32.18688),
        ("7.5", 7.5),
        ("DE:urban", 50.0),
        ("de:urban", 50.0),
        ("DE:rural", 100.0),
        ("DE:living_street", 7.0),
        ("DE:bicycle_road", 30.0),
        ("DE:zone:30", 30.0),
        ("DE:zone30", 30.0),
        ("DE:30", 30.0),
        ("walk", 7.0),
        ("DE:walk", 7.0),
        ("70; 50", 50.0),
        ("50; signals", 50.0),
        ("none", math.inf),
        ("DE:motorway", math.inf),
        ("signals", None),
        ("variable", None),
        ("fast", None),
        ("0", None),
        ("-30", None),
        ("50 knots", None),
        ("FR:urban", None),
        ("", None),
        (None, None),
    ],
)
def test_maxspeed(value: str | None, kmh: float | None) -> None:
    assert parse_maxspeed(value) == (None if kmh is None else pytest.approx(kmh))


def test_limits_by_direction_and_from_other_keys() -> None:
    road = {"maxspeed": "70", "maxspeed:backward": "50", "maxspeed:conditional": "30 @ (22-6)"}
    assert limit_kmh(road, "forward") == 70
    assert limit_kmh(road, "backward") == 50
    assert limit_kmh({"source:maxspeed": "DE:urban"}, "forward") == 50
    assert limit_kmh({"maxspeed": "signals", "maxspeed:type": "DE:rural"}, "forward") == 100
    assert limit_kmh({"maxspeed:conditional": "30 @ wet"}, "forward") is None


@pytest.mark.parametrize(
    ("text", "kmh"),
    [
        ("highway=residential", 25),
        ("highway=residential maxspeed=30", 24),
        ("highway=residential maxspeed=50", 40),
        ("highway=residential maxspeed=100", 40),
        ("highway=living_street", 10),
        ("highway=living_street maxspeed=walk", 7),
        ("highway=primary", 65),
        ("highway=primary maxspeed=50", 40),
        ("highway=primary maxspeed=100", 80),
        ("highway=motorway maxspeed=none", 100),
        ("highway=motorway", 90),
        ("highway=service", 15),
        ("highway=service service=driveway", 7.5),
        ("highway=secondary maxspeed=70 surface=cobblestone", 30),
        ("highway=secondary smoothness=very_bad", 20),
        ("highway=unclassified maxspeed=100", 50),
    ],
)
def test_speed(text: str, kmh: float) -> None:
    assert SpeedModel().speed_kmh(tags(text), "forward") == pytest.approx(kmh)


def test_drive_time_is_rounded_up_and_at_least_a_millisecond() -> None:
    model = SpeedModel()
    assert model.drive_ms(100.0, 36.0) == 10_000
    assert model.drive_ms(0.0, 50.0) == 1
    assert model.drive_ms(1.0, 7.0) == 515
    assert SpeedModel(time_factor=1.5).drive_ms(100.0, 36.0) == 15_000


def test_turns_cost_more_the_sharper_and_more_to_the_left() -> None:
    model = SpeedModel()
    assert model.turn_ms(0.0) < 30
    assert model.turn_ms(90.0) < model.turn_ms(-90.0) < model.turn_ms(-150.0) <= 7500
    assert model.turn_ms(30.0) < model.turn_ms(60.0) < model.turn_ms(120.0)


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("barrier=bollard", True),
        ("barrier=bollard bollard=rising", False),
        ("barrier=bollard bus=yes", False),
        ("barrier=bollard psv=yes access=no", False),
        ("barrier=bollard motor_vehicle=yes", False),
        ("barrier=block", True),
        ("barrier=chain", True),
        ("barrier=cycle_barrier", True),
        ("barrier=gate", False),
        ("barrier=gate locked=yes", True),
        ("barrier=gate access=private", True),
        ("barrier=gate motor_vehicle=no", True),
        ("barrier=gate motor_vehicle=destination", False),
        ("barrier=lift_gate", False),
        ("barrier=lift_gate access=private", True),
        ("barrier=lift_gate access=private bus=yes", False),
        ("barrier=swing_gate", True),
        ("barrier=swing_gate status=open", False),
        ("barrier=cattle_grid", False),
        ("barrier=toll_booth", False),
        ("barrier=kerb", False),
        ("barrier=entrance", False),
        ("barrier=something_new", True),
        ("access=private", True),
        ("highway=crossing access=no", False),
        ("highway=bus_stop", False),
        ("maxheight=2.0", True),
        ("maxheight=3.5", False),
    ],
)
def test_barriers(text: str, *, blocked: bool) -> None:
    assert barrier_blocks(tags(text), VehicleSize()) is blocked


@pytest.mark.parametrize(
    ("text", "blocked"),
    [
        ("barrier=bollard", False),
        ("barrier=gate", False),
        ("barrier=gate locked=yes", True),
        ("barrier=gate access=private", True),
        ("barrier=gate access=private foot=yes", False),
        ("highway=crossing", False),
        ("barrier=cycle_barrier foot=no", True),
    ],
)
def test_barriers_on_foot(text: str, *, blocked: bool) -> None:
    assert barrier_blocks_walkers(tags(text)) is blocked


@pytest.mark.parametrize(
    ("value", "limit"),
    [("3.5", 3.5), ("3,5 t", 3.5), ("2 m", 2.0), ("none", None), ("default", None), (None, None)],
)
def test_physical_limits(value: str | None, limit: float | None) -> None:
    assert parse_limit(value) == limit


def test_a_vehicle_fits_or_not() -> None:
    size = VehicleSize(height_m=2.8, weight_t=3.5)
    assert fits({"maxheight": "2.8"}, size)
    assert not fits({"maxheight": "2.7"}, size)
    assert not fits({"maxweight": "2.8 t"}, size)
    assert fits({"maxweight": "2.8", "maxweight:bus": "12"}, size)
    assert fits({"maxheight": "default"}, size)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("highway=footway", True),
        ("highway=footway access=private", False),
        ("highway=footway access=no foot=yes", True),
        ("highway=path", True),
        ("highway=steps", True),
        ("highway=pedestrian", True),
        ("highway=track", True),
        ("highway=cycleway", True),
        ("highway=cycleway foot=no", False),
        ("highway=residential", True),
        ("highway=primary", True),
        ("highway=primary foot=use_sidepath", False),
        ("highway=trunk", False),
        ("highway=trunk sidewalk=right", True),
        ("highway=trunk foot=yes", True),
        ("highway=motorway", False),
        ("highway=motorway foot=yes", False),
        ("highway=busway", False),
        ("highway=service access=private", False),
        ("highway=construction", False),
    ],
)
def test_walkable(text: str, *, expected: bool) -> None:
    assert walkable(tags(text)) is expected


def test_sidewalks_and_bus_only_roads() -> None:
    assert has_sidewalk({"sidewalk": "both"})
    assert has_sidewalk({"sidewalk:left": "yes"})
    assert not has_sidewalk({"sidewalk": "separate"})
    assert bus_only(tags("highway=busway"))
    assert bus_only(tags("highway=service access=no psv=yes"))
    assert not bus_only(tags("highway=service psv=yes"))
    assert not bus_only(tags("highway=residential"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"restriction": "no_left_turn"}, "no_left_turn"),
        ({"restriction": "only_straight_on"}, "only_straight_on"),
        ({"restriction": "no_left_turn", "except": "bicycle;psv"}, None),
        ({"restriction": "no_left_turn", "except": "bus"}, None),
        ({"restriction": "no_left_turn", "except": "bicycle"}, "no_left_turn"),
        ({"restriction:bus": "no_right_turn"}, "no_right_turn"),
        ({"restriction:hgv": "no_right_turn"}, None),
        ({"restriction:conditional": "no_left_turn @ (07:00-09:00)"}, None),
        ({"restriction": "unheard_of"}, None),
    ],
)
def test_restriction_value(given: dict[str, str], expected: str | None) -> None:
    assert restriction_value(given) == expected
