"""The planner's commands: `rufbus simulate`, `rufbus compare`, `rufbus scenario check`."""

import json
from pathlib import Path
from typing import Any

import click

from dispatch.options import report_errors, var_option
from simulations.collecting import collecting_rarely, leave_quickly

_INTERRUPTED = 130
_LANGUAGES = click.Choice(["de", "en"])
language_option = click.option(
    "--lang", "language", type=_LANGUAGES, default="de", show_default=True, help="Of the report."
)


@click.command()
@click.argument("scenario", type=click.Path(path_type=Path))
@var_option
@click.option("--seed", type=click.IntRange(min=0), help="Instead of the scenario's own.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write tables, event log and report into this folder.",
)
@click.option("--set", "settings", multiple=True, help="KEY=VALUE, like fleet.vehicles=4.")
@click.option("--json", "as_json", is_flag=True, help="Print key figures as JSON.")
@click.option("--events", type=click.Path(path_type=Path), help="Write the event log here.")
@click.option("--check", is_flag=True, help="Check all rules after every decision (slow).")
@click.option(
    "--progress", type=click.Choice(["bar", "json", "none"]), default="bar", show_default=True
)
@language_option
@report_errors
def simulate(settings: tuple[str, ...], *, as_json: bool, **options: Any) -> None:
    """Drive a SCENARIO's day with the live engine and print its key figures."""
    leave_quickly()
    with collecting_rarely():
        from simulations.command import SimulateOptions, simulate  # noqa: PLC0415 - slow to import

        wanted = SimulateOptions(values=dict(map(_setting, settings)), **options)
        figures, complete = simulate(wanted, lambda line: click.echo(line, err=True))
    if as_json:
        click.echo(json.dumps(figures, ensure_ascii=False, indent=2))
    elif wanted.progress != "json":
        for name, value in figures.items():
            click.echo(f"{name:32} {_readable(value)}")
    if not complete:
        click.echo("interrupted: this is the day as far as it was simulated", err=True)
        raise SystemExit(_INTERRUPTED)


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="HTML file to write.")
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
@language_option
@report_errors
def compare(folders: tuple[Path, ...], out: Path | None, language: str, *, as_json: bool) -> None:
    """Put runs side by side: FOLDERS as `simulate --out` or `sweep` left them.

    Runs of the same scenario with different seeds are one variant; differences are from the first.
    """
    from simulations.comparison import compare_folders, lines, page  # noqa: PLC0415

    found = compare_folders(folders)
    if out is not None:
        out.write_text(page(found, language), encoding="utf-8")
    if as_json:
        click.echo(json.dumps(found.rows(), ensure_ascii=False, indent=2))
    else:
        for line in lines(found, language):
            click.echo(line)


@click.group()
def scenario() -> None:
    """Scenario files."""


@scenario.command("check")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the effective scenario as JSON.")
@report_errors
def check(path: Path, *, as_json: bool) -> None:
    """Whether a scenario file, with those it extends, can be used."""
    from simulations.scenario import load_scenario  # noqa: PLC0415
    from simulations.town import config_of  # noqa: PLC0415

    found = load_scenario(path)
    config_of(found)
    if as_json:
        click.echo(found.model_dump_json(indent=1))
    else:
        click.echo(f"{path}: {found.name}")


def _setting(text: str) -> tuple[str, Any]:
    """A key with its value: TOML where it is some, else the text as it stands."""
    import tomllib  # noqa: PLC0415

    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
    try:
        return key, tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        return key, value


def _readable(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
