"""Decisions in the making: they see what is known, and leave it alone."""

from random import Random

import pytest
from desk import Desk

from dispatch.domain import commands as cmd
from dispatch.domain import events as ev
from dispatch.domain.model import Party, RequestStatus
from dispatch.engine import Network
from dispatch.engine.draft import Draft


@pytest.fixture
def desk(grid: Network) -> Desk:
    return Desk(grid)


def test_a_draft_adds_to_what_is_known_and_changes_nothing_of_it(desk: Desk) -> None:
    known = desk.ask(0, 30)
    draft = Draft(desk.state, desk.now_s, Random(1))
    draft.emit(ev.RequestLapsed(known.id, desk.now_s))
    branch = draft.branch()
    events = desk.engine.decide(
        branch.state, cmd.RequestRide(desk.stop(1), desk.stop(31), Party(1)), desk.now_s, Random(2)
    )
    for event in events:
        branch.emit(event)
    assert list(branch.state.requests) == [known.id, *(set(branch.state.requests) - {known.id})]
    assert len(branch.state.requests) == 2
    assert list(draft.state.requests) == list(desk.state.requests) == [known.id]
    assert branch.state.requests[known.id].status is RequestStatus.LAPSED
    assert desk.state.requests[known.id] is known
    assert len(branch.state.offers) > len(draft.state.offers) == len(known.offers)
    draft.take_over(branch)
    assert draft.state == branch.state


def test_offers_lapse_in_the_order_in_which_they_were_made(desk: Desk) -> None:
    asked = []
    for n in range(4):
        asked.append(desk.ask(n, n + 30))
        if n == 1:
            desk.take(asked[n].offers[0])
        desk.now_s += 30
    taken = asked[1]
    valid_s = desk.config.rules.offer_valid_s
    desk.now_s = taken.received_at_s + valid_s + 1
    events = desk.do(cmd.Tick())
    lapsed = [e.request_id for e in events if isinstance(e, ev.RequestLapsed)]
    assert lapsed == [asked[0].id]
    desk.now_s = asked[2].received_at_s + valid_s + 1
    events = desk.do(cmd.Tick())
    lapsed = [e.request_id for e in events if isinstance(e, ev.RequestLapsed)]
    assert lapsed == [asked[2].id]
