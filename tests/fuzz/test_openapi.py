"""Whatever is sent to any endpoint, by anybody: the answer is one that is documented.

`RUFBUS_FUZZ_EXAMPLES` says how many calls an endpoint gets (see docs/testing.md). A failure prints
the call as a curl command, and the examples are the same in each run unless a seed is given.
"""

import os
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from known_ids import fuzzed
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig
from schemathesis.specs.openapi import checks
from served_town import CONFIG, ServedTown, town_settings

from dispatch.api.app import create_api
from dispatch.api.messages import MESSAGES

EXAMPLES = int(os.environ.get("RUFBUS_FUZZ_EXAMPLES", "8"))
DOCUMENT = create_api(town_settings(CONFIG, None, None)).openapi()
OPERATIONS = [
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
]
ROLES = ("control", "vehicle", "admin", None, "revoked", "foreign", "unknown")
WORTHLESS = {"revoked", "foreign", "unknown"}
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
_keys = count(1)


@pytest.fixture(scope="module")
def schema(town: ServedTown) -> Any:
    generation = GenerationConfig(with_security_parameters=False)
    project = ProjectConfig(base_url=town.url, generation=generation, max_stream_events=1)
    config = schemathesis.Config(seed=1, projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_dict(fuzzed(DOCUMENT, town), config=config)


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


def send(town: ServedTown, case: Case, role: str | None, language: str) -> None:
    """Send a case as somebody, and check what comes back."""
    headers = town.headers(role) | {"Accept-Language": language}
    key = (case.headers or {}).get("Idempotency-Key")
    if key and case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE:
        headers["Idempotency-Key"] = f"fuzz-{next(_keys)}"  # else most are repetitions
    response = case.call(headers=headers)
    case.validate_response(response, checks=CHECKS, headers=headers)
    secured = bool(case.operation.definition.raw.get("security"))
    if secured and (role is None or role in WORTHLESS):
        assert response.status_code >= 400, f"{role} must not get in"
    if response.status_code >= 400:
        problem = response.json()
        message = MESSAGES[problem["code"]]
        assert problem["status"] == response.status_code == message.status
        title, detail = message.words("en" if language == "en" else "de")
        assert (problem["title"], problem["detail"]) == (title, detail)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_documented(
    town: ServedTown, schema: Any, method: str, path: str
) -> None:
    operation = schema[path][method]
    cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    if operation.body or [*operation.query, *operation.path_parameters]:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    @fuzz_settings(EXAMPLES)
    @given(case=cases, role=st.sampled_from(ROLES), language=st.sampled_from(("de", "en")))
    def fuzz(case: Case, role: str | None, language: str) -> None:
        send(town, case, role, language)

    fuzz()


def test_the_town_is_well_afterwards(town: ServedTown) -> None:
    """Nothing that was sent has put the tables out of step with the log, or the plans off road."""
    assert town.audit() == []
    assert town.http.get("/healthz").json()["status"] == "ok"
