"""The report's tables: figures with their values, refusals, fairness, vehicles, money, climate."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulations.records import Outcome, Record
from simulations.report.charts import demand_by_hour
from simulations.report.day import HOUR_S, DayView
from simulations.report.words import NOTHING, Words

FEW = 10
"""Below so many requests, shares and means say little."""
_SHOWN_WHERE = 3
_RELATIONS = 8


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table; `figure` is the key figure to look up what it means."""

    text: str
    figure: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of each row is its head.

    Attributes:
        heads: of the columns.
        rows: cells.
        numeric: whether all cells but the first are numbers, set to the right.
        last_is_sum: whether the last row sums up the others.
    """

    heads: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    numeric: bool = True
    last_is_sum: bool = False


def figure_table(names: Iterable[str], figures: Mapping[str, Any], words: Words) -> Table:
    """Key figures with their values."""
    rows = [
        (Cell(words.label(name), name), Cell(words.figure(name, figures[name]))) for name in names
    ]
    return Table((Cell(words("figure")), Cell(words("value"))), rows)


def spread_table(figures: Mapping[str, Any], words: Words) -> Table:
    """Times and ways of riders: mean, median, 95 %."""
    kinds = ("wait", "in_vehicle", "walk", "response", "pickup_deviation")
    rows = []
    for kind in kinds:
        unit = "m" if kind == "walk" else "s"
        cells = [Cell(words(f"spread_{kind}"), f"{kind}_mean_{unit}")]
        for which in ("mean", "p50", "p95"):
            name = f"{kind}_{which}_{unit}"
            cells.append(Cell(words.figure(name, figures[name])))
        rows.append(cells)
    heads = [Cell(words(key)) for key in ("figure", "spread_mean", "spread_p50", "spread_p95")]
    return Table(heads, rows)


def promise_table(figures: Mapping[str, Any], words: Words) -> Table:
    """How promises were kept, and by how much they were missed."""
    rows = []
    for kind in ("pickup", "arrival"):
        names = (f"{kind}_kept", *(f"{kind}_late_{which}_s" for which in ("mean", "p95", "max")))
        cells = (Cell(words.figure(name, figures[name])) for name in names)
        rows.append([Cell(words(f"promised_{kind}"), names[0]), *cells])
    heads = [
        Cell(words("promised")),
        Cell(words("kept")),
        Cell(words("late_mean"), "pickup_late_mean_s"),
        Cell(words("spread_p95")),
        Cell(words("at_most")),
    ]
    return Table(heads, rows)


def relation_table(view: DayView, words: Words) -> Table:
    """The most frequent trips from settlement to settlement, and how often they were accepted."""
    found: dict[str, list[Record]] = {}
    for record in view.records:
        found.setdefault(_trip(record, words), []).append(record)
    first = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))[:_RELATIONS]
    rows = [
        [
            Cell(relation),
            Cell(words.number(len(some), 0)),
            Cell(words.number(sum(r.outcome is Outcome.REFUSED for r in some), 0)),
            Cell(_bracketed(words.share(sum(r.accepted for r in some) / len(some)), len(some))),
        ]
        for relation, some in first
    ]
    heads = [words("relation"), words("requests"), words("refusals"), words.label("acceptance")]
    return Table([*(Cell(head) for head in heads[:-1]), Cell(heads[-1], "acceptance")], rows)


def hour_table(view: DayView, words: Words) -> Table:
    """What the demand chart shows, as numbers."""
    hours = demand_by_hour(view)
    kinds = list(next(iter(hours.values())))
    rows = [
        [
            Cell(words("hour_span", low=hour, high=hour + 1)),
            Cell(words.number(sum(found.values()), 0)),
            *(Cell(words.number(found[kind], 0)) for kind in kinds),
        ]
        for hour, found in hours.items()
    ]
    total = {kind: sum(found[kind] for found in hours.values()) for kind in kinds}
    rows.append(
        [
            Cell(words("all")),
            Cell(words.number(sum(total.values()), 0)),
            *(Cell(words.number(total[kind], 0)) for kind in kinds),
        ]
    )
    heads = [words("hour"), words("requests"), *(words(f"outcome_{kind}") for kind in kinds)]
    return Table([Cell(head) for head in heads], rows, last_is_sum=True)


def refusal_table(view: DayView, words: Words) -> Table:
    """Refusals by reason, with where and when most of them were."""
    refused = [r for r in view.records if r.outcome is Outcome.REFUSED]
    by_reason: dict[str, list[Record]] = {}
    for record in refused:
        by_reason.setdefault(str(record.reason), []).append(record)
    rows = [
        [
            Cell(words.known(f"reason_{code}") or code),
            Cell(words.number(len(found), 0)),
            Cell(words.share(len(found) / len(view.records))),
            Cell(_mostly(Counter(_trip(r, words) for r in found))),
            Cell(_mostly(Counter(_hour(view, r, words) for r in found))),
        ]
        for code, found in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[0]))
    ]
    keys = ("reason", "refusals", "of_requests", "mostly_where", "mostly_when")
    return Table([Cell(words(key)) for key in keys], rows, numeric=False)


def _trip(record: Record, words: Words) -> str:
    begin, end = (
        zone or words("unknown_zone") for zone in (record.origin_zone, record.destination_zone)
    )
    return words("within", zone=begin) if begin == end else f"{begin} → {end}"


def _hour(view: DayView, record: Record, words: Words) -> str:
    hour = view.local_hour(record.wished_s)
    return words("hour_span", low=hour, high=hour + 1)


def _mostly(found: Counter[str]) -> str:
    """The most frequent few, with their counts."""
    first = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN_WHERE]
    rest = ", …" if len(found) > _SHOWN_WHERE else ""
    return ", ".join(f"{name} ({count})" for name, count in first) + rest


def fairness_table(
    parts: Mapping[str, Mapping[str, Any]], first: str, words: Words, *, named: bool
) -> Table:
    """Settlements, or groups of riders, beside each other.

    Args:
        parts: key figures by part.
        first: head of the first column.
        words: of the report.
        named: whether the parts' keys are names already.
    """
    names = ("requests", "acceptance", "wait_mean_s", "wait_p95_s", "detour_factor", "walk_mean_m")
    rows = [
        [
            Cell((part or words("unknown_zone")) if named else words(f"group_{part}")),
            *(Cell(_hedged(name, figures, words)) for name in names),
        ]
        for part, figures in parts.items()
    ]
    heads = [Cell(first), *(Cell(words.label(name), name) for name in names)]
    return Table(heads, rows)


def _hedged(name: str, figures: Mapping[str, Any], words: Words) -> str:
    """A figure; in brackets where it rests on few requests."""
    shown = words.figure(name, figures[name])
    return shown if name == "requests" else _bracketed(shown, figures["requests"])


def _bracketed(shown: str, requests: int) -> str:
    return f"({shown})" if requests < FEW and shown != NOTHING else shown


def vehicle_table(view: DayView, words: Words) -> Table:
    """What each vehicle did in numbers."""
    rows = []
    for vehicle in view.vehicles:
        served = vehicle.served
        persons = sum(r.persons for r in served)
        hours = vehicle.staffed_s / HOUR_S
        empty = vehicle.empty_m / vehicle.length_m if vehicle.length_m else None
        rows.append(
            [
                Cell(vehicle.name),
                Cell(words.number(hours, 1)),
                Cell(words.number(persons, 0)),
                Cell(words.number(persons / hours if hours else None, 1 if hours else None)),
                Cell(words.number(vehicle.length_m / 1000, 0)),
                Cell(words.share(empty)),
            ]
        )
    heads = [
        Cell(words("vehicle")),
        Cell(words.label("staffed_hours"), "staffed_hours"),
        Cell(words.label("passengers_served"), "passengers_served"),
        Cell(words("per_hour"), "passengers_per_staffed_hour"),
        Cell("km", "vehicle_km"),
        Cell(words.label("empty_share"), "empty_share"),
    ]
    return Table(heads, rows)


def cost_table(view: DayView, words: Words) -> Table:
    """What the day costs, item by item, at the scenario's prices."""
    figures, costs = view.result.figures, view.result.scenario.costs
    paid = ("staffed_hours", "break_hours", "overtime_hours")
    paid_hours = sum(figures[name] for name in paid)
    items = (
        ("cost_drivers", paid_hours, "h", costs.driver_hour_eur),
        ("cost_km", figures["vehicle_km"], "km", costs.vehicle_km_eur),
        ("cost_vehicles", figures["vehicles"], "", costs.vehicle_day_eur),
        ("cost_overhead", 1, "", costs.overhead_day_eur),
    )
    rows = [
        [
            Cell(words(key)),
            Cell(f"{words.number(amount, 1 if unit else 0)} {unit}".strip()),
            Cell(words.money(price, 2)),
            Cell(words.money(amount * price, 2)),
        ]
        for key, amount, unit, price in items
    ]
    for name, sign in (("cost_eur", 1), ("revenue_eur", -1), ("subsidy_eur", 1)):
        shown = words.money(sign * figures[name], 2)
        rows.append([Cell(words.label(name), name), Cell(""), Cell(""), Cell(shown)])
    heads = [Cell(words(key)) for key in ("cost_item", "amount", "price", "sum")]
    return Table(heads, rows, last_is_sum=True)


