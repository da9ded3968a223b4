"""The life of bookings: changed, pinned to a vehicle, recurring, in groups, waiting for room.

A rider's phone number gets a column in the form that callers are known by, +49252112345; `rider`
rows that are there already are given it as `dispatch.domain.phone` would.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

_REQUEST = """
ALTER TABLE ride_request
    ADD COLUMN replaces text,
    ADD COLUMN connection jsonb,
    ADD COLUMN group_id text,
    ADD COLUMN repeats text
"""

_BOOKING = """
ALTER TABLE booking
    ADD COLUMN cancel_reason text,
    ADD COLUMN cancelled_late boolean NOT NULL DEFAULT false,
    ADD COLUMN changed_at_s bigint,
    ADD COLUMN pinned boolean NOT NULL DEFAULT false,
    ADD COLUMN group_id text,
    ADD COLUMN series_id text,
    ADD CHECK (status = 'cancelled' OR (cancel_reason IS NULL AND NOT cancelled_late))
"""

_SERIES = """
CREATE TABLE series (
    area text NOT NULL REFERENCES service_area,
    id text NOT NULL,
    rider_id text NOT NULL, -- no foreign key: the person may have been erased
    wish jsonb NOT NULL,
    calendar jsonb NOT NULL,
    channel text NOT NULL,
    status text NOT NULL CHECK (status IN ('active', 'ended')),
    created_at_s bigint NOT NULL,
    ended_at_s bigint,
    ended_by text,
    PRIMARY KEY (area, id),
    CHECK ((status = 'ended') = (ended_at_s IS NOT NULL)),
    CHECK ((ended_at_s IS NULL) = (ended_by IS NULL))
)
"""

# The primary key is the rule "never twice for a day".
_SERIES_DAY = """
CREATE TABLE series_day (
    area text NOT NULL,
    series_id text NOT NULL,
    day date NOT NULL,
    wish_s bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('booked', 'unplanned', 'skipped')),
    at_s bigint NOT NULL,
    booking_id text,
    request_id text,
    code text,
    tries integer NOT NULL CHECK (tries >= 0),
    PRIMARY KEY (area, series_id, day),
    FOREIGN KEY (area, series_id) REFERENCES series,
    FOREIGN KEY (area, booking_id) REFERENCES booking,
    UNIQUE (area, booking_id),
    CHECK (status <> 'booked' OR booking_id IS NOT NULL)
)
"""

_WAITING = """
CREATE TABLE waiting (
    area text NOT NULL,
    request_id text NOT NULL,
    rider_id text NOT NULL, -- no foreign key: the person may have been erased
    joined_at_s bigint NOT NULL,
    until_s bigint NOT NULL,
    status text NOT NULL CHECK (status IN ('waiting', 'served', 'left', 'lapsed')),
    ended_at_s bigint,
    booking_id text,
    PRIMARY KEY (area, request_id),
    FOREIGN KEY (area, request_id) REFERENCES ride_request,
    FOREIGN KEY (area, booking_id) REFERENCES booking,
    CHECK ((status = 'waiting') = (ended_at_s IS NULL)),
    CHECK ((status = 'served') = (booking_id IS NOT NULL))
)
"""

_PHONES = (
    "ALTER TABLE rider ADD COLUMN phone_e164 text",
    r"""
    UPDATE rider SET phone_e164 = CASE
            WHEN digits ~ '^\+[1-9]\d{6,14}$' THEN digits
            WHEN digits ~ '^00[1-9]\d{6,14}$' THEN '+' || substr(digits, 3)
            WHEN digits ~ '^0[1-9]\d{4,13}$' THEN '+49' || substr(digits, 2)
        END
    FROM (
        SELECT area, id, regexp_replace(
            replace(phone, '(0)', ''), '[^0-9+]', '', 'g') AS digits
        FROM rider WHERE phone IS NOT NULL
    ) AS plain
    WHERE plain.area = rider.area AND plain.id = rider.id
    """,
)

_INDEXES = (
    "CREATE INDEX request_by_group ON ride_request (area, group_id) WHERE group_id IS NOT NULL",
    "CREATE INDEX booking_by_group ON booking (area, group_id) WHERE group_id IS NOT NULL",
    "CREATE INDEX series_by_rider ON series (area, rider_id)",
    "CREATE INDEX series_by_end ON series (area, ended_at_s)",
    "CREATE INDEX series_day_by_wish ON series_day (area, wish_s)",
    "CREATE INDEX waiting_by_end ON waiting (area, ended_at_s)",
    "CREATE INDEX rider_by_phone ON rider (area, phone_e164) WHERE phone_e164 IS NOT NULL",
)


def upgrade() -> None:
    """Add columns to requests, bookings and riders; tables for series and the waiting list."""
    for statement in (
        _REQUEST,
        _BOOKING,
        _SERIES,
        _SERIES_DAY,
        _WAITING,
        *_PHONES,
        *_INDEXES,
    ):
        op.execute(statement)
