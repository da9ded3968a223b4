"""The open state as a planning problem for `routing.plans`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import is_
from typing import Literal
from weakref import WeakKeyDictionary

from dispatch.domain.model import (
    ActionKind,
    Booking,
    BookingStatus,
    Party,
    Shift,
    ShiftStatus,
    Visit,
)
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State
from dispatch.engine.closed_roads import common_roads
from dispatch.engine.network import Network
from dispatch.engine.whereabouts import Whereabouts, locate, rested
from routing import plans
from routing.roads.graph import Place

_KIND: dict[ActionKind, Literal["pickup", "dropoff"]] = {
    ActionKind.PICKUP: "pickup",
    ActionKind.DROPOFF: "dropoff",
}

_ENOUGH = ((1000, 1000),)
"""Of a vehicle that has left the fleet: what it has promised fitted, and nothing new is added."""


_REMEMBERED_MAX = 50_000
"""Shifts and bookings; far more than are ever open, so that what is over does not pile up."""


@dataclass(frozen=True, slots=True)
class _Fixed:
    """What of a shift's planning record does not depend on the hour."""

    end_stop: int
    configurations: tuple[tuple[int, int], ...]
    route: tuple[plans.Action, ...]
    breaks: tuple[plans.Break, ...]


@dataclass(frozen=True, slots=True)
class _Riders:
    """Who is on a shift's plan, as values and as planning records."""

    visits: tuple[Visit, ...]
    ids: tuple[str, ...]
    bookings: tuple[Booking, ...]
    records: tuple[plans.Booking, ...]
    pinned: frozenset[str]


@dataclass(slots=True)
class _Memory:
    """Records as they were made last, beside the very values they were made from.

    Values are never changed, so a record is good for as long as its value is the same object.
    """

    config: ServiceConfig
    bookings: dict[str, tuple[Booking, plans.Booking]] = field(default_factory=dict)
    shifts: dict[str, tuple[Shift, _Fixed]] = field(default_factory=dict)
    riders: dict[str, _Riders] = field(default_factory=dict)
    seen: plans.Seen = field(default_factory=plans.Seen)

    def booking(self, network: Network, booking: Booking) -> plans.Booking:
        """The planning record of a booking."""
        known = self.bookings.get(booking.id)
        if known is None or known[0] is not booking:
            known = (booking, plan_booking(self.config, network, booking))
            self.bookings[booking.id] = known
        return known[1]

    def riders_of(self, network: Network, state: State, shift: Shift) -> _Riders:
        """The bookings on a shift's plan, in order of their first visit."""
        known = self.riders.get(shift.id)
        if (
            known is None
            or known.visits is not shift.visits
            or not all(map(is_, map(state.bookings.get, known.ids), known.bookings))
        ):
            ids = tuple(dict.fromkeys(a.booking_id for v in shift.visits for a in v.actions))
            bookings = tuple(state.bookings[i] for i in ids)
            records = tuple(self.booking(network, booking) for booking in bookings)
            pinned = frozenset(b.id for b in bookings if b.pinned)
            known = _Riders(shift.visits, ids, bookings, records, pinned)
            self.riders[shift.id] = known
        return known

    def fixed(self, network: Network, shift: Shift) -> _Fixed:
        """The part of a shift's planning record that stays."""
        known = self.shifts.get(shift.id)
        if known is None or known[0] is not shift:
            known = (shift, _fixed(self.config, network, shift))
            self.shifts[shift.id] = known
        return known[1]


_memories: WeakKeyDictionary[Network, _Memory] = WeakKeyDictionary()


def _memory(config: ServiceConfig, network: Network) -> _Memory:
    """What is remembered of a town; it begins anew with another configuration."""
    memory = _memories.get(network)
    if memory is None or memory.config is not config:
        memory = _memories[network] = _Memory(config)
    if len(memory.bookings) + len(memory.shifts) > _REMEMBERED_MAX:
        memory.bookings.clear()
        memory.shifts.clear()
        memory.riders.clear()
    return memory


@dataclass(frozen=True)
class Planning:
    """Some shifts as a problem; `shifts[v]` and `where[v]` belong to vehicle index `v`.

    `promised` is the same with the limits as they were promised, the broken ones too.
    `network` has the roads that they all drive on.
    """

    network: Network
    problem: plans.Problem
    shifts: tuple[Shift, ...]
    where: tuple[Whereabouts, ...]
    promised: plans.Problem


