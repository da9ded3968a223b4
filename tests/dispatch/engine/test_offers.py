"""What riders are offered, refused and promised."""

from dataclasses import replace

import pytest
from desk import TUESDAY_9_S, Desk
from tiny_town import ZONE, grid_config

from dispatch.domain import commands as cmd
from dispatch.domain.errors import DomainError, ErrorCode, RefusalCode
from dispatch.domain.model import OfferKind, Party, RequestStatus, Spot
from dispatch.domain.rules import Rules
from dispatch.engine import Network


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid)


def refusal_code(desk: Desk, **ask: object) -> str:
    request = desk.ask(0, 30, **ask)  # type: ignore[arg-type]
    assert request.status is RequestStatus.REFUSED
    assert request.refusal is not None
    assert request.offers == ()
    return request.refusal.code


def test_a_ride_now_is_promised_within_half_an_hour(desk: Desk) -> None:
    request = desk.ask(0, 30)
    offer = request.offers[0]
    assert offer.kind is OfferKind.EARLIEST
    assert desk.now_s <= offer.promise.pickup_from_s <= offer.planned_pickup_s
    assert offer.planned_pickup_s <= min(offer.promise.pickup_to_s, desk.now_s + 1800)
    assert offer.planned_arrival_s <= offer.promise.arrival_latest_s
    assert offer.promise.max_ride_s == int(1.5 * offer.direct_s) + 600
    assert offer.expires_at_s == desk.now_s + 120


def test_windows_are_on_whole_minutes_and_never_narrower_than_planned(desk: Desk) -> None:
    desk.now_s += 17
    promise = desk.ask(0, 30).offers[0].promise
    assert promise.pickup_to_s % 60 == 0
    assert promise.arrival_latest_s % 60 == 0


def test_no_pickup_is_promised_before_the_wished_departure(desk: Desk) -> None:
    wish_s = TUESDAY_9_S + 3 * 3600 + 7
    for offer in desk.ask(0, 30, depart_at_s=wish_s).offers:
        assert offer.promise.pickup_from_s >= wish_s


def test_an_arrival_is_kept_with_the_last_walk_included(desk: Desk) -> None:
    arrive_by_s = TUESDAY_9_S + 4 * 3600
    far = desk.stop(30)
    command = cmd.RequestRide(
        desk.stop(0), Spot(far.lon + 0.0006, far.lat), Party(1), arrive_by_s=arrive_by_s
    )
    desk.do(command)
    offer = next(iter(desk.state.offers.values()))
    assert offer.promise.arrival_latest_s + offer.dropoff_walk_m / 1.2 <= arrive_by_s + 1
    assert arrive_by_s - offer.planned_arrival_s < 20 * 60, "not needlessly early"
    assert offer.promise.pickup_to_s + offer.direct_s <= offer.promise.arrival_latest_s


def test_an_arrival_is_kept_with_getting_off_included(desk: Desk) -> None:
    arrive_by_s, party = TUESDAY_9_S + 4 * 3600, Party(1, 1)
    offer = desk.ask(0, 30, party=party, arrive_by_s=arrive_by_s).offers[0]
    rules = desk.config.rules
    off_s = offer.promise.arrival_latest_s + rules.boarding_stop_s + rules.board_s(party)
    assert off_s <= arrive_by_s
    assert arrive_by_s - offer.planned_arrival_s < 20 * 60, "not needlessly early"


def test_a_less_walking_offer_walks_less(desk: Desk) -> None:
    near = desk.stop(10)
    east = Spot(near.lon + 0.0018, near.lat)
    desk.do(cmd.RequestRide(east, desk.stop(40), Party(1)))
    request = next(iter(desk.state.requests.values()))
    walks = {offer.kind: offer.pickup_walk_m + offer.dropoff_walk_m for offer in request.offers}
    if OfferKind.LEAST_WALKING in walks:
        assert walks[OfferKind.LEAST_WALKING] < walks[OfferKind.EARLIEST]


def test_the_night_is_refused_with_the_first_possible_time(desk: Desk) -> None:
    night_s = desk.config.hours.instant(desk.config.hours.local_date(TUESDAY_9_S), 5 * 60 + 20)
    request = desk.ask(0, 30, depart_at_s=night_s + 86_400)
    assert request.refusal is not None
    assert request.refusal.code == RefusalCode.OUTSIDE_SERVICE_HOURS
    first = request.refusal.alternatives[0]
    assert night_s + 86_400 < first.depart_at_s <= night_s + 86_400 + 3600
    again = desk.ask(0, 30, depart_at_s=first.depart_at_s)
    assert again.offers, "an alternative is a time at which there is an offer"


