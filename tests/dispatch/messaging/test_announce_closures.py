"""What riders are told when a stop of theirs is closed: where to go instead, once."""

from told_town import ToldTown

from dispatch.domain import commands as cmd
from dispatch.domain.closures import ClosureWish

HOUR_S = 3600


def close(town: ToldTown, stop_id: str) -> None:
    town.do(cmd.Close(ClosureWish(None, None, "works", stop_id=stop_id)))


def test_a_closed_stop_is_told_with_the_one_that_is_used_instead(town: ToldTown) -> None:
    booking = town.book(4, 34, depart_at_s=town.now_s + 2 * HOUR_S)
    close(town, booking.promise.pickup_stop_id)
    town.later(5)
    assert town.told(booking.id) == ["confirmed", "stops_moved"]
    facts = town.facts(booking.id)
    instead = town.booking(booking.id).promise.pickup_stop_id
    assert facts["from"] == instead != booking.promise.pickup_stop_id
    assert facts["to"] == booking.promise.dropoff_stop_id


def test_who_is_on_board_is_told_where_to_get_off(town: ToldTown) -> None:
    booking = town.book(0, 60)
    shift = town.shift(booking.id)
    town.until(max(town.planned_s(booking.id), booking.promise.pickup_from_s))
    town.do(cmd.ReportArrived(shift.vehicle_id, town.shift(booking.id).visits[0].id))
    town.do(cmd.ReportBoarded(booking.id))
    before = town.told(booking.id)
    close(town, booking.promise.dropoff_stop_id)
    assert town.told(booking.id) == [*before, "dropoff_moved"]
    assert town.facts(booking.id)["to"] == town.booking(booking.id).promise.dropoff_stop_id


def test_a_closed_street_that_changes_no_stop_is_no_news_inside_the_window(town: ToldTown) -> None:
    booking = town.book(depart_at_s=town.now_s + 2 * HOUR_S)
    town.do(cmd.Close(ClosureWish(None, None, "works", street="Querweg 4")))
    assert town.told(booking.id) == ["confirmed"]
