"""What clients know of each booking: what was promised, what its riders will do, how it ended."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from simulations.processes import Fate
from simulations.week.ledger import Json


class End(StrEnum):
    """How a ride ended for those who took part."""

    OPEN = "open"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


@dataclass(slots=True)
class Ride:
    """A booking that the service has said yes to.

    Attributes:
        view: as it was last acknowledged to its rider.
        fate: what its riders will do.
        party: how many people will really come, None as booked.
        number: of its rider in the week, which makes the telephone number; None without a contact.
        changes: how often the rider exchanged its terms.
        end: how it ended by what was acknowledged.
        walked_on: it was made at the door of a vehicle.
    """

    view: Json
    fate: Fate
    party: Json | None = None
    number: int | None = None
    changes: int = 0
    end: End = End.OPEN
    walked_on: bool = False

    @property
    def id(self) -> str:
        """Of the booking."""
        return str(self.view["id"])


@dataclass(slots=True)
class Book:
    """All bookings of a week.

    Attributes:
        fate_of: draws what the n-th rider will do.
        rides: by booking id.
    """

    fate_of: Callable[[int], Fate]
    rides: dict[str, Ride] = field(default_factory=dict)
    _met: int = 0

    def made(self, view: Json, number: int | None, *, walked_on: bool = False) -> Ride:
        """A booking was acknowledged; its driver may have seen it before its rider was told."""
        known = self.rides.get(view["id"])
        if known is not None:
            known.view = known.view | view
            known.number = number if known.number is None else known.number
            return known
        self._met += 1
        fate = self.fate_of(self._met if number is None else number)
        ride = Ride(view, fate, number=number, walked_on=walked_on)
        self.rides[ride.id] = ride
        return ride

    def ride(self, booking_id: str) -> Ride:
        """A booking by its id; one that came to be without its rider's doing has a fate, too."""
        known = self.rides.get(booking_id)
        return known or self.made({"id": booking_id}, None)
