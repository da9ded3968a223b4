"""One line for each message, whatever is in it; tracebacks below theirs."""

import re
import subprocess
import sys

SCRIPT = r"""
import logging
from dispatch import logs

logs.set_up("dispatcher")
log = logging.getLogger("rufbus.test")
log.warning("gone: %s", "server closed the connection\n\tThis means\n  it ended")
try:
    raise ValueError("one\ntwo")
except ValueError:
    log.exception("failed")
"""


def test_messages_stay_on_their_line_and_tracebacks_do_not() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    lines = done.stderr.splitlines()
    gone = "gone: server closed the connection This means it ended"
    assert re.fullmatch(rf"\S+Z WARNING dispatcher\[\d+\] {gone}", lines[0])
    assert re.fullmatch(r"\S+Z ERROR dispatcher\[\d+\] failed", lines[1])
    assert lines[2] == "Traceback (most recent call last):"
    assert lines[-2:] == ["ValueError: one", "two"]
