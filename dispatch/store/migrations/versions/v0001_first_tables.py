"""The first tables: areas, inbox, event log, riders, requests, bookings, shifts and their plans.

Everything is keyed by service area. Nothing references `rider`, so a person can be erased without
touching what happened; nothing references `inbox`, so answered commands can be thrown away.
"""

from alembic import op

revision = "0001"
down_revision = None

_AREA = """
CREATE TABLE service_area (
    id text PRIMARY KEY,
    name text NOT NULL DEFAULT '',
    epoch bigint NOT NULL DEFAULT 0 CHECK (epoch >= 0),
    leader text NOT NULL DEFAULT '',
    led_since timestamptz,
    heartbeat_at timestamptz,
    roads_sha256 text NOT NULL DEFAULT ''
)
"""

_INBOX = """
CREATE TABLE inbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area text NOT NULL, -- commands may come before the area's first leader
    idempotency_key text NOT NULL CHECK (length(idempotency_key) BETWEEN 1 AND 200),
    fingerprint text NOT NULL,
    command jsonb NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    outcome json, -- not jsonb: the same key shall get the same bytes
    decided_at timestamptz,
    UNIQUE (area, idempotency_key),
    CHECK ((outcome IS NULL) = (decided_at IS NULL))
)
"""

_EVENT = """
CREATE TABLE event (
    seq bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    area text NOT NULL REFERENCES service_area,
    at_s bigint NOT NULL,
    type text NOT NULL,
    payload jsonb NOT NULL,
    inbox_id bigint,
    epoch bigint NOT NULL
)
"""

_APPEND_ONLY = """
CREATE FUNCTION event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only' USING ERRCODE = 'restrict_violation';
END
$$
"""

_APPEND_ONLY_TRIGGER = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
    FOR EACH STATEMENT EXECUTE FUNCTION event_is_append_only()
