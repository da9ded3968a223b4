"""Calls one after another, each with what earlier answers have named: the town stays sound.

Schemathesis reads from the document which answers name what other calls need, and follows that.
Here most calls are brought nearer to what somebody would send, so that the sequences get somewhere:
rides that are booked, changed, driven, given up. `RUFBUS_FUZZ_SEQUENCES` asks for more of them.
"""

import os
from collections import defaultdict
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

import hypothesis
import pytest
from documented_api import ANSWER_CHECKS, OPERATIONS, schema_of
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import FlakyStrategyDefinition
from known_ids import body_of
from schemathesis import Case
from schemathesis.core.failures import FailureGroup
from served_town import ServedTown

SEQUENCES = int(os.environ.get("RUFBUS_FUZZ_SEQUENCES", "25"))
ONCE = settings(
    max_examples=2,  # the first is the simplest
    stateful_step_count=25,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),
)
SUCCEED_MIN = 25
"""Kinds of call that must have succeeded, of those that are tried."""
ERROR = 400
ROLES = ("control", "control", "control", "vehicle", None)
KINDS = {"bk": "booking", "rq": "request", "gr": "group", "sr": "series", "cl": "closure"}
# The service's threads use `random` while Hypothesis draws; no strategy does.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")


def named_in(answer: Any) -> set[str]:
    """All texts in an answer, among them the ids."""
    if isinstance(answer, dict):
        return set().union(*map(named_in, answer.values())) if answer else set()
    if isinstance(answer, list):
        return set().union(*map(named_in, answer)) if answer else set()
    return {answer} if isinstance(answer, str) else set()


class Learned:
    """What the answers have named so far, and what came of each kind of call."""

    def __init__(self, town: ServedTown) -> None:
        self.town = town
        self.random = Random(1)
        self.named: set[str] = set()
        self.statuses: dict[tuple[str, str], set[int]] = defaultdict(set)
        self.failures: list[FailureGroup] = []
        self._keys = count(1)

    def likely(self) -> bool:
        """Nearly always."""
        return self.random.random() < 5 / 6

    def prepare(self, case: Case) -> None:
        """Name somebody real in a call, and let it ask for something possible."""
        headers = case.headers
        if headers and "Idempotency-Key" in headers:
            headers["Idempotency-Key"] = f"sequence-{next(self._keys)}"
        parameters = case.path_parameters or {}
        if "visit_id" in parameters and self.likely() and (due := self.town.due()):
            vehicle, visit = self.random.choice(due)
            parameters |= {"vehicle_id": vehicle, "visit_id": visit}
        for name, value in parameters.items():
            known = self.town.ids.get(name.removesuffix("_id"), [])
            if value not in self.named and known and self.likely():
                parameters[name] = self.random.choice(known[-8:])
        if isinstance(case.body, dict) and self.likely():
            linked = {k: v for k, v in case.body.items() if isinstance(v, str) and v in self.named}
            case.body = body_of(self.town, case.operation.label) | linked

    def learn(self, case: Case, response: Any) -> None:
        """Remember what an answer names."""
        operation = (case.method, case.operation.path.removeprefix("/api/v1"))
        self.statuses[operation].add(response.status_code)
        if response.status_code < ERROR and "json" in response.headers.get("content-type", [""])[0]:
            named = named_in(response.json())
            self.named |= named
            for text in sorted(named):
                kind = KINDS.get(text.partition("_")[0])
                if kind is not None and text not in self.town.ids[kind]:
                    self.town.ids[kind].append(text)


def test_whatever_is_called_after_whatever(
    town: ServedTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned = Learned(town)
    machine: Any = schema_of(town).as_state_machine()

    class Sequences(machine):  # type: ignore[misc]
        def get_call_kwargs(self, _case: Case) -> dict[str, Any]:
            return {"headers": town.headers(learned.random.choice(ROLES))}

        def before_call(self, case: Case) -> None:
            learned.prepare(case)

        def validate_response(self, response: Any, case: Case, **_: Any) -> None:
            learned.learn(case, response)
            try:
                case.validate_response(response, checks=ANSWER_CHECKS)
            except FailureGroup as failures:
                learned.failures.append(failures)
                raise

    for number in range(SEQUENCES):
        monkeypatch.setattr(hypothesis.core, "global_force_seed", number)
        # The town remembers, so the same choices lead elsewhere the next time: no sequence is tried
        # again, and what fails is kept here.
        with suppress(FlakyStrategyDefinition):
            Sequences.run(settings=ONCE)
        assert learned.failures == []
    done = {operation for operation, found in learned.statuses.items() if min(found) < ERROR}
    assert len(done) > SUCCEED_MIN, set(OPERATIONS) - done
    assert town.audit() == []
