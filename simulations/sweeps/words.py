"""The report's words (`words.json`) and numbers, in German and English."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal, cast

from simulations.definitions import definitions
from simulations.sweeps.pareto import Estimate, is_number

Lang = Literal["de", "en"]

NONE: Final = "-"
_PERCENT: Final = 100
_WHOLE_FROM: Final = 100
"""Numbers from here on are shown without decimals."""


@cache
def _words() -> dict[str, dict[str, dict[str, str]]]:
    """`texts` and names of `parameters`, each by key and language."""
    raw = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    return cast("dict[str, dict[str, dict[str, str]]]", raw)


def text(key: str, lang: Lang, **values: Any) -> str:
    """A sentence of the report."""
    return _words()["texts"][key][lang].format(**values)


def figure_label(name: str, lang: Lang) -> str:
    """A key figure's name with its unit."""
    unit = figure_unit(name)
    return f"{figure_name(name, lang)}, {unit}" if unit else figure_name(name, lang)


def figure_name(name: str, lang: Lang) -> str:
    """What a key figure is called; one that is not known keeps its name."""
    known = definitions(lang).get(name)
    return known.label if known else name


def figure_unit(name: str) -> str:
    """The unit in which a figure is shown; empty for plain numbers."""
    known = definitions("en").get(name)
    return known.unit if known else ""


def with_unit(name: str, shown: str) -> str:
    """A figure's value with its unit behind it."""
    return f"{shown} {figure_unit(name)}".rstrip()


def figure_definition(name: str, lang: Lang) -> str:
    """What a key figure means; empty for figures of figures."""
    known = definitions(lang).get(name)
    return known.text if known else ""


def parameter_label(key: str, lang: Lang) -> str:
    """A parameter's name; one that is not known is its key."""
    return _words()["parameters"].get(key, {}).get(lang, key)


def scaled(name: str, value: float) -> float:
    """A figure as it is shown."""
    return value * _PERCENT if figure_unit(name) == "%" else value


def estimate_text(name: str, estimate: Estimate | None, lang: Lang) -> str:
    """A figure's mean and half of its interval."""
    if estimate is None:
        return NONE
    mean = scaled(name, estimate.mean)
    decimals = _decimals(mean)
    shown = number_text(mean, lang, decimals)
    if estimate.half is None:
        return shown
    return f"{shown} ± {number_text(scaled(name, estimate.half), lang, decimals)}"


def value_text(value: Any, lang: Lang) -> str:
    """A parameter's value."""
    if is_number(value):
        return f"{value:g}".replace(".", ",") if lang == "de" else f"{value:g}"
    return str(value)


def number_text(value: float, lang: Lang, decimals: int | None = None) -> str:
    """A number as it is written in a language."""
    shown = f"{value:,.{_decimals(value) if decimals is None else decimals}f}"
    return shown.translate(str.maketrans(",.", ".,")) if lang == "de" else shown


def tick_text(value: float, lang: Lang) -> str:
    """A round number with no more decimals than it needs."""
    shown = f"{value:,.6g}"
    return shown.translate(str.maketrans(",.", ".,")) if lang == "de" else shown


def _decimals(value: float) -> int:
    if abs(value) >= _WHOLE_FROM:
        return 0
    return 1 if abs(value) >= 1 else 3
