from datetime import date
from typing import Any

import pytest

from dispatch.planner.command import key_in, reason_of
from dispatch.planner.fields import FIELDS, FieldError


@pytest.mark.parametrize(
    ("key", "in_form", "in_file"),
    [
        ("rules.immediate_wait_max_s", "20", 1200),
        ("rules.immediate_wait_max_s", "7.5", 450),
        ("demand.wheelchair_share", "1.5", 0.015),
        ("demand.prebooked_share", "33", 0.33),
        ("fleet.vehicles", "6", 6),
        ("rules.max_walk_m", "250", 250),
        ("rules.ride_factor", "1.75", 1.75),
        ("costs.driver_hour_eur", "31.5", 31.5),
        ("date", "2026-03-14", date(2026, 3, 14)),
        ("name", "Sechs Wagen", "Sechs Wagen"),
        ("description", "Ein Wagen mehr", "Ein Wagen mehr"),
    ],
)
def test_the_form_and_the_file_say_the_same(key: str, in_form: str, in_file: Any) -> None:
    value = FIELDS[key].read(f" {in_form} ")
    assert value == in_file
    assert type(value) is type(in_file)
    assert FIELDS[key].shown(value) == in_form


@pytest.mark.parametrize(
    ("key", "in_form"),
    [
        ("fleet.vehicles", "0"),
        ("fleet.vehicles", "2.5"),
        ("fleet.vehicles", "six"),
        ("fleet.vehicles", "nan"),
        ("fleet.vehicles", "1e9"),
        ("rules.max_walk_m", "Infinity"),
        ("demand.prebooked_share", "101"),
        ("demand.prebooked_share", "-1"),
        ("date", "14.03.2026"),
        ("name", "x" * 81),
        ("name", "two\nlines"),
    ],
)
def test_nonsense_is_refused_by_its_field(key: str, in_form: str) -> None:
    with pytest.raises(FieldError) as caught:
        FIELDS[key].read(in_form)
    assert caught.value.key == key


@pytest.mark.parametrize("value", [None, "5", True, [5], {}])
def test_values_of_another_type_are_not_shown(value: Any) -> None:
    assert FIELDS["fleet.vehicles"].shown(value) == ""


def test_an_empty_field_means_no_value() -> None:
    empty = {key: field.read("  ") for key, field in FIELDS.items()}
    assert empty.pop("description") == ""
    assert set(empty.values()) == {None}


def test_ids_in_the_page_are_unique() -> None:
    assert len({field.id for field in FIELDS.values()}) == len(FIELDS)


def test_a_complaint_is_read() -> None:
    output = "starting\nerror: [scenario_invalid] x.toml: fleet.vehicles: too many\n\n"
    assert reason_of(output) == "x.toml: fleet.vehicles: too many"
    assert key_in(reason_of(output)) == "fleet.vehicles"
    assert key_in("date: no day") == "date"
    assert key_in("update: no day") == ""
    assert key_in("rules.ride_factory: unknown key") == ""
    assert reason_of("") == ""
