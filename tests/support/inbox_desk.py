"""Puts commands into a dispatcher's inbox and reads what became of them."""

import json
import time
from collections.abc import Callable
from typing import Any

from dispatch.domain import commands as co
from dispatch.store import inbox
from dispatch.store.audit import differences
from dispatch.store.codec import command_to_json
from dispatch.store.connect import connect
from dispatch.store.inbox import Outcome
from dispatch.worker.dispatcher import Dispatcher

AREA = "town"


class Desk:
    """Puts commands in the inbox and reads what became of them."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def put(self, command: co.Command) -> int:
        document = json.dumps(command_to_json(command))
        return self.put_raw(document)

    def put_raw(self, document: str) -> int:
        key = f"key-{time.monotonic_ns()}"
        nobody = dict.fromkeys(
            ["rider_id", "name", "phone", "phone_e164", "email", "language", "channel"]
        )
        row = {"area": AREA, "key": key, "fingerprint": "", "command": document}
        with connect(self.dsn) as connection:
            found = connection.execute(inbox.PUT, row | nobody).fetchone()
        assert found is not None
        return int(found[0])

    def outcome(self, row_id: int) -> Outcome | None:
        (stored,) = self.sql("SELECT outcome FROM inbox WHERE id = %s", row_id)
        return None if stored[0] is None else Outcome.from_json(stored[0])

    def code(self, row_id: int) -> str | None:
        outcome = self.outcome(row_id)
        assert outcome is not None
        return None if outcome.error is None else outcome.error.code

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with connect(self.dsn) as connection:
            return connection.execute(statement, parameters).fetchall()

    def count(self, table: str) -> int:
        return len(self.sql("TABLE " + table))

    def differences(self) -> list[str]:
        with connect(self.dsn) as connection:
            return differences(connection, AREA)


def drain(dispatcher: Dispatcher) -> None:
    while dispatcher.round():
        pass


def wait_until(condition: Callable[[], bool], patience_s: float = 10.0) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
