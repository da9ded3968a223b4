"""Commands, events and entities to JSON and back: checked on the way in, every value kept."""

from typing import Any, Final, get_args

from pydantic import TypeAdapter, ValidationError

from dispatch.domain.closures import Closure
from dispatch.domain.commands import Command
from dispatch.domain.events import Event
from dispatch.domain.model import (
    Acknowledgement,
    Booking,
    Fix,
    Offer,
    OutOfService,
    RideRequest,
    Shift,
)
from dispatch.store.errors import UndecodableError

_COMMANDS: Final[dict[str, TypeAdapter[Any]]] = {
    kind.__name__: TypeAdapter(kind) for kind in get_args(Command)
}
_EVENTS: Final[dict[str, TypeAdapter[Any]]] = {
    kind.__name__: TypeAdapter(kind) for kind in get_args(Event)
}

REQUEST: Final = TypeAdapter(RideRequest)
OFFER: Final = TypeAdapter(Offer)
BOOKING: Final = TypeAdapter(Booking)
SHIFT: Final = TypeAdapter(Shift)
FIX: Final = TypeAdapter(Fix)
OUTAGE: Final = TypeAdapter(OutOfService)
CLOSURE: Final = TypeAdapter(Closure)
ACKNOWLEDGEMENT: Final = TypeAdapter(Acknowledgement)


def command_to_json(command: Command) -> dict[str, Any]:
    """A command as plain JSON values, its kind under `type`."""
    return _to_json(_COMMANDS, command)


def command_from_json(document: dict[str, Any]) -> Command:
    """The command of `command_to_json`.

    Raises:
        UndecodableError: unknown kind, or fields that do not fit.
    """
    command: Command = _from_json(_COMMANDS, document)
    return command


def event_to_json(event: Event) -> dict[str, Any]:
    """An event as plain JSON values, its kind under `type`."""
    return _to_json(_EVENTS, event)


def event_from_json(document: dict[str, Any]) -> Event:
    """The event of `event_to_json`.

    Raises:
        UndecodableError: unknown kind, or fields that do not fit.
    """
    event: Event = _from_json(_EVENTS, document)
    return event


def _to_json(adapters: dict[str, TypeAdapter[Any]], message: Command | Event) -> dict[str, Any]:
    kind = type(message).__name__
    fields: dict[str, Any] = adapters[kind].dump_python(message, mode="json")
    return {"type": kind} | fields


def _from_json(adapters: dict[str, TypeAdapter[Any]], document: dict[str, Any]) -> Any:
    try:
        fields = dict(document)
        return adapters[fields.pop("type")].validate_python(fields)
    except (KeyError, TypeError, ValidationError) as error:
        raise UndecodableError(f"cannot read {str(document)[:200]}") from error
