"""E-mail by SMTP: one conversation per message, within one deadline, whatever the server does."""

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, localtime, parseaddr
from typing import Final

from dispatch.messaging.channels.base import Deadline, Parcel, Result, scrubbed
from dispatch.messaging.settings import EmailSettings
from dispatch.messaging.words import one_line

_FINAL: Final = range(500, 600)
_SHUTTING_DOWN: Final = 421
_HEADROOM_S: Final = 2.0


class UnmailableError(Exception):
    """An address that no e-mail can be sent to."""


class EmailChannel:
    """Sends by a mail server.

    Args:
        settings: Which, and as whom.
        password: For servers that want one.
    """

    name: Final = "email"

    def __init__(self, settings: EmailSettings, password: str = "") -> None:
        self._settings = settings
        self._password = password
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        self._context = context

    @property
    def deadline_s(self) -> float:
        """The longest that `send` takes, real seconds."""
        return self._settings.timeout_s + _HEADROOM_S

    def send(self, parcel: Parcel) -> Result:
        """Try once to hand an e-mail over."""
        settings = self._settings
        try:
            message = compose(parcel, settings.sender, settings.reply_to)
        except UnmailableError as error:
            return Result("never", scrubbed(str(error)))
        try:
            with self._conversation() as (client, deadline):
                _greet(client, self._settings, self._password, self._context)
                if deadline.is_over:
                    raise TimeoutError("no time left")
                client.send_message(message)
        except smtplib.SMTPResponseException as error:
            return _answered(error)
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            return _refused(code, _words(text))
        except (smtplib.SMTPNotSupportedError, UnicodeError) as error:
            return Result("never", scrubbed(str(error)))
        except (smtplib.SMTPException, OSError) as error:
            detail = scrubbed(f"{type(error).__name__}: {error}")
            return Result("later", detail, channel_down=True)
        return Result("sent")

    def close(self) -> None:
        """Nothing stays open."""

    @contextmanager
    def _conversation(self) -> Iterator[tuple[smtplib.SMTP, Deadline]]:
        """A connection that is cut at the deadline: smtplib's own time-outs are per answer."""
        settings = self._settings
        deadline = Deadline(settings.timeout_s)
        client: smtplib.SMTP
        if settings.security == "ssl":
            client = smtplib.SMTP_SSL(timeout=settings.timeout_s, context=self._context)
        else:
            client = smtplib.SMTP(timeout=settings.timeout_s)
        # the name in the certificate: smtplib takes it from its constructor, which would connect
        client._host = settings.host  # type: ignore[attr-defined]  # noqa: SLF001
        cut = threading.Timer(settings.timeout_s, _cut, [client])
        cut.daemon = True
        cut.start()
        try:
            # what a server says when it turns us away is an answer like any other
            code, text = client.connect(settings.host, settings.port_in_use)
            if code != 220:  # noqa: PLR2004 - RFC 5321, 4.2
                raise smtplib.SMTPConnectError(code, text)
            yield client, deadline
            with contextlib.suppress(smtplib.SMTPException, OSError):
                client.quit()  # the message is accepted: how the server says goodbye matters not
        finally:
            cut.cancel()
            client.close()


def _cut(client: smtplib.SMTP) -> None:
    sock = client.sock
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _greet(
    client: smtplib.SMTP, settings: EmailSettings, password: str, context: ssl.SSLContext
) -> None:
    client.ehlo_or_helo_if_needed()
    if settings.security == "starttls":
        client.starttls(context=context)
        client.ehlo_or_helo_if_needed()
    if settings.username:
        client.login(settings.username, password)


def compose(parcel: Parcel, sender: str, reply_to: str | None = None) -> EmailMessage:
    """An e-mail with a text and an HTML part.

    Its Message-ID follows from the message's id: who gets a message twice can see that it is one.

    Args:
        parcel: What, and for whom.
        sender: From.
        reply_to: Where answers go, if not to the sender.

    Raises:
        UnmailableError: the address is none.
    """
    message = EmailMessage(policy=SMTP_POLICY)
    own = parseaddr(sender)[1]
    try:
        message["From"] = sender
        message["To"] = _mailbox(one_line(parcel.name), parcel.email or "")
    except (ValueError, IndexError, UnicodeError) as error:
        raise UnmailableError("not an e-mail address") from error
    if reply_to:
        message["Reply-To"] = reply_to
    message["Subject"] = one_line(parcel.letter.subject)
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = f"<{parcel.id}@{own.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(parcel.letter.text, cte="quoted-printable")
    message.add_alternative(parcel.letter.html, subtype="html", cte="quoted-printable")
    return message


def _mailbox(name: str, address: str) -> Address:
    """An address with a name; a domain outside of ASCII in the form that every server knows."""
    local, at, domain = address.rpartition("@")
    if not at or not local or "@" in local or not domain or not address.isprintable():
        raise ValueError("not an e-mail address")
    return Address(display_name=name, username=local, domain=domain.encode("idna").decode("ascii"))


def _answered(error: smtplib.SMTPResponseException) -> Result:
    """The server has said no, to something that is not the recipient alone."""
    detail = f"{error.smtp_code} {scrubbed(_words(error.smtp_error))}"
    whole = isinstance(
        error,
        smtplib.SMTPAuthenticationError | smtplib.SMTPSenderRefused | smtplib.SMTPConnectError,
    )
    if whole or error.smtp_code in (-1, _SHUTTING_DOWN) or isinstance(error, smtplib.SMTPHeloError):
        return Result("later", detail, channel_down=True)
    return _refused(error.smtp_code, _words(error.smtp_error))


def _refused(code: int, text: str) -> Result:
    detail = f"{code} {scrubbed(text)}"
    if code == _SHUTTING_DOWN:
        return Result("later", detail, channel_down=True)
    return Result("never" if code in _FINAL else "later", detail)


def _words(text: bytes | str) -> str:
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
