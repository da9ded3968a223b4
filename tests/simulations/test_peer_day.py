"""The peer day: files, driving times, every answer the cheapest insertion, an honest check."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dispatch.cli import main
from routing.plans import Booking, Request, StopPair, Vehicle, best_insertions, build_problem
from routing.plans.records import Action
from simulations.benchmarks.errors import BenchmarkError
from simulations.benchmarks.table import Row
from simulations.peer_day import check
from simulations.peer_day.at_once import answer_at_once
from simulations.peer_day.check import Rules
from simulations.peer_day.command import at_once_row, report
from simulations.peer_day.day import Desk, advance, decide, open_desk
from simulations.peer_day.driving import CLOSED
from simulations.peer_day.files import demand_files, read_demand, read_roads
from simulations.peer_day.network import TICK_BITS, Network, build_network
from simulations.peer_day.outcome import DrivenDay, Halt, Pass
from simulations.peer_day.peers import PEERS
from simulations.peer_day.rolling import Plan, answer_with_improvement
from simulations.peer_day.setting import Setting, setting_of

SHARED = Path(__file__).resolve().parents[3] / "shared" / "peer"
needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the shared peer day is not at ../shared/peer"
)

EDGES = "from_node,to_node,distance,travel_time"
REQUESTS = "rq_time,start,end,request_id"

# A street 10 - 20 - 30 - 40 in both directions, 100 s and 1 km a block; 40 to 10 in one bound.
STREET = [
    "10,20,1000,100.0",
    "20,10,1000,100.0",
    "20,30,1000,100.0",
    "30,20,1000,100.0",
    "30,40,1000,100.25",
    "40,30,1000,100.0",
    "40,10,4000,150.0",
]
# The second fits into the first one's ride; the third comes too late for the only vehicle.
ASKED = ["0,10,40,7", "5,20,30,8", "5,40,10,9"]


def write_day(folder: Path, edges: list[str], requests: list[str]) -> None:
    (folder / "peer_edges.csv").write_text("\n".join([EDGES, *edges]) + "\n")
    (folder / "peer_3.csv").write_text("\n".join([REQUESTS, *requests]) + "\n")


@pytest.fixture
def street(tmp_path: Path) -> Setting:
    """The street with one vehicle at its first node."""
    write_day(tmp_path, STREET, ASKED)
    roads = read_roads(tmp_path)
    setting = setting_of(roads, read_demand(tmp_path / "peer_3.csv", roads), seed=0)
    return dataclasses.replace(setting, starts=np.array([0], np.int32))


@pytest.fixture(scope="module")
def shared_800() -> Setting:
    roads = read_roads(SHARED)
    return setting_of(roads, read_demand(SHARED / "peer_800.csv", roads), seed=0)


def test_times_between_places_are_rounded_up_once(street: Setting) -> None:
    network = build_network(street.roads, np.arange(4, dtype=np.int32))
    order = network.place[:4]
    matrix = network.matrix_s[np.ix_(order, order)]
    assert matrix.tolist() == [
        [0, 100, 200, 301],
        [100, 0, 100, 201],
        [200, 100, 0, 101],
        [150, 200, 100, 0],
    ]


def test_limits_are_never_longer_than_the_files_times_allow(tmp_path: Path) -> None:
    just_below = [f"{edge.rsplit(',', 1)[0]},99.9999999" for edge in STREET[:-1]]
    write_day(tmp_path, [*just_below, STREET[-1]], ASKED)
    roads = read_roads(tmp_path)
    setting = setting_of(roads, read_demand(tmp_path / "peer_3.csv", roads), seed=0)
    limits = setting.max_ride_s(setting.network())
    allowed = [1.4 * way.time_s for way in setting.direct]
    assert all(below - 1.5 < limit <= below for limit, below in zip(limits, allowed, strict=True))
    assert limits[1] == 139


def test_a_route_may_end_nowhere_but_no_way_leads_through_it(street: Setting) -> None:
    matrix = street.network().matrix_s.astype(np.int64)
    assert not matrix[:, -1].any()
    through = (matrix[:, :, None] + matrix[None, :, :]).min(axis=1)
    assert (matrix <= through).all()


def test_a_day_by_hand(street: Setting) -> None:
    day = answer_at_once(street).day
    assert day.accepted == [True, True, True]
    assert day.pickups == [Halt(0, 0, 30), Halt(0, 130, 160), Halt(0, 391, 421)]
    assert day.dropoffs == [Halt(0, 421, 421), Halt(0, 260, 290), Halt(0, 571, 601)]
    assert [p.node for p in day.tracks[0]] == [0, 1, 2, 3, 0]
    assert [round(p.time_s, 2) for p in day.tracks[0]] == [0.0, 130.0, 260.0, 390.25, 571.0]
    figures = report(street, day)
    assert figures["verified"] is True
    assert figures["vehicle_km"] == pytest.approx(7.0)
    assert figures["empty_share"] == 0
    assert figures["occupancy"] == pytest.approx(8 / 7)
    assert figures["direct_share"] == pytest.approx(8 / 7)
    assert figures["shared_share"] == pytest.approx(2 / 3)
    assert figures["wait_mean_s"] == pytest.approx((0 + 125 + 386) / 3)


def test_whoever_cannot_be_fetched_in_time_is_refused(street: Setting) -> None:
    hurried = dataclasses.replace(street, rules=Rules(wait_s=120))
    day = answer_at_once(hurried).day
    assert day.accepted == [True, False, False]
    assert report(hurried, day)["verified"] is True


def moved(day: DrivenDay, **halts: Halt | None) -> DrivenDay:
    """The day with the first request's pick-up or drop-off exchanged."""
    for field, halt in halts.items():
        day = day._replace(**{field: [halt, *getattr(day, field)[1:]]})
    return day


