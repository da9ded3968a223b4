"""The report's words and numbers, in German and English."""

from typing import Any, Final, Literal

from simulations.definitions import definitions
from simulations.sweeps.pareto import Estimate, is_number

Lang = Literal["de", "en"]
LANGUAGES: Final = ("de", "en")

_PARAMETERS: Final[dict[str, tuple[str, str]]] = {
    "fleet.vehicles": ("Fahrzeuge", "Vehicles"),
    "demand.requests": ("Fahrtwünsche", "Ride requests"),
    "rules.immediate_wait_max_s": ("Längste zugesagte Wartezeit, s", "Longest promised wait, s"),
}
NONE: Final = "-"
_PERCENT: Final = 100
_WHOLE_FROM: Final = 100
"""Numbers from here on are shown without decimals."""

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "title": ("Variantenrechnung", "Parameter sweep"),
    "scope": (
        "{points} Varianten, je {seeds} simulierte Tage; {done} von {total} Läufen fertig",
        "{points} variants with {seeds} simulated days each; {done} of {total} runs finished",
    ),
    "partial": (
        "Teilergebnis: Es fehlen noch Läufe. Derselbe Befehl macht weiter.",
        "Partial result: runs are still missing. The same command goes on.",
    ),
    "failed": ("Gescheiterte Läufe", "Failed runs"),
    "failed_run": (
        "Variante {point}, Startwert {seed}: {reason}",
        "Variant {point}, seed {seed}: {reason}",
    ),
    "goal": ("Ziel: {figure} {sign} {limit}", "Goal: {figure} {sign} {limit}"),
    "on_average": ("Im Mittel erreicht ab", "Met on average from"),
    "confidently": ("Mit 95 % Sicherheit erreicht ab", "Met with 95 % confidence from"),
    "nowhere": ("von keiner Variante", "no variant"),
    "variant": ("Variante", "variant"),
    "number": ("Nr.", "No."),
    "runs": ("Läufe", "Runs"),
    "best": ("Paretofront", "Pareto front"),
    "yes": ("ja", "yes"),
    "chart": ("Servicequalität und Kosten", "Service level and cost"),
    "chart_alt": (
        "Streudiagramm aller Varianten: {service} gegen {cost}. Alle Werte stehen in der Tabelle.",
        "Scatter chart of all variants: {service} against {cost}. All values are in the table.",
    ),
    "chart_note": (
        (
            "Punkte sind Mittel über die simulierten Tage, Striche 95-%-Konfidenzintervalle. Die "
            "Linie verbindet die Varianten, zu denen es keine gibt, die zugleich besser und "
            "billiger ist; ihre Nummern stehen in der Tabelle."
        ),
        (
            "Points are means over the simulated days, bars 95 % confidence intervals. The line "
            "joins the variants that no other one beats in both service and cost; their numbers "
            "are in the table."
        ),
    ),
    "by_others": ("Kleinster Wert je Einstellung", "Smallest value by setting"),
    "table": ("Alle Varianten", "All variants"),
    "empty": ("Noch ist kein Lauf fertig.", "No run has finished yet."),
    "table_note": (
        (
            "Mittel ± halbes 95-%-Konfidenzintervall (Student) über die Tage. Alle Varianten "
            "wurden an denselben Tagen gerechnet. Alle Kennzahlen aller Läufe: results.csv, "
            "results.parquet."
        ),
        (
            "Mean ± half of the 95 % confidence interval (Student's t) over the days. All variants "
            "were run on the same days. All figures of all runs: results.csv, results.parquet."
        ),
    ),
    "definitions": ("Kennzahlen", "Key figures"),
    "source": ("Szenario {scenario}; Programmstand {code}", "Scenario {scenario}; code {code}"),
    "goal_line": ("Ziel", "goal"),
}


def text(key: str, lang: Lang, **values: Any) -> str:
    """A sentence of the report."""
    return TEXTS[key][LANGUAGES.index(lang)].format(**values)


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
    known = _PARAMETERS.get(key)
    return known[LANGUAGES.index(lang)] if known else key


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
