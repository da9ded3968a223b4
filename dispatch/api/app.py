"""API v1 as an application, with what holds for every request; the pages are put on top of it."""

from typing import Any

from fastapi import APIRouter, FastAPI

from dispatch import __doc__ as summary
from dispatch.api import (
    alerts,
    booking_life,
    bookings,
    closures,
    control,
    fleet,
    groups,
    notifications,
    phone,
    problems,
    rides,
    series,
    service,
    vehicles,
    waiting,
)
from dispatch.api.middleware import BodyGuard, BodyTimer, SecurityHeaders
from dispatch.api.schemas import PROBLEMS, Problem
from dispatch.api.settings import ApiSettings

API_ROOT = "/api/v1"


def create_api(settings: ApiSettings) -> FastAPI:
    """The API of one service area, without pages.

    Args:
        settings: everything it needs; it opens and closes nothing by itself.
    """
    app = FastAPI(
        title=f"Rufbus API: {settings.config.name}",
        version="1",
        summary=summary,
        openapi_url=f"{API_ROOT}/openapi.json",
        docs_url=None,  # Swagger UI and ReDoc would load scripts from other hosts
        redoc_url=None,
    )
    app.state.settings = settings
    problems.install(app)
    v1 = APIRouter(prefix=API_ROOT, responses=PROBLEMS)
    life = (phone, booking_life, series, waiting, groups, notifications)
    for part in (rides, *life, bookings, vehicles, fleet, control, alerts, closures, service):
        v1.include_router(part.router)
    app.include_router(v1)
    app.include_router(service.health_router)
    _document_problems(app)
    app.add_middleware(BodyGuard)
    app.add_middleware(BodyTimer)
    app.add_middleware(SecurityHeaders)
    return app


def _document_problems(app: FastAPI) -> None:
    """Put the shape of errors into the OpenAPI document, where every endpoint refers to it."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        template = "#/components/schemas/{model}"
        problem = Problem.model_json_schema(ref_template=template)
        schemas: dict[str, Any] = document["components"]["schemas"]
        schemas |= problem.pop("$defs")
        schemas["Problem"] = problem
        return document

    app.openapi = openapi  # type: ignore[method-assign]
