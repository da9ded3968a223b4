"""`rufbus export-…`: what leaves the service as files."""

import os
from datetime import datetime
from pathlib import Path

import click

from dispatch.options import report_errors, town_folder, town_option, var_option

_DAY = click.DateTime(formats=["%Y-%m-%d"])


@click.command("export-demand")
@var_option
@town_option
@click.option("--from", "first", type=_DAY, required=True, help="First day of the rides.")
@click.option("--to", "last", type=_DAY, required=True, help="Last day of the rides.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    help="File to write, .csv or .parquet.",
)
@click.option("--exact", is_flag=True, help="Coordinates as asked for, not to about 100 m.")
@report_errors
def export_demand(
    var: Path, town: Path, first: datetime, last: datetime, out: Path, *, exact: bool
) -> None:
    """Write what riders have asked for, without who they were, as a request file.

    Requests that were refused or given up are in it. Simulations read such files.
    """
    from dispatch.administration import (  # noqa: PLC0415 - `--help` should be quick
        NothingStoredError,
        database,
        served_area,
    )
    from dispatch.config import load_town  # noqa: PLC0415
    from dispatch.exports import demand  # noqa: PLC0415
    from dispatch.store.migrate import migrate  # noqa: PLC0415

    config = load_town(town_folder(town))
    if "DATABASE_URL" not in os.environ and not (var / "postgres").is_dir():
        raise NothingStoredError(f"no service has run on {var} yet: there is nothing to export")
    wanted = demand.DemandExport(
        area=served_area(var, config),
        hours=config.config.hours,
        max_walk_m=config.config.rules.max_walk_m,
        first=first.date(),
        last=last.date(),
        exact=exact,
    )
    with database(var) as dsn:
        migrate(dsn)
        count = demand.export_demand(dsn, wanted, out)
    click.echo(f"{out}: {count} requests")
