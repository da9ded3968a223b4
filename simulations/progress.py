"""How far a long command is: a bar on a terminal, lines elsewhere, or JSON for other programs."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from simulations.runner import Progress as Told

_EVERY_S = 0.5
_LINE_EVERY_S = 10.0
_STAGES = {"roads": (0.0, 0.05), "demand": (0.05, 0.08), "simulation": (0.08, 0.9)}
_REST = (0.9, 1.0)


@contextmanager
def shown(style: str) -> Iterator[Told]:
    """Something to tell the progress to.

    Args:
        style: `bar`, `json` (lines on standard output) or `none`.
    """
    begun = monotonic()

    def overall(stage: str, share: float) -> float:
        low, high = _STAGES.get(stage, _REST)
        return low + share * (high - low)

    if style == "json":
        yield _json_lines(begun, overall)
    elif style == "bar" and sys.stderr.isatty():
        with _bar(overall) as tell:
            yield tell
    elif style == "bar":
        yield _text_lines(begun, overall)
    else:
        yield lambda _stage, _share: None


@contextmanager
def _bar(overall: Callable[[str, float], float]) -> Iterator[Told]:
    from rich.console import Console  # noqa: PLC0415 - slow to import
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description:12}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("roads", total=1.0)
        yield lambda stage, share: bar.update(
            task, description=stage, completed=overall(stage, share)
        )


def _left_s(begun: float, done: float) -> float | None:
    spent = monotonic() - begun
    return round(spent / done * (1 - done), 1) if done > 0 else None


def _json_lines(begun: float, overall: Callable[[str, float], float]) -> Told:
    said, before = -_EVERY_S, ("", -1.0)

    def tell(stage: str, share: float) -> None:
        nonlocal said, before
        now, done = monotonic(), round(overall(stage, share), 4)
        if (stage, done) == before or (now - said < _EVERY_S and share not in {0.0, 1.0}):
            return
        said, before = now, (stage, done)
        line = {"done": done, "left_s": _left_s(begun, done), "stage": stage}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    return tell


def _text_lines(begun: float, overall: Callable[[str, float], float]) -> Told:
    said = begun

    def tell(stage: str, share: float) -> None:
        nonlocal said
        now = monotonic()
        if now - said < _LINE_EVERY_S:
            return
        said, done = now, overall(stage, share)
        sys.stderr.write(f"{stage}: {done:.0%}, {_left_s(begun, done)} s left\n")

    return tell
