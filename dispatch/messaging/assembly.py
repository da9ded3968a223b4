"""Makes a messenger from a town's configuration."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch.messaging.channels.email import EmailChannel
from dispatch.messaging.channels.push import PushChannel
from dispatch.messaging.channels.sink import FileChannel
from dispatch.messaging.channels.sms import SmsChannel
from dispatch.messaging.lane import Clock
from dispatch.messaging.messenger import Messenger, MessengerPace
from dispatch.messaging.settings import SMS_TOKEN, SMTP_PASSWORD, MessageSettings, check_secrets
from dispatch.messaging.vapid import fresh_pem
from dispatch.messaging.words import Writer
from dispatch.store import recipients
from dispatch.store.connect import connect
from dispatch.town import Town

if TYPE_CHECKING:
    from dispatch.messaging.channels.base import Channel


def messenger(  # noqa: PLR0913 (where everything comes together, by keyword)
    dsn: str,
    redis_url: str,
    area: str,
    *,
    settings: MessageSettings,
    town: Town,
    place: str,
    clock: Clock,
    folder: Path,
    pace: MessengerPace | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Messenger:
    """A messenger with the channels that are configured; e-mails are files where no server is.

    Args:
        dsn: The database, migrated.
        redis_url: Of Redis.
        area: The service area.
        settings: `[messages]` of the town.
        town: Names and the clock's zone.
        place: The town's name.
        clock: The service's clock.
        folder: For e-mails as files.
        pace: How busy.
        environment: Holds the secrets.

    Raises:
        MessagesSecretError: one is missing.
        psycopg.OperationalError: the database cannot be reached.
    """
    check_secrets(settings, environment)
    channels: list[Channel] = []
    if settings.email is None:
        channels.append(FileChannel(folder))
    else:
        channels.append(EmailChannel(settings.email, environment.get(SMTP_PASSWORD, "")))
    if settings.sms is not None:
        channels.append(SmsChannel(settings.sms, environment.get(SMS_TOKEN, "")))
    if settings.push is not None:
        with connect(dsn, "rufbus-messenger") as connection:
            pem = recipients.vapid_pem(connection, area, fresh_pem())
        channels.append(PushChannel(settings.push, pem))
    return Messenger(
        dsn,
        redis_url,
        area,
        writer=Writer(town, place, settings.url, settings.phone),
        channels=channels,
        clock=clock,
        pace=pace,
    )
