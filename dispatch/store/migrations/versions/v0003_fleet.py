"""What happens to vehicles: out of service, riders without one.

A booking that has lost its vehicle is `displaced`. Riders who had to change vehicles have boarded
more than once: `ride` of a planned action tells which of their rides it belongs to, from 0.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

_OUTAGE = """
CREATE TABLE vehicle_outage (
    area text NOT NULL REFERENCES service_area,
    vehicle_id text NOT NULL,
    since_s bigint NOT NULL,
    reason text NOT NULL,
    lon double precision NOT NULL CHECK (lon BETWEEN -180 AND 180),
    lat double precision NOT NULL CHECK (lat BETWEEN -90 AND 90),
    until_s bigint,
    PRIMARY KEY (area, vehicle_id, since_s),
    CHECK (since_s <= until_s)
)
"""

_ONE_OPEN = """
CREATE UNIQUE INDEX vehicle_outage_open ON vehicle_outage (area, vehicle_id) WHERE until_s IS NULL
"""

_STATEMENTS = (
    _OUTAGE,
    _ONE_OPEN,
    """ALTER TABLE booking
        ADD COLUMN instead jsonb,
        ADD COLUMN displacement jsonb,
        ADD COLUMN first_boarded_at_s bigint,
        ADD COLUMN rescues integer NOT NULL DEFAULT 0 CHECK (rescues >= 0),
        ADD COLUMN booked_party jsonb,
        DROP CONSTRAINT booking_status_check,
        ADD CONSTRAINT booking_status_check CHECK (status IN
            ('confirmed', 'displaced', 'boarded', 'completed', 'cancelled', 'no_show')),
        ADD CONSTRAINT booking_displaced_check
            CHECK (status <> 'displaced' OR displacement IS NOT NULL),
        ADD CONSTRAINT booking_rescued_check
            CHECK ((rescues > 0) = (first_boarded_at_s IS NOT NULL))""",
    """ALTER TABLE plan_action
        ADD COLUMN ride integer NOT NULL DEFAULT 0 CHECK (ride >= 0),
        DROP CONSTRAINT plan_action_pkey,
        ADD PRIMARY KEY (area, booking_id, kind, ride)""",
)


def upgrade() -> None:
    """Add a table of outages, columns to `booking`, and one to `plan_action` and its key."""
    for statement in _STATEMENTS:
        op.execute(statement)
