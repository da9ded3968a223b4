"""Chance: each process is seeded, can be switched off, and does what it says."""

import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from math import dist, hypot
from pathlib import Path
from typing import Any

import pytest
from grid_network import grid_network
from grid_scenario import EVERYTHING, grid_scenario
from tiny_town import grid_config

from dispatch.domain import events as ev
from dispatch.domain.model import Booking, Party
from dispatch.engine import Network
from routing.roads.graph import metres_per_degree
from simulations.driven_day import DrivenDay
from simulations.processes import Processes
from simulations.runner import Result, event_log, run_in
from simulations.scenario import Scenario, WorldSection, changed
from simulations.world import Leg


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


def drive(grid: Network, file: Scenario, seed: int = 1, vehicles: int = 3) -> Result:
    return run_in(file, grid_config(vehicles=vehicles), grid, seed=seed, check=True)


@pytest.mark.parametrize("seed", range(3))
def test_rules_hold_in_a_world_full_of_chance(grid: Network, seed: int) -> None:
    figures = drive(grid, grid_scenario(**EVERYTHING), seed).figures
    assert figures["unfinished"] == 0
    outcomes = ("served", "refused", "offered_not_taken", "no_shows", "cancellations", "abandoned")
    assert sum(figures[name] for name in outcomes) == figures["requests"] == 80
    assert figures["served"] > 40


def test_the_same_seed_gives_the_same_bytes_in_another_process(grid: Network) -> None:
    processes = Processes(WorldSection(**EVERYTHING), 5)
    here = repr([processes.fate(n) for n in range(50)]) + repr(
        processes.standstills("s", 0, 90_000)
    )
    code = (
        "from simulations.processes import Processes;"
        "from simulations.scenario import WorldSection;"
        f"p = Processes(WorldSection(**{EVERYTHING!r}), 5);"
        "print(repr([p.fate(n) for n in range(50)]) + repr(p.standstills('s', 0, 90_000)))"
    )
    there = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert there.strip() == here
    days = [drive(grid, grid_scenario(**EVERYTHING), 3) for _ in "ab"]
    assert event_log(days[0].day) == event_log(days[1].day)


def test_one_process_does_not_change_the_draws_of_another() -> None:
    alone = Processes(WorldSection(no_show_share=0.2), 1)
    among = Processes(WorldSection(**EVERYTHING | {"no_show_share": 0.2}), 1)
    assert [alone.fate(n).comes for n in range(200)] == [among.fate(n).comes for n in range(200)]
    assert 20 <= sum(not alone.fate(n).comes for n in range(200)) <= 60


def test_switched_off_nothing_happens(grid: Network) -> None:
    processes = Processes(WorldSection(), 1)
    assert not processes.disturb
    assert all(processes.fate(n).comes and processes.fate(n).pace == 1 for n in range(50))
    assert processes.drive_factor("s", 1, 8) == 1
    assert processes.standstills("s", 0, 90_000) == ()
    result = drive(grid, grid_scenario(300), vehicles=2)
    assert result.figures["pickup_kept"] == result.figures["arrival_kept"] == 1.0
    assert result.figures["no_shows"] == result.figures["cancellations"] == 0


def test_factors_have_mean_one() -> None:
    processes = Processes(WorldSection(traffic_sigma=0.2), 1)
    drawn = [processes.drive_factor("s", n, 8) for n in range(4000)]
    assert sum(drawn) / len(drawn) == pytest.approx(1, abs=0.03)
    assert min(drawn) == 0.75
    assert max(drawn) > 1.4


def test_no_shows_are_reported_after_the_waiting_time(grid: Network) -> None:
    result = drive(grid, grid_scenario(no_show_share=0.3))
    waits = grid_config().rules.no_show_after_s
    arrived = {e.visit_id: at for at, e in result.day.events if isinstance(e, ev.VisitArrived)}
    promised = {
        e.booking.id: e.booking.promise
        for _, e in result.day.events
        if isinstance(e, ev.BookingMade)
    }
    missed = [e for _, e in result.day.events if isinstance(e, ev.RiderMissed)]
    assert len(missed) == result.figures["no_shows"] > 5
    for event in missed:
        ready_s = max(arrived[event.visit_id], promised[event.booking_id].pickup_from_s)
        assert event.at_s >= ready_s + waits


def test_cancelled_rides_are_not_driven(grid: Network) -> None:
    result = drive(grid, grid_scenario(cancel_share=0.4))
    gone = {e.booking_id for _, e in result.day.events if isinstance(e, ev.BookingCancelled)}
    assert len(gone) == result.figures["cancellations"] > 8
    assert not gone & {b for leg in result.day.legs for b in leg.booking_ids}


