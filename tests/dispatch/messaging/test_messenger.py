"""From the engine's decision to the letter in the box, through everything that can go wrong."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from post_office import (
    Browser,
    Gateway,
    MailBox,
    free_port,
    http_gateway,
    mail_server,
    silent_server,
)
from told_town import QUICK, ToldTown, sending, wait_until

from dispatch.domain import commands as cmd
from dispatch.messaging.channels.email import EmailChannel
from dispatch.messaging.kinds import MessageKind
from dispatch.messaging.pace import Backoff
from dispatch.messaging.settings import MessageSettings
from dispatch.store import outbox
from dispatch.store.connect import connect
from dispatch.store.outbox import NewMessage

HOUR_S = 3600


def by_mail(port: int, timeout_s: float = 5, **more: Any) -> MessageSettings:
    email = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "Rufbus <rufbus@example.org>",
        "timeout_s": timeout_s,
    }
    return MessageSettings.model_validate({"email": email, "url": "https://r.example", **more})


def by_sms(gateway: Gateway) -> dict[str, Any]:
    return {"url": f"http://127.0.0.1:{gateway.port}/", "json": {"to": "{to}", "text": "{text}"}}


@pytest.fixture
def box() -> MailBox:
    return MailBox()


@pytest.fixture
def port(box: MailBox) -> Iterator[int]:
    with mail_server(box) as port:
        yield port


def subjects(box: MailBox) -> list[str]:
    return [str(message["Subject"]) for message in box.accepted]


def all_done(town: ToldTown) -> bool:
    return not town.sql("SELECT id FROM message WHERE state = 'pending'")


def put(town: ToldTown, count: int, channel: str = "email", **changes: Any) -> list[str]:
    """Messages to as many riders, without rides."""
    facts = {"from": "a", "to": "b", "told": [town.now_s, town.now_s], "told_vehicle_id": None}
    messages = []
    for n in range(count):
        values: dict[str, Any] = {
            "id": f"ms_{channel}_{n}",
            "booking_id": f"bk_{channel}_{n}",
            "ordinal": 1,
            "rider_id": f"rd_{channel}_{n}",
            "kind": "moved",
            "facts": facts,
            "at_s": town.now_s,
            "expires_at_s": town.now_s + HOUR_S,
        }
        messages.append(NewMessage(**(values | changes)))
        town.sql(
            "INSERT INTO rider (area, id, name, email, phone) VALUES ('grid', %s, 'Ada', %s, %s)"
            " ON CONFLICT DO NOTHING RETURNING id",
            messages[-1].rider_id,
            f"ada{n}@example.org" if channel == "email" else None,
            "02521 12345" if channel == "sms" else None,
        )
    with connect(town.dsn) as connection:
        outbox.add(connection, "grid", messages)
    return [message.id for message in messages]


def test_a_rider_gets_one_email_per_change(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    booking = town.book(depart_at_s=town.now_s + 2 * HOUR_S, language="en")
    other = town.book(2, 20, name="Otto", email="otto@example.org")
    with sending([town.messenger(tmp_path, by_mail(port))]):
        town.until(booking.promise.pickup_from_s - HOUR_S, step_s=600)
        town.do(cmd.CancelBooking(other.id, "rider"))
        town.do(cmd.CancelBooking(booking.id, "control"))
        wait_until(lambda: all_done(town))
    mine = [m for m in box.accepted if "erika" in str(m["To"])]
    assert [str(m["Subject"]).split(" on ")[0] for m in mine] == [
        "Your ride",
        str(mine[1]["Subject"]),
        "Your ride",
    ]
    assert str(mine[1]["Subject"]).startswith("Reminder: your ride")
    assert str(mine[2]["Subject"]).endswith("will not take place")
    text = mine[0].get_body(("plain",))
    assert text is not None
    assert "Hello Erika Muster," in text.get_content()
    assert f"https://r.example/b/{booking.id}" in text.get_content()
    stop = town.names.stop(booking.promise.pickup_stop_id)["name"]
    assert f"Stop: {stop}" in text.get_content()
    assert len(set(box.ids)) == len(box.ids)
    assert town.differences() == []


def test_greylisted_first_then_taken_once(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    box.says = lambda box: "451 4.7.1 try again" if box.attempts <= 2 else None
    town.book()
    with sending([town.messenger(tmp_path, by_mail(port))]):
        wait_until(lambda: all_done(town))
    assert len(box.accepted) == 1
    assert town.sql("SELECT state, attempts, channel, error FROM message") == [
        ("sent", 3, "email", None)
    ]


def test_a_connection_lost_after_data_is_sent_again_recognisably(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    box.drops_after_data = 1
    town.book()
    with sending([town.messenger(tmp_path, by_mail(port))]):
        wait_until(lambda: all_done(town))
    assert len(box.ids) == 2
    assert len(set(box.ids)) == 1


def test_an_address_that_is_refused_is_dead_and_says_why(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    box.refuses = lambda _address: "550 5.1.1 no such user"
    town.book()
    with sending([town.messenger(tmp_path, by_mail(port))]):
        wait_until(lambda: all_done(town))
    assert town.sql("SELECT state, attempts, error FROM message") == [
        ("dead", 1, "550 5.1.1 no such user")
    ]


def test_words_that_are_missing_stop_nobody(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    put(town, 1, kind="unheard_of")
    town.book()
    with sending([town.messenger(tmp_path, by_mail(port))]):
        wait_until(lambda: all_done(town))
    assert dict(town.states()) == {"unheard_of": "dead", "confirmed": "sent"}
    assert len(box.accepted) == 1


def test_a_mail_server_that_hangs_holds_up_no_sms(town: ToldTown, tmp_path: Path) -> None:
    put(town, 6)
    put(town, 6, "sms")
    with silent_server() as port, http_gateway(Gateway()) as gateway:
        settings = by_mail(port, timeout_s=2, sms=by_sms(gateway))
        began = time.monotonic()
        with sending([town.messenger(tmp_path, settings)]):
            wait_until(lambda: len(gateway.received) == 6, 5)
            assert time.monotonic() - began < 2
    states = Counter(town.sql("SELECT state, channel FROM message"))
    assert states["sent", "sms"] == 6
    assert not any(state == "sent" and channel == "email" for state, channel in states)


def test_a_dead_channel_is_not_tried_with_every_message(
    town: ToldTown, box: MailBox, tmp_path: Path
) -> None:
    port = free_port()
    put(town, 30)
    with sending([town.messenger(tmp_path, by_mail(port))]):
        time.sleep(1.0)
        # three failures of two lanes, and a few probes since
        tried = town.sql("SELECT sum(attempts) FROM message")[0][0]
        assert 3 <= tried <= 12
        # the server comes: everything gets through
        with mail_server(box, port=port):
            wait_until(lambda: all_done(town))
    assert sorted(box.ids) == sorted({f"<ms_email_{n}@example.org>" for n in range(30)})


def test_messengers_side_by_side_send_nothing_twice(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    ids = put(town, 60)
    with sending([town.messenger(tmp_path, by_mail(port)) for _ in range(2)]):
        wait_until(lambda: all_done(town), 30)
    assert sorted(box.ids) == sorted(f"<{message_id}@example.org>" for message_id in ids)
    assert town.sql("SELECT DISTINCT state, attempts FROM message") == [("sent", 1)]


def test_messages_about_one_booking_come_in_order(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    box.says = lambda box: "451 not yet" if box.attempts == 1 else None
    booking = town.book(depart_at_s=town.now_s + 2 * HOUR_S)
    facts = town.facts(booking.id)
    put(town, 1, booking_id=booking.id, ordinal=2, facts=facts, rider_id=booking.rider_id)
    slow = replace(QUICK, backoff=Backoff(first_s=2.0))
    messengers = [town.messenger(tmp_path, by_mail(port), pace=slow) for _ in range(2)]
    with sending(messengers):
        wait_until(lambda: town.sql("SELECT id FROM message WHERE error IS NOT NULL"))
        time.sleep(0.5)  # the first one waits for its next attempt: the second may not overtake it
        assert box.attempts == 1
        wait_until(lambda: all_done(town))
    assert [s.split()[0] for s in subjects(box)] == ["Ihre", "Neue"]


def test_what_a_newer_message_has_overtaken_is_not_sent(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    booking = town.book()
    told = town.facts(booking.id)["told"][0]
    for n, minutes in enumerate((10, 20, 30)):
        facts = {**town.facts(booking.id), "told": [told + 60 * minutes] * 2}
        put(town, 1, booking_id=booking.id, ordinal=n + 2, facts=facts, id=f"ms_{n}",
            rider_id=booking.rider_id)  # fmt: skip
    with sending([town.messenger(tmp_path, by_mail(port))]):
        wait_until(lambda: all_done(town))
    states = town.sql("SELECT state FROM message ORDER BY ordinal")
    assert states == [("sent",), ("superseded",), ("superseded",), ("sent",)]
    assert [s.split(":")[0] for s in subjects(box)] == [
        subjects(box)[0].split(":")[0],
        "Neue Abholzeit",
    ]


def test_booked_and_cancelled_while_the_mail_server_was_away_is_told_once(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    booking = town.book()
    town.do(cmd.CancelBooking(booking.id, "service"))
    with sending([town.messenger(tmp_path, by_mail(port))]):
        wait_until(lambda: all_done(town))
    assert town.states() == [("confirmed", "superseded"), ("cancelled", "sent")]
    assert len(box.accepted) == 1


def test_nothing_is_sent_after_it_has_expired(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    town.book(depart_at_s=town.now_s + 2 * HOUR_S)
    put(town, 1, kind="coming", expires_at_s=town.now_s + 300)
    town.clock.at_s += 301
    with sending([town.messenger(tmp_path, by_mail(port))]):
        wait_until(lambda: all_done(town))
    assert dict(town.states()) == {"confirmed": "sent", "coming": "expired"}
    assert len(box.accepted) == 1


def test_who_is_erased_is_told_nothing_any_more(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    booking = town.book()
    subscription = Browser("https://fcm.googleapis.com/x").subscription
    town.sql(
        "INSERT INTO push_subscription VALUES ('grid', %s, %s, %s, %s) RETURNING rider_id",
        booking.rider_id,
        subscription.endpoint,
        subscription.p256dh,
        subscription.auth,
    )
    town.sql("DELETE FROM rider WHERE id = %s RETURNING id", booking.rider_id)
    assert town.states() == [("confirmed", "no_recipient")]
    assert town.sql("SELECT endpoint FROM push_subscription") == []
    town.do(cmd.CancelBooking(booking.id, "service"))
    with sending([town.messenger(tmp_path, by_mail(port))]):
        wait_until(lambda: all_done(town))
    assert town.states() == [("confirmed", "no_recipient"), ("cancelled", "no_recipient")]
    assert box.accepted == []


def test_who_is_erased_leaves_no_file(town: ToldTown, tmp_path: Path) -> None:
    booking = town.book()
    with sending([town.messenger(tmp_path / "mail")]):
        wait_until(lambda: all_done(town))
    assert town.sql("SELECT state, channel FROM message") == [("sent", "file")]
    assert len(list((tmp_path / "mail").iterdir())) == 1
    town.sql("DELETE FROM rider WHERE id = %s RETURNING id", booking.rider_id)
    with sending([town.messenger(tmp_path / "mail")]):
        wait_until(lambda: not list((tmp_path / "mail").iterdir()))


@pytest.mark.parametrize(
    ("person", "how"),
    [
        ({"email": None, "phone": "02521 12345"}, "sms"),
        ({"phone": "02521 12345"}, "email"),
        ({"phone": "02521 12345", "channel": "sms"}, "sms"),
        ({"channel": "sms"}, "email"),
        ({"channel": "push"}, "email"),
        ({"channel": "none"}, None),
    ],
)
def test_riders_are_told_as_they_want_if_that_is_possible(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path, person: Any, how: str | None
) -> None:
    town.book(**person)
    with http_gateway(Gateway()) as gateway:
        settings = by_mail(port, sms=by_sms(gateway))
        with sending([town.messenger(tmp_path, settings)]):
            wait_until(lambda: all_done(town))
        counts = (len(box.accepted), len(gateway.received))
    assert counts == {"email": (1, 0), "sms": (0, 1), None: (0, 0)}[how]
    state = "no_channel" if how is None else "sent"
    assert town.sql("SELECT state, channel FROM message") == [(state, how)]


def test_a_phone_number_without_a_gateway_is_no_channel(town: ToldTown, tmp_path: Path) -> None:
    town.book(email=None, phone="02521 12345")
    with sending([town.messenger(tmp_path)]):
        wait_until(lambda: all_done(town))
    assert town.states() == [("confirmed", "no_channel")]


def test_a_browser_that_is_gone_is_forgotten_and_an_email_sent(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    booking = town.book(channel="push")
    with http_gateway(Gateway(answers=[(410, {})])) as gateway:
        subscription = Browser(f"http://127.0.0.1:{gateway.port}/1").subscription
        town.sql(
            "INSERT INTO push_subscription VALUES ('grid', %s, %s, %s, %s) RETURNING rider_id",
            booking.rider_id,
            subscription.endpoint,
            subscription.p256dh,
            subscription.auth,
        )
        push = {"contact": "mailto:a@example.org", "hosts": [f"127.0.0.1:{gateway.port}"]}
        with sending([town.messenger(tmp_path, by_mail(port, push=push))]):
            wait_until(lambda: all_done(town))
        assert len(gateway.received) == 1
    assert town.sql("SELECT endpoint FROM push_subscription") == []
    assert town.sql("SELECT state, channel, attempts FROM message") == [("sent", "email", 1)]
    assert len(box.accepted) == 1


def test_a_push_arrives(town: ToldTown, tmp_path: Path) -> None:
    booking = town.book(channel="push")
    with http_gateway(Gateway()) as gateway:
        browser = Browser(f"http://127.0.0.1:{gateway.port}/1")
        subscription = browser.subscription
        town.sql(
            "INSERT INTO push_subscription VALUES ('grid', %s, %s, %s, %s) RETURNING rider_id",
            booking.rider_id,
            subscription.endpoint,
            subscription.p256dh,
            subscription.auth,
        )
        push = {"contact": "mailto:a@example.org", "hosts": [f"127.0.0.1:{gateway.port}"]}
        settings = MessageSettings.model_validate({"push": push})
        with sending([town.messenger(tmp_path, settings)]):
            wait_until(lambda: all_done(town))
        shown = browser.read(gateway.received[0].body)
    assert shown["title"].startswith("Ihre Fahrt am")
    assert town.sql("SELECT state, channel FROM message") == [("sent", "push")]


def test_without_redis_messages_are_sent_all_the_same(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    messenger = town.messenger(tmp_path, by_mail(port), redis_url="redis://127.0.0.1:1/0")
    with sending([messenger]):
        town.book()
        wait_until(lambda: all_done(town))
    assert len(box.accepted) == 1


def test_redis_wakes_the_messenger_at_once(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    slow = replace(QUICK, poll_s=30.0)
    messenger = town.messenger(tmp_path, by_mail(port), pace=slow)
    with sending([messenger]):
        time.sleep(1.0)  # it listens by now
        town.book()
        wait_until(lambda: box.accepted, 5)


def test_a_database_lost_while_a_message_is_sent_does_not_send_it_again(
    town: ToldTown, box: MailBox, port: int, tmp_path: Path
) -> None:
    def cut(_box: MailBox) -> None:
        town.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'rufbus-messenger'"
        )

    box.says = cut
    town.book()
    with sending([town.messenger(tmp_path, by_mail(port))]):
        wait_until(lambda: all_done(town))
        time.sleep(0.3)
    assert len(box.accepted) == 1
    assert town.states() == [("confirmed", "sent")]


_PROCESS = """
import sys
from zoneinfo import ZoneInfo
from dispatch.clock import ServiceClock
from dispatch.messaging.assembly import messenger
from dispatch.messaging.messenger import run_until_signalled
from dispatch.messaging.settings import MessageSettings
from dispatch.town import Town
from pathlib import Path
import json
dsn, redis_url, settings, at_s = sys.argv[1:]
run_until_signalled(messenger(
    dsn, redis_url, "grid", settings=MessageSettings.model_validate_json(settings),
    town=Town(ZoneInfo("Europe/Berlin"), {}, {}), place="Gitterstadt",
    clock=ServiceClock(0.0, float(at_s), 1e-9), folder=Path("unused")))
