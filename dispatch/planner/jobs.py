"""Background runs as folders: what was asked for, whether it runs, what came of it.

A job's state is never written down as such, it is read from what cannot lie: its keeper holds a
lock on `alive` for as long as it lives, and writes `end.json` before it goes. A job that was
started, whose keeper is gone and has left no end, was interrupted.
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal, Self

from dispatch.clock import real_time_s
from dispatch.planner.command import reason_of
from dispatch.planner.errors import UnknownError

Kind = Literal["run", "compare"]
Status = Literal["queued", "running", "done", "cancelled", "failed", "interrupted"]
JOB_ID: Final = r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{6}$"
FILE_NAME: Final = r"^[a-z0-9_-]{1,60}\.(csv|json)$"
ENDED: Final[frozenset[Status]] = frozenset({"done", "cancelled", "failed", "interrupted"})
ALIVE: Final = "alive"
END: Final = "end.json"
OUTPUT: Final = "output"
RESULT: Final = "result"
REPORT: Final = "report.html"
_JOB: Final = "job.json"
_TAIL_BYTES: Final = 16_384
_KPIS_MAX_BYTES: Final = 1_000_000
_STAGE: Final = re.compile(r"[a-z_]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Job:
    """What somebody has asked for.

    Attributes:
        id: which.
        kind: a simulation, or a comparison of finished ones.
        name: of the scenario, or of all that are compared.
        created_s: when, real epoch seconds.
        scenario: id of the scenario, for a run.
        seed: what chance begins with; None = the scenario's own.
        language: of the report.
        of: the runs that are compared.
        started_s: when it was first started; None while it waits.
        pid: of its keeper.
        pinned: never removed to make room.
        unwanted: somebody has asked it to stop.
    """

    id: str
    kind: Kind
    name: str
    created_s: float
    scenario: str = ""
    seed: int | None = None
    language: str = "de"
    of: tuple[str, ...] = ()
    started_s: float | None = None
    pid: int | None = None
    pinned: bool = False
    unwanted: bool = False

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """The job of a folder; None if it holds none, or half of one."""
        try:
            values: dict[str, Any] = json.loads((folder / _JOB).read_text(encoding="utf-8"))
            return cls(**values | {"of": tuple(values["of"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running job is: share done, seconds left if known, and what it is doing."""

    done: float = 0.0
    left_s: float | None = None
    stage: str = ""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job and how it stands.

    Attributes:
        job: what was asked for.
        status: how it stands.
        progress: of a running one.
        ended_s: when it ended; None while it has not.
        reason: why it failed, one line in the command's words.
        has_report: there is a report to read.
        figures: the key figures of an ended run.
        files: what an ended run has written besides its report, for people's own calculations.
    """

    job: Job
    status: Status
    progress: Progress = Progress()
    ended_s: float | None = None
    reason: str = ""
    has_report: bool = False
    figures: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()


def new_id(now_s: float) -> str:
    """An id that tells the time of asking, for those who look into the folder."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now_s))}-{secrets.token_hex(3)}"


def write_json(path: Path, values: Any) -> None:
    """Write a file in one piece: readers see the old or the new one."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(values, ensure_ascii=False), encoding="utf-8")
    part.replace(path)


class JobFolder:
    """All jobs; reads as often as it likes, for what has ended is remembered."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ended: dict[str, JobView] = {}

    def path(self, job_id: str) -> Path:
        """A job's own folder.

        Raises:
            UnknownError: there is none; anything that could be another path is none.
        """
        if not re.fullmatch(JOB_ID, job_id, re.ASCII) or job_id.endswith("\n"):
            raise UnknownError(job_id)
        path = self.folder / job_id
        if not path.is_dir():
            raise UnknownError(job_id)
        return path

    def keep(self, job: Job) -> None:
        """Write a job down, as new or changed."""
        path = self.folder / job.id
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / _JOB, asdict(job))
        if job.id in self._ended:
            self._ended[job.id] = replace(self._ended[job.id], job=job)

    def remove(self, job_id: str) -> None:
        """Remove a job with all that it has made."""
        self._ended.pop(job_id, None)
        shutil.rmtree(self.path(job_id), ignore_errors=True)

    def end(self, job_id: str, status: Status, reason: str = "") -> None:
        """Say how a job ended that has no keeper to say it."""
        values = {"status": status, "at_s": real_time_s(), "reason": reason}
        write_json(self.path(job_id) / END, values)

    def view(self, job_id: str) -> JobView:
        """How a job stands.

        Raises:
            UnknownError: there is none.
        """
        path = self.path(job_id)
        job = Job.read(path)
        if job is None:
            raise UnknownError(job_id)
        known = self._ended.get(job_id)
        if known is not None:
            return replace(known, job=job)
        view = _view(path, job)
        if view.status in ENDED:
            self._ended[job_id] = view
        return view

    def all(self) -> list[JobView]:
        """Every job, the newest first."""
        views = []
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            with suppress(UnknownError):
                views.append(self.view(path.name))
        return sorted(views, key=lambda view: view.job.created_s, reverse=True)


def is_alive(path: Path) -> bool:
    """Whether somebody keeps the job of this folder."""
    try:
        fd = os.open(path / ALIVE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _view(path: Path, job: Job) -> JobView:
    status: Status
    # In this order: a keeper that goes between the two questions has left its end behind.
    alive = is_alive(path)
    end = _read_object(path / END)
    if alive and not end:
        return JobView(job, "running", progress=_progress(path))
    if not end:
        if job.started_s is None:
            return JobView(job, "queued")
        # One that is stopped before its keeper can listen leaves no end either.
        status = "cancelled" if job.unwanted else "interrupted"
        end = {"status": status, "at_s": _last_sign_s(path, job)}
    status = next((each for each in ENDED if each == end.get("status")), "interrupted")
    reason = str(end.get("reason") or "")
    if status == "failed" and not reason:
        reason = reason_of("\n".join(_plain_lines(path))).replace(f"{path}/", "")
    return JobView(
        job,
        status,
        ended_s=end.get("at_s"),
        reason=reason,
        has_report=(path / RESULT / REPORT).is_file(),
        figures=_figures(path / RESULT / "kpis.json"),
        files=_files(path / RESULT),
    )


def _last_sign_s(path: Path, job: Job) -> float | None:
    try:
        return (path / OUTPUT).stat().st_mtime
    except OSError:
        return job.started_s


def _read_object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _KPIS_MAX_BYTES:
            return {}
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _figures(path: Path) -> dict[str, Any]:
    figures = _read_object(path).get("figures", {})
    if not isinstance(figures, dict):
        return {}
    return {k: v for k, v in figures.items() if v is None or isinstance(v, int | float | str)}


def _files(folder: Path) -> tuple[str, ...]:
    found = folder.iterdir() if folder.is_dir() else ()
    return tuple(sorted(p.name for p in found if re.fullmatch(FILE_NAME, p.name, re.ASCII)))


def _tail(path: Path) -> list[str]:
    """The last whole lines of what the command has printed."""
    try:
        with (path / OUTPUT).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines(keepends=True)


def _plain_lines(path: Path) -> list[str]:
    return [line for line in _tail(path) if not line.startswith("{")]


def _progress(path: Path) -> Progress:
    for line in reversed(_tail(path)):
        if not line.startswith("{") or not line.endswith("\n"):
            continue
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            values = json.loads(line)
            left, stage = values.get("left_s"), str(values.get("stage", ""))
            return Progress(
                min(1.0, max(0.0, float(values["done"]))),
                None if left is None else max(0.0, float(left)),
                stage if _STAGE.fullmatch(stage) else "",
            )
    return Progress()
