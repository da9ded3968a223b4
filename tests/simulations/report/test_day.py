"""What vehicles were doing, from the legs that they drove."""

from collections.abc import Sequence

import pytest

from simulations.report.day import STATES, Driven, VehicleDay, counts, view_of, without
from simulations.report.sections import vehicle_table
from simulations.report.words import words
from simulations.runner import Result
from simulations.world import Leg


def vehicle(legs: Sequence[Leg], standstills: Sequence[tuple[int, int]] = ()) -> VehicleDay:
    return VehicleDay(
        vehicle_id="v",
        name="Van",
        shifts=[(0, 1000)],
        breaks=[(900, 960)],
        standstills=standstills,
        legs=[Driven(leg, len(leg.booking_ids)) for leg in legs],
        stays=[],
        served=[],
    )


def test_pieces_outside_of_holes() -> None:
    assert without((0, 10), []) == [(0, 10)]
    assert without((0, 10), [(2, 3), (5, 12)]) == [(0, 2), (3, 5)]
    assert without((5, 8), [(0, 6), (8, 9)]) == [(6, 8)]
    assert without((5, 8), [(0, 9)]) == []


def test_a_vehicle_is_in_one_state_at_a_time() -> None:
    legs = [Leg("s", 100, 200, 10, ()), Leg("s", 200, 400, 10, ("a", "b"))]
    found = counts([vehicle(legs, [(300, 350)])], [50, 150, 250, 320, 360, 930, 2000])
    shown = [next((s for s in STATES if found[s][i]), None) for i in range(7)]
    assert shown == ["standing", "empty", "2", "broken", "2", "break", None]


def test_time_on_shift_is_all_accounted_for(small_day: Result) -> None:
    view = view_of(small_day)
    instants = list(range(view.from_s, view.to_s, 60))
    found = counts(view.vehicles, instants)
    for number, instant in enumerate(instants):
        on_shift = sum(any(a <= instant < b for a, b in v.shifts) for v in view.vehicles)
        assert sum(found[state][number] for state in STATES) >= on_shift


def test_who_stays_on_board_at_a_halt_boarded_before_and_alights_after(small_day: Result) -> None:
    view = view_of(small_day)
    for van in view.vehicles:
        for from_s, to_s, persons in van.stays:
            during = [
                r
                for r in view.records
                if r.served and (r.boarded_s or 0) <= from_s and to_s <= (r.arrived_s or 0)
            ]
            sure = sum(r.persons for r in during if r in van.served and not r.rescued)
            changing = sum(r.persons for r in during if r.rescued)  # here, or in another vehicle
            assert persons > 0
            assert sure <= persons <= sure + changing


def test_vehicles_add_up_to_the_fleet(small_day: Result) -> None:
    view, figures = view_of(small_day), small_day.figures
    assert sum(v.length_m for v in view.vehicles) / 1000 == pytest.approx(figures["vehicle_km"])
    assert sum(v.staffed_s for v in view.vehicles) / 3600 == pytest.approx(figures["staffed_hours"])
    passengers = sum(r.persons for v in view.vehicles for r in v.served)
    assert passengers == figures["passengers_served"]
    assert len(vehicle_table(view, words("en")).rows) == figures["vehicles"]
