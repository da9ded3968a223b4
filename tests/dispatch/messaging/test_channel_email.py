"""E-mail against a real SMTP server on this machine: what is sent, and what comes of trouble."""

import datetime as dt
import ssl
import time
from collections.abc import Iterator
from email.headerregistry import Address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from post_office import MailBox, mail_server, silent_server

from dispatch.messaging.channels.base import Parcel
from dispatch.messaging.channels.email import EmailChannel
from dispatch.messaging.channels.sink import FileChannel
from dispatch.messaging.settings import EmailSettings
from dispatch.messaging.words import Letter

LETTER = Letter("Ihre Fahrt ist gebucht, über Beckum", "Grüße\nan Sie", "<p>Grüße</p>", "kurz", "")
PARCEL = Parcel("ms_1", LETTER, "Erika Müßter", email="erika@example.org")


def settings(port: int, **changes: Any) -> EmailSettings:
    values = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "Rufbus Gitterstadt <rufbus@example.org>",
        "timeout_s": 5,
    }
    return EmailSettings.model_validate(values | changes)


@pytest.fixture
def box() -> MailBox:
    return MailBox()


@pytest.fixture
def port(box: MailBox) -> Iterator[int]:
    with mail_server(box) as port:
        yield port


def test_an_email_arrives_as_text_and_html_with_an_id_of_its_own(box: MailBox, port: int) -> None:
    channel = EmailChannel(settings(port, reply_to="Leitstelle <leitstelle@example.org>"))
    assert channel.send(PARCEL).outcome == "sent"
    (message,) = box.accepted
    assert box.recipients == [["erika@example.org"]]
    assert message["To"].addresses == (Address("Erika Müßter", "erika", "example.org"),)
    assert message["From"].addresses[0].addr_spec == "rufbus@example.org"
    assert message["Reply-To"].addresses[0].addr_spec == "leitstelle@example.org"
    assert message["Subject"] == LETTER.subject
    assert message["Message-ID"] == "<ms_1@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().split() == ["Grüße", "an", "Sie"]
    assert html.get_content().strip() == "<p>Grüße</p>"


@pytest.mark.parametrize(
    "name", ["Erika\r\nBcc: all@example.org", 'E "x" <boss@example.org>, B', "\x00\x07", ""]
)
def test_a_name_cannot_add_headers_or_recipients(box: MailBox, port: int, name: str) -> None:
    parcel = Parcel("ms_1", LETTER, name, email="erika@example.org")
    assert EmailChannel(settings(port)).send(parcel).outcome == "sent"
    assert box.recipients == [["erika@example.org"]]
    assert box.accepted[0]["Bcc"] is None
    assert [a.addr_spec for a in box.accepted[0]["To"].addresses] == ["erika@example.org"]


@pytest.mark.parametrize(
    "address", ["", "erika", "a@b@c", "a\r\nb@example.org", "@example.org", "erika@" + "x" * 70]
)
def test_an_address_that_is_none_is_given_up(port: int, address: str) -> None:
    parcel = Parcel("ms_1", LETTER, "Erika", email=address)
    assert EmailChannel(settings(port)).send(parcel).outcome == "never"


def test_a_domain_outside_of_ascii_is_reached(box: MailBox, port: int) -> None:
    parcel = Parcel("ms_1", LETTER, "Erika", email="erika@bücher.example")
    assert EmailChannel(settings(port)).send(parcel).outcome == "sent"
    assert box.recipients == [["erika@xn--bcher-kva.example"]]


@pytest.mark.parametrize(
    ("answer", "outcome", "down"),
    [
        ("451 4.7.1 greylisted, try again", "later", False),
        ("554 5.7.1 spam", "never", False),
        ("421 4.3.2 going down", "later", True),
    ],
)
def test_what_the_server_answers_decides(
    box: MailBox, port: int, answer: str, outcome: str, *, down: bool
) -> None:
    box.says = lambda _box: answer
    result = EmailChannel(settings(port)).send(PARCEL)
    assert (result.outcome, result.channel_down) == (outcome, down)
    assert result.detail.startswith(answer[:3])


