"""Hands commands to the gateway and turns outcomes into answers or problems."""

from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Header, Request

from dispatch.api.messages import Language
from dispatch.api.problems import ProblemError, language_of
from dispatch.api.security import AnyCaller, Settings, inbox_key
from dispatch.domain.commands import AcceptOffer, Command
from dispatch.domain.errors import ErrorCode
from dispatch.domain.model import RequestStatus
from dispatch.live.gateway import Contact, Gateway
from dispatch.town import Json


@dataclass(frozen=True, slots=True)
class Sender:
    """Sends one caller's command under one idempotency key.

    A contact that names no language is told in the caller's.
    """

    gateway: Gateway
    key: str | None
    language: Language = "de"

    async def send(self, command: Command, contact: Contact | None = None) -> Json:
        """The dispatcher's answer to a command.

        Raises:
            ProblemError: the command changed nothing.
            StoreError: nobody can say yet.
        """
        if contact is not None and contact.language is None:
            contact = replace(contact, language=self.language)
        outcome = await self.gateway.submit(command, key=self.key, contact=contact)
        if outcome.error is not None:
            code = await self._told_apart(command, outcome.error.code)
            raise ProblemError(code, params=outcome.error.params)
        return outcome.body or {}

    async def _told_apart(self, command: Command, code: str) -> str:
        """Say of an offer that the dispatcher has forgotten what became of it."""
        if not isinstance(command, AcceptOffer) or code != ErrorCode.OFFER_NOT_FOUND:
            return code
        fate = await self.gateway.fate_of_offer(command.offer_id)
        if fate is None:
            return code
        taken = fate is RequestStatus.BOOKED
        return ErrorCode.ALREADY_BOOKED if taken else ErrorCode.OFFER_EXPIRED


def sender_of(
    request: Request,
    settings: Settings,
    caller: AnyCaller,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="1 to 255 visible ASCII characters, best random. A repetition with the "
            "same key has no further effect and gets the same answer.",
            json_schema_extra={"minLength": 1, "maxLength": 255},
        ),
    ] = None,
) -> Sender:
    """The sender for a request.

    Raises:
        ProblemError: `invalid_idempotency_key`.
    """
    language = language_of(request.headers.get("accept-language"))
    return Sender(settings.gateway, inbox_key(request, caller, idempotency_key), language)


AnySender = Annotated[Sender, Depends(sender_of)]
