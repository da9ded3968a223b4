"""Benchmark results as a table that grows line by line, or as a JSON list of flat objects."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Value = str | int | float | bool | None
Row = dict[str, Value]


class Column(NamedTuple):
    """One column; the key of the row is its heading. A negative width aligns to the left."""

    key: str
    width: int
    decimals: int = 0


def header(columns: Sequence[Column]) -> str:
    """The line above the rows."""
    return "  ".join(_aligned(c.key, c) for c in columns).rstrip()


def line(row: Row, columns: Sequence[Column]) -> str:
    """One row; what it does not know is a dash."""
    return "  ".join(_aligned(_text(row.get(c.key), c.decimals), c) for c in columns).rstrip()


def show(
    rows: Iterable[Row],
    columns: Sequence[Column],
    say: Callable[[str], None],
    *,
    as_json: bool,
) -> list[Row]:
    """Print rows as they come (or all of them as JSON at the end) and return them.

    Args:
        rows: computed while they are printed.
        columns: what a table shows of them, in this order; JSON always has all keys.
        say: prints one line.
        as_json: a list of objects instead of a table.
    """
    done = []
    if not as_json:
        say(header(columns))
    for row in rows:
        done.append(row)
        if not as_json:
            say(line(row, columns))
    if as_json:
        say(json.dumps(done, ensure_ascii=False, indent=2))
    return done


def _text(value: Value, decimals: int) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:.{decimals}f}" if isinstance(value, float) else str(value)


def _aligned(text: str, column: Column) -> str:
    return text.rjust(column.width) if column.width > 0 else text.ljust(-column.width)
