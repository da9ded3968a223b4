"""The one decorator of the kernels: compiled by Numba, cached on disk, running without the GIL."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first call; type checkers go on seeing the function's own signature."""
    return cast("F", njit(cache=True, nogil=True)(function))