def planning(
    config: ServiceConfig,
    network: Network,
    state: State,
    shifts: Iterable[Shift],
    now_s: int,
    located: Mapping[str, Whereabouts] | None = None,
    roads: Network | None = None,
) -> Planning:
    """Build the problem of these shifts as things stand at `now_s`.

    Limits that reality has already broken are raised exactly to what will happen anyway, so that
    no decision makes it worse and none is refused for it. `located` says where vehicles are whose
    visits are not those by which they have been driving; by shift id. All are looked at on `roads`
    where these are given, whatever they drive on.

    Raises:
        ValueError: without `roads`, not all of them drive on the same ones, see `by_roads`.
    """
    chosen = tuple(rested(s, now_s) for s in sorted(shifts, key=lambda s: s.id))
    network = roads or common_roads(network, state.closures, chosen)
    known, memory = located or {}, _memory(config, network)
    ahead = any(shift.status is ShiftStatus.PLANNED for shift in chosen)
    back_s = back_at_depot_s(network, state, now_s) if ahead else {}
    stale_s = config.rules.position_stale_s
    where = tuple(
        _relieved(known.get(s.id) or locate(network, state, s, now_s, stale_s), s, back_s)
        for s in chosen
    )
    vehicles = [
        _vehicle(memory, network, state, shift, place, now_s)
        for shift, place in zip(chosen, where, strict=True)
    ]
    bookings = [b for shift in chosen for b in memory.riders_of(network, state, shift).records]
    problem = plans.build_problem(
        matrix_s=network.travel.matrix_s,
        profile=network.profile(now_s),
        weights=plan_weights(config),
        setup_s=config.rules.boarding_stop_s,
        vehicles=vehicles,
        bookings=bookings,
        seen=memory.seen,
    )
    return Planning(network, plans.relaxed_all(problem), chosen, where, problem)


def back_at_depot_s(network: Network, state: State, now_s: int) -> dict[str, int]:
    """When vehicles that are out with riders will be back, by vehicle id."""
    back_s = {}
    for shift in state.shifts.values():
        if shift.status is not ShiftStatus.ACTIVE or not shift.visits:
            continue
        last = shift.visits[-1]
        stop, depot = (network.stop_index.get(i) for i in (last.stop_id, shift.depot_stop_id))
        if stop is not None and depot is not None:  # stops may be gone while roads are exchanged
            travel = network.for_shift(shift, state.closures).travel
            leg_s = int(travel.matrix_s[stop, depot])
            back_s[shift.vehicle_id] = network.drive(now_s, max(last.depart_s, now_s), leg_s)
    return back_s


def _relieved(where: Whereabouts, shift: Shift, back_s: Mapping[str, int]) -> Whereabouts:
    """A shift cannot begin before the one before it has brought the vehicle back."""
    later_s = back_s.get(shift.vehicle_id, 0)
    if shift.status is not ShiftStatus.PLANNED or later_s <= where.free_s:
        return where
    return replace(where, free_s=later_s)


def plan_weights(config: ServiceConfig) -> plans.Weights:
    """The configured objective as `routing.plans` wants it."""
    weights = config.weights
    return plans.Weights(
        weights.drive, weights.wait, weights.ride, weights.walk, weights.unserved_s
    )


def plan_booking(config: ServiceConfig, network: Network, booking: Booking) -> plans.Booking:
    """A booking with the limits promised to it; a rescued one has been riding all the while.

    Other stops may make a longer ride necessary. Once there is a vehicle for it, that is a broken
    promise like any other, and nothing that a later decision may use up.
    """
    terms, arrival_latest_s = booking.in_force, booking.in_force.arrival_latest_s
    if booking.first_boarded_at_s is not None:
        longest_s = booking.first_boarded_at_s + booking.promise.max_ride_s
        arrival_latest_s = min(arrival_latest_s, longest_s)
    longest_ride_s = terms.max_ride_s
    if booking.status is not BookingStatus.DISPLACED:
        longest_ride_s = min(longest_ride_s, booking.promise.max_ride_s)
    return plans.Booking(
        id=booking.id,
        pickup_stop=network.stop_index[terms.pickup_stop_id],
        dropoff_stop=network.stop_index[terms.dropoff_stop_id],
        pickup_earliest_s=terms.pickup_from_s,
        pickup_latest_s=terms.pickup_to_s,
        arrival_latest_s=arrival_latest_s,
        max_ride_s=longest_ride_s,
        wish_earliest_s=booking.wish_earliest_s,
        seats=booking.party.seats,
        wheelchairs=booking.party.wheelchairs,
        persons=booking.party.persons,
        board_s=config.rules.board_s(booking.party),
        walk_s=booking.walk_s,
        boarded_at_s=booking.boarded_at_s,
    )


