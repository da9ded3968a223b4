import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dispatch.api.settings import ApiSettings
from dispatch.web.assets import STATIC, Assets

Fetch = Callable[..., Any]


def test_everything_a_page_names_is_there_and_may_be_kept(fetch: Fetch) -> None:
    for page in ("/", "/b/bk_1", "/control"):
        names = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', fetch(page).text))
        assert len(names) > 4
        for name in names:
            response = fetch(name)
            assert response.status_code == 200, name
            assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


def test_modules_import_only_what_exists() -> None:
    for path in STATIC.glob("js/*.js"):
        for name in re.findall(r'from "(\./[^"]+)"', path.read_text(encoding="utf-8")):
            assert (path.parent / name).is_file(), f"{path.name} imports {name}"


@pytest.mark.parametrize(
    ("suffix", "media_type"), [("js", "text/javascript"), ("css", "text/css"), ("svg", "image/svg")]
)
def test_media_types(fetch: Fetch, suffix: str, media_type: str) -> None:
    assets = Assets()
    path = next(STATIC.rglob(f"*.{suffix}"))
    response = fetch(assets.url(path.relative_to(STATIC).as_posix()))
    assert response.headers["content-type"].startswith(media_type)


def test_the_map_library_is_served_with_its_version(fetch: Fetch) -> None:
    vendor = Assets().vendor
    assert re.fullmatch(r"/static/vendor/maplibre-gl-6[.\d]+", vendor["maplibre-gl"])
    for name in ("maplibre-gl.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css"):
        response = fetch(f"{vendor['maplibre-gl']}/{name}")
        assert response.status_code == 200
        media_type = response.headers["content-type"].split(";")[0]
        assert media_type in {"text/javascript", "text/css"}


@pytest.mark.parametrize(
    "name",
    [
        "../pages.py",
        "%2e%2e/pages.py",
        "..%2f..%2fpages.py",
        "vendor/maplibre-gl-6.17.0/package.json",
        "vendor/../../web/pages.py",
        "000000000000/js/map.js",
        "",
    ],
)
def test_nothing_else_is_served(fetch: Fetch, name: str) -> None:
    assert fetch(f"/static/{name}").status_code == 404


def test_our_version_changes_with_our_files(tmp_path: Path, monkeypatch: Any) -> None:
    import dispatch.web.assets as module  # noqa: PLC0415 - its folder is exchanged here

    (tmp_path / "js").mkdir()
    script = tmp_path / "js" / "map.js"
    versions = set()
    for text in ("1", "2", "1"):
        script.write_text(text)
        monkeypatch.setattr(module, "STATIC", tmp_path)
        versions.add(Assets().version)
    assert len(versions) == 2


TILES = bytes(range(256)) * 8


@pytest.fixture
def tiles(page_settings: ApiSettings) -> bytes:
    assert page_settings.basemap is not None
    page_settings.basemap.write_bytes(TILES)
    return TILES


def test_tiles_are_read_in_ranges(fetch: Fetch, tiles: bytes) -> None:
    response = fetch("/tiles/beckum.pmtiles", headers={"Range": "bytes=100-299"})
    assert response.status_code == 206
    assert response.headers["content-range"] == f"bytes 100-299/{len(tiles)}"
    assert response.content == tiles[100:300]
    whole = fetch("/tiles/beckum.pmtiles?v=1")
    assert (whole.status_code, whole.content) == (200, tiles)
    assert whole.headers["accept-ranges"] == "bytes"
    assert fetch("/tiles/beckum.pmtiles", method="HEAD").headers["content-length"] == "2048"


def test_ranges_beyond_the_end(fetch: Fetch, tiles: bytes) -> None:
    response = fetch("/tiles/beckum.pmtiles", headers={"Range": f"bytes={len(tiles)}-"})
    assert response.status_code == 416


@pytest.mark.parametrize("name", ["heidelberg", "..%2fbeckum", "beckum.graph"])
def test_only_the_towns_own_tiles(fetch: Fetch, tiles: bytes, name: str) -> None:
    assert tiles
    assert fetch(f"/tiles/{name}.pmtiles").status_code == 404


def test_before_there_are_tiles(fetch: Fetch) -> None:
    assert fetch("/tiles/beckum.pmtiles").status_code == 404
    assert '"tiles": null' in fetch("/").text