def test_an_arrival_that_needs_a_ride_before_opening_is_outside_hours(desk: Desk) -> None:
    opening_s = desk.config.hours.instant(desk.config.hours.local_date(TUESDAY_9_S), 6 * 60)
    code = refusal_code(desk, arrive_by_s=opening_s + 86_400 + 60)
    assert code == RefusalCode.OUTSIDE_SERVICE_HOURS


def test_who_must_be_in_time_is_told_of_a_ride_that_is(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=1))
    arrive_by_s = TUESDAY_9_S + 4 * 3600
    for turn in range(30):  # one corner of the town fills the hour before
        wish_s = arrive_by_s - 3000 + turn * 90
        request = desk.ask(turn, turn + 20, party=Party(4), depart_at_s=wish_s)
        if request.offers:
            desk.take(request.offers[0])
    request = desk.ask(0, 30, party=Party(4), arrive_by_s=arrive_by_s)
    assert request.refusal is not None
    assert request.refusal.code == RefusalCode.NO_CAPACITY
    first = request.refusal.alternatives[0]
    assert first.arrival_latest_s < arrive_by_s
    assert desk.ask(0, 30, party=Party(4), depart_at_s=first.depart_at_s).offers
    later = [a for a in request.refusal.alternatives if a.arrival_latest_s > arrive_by_s]
    assert len(later) == len(request.refusal.alternatives) - 1


def test_a_party_no_vehicle_can_hold_is_refused(desk: Desk) -> None:
    assert refusal_code(desk, party=Party(4, 1)) == RefusalCode.NO_SUITABLE_VEHICLE


def test_a_full_fleet_is_refused_as_no_capacity(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=1))
    codes = set()
    for turn in range(12):
        request = desk.ask(turn, turn + 20, party=Party(4))
        if request.refusal:
            codes.add(request.refusal.code)
        else:
            desk.take(request.offers[0])
    assert codes == {RefusalCode.NO_CAPACITY}


def test_outside_the_area_and_far_from_stops(desk: Desk) -> None:
    from shapely import box  # noqa: PLC0415 - only here

    network = replace(desk.network, area=box(8.0, 51.75, 8.04, 51.78))
    desk = Desk(network)
    away, home = Spot(8.2, 51.76), Spot(8.02, 51.7701)
    desk.do(cmd.RequestRide(away, home, Party(1)))
    desk.do(cmd.RequestRide(home, away, Party(1)))
    desk.do(cmd.RequestRide(Spot(8.0125, 51.7512), home, Party(1), max_walk_m=20))
    codes = [r.refusal.code for r in desk.state.requests.values() if r.refusal]
    assert codes == [
        RefusalCode.ORIGIN_OUTSIDE_AREA,
        RefusalCode.DESTINATION_OUTSIDE_AREA,
        RefusalCode.NO_STOP_NEAR_ORIGIN,
    ]


def test_next_door_is_refused_as_too_short(desk: Desk) -> None:
    spot = desk.stop(5)
    desk.do(cmd.RequestRide(spot, Spot(spot.lon + 0.001, spot.lat), Party(1)))
    request = next(iter(desk.state.requests.values()))
    assert request.refusal is not None
    assert request.refusal.code == RefusalCode.TOO_SHORT


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"party": Party(0)}, ErrorCode.EMPTY_PARTY),
        ({"party": Party(9)}, ErrorCode.PARTY_TOO_LARGE),
        ({"party": Party(1, 2)}, ErrorCode.PARTY_TOO_LARGE),
        ({"depart_at_s": TUESDAY_9_S - 3600}, ErrorCode.DEPARTURE_IN_PAST),
        ({"arrive_by_s": TUESDAY_9_S}, ErrorCode.ARRIVAL_IN_PAST),
        ({"depart_at_s": TUESDAY_9_S + 8 * 86_400}, ErrorCode.TOO_FAR_AHEAD),
        ({"origin": Spot(8.0, 51.75, "nowhere")}, ErrorCode.UNKNOWN_STOP),
        ({"origin": Spot(8.0, 51.75, "depot")}, ErrorCode.STOP_NOT_BOOKABLE),
    ],
)
def test_nonsense_is_an_error_and_changes_nothing(
    desk: Desk, change: dict[str, object], code: ErrorCode
) -> None:
    command = cmd.RequestRide(desk.stop(0), desk.stop(30), Party(1))
    with pytest.raises(DomainError) as caught:
        desk.do(replace(command, **change))  # type: ignore[arg-type]
    assert caught.value.code is code
    assert not desk.state.requests


