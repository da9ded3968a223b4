"""`rufbus bench`: the field's benchmarks, each as a table or as JSON."""

from pathlib import Path
from typing import Any

import click

from dispatch.options import cache_option, report_errors, town_folder, town_option, var_option

_WEEKDAY = Path(__file__).resolve().parent.parent / "scenarios" / "beckum-weekday.toml"
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print a JSON list instead of a table."
)


class ListsCommand(click.Command):
    """A command whose repeatable options also take several numbers at once: `--seconds 1 10 60`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option's name before each further number."""
        repeatable = {
            name
            for option in self.params
            if isinstance(option, click.Option) and option.multiple
            for name in option.opts
        }
        return super().parse_args(ctx, spelled_out(args, repeatable))


def spelled_out(args: list[str], repeatable: set[str]) -> list[str]:
    """`--seconds 1 10` as `--seconds 1 --seconds 10`, for all options named."""
    spelled: list[str] = []
    option = ""
    for word, following in zip(args, [*args[1:], ""], strict=False):
        if option and _is_number(word):
            spelled += [option, word]
            continue
        option = word if word in repeatable and _is_number(following) else ""
        if not option:
            spelled.append(word)
    return spelled


@click.group()
def bench() -> None:
    """Benchmarks: our figures beside the field's, every solution checked."""


@bench.command(cls=ListsCommand)
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--seconds",
    multiple=True,
    default=(1.0, 10.0, 60.0),
    show_default="1 10 60",
    type=click.FloatRange(min=0, min_open=True),
    help="Time limits, one or more: --seconds 1 10 60.",
)
@click.option(
    "--seeds",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Runs of each instance, with seeds 0, 1, ...",
)
@click.option("--solver", type=click.Choice(["ours", "ortools"]), default="ours", show_default=True)
@click.option("--instances", default="", help="Only these, separated by commas.")
@json_option
@cache_option
@report_errors
def darp(folder: Path, *, as_json: bool, instances: str, **options: Any) -> None:
    """Dial-a-ride instances in Cordeau's format from DIR: gaps to best_known.csv, one thread."""
    from simulations.benchmarks import darp_bench, table  # noqa: PLC0415 - `--help` is quick

    names = tuple(name.strip() for name in instances.split(",") if name.strip())
    runs = darp_bench.DarpRuns(folder, names, **options)
    rows = table.show(darp_bench.run(runs), darp_bench.COLUMNS, click.echo, as_json=as_json)
    if not as_json:
        for text in darp_bench.summary(rows):
            click.echo(text)


@bench.command(cls=ListsCommand)
@click.option(
    "--vehicles",
    multiple=True,
    default=(10, 50, 200, 1000),
    show_default="10 50 200 1000",
    type=click.IntRange(min=1),
    help="Fleets, one or more: --vehicles 10 50.",
)
@click.option("--seed", default=0, show_default=True, help="Of the town, the riders and requests.")
@json_option
@cache_option
@report_errors
def insertion(vehicles: tuple[int, ...], *, seed: int, as_json: bool) -> None:
    """The best place for one request among vehicles with 12 to 20 visits: microseconds a call."""
    from simulations.benchmarks import insertion, table  # noqa: PLC0415 - `--help` is quick

    rows = insertion.run(vehicles, seed)
    table.show(rows, insertion.COLUMNS, click.echo, as_json=as_json)


@bench.command("peer-day")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--mode",
    "modes",
    multiple=True,
    type=click.Choice(["at-once", "improved", "batched"]),
    default=("at-once", "improved", "batched"),
    help="Only this, may be repeated: insertion only; with plans improved between requests; with "
    "requests decided in batches, too.",
)
@click.option(
    "--every",
    "every_s",
    default=30,
    show_default=True,
    type=click.IntRange(1, 600),
    help="Seconds between improvements, and length of a batch.",
)
@click.option(
    "--iterations",
    default=500,
    show_default=True,
    type=click.IntRange(min=0),
    help="Of the search, each time.",
)
@click.option("--seed", default=0, show_default=True, help="Of first places and of the search.")
@json_option
@cache_option
@report_errors
def peer_day(folder: Path, *, modes: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """The shared day in DIR in FleetPy's rules: speed and key figures beside FleetPy's."""
    from simulations.benchmarks import table  # noqa: PLC0415 - `--help` is quick
    from simulations.peer_day import command  # noqa: PLC0415

    rows = command.peer_day(folder, modes, **options)
    table.show(rows, command.COLUMNS, click.echo, as_json=as_json)


@bench.command("fleetpy-example")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--days",
    default=20,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How often, each time with other first places of the vehicles.",
)
@click.option(
    "--rider-weight",
    type=click.FloatRange(0, 100),
    help="Of a second waited or ridden, against a second driven; without it, FleetPy's.",
)
@click.option("--seed", default=0, show_default=True, help="Of the first places.")
@json_option
@cache_option
@report_errors
def fleetpy_example(folder: Path, *, as_json: bool, **options: Any) -> None:
    """FleetPy's own example on the roads in DIR, in its rules, beside FleetPy's figures."""
    from simulations.benchmarks import table  # noqa: PLC0415 - `--help` is quick
    from simulations.peer_day import fleetpy_example as example  # noqa: PLC0415

    table.show(example.example(folder, **options), example.COLUMNS, click.echo, as_json=as_json)


