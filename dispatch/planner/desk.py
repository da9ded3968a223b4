"""What planners do: copy and change scenarios, let them run one after the other, compare them.

Any number of web processes may work on one folder: whatever changes jobs holds a lock on it.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from dispatch.clock import real_time_s
from dispatch.config import ConfigError, load_town
from dispatch.options import DATA
from dispatch.planner.command import Checker, environment
from dispatch.planner.errors import (
    PlannerFullError,
    RunStateError,
    ScenarioInvalidError,
    UnknownError,
)
from dispatch.planner.fields import FIELDS, FieldError
from dispatch.planner.jobs import (
    ALIVE,
    ENDED,
    REPORT,
    RESULT,
    Job,
    JobFolder,
    JobView,
    Kind,
    new_id,
)
from dispatch.planner.scenarios import TEXT_MAX, ScenarioFiles, ScenarioId
from dispatch.planner.toml_edit import TomlEditError, with_value

_SCENARIO: Final = "scenario.toml"
_KEEPER: Final = (sys.executable, "-m", "dispatch.planner.keeper")
_KINDS: Final[tuple[Kind, ...]] = ("run", "compare")
_COMPARED_MIN: Final = 2
_BASES_REMEMBERED: Final = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """What is bounded, so that no disk fills and no machine is worked to death.

    Attributes:
        kept: ended runs, and ended comparisons, beyond which the oldest unpinned one goes.
        queued: runs, and comparisons, that may wait.
        pinned: runs that are kept for good.
        compared: runs in one comparison.
        run_s: how long one job may take.
    """

    kept: int = 50
    queued: int = 40
    pinned: int = 50
    compared: int = 50
    run_s: float = 6 * 3600.0


class Desk:
    """The planner's scenarios and jobs.

    Attributes:
        scenarios: the scenario files.
    """

    def __init__(
        self,
        var: Path,
        shipped: Path,
        command: Sequence[str],
        limits: Limits | None = None,
        name: str = "planner",
    ) -> None:
        self._folder = var.resolve() / name
        self._command = tuple(command)
        self._env = environment(var)
        self._limits = limits or Limits()
        self._jobs = JobFolder(self._folder / "jobs")
        self._checker = Checker(command, self._env)
        self._keepers: list[subprocess.Popen[bytes]] = []
        self._bases: dict[tuple[Path, float], dict[str, Any]] = {}
        self._busy = threading.Lock()
        self.scenarios = ScenarioFiles(shipped, self._folder / "scenarios")
        self.on_work: Callable[[], None] = lambda: None
        """Called when there is something to start."""

    @property
    def folder(self) -> Path:
        """Where scenarios and jobs are."""
        return self._folder

    # -- scenarios

    def copy_of(self, scenario: ScenarioId, name: str) -> str:
        """The text of a new copy of a scenario, under another name.

        Raises:
            UnknownError, ScenarioInvalidError: it cannot be copied.
        """
        text = self.scenarios.new_copy(scenario, name)
        return _merged(text, {"name": name})

    def values_of(self, text: str) -> tuple[dict[str, Any], dict[str, Any], str]:
        """A copy's own values, those that hold where it has none, and what is wrong with either."""
        try:
            own = tomllib.loads(text)
            base = self.scenarios.base_of(text)
        except (tomllib.TOMLDecodeError, ScenarioInvalidError) as error:
            return {}, {}, str(error)
        try:
            inherited = {} if base is None else self._effective(base)
        except ScenarioInvalidError as error:
            return own, {}, str(error)
        return own, with_town(inherited | ({} if base else own)), ""

    def _effective(self, path: Path) -> dict[str, Any]:
        """All values of a scenario file; asking takes a second, so answers are remembered."""
        key = (path, path.stat().st_mtime)
        if key not in self._bases:
            if len(self._bases) >= _BASES_REMEMBERED:
                self._bases.clear()
            self._bases[key] = self._checker.effective(path)
        return self._bases[key]

    def save(
        self,
        text: str,
        changes: Mapping[str, str],
        replaces: tuple[ScenarioId, str] | None = None,
    ) -> ScenarioId:
        """Check and keep a copy: a new one, or a new text of one.

        Args:
            text: the copy as TOML.
            changes: what was changed in the form, by key, as people write it.
            replaces: which copy, and the version that was edited.

        Raises:
            FieldError, ScenarioInvalidError: a value or the text is wrong.
            ScenarioChangedError, UnknownError, PlannerFullError: it cannot be kept.
        """
        text = _merged(text, changes)
        self.scenarios.base_of(text)
        draft = self.scenarios.draft(text)
        try:
            self._checker.effective(draft)
        finally:
            draft.unlink(missing_ok=True)
        if replaces is not None:
            with self._locked():
                self.scenarios.replace(replaces[0], text, replaces[1])
            return replaces[0]
        return self.scenarios.create(str(tomllib.loads(text).get("name", "")), text)

    # -- jobs

    def run(
        self, scenario: ScenarioId, seed: int | None, language: str, days: int = 1
    ) -> list[Job]:
        """Queue simulations of a scenario as it is now.

        Args:
            scenario: which.
            seed: of the first day; None = the scenario's own.
            language: of the report.
            days: so many, with seeds that follow each other: one day alone proves little.

        Raises:
            UnknownError, ScenarioInvalidError: there is nothing that could be run.
            PlannerFullError: too many wait already.
        """
        # A shipped scenario is run where it stands, an own one as it is now.
        text = None
        if scenario.origin == "own":
            try:
                text = self.scenarios.elsewhere(self.scenarios.text(scenario))
            except TomlEditError as error:
                raise ScenarioInvalidError(str(error), error.key) from error
        info = self.scenarios.info(scenario)
        chosen = info.seed if seed is None else seed
        job = replace(self._new("run", info.name, language), scenario=str(scenario), seed=chosen)
        if days == 1:
            return self._queue([job], text)
        first = 1 if chosen is None else chosen
        # In the same instant, but for the order.
        jobs = [
            replace(
                job, id=new_id(job.created_s), created_s=job.created_s + n / 1e6, seed=first + n
            )
            for n in range(days)
        ]
        return self._queue(jobs, text)

    def compare(self, runs: Sequence[str], language: str) -> Job:
        """Queue a comparison of ended runs.

        Raises:
            UnknownError: one of them does not exist.
            RunStateError: one of them has no result, or there are too few or too many.
            PlannerFullError: too many wait already.
        """
        chosen = tuple(dict.fromkeys(runs))
        views = [self._jobs.view(run) for run in chosen]
        if not _COMPARED_MIN <= len(chosen) <= self._limits.compared:
            raise RunStateError
        if not all(comparable(view) for view in views):
            raise RunStateError
        seeds: dict[str, list[str]] = {}
        for view in views:
            seeds.setdefault(view.job.name, []).append(str(view.job.seed))
        name = " · ".join(f"{each} ({', '.join(found)})" for each, found in seeds.items())
        job = replace(self._new("compare", name, language), of=chosen)
        return self._queue([job], None)[0]

    def cancel(self, job_id: str) -> None:
        """Stop a job; one that runs ends in its own time, with what it has.

        Raises:
            UnknownError: there is none.
            RunStateError: it has ended.
        """
        with self._locked():
            view = self._jobs.view(job_id)
            if view.status == "queued":
                self._jobs.end(job_id, "cancelled")
            elif view.status == "running":
                self._jobs.keep(replace(view.job, unwanted=True))
                _tell(view.job, signal.SIGINT)
            else:
                raise RunStateError
        self.on_work()

    def pin(self, job_id: str, *, pinned: bool) -> None:
        """Keep an ended run for good, or no longer.

        Raises:
            UnknownError: there is none.
            PlannerFullError: so many are pinned already.
        """
        with self._locked():
            view = self._jobs.view(job_id)
            others = sum(v.job.pinned and v.job.id != job_id for v in self._jobs.all())
            if pinned and others >= self._limits.pinned:
                raise PlannerFullError
            self._jobs.keep(replace(view.job, pinned=pinned))

    def delete(self, job_id: str) -> None:
        """Remove an ended job with its report.

        Raises:
            UnknownError: there is none.
            RunStateError: it has not ended.
        """
        with self._locked():
            if self._jobs.view(job_id).status not in ENDED:
                raise RunStateError
            self._jobs.remove(job_id)

    def job(self, job_id: str) -> JobView:
        """One job.

        Raises:
            UnknownError: there is none.
        """
        return self._jobs.view(job_id)

    def jobs(self) -> list[JobView]:
        """All jobs, the newest first."""
        return self._jobs.all()

    def report(self, job_id: str) -> Path:
        """The report of an ended job.

        Raises:
            UnknownError: there is none.
        """
        path = self._jobs.path(job_id) / RESULT / REPORT
        if not path.is_file():
            raise UnknownError(job_id)
        return path

    def file(self, job_id: str, name: str) -> Path:
        """One of the files that an ended run has written.

        Raises:
            UnknownError: there is none.
        """
        if name not in self._jobs.view(job_id).files:
            raise UnknownError(name)
        return self._jobs.path(job_id) / RESULT / name

    def step(self) -> bool:
        """Start what is next and remove what is too old; to be called again and again.

        Returns:
            Whether something runs or waits.
        """
        with self._locked():
            self._keepers = [keeper for keeper in self._keepers if keeper.poll() is None]
            views = self._jobs.all()
            for kind in _KINDS:
                mine = [view for view in views if view.job.kind == kind]
                self._start_next(mine)
                self._remove_oldest(mine)
        return any(view.status not in ENDED for view in views)

    def stop(self) -> None:
        """The service stops: nothing goes on behind its back."""
        for view in self._jobs.all():
            if view.status == "running":
                _tell(view.job, signal.SIGTERM)

    def _new(self, kind: Kind, name: str, language: str) -> Job:
        now_s = real_time_s()
        return Job(new_id(now_s), kind, name, now_s, language=language)

    def _queue(self, jobs: list[Job], scenario: str | None) -> list[Job]:
        """Queue jobs of one kind, all or none."""
        with self._locked():
            waiting = [v for v in self._jobs.all() if v.status == "queued"]
            same = sum(view.job.kind == jobs[0].kind for view in waiting)
            if same + len(jobs) > self._limits.queued:
                raise PlannerFullError
            for job in jobs:
                folder = self._folder / "jobs" / job.id
                folder.mkdir(parents=True)
                if scenario is not None:
                    (folder / _SCENARIO).write_text(scenario, encoding="utf-8")
                self._jobs.keep(job)
        self.on_work()
        return jobs

    def _start_next(self, views: Sequence[JobView]) -> None:
        if any(view.status == "running" for view in views):
            return
        waiting = [view for view in views if view.status == "queued"]
        if not waiting:
            return
        job = waiting[-1].job  # the newest comes first
        try:
            command = self._command_of(job)
            self._start(job, command)
        except (OSError, UnknownError) as error:
            self._jobs.end(job.id, "failed", str(error))

    def _start(self, job: Job, command: list[str]) -> None:
        folder = self._jobs.path(job.id)
        (folder / RESULT).mkdir(exist_ok=True)
        fd = os.open(folder / ALIVE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            job = replace(job, started_s=real_time_s())
            self._jobs.keep(job)
            keeper = subprocess.Popen(  # noqa: S603 - our own program on a job of our own
                [*_KEEPER, str(folder), str(fd), str(self._limits.run_s), *command],
                env=self._env,
                pass_fds=[fd],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(fd)  # the keeper has it now, and with it the lock
        self._keepers.append(keeper)
        self._jobs.keep(replace(job, pid=keeper.pid))

    def _command_of(self, job: Job) -> list[str]:
        result = self._jobs.path(job.id) / RESULT
        language = ["--lang", job.language]
        if job.kind == "compare":
            # Relative to the job's folder: where the service keeps them is nobody's business.
            compared = [f"../{self._jobs.path(run).name}/{RESULT}" for run in job.of]
            return [*self._command, "compare", *compared, "--out", str(result / REPORT), *language]
        own = self._jobs.path(job.id) / _SCENARIO
        scenario = own if own.is_file() else self.scenarios.path(ScenarioId.parse(job.scenario))
        seed = [] if job.seed is None else ["--seed", str(job.seed)]
        options = ["--out", str(result), *seed, *language, "--progress", "json"]
        return [*self._command, "simulate", str(scenario), *options]

    def _remove_oldest(self, views: Sequence[JobView]) -> None:
        ended = [view for view in views if view.status in ENDED and not view.job.pinned]
        for view in ended[self._limits.kept :]:
            self._jobs.remove(view.job.id)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._busy, (self._folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def comparable(view: JobView) -> bool:
    """Whether a job is a run with key figures to compare."""
    return view.job.kind == "run" and view.status in ENDED and bool(view.figures)


def with_town(values: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario's values on top of those of its town, which it may leave alone."""
    name = values.get("town")
    if not isinstance(name, str):
        return dict(values)
    try:
        config = load_town(DATA / Path(name).name).config
    except ConfigError:
        return dict(values)
    rules, fleet = values.get("rules") or {}, values.get("fleet") or {}
    staffed = len({shift.vehicle_id for shift in config.shifts})
    return {
        **values,
        "rules": asdict(config.rules) | rules,
        "fleet": {**fleet, "vehicles": fleet.get("vehicles") or staffed},
    }


def _tell(job: Job, number: signal.Signals) -> None:
    """Signal the keeper of a running job; its lock says that the process is still the same."""
    if job.pid is not None:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(job.pid, number)


def _merged(text: str, changes: Mapping[str, str]) -> str:
    """The text of a copy with what was changed in the form."""
    try:
        for key, written in changes.items():
            field = FIELDS.get(key)
            if field is None:
                raise FieldError(key)
            text = with_value(text, key, field.read(written))
    except tomllib.TOMLDecodeError as error:
        raise ScenarioInvalidError(str(error)) from error
    except TomlEditError as error:
        raise ScenarioInvalidError(str(error), error.key) from error
    if len(text) > TEXT_MAX:
        raise ScenarioInvalidError(f"more than {TEXT_MAX} characters")
    return text if text.endswith("\n") else f"{text}\n"
