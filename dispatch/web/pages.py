"""The pages: booking, one's own ride, and the control room. What they show comes from the API."""

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi import Path as PathParameter
from fastapi.responses import HTMLResponse, JSONResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from dispatch.api.messages import LANGUAGES, ApiCode, Message
from dispatch.api.models import SessionIn
from dispatch.api.problems import ProblemError
from dispatch.api.security import (
    CONTROL_ROLES,
    Settings,
    require_same_site,
    role_of_token,
)
from dispatch.api.settings import ApiSettings
from dispatch.domain.mishaps import OutReason
from dispatch.web.assets import Assets
from dispatch.web.i18n import LANGUAGE_COOKIE, load_catalogues, page_language

_SESSION_S: Final = 12 * 3600
_LANGUAGE_S: Final = 365 * 86_400
PAGE_ID: Final = r"^[A-Za-z0-9_-]{1,100}$"


def service_facts(settings: ApiSettings) -> dict[str, Any]:
    """What a page's scripts need before they have asked anything."""
    config, roads = settings.config, settings.roads
    basemap = settings.basemap
    tiles = None
    if basemap is not None and basemap.is_file():
        tiles = f"/tiles/{basemap.name}?v={int(basemap.stat().st_mtime)}"
    return {
        "name": config.name,
        "place": config.place,
        "timezone": str(config.timezone),
        "center": list(config.map_center),
        "zoom": config.map_zoom,
        "tiles": tiles,
        "attribution": roads.attribution,
        "schematic": roads.schematic,
        "replaceHint": roads.replace_hint if roads.schematic else "",
        "shortWalkM": config.rules.max_walk_reduced_m,
        "bookableAheadDays": config.rules.bookable_ahead_days,
        "partyMax": {
            "seats": config.rules.party_seats_max,
            "wheelchairs": config.rules.party_wheelchairs_max,
        },
    }


class Pages:
    """Renders the templates in the visitor's language."""

    def __init__(self, assets: Assets) -> None:
        self._assets = assets
        self._catalogues = load_catalogues()
        self._environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def words(self, request: Request) -> dict[str, str]:
        """The catalogue in the visitor's language."""
        return self._catalogues[page_language(request)]

    def render(
        self, template: str, request: Request, settings: ApiSettings, **context: Any
    ) -> HTMLResponse:
        """A page; a language chosen by `?lang=` is remembered in a cookie."""
        language = page_language(request)
        words = self._catalogues[language]
        facts = service_facts(settings)
        config = {
            "language": language,
            "service": facts,
            "vendor": self._assets.vendor,
            "words": words,
            "page": context,
        }
        text = self._environment.get_template(template).render(
            language=language,
            languages=LANGUAGES,
            path=request.url.path,
            t=partial(_translate, words),
            service=facts,
            demo=settings.demo,
            has_planner=settings.planner is not None,
            asset=self._assets.url,
            vendor=self._assets.vendor,
            config=config,
            **context,
        )
        response = HTMLResponse(text, headers={"Content-Language": language})
        response.headers["Vary"] = "Accept-Language, Cookie"
        if request.query_params.get("lang") in LANGUAGES:
            response.set_cookie(
                LANGUAGE_COOKIE, language, max_age=_LANGUAGE_S, samesite="lax", httponly=True
            )
        return response

    def render_error(self, request: Request, message: Message) -> Response:
        """What went wrong, as a page."""
        settings: ApiSettings = request.app.state.settings
        title, detail = message.words(page_language(request))
        response = self.render("error.html", request, settings, title=title, detail=detail)
        response.status_code = message.status
        return response


def _translate(words: dict[str, str], key: str, **values: object) -> str:
    text = words[key]
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", str(value))
    return text


def pages_router(pages: Pages) -> APIRouter:
    """The routes of all pages, and the control room's session."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def booking(request: Request, settings: Settings) -> Response:
        return pages.render("booking.html", request, settings)

    @router.get("/b/{booking_id}")
    def ride(
        request: Request,
        settings: Settings,
        booking_id: Annotated[str, PathParameter(pattern=PAGE_ID)],
    ) -> Response:
        response = pages.render("ride.html", request, settings, booking_id=booking_id)
        response.headers["X-Robots-Tag"] = "noindex"
        return response

    @router.get("/control")
    async def control(request: Request, settings: Settings) -> Response:
        role = await role_of_token(settings, request.cookies.get(settings.session_cookie, ""))
        return pages.render(
            "control.html",
            request,
            settings,
            signed_in=role in CONTROL_ROLES,
            out_reasons=list(map(str, OutReason)),
        )

    @router.get("/control/phone")
    async def phone(request: Request, settings: Settings) -> Response:
        role = await role_of_token(settings, request.cookies.get(settings.session_cookie, ""))
        return pages.render("phone.html", request, settings, signed_in=role in CONTROL_ROLES)

    @router.get("/cancel")
    def give_up(request: Request, settings: Settings) -> Response:
        return pages.render("cancel.html", request, settings)

    @router.post("/control/session", dependencies=[Depends(require_same_site)])
    async def sign_in(request: Request, settings: Settings, session: SessionIn) -> Response:
        role = await role_of_token(settings, session.token)
        if role is None:
            raise ProblemError(ApiCode.UNAUTHORIZED)
        if role not in CONTROL_ROLES:
            raise ProblemError(ApiCode.FORBIDDEN)
        response = JSONResponse({"role": role})
        response.set_cookie(
            settings.session_cookie,
            session.token,
            max_age=_SESSION_S,
            httponly=True,
            samesite="strict",
            secure=settings.secure_cookies or request.url.scheme == "https",
        )
        return response

    @router.delete("/control/session", dependencies=[Depends(require_same_site)])
    async def sign_out(settings: Settings) -> Response:
        response = Response(status_code=204)
        response.delete_cookie(settings.session_cookie, httponly=True, samesite="strict")
        return response

    return router
