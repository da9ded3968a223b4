"""Compiles the day's kernels, cached on disk as long as nothing they contain has changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from routing.plans.compiled import SOURCES, fingerprint
from routing.roads import kernels, many_to_many

F = TypeVar("F", bound=Callable[..., Any])

_SETTINGS: Any = numba.config
_OPTIONS: Any = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
_HERE = Path(__file__).parent
_CONTENT = (
    *SOURCES,
    Path(kernels.__file__),
    Path(many_to_many.__file__),
    _HERE / "driving.py",
    _HERE / "day.py",
)
_CACHE = Path(_SETTINGS.CACHE_DIR or _HERE / "__pycache__") / f"peer-day-{fingerprint(_CONTENT)}"


def compiled(function: F) -> F:
    """Compile on first call; type checkers go on seeing the function's own signature.

    The function must not make arrays (views are fine): references are not counted.
    """
    usual = _SETTINGS.CACHE_DIR
    _SETTINGS.CACHE_DIR = str(_CACHE)
    try:
        return cast("F", numba.njit(**_OPTIONS)(function))
    finally:
        _SETTINGS.CACHE_DIR = usual