def request_for(booking: plans.Booking) -> plans.Request:
    """The planning request that asks for exactly what a booking promises."""
    pair = plans.StopPair(
        pickup_stop=booking.pickup_stop,
        dropoff_stop=booking.dropoff_stop,
        pickup_earliest_s=booking.pickup_earliest_s,
        pickup_latest_s=booking.pickup_latest_s,
        arrival_latest_s=booking.arrival_latest_s,
        max_ride_s=booking.max_ride_s,
        walk_s=booking.walk_s,
    )
    return plans.Request(
        id=booking.id,
        pairs=(pair,),
        wish_earliest_s=booking.wish_earliest_s,
        seats=booking.seats,
        wheelchairs=booking.wheelchairs,
        persons=booking.persons,
        board_s=booking.board_s,
    )


def route_of(shift: Shift) -> tuple[plans.Action, ...]:
    """The actions of a shift's open visits in order; a break that is running is none any more."""
    route = []
    for visit in shift.visits:
        if visit.break_id is not None and visit.arrived_at_s is None:
            route.append(plans.Action("break", visit.break_id))
        route += [plans.Action(_KIND[a.kind], a.booking_id) for a in visit.actions]
    return tuple(route)


def _fixed(config: ServiceConfig, network: Network, shift: Shift) -> _Fixed:
    vehicle, route = config.vehicle(shift.vehicle_id), route_of(shift)
    return _Fixed(
        end_stop=network.stop_index[shift.depot_stop_id],
        configurations=tuple((c.seats, c.wheelchairs) for c in vehicle.configurations)
        if vehicle
        else _ENOUGH,
        route=route,
        breaks=_breaks(config, shift, route),
    )


def _breaks(
    config: ServiceConfig, shift: Shift, route: Iterable[plans.Action]
) -> tuple[plans.Break, ...]:
    """The breaks ahead. Each keeps the vehicle a little longer: it has to be got ready again."""
    ahead = {a.booking for a in route if a.kind == "break"}
    ready_s = config.rules.boarding_stop_s
    return tuple(
        plans.Break(b.id, b.earliest_s, b.latest_s, b.duration_s + ready_s)
        for b in shift.breaks
        if b.id in ahead
    )


def _vehicle(
    memory: _Memory,
    network: Network,
    state: State,
    shift: Shift,
    where: Whereabouts,
    now_s: int,
) -> plans.Vehicle:
    config, fixed = memory.config, memory.fixed(network, shift)
    current, route = shift.current_visit, fixed.route
    start_time_s = where.free_s
    if current is not None and current.break_id is None:
        start_time_s = _service_began_s(config, state, shift, now_s)
    start_stop = network.stop_index[where.stop_id] if where.stop_id else plans.UNDER_WAY
    if start_stop == plans.UNDER_WAY and route and route[0].kind == "break":
        start_stop, leg_s = nearest_stop(network, where.place)
        start_time_s = network.drive(now_s, start_time_s, leg_s)
    standing = start_stop != plans.UNDER_WAY
    pinned = memory.riders_of(network, state, shift).pinned
    return plans.Vehicle(
        id=shift.id,
        start_time_s=start_time_s,
        start_stop=start_stop,
        end_stop=fixed.end_stop,
        end_time_s=shift.end_s,
        configurations=fixed.configurations,
        route=route,
        breaks=fixed.breaks,
        locked=_locked(config, shift, now_s),
        start_dwelling=_has_served(shift) or _stays_after_break(shift, where),
        start_leg_s=None if standing else network.travel.times_from(where.place),
        pinned=pinned and frozenset(a.booking for a in route if _is_bound(a, pinned)),
    )