def redriven(day: DrivenDay, change: Callable[[list[Pass]], list[Pass]]) -> DrivenDay:
    return day._replace(tracks=[change(day.tracks[0])])


TAMPERED: dict[str, tuple[Callable[[DrivenDay], DrivenDay], str]] = {
    "not driven": (lambda d: moved(d, pickups=None, dropoffs=None), "not driven"),
    "refused": (lambda d: d._replace(accepted=[False, True, True]), "refused and driven"),
    "early": (lambda d: moved(d, pickups=Halt(0, -1, 30)), "boards -1 s"),
    "other vehicle": (lambda d: moved(d, dropoffs=Halt(1, 421, 421)), "changes vehicles"),
    "long ride": (lambda d: moved(d, dropoffs=Halt(0, 700, 730)), "rides 670 s"),
    "short halt": (lambda d: moved(d, dropoffs=Halt(0, 420, 420)), "halts too short"),
    "elsewhere": (lambda d: moved(d, dropoffs=Halt(0, 270, 290)), "not in its place"),
    "no road": (lambda d: redriven(d, lambda t: [*t[:2], *t[3:]]), "where no road is"),
    "too fast": (
        lambda d: redriven(d, lambda t: [*t[:4], t[4]._replace(time_s=570.9)]),
        "halts too short",
    ),
    "wrong start": (
        lambda d: redriven(d, lambda t: [t[0]._replace(node=1), *t[1:]]),
        "starts at 1",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_the_check_notices(street: Setting, name: str) -> None:
    change, message = TAMPERED[name]
    day = change(answer_at_once(street).day)
    found = check.violations(
        day, street.demand, street.edges, street.direct, street.starts, street.rules
    )
    assert any(message in wrong for wrong in found), found


def test_the_check_notices_too_many_on_board_and_too_long_a_wait(street: Setting) -> None:
    day = answer_at_once(street).day
    strict = dataclasses.replace(street, rules=Rules(seats=1, wait_s=100, end_s=500))
    found = check.violations(
        day, strict.demand, strict.edges, strict.direct, strict.starts, strict.rules
    )
    for message in ("2 people on board", "boards 125 s", "still on board at the end"):
        assert any(message in wrong for wrong in found), found


@needs_shared
def test_the_shared_day_passes_the_check_and_is_the_same_every_time(shared_800: Setting) -> None:
    day = answer_at_once(shared_800).day
    figures = report(shared_800, day)
    assert figures["first_violation"] is None
    assert sum(day.accepted) > 600
    assert answer_at_once(shared_800).day == day


@needs_shared
def test_every_answer_is_the_cheapest_insertion_into_the_plans_of_that_moment(
    shared_800: Setting,
) -> None:
    network = shared_800.network()
    desk = open_desk(shared_800, network)
    limits = shared_800.max_ride_s(network)
    accepted = 0
    for request, now_s in enumerate(shared_800.demand.time_s[:150].tolist()):
        advance(desk, now_s)
        expected = cheapest_by_records(shared_800, network, desk, limits, request)
        before = routes_of(desk)
        if not decide(desk, request, now_s):
            assert expected is None
            continue
        accepted += 1
        assert expected is not None
        vehicle, i, j = expected
        route = before[vehicle]
        route[:] = [*route[:i], 2 * request, *route[i:j], 2 * request + 1, *route[j:]]
        assert routes_of(desk) == before
    assert accepted > 100


def first_requests(setting: Setting, count: int) -> Setting:
    demand = setting.demand
    fewer = dataclasses.replace(
        demand,
        ids=demand.ids[:count],
        time_s=demand.time_s[:count],
        origin=demand.origin[:count],
        destination=demand.destination[:count],
    )
    return dataclasses.replace(setting, demand=fewer)


@pytest.mark.parametrize("together", [False, True])
def test_a_day_with_second_thoughts_keeps_all_promises(street: Setting, *, together: bool) -> None:
    day = answer_with_improvement(street, Plan(every_s=40, iterations=20, together=together)).day
    assert report(street, day)["first_violation"] is None
    assert day.accepted == [True, True, True]
    first = day.pickups[0]
    assert first is not None
    assert first.start_s == (40 if together else 0)


@needs_shared
@pytest.mark.parametrize("together", [False, True])
def test_improvement_drives_less_for_each_passenger(shared_800: Setting, *, together: bool) -> None:
    morning = first_requests(shared_800, 250)
    plan = Plan(every_s=60, iterations=50, together=together)
    day = answer_with_improvement(morning, plan).day
    better, before = report(morning, day), report(morning, answer_at_once(morning).day)
    assert better["first_violation"] is None
    assert km_per_passenger(better) < km_per_passenger(before)
    assert answer_with_improvement(morning, plan).day == day


def km_per_passenger(row: Row) -> float:
    return float(row["vehicle_km"] or 0) / float(row["served"] or 0)


def routes_of(desk: Desk) -> list[list[int]]:
    lengths = desk.routes.length.tolist()
    return [row[:n] for row, n in zip(desk.routes.nodes.tolist(), lengths, strict=True)]


def cheapest_by_records(
    setting: Setting, network: Network, desk: Desk, limits: np.ndarray, request: int
) -> tuple[int, int, int] | None:
    """(vehicle, pick-up position, drop-off position) as the planning interface finds it."""
    place, demand = network.place, setting.demand
    bookings, vehicles = [], []
    for v, route in enumerate(routes_of(desk)):
        aboard = {node // 2 for node in route if node % 2 and node - 1 not in route}
        for b in {node // 2 for node in route}:
            asked = int(demand.time_s[b])
            bookings.append(
                Booking(
                    str(b),
                    int(place[demand.origin[b]]),
                    int(place[demand.destination[b]]),
                    asked,
                    asked + 600,
                    asked + 630 + int(limits[b]),
                    int(limits[b]),
                    asked,
                    boarded_at_s=int(desk.record.end_s[2 * b]) if b in aboard else None,
                )
            )
        tick = int(desk.fleet.tick[v])
        table = network.times.table[:, desk.fleet.rank[v], :].ravel()[: network.nowhere]
        up = (1 << TICK_BITS) - 1
        legs = ((tick + table.astype(np.int64) + up) >> TICK_BITS) - ((tick + up) >> TICK_BITS)
        door = int(desk.fleet.door[v])
        vehicles.append(
            Vehicle(
                f"{v:02}",
                (tick + up) >> TICK_BITS,
                door,
                network.nowhere,
                setting.rules.end_s,
                ((4, 0),),
                tuple(Action("dropoff" if n % 2 else "pickup", str(n // 2)) for n in route),
                start_dwelling=door != CLOSED,
                start_leg_s=np.append(legs, 0).astype(np.int32),
            )
        )
    problem = build_problem(
        matrix_s=network.matrix_s,
        profile=SimpleNamespace(base_s=0, speed_permille=np.array([1000], np.int32)),
        vehicles=vehicles,
        bookings=bookings,
        weights=setting.weights,
        setup_s=30,
    )
    asked, ride = int(demand.time_s[request]), int(limits[request])
    ends = int(place[demand.origin[request]]), int(place[demand.destination[request]])
    pair = StopPair(*ends, asked, asked + 600, asked + 630 + ride, ride)
    found = best_insertions(problem, Request(str(request), (pair,), asked))
    if not len(found):
        return None
    return found[0].vehicle, found[0].pickup_position, found[0].dropoff_position


@pytest.mark.parametrize(
    ("edges", "requests", "message"),
    [
        ([], ASKED, "no roads"),
        (STREET, [], "no requests"),
        (["10,20,1000"], ASKED, "4 values"),
        (["10,20,1000,x"], ASKED, "could not convert"),
        (["10,20,1000,0"], ASKED, "line 2: travel_time is not positive"),
        (["10,20,1000,5", "10,20,-1,5"], ASKED, "line 3: distance is negative"),
        (["10.5,20,1000,5"], ASKED, "whole"),
        (["10,20,1000,nan"], ASKED, "not finite"),
        (STREET, ["0,10,99,1"], "node 99 is on no road"),
        (STREET, ["0,10,20,1", "0,20,10,1"], "there twice"),
    ],
)
def test_unusable_files_are_named(
    tmp_path: Path, edges: list[str], requests: list[str], message: str
) -> None:
    write_day(tmp_path, edges, requests)
    with pytest.raises(BenchmarkError, match=message):
        read_demand(tmp_path / "peer_3.csv", read_roads(tmp_path))


def test_wrong_columns_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no such folder"):
        demand_files(tmp_path / "nowhere")
    with pytest.raises(BenchmarkError, match=r"no peer_<number>\.csv"):
        demand_files(tmp_path)
    with pytest.raises(BenchmarkError, match="no such file"):
        read_roads(tmp_path)
    (tmp_path / "peer_edges.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BenchmarkError, match="columns are not from_node"):
        read_roads(tmp_path)


def test_places_that_cannot_be_reached_are_an_error(tmp_path: Path) -> None:
    write_day(tmp_path, ["10,20,1000,5", "30,20,1000,5"], ["0,10,30,1"])
    roads = read_roads(tmp_path)
    setting = setting_of(roads, read_demand(tmp_path / "peer_3.csv", roads), seed=0)
    with pytest.raises(BenchmarkError, match="cannot be reached"):
        setting.network()


def test_the_command_says_in_one_line_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        main(["bench", "peer-day", str(tmp_path)])
    assert stopped.value.code == 1
    assert capsys.readouterr().err.startswith("error: [benchmark_input] ")


def test_the_command_prints_flat_objects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_day(tmp_path, STREET, ASKED)
    main(
        ["bench", "peer-day", str(tmp_path), "--json", "--every", "30", "--iterations", "5"],
        standalone_mode=False,
    )
    rows = json.loads(capsys.readouterr().out)
    assert [row["mode"] for row in rows] == [
        "insertion, at once",
        "improved, at once",
        "improved, batches of 30 s",
    ]
    for row in rows:
        assert row["problem"] == "3/1"
        assert row["verified"] is True
        assert row["requests_per_s"] > 0
        assert {"served", "vehicle_km", "empty_share"} <= row.keys()
        assert not any(isinstance(value, dict | list) for value in row.values())


@needs_shared
def test_the_peers_figures_stand_beside_ours(shared_800: Setting) -> None:
    peer = PEERS[shared_800.demand.problem][0]
    ours = at_once_row(shared_800)
    assert {"requests_per_s", "served", "vehicle_km", "empty_share"} <= peer.keys() & ours.keys()
    assert ours["verified"] is True
