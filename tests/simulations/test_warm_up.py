"""Kernels are compiled before the service begins, not while a rider waits for an answer."""

import os
import subprocess
import sys
from pathlib import Path

import simulations

SCRIPT = Path(__file__).parents[1] / "support" / "late_kernels.py"
ROOT = Path(simulations.__file__).parents[1]


def test_nothing_is_compiled_during_a_day() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr[-2000:]
