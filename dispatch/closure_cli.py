"""`rufbus closures`: the road-works authority's list on the command line."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dispatch.options import report_errors, town_folder, town_option, var_option

if TYPE_CHECKING:
    from dispatch.closure_lists import Reader
    from dispatch.config import TownConfig


@click.group()
def closures() -> None:
    """Closed roads and stops."""


def _load(town: Path) -> "TownConfig":
    from dispatch.config import load_town  # noqa: PLC0415 - `--help` should be quick

    return load_town(town_folder(town))


@closures.command("import")
@var_option
@town_option
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--source", default="list", show_default=True, help="Whose list it is.")
@report_errors
def take_list(var: Path, town: Path, file: Path, source: str) -> None:
    """Make the closures of a source those of FILE (CSV, or GeoJSON by its name).

    All of it or nothing; what the list no longer names is over. The service has to run.
    """
    from dispatch.administration import decided_by_service  # noqa: PLC0415
    from dispatch.closure_lists import ListError  # noqa: PLC0415
    from dispatch.domain.commands import ImportClosures  # noqa: PLC0415

    config = _load(town)
    reader = _reader(config, var)
    is_json = file.suffix.lower() in {".geojson", ".json"}
    try:
        wishes = (reader.geojson if is_json else reader.csv)(file.read_bytes())
    except ListError as error:
        for mistake in error.mistakes:
            click.echo(f"line {mistake.line}: {mistake.field}: {mistake.message}", err=True)
        raise SystemExit(1) from error
    answer = decided_by_service(var, config, ImportClosures(source, wishes))
    recorded, ended = answer["recorded"], answer["ended"]
    click.echo(f"{len(wishes)} closures listed: {len(recorded)} new or changed, {len(ended)} over")
    for entry in answer["affected"]:
        click.echo(f"affected: {_affected(entry)}")


def _reader(config: "TownConfig", var: Path) -> "Reader":
    """What reads lists for the town, on its roads as they are now."""
    from dispatch.closure_lists import Reader  # noqa: PLC0415
    from dispatch.networks import ensure_graph, ensure_stops  # noqa: PLC0415
    from dispatch.roads_desk import is_on_road  # noqa: PLC0415
    from dispatch.town import surroundings  # noqa: PLC0415
    from routing.roads.closures import RoadMatcher  # noqa: PLC0415

    graph = ensure_graph(config, var, lambda line: click.echo(line, err=True), online=False)
    stops, matcher = ensure_stops(config, var, graph), RoadMatcher(graph)
    return Reader(
        zone=config.config.timezone,
        bounds=surroundings(stops),
        is_stop={stop.id for stop in stops}.__contains__,
        is_on_road=lambda wish: is_on_road(matcher, wish),
    )


def _affected(entry: dict[str, Any]) -> str:
    """A booking by its code, and what a closure does to it."""
    parts = [str(entry["code"] or entry["booking_id"])]
    for end in ("pickup", "dropoff"):
        if entry[f"{end}_moved_to"]:
            parts.append(f"{end} moved to {entry[f'{end}_moved_to']['name']}")
        if entry[f"{end}_closed"]:
            parts.append(f"{end} stop closed")
    parts += [f"{entry[key]} s {word}" for key, word in _TIMES.items() if entry[key]]
    return ", ".join(parts)


_TIMES = {"delay_s": "later", "late_s": "after what was promised"}


@closures.command("list")
@var_option
@town_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each.")
@report_errors
def show(var: Path, town: Path, *, as_json: bool) -> None:
    """What is closed, and what will be."""
    from dispatch.administration import known_closures  # noqa: PLC0415
    from dispatch.closure_views import closure_view  # noqa: PLC0415
    from dispatch.town import Town  # noqa: PLC0415

    config = _load(town)
    words = Town.of(config.config, ())
    for closure in known_closures(var, config):
        view = closure_view(closure, words)
        if as_json:
            click.echo(json.dumps(view, ensure_ascii=False))
            continue
        what = view["stop"]["stop_id"] if view["stop"] else "road"
        until = view["until"] or "further notice"
        number = f" ({view['source']} {view['external_id']})" if view["source"] else ""
        click.echo(
            f"{view['id']} {view['status']} {what} {view['from']} until {until}"
            f"{number} {view['reason']}".rstrip()
        )
