"""The optimiser thinks for a while and proposes; much may have happened meanwhile."""

import hypothesis.strategies as st
from hypothesis.stateful import Bundle, consumes, precondition, rule

from dispatch.domain import booking_commands as bc
from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.errors import ErrorCode
from dispatch.domain.model import Party, Shift
from dispatch.engine.problem import planning, takes_riders
from dispatch.engine.proposals import propose
from fuzzed_town import lateness
from fuzzed_town.base import HOPS, STOPS, WAITS, WHICH, Trunk, pick, somebody
from fuzzed_town.plain_plans import as_booking, driven, places
from routing.plans import Request, StopPair, best_insertions, improve

_ITERATIONS = 40


class Optimiser(Trunk):
    """Better plans, and what they are said to cost."""

    proposals: Bundle[cmd.ProposePlans | None] = Bundle("proposals")

    @precondition(somebody(WAITS))
    @rule(target=proposals, seed=st.integers(0, 3), ahead_s=st.sampled_from([0, 5, 120]))
    def think(self, seed: int, ahead_s: int) -> cmd.ProposePlans | None:
        """Look for a better plan; what it saves is what plain counting says."""
        desk, now_s = self.desk, self.desk.now_s + ahead_s
        shifts = [s for s in self._free(now_s) if not desk.state.closures]
        if not any(visit.actions for shift in shifts for visit in shift.visits):
            return None
        self._asked = True
        now = planning(desk.config, desk.network, desk.state, shifts, now_s)
        found = improve(now.problem, iterations=_ITERATIONS, seed=seed)
        before, after = (
            sum(driven(p, v).cost(driven(p, v).best()) for v in range(len(shifts)))
            for p in (now.problem, found.problem)
        )
        assert (found.cost_before, found.cost) == (before, after)
        assert after <= before
        return propose(now, found.problem, now_s + 3600)

    def _free(self, now_s: int) -> list[Shift]:
        desk = self.desk
        return [
            s for s in desk.state.shifts.values() if takes_riders(desk.config, desk.state, s, now_s)
        ]

    @rule(proposal=consumes(proposals), stale=st.sampled_from([False, False, False, True]))
    def propose(self, proposal: cmd.ProposePlans | None, *, stale: bool) -> None:
        """Whatever has happened since: the plan gets better or stays, and nobody is made late."""
        if proposal is None:
            return
        if stale:
            proposal = cmd.ProposePlans(proposal.routes, self.desk.now_s - 1)
        carried = self._carried()
        ids = [route.shift_id for route in proposal.routes]
        shifts = [self.desk.state.shifts[i] for i in ids if i in self.desk.state.shifts]
        cost, late_s = self._cost(shifts), sum(lateness.expected(self.desk).values())
        deserted = len(shifts) > sum(s in self._free(self.desk.now_s) for s in shifts)
        for event in self.settle(proposal):
            assert isinstance(event, ev.BookingMoved | ev.PlanChanged | ev.VisitCompleted)
        assert self._carried() == carried, "somebody was lost, or won"
        if self.last_error is not None:
            assert not stale or self.last_error.code is ErrorCode.PROPOSAL_STALE
            return
        assert not stale
        saved = late_s - sum(lateness.planned(self.desk.state).values())
        gained = cost - self._cost([self.desk.state.shifts[i] for i in ids])
        assert gained > 0 or saved > 0 or deserted, "plans were changed for nothing"

    @precondition(somebody(WAITS))
    @rule(seed=st.integers(0, 3))
    def improve(self, seed: int) -> None:
        """Propose what has just been found."""
        self.propose(self.think(seed, 0), stale=False)

    @precondition(somebody(WAITS))
    @rule(seed=st.integers(0, 3), but=WHICH)
    def improve_what_is_pinned(self, seed: int, but: int) -> None:
        """Most bookings are pinned: the others may move around them."""
        for k, booking in enumerate(self.having(WAITS)):
            if k != but and not booking.pinned:
                self.act(bc.PinBooking(booking.id))
        self.improve(seed)

    @rule(which=WHICH, origin=STOPS, hop=HOPS, ahead_s=st.sampled_from([0, 600, 3600]))
    def price_a_trip(self, which: int, origin: int, hop: int, ahead_s: int) -> None:
        """Every place for a trip that plain counting finds is found, at the same added cost."""
        desk = self.desk
        shift = pick(self._free(desk.now_s), which)
        if shift is None:
            return
        self._asked = True
        now = planning(desk.config, desk.network, desk.state, [shift], desk.now_s)
        index, begin_s = desk.network.stop_index, desk.now_s + ahead_s
        ends = [index[self.stop(i).stop_id or ""] for i in (origin, origin + hop)]
        times = (begin_s, begin_s + 1200, begin_s + 3600)
        pair = StopPair(*ends, *times, max_ride_s=1200, walk_s=60)
        size = Party(1)
        wanted = Request("wanted", (pair,), begin_s, size.seats, 0, size.persons, 10)
        said = best_insertions(now.problem, wanted)
        plain = list(places(now.problem, 0, as_booking(wanted)))
        costs = sorted(cost for cost, _ in plain)
        assert bool(costs) == bool(len(said)), (shift.visits, costs)
        assert not costs or int(said.cost[0]) == costs[0]
        assert set(said.cost.tolist()) <= set(costs)

    def _carried(self) -> set[tuple[str, str]]:
        visits = (visit for shift in self.desk.state.shifts.values() for visit in shift.visits)
        return {(a.booking_id, a.kind) for visit in visits for a in visit.actions}

    def _cost(self, shifts: list[Shift]) -> int:
        """What some plans cost by the objective, if they can be driven at all."""
        desk, total = self.desk, 0
        for shift in shifts:
            now = planning(desk.config, desk.network, desk.state, [shift], desk.now_s)
            drive = driven(now.problem, 0)
            total += drive.cost(drive.best())
        return total
