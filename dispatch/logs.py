"""One line format for all processes: when, how bad, which process, what."""

import logging
import os
import sys
import time
from typing import Final

_FORMAT: Final = "%(asctime)s %(levelname)s {process}[{pid}] %(message)s"
_TIME: Final = "%Y-%m-%dT%H:%M:%SZ"
_CHATTY: Final = ("alembic", "asyncio", "httpcore", "httpx", "numba", "psycopg.pool", "uvicorn")


class _OneLine(logging.Formatter):
    """A message stays on its line, whatever another program's error in it looks like."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - overridden
        record.message = " ".join(record.message.split())
        return super().formatMessage(record)


def set_up(process: str) -> None:
    """Log to standard error from now on.

    Args:
        process: what kind of process this is, such as `dispatcher`.
    """
    handler = logging.StreamHandler(sys.stderr)
    line = _FORMAT.format(process=process, pid=os.getpid())
    formatter = _OneLine(line, datefmt=_TIME)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
