"""Random operation of the engine, checked against its invariants after every step."""

from dataclasses import replace
from random import Random
from typing import ClassVar

import hypothesis.strategies as st
import numpy as np
from desk import TUESDAY_9_S, Desk
from grid_network import grid_network
from hypothesis import HealthCheck, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from mishap_rules import MishapRules, desk_with_spare
from tiny_town import grid_config

from dispatch.audit import Roads
from dispatch.audit.plans import findings_of
from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import DomainError
from dispatch.domain.life import PlanVersion, SeriesCalendar, SeriesWish
from dispatch.domain.model import Action, ActionKind, Booking, Party, RideRequest, Shift, Sighting
from dispatch.domain.rules import Repositioning, Rules
from dispatch.domain.state import State, apply
from dispatch.engine import Network
from dispatch.engine.invariants import broken_promises, broken_rules
from dispatch.engine.problem import planning, takes_riders
from dispatch.engine.proposals import propose
from dispatch.engine.repositioning import Forecast
from routing.plans import improve

_shared: dict[str, Network] = {}


def _grid() -> Network:
    if "grid" not in _shared:
        import tempfile  # noqa: PLC0415 - hypothesis machines cannot take fixtures
        from pathlib import Path  # noqa: PLC0415

        with tempfile.TemporaryDirectory() as folder:
            _shared["grid"] = grid_network(Path(folder))
    return _shared["grid"]


