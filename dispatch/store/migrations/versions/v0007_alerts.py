"""Who in the control room has seen which alert, last."""

from alembic import op

revision = "0007"
down_revision = "0006"

_TABLE = """
CREATE TABLE alert_acknowledgement (
    area text NOT NULL REFERENCES service_area,
    alert_id text NOT NULL,
    at_s bigint NOT NULL,
    seen_by text NOT NULL,
    late_s bigint NOT NULL,
    PRIMARY KEY (area, alert_id)
)
"""


def upgrade() -> None:
    """Add a table."""
    op.execute(_TABLE)
