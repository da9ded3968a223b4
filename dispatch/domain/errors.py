"""Everything the service can say no to, each with a stable code.

A refusal of a ride (`RefusalCode`) is an answer, kept and counted; a `DomainError` is a command
that changes nothing.
"""

from enum import StrEnum


class DomainError(Exception):
    """A command that cannot be carried out; nothing has changed.

    Attributes:
        code: stable snake_case identifier, part of the public API.
        detail: one English sentence for logs; riders see a translation chosen by `code`.
        params: values that the translated message may mention.
    """

    def __init__(self, code: "ErrorCode", detail: str, **params: str | int) -> None:
        super().__init__(f"[{code}] {detail}")
        self.code = code
        self.detail = detail
        self.params = params


class StrandedRiderError(Exception):
    """A new road graph would leave somebody on board without a destination."""

    code = "stranded_rider"


class ErrorCode(StrEnum):
    """Codes of commands that changed nothing."""

    UNKNOWN_STOP = "unknown_stop"
    STOP_NOT_BOOKABLE = "stop_not_bookable"
    DEPARTURE_IN_PAST = "departure_in_past"
    ARRIVAL_IN_PAST = "arrival_in_past"
    TOO_FAR_AHEAD = "too_far_ahead"
    EMPTY_PARTY = "empty_party"
    PARTY_TOO_LARGE = "party_too_large"
    OFFER_NOT_FOUND = "offer_not_found"
    OFFER_EXPIRED = "offer_expired"
    OFFER_NO_LONGER_AVAILABLE = "offer_no_longer_available"
    ALREADY_BOOKED = "already_booked"
    BOOKING_NOT_FOUND = "booking_not_found"
    BOOKING_STATE = "booking_state"
    VEHICLE_NOT_FOUND = "vehicle_not_found"
    VISIT_NOT_FOUND = "visit_not_found"
    VISIT_NOT_NEXT = "visit_not_next"
    NOT_AT_THIS_STOP = "not_at_this_stop"
    NO_SHOW_TOO_EARLY = "no_show_too_early"
    BREAK_TOO_EARLY = "break_too_early"
    BREAK_NOT_NOW = "break_not_now"
    BREAK_TOO_LATE = "break_too_late"
    NO_BREAK_LEFT = "no_break_left"
    ON_BREAK = "on_break"
    VEHICLE_OUT_OF_SERVICE = "vehicle_out_of_service"
    VEHICLE_FULL = "vehicle_full"
    SPARE_NOT_FREE = "spare_not_free"
    SPARE_TOO_SMALL = "spare_too_small"
    SWAP_TOO_LATE = "swap_too_late"
    NO_OTHER_STOP = "no_other_stop"
    WALK_ON_IMPOSSIBLE = "walk_on_impossible"
    SHIFT_NOT_FOUND = "shift_not_found"
    SHIFT_STATE = "shift_state"
    SHIFT_HAS_RIDERS = "shift_has_riders"
    POSITION_OUTSIDE_NETWORK = "position_outside_network"
    POSITION_IN_FUTURE = "position_in_future"
    STOP_CLOSED = "stop_closed"
    CLOSURE_NOT_FOUND = "closure_not_found"
    CLOSURE_PLACE = "closure_place"
    CLOSURE_OFF_ROAD = "closure_off_road"
    CLOSURE_TIMES = "closure_times"
    CLOSURE_TOO_LARGE = "closure_too_large"
    CLOSURES_REPEATED = "closures_repeated"
    ALERT_NOT_FOUND = "alert_not_found"
    PROPOSAL_STALE = "proposal_stale"
    PROPOSAL_INFEASIBLE = "proposal_infeasible"
    PROPOSAL_NOT_BETTER = "proposal_not_better"
    CONTACT_REQUIRED = "contact_required"
    MOVE_NOT_POSSIBLE = "move_not_possible"
    PREVIEW_STALE = "preview_stale"
    SERIES_NOT_FOUND = "series_not_found"
    SERIES_INVALID = "series_invalid"
    SERIES_ENDED = "series_ended"
    WAITING_NOT_POSSIBLE = "waiting_not_possible"
    WAITING_LIST_FULL = "waiting_list_full"
    NOT_WAITING = "not_waiting"
    GROUP_NOT_FOUND = "group_not_found"
    GROUP_TOO_SMALL = "group_too_small"
    GROUP_OFFER = "group_offer"


class RefusalCode(StrEnum):
    """Why a ride request got no offer."""

    ORIGIN_OUTSIDE_AREA = "origin_outside_area"
    DESTINATION_OUTSIDE_AREA = "destination_outside_area"
    NO_STOP_NEAR_ORIGIN = "no_stop_near_origin"
    NO_STOP_NEAR_DESTINATION = "no_stop_near_destination"
    TOO_SHORT = "too_short"
    OUTSIDE_SERVICE_HOURS = "outside_service_hours"
    STOP_CLOSED = "stop_closed"
    ARRIVAL_TOO_SOON = "arrival_too_soon"
    NO_SUITABLE_VEHICLE = "no_suitable_vehicle"
    NO_CAPACITY = "no_capacity"
