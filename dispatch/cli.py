"""The `rufbus` command."""

import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dispatch.closure_cli import closures
from dispatch.exports.cli import export_demand
from dispatch.options import report_errors, town_folder, town_option, towns_option, var_option
from routing.roads.cli import roads
from simulations.benchmarks.cli import bench
from simulations.cli import compare, scenario, simulate
from simulations.sweeps.cli import sweep

if TYPE_CHECKING:
    from dispatch.audit import Report
    from dispatch.config import TownConfig

_SPEED_MAX = 1000


def _say(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()


def _demo_speed(_context: click.Context, _option: click.Parameter, speed: float) -> float:
    """Drivers and riders keep up with a thousand times real time at most; NaN is no speed."""
    if not 0 < speed <= _SPEED_MAX:
        raise click.BadParameter(f"has to be more than 0 and at most {_SPEED_MAX}")
    return speed


def _host(_context: click.Context, _option: click.Parameter, host: str) -> str:
    if not host.strip():
        raise click.BadParameter("must not be empty; 0.0.0.0 listens on all addresses")
    return host


@click.group()
def main() -> None:
    """Rufbus: demand-responsive transit for a town."""


main.add_command(roads)
main.add_command(bench)
main.add_command(export_demand)
main.add_command(closures)
main.add_command(simulate)
main.add_command(compare)
main.add_command(scenario)
main.add_command(sweep)


@main.command()
@var_option
@towns_option
@click.option("--demo", is_flag=True, help="With virtual drivers and a trickle of riders.")
@click.option(
    "--speed",
    default=1.0,
    show_default=True,
    callback=_demo_speed,
    help="Demo clock: times real time.",
)
@click.option(
    "--host", default="127.0.0.1", show_default=True, callback=_host, help="Address to listen on."
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port; by default 8080 or the next.")
@click.option("--offline", envvar="RUFBUS_OFFLINE", is_flag=True, help="Never fetch roads.")
@click.option(
    "--web-workers",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="Web processes behind the port, each restarted by itself.",
)
@report_errors
def serve(
    var: Path,
    towns: tuple[Path, ...],
    *,
    demo: bool,
    speed: float,
    host: str,
    port: int | None,
    offline: bool,
    web_workers: int,
) -> None:
    """Run the service: databases, dispatcher, web pages and API.

    With several --town, each has its own dispatcher and its own port, one after the other.
    """
    from dispatch.wiring import ServeOptions, serve  # noqa: PLC0415 - `--help` should be quick

    if not demo and speed != 1.0:
        raise click.UsageError("--speed needs --demo: a real service runs in real time")
    folders = tuple(town_folder(town) for town in towns)
    options = ServeOptions(var, folders, host, port, demo, speed, not offline, web_workers)
    serve(options, _say)


new_roads_option = click.option(
    "--new-roads",
    is_flag=True,
    help="Carry stored plans over to this host's road graph when it is another one than theirs.",
)


@main.command()
@var_option
@town_option
@new_roads_option
@report_errors
def dispatcher(var: Path, town: Path, *, new_roads: bool) -> None:
    """Run a dispatcher by itself: it leads its town, or stands by until the leader is gone.

    Needs DATABASE_URL and REDIS_URL, the migrated database, and the town's roads on this host.
    """
    from dispatch.processes import run_dispatcher  # noqa: PLC0415

    run_dispatcher(_load(town), var, new_roads=new_roads)


@main.command()
@var_option
@town_option
@new_roads_option
@report_errors
def optimiser(var: Path, town: Path, *, new_roads: bool) -> None:
    """Run an optimiser by itself; one for a town is enough, more do no harm.

    Needs the same as a dispatcher.
    """
    from dispatch.processes import run_optimiser  # noqa: PLC0415

    run_optimiser(_load(town), var, new_roads=new_roads)


@main.command()
@var_option
@town_option
@new_roads_option
@report_errors
def messenger(var: Path, town: Path, *, new_roads: bool) -> None:
    """Run a messenger by itself: it sends riders what they have to be told; several may run.

    Needs the same as a dispatcher.
    """
    from dispatch.processes import run_messenger  # noqa: PLC0415

    run_messenger(_load(town), var, new_roads=new_roads)


@main.command()
@var_option
@town_option
@click.option("--host", default="127.0.0.1", show_default=True, callback=_host, help="Address.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--fd", type=click.IntRange(min=3), help="Accept from this open socket instead.")
@click.option(
    "--sharers",
    type=click.IntRange(1, 1000),
    default=1,
    show_default=True,
    help="How many web processes the town has, on all hosts.",
)
@click.option("--planner/--no-planner", default=True, help="With the planner's page.")
@click.option("--ready-file", hidden=True, type=click.Path(dir_okay=False, path_type=Path))
@new_roads_option
@report_errors
def web(var: Path, town: Path, **options: Any) -> None:
    """Run a web process by itself: pages and API.

    Needs the same as a dispatcher.
    """
    from dispatch.webserver import WebOptions, run_web  # noqa: PLC0415

    run_web(_load(town), var, WebOptions(**options))


@main.command()
@var_option
@report_errors
def migrate(var: Path) -> None:
    """Create or update the tables of the database; without effect when they are up to date."""
    from dispatch.administration import migrated  # noqa: PLC0415

    _say(f"the tables are at revision {migrated(var)}")


@main.command()
@var_option
@town_option
@click.option("--offline", envvar="RUFBUS_OFFLINE", is_flag=True, help="Never fetch roads.")
@report_errors
def prepare(var: Path, town: Path, *, offline: bool) -> None:
    """Make a town's roads, stops and travel times on this host, if they are not there yet."""
    from dispatch.wiring import prepare  # noqa: PLC0415

    prepare(_load(town), var, _say, online=not offline)


@main.command(hidden=True)
@var_option
@town_option
@click.option("--url", required=True)
@report_errors
def demo(var: Path, town: Path, url: str) -> None:
    """The virtual drivers and riders alone."""
    from simulations.demo.run import run  # noqa: PLC0415

    run(_load(town), var, url, os.environ["RUFBUS_TOKEN"])


@main.group()
def token() -> None:
    """Access tokens for staff and vehicles."""


@token.command("create")
@var_option
@town_option
@click.option("--role", type=click.Choice(["vehicle", "control", "admin"]), required=True)
@click.option("--label", default="", help="Who or what it is for.")
@report_errors
def create(var: Path, town: Path, role: str, label: str) -> None:
    """Make a token and print it; it is shown only once."""
    from dispatch.administration import create_access_token  # noqa: PLC0415

    click.echo(create_access_token(var, _load(town), role, label))


@main.command()
@var_option
@town_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@report_errors
def audit(var: Path, town: Path, *, as_json: bool) -> None:
    """Check all that is stored: log and tables, answers, promises, plans on the roads.

    Also while the service runs. Exit code 1 if anything is not as it must be.
    """
    from dispatch.administration import audited  # noqa: PLC0415

    report = audited(var, _load(town))
    if not as_json:
        _print_report(report)
        return
    click.echo(json.dumps(report.to_json(), indent=1, ensure_ascii=False))
    if not report.is_clean:
        raise SystemExit(1)


def _print_report(report: "Report") -> None:
    for line in (*report.findings, *report.notes):
        click.echo(line)
    seen = ", ".join(f"{count} {what}" for what, count in report.counts.items())
    click.echo(f"{len(report.findings)} findings in {seen or 'nothing'}")
    if not report.is_clean:
        raise SystemExit(1)


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@var_option
@click.argument("tool")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@report_errors
def postgres(var: Path, tool: str, arguments: tuple[str, ...]) -> None:
    """Run PostgreSQL's own TOOL on the service's database: psql, pg_basebackup, pg_dump ..."""
    from dispatch.restoring import run_tool  # noqa: PLC0415

    raise SystemExit(run_tool(var, tool, arguments))


@main.command()
@var_option
@town_option
@click.option("--wal", type=click.Path(path_type=Path), help="Folder of the archived log.")
@click.option("--until", type=datetime.fromisoformat, help="Last instant to come back, with zone.")
@click.argument("backup", type=click.Path(path_type=Path))
@report_errors
def restore(var: Path, town: Path, backup: Path, wal: Path | None, until: datetime | None) -> None:
    """Bring the embedded database back from BACKUP (made by pg_basebackup), and audit it."""
    from dispatch.administration import audited  # noqa: PLC0415
    from dispatch.restoring import restore as bring_back  # noqa: PLC0415

    former = bring_back(var, backup, wal, until)
    _say("restored" if former is None else f"restored; the former data are in {former}")
    _print_report(audited(var, _load(town)))


def _load(town: Path) -> "TownConfig":
    from dispatch.config import load_town  # noqa: PLC0415

    config = load_town(town_folder(town))
    return config.for_demo() if os.environ.get("RUFBUS_DEMO") else config


if __name__ == "__main__":
    main()
