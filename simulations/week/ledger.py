"""What the clients were told: every answer that the service must stand by, and every mishap."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

CREATED: Final = 201
BOUND: Final = frozenset({200, CREATED, 409, 410})
"""Statuses of decisions: the same key has to get the very same answer again."""

MISTAKES: Final = frozenset(
    {
        "forbidden",
        "idempotency_key_reused",
        "internal_error",
        "invalid_idempotency_key",
        "invalid_request",
        "method_not_allowed",
        "naive_datetime",
        "not_found",
        "request_too_large",
        "too_many_attempts",
        "unauthorized",
        "unsupported_media_type",
    }
)
"""Codes that no client of ours should ever be answered with: it or the service is wrong."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that changes something.

    Attributes:
        method: of HTTP.
        path: below the API's root.
        body: JSON, None for none.
        role: whose token it carries, "" for none.
        key: its idempotency key.
    """

    method: str
    path: str
    body: Json | None
    role: str
    key: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `status` 0 if nobody ever answered."""

    status: int
    body: Json
    content: bytes = b""

    @property
    def is_yes(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP

    @property
    def code(self) -> str:
        """Of the problem, "" if there was none."""
        return "" if self.is_yes else str(self.body.get("code", f"status_{self.status}"))


@dataclass(slots=True)
class Ledger:
    """Kept by the clients alone, from nothing but answers.

    Attributes:
        bound: calls with the answers that must stay.
        codes: how often each problem was answered.
        broken: how often a connection failed, by the kind of failure.
        violations: what must not be.
        calls: how many calls were made, repetitions included.
        repeated: how many of them were repetitions of one that had not been answered.
        doubled: how many were sent twice at the same time.
    """

    bound: dict[str, tuple[Call, Answer]] = field(default_factory=dict)
    codes: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    calls: int = 0
    repeated: int = 0
    doubled: int = 0

    def take(self, call: Call, answer: Answer) -> None:
        """Note a decision; one that differs from an earlier one for the same key is a violation."""
        if answer.code:
            self.codes[answer.code] += 1
        if answer.code in MISTAKES:
            self.violate(f"{call.method} {call.path}: {answer.content[:500]!r}")
        if answer.status not in BOUND:
            return
        known = self.bound.setdefault(call.key, (call, answer))[1]
        if (known.status, known.content) != (answer.status, answer.content):
            self.violate(
                f"{call.method} {call.path} with the key {call.key} was answered first with "
                f"{known.status} {known.content[:200]!r}, then {answer.status} "
                f"{answer.content[:200]!r}"
            )

    def violate(self, what: str) -> None:
        """Note what must not be."""
        self.violations.append(what)


def same_terms(told: Mapping[str, Any], shown: Mapping[str, Any], *, stops: bool) -> bool:
    """Whether two promises are the same; with `stops`, also where one gets on and off."""
    names = ("pickup_window", "arrival_latest", "max_ride_s")
    alike = all(told[name] == shown[name] for name in names)
    ends = ("pickup", "dropoff")
    return alike and (not stops or all(told[e]["stop_id"] == shown[e]["stop_id"] for e in ends))