def _is_bound(action: plans.Action, pinned: frozenset[str]) -> bool:
    """Whether somebody will board here who has to ride in this vehicle."""
    return action.kind == "pickup" and action.booking in pinned


def nearest_stop(network: Network, place: Place) -> tuple[int, int]:
    """The stop that is reached first from a place, and the free-flow seconds to it.

    There a vehicle takes its break that has been under way to nothing: a break has a stop.
    """
    legs_s = network.travel.times_from(place)
    if network.cut_off:
        legs_s[[network.stop_index[stop_id] for stop_id in network.cut_off]] = plans.UNREACHABLE_S
    stop = int(legs_s.argmin())
    return stop, int(legs_s[stop])


def rests_on_the_road(problem: plans.Problem) -> bool:
    """Whether a vehicle would take its break before it gets to its next stop.

    The planning kernel lets it rest wherever it is; such a plan has to be turned down.
    """
    return any(
        vehicle.start_stop == plans.UNDER_WAY and vehicle.route and vehicle.route[0].kind == "break"
        for vehicle in problem.vehicles
    )


def _service_began_s(config: ServiceConfig, state: State, shift: Shift, now_s: int) -> int:
    """Since when the next rider at the current visit may be getting on or off.

    Somebody half-way through the door does not start anew whenever the plan is looked at; but
    whoever is overdue will be done now at the earliest.
    """
    current = shift.current_visit
    if current is None or not current.actions:
        return now_s
    dwell_s = config.rules.board_s(state.bookings[current.actions[0].booking_id].party)
    if not _has_served(shift):
        dwell_s += config.rules.boarding_stop_s
    return max(shift.anchor.at_s, now_s - dwell_s)


def _has_served(shift: Shift) -> bool:
    """Whether somebody has got on or off at the current visit, so that the doors are open."""
    current = shift.current_visit
    return current is not None and shift.anchor.at_s != current.arrived_at_s


def _stays_after_break(shift: Shift, where: Whereabouts) -> bool:
    """Whether the next riders come to where the vehicle is about to rest.

    The break already contains getting ready for them; it must not count twice.
    """
    ahead = shift.visits[:2]
    rests = len(ahead) > 1 and ahead[0].break_id is not None and ahead[0].arrived_at_s is None
    return rests and bool(ahead[1].actions) and ahead[1].stop_id == where.stop_id


def _locked(config: ServiceConfig, shift: Shift, now_s: int) -> int:
    """Leading actions that stay: the visit being made, or one about to be reached."""
    if not shift.visits or shift.status is ShiftStatus.PLANNED:
        return 0
    first = shift.visits[0]
    bound = first.leave_s <= now_s and first.arrive_s - now_s <= config.rules.lock_s
    return len(first.actions) if first.arrived_at_s is not None or bound else 0


def suitable_shifts(
    config: ServiceConfig, state: State, party: Party, span_s: tuple[int, int], now_s: int
) -> list[Shift]:
    """Shifts staffed some time in `span_s` by a vehicle that can hold the party."""
    from_s, to_s = span_s
    fitting = {
        vehicle.id
        for vehicle in config.vehicles
        if any(c.holds(party.seats, party.wheelchairs) for c in vehicle.configurations)
    }
    return [
        shift
        for shift in state.shifts.values()
        if shift.start_s <= to_s
        and shift.end_s > from_s
        and shift.vehicle_id in fitting
        and _is_staffed(config, state, shift, now_s)
    ]


def takes_riders(config: ServiceConfig, state: State, shift: Shift, now_s: int) -> bool:
    """Whether riders may be given to a shift: of a vehicle that is in service, not forgotten."""
    known = config.vehicle(shift.vehicle_id) is not None
    return known and _is_staffed(config, state, shift, now_s)


def _is_staffed(config: ServiceConfig, state: State, shift: Shift, now_s: int) -> bool:
    """Not over, and not without vehicle or driver: one overdue for long waits for its driver."""
    if shift.vehicle_id in state.out:
        return False
    if shift.status is not ShiftStatus.PLANNED:
        return shift.status is ShiftStatus.ACTIVE
    return shift.anchor.at_s + config.rules.shift_start_grace_s >= now_s