class Operation(RuleBasedStateMachine):
    """Riders ask, book and cancel; vehicles drive the plan, sometimes late; time passes."""

    requests: Bundle[RideRequest] = Bundle("requests")
    bookings: Bundle[Booking] = Bundle("bookings")
    proposals: Bundle[cmd.ProposePlans | None] = Bundle("proposals")

    offers_hold: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        config = grid_config(vehicles=2, rules=Rules(shifts_ahead_days=1, replan_gain_min_s=0))
        self.desk = Desk(_grid(), config, opened_s=TUESDAY_9_S - 4 * 3600)
        self.promises: dict[str, object] = {}
        self.versions: dict[str, int] = {}
        self.reality_broke_something = False

    def act(self, command: cmd.Command) -> list[ev.Event]:
        """Carry a command out, or see it refused with nothing changed."""
        before = len(self.desk.log)
        try:
            return self.desk.do(command)
        except DomainError:
            assert len(self.desk.log) == before
            return []

    @rule(
        target=requests,
        origin=st.integers(0, 43),
        destination=st.integers(0, 43),
        seats=st.integers(0, 4),
        wheelchairs=st.sampled_from([0, 0, 0, 1]),
        ahead_s=st.sampled_from([None, None, 600, 1800, 7200, 20_000]),
        by_arrival=st.booleans(),
    )
    def ask(
        self,
        origin: int,
        destination: int,
        seats: int,
        wheelchairs: int,
        ahead_s: int | None,
        *,
        by_arrival: bool,
    ) -> RideRequest | None:
        when_s = None if ahead_s is None else self.desk.now_s + ahead_s
        events = self.act(
            cmd.RequestRide(
                self.desk.stop(origin),
                self.desk.stop(destination),
                Party(seats, wheelchairs),
                depart_at_s=None if by_arrival else when_s,
                arrive_by_s=when_s if by_arrival else None,
            )
        )
        if not events:
            return None
        event = events[0]
        assert isinstance(event, ev.RideOffered | ev.RideRefused)
        for offer in event.request.offers:
            promise = offer.promise
            assert promise.pickup_from_s <= offer.planned_pickup_s <= promise.pickup_to_s
            assert offer.planned_arrival_s <= promise.arrival_latest_s
        self.alternatives_are_offered(event.request)
        return event.request

    @rule(
        target=bookings,
        origin=st.integers(0, 43),
        hop=st.integers(5, 38),
        seats=st.integers(1, 3),
        ahead_s=st.sampled_from([None, None, 900, 3000]),
    )
    def book(self, origin: int, hop: int, seats: int, ahead_s: int | None) -> Booking | None:
        """Ask and take the first offer, as most riders do."""
        request = self.ask(origin, origin + hop, seats, 0, ahead_s, by_arrival=False)
        booking = self.take(request, 0)
        offered = request is not None and request.offers
        holds = booking is not None or not self.offers_hold
        assert not offered or holds, "nothing happened, and yet the offer is gone"
        return booking

    @rule(target=bookings, request=consumes(requests), which=st.integers(0, 2))
    def take(self, request: RideRequest | None, which: int) -> Booking | None:
        if request is None or not request.offers:
            return None
        worst_before = self.lateness_if_nothing_is_done()
        offer = request.offers[which % len(request.offers)]
        events = self.act(cmd.AcceptOffer(offer.id, "rd_x"))
        self.not_worse_than(worst_before)
        if not events:
            return None
        made = events[0]
        assert isinstance(made, ev.BookingMade)
        assert made.booking.promise == offer.promise
        return made.booking

    def alternatives_are_offered(self, request: RideRequest) -> None:
        """Whoever asks for an alternative's time, with nothing else changed, gets an offer."""
        for alternative in request.refusal.alternatives if request.refusal else ():
            ask = cmd.RequestRide(
                request.origin,
                request.destination,
                request.party,
                depart_at_s=alternative.depart_at_s,
            )
            answer = self.desk.engine.decide(self.desk.state, ask, self.desk.now_s, Random(1))[0]
            assert isinstance(answer, ev.RideOffered)

    @rule(booking=consumes(bookings))
    def cancel(self, booking: Booking | None) -> None:
        if booking is not None:
            worst_before = self.lateness_if_nothing_is_done()
            self.act(cmd.CancelBooking(booking.id, "rider"))
            self.not_worse_than(worst_before)

    @rule(target=proposals, seed=st.integers(0, 3), ahead_s=st.sampled_from([0, 5, 120]))
    def think(self, seed: int, ahead_s: int) -> cmd.ProposePlans | None:
        """Look for a better plan; much may happen before it is proposed."""
        desk, now_s = self.desk, self.desk.now_s + ahead_s
        shifts = [
            s for s in desk.state.shifts.values() if takes_riders(desk.config, desk.state, s, now_s)
        ]
        if not any(visit.actions for shift in shifts for visit in shift.visits):
            return None
        now = planning(desk.config, desk.network, desk.state, shifts, now_s)
        found = improve(now.problem, iterations=60, seed=seed)
        return propose(now, found.problem, now_s + 3600)

    @rule(proposal=consumes(proposals))
    def propose(self, proposal: cmd.ProposePlans | None) -> None:
        """Whatever has happened since: the plan gets better or stays, and nobody is made late."""
        if proposal is None:
            return
        worst_before = self.lateness_if_nothing_is_done()
        open_before = {a.booking_id: a for a in self.planned_actions()}
        for event in self.act(proposal):
            assert isinstance(event, ev.BookingMoved | ev.PlanChanged)
        self.not_worse_than(worst_before)
        assert {a.booking_id for a in self.planned_actions()} == open_before.keys()

    @rule(seed=st.integers(0, 3))
    def improve(self, seed: int) -> None:
        """Propose what has just been found."""
        self.propose(self.think(seed, 0))

    def planned_actions(self) -> list[Action]:
        visits = (visit for shift in self.desk.state.shifts.values() for visit in shift.visits)
        return [action for visit in visits for action in visit.actions]

    @rule(seconds=st.integers(1, 1500))
    def wait(self, seconds: int) -> None:
        """Time passes and everybody does on time what is due."""
        self.drive_until(self.desk.now_s + seconds)

    @rule(seconds=st.integers(1, 300))
    def nobody_moves(self, seconds: int) -> None:
        """Time passes and no vehicle reports anything: delay."""
        self.desk.now_s += seconds
        self.reality_broke_something = True
        self.tick()

    def tick(self) -> None:
        """Whoever is late is saved, if at all, at nobody's expense."""
        worst_before = self.lateness_if_nothing_is_done()
        self.act(cmd.Tick())
        self.not_worse_than(worst_before)

    @rule(which=st.integers(0, 1))
    def rest(self, which: int) -> None:
        """A driver with a break ahead takes it now, if that is allowed."""
        active = self.desk.active()
        first = active[which % len(active)].visits[:1] if active else ()
        if first and first[0].break_id is not None:
            vehicle_id = active[which % len(active)].vehicle_id
            worst_before = self.lateness_if_nothing_is_done()
            self.act(cmd.ReportArrived(vehicle_id, first[0].id))
            self.not_worse_than(worst_before)

    @rule(which=st.integers(0, 1))
    def no_show(self, which: int) -> None:
        active = self.desk.active()
        current = active[which % len(active)].current_visit if active else None
        if current is not None:
            for booking_id in current.booking_ids(ActionKind.PICKUP):
                self.act(cmd.ReportNoShow(booking_id))

    @rule(
        which=st.integers(0, 1),
        points=st.lists(
            st.tuples(
                st.floats(7.99, 8.05, allow_nan=False),
                st.floats(51.74, 51.78, allow_nan=False),
                st.integers(-10, 200),
            ),
            min_size=1,
            max_size=5,
        ),
    )
    def trace(self, which: int, points: list[tuple[float, float, int]]) -> None:
        """Positions at random places and times: nothing but a `DomainError` comes of them."""
        active = self.desk.active()
        if active:
            sightings = [Sighting(self.desk.now_s - ago_s, x, y) for x, y, ago_s in points]
            newest = max(sightings, key=lambda s: s.at_s)
            vehicle = active[which % len(active)].vehicle_id
            report = cmd.ReportPosition(
                vehicle, newest.lon, newest.lat, newest.at_s, tuple(sightings)
            )
            self.act(report)
            self.reality_broke_something = True
            self.tick()

    @rule(which=st.integers(0, 1), where=st.integers(0, 43), ago_s=st.integers(-100, 300))
    def stray_position(self, which: int, where: int, ago_s: int) -> None:
        """A report from anywhere, late or early: the plan has to live with it."""
        active = self.desk.active()
        if active:
            spot = self.desk.stop(where)
            vehicle = active[which % len(active)].vehicle_id
            at_s = self.desk.now_s - ago_s
            self.act(cmd.ReportPosition(vehicle, spot.lon, spot.lat, at_s))
            self.reality_broke_something = True

    def drive_until(self, until_s: int) -> None:
        """Let the vehicles do everything that their plans have for the time until then."""
        for _ in range(200):
            steps = [s for s in map(self.next_step, self.desk.active()) if s is not None]
            due = min(steps, key=lambda s: s[0], default=None)
            if due is None or due[0] > until_s:
                break
            self.desk.now_s = max(self.desk.now_s, due[0])
            self.act(due[1])
        self.desk.now_s = max(self.desk.now_s, until_s)
        self.act(cmd.Tick())

    def next_step(self, shift: Shift) -> tuple[int, cmd.Command] | None:
        if not shift.visits:
            return None
        visit = shift.visits[0]
        if visit.arrived_at_s is None:
            return visit.arrive_s, cmd.ReportArrived(shift.vehicle_id, visit.id)
        if visit.break_id is not None:
            return visit.depart_s, cmd.Tick()
        action = visit.actions[0]
        boards = action.kind is ActionKind.PICKUP
        report = cmd.ReportBoarded if boards else cmd.ReportAlighted
        return action.end_s, report(action.booking_id)

    def lateness_if_nothing_is_done(self) -> dict[tuple[str, str], int]:
        """What reality does to the promises, seen just before a decision.

        The worse of what the plans say and of what they would say if they were timed anew: a plan
        that is not touched stays as it is.
        """
        state = State(
            dict(self.desk.state.requests),
            dict(self.desk.state.bookings),
            dict(self.desk.state.shifts),
            dict(self.desk.state.fixes),
            dict(self.desk.state.offers),
            dict(self.desk.state.out),
        )
        for event in self.desk.engine.retime(state, self.desk.now_s, self.desk.rng):
            apply(state, event)
        anew = broken_promises(state)
        planned = broken_promises(self.desk.state)
        return {k: max(anew.get(k, 0), planned.get(k, 0)) for k in anew | planned}

    def not_worse_than(self, before: dict[tuple[str, str], int]) -> None:
        for key, late_s in broken_promises(self.desk.state).items():
            assert late_s <= before.get(key, 0), f"{key} became {late_s} s late by a decision"

    @invariant()
    def rules_hold(self) -> None:
        desk = self.desk
        assert broken_rules(desk.config, desk.network, desk.state, desk.now_s) == []

    @invariant()
    def promises_hold_unless_reality_broke_them(self) -> None:
        if not self.reality_broke_something:
            assert broken_promises(self.desk.state) == {}

    @invariant()
    def promises_never_change_and_versions_grow(self) -> None:
        for booking in self.desk.state.bookings.values():
            assert self.promises.setdefault(booking.id, booking.promise) == booking.promise
        for shift in self.desk.state.shifts.values():
            assert self.versions.get(shift.id, 0) <= shift.version
            self.versions[shift.id] = shift.version

    def teardown(self) -> None:
        """Folding the log gives the state, and an audit finds nothing."""
        folded = State()
        for event in self.desk.log:
            apply(folded, event)
        assert folded == self.desk.state
        roads = Roads(self.desk.config, self.desk.network)
        seen = replace(self.desk.state, fixes={})
        assert list(findings_of(roads, seen, self.desk.now_s)) == []


