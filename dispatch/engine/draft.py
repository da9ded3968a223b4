"""A decision in the making: events so far, and the state as they would leave it."""

from collections import ChainMap
from collections.abc import MutableMapping
from dataclasses import replace
from random import Random
from typing import TypeVar

from dispatch.domain.events import Event
from dispatch.domain.state import State, apply

_V = TypeVar("_V")


class Draft:
    """Works on a copy, so that a decision that fails half-way has changed nothing."""

    def __init__(self, state: State, now_s: int, rng: Random) -> None:
        self.state = replace(
            state,
            requests=_on_top(state.requests),
            bookings=dict(state.bookings),
            shifts=dict(state.shifts),
            fixes=dict(state.fixes),
            offers=_on_top(state.offers),
            acknowledged=dict(state.acknowledged),
            out=dict(state.out),
            series=dict(state.series),
            series_days=dict(state.series_days),
            waiting=dict(state.waiting),
        )
        self.now_s = now_s
        self.rng = rng
        self.events: list[Event] = []

    def branch(self) -> "Draft":
        """A draft that goes on from here, to be tried and perhaps thrown away."""
        return Draft(self.state, self.now_s, self.rng)

    def emit(self, event: Event) -> None:
        """Record an event and see its effect."""
        apply(self.state, event)
        self.events.append(event)

    def take_over(self, branch: "Draft") -> None:
        """Do what a branch of this draft has done."""
        for event in branch.events:
            self.emit(event)


def _on_top(known: MutableMapping[str, _V]) -> MutableMapping[str, _V]:
    """What behaves like a copy, made without copying: there may be thousands, hardly any matters.

    Each look at all of them costs more for it, and nothing can be taken out.
    """
    below = known.maps if isinstance(known, ChainMap) else [known]
    return ChainMap({}, *below)
