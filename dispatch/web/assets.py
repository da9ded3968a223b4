"""Serves our own scripts and styles, the pinned browser libraries and the basemap, with caching.

Addresses carry a version, so that browsers may keep the files for good and still never mix two.
"""

import hashlib
import json
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from dispatch.api.messages import ApiCode
from dispatch.api.problems import ProblemError
from dispatch.api.security import Settings
from dispatch.web.packages import NODE_MODULES

STATIC: Final = Path(__file__).parent / "static"
_PUSH_WORKER: Final = STATIC / "push-worker.js"
MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOREVER: Final = "public, max-age=31536000, immutable"
_VENDOR_FILES: Final = {
    "maplibre-gl": (
        "dist/maplibre-gl.mjs",
        "dist/maplibre-gl-worker.mjs",
        "dist/maplibre-gl.css",
    ),
    "pmtiles": ("dist/pmtiles.js",),
}


def _version_of(package: str) -> str:
    manifest = NODE_MODULES / package / "package.json"
    version: str = json.loads(manifest.read_text(encoding="utf-8"))["version"]
    return version


class Assets:
    """The files that may be served, by address; read from disk once, at start.

    Attributes:
        version: changes whenever one of our own files does.
        vendor: base address of each installed browser library; empty where it is missing.
    """

    def __init__(self) -> None:
        own = sorted(p for p in STATIC.rglob("*") if p.suffix in MEDIA_TYPES)
        digest = hashlib.sha256()
        for path in own:
            digest.update(path.read_bytes())
        self.version = digest.hexdigest()[:12]
        self._files = {f"{self.version}/{p.relative_to(STATIC).as_posix()}": p for p in own}
        self.vendor: dict[str, str] = {}
        for package, files in _VENDOR_FILES.items():
            paths = [NODE_MODULES / package / name for name in files]
            if not all(path.is_file() for path in paths):
                continue
            base = f"vendor/{package}-{_version_of(package)}"
            self.vendor[package] = f"/static/{base}"
            self._files |= {f"{base}/{path.name}": path for path in paths}

    def url(self, name: str) -> str:
        """The address of one of our own files, such as `js/map.js`."""
        return f"/static/{self.version}/{name}"

    def push_worker(self) -> Response:
        """The service worker that shows pushes; its address has to be on top."""
        headers = {"Cache-Control": "no-cache"}
        return FileResponse(_PUSH_WORKER, media_type=MEDIA_TYPES[".js"], headers=headers)

    def response(self, name: str) -> Response:
        """The file at an address below `/static/`.

        Raises:
            ProblemError: `not_found`.
        """
        path = self._files.get(name)
        if path is None:
            raise ProblemError(ApiCode.NOT_FOUND)
        headers = {"Cache-Control": _FOREVER}
        return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=headers)


def assets_router(assets: Assets) -> APIRouter:
    """Static files, and the basemap for HTTP range requests."""
    router = APIRouter(include_in_schema=False)

    @router.get("/static/{name:path}")
    def static(name: str) -> Response:
        return assets.response(name)

    @router.get("/push-worker.js")
    def push_worker() -> Response:
        return assets.push_worker()

    @router.api_route("/tiles/{name}.pmtiles", methods=["GET", "HEAD"])
    def tiles(name: str, settings: Settings) -> Response:
        path = settings.basemap
        if path is None or path.stem != name or not path.is_file():
            raise ProblemError(ApiCode.NOT_FOUND)
        headers = {"Cache-Control": "no-cache"}
        return FileResponse(path, media_type="application/vnd.pmtiles", headers=headers)

    return router
