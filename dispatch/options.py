"""What all commands share: the options that name a folder, and errors in one line."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

DATA = Path(__file__).resolve().parent.parent / "data"
"""The towns that ship."""
_DEFAULT_TOWN = "beckum"
_TOWN_HELP = "Town: a folder with service.toml, or the name of one that ships (or RUFBUS_TOWN)."


def report_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn an error that has a code into one readable line and exit code 1."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except BrokenPipeError:
            raise  # whoever reads has had enough; click ends quietly
        except Exception as error:
            # A folder that cannot be written, a full disk: the message names the file.
            code = "file_error" if isinstance(error, OSError) else getattr(error, "code", None)
            if code is None:
                raise
            click.echo(f"error: [{code}] {error}", err=True)
            raise SystemExit(1) from error

    return wrapped


def town_folder(town: Path) -> Path:
    """A town by its folder, or by its name among those that ship."""
    shipped = DATA / town.name
    return shipped if not town.exists() and len(town.parts) == 1 and shipped.is_dir() else town


def default_var() -> Path:
    """The folder for everything generated or stored, where no command line names one."""
    return Path(os.environ.get("RUFBUS_VAR", "var"))


def _use_var(_context: click.Context, _option: click.Parameter, var: Path) -> Path:
    """Compiled kernels are generated, too: their cache belongs under the same folder."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(var.resolve() / "cache" / "numba"))
    return var


def _folder_option(*, expose: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--var",
        envvar="RUFBUS_VAR",
        callback=_use_var,
        is_eager=True,
        expose_value=expose,
        type=click.Path(file_okay=False, path_type=Path),
        default=Path("var"),
        show_default=True,
        help="Folder for everything generated or stored (or RUFBUS_VAR).",
    )


var_option = _folder_option(expose=True)
cache_option = _folder_option(expose=False)
"""The same for commands that only compile kernels."""
towns_option = click.option(
    "--town",
    "towns",
    multiple=True,
    envvar="RUFBUS_TOWN",
    type=click.Path(path_type=Path),
    default=[Path(_DEFAULT_TOWN)],
    show_default=True,
    help=f"{_TOWN_HELP} May be repeated.",
)
town_option = click.option(
    "--town",
    envvar="RUFBUS_TOWN",
    type=click.Path(path_type=Path),
    default=Path(_DEFAULT_TOWN),
    show_default=True,
    help=_TOWN_HELP,
)
