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
    head = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ {} dispatcher\[\d+\] {}"
    gone = "gone: server closed the connection This means it ended"
    assert re.fullmatch(head.format("WARNING", gone), lines[0])
    assert re.fullmatch(head.format("ERROR", "failed"), lines[1])
    assert lines[2] == "Traceback (most recent call last):"
    assert lines[-2:] == ["ValueError: one", "two"]
