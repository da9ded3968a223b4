"""Closed roads and stops: the control room's, and the road-works authority's list."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.concurrency import run_in_threadpool

from dispatch.api.messages import ApiCode
from dispatch.api.models import ID_PATTERN, ClosureIn
from dispatch.api.problems import ProblemError
from dispatch.api.replies import AnySender
from dispatch.api.schemas import ClosureAnswer, Closures, ImportAnswer, answers
from dispatch.api.security import ControlCaller, Settings
from dispatch.api.settings import ApiSettings
from dispatch.closure_lists import ListError, Reader
from dispatch.closure_views import closures_view
from dispatch.domain.closures import ClosureWish
from dispatch.domain.commands import Close, ImportClosures, Reopen
from dispatch.domain.errors import ErrorCode
from dispatch.domain.model import ShiftStatus
from dispatch.domain.state import State
from dispatch.town import Json

router = APIRouter(prefix="/closures", tags=["closures"])

_BINARY = {"type": "string"}
_LIST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": _BINARY},
            "application/geo+json": {"schema": {"type": "object"}},
            "application/json": {"schema": {"type": "object"}},
        },
    }
}


@router.get("", summary="What is closed", responses=answers(Closures))
async def closures(
    settings: Settings,
    _caller: ControlCaller,
    over: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query
) -> dict[str, Any]:
    """Roads and stops that are or will be closed; with `over=true` also those that were."""
    known = await settings.gateway.closures(over=over)
    return closures_view(known, settings.now(), settings.town)


@router.post("", status_code=201, summary="Close", responses=answers(ClosureAnswer, 201))
async def close(
    settings: Settings, _caller: ControlCaller, sender: AnySender, body: ClosureIn
) -> dict[str, Any]:
    """Close a road or a stop. Plans follow at once; the answer says which bookings that affects."""
    return await sender.send(Close(_wish(settings, body)))


@router.post("/preview", summary="Try a closure out", responses=answers(ClosureAnswer))
async def preview(settings: Settings, _caller: ControlCaller, body: ClosureIn) -> dict[str, Any]:
    """What closing would be answered with now. Nothing changes."""
    return await _tried(settings, Close(_wish(settings, body)))


@router.post(
    "/import",
    summary="Take a list over",
    responses=answers(ImportAnswer),
    openapi_extra=_LIST_BODY,
)
async def take_list(
    request: Request,
    settings: Settings,
    _caller: ControlCaller,
    sender: AnySender,
    source: Annotated[str, Query(pattern=ID_PATTERN)] = "list",
    dry_run: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query
) -> dict[str, Any]:
    """Make the closures of a source those of its list, as CSV or GeoJSON: all of it or nothing.

    What the list no longer names is over. The same list again changes nothing. With `dry_run=true`
    nothing changes either, but the answer is the same.
    """
    data = await request.body()
    is_csv = request.headers.get("content-type", "").startswith("text/csv")
    reader = reader_of(settings)
    try:
        wishes = await run_in_threadpool(reader.csv if is_csv else reader.geojson, data)
    except ListError as error:
        raise _problem(error, "line/{line}") from error
    command = ImportClosures(source, wishes)
    if dry_run:
        return await _tried(settings, command)
    return await sender.send(command)


@router.delete("/{closure_id}", summary="Reopen", responses=answers(ClosureAnswer))
async def reopen(
    _caller: ControlCaller,
    sender: AnySender,
    closure_id: Annotated[str, Path(pattern=ID_PATTERN)],
) -> dict[str, Any]:
    """End a closure, or call it off before it begins. Repeating it is no error."""
    return await sender.send(Reopen(closure_id))


def reader_of(settings: ApiSettings) -> Reader:
    """What reads lists for this town."""
    desk = settings.roads_desk
    return Reader(
        zone=settings.config.timezone,
        bounds=settings.bounds,
        is_stop=settings.town.stops.__contains__,
        is_on_road=None if desk is None else desk.is_on_road,
    )


def _wish(settings: ApiSettings, body: ClosureIn) -> ClosureWish:
    wish = body.to_domain()
    try:
        if wish.lines:
            reader_of(settings).check_lines(wish.lines)
    except ListError as error:
        raise _problem(error, "body") from error
    if wish.stop_id is not None and wish.stop_id not in settings.town.stops:
        raise ProblemError(ErrorCode.UNKNOWN_STOP)
    return wish


def _problem(error: ListError, where: str) -> ProblemError:
    errors = [
        {
            "location": "/".join(filter(None, (where.format(line=m.line), m.field))),
            "type": m.code,
            "message": m.message,
        }
        for m in error.mistakes
    ]
    return ProblemError(ApiCode.INVALID_REQUEST, errors=errors)


async def _tried(settings: ApiSettings, command: Close | ImportClosures) -> Json:
    """What a command would be answered with, from the plans as they are stored."""
    if settings.roads_desk is None:
        raise ProblemError(ApiCode.SERVICE_UNAVAILABLE)
    gateway = settings.gateway
    shifts = await gateway.shifts((ShiftStatus.PLANNED, ShiftStatus.ACTIVE))
    state = State(
        bookings={b.id: b for b in await gateway.open_bookings()},
        shifts={s.id: s for s in shifts},
        closures={c.id: c for c in await gateway.closures()},
    )
    known = {b.shift_id for b in state.bookings.values()} <= state.shifts.keys()
    if not known:  # read in the midst of a change: ask again
        raise ProblemError(ApiCode.SERVICE_UNAVAILABLE)
    for shift_id, known_fix in (await gateway.positions()).items():
        shift = state.shifts.get(shift_id)
        moves = shift is not None and shift.current_visit is None
        if shift is not None and moves and known_fix.at_s > shift.anchor.at_s:
            state.fixes[shift_id] = known_fix
    return await run_in_threadpool(settings.roads_desk.preview, command, state, settings.now())
