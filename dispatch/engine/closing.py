"""Closing and reopening roads and stops, and what follows for the plans.

Vehicles are located on the roads as they were, then the roads change, then their plans are timed
anew. Who cannot board or alight where promised is given the nearest stop that can be used, and who
would be late another place in the plans, if that keeps the promise. Whoever is left is reported.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.closures import Closure, ClosureStatus, ClosureWish, Direction, roads_closed
from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.ids import new_id
from dispatch.domain.model import Shift, ShiftStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.domain.state import State, apply
from dispatch.engine.closure_effects import Effects, standing_of
from dispatch.engine.draft import Draft
from dispatch.engine.network import Network
from dispatch.engine.rides import Rides
from dispatch.engine.visits import PlanWriter
from dispatch.engine.whereabouts import locate

_FAR_S = 1 << 40
"""The end of a closure without one."""


class Closing:
    """Decides what closes and reopens, and lets the plans follow."""

    def __init__(self, config: ServiceConfig, network: Network, rides: Rides) -> None:
        self._config = config
        self._network = network
        self._writer = PlanWriter(config, network)
        self._effects = Effects(config, network, rides)

    def decide(self, draft: Draft, command: cmd.Close | cmd.Reopen | cmd.ImportClosures) -> None:
        """Carry out a command of the control room.

        Raises:
            DomainError: unknown closure, stop or road; times that make no sense; nothing left.
        """
        match command:
            case cmd.Close(wish):
                closure = self._closure(draft, wish, "")
                self._check_rest(draft.state.closures, [closure])
                self._change(draft, [ev.ClosureRecorded(closure, draft.now_s)])
            case cmd.Reopen(closure_id):
                self._reopen(draft, closure_id)
            case cmd.ImportClosures():
                self._take_list(draft, command)

    def prepare(self, draft: Draft, command: cmd.Close | cmd.Reopen | cmd.ImportClosures) -> None:
        """Compute the roads that carrying out a command will need; nothing is decided."""
        with suppress(DomainError):
            after = dict(draft.state.closures)
            match command:
                case cmd.Close(wish):
                    closure = self._closure(draft, wish, "")
                    after[closure.id] = closure
                case cmd.Reopen(closure_id):
                    after.pop(closure_id, None)
                case cmd.ImportClosures(source, wishes):
                    after = {i: c for i, c in after.items() if c.source != source}
                    for wish in wishes:
                        closure = self._closure(draft, wish, source)
                        after[closure.id] = closure
            spans = {
                (shift.start_s, shift.end_s)
                for shift in draft.state.shifts.values()
                if shift.status is not ShiftStatus.ENDED
            }
            for span in sorted(spans):
                self._network.closed_roads.without(roads_closed(after, *span))

    def tick(self, draft: Draft) -> None:
        """Let closures begin and end when their time has come."""
        changes: list[ev.ClosureBegan | ev.ClosureEnded | ev.ClosureRecorded] = []
        for closure in sorted(draft.state.closures.values(), key=lambda c: c.id):
            if closure.status is ClosureStatus.ENDED:
                continue
            if closure.until_s is not None and closure.until_s <= draft.now_s:
                changes.append(ev.ClosureEnded(closure.id, draft.now_s, "clock"))
            elif closure.status is ClosureStatus.PLANNED and closure.from_s <= draft.now_s:
                changes.append(ev.ClosureBegan(closure.id, draft.now_s))
        if changes:
            self._change(draft, changes)

    def _reopen(self, draft: Draft, closure_id: str) -> None:
        closure = draft.state.closures.get(closure_id)
        if closure is None:
            raise DomainError(ErrorCode.CLOSURE_NOT_FOUND, f"no closure {closure_id}")
        if closure.status is not ClosureStatus.ENDED:
            self._change(draft, [ev.ClosureEnded(closure_id, draft.now_s, "control")])

    def _take_list(self, draft: Draft, command: cmd.ImportClosures) -> None:
        """Make the closures of a source those of its list."""
        known = {
            c.external_id: c
            for c in draft.state.closures.values()
            if c.source == command.source and c.status is not ClosureStatus.ENDED
        }
        named: dict[str | None, Closure] = {}
        for row, wish in enumerate(command.closures, 1):
            if wish.external_id in named:
                raise DomainError(ErrorCode.CLOSURES_REPEATED, f"row {row} repeats an id", row=row)
            if wish.until_s is not None and wish.until_s <= draft.now_s:
                continue  # over, as if it were no longer listed
            try:
                closure = self._closure(draft, wish, command.source)
            except DomainError as error:
                raise DomainError(error.code, error.detail, **error.params, row=row) from error
            before = known.get(wish.external_id)
            if before is not None:
                closure = replace(closure, id=before.id)
                if wish.from_s is None:
                    closure = replace(closure, from_s=before.from_s)
            named[wish.external_id] = closure
        changes: list[ev.ClosureBegan | ev.ClosureEnded | ev.ClosureRecorded] = [
            ev.ClosureEnded(closure.id, draft.now_s, "import")
            for external_id, closure in known.items()
            if external_id not in named
        ]
        others = {i: c for i, c in draft.state.closures.items() if c not in known.values()}
        self._check_rest(others, list(named.values()))
        changes += [
            ev.ClosureRecorded(closure, draft.now_s)
            for closure in named.values()
            if closure != known.get(closure.external_id)
        ]
        if changes:
            self._change(draft, changes)

    # -- from a wish to a closure

    def _closure(self, draft: Draft, wish: ClosureWish, source: str) -> Closure:
        """The closure that is asked for.

        Raises:
            DomainError: no such place, or times that make no sense.
        """
        from_s = draft.now_s if wish.from_s is None else wish.from_s
        if wish.until_s is not None and wish.until_s <= max(from_s, draft.now_s):
            raise DomainError(ErrorCode.CLOSURE_TIMES, "the closure would be over at once")
        closure = Closure(
            id=new_id("cl", draft.rng),
            from_s=from_s,
            until_s=wish.until_s,
            reason=wish.reason,
            stop_id=wish.stop_id,
            lines=self._lines(wish),
            direction=wish.direction,
            source=source,
            external_id=wish.external_id,
            status=ClosureStatus.ACTIVE if from_s <= draft.now_s else ClosureStatus.PLANNED,
        )
        if wish.stop_id is not None and self._network.stop(wish.stop_id) is None:
            raise DomainError(ErrorCode.UNKNOWN_STOP, f"no stop {wish.stop_id}")
        if wish.stop_id is None and not self._network.closed_roads.matched(closure).arcs:
            raise DomainError(ErrorCode.CLOSURE_OFF_ROAD, "no road runs along there")
        return closure

    def _lines(self, wish: ClosureWish) -> tuple[tuple[tuple[float, float], ...], ...]:
        places = (wish.stop_id, wish.lines or None, wish.way_id, wish.street)
        if sum(place is not None for place in places) != 1:
            raise DomainError(ErrorCode.CLOSURE_PLACE, "exactly one place has to be given")
        if wish.direction is not Direction.BOTH and not wish.lines:
            raise DomainError(ErrorCode.CLOSURE_PLACE, "one direction needs a line")
        matcher = self._network.closed_roads.matcher
        found: Iterable[Sequence[tuple[float, float]]] = wish.lines
        if wish.way_id is not None:
            found = matcher.of_way(wish.way_id)
        elif wish.street is not None:
            found = matcher.of_street(wish.street)
        return tuple(tuple((lon, lat) for lon, lat in line) for line in found)

    def _check_rest(self, others: Mapping[str, Closure], new: Sequence[Closure]) -> None:
        """Refuse what would leave no stop usable."""
        everything = {**others, **{c.id: c for c in new}}
        if self._network.closed_roads.leaves_stops(roads_closed(everything, 0, _FAR_S)):
            return  # even if all of it were closed at once
        for closure in new:
            if closure.stop_id is not None:
                continue
            until_s = _FAR_S if closure.until_s is None else closure.until_s
            together = roads_closed(everything, closure.from_s, until_s)
            if not self._network.closed_roads.leaves_stops(together):
                raise DomainError(ErrorCode.CLOSURE_TOO_LARGE, "no stop could be used any more")

    # -- what follows

    def _change(
        self,
        draft: Draft,
        changes: Sequence[ev.ClosureRecorded | ev.ClosureBegan | ev.ClosureEnded],
    ) -> None:
        after = State(closures=draft.state.closures)
        for change in changes:
            apply(after, change)
        before = standing_of(draft.state)
        rerouted = self._rerouted(draft.state, after.closures)
        for shift in rerouted:
            self._pin(draft, shift)
        for change in changes:
            draft.emit(change)
        for shift in rerouted:
            self._writer.time_anew(draft, shift.id)
        if any(not isinstance(change, ev.ClosureBegan) for change in changes):
            self._effects.follow(draft, before)

    def _rerouted(self, state: State, closures: Mapping[str, Closure]) -> list[Shift]:
        """The shifts that will drive on other roads."""
        now, then = state.closures, closures
        return [
            shift
            for shift in sorted(state.shifts.values(), key=lambda s: s.id)
            if shift.status is not ShiftStatus.ENDED
            and self._network.for_shift(shift, now) is not self._network.for_shift(shift, then)
        ]

    def _pin(self, draft: Draft, shift: Shift) -> None:
        """Note where a vehicle under way is while the roads by which it has come still count."""
        shift = draft.state.shifts[shift.id]
        if shift.status is not ShiftStatus.ACTIVE or shift.current_visit is not None:
            return
        where = locate(self._network, draft.state, shift, draft.now_s)
        if where.stop_id is None and shift.visits:
            self._writer.time_anew(draft, shift.id)