Operation.TestCase.settings = settings(
    max_examples=200,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestOperation = Operation.TestCase


class Joint(Operation):
    """The same with riders who come together, others who make room, and vehicles sent to wait."""

    offers_hold = False  # what only a search has found, the next search may miss

    def __init__(self) -> None:
        super().__init__()
        config = self.desk.config
        rules = replace(config.rules, joint_iterations=30)
        waiting = Repositioning(idle="demand", min_gain_s=0)
        config = replace(config, rules=rules, repositioning=waiting)
        self.desk = Desk(_grid(), config, opened_s=TUESDAY_9_S - 4 * 3600)
        rates = np.zeros((24, len(_grid().stops)))
        rates[:, ::7] = 2.0
        self.desk.engine.expect(Forecast({"weekday": rates}))

    @rule(
        trips=st.lists(
            st.tuples(st.integers(0, 43), st.integers(5, 38), st.integers(1, 4)),
            min_size=2,
            max_size=4,
        )
    )
    def ask_and_book_together(self, trips: list[tuple[int, int, int]]) -> None:
        stop = self.desk.stop
        asks: list[cmd.Command] = [
            cmd.RequestRide(stop(origin), stop(origin + hop), Party(seats))
            for origin, hop, seats in trips
        ]
        takes: list[cmd.Command] = []
        for event in self.together(asks):
            assert isinstance(event, ev.RideOffered | ev.RideRefused)
            takes += [cmd.AcceptOffer(offer.id, "rd_x") for offer in event.request.offers[:1]]
        worst_before = self.lateness_if_nothing_is_done()
        self.together(takes)
        self.not_worse_than(worst_before)

    def together(self, commands: list[cmd.Command]) -> list[ev.Event]:
        desk = self.desk
        outcomes = desk.engine.decide_batch(desk.state, commands, desk.now_s, desk.rng)
        events = [e for o in outcomes if not isinstance(o, DomainError) for e in o]
        for event in events:
            apply(desk.state, event)
        desk.log += events
        return events


Joint.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestJoint = Joint.TestCase


class Mishaps(Operation, MishapRules):
    """The same with vehicles out of service and back, swaps, blocked stops, riders at the door."""

    offers_hold = False  # what only a search has found, the next search may miss

    def __init__(self) -> None:
        super().__init__()
        self.desk = desk_with_spare(_grid())

    def next_step(self, shift: Shift) -> tuple[int, cmd.Command] | None:
        """A vehicle that is out of service does nothing."""
        return None if shift.vehicle_id in self.desk.state.out else super().next_step(shift)


Mishaps.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestMishaps = Mishaps.TestCase


class Living(Operation):
    """The same, with bookings that are changed, pinned, moved and waited for."""

    def __init__(self) -> None:
        super().__init__()
        config = self.desk.config
        rules = replace(config.rules, joint_iterations=20, series_retry_s=600)
        self.desk = Desk(_grid(), replace(config, rules=rules), opened_s=TUESDAY_9_S - 4 * 3600)
        self.held: dict[str, str] = {}

    def act(self, command: cmd.Command) -> list[ev.Event]:
        events = super().act(command)
        for event in events:
            if isinstance(event, be.BookingChanged):
                self.promises[event.booking_id] = event.new.promise
        return events

    def one_of(self, which: int) -> Booking | None:
        waiting = [b for b in self.desk.state.bookings.values() if b.status == "confirmed"]
        return waiting[which % len(waiting)] if waiting else None

    @rule(
        which=st.integers(0, 30),
        destination=st.sampled_from([None, None, 3, 17, 40]),
        seats=st.sampled_from([None, None, 1, 4]),
        ahead_s=st.sampled_from([None, 0, 900, 3600, 30_000]),
    )
    def change(
        self, which: int, destination: int | None, seats: int | None, ahead_s: int | None
    ) -> None:
        booking = self.one_of(which)
        if booking is None:
            return
        worst_before, before = self.lateness_if_nothing_is_done(), repr(self.desk.state.shifts)
        command = bc.ChangeBooking(
            booking.id,
            "control",
            destination=None if destination is None else self.desk.stop(destination),
            party=None if seats is None else Party(seats),
            depart_at_s=None if ahead_s is None else self.desk.now_s + ahead_s,
        )
        events = self.act(command)
        worst_before = {k: v for k, v in worst_before.items() if k[0] != booking.id}
        self.not_worse_than(worst_before)
        if not any(isinstance(event, be.BookingChanged) for event in events):
            assert repr(self.desk.state.shifts) == before
            assert self.desk.state.bookings[booking.id] == booking

    @rule(which=st.integers(0, 30), pins=st.booleans())
    def pin(self, which: int, *, pins: bool) -> None:
        booking = self.one_of(which)
        if booking is not None:
            self.act(bc.PinBooking(booking.id) if pins else bc.UnpinBooking(booking.id))

    @rule(which=st.integers(0, 30), where=st.integers(0, 7), force=st.booleans())
    def move(self, which: int, where: int, *, force: bool) -> None:
        booking = self.one_of(which)
        if booking is None:
            return
        shifts = sorted(s.id for s in self.desk.active() if s.id != booking.shift_id)
        if where == 0 or not shifts:
            shifts = sorted(self.desk.state.shifts)
        before = repr(self.desk.state)
        events = self.act(bc.PreviewMove(booking.id, shifts[where % len(shifts)]))
        assert repr(self.desk.state) == before
        for event in events:
            assert isinstance(event, be.MovePreviewed)
            seen = event.preview
            versions = tuple(PlanVersion(v.shift_id, v.version) for v in seen.vehicles)
            worst_before = self.lateness_if_nothing_is_done()
            done = self.act(
                bc.MoveBooking(booking.id, seen.to_shift_id, versions, force=force, pin=False)
            )
            self.held.pop(booking.id, None)
            moved = [e for e in done if isinstance(e, ev.BookingMoved)]
            assert bool(moved) == (seen.feasible or (force and seen.forcible))
            if moved and moved[0].forced:
                self.reality_broke_something = True
            else:
                self.not_worse_than(worst_before)

    @rule(origin=st.integers(0, 43), hop=st.integers(5, 38), ahead_s=st.sampled_from([900, 3600]))
    def wait_for_room(self, origin: int, hop: int, ahead_s: int) -> None:
        request = self.ask(origin, origin + hop, 4, 0, ahead_s, by_arrival=False)
        if request is not None and request.refusal is not None:
            self.act(bc.JoinWaitingList(request.id, "rd_w"))

    @rule(origin=st.integers(0, 43), hop=st.integers(5, 38), at_min=st.integers(540, 900))
    def order_for_many_days(self, origin: int, hop: int, at_min: int) -> None:
        desk = self.desk
        wish = SeriesWish(desk.stop(origin), desk.stop(origin + hop), Party(1), at_min)
        today = desk.config.hours.local_date(desk.now_s)
        self.act(bc.CreateSeries(wish, SeriesCalendar((2, 3, 4), today), "rd_s"))

    @rule(origin=st.integers(0, 43), hop=st.integers(5, 38), seats=st.integers(5, 9))
    def travel_in_a_group(self, origin: int, hop: int, seats: int) -> None:
        desk = self.desk
        worst_before = self.lateness_if_nothing_is_done()
        asked = self.act(bc.RequestGroup(desk.stop(origin), desk.stop(origin + hop), Party(seats)))
        groups = {e.request.group_id for e in asked if isinstance(e, ev.RideOffered)}
        for group_id in groups:
            self.act(bc.AcceptGroup(group_id or "", "rd_g"))
            members = [b for b in desk.state.bookings.values() if b.group_id == group_id]
            assert sum(b.party.seats for b in members) in {0, seats}
        self.not_worse_than(worst_before)

    @invariant()
    def pins_hold(self) -> None:
        """Only a move of the control room's, or other terms, take a booking off its shift."""
        held = {b.id: b.shift_id for b in self.desk.state.bookings.values() if b.pinned}
        for booking_id, shift_id in self.held.items():
            if booking_id in held:
                assert held[booking_id] == shift_id
        self.held = {}
        for booking in self.desk.state.bookings.values():
            if booking.pinned and booking.status == "confirmed":
                self.held[booking.id] = booking.shift_id

    @invariant()
    def no_day_twice(self) -> None:
        made = [d.booking_id for d in self.desk.state.series_days.values() if d.booking_id]
        assert len(made) == len(set(made))


Living.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLiving = Living.TestCase
