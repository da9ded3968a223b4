"""`rufbus sweep`: what a scenario's service and cost depend on."""

from pathlib import Path

import click

from dispatch.options import report_errors, var_option


@click.command()
@click.argument("path", metavar="SWEEP", type=click.Path(path_type=Path))
@var_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for results; by default one under --var called like the file.",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 1024),
    help="Runs at the same time on this machine; by default one on each core.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    help="Run on a Dask cluster instead: its scheduler, like tcp://127.0.0.1:8786.",
)
@click.option(
    "--lang",
    type=click.Choice(["de", "en"]),
    default="de",
    show_default=True,
    help="Language of the report.",
)
@report_errors
def sweep(
    path: Path,
    var: Path,
    *,
    out: Path | None,
    processes: int | None,
    scheduler: str | None,
    lang: str,
) -> None:
    """Run a scenario with many values and seeds, as SWEEP.toml says, and chart service over cost.

    Finished runs are kept: after Ctrl-C the same command goes on from there.
    """
    from simulations.sweeps import command  # noqa: PLC0415 - `--help` is quick
    from simulations.sweeps.local import cores  # noqa: PLC0415

    if scheduler is not None and processes is not None:
        raise click.UsageError("--processes is for this machine, --scheduler for a cluster")
    options = command.SweepRun(
        path=path,
        var=var,
        out=out,
        processes=processes or cores(),
        scheduler=scheduler,
        lang="en" if lang == "en" else "de",
    )
    try:
        code = command.sweep(options, lambda line: click.echo(line, err=True))
    except KeyboardInterrupt:
        code = command.INTERRUPTED
    raise SystemExit(code)
