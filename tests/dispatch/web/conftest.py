"""The pages need no gateway, only the service's facts."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from dispatch.api.settings import ApiSettings, RoadsInfo
from dispatch.config import load_town
from dispatch.web.app import create_app

ROOT = Path(__file__).resolve().parents[3]


async def _role(token: str) -> str | None:
    return {"tok-control": "control", "tok-vehicle": "vehicle"}.get(token)


@pytest.fixture
def page_settings(tmp_path: Path) -> ApiSettings:
    return ApiSettings(
        config=load_town(ROOT / "data" / "beckum").config,
        gateway=SimpleNamespace(token_role=_role),  # type: ignore[arg-type]
        stops=(),
        roads=RoadsInfo("beckum"),
        now=lambda: 0,
        basemap=tmp_path / "beckum.pmtiles",
    )


@pytest.fixture
def fetch(page_settings: ApiSettings) -> Callable[..., httpx.Response]:
    """Get an address of the application; `settings` are changes to it."""

    def get(url: str, *, method: str = "GET", settings: Any = None, **options: Any) -> Any:
        app = create_app(replace(page_settings, **(settings or {})))

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, url, **options)

        return asyncio.run(ask())

    return get