@pytest.mark.parametrize("out_after_s", [0, 86_400])
def test_a_broken_down_vehicle_does_not_move(grid: Network, out_after_s: int) -> None:
    world = {"breakdowns_per_vehicle_day": 4.0, "breakdown_s": (1200, 2400)}
    result = drive(grid, grid_scenario(out_of_service_after_s=out_after_s, **world))
    stands = result.day.standstills
    assert len(stands) > 3
    halts = result.analysis.book.visits_served  # a break may be taken anywhere, also broken down
    for at_s, event in result.day.events:
        if isinstance(event, ev.VisitArrived) and event.visit_id in halts:
            inside = [s for i, s, e in stands if i == event.shift_id and s < at_s < e]
            assert not inside, f"{event.shift_id} arrives while it stands still"
    calm = drive(grid, grid_scenario())
    assert calm.figures["pickup_late_mean_s"] == 0
    if out_after_s:  # else the riders have other vehicles
        assert result.figures["pickup_late_mean_s"] > 0


def test_slow_traffic_makes_rides_late_and_the_plan_follows(grid: Network) -> None:
    """Chance on the road is seen in lateness, not hidden by it."""
    busy = 160  # on a quiet day, who would be late is given to somebody else in time
    result = drive(grid, grid_scenario(busy, traffic_sigma=0.4))
    assert result.figures["pickup_kept"] < 1
    assert result.figures["pickup_late_max_s"] > 60
    replanned = sum(isinstance(e, ev.PlanChanged) for _, e in result.day.events)
    still = drive(grid, grid_scenario(busy))
    assert still.figures["pickup_late_max_s"] == 0
    calm = sum(isinstance(e, ev.PlanChanged) for _, e in still.day.events)
    assert replanned > calm


def test_vehicles_are_in_one_place_at_a_time_and_drive_no_faster_than_they_can(
    grid: Network,
) -> None:
    """Legs follow each other without overlap or jump, whatever chance does."""
    result = drive(grid, grid_scenario(120, **EVERYTHING), seed=4)
    vehicles = {s.id: s.vehicle_id for s in result.analysis.book.shifts.values()}
    east_m, north_m = metres_per_degree(51.76)
    by_vehicle: dict[str, list[Leg]] = {}
    for leg in sorted(result.day.legs, key=lambda leg: (leg.from_s, leg.to_s)):
        by_vehicle.setdefault(vehicles[leg.shift_id], []).append(leg)
    for legs in by_vehicle.values():
        for before, after in pairwise(legs):
            assert after.from_s >= before.to_s, (before, after)
            (x, y), (u, v) = before.lonlat[-1], after.lonlat[0]
            assert hypot((x - u) * east_m, (y - v) * north_m) < 30, (before, after)
    for leg in result.day.legs:
        points = [(x * east_m, y * north_m) for x, y in leg.lonlat]
        drawn_m = sum(dist(a, b) for a, b in pairwise(points))
        assert drawn_m == pytest.approx(leg.length_m, rel=0.05, abs=30), leg
        if leg.to_s - leg.from_s > 10:
            assert leg.length_m / (leg.to_s - leg.from_s) < 25


def test_who_has_to_be_there_in_time_never_waits_less_than_nothing(grid: Network) -> None:
    short = {
        "demand.prebooked_share": 1.0,
        "demand.arrive_by_share": 1.0,
        "demand.prebooked_lead_h": [0.3, 1.0],
    }
    result = drive(grid, changed(grid_scenario(), short))
    waits = [r.wait_s for r in result.analysis.records if r.served]
    assert len(waits) > 30
    assert min(waits) >= 0


@pytest.mark.parametrize("date", ["2026-03-29", "2026-10-25"])
def test_on_nights_when_the_clock_changes_hours_add_up(grid: Network, date: str) -> None:
    file = changed(grid_scenario(40), {"date": date})
    result = drive(grid, file)
    hours = result.tables["hours"]
    assert hours["vehicle_km"].sum() == pytest.approx(result.figures["vehicle_km"])
    assert result.figures["vehicles"] == 3
    assert result.figures["staffed_hours"] + result.figures["break_hours"] == pytest.approx(48)


def test_snow_that_everybody_knows_of_breaks_no_promise(grid: Network) -> None:
    slow, usual = drive(grid, grid_scenario(slower=1.5)), drive(grid, grid_scenario())
    assert slow.figures["pickup_kept"] == slow.figures["arrival_kept"] == 1.0
    assert slow.figures["in_vehicle_mean_s"] > usual.figures["in_vehicle_mean_s"]


