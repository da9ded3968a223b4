"""Drivers' breaks: those a shift still needs, and the visits at which they are taken.

Shifts that are there already get none here: the dispatcher lays them out at its next tick.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_STATEMENTS = (
    "ALTER TABLE shift ADD COLUMN breaks jsonb NOT NULL DEFAULT '[]'",
    "ALTER TABLE visit ADD COLUMN break_id text",
)


def upgrade() -> None:
    """Add a column to `shift` and one to `visit`."""
    for statement in _STATEMENTS:
        op.execute(statement)
