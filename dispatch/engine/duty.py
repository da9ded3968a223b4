"""Whether a vehicle is at work, for those who report from it."""

from dispatch.domain.errors import DomainError, ErrorCode
from dispatch.domain.model import Shift, ShiftStatus
from dispatch.domain.rules import ServiceConfig
from dispatch.engine.draft import Draft
from dispatch.engine.visits import end_break


def require_in_service(draft: Draft, vehicle_id: str) -> None:
    """Refuse what a vehicle that is out of service cannot do.

    Raises:
        DomainError: `vehicle_out_of_service`.
    """
    if vehicle_id in draft.state.out:
        raise DomainError(ErrorCode.VEHICLE_OUT_OF_SERVICE, f"{vehicle_id} is out of service")


def on_duty(config: ServiceConfig, draft: Draft, vehicle_id: str) -> Shift:
    """The running shift of a vehicle that is in service; a break that is over is none of it.

    Raises:
        DomainError: unknown vehicle, out of service, or without a running shift.
    """
    if config.vehicle(vehicle_id) is None:
        raise DomainError(ErrorCode.VEHICLE_NOT_FOUND, f"no vehicle {vehicle_id}")
    require_in_service(draft, vehicle_id)
    for shift in list(draft.state.shifts.values()):
        if shift.vehicle_id == vehicle_id and shift.status is ShiftStatus.ACTIVE:
            return end_break(draft, shift.id)
    raise DomainError(ErrorCode.SHIFT_STATE, f"{vehicle_id} has no running shift")