"""

_RIDER = """
CREATE TABLE rider (
    area text NOT NULL,
    id text NOT NULL,
    name text NOT NULL,
    phone text,
    email text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (area, id)
)
"""

_RIDE_REQUEST = """
CREATE TABLE ride_request (
    area text NOT NULL REFERENCES service_area,
    id text NOT NULL,
    received_at_s bigint NOT NULL,
    origin_lon double precision NOT NULL CHECK (origin_lon BETWEEN -180 AND 180),
    origin_lat double precision NOT NULL CHECK (origin_lat BETWEEN -90 AND 90),
    origin_stop_id text,
    destination_lon double precision NOT NULL CHECK (destination_lon BETWEEN -180 AND 180),
    destination_lat double precision NOT NULL CHECK (destination_lat BETWEEN -90 AND 90),
    destination_stop_id text,
    depart_at_s bigint,
    arrive_by_s bigint,
    seats integer NOT NULL CHECK (seats >= 0),
    wheelchairs integer NOT NULL CHECK (wheelchairs >= 0),
    max_walk_m integer NOT NULL CHECK (max_walk_m >= 0),
    channel text NOT NULL,
    status text NOT NULL CHECK (status IN ('offered', 'refused', 'booked', 'lapsed')),
    refusal_code text,
    alternatives jsonb,
    PRIMARY KEY (area, id),
    CHECK (seats + wheelchairs >= 1),
    CHECK (depart_at_s IS NULL OR arrive_by_s IS NULL),
    CHECK ((status = 'refused') = (refusal_code IS NOT NULL)),
    CHECK ((refusal_code IS NULL) = (alternatives IS NULL))
)
"""

_OFFER = """
CREATE TABLE offer (
    area text NOT NULL,
    id text NOT NULL,
    request_id text NOT NULL,
    ordinal smallint NOT NULL CHECK (ordinal >= 0),
    kind text NOT NULL CHECK (kind IN ('earliest', 'least_walking', 'pooled')),
    pickup_stop_id text NOT NULL,
    dropoff_stop_id text NOT NULL,
    pickup_from_s bigint NOT NULL,
    pickup_to_s bigint NOT NULL,
    arrival_latest_s bigint NOT NULL,
    max_ride_s integer NOT NULL CHECK (max_ride_s > 0),
    pickup_walk_m integer NOT NULL CHECK (pickup_walk_m >= 0),
    dropoff_walk_m integer NOT NULL CHECK (dropoff_walk_m >= 0),
    planned_pickup_s bigint NOT NULL,
    planned_arrival_s bigint NOT NULL,
    wish_earliest_s bigint NOT NULL,
    walk_s integer NOT NULL CHECK (walk_s >= 0),
    direct_s integer NOT NULL CHECK (direct_s >= 0),
    price_cents integer NOT NULL CHECK (price_cents >= 0),
    expires_at_s bigint NOT NULL,
    PRIMARY KEY (area, id),
    FOREIGN KEY (area, request_id) REFERENCES ride_request,
    UNIQUE (area, request_id, ordinal),
    CHECK (pickup_from_s <= pickup_to_s),
    CHECK (pickup_from_s < arrival_latest_s)
)
"""

_SHIFT = """
CREATE TABLE shift (
    area text NOT NULL REFERENCES service_area,
    id text NOT NULL,
    vehicle_id text NOT NULL,
    start_s bigint NOT NULL,
    end_s bigint NOT NULL,
    depot_stop_id text NOT NULL,
    status text NOT NULL CHECK (status IN ('planned', 'active', 'ended')),
    anchor jsonb NOT NULL,
    version integer NOT NULL CHECK (version >= 0),
    started_at_s bigint,
    ended_at_s bigint,
    PRIMARY KEY (area, id),
    CHECK (start_s < end_s),
    CHECK (status <> 'active' OR started_at_s IS NOT NULL),
    CHECK ((status = 'ended') = (ended_at_s IS NOT NULL))
)
"""

_BOOKING = """
CREATE TABLE booking (
    area text NOT NULL,
    id text NOT NULL,
    code text NOT NULL,
    request_id text NOT NULL,
    offer_id text NOT NULL,
    rider_id text NOT NULL, -- no foreign key: the person may have been erased
    status text NOT NULL
        CHECK (status IN ('confirmed', 'boarded', 'completed', 'cancelled', 'no_show')),
    pickup_stop_id text NOT NULL,
    dropoff_stop_id text NOT NULL,
    pickup_from_s bigint NOT NULL,
    pickup_to_s bigint NOT NULL,
    arrival_latest_s bigint NOT NULL,
    max_ride_s integer NOT NULL CHECK (max_ride_s > 0),
    seats integer NOT NULL CHECK (seats >= 0),
    wheelchairs integer NOT NULL CHECK (wheelchairs >= 0),
    shift_id text NOT NULL,
    booked_at_s bigint NOT NULL,
    wish_earliest_s bigint NOT NULL,
    walk_s integer NOT NULL CHECK (walk_s >= 0),
    direct_s integer NOT NULL CHECK (direct_s >= 0),
    price_cents integer NOT NULL CHECK (price_cents >= 0),
    boarded_at_s bigint,
    alighted_at_s bigint,
    ended_at_s bigint,
    cancelled_by text,
    PRIMARY KEY (area, id),
    FOREIGN KEY (area, request_id) REFERENCES ride_request,
    FOREIGN KEY (area, offer_id) REFERENCES offer,
    FOREIGN KEY (area, shift_id) REFERENCES shift,
    UNIQUE (area, request_id),
    UNIQUE (area, offer_id),
    CHECK (seats + wheelchairs >= 1),
    CHECK (pickup_from_s <= pickup_to_s),
    CHECK (pickup_from_s < arrival_latest_s),
    CHECK ((status IN ('boarded', 'completed')) = (boarded_at_s IS NOT NULL)),
    CHECK ((status = 'completed') = (alighted_at_s IS NOT NULL)),
    CHECK ((status IN ('completed', 'cancelled', 'no_show')) = (ended_at_s IS NOT NULL)),
    CHECK ((status = 'cancelled') = (cancelled_by IS NOT NULL)),
    CHECK (boarded_at_s <= alighted_at_s)
)
"""

_VISIT = """
CREATE TABLE visit (
    area text NOT NULL,
    id text NOT NULL,
    shift_id text NOT NULL,
    status text NOT NULL CHECK (status IN ('open', 'done', 'dropped')),
    ordinal integer,
    stop_id text NOT NULL,
    leave_s bigint NOT NULL,
    arrive_s bigint NOT NULL,
    depart_s bigint NOT NULL,
    arrived_at_s bigint,
    departed_at_s bigint,
    PRIMARY KEY (area, id),
    FOREIGN KEY (area, shift_id) REFERENCES shift,
    CHECK ((status = 'open') = (ordinal IS NOT NULL)),
    CHECK ((status = 'done') = (departed_at_s IS NOT NULL)),
    CHECK (leave_s <= arrive_s AND arrive_s <= depart_s)
)
"""

# The primary key is the rule "one pick-up and one drop-off per booking", open and done together.
_PLAN_ACTION = """
CREATE TABLE plan_action (
    area text NOT NULL,
    booking_id text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('pickup', 'dropoff')),
    visit_id text NOT NULL,
    ordinal integer NOT NULL CHECK (ordinal >= 0),
    start_s bigint NOT NULL,
    end_s bigint NOT NULL,
    done_at_s bigint,
    PRIMARY KEY (area, booking_id, kind),
    FOREIGN KEY (area, booking_id) REFERENCES booking,
    FOREIGN KEY (area, visit_id) REFERENCES visit,
    CHECK (start_s <= end_s)
)
"""

_TOKENS = """
CREATE TABLE api_token (
    hash text PRIMARY KEY CHECK (hash ~ '^[0-9a-f]{64}$'),
    area text, -- null: every area of this database
    role text NOT NULL CHECK (role <> ''),
    label text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    revoked_at timestamptz
)
"""

_INDEXES = (
    "CREATE INDEX inbox_undecided ON inbox (area, id) WHERE outcome IS NULL",
    "CREATE INDEX inbox_decided_at ON inbox (decided_at) WHERE outcome IS NOT NULL",
    "CREATE INDEX event_by_area ON event (area, seq)",
    "CREATE INDEX ride_request_by_time ON ride_request (area, received_at_s)",
    "CREATE INDEX ride_request_offered ON ride_request (area, id) WHERE status = 'offered'",
    "CREATE INDEX booking_open ON booking (area, pickup_from_s) WHERE ended_at_s IS NULL",
    "CREATE INDEX booking_by_end ON booking (area, ended_at_s) WHERE ended_at_s IS NOT NULL",
    "CREATE INDEX booking_by_shift ON booking (area, shift_id)",
    "CREATE INDEX booking_by_rider ON booking (area, rider_id)",
    "CREATE INDEX booking_by_code ON booking (area, code)",
    "CREATE INDEX shift_by_end ON shift (area, end_s)",
    "CREATE INDEX shift_by_status ON shift (area, status, end_s)",
    "CREATE UNIQUE INDEX shift_one_active ON shift (area, vehicle_id) WHERE status = 'active'",
    "CREATE INDEX visit_open ON visit (area, shift_id, ordinal) WHERE status = 'open'",
    "CREATE INDEX visit_by_shift ON visit (area, shift_id, departed_at_s)",
    "CREATE INDEX plan_action_by_visit ON plan_action (area, visit_id)",
)


def upgrade() -> None:
    """Create everything."""
    for statement in (
        _AREA,
        _INBOX,
        _EVENT,
        _APPEND_ONLY,
        _APPEND_ONLY_TRIGGER,
        _RIDER,
        _RIDE_REQUEST,
        _OFFER,
        _SHIFT,
        _BOOKING,
        _VISIT,
        _PLAN_ACTION,
        _TOKENS,
        *_INDEXES,
    ):
        op.execute(statement)
