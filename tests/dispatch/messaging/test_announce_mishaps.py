"""What riders are told when their vehicle cannot carry them: that, and who will, once each."""

from pathlib import Path

from told_town import ToldTown, sending, wait_until

from dispatch.domain import commands as cmd

HOUR_S = 3600


def break_down(town: ToldTown, vehicle_id: str) -> None:
    town.do(cmd.TakeOutOfService(vehicle_id, "breakdown"))


def test_riders_at_the_stop_are_told_who_comes_instead(town: ToldTown) -> None:
    booking = town.book()
    broken = town.shift(booking.id).vehicle_id
    break_down(town, broken)
    kinds = town.told(booking.id)
    assert kinds == ["confirmed", "rescued"]  # the other van takes over in the same decision
    facts = town.facts(booking.id)
    assert facts["told_vehicle_id"] == town.shift(booking.id).vehicle_id != broken
    assert facts["told"] == [town.planned_s(booking.id)] * 2
    town.later(5)
    assert town.told(booking.id) == kinds


def test_riders_whom_nobody_can_carry_are_told_so_once(town: ToldTown) -> None:
    booking = town.book()
    for shift in town.active():
        break_down(town, shift.vehicle_id)
    kinds = town.told(booking.id)
    assert kinds[-1] == "displaced"
    assert town.facts(booking.id)["reason"] == "breakdown"
    for _ in range(5):
        town.later(60)
    assert town.told(booking.id) == kinds


def test_riders_on_board_are_told_where_to_wait(town: ToldTown) -> None:
    booking = town.book(0, 60)
    shift = town.shift(booking.id)
    town.until(max(town.planned_s(booking.id), booking.promise.pickup_from_s))
    town.do(cmd.ReportArrived(shift.vehicle_id, town.shift(booking.id).visits[0].id))
    town.do(cmd.ReportBoarded(booking.id))
    before = town.told(booking.id)
    town.later(20)
    break_down(town, shift.vehicle_id)
    assert town.told(booking.id) == [*before, "rescued"]
    facts = town.facts(booking.id)
    assert facts["aboard"]
    assert facts["told_vehicle_id"] != shift.vehicle_id


def test_whose_ride_is_tomorrow_need_not_know(town: ToldTown) -> None:
    booking = town.book(depart_at_s=town.now_s + 3 * HOUR_S)
    break_down(town, town.shift(booking.id).vehicle_id)
    moved = town.planned_s(booking.id)
    within = booking.promise.pickup_from_s <= moved <= booking.promise.pickup_to_s
    assert town.told(booking.id) == (["confirmed"] if within else ["confirmed", "rescued"])


def test_a_new_leader_does_not_repeat_it(town: ToldTown) -> None:
    booking = town.book()
    for shift in town.active():
        break_down(town, shift.vehicle_id)
    kinds = town.told(booking.id)
    town.restart()
    town.later(60)
    assert town.told(booking.id) == kinds


def test_a_rescued_rider_gets_one_letter_per_change(town: ToldTown, tmp_path: Path) -> None:
    booking = town.book()
    with sending([town.messenger(tmp_path) for _ in range(2)]):
        break_down(town, town.shift(booking.id).vehicle_id)
        town.later(30)
        town.do(cmd.CancelBooking(booking.id, "rider"))
        wait_until(lambda: not town.sql("SELECT id FROM message WHERE state = 'pending'"))
    assert town.told(booking.id) == ["confirmed", "rescued", "cancelled"]
    sent = [kind for kind, state in town.states() if state == "sent"]
    assert sent[-1] == "cancelled"
    assert len(list(tmp_path.glob("*.eml"))) == len(sent) == len(set(sent))
    assert {state for _, state in town.states()} <= {"sent", "superseded"}
