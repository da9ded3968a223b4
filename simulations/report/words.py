"""Words and numbers of the reports, in German and English (`words_de.json`, `words_en.json`)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from math import copysign
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from simulations.definitions import Definition, definitions

LANGUAGES = ("de", "en")
NOTHING = "\N{EN DASH}"
"""Shown for shares and means of nothing."""
_SPACE = "\N{NO-BREAK SPACE}"
_MINUS = "\N{MINUS SIGN}"
_MINUTE_S, _HOUR_S, _KM = 60, 3600, 1000
_IN_SECONDS_BELOW_S = 100
_IN_HOURS_FROM_S = 3 * _HOUR_S
_IN_KM_FROM_M = 2000
_WHOLE_FROM = 100
_HALF_UP = 1e-9
"""Makes 586.5 round to 587, as everybody expects, not to 586."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the reports say in one language.

    Attributes:
        language: `de` or `en`.
        texts: sentences by key, with `{names}` to be filled in.
        figures: key figures by name.
    """

    language: str
    texts: Mapping[str, str]
    figures: Mapping[str, Definition]

    def __call__(self, key: str, **values: object) -> str:
        """A sentence."""
        return self.texts[key].format(**values)

    def known(self, key: str) -> str | None:
        """A sentence that may not exist."""
        return self.texts.get(key)

    def label(self, name: str) -> str:
        """A key figure's name; that of an unknown one is its key."""
        known = self.figures.get(name)
        return known.label if known is not None else name

    def unit(self, name: str) -> str:
        """A key figure's unit."""
        known = self.figures.get(name)
        return known.unit if known is not None else ""

    def number(self, value: float | None, decimals: int | None = None) -> str:
        """A number as it is written, by default with as many decimals as its size deserves."""
        if value is None:
            return NOTHING
        places = _decimals(value) if decimals is None else decimals
        shown = f"{value + copysign(_HALF_UP * max(1.0, abs(value)), value):,.{places}f}"
        if not shown.strip("-0.,"):
            shown = shown.lstrip("-")
        if self.language == "de":
            shown = shown.translate(str.maketrans(",.", ".,"))
        return shown.replace("-", _MINUS)

    def share(self, value: float | None) -> str:
        """A share in per cent; what is nearly but not quite all is not shown as all."""
        if value is None:
            return NOTHING
        percent = 100 * value
        rounded = round(percent, 1)
        if rounded in {0.0, 100.0} and percent != rounded:
            shown = self.number(99.9 if rounded else 0.1, 1)
            return f"{'>' if rounded else '<'}{_SPACE}{shown}{_SPACE}%"
        whole = rounded in {0.0, 100.0}
        return f"{self.number(rounded, 0 if whole else 1)}{_SPACE}%"

    def percent(self, value: float) -> str:
        """A share that somebody set, with no more decimals than it has."""
        return f"{self.number(100 * value, 0 if round(100 * value, 1) % 1 == 0 else 1)}{_SPACE}%"

    def duration(self, value_s: float | None, like_s: float | None = None) -> str:
        """Seconds, in the unit that reads best for them, or for others that stand beside."""
        if value_s is None:
            return NOTHING
        size = abs(value_s if like_s is None else like_s)
        if size < _IN_SECONDS_BELOW_S:
            return f"{self.number(value_s, 0)}{_SPACE}s"
        if size < _IN_HOURS_FROM_S:
            return f"{self.number(value_s / _MINUTE_S, 1)}{_SPACE}min"
        return f"{self.number(value_s / _HOUR_S, 1)}{_SPACE}h"

    def minutes(self, value_s: float | None) -> str:
        """Seconds as whole minutes, as one would say it."""
        if value_s is None:
            return NOTHING
        return f"{self.number(value_s / _MINUTE_S, 0)}{_SPACE}min"

    def money(self, value_eur: float | None, decimals: int | None = None) -> str:
        """Euros, cents only of small sums unless asked for."""
        if value_eur is None:
            return NOTHING
        if decimals is None:
            decimals = 0 if abs(value_eur) >= _WHOLE_FROM else 2
        return f"{self.number(value_eur, decimals)}{_SPACE}€"

    def figure(self, name: str, value: Any) -> str:
        """A key figure with its unit."""
        if value is None:
            return NOTHING
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self("yes" if value else "no") if isinstance(value, bool) else str(value)
        shown: dict[str, Callable[[float], str]] = {
            "%": self.share,
            "s": self.duration,
            "€": self.money,
            "m": self.length,
        }
        unit = self.unit(name)
        if unit in shown:
            return shown[unit](value)
        if not unit:
            return self.number(value, 0 if isinstance(value, int) else None)
        places = 0 if value == 0 or abs(value) >= _WHOLE_FROM else 1
        return f"{self.number(value, places)}{_SPACE}{unit}"

    def length(self, value_m: float | None) -> str:
        """Metres, or kilometres of what is not walked any more."""
        if value_m is None:
            return NOTHING
        if abs(value_m) >= _IN_KM_FROM_M:
            return f"{self.number(value_m / _KM, 1)}{_SPACE}km"
        return f"{self.number(value_m, 0)}{_SPACE}m"

    def clock(self, at_s: float, timezone: ZoneInfo) -> str:
        """The local clock time of an instant."""
        return datetime.fromtimestamp(at_s, timezone).strftime("%H:%M")

    def day(self, day: date) -> str:
        """A day with its weekday."""
        weekday = self(f"weekday_{day.isoweekday()}")
        if self.language == "de":
            return f"{weekday}, {day.day}. {self(f'month_{day.month}')} {day.year}"
        return f"{weekday}, {day.day} {self(f'month_{day.month}')} {day.year}"


@cache
def words(language: str) -> Words:
    """What the reports say in a language.

    Args:
        language: `de` or `en`.
    """
    file = Path(__file__).with_name(f"words_{language}.json")
    texts = json.loads(file.read_text(encoding="utf-8"))
    return Words(language, texts, definitions(language))


def _decimals(value: float) -> int:
    size = abs(value)
    if size >= _WHOLE_FROM or size == 0:
        return 0
    return 1 if size >= 10 else 2  # noqa: PLR2004 - three digits that count