"""


@pytest.fixture
def process(town: ToldTown) -> Iterator[Any]:
    started: list[subprocess.Popen[bytes]] = []

    def start(settings: MessageSettings) -> subprocess.Popen[bytes]:
        document = settings.model_dump_json(by_alias=True)
        command = [sys.executable, "-c", _PROCESS, town.dsn, town.redis_url, document]
        child = subprocess.Popen([*command, str(town.now_s)])
        started.append(child)
        return child

    yield start
    for child in started:
        if child.poll() is None:
            child.kill()
        child.wait(10)


@pytest.mark.crash
def test_kill_nine_between_accepted_and_recorded(
    town: ToldTown, box: MailBox, port: int, process: Any
) -> None:
    settings = by_mail(port, timeout_s=2)
    victim = process(settings)

    def kill(box: MailBox) -> None:
        if box.attempts == 1:  # the letter is in the box, and nobody will ever record that
            os.kill(victim.pid, signal.SIGKILL)

    box.says = kill
    town.book()
    wait_until(lambda: victim.poll() is not None, 30)
    wait_until(lambda: box.accepted)
    assert town.sql("SELECT state, attempts FROM message") == [("pending", 1)]
    process(settings)
    time.sleep(2.0)
    assert len(box.accepted) == 1  # the lease holds
    town.sql("UPDATE message SET due_at = clock_timestamp() RETURNING id")  # it has run out
    wait_until(lambda: all_done(town), 30)
    assert town.sql("SELECT state, attempts FROM message") == [("sent", 2)]
    assert len(box.ids) == 2
    assert len(set(box.ids)) == 1  # the one guarantee there is: it can be seen to be the same


def test_sigterm_finishes_what_is_under_way(
    town: ToldTown, box: MailBox, port: int, process: Any
) -> None:
    child = process(by_mail(port))

    def stop(_box: MailBox) -> None:
        child.terminate()
        time.sleep(0.5)

    box.says = stop
    town.book()
    assert child.wait(30) == 0
    assert town.states() == [("confirmed", "sent")]
    assert len(box.accepted) == 1


def test_the_lease_outlasts_every_attempt(port: int) -> None:
    settings = by_mail(port, timeout_s=60).email
    assert settings is not None
    assert EmailChannel(settings).deadline_s > settings.timeout_s


def test_every_kind_has_words_in_both_languages(town: ToldTown, tmp_path: Path) -> None:
    for n, kind in enumerate(MessageKind):
        put(town, 1, kind=str(kind), booking_id=f"bk_{n}", id=f"ms_{kind}",
            expires_at_s=town.now_s + HOUR_S)  # fmt: skip
    with sending([town.messenger(tmp_path)]):
        wait_until(lambda: all_done(town))
    assert {state for _, state in town.states()} == {"sent"}
