"""What is answered about alerts."""

from datetime import datetime
from typing import Literal

from dispatch.api.schemas.common import Answer, StopRef, VehicleRef


class InWords(Answer):
    """The same in both languages."""

    de: str
    en: str


class AlertBooking(Answer):
    """A booking that an alert is about."""

    id: str
    code: str


class AlertChoice(Answer):
    """What can be done about an alert; `late_s` is how late the rider would be then."""

    action: Literal["move_booking", "swap_vehicle", "call_rider", "call_driver", "cancel_booking"]
    booking_id: str | None
    shift_id: str | None
    vehicle: VehicleRef | None
    late_s: int | None
    label: InWords


class AlertAcknowledged(Answer):
    """Who has seen an alert, and when."""

    at: datetime
    by: str


class Alert(Answer):
    """Something that is wrong, or will be by the present plans.

    `since` is when the limit is missed from; it may lie ahead. `late_s` is by how many seconds.
    """

    id: str
    kind: Literal[
        "late_pickup",
        "late_arrival",
        "long_ride",
        "break_late",
        "shift_overrun",
        "no_driver",
        "no_vehicle",
        "position_stale",
        "position_doubted",
        "vehicle_off_route",
        "stop_closed",
    ]
    severity: Literal["critical", "warning", "info"]
    since: datetime
    late_s: int
    cause: Literal["no_driver", "held_at_stop", "behind_plan"] | None
    shift_id: str
    vehicle: VehicleRef
    stop: StopRef | None
    metres: int | None
    bookings: list[AlertBooking]
    message: InWords
    choices: list[AlertChoice]
    acknowledged: AlertAcknowledged | None


class Alerts(Answer):
    """All of them, the most severe first, acknowledged ones last."""

    at: datetime
    alerts: list[Alert]


class AlertSeen(Answer):
    """An alert that has been acknowledged."""

    alert_id: str
    acknowledged: AlertAcknowledged
