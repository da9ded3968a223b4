"""Matplotlib figures as inline SVG: the same bytes for the same data, text as text, small.

Colours are those of the service's pages (`tokens.css`); whatever is told apart by colour differs in
lightness too, or is hatched.
"""

import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, INK_SOFT, LINE, SURFACE = "#16232a", "#4d5f68", "#d9dfdc", "#ffffff"
BRAND, TO, BAD = "#0b6157", "#b23a1e", "#a1201b"
STATE_COLOURS = {
    "standing": "#d9dfdc",
    "break": "#ffffff",
    "broken": BAD,
    "empty": "#e0a33a",
    "1": "#8cc9bd",
    "2": "#4b9f92",
    "3": "#0b6157",
    "4+": "#042f2a",
}
OUTCOME_COLOURS = {
    "served": BRAND,
    "not_driven": "#8cc9bd",
    "not_taken": "#e0a33a",
    "refused": "#c8503f",
}
WIDE_IN, NARROW_IN = 9.6, 5.2
"""Widths in which text is as large as on the page: of the whole text, of a half or a phone."""
_RIGHT_IN, _BOTTOM_IN = 0.14, 0.52
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "rufbus",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK_SOFT,
    "axes.edgecolor": "#83918f",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.titlesize": 9.5,
    "grid.color": LINE,
    "grid.linewidth": 0.7,
    "xtick.color": INK_SOFT,
    "ytick.color": INK_SOFT,
    "hatch.linewidth": 0.8,
    "patch.linewidth": 0.6,
}
_FONT = re.compile(r"font: ([\d.]+)px [^;\"]*")
_DIGITS = re.compile(r"(?<=\d\.\d\d)\d+")
_IDS = re.compile(r'( id="|url\(#|href="#)')
_STYLE_ELEMENT = re.compile(r"<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)


class Drawing:
    """A figure that becomes an `<svg>` element.

    Args:
        width_in: in inches of 72 points; text is 9.5 points high.
        height_in: likewise.
        left_in: room for the labels of the axis.
        top_in: room above the axes.
    """

    def __init__(
        self, width_in: float, height_in: float, left_in: float = 0.62, top_in: float = 0.1
    ) -> None:
        from matplotlib import rc_context  # noqa: PLC0415 - slow to import
        from matplotlib.figure import Figure  # noqa: PLC0415

        with rc_context(_STYLE):
            self.figure: Figure = Figure(figsize=(width_in, height_in))
            self.axes: Axes = self.figure.add_subplot()
        # Fixed margins: a layout engine would measure all text twice, and no glyph is drawn here.
        self.figure.subplots_adjust(
            left=left_in / width_in,
            right=1 - _RIGHT_IN / width_in,
            bottom=_BOTTOM_IN / height_in,
            top=1 - top_in / height_in,
        )
        self._style = rc_context

    def svg(self, name: str, title: str) -> str:
        """The element, as an image with a text alternative.

        Args:
            name: makes its ids differ from those of other drawings on the page.
            title: what is to be seen.
        """
        out = io.StringIO()
        with self._style(_STYLE):
            self.figure.savefig(
                out,
                format="svg",
                metadata={"Date": None, "Creator": None, "Format": None, "Type": None},
            )
        wide = self.figure.get_figwidth() > NARROW_IN
        return embedded(out.getvalue(), name, title, "chart-wide" if wide else "chart")


def drawing_of_rows(width_in: float, height_in: float, labels: Sequence[str]) -> Drawing:
    """A drawing with room for the labels of its rows."""
    return Drawing(width_in, height_in, room_for(labels))


def embedded(drawn: str, name: str, title: str, kind: str) -> str:
    """An SVG document as an element of a page that has other ones."""
    found = drawn[drawn.index("<svg") :]
    for pattern in (_STYLE_ELEMENT, _METADATA):
        found = pattern.sub("", found)
    found = re.sub(r'width="[\d.]+pt"|height="[\d.]+pt"', "", found, count=2)
    found = _DIGITS.sub("", found)
    found = _FONT.sub(r"font: \1px var(--font)", found)
    found = _IDS.sub(rf"\g<1>{name}-", found)
    head = f'<svg class="{kind}" role="img" aria-label="{_escaped(title)}" '
    return found.replace("<svg ", head, 1).strip()


def room_for(labels: Iterable[str]) -> float:
    """Inches that the longest of some labels takes, with a margin."""
    return 0.25 + 0.075 * max(map(len, labels), default=0)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
