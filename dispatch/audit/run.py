"""Runs all checks on one snapshot of a database that may be in use."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import psycopg

from dispatch.audit.checks import CHECKS, WATCHERS
from dispatch.audit.evidence import Check, Evidence, Finding, Roads, gather
from dispatch.domain.state import IllegalTransitionError
from dispatch.store.errors import UndecodableError


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit has found.

    Attributes:
        area: the service area.
        checks: the names of the checks that were made.
        findings: what is not as it must be, in a stable order.
        notes: what could not be checked, and why.
        counts: how much was looked at.
    """

    area: str
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"clean": self.is_clean, **asdict(self)}


def audit(connection: psycopg.Connection, area: str, roads: Roads | None = None) -> Report:
    """Check everything that must be true of what is stored.

    Args:
        connection: outside a transaction; all is read from one snapshot, nothing is written.
        area: the service area.
        roads: what plans are checked against; None leaves them out, with a note.

    Raises:
        psycopg.OperationalError: the database cannot be reached.
    """
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        connection.execute("SET LOCAL statement_timeout = 0")
        try:
            watchers = [begin() for begin in WATCHERS]
            evidence = gather(connection, area, roads, watchers)
        except (IllegalTransitionError, UndecodableError, KeyError, IndexError) as error:
            broken = Finding("log", "the event log", f"cannot be folded: {error!r}")
            return Report(area, (), (broken,), ("nothing else could be checked",))
        found = [finding for name in CHECKS for finding in _run(name, CHECKS[name], evidence)]
    return Report(
        area=area,
        checks=tuple(CHECKS),
        findings=tuple(found),
        notes=tuple(_notes(evidence)),
        counts=_counts(evidence),
    )


def _run(name: str, check: Check, evidence: Evidence) -> list[Finding]:
    """The findings of one check; one that stumbles over what is broken says so, too."""
    found: set[Finding] = set()
    try:
        with evidence.connection.transaction():
            for finding in check(evidence):
                found.add(finding)
    except psycopg.Error:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
        found.add(Finding(name, "the check", f"could not be finished: {error}"))
    return sorted(found)


_OTHER_ROADS: Final = (
    "plans were not checked on the roads: they were made on another road graph "
    "and will be carried over when the service starts"
)


def _notes(evidence: Evidence) -> list[str]:
    if evidence.roads is None:
        return ["plans were not checked on the roads: there is no road graph to check them on"]
    if evidence.roads_sha256 != evidence.roads.network.graph.digest:
        return [_OTHER_ROADS]
    return []


def _counts(evidence: Evidence) -> dict[str, int]:
    (events,) = evidence.rows("SELECT count(*) FROM event WHERE area = %(area)s")[0]
    return {
        "events": events,
        "requests": len(evidence.requests),
        "bookings": len(evidence.bookings),
        "shifts": len(evidence.shifts),
    }
