"""Whatever is sent to any endpoint, by anybody: the answer is one that is documented.

`RUFBUS_FUZZ_EXAMPLES` says how many calls an endpoint gets (see docs/testing.md). A failure prints
the call as a curl command, and the examples are the same in each run unless a seed is given.
"""

import os
from itertools import count
from typing import Any

import pytest
from documented_api import ANSWER_CHECKS, CHECKS, OPERATIONS, schema_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from known_ids import cases, is_well_formed, well_meant
from schemathesis import Case
from served_town import ServedTown

from dispatch.api.messages import MESSAGES

EXAMPLES = int(os.environ.get("RUFBUS_FUZZ_EXAMPLES", "8"))
ROLES = ("control", "admin", "vehicle", None, "control", "unknown", "revoked", "foreign")
WORTHLESS = {"revoked", "foreign", "unknown"}
HARD = {
    ("POST", "/alerts/{alert_id}/acknowledge"),
    ("POST", "/bookings/{booking_id}/alighted"),
    ("POST", "/bookings/{booking_id}/boarded"),
    ("POST", "/bookings/{booking_id}/move"),
    ("POST", "/bookings/{booking_id}/no-show"),
    ("POST", "/bookings/{booking_id}/not-served"),
    ("POST", "/ride-requests/{request_id}/waiting"),
    ("GET", "/ride-requests/{request_id}/waiting"),
    ("DELETE", "/ride-requests/{request_id}/waiting"),
    ("PUT", "/bookings/{booking_id}/push-subscription"),
    ("GET", "/push-key"),
    ("POST", "/vehicles/{vehicle_id}/swap"),
    ("POST", "/vehicles/{vehicle_id}/breaks/now"),
    ("POST", "/vehicles/{vehicle_id}/breaks/postpone"),
    ("POST", "/vehicles/{vehicle_id}/walk-ons"),
    ("POST", "/vehicles/{vehicle_id}/visits/{visit_id}/not-served"),
}
"""What needs a history of its own; tested elsewhere, here only fuzzed."""
_keys = count(1)
# The service's threads use `random` while Hypothesis draws; no strategy does.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")


@pytest.fixture(scope="module")
def schema(town: ServedTown) -> Any:
    return schema_of(town)


def fuzz_settings(examples: int) -> settings:
    """The same examples each time, so that nobody's change is blamed for somebody else's luck."""
    return settings(
        max_examples=examples,
        derandomize="RUFBUS_FUZZ_EXAMPLES" not in os.environ,
        database=None,
        deadline=None,
        print_blob=True,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def send(town: ServedTown, case: Case, role: str | None, language: str) -> int:
    """Send a case as somebody, and check what comes back; gives the status."""
    headers = town.headers(role) | {"Accept-Language": language}
    if is_well_formed(case) and case.headers and "Idempotency-Key" in case.headers:
        headers["Idempotency-Key"] = f"fuzz-{next(_keys)}"  # else most are repetitions
    response = case.call(headers=headers)
    wanted = ANSWER_CHECKS if response.status_code >= 400 else CHECKS  # any is a rejection
    case.validate_response(response, checks=wanted, headers=headers)
    secured = bool(case.operation.definition.raw.get("security"))
    if role in WORTHLESS or (secured and role is None):
        assert response.status_code >= 400 or not secured, f"{role} must not get in"
    if response.status_code >= 400:
        problem = response.json()
        message = MESSAGES[problem["code"]]
        assert problem["status"] == response.status_code == message.status
        assert (problem["title"], problem["detail"]) == message.words(language)  # type: ignore[arg-type]
    return int(response.status_code)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_documented(town: ServedTown, schema: Any, method: str, path: str) -> None:
    operation = schema[path][method]
    reached = [send(town, case, "control", "de") for case in well_meant(operation, town)]
    assert min(reached) < 400 or (method, path.removeprefix("/api/v1")) in HARD, reached

    @fuzz_settings(EXAMPLES)
    @given(
        case=cases(operation, town),
        role=st.sampled_from(ROLES),
        language=st.sampled_from(("de", "en")),
    )
    def fuzz(case: Case, role: str | None, language: str) -> None:
        send(town, case, role, language)

    fuzz()


def test_the_town_is_well_afterwards(town: ServedTown) -> None:
    """Nothing that was sent has put the tables out of step with the log, or the plans off road."""
    assert town.audit() == []
    assert town.http.get("/healthz").json()["status"] == "ok"
