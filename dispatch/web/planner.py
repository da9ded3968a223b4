"""The planner's page: scenarios, background runs, their reports; for the control room only."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from starlette.concurrency import run_in_threadpool

from dispatch.api.messages import ApiCode, Language
from dispatch.api.problems import ProblemError
from dispatch.api.security import (
    CONTROL_ROLES,
    ControlCaller,
    Settings,
    require_same_site,
    role_of_token,
)
from dispatch.planner.desk import Desk, comparable
from dispatch.planner.duty import Duty
from dispatch.planner.errors import PlannerError, ScenarioInvalidError
from dispatch.planner.fields import FIELDS, GROUPS, NAME_MAX, FieldError
from dispatch.planner.fields import Field as FormField
from dispatch.planner.jobs import ENDED, FILE_NAME, JOB_ID, JobView
from dispatch.planner.scenarios import (
    SCENARIO_ID,
    TEXT_MAX,
    ScenarioId,
    ScenarioInfo,
    version_of,
)
from dispatch.planner.toml_edit import value_at
from dispatch.web.i18n import page_language
from dispatch.web.pages import Pages

_STEP_S: Final = 0.5
_IDLE_S: Final = 2.0  # another process may have queued something
_SEED_MAX: Final = 2**31 - 1 - 20
_DAYS_MAX: Final = 20
_CHANGE_MAX: Final = 200
# A report is a page with inline styles and one inline script. The sandbox takes it out of our
# origin: whatever it contains, it sees no cookie and reaches nothing.
_POLICY: Final = (
    "sandbox allow-scripts",
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    "script-src 'unsafe-inline'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
)
REPORT_POLICY: Final = "; ".join(_POLICY)
_REPORT_HEADERS: Final = {
    "Content-Security-Policy": REPORT_POLICY,
    # Browsers refuse a sandboxed document that also asks for a group of windows of its own.
    "Cross-Origin-Opener-Policy": "unsafe-none",
    "X-Robots-Tag": "noindex",
}
_FIGURES: Final = ("acceptance", "wait_mean_s", "vehicle_km", "cost_per_passenger_eur")
"""What the list of runs shows, as a run's `kpis.json` calls it."""

