"""What all channels share: the letter on its way, and what can come of it."""

import re
import time
from dataclasses import dataclass
from typing import Final, Literal, Protocol

from dispatch.messaging.words import Letter
from dispatch.store.recipients import Subscription

_ERROR_CHARS: Final = 300
_ADDRESS: Final = re.compile(r"[^\s<>,;:\"']+@[^\s<>,;:\"']+|\+?\d[\d ()/.-]{5,}\d")
_URL: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A letter with its address.

    Attributes:
        id: The message's; the same for every attempt.
        letter: The words.
        name: The rider's name, as it is stored.
        email: Where e-mails go.
        phone: Where SMS go, as the rider has written it.
        subscriptions: The browsers that take pushes.
        life_s: For how many real seconds it is still worth being delivered.
        urgent: Whether somebody is about to stand at a stop because of it.
    """

    id: str
    letter: Letter
    name: str
    email: str | None = None
    phone: str | None = None
    subscriptions: tuple[Subscription, ...] = ()
    life_s: int = 3600
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt.

    Attributes:
        outcome: `sent`: whoever delivers it has accepted it. `later`: not now. `never`: it is this
            message or this address that is refused. `gone`: the rider has no such channel any more.
        detail: Why, for the control room; without addresses.
        after_s: Not before so many seconds, if the other side has said so.
        channel_down: The channel itself failed, so the next message would fail as well.
        status: The other side's HTTP status, 0 for none.
        via: What carried it, where that is not the channel's own name.
        lost: Endpoints of subscriptions that are gone.
    """

    outcome: Literal["sent", "later", "never", "gone"]
    detail: str = ""
    after_s: float = 0.0
    channel_down: bool = False
    status: int = 0
    via: str | None = None
    lost: tuple[str, ...] = ()


class Channel(Protocol):
    """One way to a rider."""

    @property
    def name(self) -> str:
        """`email`, `sms` or `push`."""

    @property
    def deadline_s(self) -> float:
        """The longest that `send` takes, real seconds."""

    def send(self, parcel: Parcel) -> Result:
        """Try once to hand a parcel over; never raises for what the other side does."""

    def close(self) -> None:
        """Hang up."""


class Deadline:
    """A point in real time by which something has to be done."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """Seconds left, at least a moment, for time-outs that must not be 0."""
        return max(self._end - time.monotonic(), 0.01)

    @property
    def is_over(self) -> bool:
        """Whether it has passed."""
        return time.monotonic() >= self._end


def scrubbed(text: str) -> str:
    """An error to be kept: without addresses and numbers, which servers like to repeat."""
    text = _ADDRESS.sub("…", _URL.sub("…", text))
    return " ".join(text.split())[:_ERROR_CHARS]
