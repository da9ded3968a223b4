"""`rufbus roads`: fetch, import and describe road graphs."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final, Self

import click

from routing.roads.errors import RoadsError

DEFAULT_PLACE: Final = "Beckum, Kreis Warendorf, Deutschland"

_INFO_KEYS: Final = (
    "name",
    "nodes",
    "edges",
    "length_km",
    "source",
    "licence",
    "extract_date",
    "sha256",
    "schematic",
)


def report_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turns a `RoadsError` into one readable line on stderr and exit code 1."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except RoadsError as error:
            click.echo(f"error: [{error.code}] {error}", err=True)
            raise SystemExit(1) from error
        except OSError as error:
            click.echo(f"error: [roads_io] {error}", err=True)
            raise SystemExit(1) from error

    return wrapped


var_option = click.option(
    "--var",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="RUFBUS_VAR",
    default=Path("var"),
    show_default=True,
    help="Folder for everything generated (or RUFBUS_VAR).",
)


class _Steps:
    """Shows the step under way on stderr, with a spinner if that is a terminal."""

    def __enter__(self) -> Self:
        from rich.console import Console  # noqa: PLC0415 - `rufbus --help` needs no rich

        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._status = self._console.status("starting")
        if self._console.is_terminal:
            self._status.start()
        return self

    def __call__(self, step: str) -> None:
        if self._console.is_terminal:
            self._status.update(step)
        else:
            self._console.print(f"  {step}", markup=False)

    def __exit__(self, *_: object) -> None:
        self._status.stop()


@click.group()
def roads() -> None:
    """The road graph: fetch it, import it, look at it."""


@roads.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="Name of the graph; by default the file's.")
@click.option("--clip", type=click.Path(path_type=Path), help="GeoJSON polygon to cut it to.")
@click.option("--bbox", metavar="W,S,E,N", help="Box in degrees to cut it to.")
@click.option("--date", metavar="YYYY-MM-DD", help="Date of the extract, if the file has none.")
@click.option("--max-mb", type=click.IntRange(1), help="Refuse larger files.")
@var_option
@report_errors
def import_command(
    *,
    file: Path,
    name: str | None,
    clip: Path | None,
    bbox: str | None,
    date: str | None,
    max_mb: int | None,
    var: Path,
) -> None:
    """Make a road graph from an OSM FILE (.osm, .osm.gz, .osm.bz2, .osm.pbf)."""
    from routing.roads.build import BuildOptions  # noqa: PLC0415 - `--help` should be quick
    from routing.roads.importing import (  # noqa: PLC0415
        clip_from_bbox,
        clip_from_geojson,
        import_extract,
    )
    from routing.roads.osm_reader import ReadLimits  # noqa: PLC0415

    if clip is not None and bbox is not None:
        raise click.UsageError("--clip and --bbox exclude each other")
    area = clip_from_geojson(clip) if clip else clip_from_bbox(bbox) if bbox else None
    limits = ReadLimits(max_bytes=max_mb * 1_000_000) if max_mb else ReadLimits()
    with _Steps() as progress:
        graph = import_extract(
            file,
            var=var,
            name=name,
            options=BuildOptions(area=area),
            date=date,
            limits=limits,
            progress=progress,
        )
    _describe(graph.manifest.to_json(), as_json=False)


@roads.command("fetch")
@click.argument("place", default=DEFAULT_PLACE)
@click.option("--name", default="beckum", show_default=True, help="Name of the graph.")
@click.option("--timeout", default=60.0, show_default=True, help="Seconds to wait for an answer.")
@click.option("--retries", default=3, show_default=True, help="Further attempts if it fails.")
@click.option("--nominatim-url", envvar="RUFBUS_NOMINATIM_URL", help="Geocoder to ask.")
@click.option("--overpass-url", envvar="RUFBUS_OVERPASS_URL", help="Overpass interpreter to ask.")
@var_option
@report_errors
def fetch_command(
    *,
    place: str,
    name: str,
    timeout: float,
    retries: int,
    nominatim_url: str | None,
    overpass_url: str | None,
    var: Path,
) -> None:
    """Download the roads of PLACE from OpenStreetMap and make a road graph of them."""
    from routing.roads.fetch import FetchSettings, fetch_place  # noqa: PLC0415

    chosen = FetchSettings(timeout_s=timeout, retries=retries)
    settings = FetchSettings(
        nominatim_url=nominatim_url or chosen.nominatim_url,
        overpass_url=overpass_url or chosen.overpass_url,
        timeout_s=timeout,
        retries=retries,
    )
    with _Steps() as progress:
        graph = fetch_place(place, var=var, name=name, settings=settings, progress=progress)
    _describe(graph.manifest.to_json(), as_json=False)


@roads.command("info")
@click.option("--name", help="Name of the graph; by default the one written last.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@var_option
@report_errors
def info_command(*, name: str | None, as_json: bool, var: Path) -> None:
    """Say what a road graph is made of and where it comes from."""
    from routing.roads.files import find_graph  # noqa: PLC0415
    from routing.roads.graph import RoadGraph  # noqa: PLC0415

    graph = RoadGraph.load(find_graph(var, name))
    _describe(graph.manifest.to_json(), as_json=as_json)


def _describe(manifest: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        json.dump(manifest, sys.stdout, ensure_ascii=False, indent=2)
        click.echo()
        return
    for key in _INFO_KEYS:
        click.echo(f"{key:13} {_readable(manifest[key])}")
    click.echo(f"{'attribution':13} {manifest['attribution']}")
    for key, value in manifest["dropped"].items():
        if value:
            click.echo(f"{'dropped':13} {key} {value:g}")


def _readable(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value != "" else "unknown"
