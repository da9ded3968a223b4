"""The decorators of the kernels: compiled by Numba, cached on disk, running without the GIL."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

from routing.roads import traffic

F = TypeVar("F", bound=Callable[..., Any])

_SETTINGS: Any = numba.config  # NUMBA_CACHE_DIR and its like; set by numba at import

_HERE = Path(__file__).parent
_KERNELS = (
    "kernel.py",
    "scratch.py",
    "search.py",
    "in_full.py",
    "memory.py",
    "moves.py",
    "repair.py",
    "ruin.py",
    "tails.py",
    "lns.py",
    "records.py",
)
SOURCES = (*(_HERE / name for name in _KERNELS), Path(traffic.__file__))
"""All files whose code ends up in the kernels."""


def fingerprint(sources: Iterable[Path]) -> str:
    """16 hex digits that change with the content of any of the files."""
    digest = hashlib.sha256()
    for source in sources:
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()[:16]


# Numba's cache looks at the file of the function itself only, but compiled code contains what it
# calls: after a change in traffic.py it would go on driving the old way. So each version has a
# cache of its own.
_CACHE = Path(_SETTINGS.CACHE_DIR or _HERE / "__pycache__") / f"plans-{fingerprint(SOURCES)}"


def compiled(function: F) -> F:
    """Compile on first call; type checkers go on seeing the function's own signature.

    The function must not make arrays (views are fine): references are not counted, which would
    take two thirds of the search's time (measured with numba 0.68).
    """
    return cast("F", _jit(function, _nrt=False))


def inlined(function: F) -> F:
    """The same for small functions, whose call would take longer than what they do."""
    return cast("F", _jit(function, inline="always"))


def merged(function: F) -> F:
    """The same, for functions that LLVM is to merge into their callers."""
    return cast("F", _jit(function, _nrt=False, forceinline=True))


def allocating(function: F) -> F:
    """The same for functions that make arrays."""
    return cast("F", _jit(function))


def _jit(function: Callable[..., Any], **options: Any) -> Any:
    usual = _SETTINGS.CACHE_DIR
    _SETTINGS.CACHE_DIR = str(_CACHE)
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy", **options)(function)
    finally:
        _SETTINGS.CACHE_DIR = usual
