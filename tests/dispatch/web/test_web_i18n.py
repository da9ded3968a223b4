"""Both languages say the same things, and nothing else."""

import re
from pathlib import Path
from typing import get_args

import pytest

from dispatch.api.life_models import CancelReason
from dispatch.domain.mishaps import OutReason
from dispatch.planner.fields import FIELDS, GROUPS
from dispatch.planner.jobs import Status
from dispatch.web.i18n import load_catalogues

WEB = Path(__file__).resolve().parents[3] / "dispatch" / "web"
CATALOGUES = load_catalogues()
SOURCES = {
    path: path.read_text(encoding="utf-8")
    for path in [*WEB.glob("templates/*.html"), *WEB.glob("static/js/*.js")]
}
# Keys put together from a part that is known when the page runs.
COMPOSED = {
    "language.": ["de", "en"],
    "booking.when.": ["now", "depart", "arrive"],
    "offer.kind.": ["earliest", "least_walking", "pooled"],
    "ride.news.by.": ["email", "sms", "push", "none"],
    "live.": ["live", "polling", "off"],
    "control.count.": ["on_duty", "aboard", "open", "delayed"],
    "control.state.": ["off_duty", "idle", "driving", "at_stop", "on_break", "out_of_service"],
    "control.shift.": ["planned", "active", "ended"],
    "control.out.": list(map(str, OutReason)),
    "control.move.limit.": ["pickup", "arrival", "ride", "break", "shift_end"],
    "phone.key.": ["enter", "digits", "return", "escape", "new", "code"],
    "phone.news.": ["completed", "cancelled", "no_show", "displaced"],
    "phone.reason.": list(get_args(CancelReason)),
    "control.booking.": ["confirmed", "displaced", "boarded"],
    "control.alert.severity.": ["critical", "warning", "info"],
    "planner.copy_": ["suffix"],  # in Python, for the name of a new copy
    "planner.edit.": ["copy", "edit"],
    "planner.group.": list(GROUPS),
    "planner.field.": list(FIELDS),
    "planner.help.": list(FIELDS),
    "planner.unit.": ["percent", "minutes", "metres", "euro"],
    "planner.stage.": ["start", "roads", "demand", "simulation", "report"],
    "planner.status.": [*get_args(Status), "stopping"],
    "planner.figure.": ["acceptance", "wait_mean_s", "vehicle_km", "cost_per_passenger_eur"],
}


def used_keys() -> set[str]:
    keys = {f"{start}{end}" for start, ends in COMPOSED.items() for end in ends}
    for text in SOURCES.values():
        keys |= set(re.findall(r"""\bt\(\s*["']([\w.]+)["']\s*[,)]""", text))
        keys |= {
            f"{key}.{form}"
            for key in re.findall(r"""\btn\(\s*["']([\w.]+)["']""", text)
            for form in ("one", "other")
        }
        # a choice between two keys: `const key = … ? "a.b" : "a.c"`, `t(wrong ? "a.b" : "a.c")`
        for pair in re.findall(r"""\?\s*["']([\w.]+\.\w+)["']\s*:\s*["']([\w.]+\.\w+)["']""", text):
            keys |= set(pair)
    return keys


def test_both_languages_have_the_same_keys() -> None:
    assert list(CATALOGUES["de"]) == list(CATALOGUES["en"])


def test_no_text_is_empty_and_placeholders_agree() -> None:
    for key, german in CATALOGUES["de"].items():
        english = CATALOGUES["en"][key]
        assert german.strip(), key
        assert english.strip(), key
        assert set(re.findall(r"\{\w+\}", german)) == set(re.findall(r"\{\w+\}", english)), key


def test_every_key_in_use_exists() -> None:
    assert used_keys() - set(CATALOGUES["de"]) == set()


def test_no_key_is_left_over() -> None:
    assert set(CATALOGUES["de"]) - used_keys() == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_pages_ask_nobody_else(path: Path) -> None:
    addresses = re.findall(r"""["'(]\s*((?:https?:)?//[\w.-]+)""", SOURCES[path])
    assert [a for a in addresses if "www.w3.org" not in a] == []
