"""The web application: API v1, the pages, static files and the map's tiles, put together."""

from fastapi import FastAPI

from dispatch.api.app import create_api
from dispatch.api.settings import ApiSettings
from dispatch.web.assets import Assets, assets_router
from dispatch.web.pages import Pages, pages_router
from dispatch.web.planner import planner_router


def create_app(settings: ApiSettings) -> FastAPI:
    """The application for one service area.

    Args:
        settings: everything it needs; it opens and closes nothing by itself.
    """
    app = create_api(settings)
    assets = Assets()
    pages = Pages(assets)
    app.include_router(assets_router(assets))
    app.include_router(pages_router(pages))
    if settings.planner is not None:
        app.include_router(planner_router(pages, settings.planner))
    app.state.error_page = pages.render_error
    return app
