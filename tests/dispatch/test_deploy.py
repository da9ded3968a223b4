"""The files for deployment and the table of limits say what the program does."""

import configparser
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from dispatch import limits
from dispatch.cli import main

DOCS = Path(__file__).resolve().parents[2] / "docs"
UNITS = sorted((DOCS / "deploy" / "systemd").glob("*.service"))
COMPOSE = DOCS / "deploy" / "compose.yaml"


def parses(arguments: list[str]) -> click.Command:
    """The command of a `rufbus …` line; UsageError if it or one of its options does not exist."""
    name, *rest = arguments
    context = click.Context(main, info_name="rufbus")
    command = main.get_command(context, name)
    if command is None:
        raise click.UsageError(f"no command {name}")
    command.make_context(name, rest, parent=context)
    return command


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


@pytest.fixture
def compose() -> Any:
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def test_what_does_not_exist_is_noticed() -> None:
    parses(["web", "--fd", "3"])
    for wrong in (["web", "--fdd", "3"], ["wep"], ["web", "--port", "no"]):
        with pytest.raises(click.UsageError):
            parses(wrong)


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_start_what_there_is(path: Path) -> None:
    service = unit(path)["Service"]
    for key in ("ExecStartPre", "ExecStart"):
        if key in service:
            program, *arguments = shlex.split(service[key])
            assert Path(program).name == "rufbus"
            assert not parses(arguments).hidden
    assert service["Restart"] == "always"
    assert service["EnvironmentFile"] == "/etc/rufbus/rufbus.env"


def test_there_is_a_unit_for_each_process() -> None:
    started = {shlex.split(unit(path)["Service"]["ExecStart"])[1] for path in UNITS}
    assert started == {"web", "dispatcher", "optimiser", "messenger"}
    socket = unit(DOCS / "deploy" / "systemd" / "rufbus-web.socket")["Socket"]
    assert int(socket["Backlog"]) == limits.BACKLOG_CONNECTIONS
    web = unit(DOCS / "deploy" / "systemd" / "rufbus-web@.service")["Service"]
    assert web["Sockets"] == "rufbus-web.socket"
    assert int(web["LimitNOFILE"]) > limits.CONNECTIONS_MAX


def test_the_compose_file_starts_what_there_is(compose: Any) -> None:
    services = compose["services"]
    ours = {name: each for name, each in services.items() if each["image"] == "rufbus"}
    assert {each["command"][0] for each in ours.values()} == {
        "migrate",
        "prepare",
        "dispatcher",
        "optimiser",
        "messenger",
        "web",
    }
    for each in ours.values():
        assert not parses(each["command"]).hidden
        assert {"DATABASE_URL", "REDIS_URL", "RUFBUS_TOWN"} <= each["environment"].keys()
    web = ours["web"]
    assert int(web["command"][-1]) == web["deploy"]["replicas"]
    for each in services.values():
        assert "." not in each["image"].partition("/")[0], "no registry's host name"
        assert set(each.get("depends_on", ())) <= services.keys()
        for volume in each.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source.startswith("./") or source in compose["volumes"]


def test_the_proxy_keeps_the_same_bounds() -> None:
    text = (DOCS / "deploy" / "nginx.conf").read_text(encoding="utf-8")
    plain = re.sub(r"#.*", "", text)
    assert plain.count("{") == plain.count("}")
    said = dict(re.findall(r"(\w+) (\d+)[skm]*;", plain))
    assert int(said["client_header_timeout"]) == limits.HEAD_S
    assert int(said["client_body_timeout"]) == limits.BODY_S
    assert int(said["keepalive_timeout"]) < limits.KEEP_ALIVE_S
    assert int(said["proxy_read_timeout"]) > limits.ANSWER_S
    assert "client_max_body_size 64k" in plain
    assert limits.BODY_MAX_BYTES == 64 * 1024
    assert "client_max_body_size 2m" in plain
    assert limits.LIST_MAX_BYTES == 2 * 1024**2


def test_every_limit_is_written_down_with_its_value() -> None:
    text = (DOCS / "operations.md").read_text(encoding="utf-8")
    written = {name: float(value) for name, value in re.findall(r"\| `(\w+)` \| ([\d.]+) \|", text)}
    real = {name: float(value) for name, value in vars(limits).items() if name.isupper()}
    assert written == real
