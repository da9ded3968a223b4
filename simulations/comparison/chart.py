"""The chart of a comparison: how far variants lie from the first, with their intervals."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulations.comparison.estimates import Comparison, Difference
from simulations.report.drawing import BRAND, INK, INK_SOFT, NARROW_IN, drawing_of_rows
from simulations.report.words import Words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_IN, _HEAD_IN = 0.3, 0.75
_LABEL_MAX = 22


def difference_chart(comparison: Comparison, names: Sequence[str], said: Words) -> str:
    """Points with intervals, one panel for each figure, one row for each variant but the first.

    Returns:
        The panels as SVG elements, one after the other.
    """
    others = comparison.variants[1:]
    drawn = []
    for name in names:
        found = [comparison.difference(variant, name) for variant in others]
        if any(found):
            labels = [_shortened(variant.label) for variant in others]
            drawn.append(_panel(name, labels, found, said))
    return "".join(drawn)


def _panel(
    name: str, labels: Sequence[str], found: Sequence[Difference | None], said: Words
) -> str:
    drawing = drawing_of_rows(NARROW_IN, _HEAD_IN + _ROW_IN * len(labels), labels)
    axes, scale = drawing.axes, _scale(name, said)
    for row, apart in enumerate(found):
        if apart is None:
            continue
        colour = BRAND if apart.clear else INK_SOFT
        if apart.low is not None and apart.high is not None:
            axes.plot([scale * apart.low, scale * apart.high], [row, row], color=colour, lw=2)
        fill = colour if apart.clear else "white"
        axes.plot([scale * apart.mean], [row], "o", color=colour, mfc=fill, ms=7, mew=1.6)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks(range(len(labels)), labels)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.1)
    _format_ticks(axes, said)
    axes.set_xlabel(_axis_label(name, said))
    return drawing.svg(f"difference-{name}", said("cmp_chart_one_alt", figure=said.label(name)))


def _format_ticks(axes: "Axes", said: Words) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415 - slow to import

    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _at: _short(value, said)))
    if not axes.dataLim.width:
        axes.set_xlim(-1, 1)


def _short(value: float, said: Words) -> str:
    """A tick's number with no more decimals than it has."""
    return said.number(value, len(f"{value:g}".partition(".")[2]))


def _scale(name: str, said: Words) -> float:
    return {"%": 100.0, "s": 1 / 60}.get(said.unit(name), 1.0)


def _axis_label(name: str, said: Words) -> str:
    unit = {"%": said("cmp_points"), "s": "min"}.get(said.unit(name), said.unit(name))
    label = f"{said.label(name)}: {said('cmp_difference')}"
    return f"{label}, {unit}" if unit else label


def _shortened(label: str) -> str:
    return label if len(label) <= _LABEL_MAX else f"{label[: _LABEL_MAX - 1]}…"
