"""Charts of a day: demand by hour, waits, detours, and what vehicles were doing when."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from simulations.records import Outcome, Record
from simulations.report.day import STATES, DayView, VehicleDay, counts
from simulations.report.drawing import (
    BRAND,
    INK_SOFT,
    NARROW_IN,
    OUTCOME_COLOURS,
    STATE_COLOURS,
    SURFACE,
    TO,
    WIDE_IN,
    Drawing,
    drawing_of_rows,
)
from simulations.report.words import Words
from simulations.report.words import words as words_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_HEIGHT_IN = 2.9
_STEP_S = 300
_MINUTE_S = 60
_DETOUR_MAX = 3.0
_HATCHES = {"break": "/////", "broken": "xxxx"}
_NAME_MAX = 18
ROWS_MAX = 60
"""So many vehicles in one timeline, which then still fits a printed page."""
_OUTCOMES = {
    Outcome.SERVED: "served",
    Outcome.CANCELLED: "not_driven",
    Outcome.NO_SHOW: "not_driven",
    Outcome.ABANDONED: "not_driven",
    Outcome.UNFINISHED: "not_driven",
    Outcome.NOT_TAKEN: "not_taken",
    Outcome.REFUSED: "refused",
}


def demand_by_hour(view: DayView) -> dict[int, dict[str, int]]:
    """Requests by the local hour for which the ride was wished, and by what became of them."""
    found: dict[int, dict[str, int]] = {}
    for record in view.records:
        kinds = found.setdefault(
            view.local_hour(record.wished_s), dict.fromkeys(OUTCOME_COLOURS, 0)
        )
        kinds[_OUTCOMES[record.outcome]] += 1
    hours = range(min(found, default=0), max(found, default=23) + 1)
    return {hour: found.get(hour, dict.fromkeys(OUTCOME_COLOURS, 0)) for hour in hours}


def outcomes(view: DayView) -> list[str]:
    """What became of requests that day; that they were served is always named."""
    found = {_OUTCOMES[record.outcome] for record in view.records} | {"served"}
    return [kind for kind in OUTCOME_COLOURS if kind in found]


def rehearse() -> None:
    """Draw what charts are made of: the first time, fonts and half of Matplotlib are looked for."""
    _histogram([1.0], np.array([0.0, 2.0]), {"-": 1.0}, words_of("en")).svg("", "")


def demand_chart(view: DayView, words: Words) -> str:
    """Requests by hour, stacked by what became of them."""
    hours = demand_by_hour(view)
    drawing = Drawing(NARROW_IN, _HEIGHT_IN)
    axes, bottom = drawing.axes, np.zeros(len(hours))
    for kind, colour in OUTCOME_COLOURS.items():
        heights = np.array([kinds[kind] for kinds in hours.values()])
        if not heights.any() and kind != "served":
            continue
        hatch = "////" if kind == "refused" else None
        axes.bar(
            list(hours),
            heights,
            0.86,
            bottom=bottom,
            align="edge",
            color=colour,
            edgecolor=SURFACE,
            hatch=hatch,
        )
        bottom += heights
    _hour_axis(axes, min(hours), max(hours) + 1, words)
    _count_axis(axes, words("axis_requests"), words)
    return drawing.svg("demand", words("chart_demand_alt"))


def wait_chart(records: Sequence[Record], words: Words) -> str:
    """How long riders waited, in steps of two minutes."""
    waits = [r.wait_s / _MINUTE_S for r in records if r.served]
    longest = max(20.0, float(np.ceil(max(waits, default=0) / 10) * 10))
    edges = np.arange(0, longest + 1, 2 if longest <= 90 else 5)  # noqa: PLR2004 - minutes
    found = {"mean": np.mean(waits), "p95": np.quantile(waits, 0.95)} if waits else {}
    marks = {
        words(f"mark_{key}", value=words.minutes(float(m) * _MINUTE_S)): float(m)
        for key, m in found.items()
    }
    drawing = _histogram(waits, edges, marks, words)
    drawing.axes.set_xlabel(words("axis_wait"))
    return drawing.svg("waits", words("chart_wait_alt"))


def detour_chart(records: Sequence[Record], words: Words) -> str:
    """How much further riders rode than the shortest way; what is beyond the axis is in its end."""
    factors = [
        min(_DETOUR_MAX - 1e-9, max(1.0, r.ridden_m / r.direct_m))
        for r in records
        if r.served and r.direct_m
    ]
    mean = float(np.mean(factors)) if factors else None
    marks = {words("mark_mean", value=words.number(mean, 2)): mean} if mean is not None else {}
    drawing = _histogram(factors, np.arange(1.0, _DETOUR_MAX + 0.05, 0.1), marks, words)
    drawing.axes.set_xlabel(words("axis_detour"))
    drawing.axes.set_xticks(np.arange(1.0, _DETOUR_MAX + 0.1, 0.5))
    _format(drawing.axes, "x", lambda value: words.number(value, 1))
    return drawing.svg("detours", words("chart_detour_alt"))


def occupancy_chart(view: DayView, words: Words) -> str:
    """What vehicles were doing over the day: how many in which state, every five minutes."""
    at_s = list(range(view.from_s + _STEP_S // 2, view.to_s, _STEP_S))
    states = counts(view.vehicles, at_s)
    drawing = Drawing(WIDE_IN, 3.1)
    axes, edges = drawing.axes, [view.hour(s - _STEP_S / 2) for s in [*at_s, at_s[-1] + _STEP_S]]
    bottom = np.zeros(len(edges))
    for state in reversed(STATES):
        heights = np.array([*states[state], *states[state][-1:]])
        if heights.any():
            axes.fill_between(edges, bottom, bottom + heights, step="post", **_look(state))
            bottom += heights
    _hour_axis(axes, edges[0], edges[-1], words)
    _count_axis(axes, words("axis_vehicles"), words)
    return drawing.svg("occupancy", words("chart_occupancy_alt"))


def timeline_charts(view: DayView, words: Words) -> list[str]:
    """What each vehicle was doing when, as bars; so many vehicles to a drawing as stay legible."""
    found = []
    for first in range(0, len(view.vehicles), ROWS_MAX):
        some = view.vehicles[first : first + ROWS_MAX]
        found.append(_timeline(view, some, f"timeline{first}", words))
    return found


def _timeline(view: DayView, vehicles: Sequence[VehicleDay], name: str, words: Words) -> str:
    row_in = 0.34 if len(vehicles) <= 12 else max(0.155, 4.4 / len(vehicles))  # noqa: PLR2004
    names = [_shortened(vehicle.name) for vehicle in vehicles]
    drawing = drawing_of_rows(WIDE_IN, row_in * max(1, len(vehicles)) + 0.7, names)
    axes = drawing.axes
    bars: dict[str, list[tuple[float, float, int]]] = {state: [] for state in STATES}
    for row, vehicle in enumerate(vehicles):
        for state, spans in vehicle.spans().items():
            bars[state] += [(view.hour(a), view.hour(b), row) for a, b in spans]
    for state, found in bars.items():
        if found:
            _draw_bars(axes, found, state)
    axes.set_ylim(len(vehicles) - 0.5, -0.5)
    size = 9 if row_in > 0.2 else 7  # noqa: PLR2004 - inches
    axes.set_yticks(range(len(vehicles)), names, fontsize=size)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    _hour_axis(axes, view.hour(view.from_s), view.hour(view.to_s), words)
    return drawing.svg(name, words("chart_timeline_alt"))


def _shortened(name: str) -> str:
    return name if len(name) <= _NAME_MAX else f"{name[: _NAME_MAX - 1]}…"


def _draw_bars(axes: "Axes", bars: Sequence[tuple[float, float, int]], state: str) -> None:
    """All bars of a state as one path: (from, to, row)."""
    from matplotlib.patches import PathPatch  # noqa: PLC0415 - slow to import
    from matplotlib.path import Path  # noqa: PLC0415

    thin = 0.16 if state == "standing" else 0.36
    corners = [
        ((a, row - thin), (b, row - thin), (b, row + thin), (a, row + thin), (a, row - thin))
        for a, b, row in bars
    ]
    codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * len(bars)
    patch = PathPatch(
        Path(np.array(corners).reshape(-1, 2), codes),
        zorder=2,
        **_look(state),
    )
    axes.add_artist(patch)


def _look(state: str) -> dict[str, Any]:
    """Fill and hatching of a state; hatches have the colour of the edge, which is not drawn."""
    return {
        "facecolor": STATE_COLOURS[state],
        "edgecolor": SURFACE if state == "broken" else INK_SOFT,
        "hatch": _HATCHES.get(state),
        "linewidth": 0,
    }


def _histogram(
    values: Sequence[float], edges: np.ndarray, marks: Mapping[str, float], words: Words
) -> Drawing:
    drawing = Drawing(NARROW_IN, _HEIGHT_IN, top_in=0.32)
    axes = drawing.axes
    axes.hist(values, edges.tolist(), color=BRAND, edgecolor=SURFACE)
    for (label, value), style in zip(marks.items(), ("-", "--"), strict=False):
        axes.axvline(value, color=TO, linestyle=style, linewidth=1.6, label=label)
    axes.set_xlim(edges[0], edges[-1])
    _count_axis(axes, words("axis_rides"), words)
    if marks:
        _name_marks(axes)
    return drawing


def _hour_axis(axes: "Axes", first: float, last: float, words: Words) -> None:
    axes.set_xlim(first, max(last, first + 1))
    step = 1 if last - first <= 9 else 2 if last - first <= 26 else 6  # noqa: PLR2004 - hours
    ticks = [h for h in range(int(np.ceil(first)), int(last) + 1) if h % step == 0]
    axes.set_xticks(ticks, [str(h % 24) for h in ticks])
    axes.set_xlabel(words("axis_hour"))


def _count_axis(axes: "Axes", label: str, words: Words) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - slow to import

    axes.set_ylabel(label)
    axes.autoscale_view()
    axes.set_ylim(0, max(1.0, 1.06 * axes.dataLim.ymax if np.isfinite(axes.dataLim.ymax) else 1.0))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    _format(axes, "y", lambda value: words.number(value, 0))


def _format(axes: "Axes", axis: str, shown: Callable[[float], str]) -> None:
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415 - slow to import

    which = axes.xaxis if axis == "x" else axes.yaxis
    which.set_major_formatter(FuncFormatter(lambda value, _at: shown(value)))


def _name_marks(axes: "Axes") -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=2,
        handlelength=1.6,
        columnspacing=1.2,
        borderaxespad=0.2,
        frameon=False,
        fontsize=9,
    )