def test_a_refused_recipient_is_given_up_and_not_named(box: MailBox, port: int) -> None:
    box.refuses = lambda address: f"550 5.1.1 <{address}>: no such user, call +49 2521 123456"
    result = EmailChannel(settings(port)).send(PARCEL)
    assert result.outcome == "never"
    assert result.detail.startswith("550 5.1.1")
    assert "erika" not in result.detail
    assert "2521" not in result.detail


def test_a_connection_lost_after_data_leaves_it_open(box: MailBox, port: int) -> None:
    box.drops_after_data = 1
    channel = EmailChannel(settings(port))
    first = channel.send(PARCEL)
    assert (first.outcome, first.channel_down) == ("later", True)
    assert channel.send(PARCEL).outcome == "sent"
    assert box.ids == ["<ms_1@example.org>"] * 2  # the same one, and it can be seen


@pytest.mark.parametrize(("greeting", "drip_s"), [(b"", 0.0), (b"220 hello\r\n", 0.0), (b"", 0.05)])
def test_a_server_that_hangs_or_dawdles_costs_no_more_than_the_time_out(
    greeting: bytes, drip_s: float
) -> None:
    with silent_server(greeting, drip_s=drip_s) as port:
        channel = EmailChannel(settings(port, timeout_s=0.5))
        began = time.monotonic()
        result = channel.send(PARCEL)
        took_s = time.monotonic() - began
    assert (result.outcome, result.channel_down) == ("later", True)
    assert 0.4 < took_s < channel.deadline_s


def test_no_server(port: int) -> None:
    del port
    result = EmailChannel(settings(1, timeout_s=1)).send(PARCEL)
    assert (result.outcome, result.channel_down) == ("later", True)


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody has signed, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca, secret = folder / "ca.pem", folder / "key.pem"
    ca.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca, secret)
    return ca, context


def test_starttls_with_a_password_against_a_certificate_that_is_checked(
    box: MailBox, tmp_path: Path
) -> None:
    ca, context = certificate(tmp_path)
    with mail_server(box, context=context, user=("rufbus", "geheim")) as port:
        secure: dict[str, Any] = {
            "host": "localhost",
            "security": "starttls",
            "username": "rufbus",
            "ca_file": str(ca),
        }
        assert EmailChannel(settings(port, **secure), "geheim").send(PARCEL).outcome == "sent"
        wrong = EmailChannel(settings(port, **secure), "falsch").send(PARCEL)
        assert (wrong.outcome, wrong.channel_down) == ("later", True)
        assert wrong.detail.startswith("535")
        unknown = EmailChannel(settings(port, **(secure | {"ca_file": ""})), "geheim").send(PARCEL)
        assert (unknown.outcome, unknown.channel_down) == ("later", True)
        assert "CERTIFICATE_VERIFY_FAILED" in unknown.detail
    assert len(box.accepted) == 1


def test_a_server_that_does_not_offer_starttls_gets_nothing(box: MailBox, port: int) -> None:
    result = EmailChannel(settings(port, security="starttls")).send(PARCEL)
    assert result.outcome != "sent"
    assert box.accepted == []


def test_files_in_place_of_a_server(tmp_path: Path) -> None:
    channel = FileChannel(tmp_path / "messages")
    for _ in range(2):
        result = channel.send(PARCEL)
        assert (result.outcome, result.via) == ("sent", "file")
    (path,) = (tmp_path / "messages").iterdir()
    assert path.name == "ms_1.eml"
    assert b"Message-ID: <ms_1@localhost>" in path.read_bytes()
    assert (tmp_path / "messages").stat().st_mode & 0o077 == 0
    channel.tidy(lambda ids: ids)
    assert path.exists()
    channel.tidy(lambda _ids: [])
    assert not path.exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "messages").write_text("in the way")
    result = FileChannel(tmp_path / "messages").send(PARCEL)
    assert (result.outcome, result.channel_down) == ("later", True)
