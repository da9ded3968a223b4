"""What is answered about messages and channels."""

from datetime import datetime
from typing import Literal

from dispatch.api.schemas.common import Answer


class Preferences(Answer):
    """How a rider is told.

    `channel` is what was chosen (null: as possible), `effective` what follows from it now, and
    `available` what may be chosen.
    """

    language: Literal["de", "en"]
    channel: Literal["email", "sms", "push", "none"] | None
    effective: Literal["email", "sms", "push", "none"]
    available: list[Literal["email", "sms", "push", "none"]]
    push_subscriptions: int


class PushKey(Answer):
    """The `applicationServerKey` for a browser's subscription, base64url."""

    public_key: str


class RiderMessage(Answer):
    """A message to a rider, without its words.

    `decided_at` and `expires_at` are times of the service, all others real time.
    """

    id: str
    booking_id: str | None
    kind: str
    state: Literal["pending", "sent", "superseded", "expired", "dead", "no_recipient", "no_channel"]
    channel: str | None
    attempts: int
    decided_at: datetime
    expires_at: datetime
    created_at: datetime
    finished_at: datetime | None
    next_attempt_at: datetime | None
    error: str | None


class RiderMessages(Answer):
    """The newest first."""

    messages: list[RiderMessage]