def test_an_offer_expires_and_is_taken_only_once(desk: Desk) -> None:
    request = desk.ask(0, 30)
    booking = desk.take(request.offers[0])
    assert booking.promise == request.offers[0].promise
    with pytest.raises(DomainError) as caught:
        desk.take(request.offers[0])
    assert caught.value.code is ErrorCode.ALREADY_BOOKED
    late = desk.ask(1, 25)
    desk.now_s += 121
    with pytest.raises(DomainError) as caught:
        desk.take(late.offers[0])
    assert caught.value.code is ErrorCode.OFFER_EXPIRED
    desk.do(cmd.Tick())
    assert desk.state.requests[late.id].status is RequestStatus.LAPSED
    with pytest.raises(DomainError) as caught:
        desk.do(cmd.AcceptOffer("of_unknown", "rd_1"))
    assert caught.value.code is ErrorCode.OFFER_NOT_FOUND


def test_an_offer_whose_room_is_gone_is_refused(grid: Network) -> None:
    desk = Desk(grid, grid_config(vehicles=1))
    requests = [desk.ask(turn, turn + 20, party=Party(4)) for turn in range(8)]
    codes = []
    for request in requests:
        try:
            desk.take(request.offers[0])
        except DomainError as error:
            codes.append(error.code)
    assert set(codes) == {ErrorCode.OFFER_NO_LONGER_AVAILABLE}


def test_price_is_a_flat_table(desk: Desk) -> None:
    assert desk.ask(0, 30).offers[0].price_cents == 250
    assert desk.ask(0, 30, party=Party(3)).offers[0].price_cents == 650
    assert desk.ask(0, 30, party=Party(1, 1)).offers[0].price_cents == 250


def test_clocks_change_and_rides_are_still_promised(grid: Network) -> None:
    from datetime import datetime  # noqa: PLC0415 - only here

    saturday_s = int(datetime(2026, 3, 28, 9, 0, tzinfo=ZONE).timestamp())
    desk = Desk(grid, grid_config(rules=Rules()), now_s=saturday_s)
    sunday_eight = datetime(2026, 3, 29, 8, 0, tzinfo=ZONE)
    offer = desk.ask(0, 30, depart_at_s=int(sunday_eight.timestamp())).offers[0]
    shown = datetime.fromtimestamp(offer.promise.pickup_from_s, ZONE)
    assert (shown.day, shown.hour) == (29, 8)


def test_traffic_is_known_as_far_ahead_as_rides_can_be_booked(grid: Network) -> None:
    from datetime import datetime  # noqa: PLC0415 - only here

    desk = Desk(grid, grid_config(rules=Rules(bookable_ahead_days=20, shifts_ahead_days=21)))
    rides_s = []
    for hour in (8, 11):  # the grid's weekday rush is at 8
        depart = datetime(2026, 3, 27, hour, 10, tzinfo=ZONE)
        offer = desk.ask(0, 30, depart_at_s=int(depart.timestamp())).offers[0]
        rides_s.append(offer.direct_s)
    assert rides_s[0] > 1.2 * rides_s[1]


def test_an_arrival_too_soon_for_any_ride_says_so(desk: Desk) -> None:
    request = desk.ask(0, 30, arrive_by_s=desk.now_s + 120)
    assert request.refusal is not None
    assert request.refusal.code == RefusalCode.ARRIVAL_TOO_SOON
    assert request.refusal.alternatives, "later is possible"


def test_wheelchairs_are_not_sent_past_a_nearer_stop(desk: Desk) -> None:
    near = desk.stop(10)
    spot = Spot(near.lon + 0.0018, near.lat)
    desk.do(cmd.RequestRide(spot, desk.stop(40), Party(0, 1)))
    request = next(iter(desk.state.requests.values()))
    nearest = desk.network.stops_near(spot, 300)[0]
    assert request.offers
    for offer in request.offers:
        stop_id = desk.network.stops[nearest[0]].id
        close = offer.pickup_walk_m <= desk.config.rules.max_walk_reduced_m
        assert close or offer.promise.pickup_stop_id == stop_id


@pytest.mark.parametrize("minutes", [5 * 60 + 30, 21 * 60 + 58])
def test_a_departure_at_the_edge_of_the_day_is_outside_hours(desk: Desk, minutes: int) -> None:
    day = desk.config.hours.local_date(TUESDAY_9_S + 86_400)
    request = desk.ask(0, 30, depart_at_s=desk.config.hours.instant(day, minutes))
    assert request.refusal is not None
    assert request.refusal.code == RefusalCode.OUTSIDE_SERVICE_HOURS
