"""The waiting list: whoever was refused for want of room gets the first room there is.

First come, first served: whenever plans have changed, those who wait are tried in the order in
which they joined. Nobody is tried twice on the same plans, so that waiting costs little.
"""

from dispatch.domain import booking_commands as bc
from dispatch.domain import booking_events as be
from dispatch.domain import commands as cmd
from dispatch.domain.errors import DomainError, ErrorCode, RefusalCode
from dispatch.domain.life import Waiting, WaitingStatus
from dispatch.domain.model import RequestStatus, RideRequest
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.booker import Booker
from dispatch.engine.draft import Draft
from dispatch.engine.problem import suitable_shifts

_Plans = tuple[tuple[str, int, str], ...]


class WaitingList:
    """Decides who waits, and who need not wait any more."""

    def __init__(self, config: ServiceConfig, booker: Booker) -> None:
        self._config = config
        self._booker = booker
        self._tried: dict[str, _Plans] = {}

    def join(self, draft: Draft, join: bc.JoinWaitingList) -> None:
        """Put a refused request on the list; repeating it is no error.

        Raises:
            DomainError: not refused for want of room, too late, or the list is full.
        """
        known = draft.state.waiting.get(join.request_id)
        if known is not None and known.status in {WaitingStatus.WAITING, WaitingStatus.SERVED}:
            return
        request = draft.state.requests.get(join.request_id)
        refusal = None if request is None else request.refusal
        if request is None or refusal is None or refusal.code != RefusalCode.NO_CAPACITY:
            raise DomainError(ErrorCode.WAITING_NOT_POSSIBLE, "not refused for want of room")
        until_s = self._until_s(request)
        lapsed = known is not None and known.status is WaitingStatus.LAPSED
        if lapsed or until_s <= draft.now_s:
            raise DomainError(ErrorCode.WAITING_NOT_POSSIBLE, "it is too late for that ride")
        waiting = sum(w.status is WaitingStatus.WAITING for w in draft.state.waiting.values())
        if waiting >= self._config.rules.waiting_max:
            raise DomainError(ErrorCode.WAITING_LIST_FULL, "too many wait already")
        entry = Waiting(request.id, join.rider_id, draft.now_s, until_s)
        draft.emit(be.WaitingJoined(entry))

    def leave(self, draft: Draft, leave: bc.LeaveWaitingList) -> None:
        """Take a request off the list; repeating it is no error.

        Raises:
            DomainError: it has never waited, or has its ride.
        """
        entry = draft.state.waiting.get(leave.request_id)
        if entry is None or entry.status is WaitingStatus.SERVED:
            raise DomainError(ErrorCode.NOT_WAITING, "nobody waits for this request")
        if entry.status is WaitingStatus.WAITING:
            draft.emit(be.WaitingLeft(entry.request_id, draft.now_s))

    def serve(self, draft: Draft) -> None:
        """Let go whose time has passed, and book for those for whom there is room now."""
        left = self._config.rules.waiting_tries_per_tick
        for entry in _in_order(draft):
            if entry.until_s <= draft.now_s:
                draft.emit(be.WaitingLapsed(entry.request_id, draft.now_s))
            elif left > 0 and self._has_changed(draft, entry):
                left -= 1
                self._try(draft, entry)
        self._tried = {k: v for k, v in self._tried.items() if k in draft.state.waiting}

    def _has_changed(self, draft: Draft, entry: Waiting) -> bool:
        """Whether some plan that could carry them is another one than when they were tried last."""
        return self._tried.get(entry.request_id) != self._plans(draft, entry)

    def _plans(self, draft: Draft, entry: Waiting) -> _Plans:
        request = draft.state.requests[entry.request_id]
        early_s = self._config.rules.early_arrival_max_s
        begin_s = request.depart_at_s or request.received_at_s
        if request.arrive_by_s is not None:
            begin_s = request.arrive_by_s - 2 * early_s
        span_s = (max(begin_s, draft.now_s), entry.until_s)
        shifts = suitable_shifts(self._config, draft.state, request.party, span_s, draft.now_s)
        return tuple(sorted((s.id, s.version, str(s.status)) for s in shifts))

    def _try(self, draft: Draft, entry: Waiting) -> None:
        request = draft.state.requests[entry.request_id]
        branch = draft.branch()
        try:
            answer = self._booker.ask(branch, self._ask(draft, entry, request))
            if answer.status is RequestStatus.OFFERED:
                take = cmd.AcceptOffer(answer.offers[0].id, entry.rider_id)
                booking = self._booker.take(branch, take)
                branch.emit(be.WaitingServed(entry.request_id, booking.id, draft.now_s))
                draft.take_over(branch)
                return
        except DomainError:
            pass  # the booking to be changed is gone, or the train has left: it lapses in time
        self._tried[entry.request_id] = self._plans(draft, entry)

    def _ask(self, draft: Draft, entry: Waiting, request: RideRequest) -> cmd.RequestRide:
        """What was asked, as far as it still lies ahead."""
        by_arrival = request.arrive_by_s is not None
        depart_s = max(request.depart_at_s or 0, draft.now_s)
        return cmd.RequestRide(
            request.origin,
            request.destination,
            request.party,
            depart_at_s=None if by_arrival else depart_s,
            arrive_by_s=request.arrive_by_s,
            max_walk_m=request.max_walk_m,
            channel=request.channel,
            replaces=request.replaces,
            repeats=request.id,
            board_by_s=None if by_arrival else entry.until_s,
        )

    def _until_s(self, request: RideRequest) -> int:
        if request.arrive_by_s is not None:
            return request.arrive_by_s
        wished_s = request.depart_at_s or request.received_at_s
        return wished_s + self._config.rules.immediate_wait_max_s


def _in_order(draft: Draft) -> list[Waiting]:
    waiting = [w for w in draft.state.waiting.values() if w.status is WaitingStatus.WAITING]
    return sorted(waiting, key=lambda w: (w.joined_at_s, w.request_id))
