"""The log folded from its start gives the tables."""

from collections.abc import Iterator

from dispatch.audit.evidence import Evidence, Finding
from dispatch.store.audit import differences_of


def check(evidence: Evidence) -> Iterator[Finding]:
    """Every difference between the log and the tables."""
    for line in differences_of(evidence.connection, evidence.area, evidence.ledger):
        subject, _, detail = line.partition(": ")
        yield Finding("agreement", subject, detail)
