"""Every command and event survives the way through JSON and PostgreSQL, exactly."""

import json
from datetime import timedelta
from functools import partial
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from dispatch.domain.commands import Command, RequestRide
from dispatch.domain.events import Event
from dispatch.domain.model import Anchor, Fix, Party, Spot
from dispatch.store.codec import (
    command_from_json,
    command_to_json,
    event_from_json,
    event_to_json,
)
from dispatch.store.connect import connect
from dispatch.store.errors import UndecodableError

FINITE = st.floats(-180, 180, allow_nan=False)
# PostgreSQL's text knows no NUL and no half of a surrogate pair; our ids and codes have neither.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=20)
for kind in (Spot, Anchor, Fix):
    st.register_type_strategy(kind, partial(st.builds, kind, lon=FINITE, lat=FINITE)())
st.register_type_strategy(int, st.integers(-(2**60), 2**60))
st.register_type_strategy(float, FINITE)
st.register_type_strategy(str, TEXT)

ONCE = settings(
    max_examples=40,
    deadline=timedelta(seconds=5),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("kind", get_args(Command), ids=lambda kind: kind.__name__)
def test_commands_survive(kind: type) -> None:
    @ONCE
    @given(st.builds(kind) if kind.__dataclass_fields__ == {} else st.from_type(kind))
    def survives(command: Any) -> None:
        assert command_from_json(json.loads(json.dumps(command_to_json(command)))) == command

    survives()


@pytest.mark.parametrize("kind", get_args(Event), ids=lambda kind: kind.__name__)
def test_events_survive(kind: type) -> None:
    @ONCE
    @given(st.from_type(kind))
    def survives(event: Any) -> None:
        document = event_to_json(event)
        assert document["type"] == kind.__name__
        back = event_from_json(json.loads(json.dumps(document)))
        assert back == event
        assert type(back) is type(event)

    survives()


def test_numbers_survive_jsonb(database_url: str) -> None:
    """PostgreSQL keeps JSON numbers as decimals; no bit of a double may be lost on the way."""
    with connect(database_url) as connection:

        @ONCE
        @given(st.from_type(RequestRide))
        def survives(command: RequestRide) -> None:
            sent = Jsonb(command_to_json(command))
            row = connection.execute("SELECT %s::jsonb", [sent]).fetchone()
            assert row is not None
            assert command_from_json(row[0]) == command

        survives()


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"type": "Teleport"},
        {"type": "ReportBoarded"},
        {"type": "ReportBoarded", "booking_id": None},
        {"type": ["ReportBoarded"]},
        [],
        None,
        {"type": "Tick", "origin": 1} | {"type": "StartShift", "vehicle_id": 5, "shift_id": "x"},
    ],
)
def test_what_cannot_be_read(document: Any) -> None:
    with pytest.raises(UndecodableError):
        command_from_json(document)
    with pytest.raises(UndecodableError):
        event_from_json(document)


def test_the_order_of_fields_is_stable() -> None:
    ride = RequestRide(Spot(1, 2), Spot(3, 4), Party(1))
    assert list(command_to_json(ride))[:3] == ["type", "origin", "destination"]
