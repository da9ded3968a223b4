"""Roads and stops that are closed.

`lines` are the points as they were drawn (lon, lat in degrees), whatever road graph is in use.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

_CLOSURE = """
CREATE TABLE closure (
    area text NOT NULL REFERENCES service_area,
    id text NOT NULL,
    from_s bigint NOT NULL,
    until_s bigint,
    reason text NOT NULL,
    stop_id text,
    lines jsonb NOT NULL DEFAULT '[]',
    direction text NOT NULL CHECK (direction IN ('both', 'forward', 'backward')),
    source text NOT NULL,
    external_id text,
    status text NOT NULL CHECK (status IN ('planned', 'active', 'ended')),
    ended_at_s bigint,
    PRIMARY KEY (area, id),
    CHECK (until_s > from_s),
    CHECK ((ended_at_s IS NOT NULL) = (status = 'ended')),
    CHECK ((stop_id IS NULL) = (jsonb_array_length(lines) > 0))
)
"""
_ONE_PER_NUMBER = """
CREATE UNIQUE INDEX closure_external ON closure (area, source, external_id)
WHERE external_id IS NOT NULL AND status <> 'ended'
"""


def upgrade() -> None:
    """Add the table `closure`."""
    for statement in (_CLOSURE, _ONE_PER_NUMBER):
        op.execute(statement)
