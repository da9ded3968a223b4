"""Fail-points around every SQL statement, where fail-points are armed at all.

A statement is known by who executes it, its verb and its table: `dispatcher:INSERT event:before`.
"""

import re
from functools import cache
from typing import Any, Final, Self

import psycopg

from dispatch import failpoints

_WRITE: Final = re.compile(r"\b(INSERT INTO|UPDATE|DELETE FROM)\s+([a-z_]+)")
_READ: Final = re.compile(r"\bFROM\s+([a-z_]+)")


def point_of(query: object) -> str:
    """A name for a statement: its verb and the table it is about."""
    text = query.decode() if isinstance(query, bytes) else str(query)
    if found := _WRITE.search(text):
        return f"{found[1].split()[0]} {found[2]}"
    if found := _READ.search(text):
        return f"SELECT {found[1]}"
    return text.split(maxsplit=1)[0]


def hit(point: str) -> None:
    """Reach a fail-point whose `error` looks like a database that is gone.

    Raises:
        psycopg.OperationalError: on purpose.
    """
    try:
        failpoints.hit(point)
    except failpoints.InjectedError as error:
        raise psycopg.OperationalError(str(error)) from error


def cursor_factory(role: str) -> type[psycopg.Cursor] | None:
    """The class of cursors for a connection; None, the driver's own, unless armed.

    Args:
        role: who executes, the beginning of the points' names.
    """
    return _breakable(role) if failpoints.are_armed() else None


def async_cursor_factory(role: str) -> type[psycopg.AsyncCursor] | None:
    """The same for asynchronous connections."""
    return _breakable_async(role) if failpoints.are_armed() else None


@cache
def _breakable(role: str) -> type[psycopg.Cursor]:
    class BreakableCursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
            point = f"{role}:{point_of(query)}"
            hit(f"{point}:before")
            super().execute(query, params, **options)
            hit(f"{point}:after")
            return self

        def executemany(self, query: Any, params_seq: Any, *, returning: bool = False) -> None:
            point = f"{role}:{point_of(query)}"
            hit(f"{point}:before")
            super().executemany(query, params_seq, returning=returning)
            hit(f"{point}:after")

    return BreakableCursor


@cache
def _breakable_async(role: str) -> type[psycopg.AsyncCursor]:
    class BreakableAsyncCursor(psycopg.AsyncCursor[Any]):
        async def execute(self, query: Any, params: Any = None, **options: Any) -> Self:
            point = f"{role}:{point_of(query)}"
            hit(f"{point}:before")
            await super().execute(query, params, **options)
            hit(f"{point}:after")
            return self

    return BreakableAsyncCursor
