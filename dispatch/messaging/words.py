"""Puts a message into words, in its rider's language: subject, text, HTML and a short form.

The templates are data (`texts/*.json`); a line of one is left out where something it names is not
known. Values are put in once and never looked at again, so a name like `{code}` is only a name.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, Final, Literal, get_args

from dispatch.messaging.gsm7 import SMS_SEPTETS, septets, to_gsm7
from dispatch.messaging.kinds import MessageKind
from dispatch.town import Town

Language = Literal["de", "en"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_FOLDER: Final = Path(__file__).parent / "texts"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}", re.ASCII)
_MINUTE_S: Final = 60
_STOP_CHARS: Final = (80, 40, 30, 24, 18, 12)
_NO_NAME: Final = re.compile(r"[:/@<>{}\\]|www\.|\.\w{2}")
"""A stranger could have us send advertising to somebody by way of the name."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message in words.

    Attributes:
        subject: One line.
        text: Plain text, lines separated by line feeds.
        html: The same as a small page.
        short: One SMS: at most 160 characters of the GSM alphabet.
        link: Address of the rider's page, or empty.
    """

    subject: str
    text: str
    html: str
    short: str
    link: str


@dataclass(frozen=True, slots=True)
class Writer:
    """Knows the town, and what stands below every message.

    Attributes:
        town: Its stops, vehicles and clock.
        place: Its name.
        url: Public address of the pages, or empty.
        phone: Whom to call, or empty.
    """

    town: Town
    place: str
    url: str = ""
    phone: str = ""

    def write(
        self,
        kind: str,
        facts: Mapping[str, Any],
        *,
        language: str,
        name: str,
        booking_id: str | None,
        at_s: int,
        now_s: int,
    ) -> Letter:
        """A message in words.

        Args:
            kind: What it says.
            facts: What its words are made of, as `announce` has put them together.
            language: `de` or `en`; anything else is German.
            name: The rider's.
            booking_id: What it is about, for the link.
            at_s: When it was decided, epoch seconds.
            now_s: When it is sent: "in 4 minutes" counts from here.

        Raises:
            KeyError: a kind without words, or facts that are missing.
        """
        language = language if language in LANGUAGES else LANGUAGES[0]
        words = catalogue(language)
        template = _template_of(kind, facts)
        link = f"{self.url}/b/{booking_id}" if self.url and booking_id else ""
        values = self._values(words, facts, now_s)
        subject = one_line(fill(words[f"{template}.subject"], values) or "")
        body = [line for raw in words[f"{template}.text"] if (line := fill(raw, values))]
        below = {"link": link, "phone": self.phone, "service": self._service(words)}
        feet = [line for k in ("link", "call") if (line := fill(words[k], below))]
        shown = "" if _NO_NAME.search(name) else one_line(name)
        greeting = fill(words["greeting"], {"name": shown}) or words["greeting.nobody"]
        closing = fill(words["closing"], below) or ""
        short = self._short(words, template, facts, link=link, at_s=at_s, now_s=now_s)
        return Letter(
            subject=subject,
            text="\n".join([greeting, "", *body, "", *feet, "", closing, ""]),
            html=_html(language, subject, [greeting, *body, *feet, closing], link),
            short=short,
            link=link,
        )

    def _service(self, words: Mapping[str, Any]) -> str:
        return fill(words["service"], {"town": self.place}) or ""

    def _short(
        self,
        words: Mapping[str, Any],
        template: str,
        facts: Mapping[str, Any],
        *,
        link: str,
        at_s: int,
        now_s: int,
    ) -> str:
        """One SMS: the link if there is room; long names of stops are cut, never times."""
        values = self._values(words, facts, now_s, short=True)
        if self._local(facts["told"][0]).date() == self._local(at_s).date():
            values["date"] = ""
        raw = words[f"{template}.sms"]
        stops = {key: values[key] for key in ("from", "to")}
        for limit in _STOP_CHARS:
            values |= {key: _clipped(stop, limit) for key, stop in stops.items()}
            text = " ".join(to_gsm7(fill(raw, values, keep=True) or "").split())
            if septets(text) <= SMS_SEPTETS:
                break
        text = _cut(text)
        with_link = f"{text} {link}"
        return with_link if link and septets(with_link) <= SMS_SEPTETS else text

    def _values(
        self, words: Mapping[str, Any], facts: Mapping[str, Any], now_s: int, *, short: bool = False
    ) -> dict[str, str]:
        form = ".short" if short else ""
        from_s, to_s = facts["told"]
        day = self._local(from_s)
        exact = from_s == to_s
        interval = {"from": self._clock(from_s), "to": self._clock(to_s)}
        minutes = max(1, round((from_s - now_s) / _MINUTE_S))
        plural = "minutes.one" if minutes == 1 else "minutes.other"
        vehicle_id = facts.get("told_vehicle_id")
        was_s, price, arrival_s = (facts.get(k) for k in ("was", "price_cents", "arrival_latest_s"))
        values = {
            "date": fill(
                words[f"date{form}"],
                {
                    "weekday": words[f"weekdays{form}"][day.weekday()],
                    "day": str(day.day),
                    "month": words["months"][day.month - 1],
                    "number": str(day.month),
                },
            ),
            "pickup": fill(words[f"about{form}"], {"time": self._clock(from_s)})
            if exact
            else fill(words[f"between{form}"], interval),
            "arrival": None if arrival_s is None else self._at(words, arrival_s),
            "was": None if was_s is None else self._at(words, was_s),
            "minutes": fill(words[plural], {"n": str(minutes)}),
            "from": self._stop(facts.get("from")),
            "to": self._stop(facts.get("to")),
            "vehicle": None if vehicle_id is None else self.town.vehicle(vehicle_id)["name"],
            "code": facts.get("code"),
            "price": None if price is None else self._price(words, price),
            "walk": f"{walk_m} m" if (walk_m := facts.get("walk_m")) else None,
            "reason": words.get(f"reason.{facts.get('reason')}"),
        }
        return {key: one_line(value) if value else "" for key, value in values.items()}

    def _price(self, words: Mapping[str, Any], cents: int) -> str | None:
        return fill(words["price"], {"euros": str(cents // 100), "cents": f"{cents % 100:02d}"})

    def _stop(self, stop_id: str | None) -> str:
        return "" if stop_id is None else str(self.town.stop(stop_id)["name"])

    def _local(self, at_s: int) -> datetime:
        return datetime.fromtimestamp(at_s, self.town.timezone)

    def _clock(self, at_s: int) -> str:
        return f"{self._local(at_s):%H:%M}"

    def _at(self, words: Mapping[str, Any], at_s: int) -> str:
        return fill(words["clock"], {"time": self._clock(at_s)}) or ""


@cache
def catalogue(language: str) -> Mapping[str, Any]:
    """The templates of a language, one of `LANGUAGES`."""
    text = (_FOLDER / f"{language}.json").read_text(encoding="utf-8")
    found: Mapping[str, Any] = json.loads(text)
    return found


def fill(template: str, values: Mapping[str, str], *, keep: bool = False) -> str | None:
    """A template with its values, each put in once.

    Args:
        template: With `{names}`.
        values: By name.
        keep: Also where a value is empty.

    Returns:
        None where a value is empty or unknown, unless it is to be kept.
    """
    names = _PLACEHOLDER.findall(template)
    if not keep and not all(values.get(name) for name in names):
        return None
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], ""), template)


def one_line(text: str) -> str:
    """Without line breaks and other control characters, which have no business in a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _template_of(kind: str, facts: Mapping[str, Any]) -> str:
    """Which words: a cancellation depends on by whom, an arrival on whether it is there yet."""
    if kind == MessageKind.CANCELLED:
        by = facts.get("by")
        return f"cancelled.{by if by in ('rider', 'control') else 'service'}"
    if kind == MessageKind.DISPLACED and facts.get("aboard"):
        return "stranded"
    if kind == MessageKind.COMING and facts.get("is_here"):
        return "here"
    return str(kind)


def _clipped(name: str, chars: int) -> str:
    return name if len(name) <= chars else f"{name[: chars - 1].rstrip()}."


def _cut(text: str) -> str:
    while septets(text) > SMS_SEPTETS:
        text = text[:-1]
    return text


def _html(language: str, title: str, lines: list[str], link: str) -> str:
    """A page that needs nothing from anywhere; everything put in is text."""
    shown = "\n".join(f"<p>{escape(line)}</p>" for line in lines)
    if link:
        href = escape(link, quote=True)
        shown = shown.replace(escape(link), f'<a href="{href}">{href}</a>')
    head = f'<meta charset="utf-8"><title>{escape(title)}</title>'
    style = "font-family:sans-serif;font-size:18px;line-height:1.4"
    return (
        f'<!doctype html>\n<html lang="{escape(language)}"><head>{head}</head>\n'
        f'<body style="{style}">\n{shown}\n</body></html>\n'
    )