@bench.command()
@click.option("--vehicles", default=50, show_default=True, type=click.IntRange(1, 500))
@click.option("--rate", default=10.0, show_default=True, help="Ride requests per second.")
@click.option("--seconds", default=30.0, show_default=True, help="Length of each of three phases.")
@click.option("--fill", default=300, show_default=True, help="Rides booked before measuring.")
@town_option
@var_option
@json_option
@report_errors
def live(town: Path, var: Path, *, as_json: bool, **options: Any) -> None:
    """Offers' latency on a real service while the optimiser works, is killed, is stopped."""
    from simulations.benchmarks import live, table  # noqa: PLC0415 - `--help` is quick

    options |= {"town": town_folder(town), "var": var}
    rows = live.run(live.LiveRun(**options), lambda line: click.echo(line, err=True))
    table.show(rows, live.COLUMNS, click.echo, as_json=as_json)


@bench.command()
@click.option("--rate", default=50.0, show_default=True, help="Ride requests per second.")
@click.option("--vehicles", default=60, show_default=True, type=click.IntRange(1, 500))
@click.option("--listeners", default=200, show_default=True, type=click.IntRange(0, 2000))
@click.option(
    "--seconds", default=300.0, show_default=True, type=click.FloatRange(1, 86_400), help="A phase."
)
@click.option(
    "--factor",
    default=1.0,
    show_default=True,
    type=click.FloatRange(0.1, 100),
    help="A second phase with so many times the requests, to see how it degrades.",
)
@click.option("--fill", default=200, show_default=True, help="Rides booked before measuring.")
@click.option("--web-workers", default=2, show_default=True, type=click.IntRange(1, 16))
@click.option(
    "--cores", default=2, show_default=True, type=click.IntRange(0), help="Processors; 0 = all."
)
@town_option
@var_option
@json_option
@report_errors
def load(town: Path, var: Path, *, as_json: bool, **options: Any) -> None:
    """A real service under riders, vehicles and listeners at once: latency, errors, memory."""
    from simulations.benchmarks import load, table  # noqa: PLC0415 - `--help` is quick

    options |= {"town": town_folder(town), "var": var}
    rows = load.run(load.LoadRun(**options), lambda line: click.echo(line, err=True))
    table.show(rows, load.COLUMNS, click.echo, as_json=as_json)


@bench.command()
@click.option(
    "--days", default=7, show_default=True, type=click.IntRange(1, 28), help="From a Monday on."
)
@click.option("--seed", default=1, show_default=True, help="Of all chance, also what is killed.")
@click.option(
    "--vehicles",
    type=click.IntRange(1, 100),
    help="So many, staffed all day, in place of the town's own.",
)
@click.option(
    "--requests",
    default=120,
    show_default=True,
    type=click.IntRange(1, 2000),
    help="Ride requests a day.",
)
@click.option(
    "--kills", default=4, show_default=True, type=click.IntRange(0, 100), help="Processes a day."
)
@click.option(
    "--faults/--no-faults", default=True, help="Whether roads, vehicles and riders make trouble."
)
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for logs and data if something is wrong.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@town_option
@var_option
@report_errors
def week(town: Path, var: Path, *, as_json: bool, **options: Any) -> None:
    """Days of real service in minutes, with crashes, breakdowns and no-shows, then an audit.

    Exit code 1 if anything that anybody was told does not hold.
    """
    from simulations.progress import shown  # noqa: PLC0415 - `--help` is quick
    from simulations.week import figures, run  # noqa: PLC0415

    options |= {"town": town_folder(town), "var": var}
    with shown("bar") as tell:
        wanted = run.WeekRun(**options)
        outcome = run.run(wanted, lambda line: click.echo(line, err=True), tell)
    click.echo(figures.as_json(outcome) if as_json else "\n".join(figures.lines(outcome)))
    if not outcome.is_clean:
        raise SystemExit(1)


@bench.command(cls=ListsCommand)
@click.option(
    "--requests",
    multiple=True,
    default=(350,),
    show_default="350",
    type=click.IntRange(1, 5000),
    help="Requests a day, one or more: --requests 200 300 400.",
)
@click.option(
    "--seeds",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="Days of each kind, with seeds 1, 2, ...",
)
@click.option(
    "--scenario",
    type=click.Path(dir_okay=False, path_type=Path),
    default=_WEEKDAY,
    help="Another day than a weekday in Beckum.",
)
@click.option("--processes", default=2, show_default=True, type=click.IntRange(min=1))
@var_option
@json_option
@report_errors
def online(*, as_json: bool, **options: Any) -> None:
    """A weekday with each piece of the dispatcher added in turn, and planned in hindsight."""
    from simulations.benchmarks import online, table  # noqa: PLC0415 - `--help` is quick

    rows = online.run(online.OnlineRun(**options), lambda line: click.echo(line, err=True))
    shown = table.show(rows, online.COLUMNS, click.echo, as_json=as_json)
    if not as_json:
        for text in online.differences(shown):
            click.echo(text)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
