"""Kernels are loaded without SciPy's linear algebra, and nobody else is kept from it."""

import importlib
import subprocess
import sys
from threading import Event, Thread

import pytest

from routing.plans import warming

BLAS = "scipy.linalg.cython_blas"


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if nobody had imported it yet."""
    monkeypatch.delitem(sys.modules, BLAS, raising=False)


@pytest.mark.usefixtures("unknown")
def test_it_cannot_be_found_within_and_can_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warming, "active_count", lambda: 1)
    with warming._without_linear_algebra(), warming._without_linear_algebra():
        pass
    with warming._without_linear_algebra(), pytest.raises(ModuleNotFoundError):
        importlib.import_module(BLAS)
    importlib.import_module(BLAS)


@pytest.mark.usefixtures("unknown")
def test_other_threads_are_never_kept_from_it() -> None:
    done = Event()
    other = Thread(target=done.wait)
    other.start()
    try:
        with warming._without_linear_algebra():
            assert BLAS not in sys.modules
            importlib.import_module(BLAS)
    finally:
        done.set()
        other.join()


def test_warming_up_does_not_import_it() -> None:
    code = "import sys, routing.plans as p; p.warm_up(); print('scipy.linalg' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600
    )
    assert found.stdout.strip() == "False"
