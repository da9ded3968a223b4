"""What riders are told: the outbox, and how each wants to be told.

A message holds no name and no address: it is put into words when it is sent. Where a person is
erased, their subscriptions go with them and what waits for them has nobody to go to.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

_RIDER = """
ALTER TABLE rider
    ADD COLUMN language text NOT NULL DEFAULT 'de' CHECK (language IN ('de', 'en')),
    ADD COLUMN channel text CHECK (channel IN ('email', 'sms', 'push', 'none'))
"""

_MESSAGE = """
CREATE TABLE message (
    id text PRIMARY KEY,
    area text NOT NULL REFERENCES service_area,
    booking_id text, -- null: about something that is no booking (yet)
    ordinal integer NOT NULL CHECK (ordinal >= 1),
    rider_id text NOT NULL, -- no foreign key: the person may have been erased
    kind text NOT NULL CHECK (kind <> ''),
    facts jsonb NOT NULL,
    at_s bigint NOT NULL,
    expires_at_s bigint NOT NULL,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN (
        'pending', 'sent', 'superseded', 'expired', 'dead', 'no_recipient', 'no_channel')),
    channel text, -- that it was last tried on
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    lease text, -- who is sending it, until due_at
    error text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    UNIQUE (area, booking_id, ordinal),
    CHECK ((state = 'pending') = (finished_at IS NULL)),
    CHECK (state = 'pending' OR lease IS NULL)
)
"""

_SUBSCRIPTION = """
CREATE TABLE push_subscription (
    area text NOT NULL,
    rider_id text NOT NULL,
    endpoint text NOT NULL,
    p256dh text NOT NULL,
    auth text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (area, rider_id, endpoint),
    FOREIGN KEY (area, rider_id) REFERENCES rider ON DELETE CASCADE
)
"""

_VAPID = """
CREATE TABLE vapid_key (
    area text PRIMARY KEY,
    private_pem text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
)
"""

_FORGET = """
CREATE FUNCTION rider_is_forgotten() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE message SET state = 'no_recipient', lease = NULL, finished_at = clock_timestamp()
    WHERE area = OLD.area AND rider_id = OLD.id AND state = 'pending';
    RETURN OLD;
END
$$
"""

_FORGET_TRIGGER = """
CREATE TRIGGER forgotten AFTER DELETE ON rider
    FOR EACH ROW EXECUTE FUNCTION rider_is_forgotten()
"""

_INDEXES = (
    "CREATE INDEX message_pending ON message (area, due_at) WHERE state = 'pending'",
    "CREATE INDEX message_by_rider ON message (area, rider_id)",
    "CREATE INDEX message_by_time ON message (area, created_at)",
)


def upgrade() -> None:
    """Add preferences to `rider`, and the tables of outbox, subscriptions and push keys."""
    for statement in (
        _RIDER,
        _MESSAGE,
        _SUBSCRIPTION,
        _VAPID,
        _FORGET,
        _FORGET_TRIGGER,
        *_INDEXES,
    ):
        op.execute(statement)
