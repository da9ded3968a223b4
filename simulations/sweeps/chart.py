"""The Pareto chart: what service costs, as an SVG drawing that is the same for the same results."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from simulations.sweeps.design import Sweep
from simulations.sweeps.pareto import PointResult
from simulations.sweeps.words import (
    Lang,
    figure_label,
    parameter_label,
    scaled,
    text,
    tick_text,
    value_text,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SIZE_IN = (8.0, 5.0)
_MARKERS = "osD^vPX*"
_FRONT_COLOUR = "#444444"
_GOAL_COLOUR = "#b00020"
_BAR_COLOUR = "#bbbbbb"
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "rufbus",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
}
_LEGEND_MAX = 8
"""So many values get colours and markers of their own in the legend."""


def pareto_chart(sweep: Sweep, results: Sequence[PointResult], best: set[int], lang: Lang) -> str:
    """Draw service over cost; the first parameter is the colour, the second one the marker.

    Args:
        sweep: names the axes, the parameters and the goal.
        results: the points; those without both figures are left out.
        best: the numbers of those on the Pareto front.
        lang: of the labels.

    Returns:
        An `<svg>` element without XML header, text as text.
    """
    from matplotlib import rc_context  # noqa: PLC0415 - slow to import
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import FuncFormatter  # noqa: PLC0415

    service, cost = sweep.axes.service, sweep.axes.cost
    placed = [r for r in results if service in r.figures and cost in r.figures]
    with rc_context(_STYLE):
        figure = Figure(figsize=_SIZE_IN, layout="constrained")
        axes = figure.subplots()
        axes.set_xlabel(figure_label(cost, lang))
        axes.set_ylabel(figure_label(service, lang))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(FuncFormatter(lambda value, _at: tick_text(value, lang)))
        axes.grid(color="#eeeeee")
        _draw_goal(axes, sweep, lang)
        _draw_front(axes, sweep, [r for r in placed if r.number in best])
        _draw_points(axes, sweep, placed, lang)
        drawing = io.StringIO()
        figure.savefig(drawing, format="svg", metadata={"Date": None, "Creator": None})
    whole = drawing.getvalue()
    return whole[whole.index("<svg") :]


def _place(sweep: Sweep, result: PointResult) -> tuple[float, float]:
    service, cost = sweep.axes.service, sweep.axes.cost
    return (
        scaled(cost, result.figures[cost].mean),
        scaled(service, result.figures[service].mean),
    )


def _draw_goal(axes: "Axes", sweep: Sweep, lang: Lang) -> None:
    goal = sweep.goal
    if goal is None or goal.figure != sweep.axes.service:
        return
    limit = goal.at_least if goal.at_least is not None else goal.at_most
    axes.axhline(
        scaled(goal.figure, limit or 0.0),
        color=_GOAL_COLOUR,
        linestyle=":",
        label=text("goal_line", lang),
    )


def _draw_front(axes: "Axes", sweep: Sweep, best: Sequence[PointResult]) -> None:
    places = sorted(_place(sweep, r) for r in best)
    axes.step(
        [x for x, _ in places],
        [y for _, y in places],
        where="post",
        color=_FRONT_COLOUR,
        linewidth=1.2,
        zorder=2,
    )
    for result in best:
        axes.annotate(
            str(result.number),
            _place(sweep, result),
            xytext=(6, 6),
            textcoords="offset points",
            fontsize="small",
            zorder=5,
        )


def _draw_points(axes: "Axes", sweep: Sweep, placed: Sequence[PointResult], lang: Lang) -> None:
    from matplotlib import colormaps  # noqa: PLC0415

    keys = [k for k in sweep.parameters if len({repr(p[k]) for p in sweep.points}) > 1]
    coloured, marked = (*keys, None, None)[:2]
    colours, markers = _values(sweep, coloured), _values(sweep, marked)
    if len(markers) > _LEGEND_MAX:
        marked, markers = None, [None]
    colormap = colormaps["viridis"]
    for result in placed:
        x, y = _place(sweep, result)
        at = colours.index(result.values.get(coloured)) if coloured else 0
        form = markers.index(result.values.get(marked)) if marked else 0
        axes.errorbar(
            x,
            y,
            xerr=_half(sweep.axes.cost, result),
            yerr=_half(sweep.axes.service, result),
            fmt=_MARKERS[form],
            color=colormap(0.9 * at / max(1, len(colours) - 1)),
            ecolor=_BAR_COLOUR,
            elinewidth=0.8,
            markersize=7,
            zorder=4,
        )
    for key, values, by_colour in ((coloured, colours, True), (marked, markers, False)):
        if key is not None:
            _add_legend(axes, key, values, lang, by_colour=by_colour)
    if axes.get_legend_handles_labels()[1]:
        axes.figure.legend(loc="outside right upper", frameon=False, fontsize="small")


def _add_legend(axes: "Axes", key: str, values: list[Any], lang: Lang, *, by_colour: bool) -> None:
    """Entries for the values of a parameter; of many, some evenly spread ones."""
    from matplotlib import colormaps  # noqa: PLC0415

    steps = min(len(values), _LEGEND_MAX) - 1
    shown = [round(i * (len(values) - 1) / max(1, steps)) for i in range(steps + 1)]
    axes.plot([], [], linestyle="", label=f"{parameter_label(key, lang)}:")
    for at in shown:
        colour = colormaps["viridis"](0.9 * at / max(1, len(values) - 1))
        axes.plot(
            [],
            [],
            linestyle="",
            marker="o" if by_colour else _MARKERS[at],
            color=colour if by_colour else _FRONT_COLOUR,
            label=value_text(values[at], lang),
        )


def _values(sweep: Sweep, key: str | None) -> list[Any]:
    """The values of a parameter, each once, in order where they have one."""
    if key is None:
        return [None]
    values = list({repr(point[key]): point[key] for point in sweep.points}.values())
    try:
        return sorted(values)
    except TypeError:
        return values


def _half(name: str, result: PointResult) -> float | None:
    half = result.figures[name].half
    return None if half is None else scaled(name, half)
