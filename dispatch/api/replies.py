"""Hands commands to the gateway and turns outcomes into answers or problems."""

from fastapi import Request

from dispatch.api.problems import ProblemError
from dispatch.api.security import Caller, inbox_key
from dispatch.api.settings import ApiSettings
from dispatch.domain.commands import Command
from dispatch.live.gateway import Contact
from dispatch.town import Json


async def carry_out(
    request: Request,
    settings: ApiSettings,
    caller: Caller,
    command: Command,
    contact: Contact | None = None,
) -> Json:
    """The dispatcher's answer to a command.

    Raises:
        ProblemError: the command changed nothing.
        StoreError: nobody can say yet.
    """
    key = inbox_key(request, caller)
    outcome = await settings.gateway.submit(command, key=key, contact=contact)
    if outcome.error is not None:
        raise ProblemError(outcome.error.code, params=outcome.error.params)
    return outcome.body or {}
