"""What is wrong with an option, an address or a folder is said in one line before anything runs."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from running_service import write_grid_town

from dispatch import wiring
from dispatch.cli import main
from dispatch.clock import real_now
from dispatch.config import load_town


def rufbus(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(main, list(arguments), env=env)


@pytest.mark.parametrize("speed", ["nan", "inf", "0", "-1", "1e9"])
def test_a_demo_runs_at_a_possible_speed(speed: str) -> None:
    result = rufbus("serve", "--demo", "--speed", speed)
    assert result.exit_code == 2
    assert "has to be more than 0" in result.output


@pytest.mark.parametrize("command", ["serve", "token create --role admin"])
def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    result = rufbus(*command.split(), RUFBUS_VAR=str(tmp_path / "file" / "var"))
    assert result.exit_code == 1
    assert "error: [var_folder_unusable]" in result.output


def test_an_address_that_is_none_is_named(tmp_path: Path) -> None:
    var = str(tmp_path / "var")
    for arguments, env, code in (
        (["--host", "192.0.2.1"], {}, "address_invalid"),
        (["--host", "no such host"], {}, "address_invalid"),
        ([], {"REDIS_URL": "garbage"}, "address_invalid"),
    ):
        result = rufbus("serve", *arguments, RUFBUS_VAR=var, **env)
        assert result.exit_code == 1
        assert f"error: [{code}]" in result.output
    result = rufbus("audit", RUFBUS_VAR=var, DATABASE_URL="garbage")
    assert "error: [store_unavailable] no address of a database" in result.output
    assert rufbus("serve", "--host", "", RUFBUS_VAR=var).exit_code == 2


def test_a_taken_port_is_called_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(wiring.PortInUseError):
            wiring._listen_on_ports("127.0.0.1", taken.getsockname()[1], 1)


def test_each_town_gets_a_port_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as first:
        first.bind(("127.0.0.1", 0))
        first.listen()
        monkeypatch.setattr(wiring, "DEFAULT_PORT", first.getsockname()[1])
        bound = wiring._listen_on_ports("127.0.0.1", None, 2)
    ports = [each.getsockname()[1] for each in bound]
    for each in bound:
        each.close()
    assert ports[0] > wiring.DEFAULT_PORT
    assert ports[1] > ports[0]


def test_towns_that_would_share_an_area_are_refused(tmp_path: Path) -> None:
    for where in ("a", "b"):
        write_grid_town(tmp_path / where / "grid", vehicles=1)
    towns = [f"--town={tmp_path / where / 'grid'}" for where in ("a", "b")]
    result = rufbus("serve", *towns, RUFBUS_VAR=str(tmp_path / "var"))
    assert "error: [town_twice]" in result.output


def test_a_real_service_does_not_go_on_with_what_a_demo_did_tomorrow(tmp_path: Path) -> None:
    town = load_town(write_grid_town(tmp_path / "grid", vehicles=1))
    now_s = int(real_now())
    for last_s in (None, now_s - 10, now_s + 10):
        assert wiring._real_clock(town, last_s).is_real
    with pytest.raises(wiring.ClockBehindError, match="RUFBUS_VAR"):
        wiring._real_clock(town, now_s + 7200)


def test_nothing_is_audited_where_nothing_has_run(tmp_path: Path) -> None:
    result = rufbus("audit", RUFBUS_VAR=str(tmp_path / "var"))
    assert result.exit_code == 1
    assert "[nothing_stored]" in result.output
    assert not (tmp_path / "var" / "postgres").exists()
