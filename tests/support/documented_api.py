"""The API as its OpenAPI document describes it, for fuzzers."""

from typing import Any

import schemathesis
from known_ids import fuzzed
from schemathesis.checks import not_a_server_error
from schemathesis.config import GenerationConfig, ProjectConfig, ProjectsConfig
from schemathesis.specs.openapi import checks
from served_town import CONFIG, ServedTown, town_settings

from dispatch.api.app import create_api

DOCUMENT = create_api(town_settings(CONFIG, None, None)).openapi()
OPERATIONS = [
    (method.upper(), path)
    for path, operations in DOCUMENT["paths"].items()
    for method in operations
]
ANSWER_CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
CHECKS = [*ANSWER_CHECKS, checks.negative_data_rejection]


def schema_of(town: ServedTown) -> Any:
    """The document as schemathesis knows it, for a town that is served."""
    generation = GenerationConfig(with_security_parameters=False)
    project = ProjectConfig(base_url=town.url, generation=generation, max_stream_events=1)
    config = schemathesis.Config(seed=1, projects=ProjectsConfig(default=project))
    return schemathesis.openapi.from_dict(fuzzed(DOCUMENT), config=config)
