"""The decorators of the kernels: compiled by Numba, cached on disk, running without the GIL."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first call; type checkers go on seeing the function's own signature."""
    return cast("F", njit(cache=True, nogil=True)(function))


def inlined(function: F) -> F:
    """The same for small functions: a call would count references of every array it passes.

    That takes 60-80 ns, several times what such a function does (measured with numba 0.68).
    """
    return cast("F", njit(cache=True, nogil=True, inline="always")(function))