def test_riders_weigh_what_they_are_offered(grid: Network) -> None:
    file = grid_scenario()
    choosy = changed(file, {"riders.choice": "logit", "riders.too_much": 1.5})
    patient = changed(file, {"riders.choice": "logit", "riders.too_much": 50.0})
    walked_away = drive(grid, choosy).figures["offered_not_taken"]
    assert walked_away > 10
    assert drive(grid, patient).figures["offered_not_taken"] == 0


def test_who_asks_again_counts_once(grid: Network) -> None:
    file = changed(grid_scenario(300), {"riders.alternatives_share": 1.0})
    persistent, plain = drive(grid, file, vehicles=1), drive(grid, grid_scenario(300), vehicles=1)
    assert persistent.figures["requests"] == plain.figures["requests"] == 300
    assert len(persistent.day.repeated) > 5
    assert persistent.figures["accepted"] > plain.figures["accepted"]


def test_a_forged_day_is_found_out(grid: Network) -> None:
    """The independent check sees each kind of fault when it is put into a sound day."""
    result = drive(grid, grid_scenario())
    faults = lambda day: DrivenDay(result.config, grid, calm=True).faults(day)  # noqa: E731
    assert faults(result.day) == []
    halts = result.analysis.book.visits_served  # where people got on or off: no breaks

    def forged(kind: type, **changes: Any) -> list[str]:
        events = list(result.day.events)
        at = max(
            k
            for k, (_, e) in enumerate(events)
            if isinstance(e, kind) and getattr(e, "visit_id", "") in {"", *halts}
        )
        moved = {k: v(getattr(events[at][1], k)) for k, v in changes.items()}
        events[at] = (events[at][0], replace(events[at][1], **moved))
        return faults(replace(result.day, events=events))

    def without(kind: type) -> list[str]:
        events = list(result.day.events)
        del events[max(k for k, (_, e) in enumerate(events) if isinstance(e, kind))]
        return faults(replace(result.day, events=events))

    assert any("neither driven" in f for f in without(ev.RiderAlighted))
    assert any("without having boarded" in f for f in without(ev.RiderBoarded))
    assert any("too soon" in f for f in forged(ev.VisitArrived, at_s=lambda s: s - 7200))
    assert any("late" in f for f in forged(ev.VisitArrived, at_s=lambda s: s + 9000))
    assert any("before its window" in f for f in forged(ev.RiderBoarded, at_s=lambda s: s - 9000))
    assert any("instead of" in f for f in forged(ev.RiderBoarded, visit_id=lambda _: "elsewhere"))
    assert any("should not be" in f for f in forged(ev.BookingMade, booking=_on_another_shift))
    assert any("too full" in f for f in forged(ev.BookingMade, booking=_too_many))


def _on_another_shift(booking: Booking) -> Booking:
    return replace(booking, shift_id="another")


def _too_many(booking: Booking) -> Booking:
    return replace(booking, party=Party(seats=50))


BREAKDOWNS = {"breakdowns_per_vehicle_day": 6.0, "breakdown_s": (1200, 4800)}


def test_riders_of_broken_down_vehicles_get_others(grid: Network) -> None:
    """Out of service and back by the same commands as live, checked after every decision."""
    result = drive(grid, grid_scenario(120, **BREAKDOWNS), seed=0)
    events = [event for _, event in result.day.events]
    out = [e for e in events if isinstance(e, ev.VehicleTakenOut)]
    back = [e for e in events if isinstance(e, ev.VehicleReturned)]
    assert len(out) > 10
    assert len(back) == len(out)
    figures = result.figures
    lost = {e.booking_id for e in events if isinstance(e, ev.BookingDisplaced)}
    taken_on = {e.booking_id for e in events if isinstance(e, ev.BookingReplanned) and e.rescue}
    assert figures["displaced"] == len(lost) > 10
    assert figures["rescued"] == len(taken_on) > 0
    assert figures["unfinished"] == figures["abandoned"] == 0
    patient = drive(grid, grid_scenario(120, **BREAKDOWNS, out_of_service_after_s=86_400), seed=0)
    assert patient.figures["displaced"] == patient.figures["rescued"] == 0
    assert not any(isinstance(e, ev.VehicleTakenOut) for _, e in patient.day.events)
    assert figures["pickup_late_mean_s"] < patient.figures["pickup_late_mean_s"]


def test_breakdowns_are_the_same_every_time(grid: Network) -> None:
    first, second = (
        run_in(grid_scenario(60, **BREAKDOWNS), grid_config(vehicles=3), grid, seed=7).log
        for _ in range(2)
    )
    assert first == second
    assert b"VehicleTakenOut" in first
