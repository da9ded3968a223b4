"""Calls the `rufbus` command: simulations live above this package, so they run as programs."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dispatch.planner.errors import ScenarioInvalidError
from dispatch.planner.fields import FIELDS

RUFBUS: Final = (sys.executable, "-m", "dispatch.cli")
_CHECK_S: Final = 120.0  # long enough on a machine that is busy with a simulation
_CODE: Final = re.compile(r"^(?:error|Error): (?:\[\w+\] )?")
_REASON_MAX: Final = 500
# A simulation needs no way into the service's database.
_PRIVATE: Final = ("DATABASE_URL", "REDIS_URL", "RUFBUS_TOKEN")


def environment(var: Path) -> dict[str, str]:
    """What the command is given of our own environment."""
    own = {name: value for name, value in os.environ.items() if name not in _PRIVATE}
    return own | {"RUFBUS_VAR": str(var.resolve()), "PYTHONUNBUFFERED": "1"}


def reason_of(output: str) -> str:
    """The last line of what a command has complained, for people."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return _CODE.sub("", lines[-1])[:_REASON_MAX] if lines else ""


class Checker:
    """Asks `rufbus scenario check` what a scenario file comes to; one question at a time."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str]) -> None:
        self._command = tuple(command)
        self._env = dict(env)
        self._lock = threading.Lock()

    def effective(self, path: Path) -> dict[str, Any]:
        """The whole scenario, with everything that its file leaves to others.

        Raises:
            ScenarioInvalidError: it cannot be run; the text says why.
        """
        command = [*self._command, "scenario", "check", str(path), "--json"]
        try:
            with self._lock:
                done = subprocess.run(  # noqa: S603 - our own command on a path of our own
                    command,
                    env=self._env,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    errors="replace",
                    check=False,
                    timeout=_CHECK_S,
                )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ScenarioInvalidError(f"rufbus scenario check: {error}") from error
        if done.returncode != 0:
            reason = reason_of(done.stderr).replace(f"{path}: ", "").replace(str(path), path.name)
            raise ScenarioInvalidError(reason, key_in(reason))
        try:
            answer = json.loads(done.stdout)
        except ValueError as error:
            raise ScenarioInvalidError("rufbus scenario check: no JSON") from error
        return answer if isinstance(answer, dict) else {}


def key_in(reason: str) -> str:
    """The form's key that a complaint names; empty if it names none."""
    named = [key for key in FIELDS if re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.])", reason)]
    return max(named, key=len, default="")