def glossary(figures: Mapping[str, Any], words: Words) -> list[tuple[str, str, str, str]]:
    """All key figures: (name, label, value, what it means)."""
    return [
        (name, label, _known_value(name, figures, words), text)
        for name, label, _, text in definitions_of(words.figures, words)
    ]


def definitions_of(names: Iterable[str], words: Words) -> list[tuple[str, str, str, str]]:
    """Key figures without values: (name, label, "", what it means)."""
    texts, text = {}, ""
    for name, known in words.figures.items():
        # Some definitions only refer to the one above; here each is looked up on its own.
        text = text if known.text == words("as_above") else known.text
        texts[name] = text
    return [(name, words.label(name), "", texts.get(name, "")) for name in names]


def _known_value(name: str, figures: Mapping[str, Any], words: Words) -> str:
    value = figures.get(name)
    if isinstance(value, Mapping):
        reasons = (f"{words.known(f'reason_{code}') or code}: {n}" for code, n in value.items())
        return "; ".join(reasons) or NOTHING
    if name == "events_sha256" and value:
        return f"{value[:16]}…"
    return words.figure(name, value)


def unfair(parts: Mapping[str, Mapping[str, Any]], words: Words) -> str:
    """In a sentence: which settlements lie furthest apart, of those with enough requests."""
    known = {
        zone: figures["acceptance"]
        for zone, figures in parts.items()
        if figures["requests"] >= FEW and figures["acceptance"] is not None
    }
    if len(known) < 2:  # noqa: PLR2004 - to lie apart takes two
        return words("fair_unknown", few=FEW)
    ordered = sorted(known.items(), key=lambda item: (item[1], item[0]))
    if ordered[0][1] == ordered[-1][1]:
        return words("fair_alike", share=words.share(ordered[0][1]))
    (worst, low), (best, high) = ordered[0], ordered[-1]
    low_text, high_text = words.share(low), words.share(high)
    return words("fair_apart", worst=worst, low=low_text, best=best, high=high_text)


def hours_in_words(pairs: Iterable[tuple[int, int] | None], words: Words) -> list[str]:
    """Opening hours in minutes after midnight."""
    return [
        words("closed")
        if pair is None
        else words("open", low=_minutes(pair[0]), high=_minutes(pair[1]))
        for pair in pairs
    ]


def _minutes(value: int) -> str:
    return f"{value // 60}:{value % 60:02d}"
