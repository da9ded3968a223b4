"""The process that writes a run says what went wrong, leaves nothing behind, and never hangs."""

import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import pytest

from dispatch.options import DATA
from simulations.runner import Result, run
from simulations.scenario import load_scenario
from simulations.writer import Writer

SCENARIO = DATA.parent / "simulations" / "scenarios" / "beckum-weekday.toml"


@dataclass
class Ran:
    """A small run, and where the roads live."""

    result: Result
    var: Path


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    var = tmp_path_factory.mktemp("var")
    few = {"demand.requests": 8, "dispatch.improve_every_s": 0}
    return Ran(run(load_scenario(SCENARIO, few), var=var), var)


@pytest.fixture
def writer(ran: Ran) -> Iterator[Writer]:
    with Writer(ran.var) as opened:
        opened.expect(ran.result.scenario)
        yield opened
    assert children() == []


def children() -> list[int]:
    """Processes that this one, or one that it has started, has left behind."""
    mine, found = {os.getpid()}, []
    for entry in sorted(Path("/proc").iterdir(), key=lambda path: path.name.zfill(9)):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            command = (entry / "cmdline").read_bytes()
        except (OSError, ValueError, IndexError):
            continue
        if parent in mine and b"spawn_main" in command:
            mine.add(int(entry.name))
            found.append(int(entry.name))
    return found


def test_everything_is_written(ran: Ran, writer: Writer, tmp_path: Path) -> None:
    writer.write(ran.result, tmp_path / "out", "en")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"report.html", "kpis.json", "events.json", "requests.parquet", "legs.csv"} <= names
    assert not any(name.endswith(".partial") for name in names)


@pytest.mark.parametrize(
    ("blocked", "other"), [("report.html", "kpis.json"), ("legs.csv", "report.html")]
)
def test_a_file_that_cannot_be_written_is_named_and_leaves_the_others(
    ran: Ran, writer: Writer, tmp_path: Path, blocked: str, other: str
) -> None:
    (tmp_path / blocked / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=re.escape(blocked)):
        writer.write(ran.result, tmp_path, "en")
    assert (tmp_path / other).is_file()
    writer.write(ran.result, tmp_path / "elsewhere", "en")  # it goes on serving
    assert (tmp_path / "elsewhere" / blocked).is_file()


def test_a_folder_that_cannot_be_made_is_named(ran: Ran, writer: Writer, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        writer.write(ran.result, tmp_path / "file" / "out", "en")


def test_a_writer_that_was_killed_is_missed(ran: Ran, writer: Writer, tmp_path: Path) -> None:
    (process,) = children()[-1:]
    os.kill(process, signal.SIGKILL)
    with pytest.raises(OSError, match="has ended"):
        writer.write(ran.result, tmp_path, "en")


def test_ctrl_c_does_not_keep_a_run_from_being_written(
    ran: Ran, writer: Writer, tmp_path: Path
) -> None:
    soon = Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))  # it takes longer to get ready
    soon.start()
    writer.write(ran.result, tmp_path, "en")
    soon.join()
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "kpis.json").is_file()