JobId = Annotated[str, PathParameter(pattern=JOB_ID)]
ScenarioKey = Annotated[str, PathParameter(pattern=SCENARIO_ID)]
Change = Annotated[str, StringConstraints(max_length=_CHANGE_MAX)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RunIn(_In):
    """Which scenario to run, with what chance, and how many days of it."""

    scenario: Annotated[str, Field(pattern=SCENARIO_ID)]
    seed: Annotated[int, Field(ge=0, le=_SEED_MAX)] | None = None
    days: Annotated[int, Field(ge=1, le=_DAYS_MAX)] = 1


class CompareIn(_In):
    """Which runs to compare."""

    runs: Annotated[list[Annotated[str, Field(pattern=JOB_ID)]], Field(min_length=2, max_length=50)]


class PinIn(_In):
    """Whether to keep a run for good."""

    pinned: bool


class ScenarioIn(_In):
    """A copy as it was edited: its text, what was changed in the form, and what it was before."""

    toml: Annotated[str, StringConstraints(max_length=TEXT_MAX)]
    changes: Annotated[dict[Change, Change], Field(max_length=len(FIELDS))] = {}
    version: Annotated[str, StringConstraints(max_length=64)] = ""


@asynccontextmanager
async def keep_going(desk: Desk) -> AsyncIterator[None]:
    """Start queued jobs while the application runs; end them when the last process stops."""
    loop = asyncio.get_running_loop()
    duty = Duty(desk.folder)
    work = asyncio.Event()

    def wake() -> None:
        loop.call_soon_threadsafe(work.set)

    desk.on_work = wake
    task = asyncio.create_task(_go_on(desk, duty, work))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        desk.on_work = lambda: None
        if duty.leave():
            await run_in_threadpool(desk.stop)


async def _go_on(desk: Desk, duty: Duty, work: asyncio.Event) -> None:
    while True:
        work.clear()
        busy = False
        with suppress(OSError):  # a full disk today is no reason to start nothing tomorrow
            if duty.take():
                busy = await run_in_threadpool(desk.step)
        with suppress(TimeoutError):
            async with asyncio.timeout(_STEP_S if busy else _IDLE_S):
                await work.wait()


@contextmanager
def _problems() -> Iterator[None]:
    """The desk's refusals as the API's problems."""
    try:
        yield
    except FieldError as error:
        raise ProblemError(ApiCode.SCENARIO_INVALID, params={"key": error.key}) from error
    except ScenarioInvalidError as error:
        params = {"reason": str(error), "key": error.key}
        raise ProblemError(error.code, params=params) from error
    except PlannerError as error:
        raise ProblemError(error.code) from error


def planner_router(pages: Pages, desk: Desk) -> APIRouter:
    """The routes of the planner's pages and of what their scripts ask for."""
    router = APIRouter(prefix="/planner", include_in_schema=False)
    _add_pages(router, pages, desk)
    _add_scenarios(router, desk)
    _add_jobs(router, desk)
    _add_reports(router, pages, desk)
    return router


def _add_pages(router: APIRouter, pages: Pages, desk: Desk) -> None:
    async def may_enter(request: Request, settings: Settings) -> bool:
        role = await role_of_token(settings, request.cookies.get(settings.session_cookie, ""))
        return role in CONTROL_ROLES

    @router.get("")
    async def planner(request: Request, settings: Settings) -> Response:
        signed_in = await may_enter(request, settings)
        template = "planner.html" if signed_in else "planner-sign-in.html"
        return pages.render(template, request, settings, signed_in=signed_in)

    @router.get("/edit/{scenario}")
    async def edit(
        request: Request, settings: Settings, scenario: ScenarioKey, *, copy: bool = False
    ) -> Response:
        if not await may_enter(request, settings):
            return pages.render("planner-sign-in.html", request, settings, signed_in=False)
        suffix = pages.words(request)["planner.copy_suffix"]
        with _problems():
            context = await run_in_threadpool(
                _editor,
                desk,
                ScenarioId.parse(scenario),
                suffix,
                page_language(request),
                copy=copy,
            )
        return pages.render("planner-edit.html", request, settings, signed_in=True, **context)


def _add_scenarios(router: APIRouter, desk: Desk) -> None:
    same_site = [Depends(require_same_site)]

    @router.get("/state")
    def state(_caller: ControlCaller) -> dict[str, Any]:
        views = desk.jobs()
        return {
            "scenarios": [_scenario(info) for info in desk.scenarios.all()],
            "runs": [_job(view) for view in views if view.job.kind == "run"],
            "comparisons": [_job(view) for view in views if view.job.kind == "compare"],
        }

    @router.post("/scenarios", dependencies=same_site, status_code=201)
    def create(_caller: ControlCaller, scenario: ScenarioIn) -> dict[str, str]:
        with _problems():
            return {"id": str(desk.save(scenario.toml, scenario.changes))}

    @router.put("/scenarios/{scenario}", dependencies=same_site)
    def change(_caller: ControlCaller, scenario: ScenarioKey, edited: ScenarioIn) -> dict[str, str]:
        with _problems():
            replaces = (ScenarioId.parse(scenario), edited.version)
            return {"id": str(desk.save(edited.toml, edited.changes, replaces))}

    @router.delete("/scenarios/{scenario}", dependencies=same_site, status_code=204)
    def delete(_caller: ControlCaller, scenario: ScenarioKey) -> None:
        with _problems():
            desk.scenarios.delete(ScenarioId.parse(scenario))


def _add_jobs(router: APIRouter, desk: Desk) -> None:
    same_site = [Depends(require_same_site)]

    @router.post("/runs", dependencies=same_site, status_code=201)
    def run(request: Request, _caller: ControlCaller, wish: RunIn) -> dict[str, str]:
        with _problems():
            scenario = ScenarioId.parse(wish.scenario)
            jobs = desk.run(scenario, wish.seed, page_language(request), wish.days)
            return {"id": jobs[0].id}

    @router.post("/comparisons", dependencies=same_site, status_code=201)
    def compare(request: Request, _caller: ControlCaller, wish: CompareIn) -> dict[str, str]:
        with _problems():
            return {"id": desk.compare(wish.runs, page_language(request)).id}

    @router.post("/jobs/{job_id}/cancel", dependencies=same_site, status_code=204)
    def cancel(_caller: ControlCaller, job_id: JobId) -> None:
        with _problems():
            desk.cancel(job_id)

    @router.put("/jobs/{job_id}/pin", dependencies=same_site, status_code=204)
    def pin(_caller: ControlCaller, job_id: JobId, wish: PinIn) -> None:
        with _problems():
            desk.pin(job_id, pinned=wish.pinned)

    @router.delete("/jobs/{job_id}", dependencies=same_site, status_code=204)
    def delete(_caller: ControlCaller, job_id: JobId) -> None:
        with _problems():
            desk.delete(job_id)


def _add_reports(router: APIRouter, pages: Pages, desk: Desk) -> None:
    @router.get("/reports/{job_id}")
    def report(
        request: Request, settings: Settings, _caller: ControlCaller, job_id: JobId
    ) -> Response:
        with _problems():
            view = desk.job(job_id)
            if view.status in ENDED and view.has_report:
                path = desk.report(job_id)
                return FileResponse(path, media_type="text/html", headers=_REPORT_HEADERS)
        return pages.render("planner-waiting.html", request, settings, job=_job(view))

    @router.get("/files/{job_id}/{name}")
    def file(
        _caller: ControlCaller,
        job_id: JobId,
        name: Annotated[str, PathParameter(pattern=FILE_NAME)],
    ) -> Response:
        with _problems():
            path = desk.file(job_id, name)
        kind = "text/csv" if path.suffix == ".csv" else "application/json"
        return FileResponse(path, media_type=kind, filename=f"{job_id}-{name}")


def _scenario(info: ScenarioInfo) -> dict[str, Any]:
    return asdict(info) | {"id": str(info.id), "own": info.id.origin == "own"}


def _job(view: JobView) -> dict[str, Any]:
    job = view.job
    return {
        "id": job.id,
        "kind": job.kind,
        "name": job.name,
        "seed": job.seed,
        "pinned": job.pinned,
        "stopping": job.unwanted and view.status == "running",
        "status": view.status,
        "done": view.progress.done,
        "left_s": view.progress.left_s,
        "stage": view.progress.stage,
        "created_s": job.created_s,
        "started_s": job.started_s,
        "ended_s": view.ended_s,
        "reason": view.reason,
        "report": view.has_report,
        "files": list(view.files),
        "comparable": comparable(view),
        "figures": {name: view.figures.get(name) for name in _FIGURES if view.figures},
    }


def _hint(field: FormField, value: Any, language: Language) -> str:
    """An inherited value as people read it; a copy inherits no words about itself."""
    if field.kind in {"text", "note"}:
        return ""
    if isinstance(value, str) and field.kind == "date":
        with suppress(ValueError):
            value = date.fromisoformat(value)
    if isinstance(value, date):
        return f"{value:%d.%m.%Y}" if language == "de" else f"{value:%d/%m/%Y}"
    text = field.shown(value)
    return text.replace(".", ",") if language == "de" and field.kind != "date" else text


def _editor(
    desk: Desk, scenario: ScenarioId, suffix: str, language: Language, *, copy: bool
) -> dict[str, Any]:
    """What the form shows: the copy's own values, and what it inherits."""
    copy = copy or scenario.origin == "shipped"
    files = desk.scenarios
    info = files.info(scenario)
    name = f"{info.name} {suffix}"[:NAME_MAX] if copy else info.name
    text = desk.copy_of(scenario, name) if copy else files.text(scenario)
    own, inherited, problem = desk.values_of(text)
    groups = {
        group: [
            asdict(field)
            | {
                "id": field.id,
                "value": field.shown(value_at(own, field.key)),
                "hint": _hint(field, value_at(inherited, field.key), language),
            }
            for field in fields
        ]
        for group, fields in GROUPS.items()
    }
    return {
        "mode": "copy" if copy else "edit",
        "scenario": str(scenario),
        "name": info.name if copy else info.base or info.name,
        "toml": text,
        "toml_max": TEXT_MAX,
        "version": version_of(text),
        "groups": groups,
        "problem": problem,
    }
