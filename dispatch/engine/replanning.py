"""New vehicles for riders who have lost theirs: in time, or as little late as possible."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dispatch.domain import events as ev
from dispatch.domain.model import Booking, BookingStatus, Shift, Spot
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.batching import Batches
from dispatch.engine.closed_roads import by_roads
from dispatch.engine.displacement import Displacer, NearStop, closed_stops
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.problem import (
    Planning,
    plan_booking,
    planning,
    request_for,
    rests_on_the_road,
    takes_riders,
)
from dispatch.engine.proposals import Proposals
from dispatch.engine.visits import PlanWriter, scheduled
from dispatch.engine.wishes import direct_ride_s
from routing import plans

_SOON_S = 3600
"""So long before the promised pick-up, late is better than waiting for room inside the promise."""
_LATE_MIN = (0, 2, 4, 6, 8, 10, 13, 16, 20, 25, 30, 40, 50, 60, 80, 100, 120, 150, 180, 240)
"""Steps in which lateness is accepted, in minutes; within a step the cheapest place is taken."""
_OVERTIME_S = 3600
"""How much longer a shift may last so that nobody is left in the street."""
_GIVE_UP_S = 4 * 3600
"""So long after the latest promised arrival nobody expects to be carried any more."""


class Replanner:
    """Finds vehicles for displaced bookings; whom it cannot place it leaves displaced."""

    def __init__(self, config: ServiceConfig, network: Network) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)
        self._batches = Batches(config, network)
        self._displacer = Displacer(config, network)
        self._proposals = Proposals(config, network)

    def tick(self, draft: Draft) -> None:
        """Try all displaced bookings again; give up those that have become pointless."""
        for booking in _displaced(draft):
            if booking.promise.arrival_latest_s + _GIVE_UP_S < draft.now_s:
                draft.emit(ev.BookingCancelled(booking.id, draft.now_s, by="service"))
        self.retry(draft, search=False)

    def retry(self, draft: Draft, *, search: bool = True) -> None:
        """Place as many displaced bookings as there is room for, those in the street first.

        Args:
            draft: where it happens.
            search: whether others may be moved inside their promises to make room.
        """
        self._leave_closed_stops(draft)
        left = [b for b in _displaced(draft) if not self._place_in_time(draft, b)]
        if left and search and self._config.rules.joint_iterations:
            self._make_room(draft, left)
        for booking in left:
            urgent = booking.rescues or booking.in_force.pickup_from_s - _SOON_S <= draft.now_s
            still = draft.state.bookings[booking.id].status is BookingStatus.DISPLACED
            if urgent and still:
                self._place_late(draft, booking)

    def _leave_closed_stops(self, draft: Draft) -> None:
        """Who has no vehicle, and a stop that is closed then, gets on or off at another one."""
        for booking in _displaced(draft) if draft.state.closures else ():
            terms = booking.in_force
            from_s = max(draft.now_s, terms.pickup_from_s)
            closed = closed_stops(self._network, draft, from_s, terms.arrival_latest_s)
            pickup = self._open_stop(draft, booking, terms.pickup_stop_id, closed)
            dropoff = self._open_stop(draft, booking, terms.dropoff_stop_id, closed)
            if pickup.walk_m + dropoff.walk_m > 0:
                walk_s = self._config.rules.walk_s(pickup.walk_m + dropoff.walk_m)
                draft.emit(
                    ev.BookingStopsMoved(
                        booking.id,
                        pickup.stop_id,
                        dropoff.stop_id,
                        booking.walk_s + walk_s,
                        draft.now_s,
                    )
                )

    def _open_stop(
        self, draft: Draft, booking: Booking, stop_id: str, closed: frozenset[str]
    ) -> NearStop:
        """The nearest open stop to one of a booking's; itself if it is open, or there is none."""
        stop, terms = self._network.stop(stop_id), booking.in_force
        if stop is None or stop_id not in closed:
            return NearStop(stop_id, 0)
        besides = closed | {terms.pickup_stop_id, terms.dropoff_stop_id}
        near = self._displacer.nearest(draft, Spot(stop.lon, stop.lat), besides)
        return near or NearStop(stop_id, 0)

    def _place_in_time(self, draft: Draft, booking: Booking) -> bool:
        """Give a booking to the vehicle that keeps what was promised at the least cost."""
        record = plan_booking(self._config, self._network, booking)
        if record.pickup_latest_s < draft.now_s:
            return False
        plannings = self._plannings(draft, self._shifts(draft, booking, record.pickup_latest_s))
        return self._placed(draft, booking, plannings, request_for(record))

    def _place_late(self, draft: Draft, booking: Booking) -> bool:
        """Give a booking to a vehicle that is there soonest, past what was promised."""
        record, now_s = plan_booking(self._config, self._network, booking), draft.now_s
        pickup_s = max(record.pickup_latest_s, now_s)
        direct_s = direct_ride_s(
            self._network, record.pickup_stop, record.dropoff_stop, pickup_s, now_s
        )
        halt_s = self._config.rules.boarding_stop_s + record.board_s
        arrival_s = max(record.arrival_latest_s, now_s + halt_s + direct_s)
        asks = [
            request_for(
                replace(
                    record,
                    pickup_latest_s=pickup_s + late_min * 60,
                    arrival_latest_s=arrival_s + late_min * 60,
                )
            )
            for late_min in _LATE_MIN
        ]
        shifts = self._shifts(draft, booking, asks[-1].pairs[0].pickup_latest_s)
        longer = [replace(s, end_s=s.end_s + _OVERTIME_S) for s in shifts]
        for crew in (shifts, longer):
            plannings = self._plannings(draft, crew)
            if self._best(plannings, booking, asks[-1]) is not None:
                return any(self._placed(draft, booking, plannings, ask) for ask in asks)
        return False

    def _plannings(self, draft: Draft, shifts: Sequence[Shift]) -> list[Planning]:
        """The problems of these shifts, one for each set of roads that they drive on."""
        return [
            planning(self._config, self._network, draft.state, group, draft.now_s, roads=roads)
            for roads, group in by_roads(self._network, draft.state.closures, shifts)
        ]

    def _shifts(self, draft: Draft, booking: Booking, latest_s: int) -> list[Shift]:
        """Shifts that may be given the booking, by id."""
        state, party = draft.state, booking.party
        able = {
            vehicle.id
            for vehicle in self._config.vehicles
            if any(c.holds(party.seats, party.wheelchairs) for c in vehicle.configurations)
        }
        return [
            shift
            for shift in state.shifts.values()
            if shift.vehicle_id in able
            and shift.start_s <= latest_s
            and shift.end_s + _OVERTIME_S > booking.in_force.pickup_from_s
            and takes_riders(self._config, state, shift, draft.now_s)
        ]

    def _best(
        self, plannings: Sequence[Planning], booking: Booking, wanted: plans.Request
    ) -> tuple[Planning, plans.Insertion] | None:
        """Where a booking costs least; None if there is no room for it."""
        ends, best = {booking.in_force.pickup_stop_id, booking.in_force.dropoff_stop_id}, None
        for now in plannings:
            if not now.network.cut_off.isdisjoint(ends):
                continue
            found = plans.best_insertions(now.problem, wanted)
            if len(found) and (best is None or found[0].cost < best[1].cost):
                best = (now, found[0])
        return best

    def _placed(
        self, draft: Draft, booking: Booking, plannings: Sequence[Planning], wanted: plans.Request
    ) -> bool:
        """Put a booking where it costs least, if there is room for it."""
        best = self._best(plannings, booking, wanted)
        if best is None:
            return False
        now, insertion = best
        v = insertion.vehicle
        alone = plans.alone(now.problem, v)
        route = plans.route_with(alone, 0, wanted, insertion._replace(vehicle=0))
        actions = scheduled(now.network, route.problem, 0, route.schedule)
        shift = draft.state.shifts[now.shifts[v].id]
        self._tell(draft, booking, shift, insertion.pickup_start_s, insertion.dropoff_start_s)
        self._writer.adopt(draft, now.shifts[v], now.where[v], actions)
        return True

    def _make_room(self, draft: Draft, left: Sequence[Booking]) -> None:
        """Search the plans around for room inside the promises, with others moved inside theirs."""
        in_time = [b for b in left if b.in_force.pickup_to_s >= draft.now_s]
        now = self._batches.around(draft.state, in_time, draft.now_s) if in_time else None
        if now is None:
            return
        records = (plan_booking(self._config, self._network, b) for b in in_time)
        wanted = [request_for(record) for record in records]
        iterations = self._config.rules.joint_iterations
        found = plans.improve(now.problem, wanted, iterations=iterations, seed=draft.now_s)
        if not found.served or rests_on_the_road(found.problem):
            return
        for v, starts_s in self._starts(found.problem, found.served):
            for booking_id, (pickup_s, arrival_s) in starts_s.items():
                booking = draft.state.bookings[booking_id]
                self._tell(draft, booking, now.shifts[v], pickup_s, arrival_s)
        self._proposals.put(draft, now, found.problem)

    def _starts(
        self, problem: plans.Problem, served: Mapping[str, int]
    ) -> list[tuple[int, dict[str, tuple[int, int]]]]:
        """By vehicle: when the newly placed bookings are picked up and arrive."""
        result = []
        for v, vehicle in enumerate(problem.vehicles):
            ids = [a.booking for a in vehicle.route if a.kind == "pickup" and a.booking in served]
            if ids:
                begins = plans.evaluate(problem, v).start_s.tolist()
                at_s = dict(zip(vehicle.route, begins, strict=True))
                times = {
                    i: (at_s[plans.Action("pickup", i)], at_s[plans.Action("dropoff", i)])
                    for i in ids
                }
                result.append((v, times))
        return result

    def _tell(
        self, draft: Draft, booking: Booking, shift: Shift, pickup_s: int, arrival_s: int
    ) -> None:
        """Record who carries a displaced booking now, when, and by how much that is too late."""
        record, rescue = plan_booking(self._config, self._network, booking), booking.rescues > 0
        late_s = max(0, arrival_s - record.arrival_latest_s)
        if not rescue:
            late_s = max(late_s, pickup_s - booking.promise.pickup_to_s)
        draft.emit(
            ev.BookingReplanned(
                booking_id=booking.id,
                from_shift_id=booking.shift_id,
                shift_id=shift.id,
                vehicle_id=shift.vehicle_id,
                at_s=draft.now_s,
                rescue=rescue,
                stop_id=booking.in_force.pickup_stop_id,
                pickup_s=pickup_s,
                arrival_s=arrival_s,
                late_s=late_s,
            )
        )


def _displaced(draft: Draft) -> list[Booking]:
    """Bookings without a vehicle: riders who have got off first, then by promised pick-up."""
    found = [b for b in draft.state.bookings.values() if b.status is BookingStatus.DISPLACED]
    return sorted(found, key=lambda b: (b.rescues == 0, b.in_force.pickup_to_s, b.id))
