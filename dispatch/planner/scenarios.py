"""The scenario files: those that ship, which nobody changes, and the planner's own copies of them.

A copy names its original (`extends`) and says only what is different.
"""

import hashlib
import os
import re
import tempfile
import tomllib
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from dispatch.planner.errors import (
    PlannerFullError,
    ScenarioChangedError,
    ScenarioInvalidError,
    UnknownError,
)
from dispatch.planner.toml_edit import literal, value_at, with_value

Origin = Literal["shipped", "own"]
SCENARIO_ID: Final = r"^(shipped|own):[a-z0-9][a-z0-9_-]{0,63}$"
TEXT_MAX: Final = 20_000
_STEM: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}", re.ASCII)
_SLUG_MAX: Final = 48
_DEPTH_MAX: Final = 5
_FILES: Final = ("demand.path", "demand.nodes", "demand.extract")
"""The keys that name a file, relative to the scenario's folder."""
_COMMENT_MAX: Final = 400
_NAME_SHOWN: Final = 120
_GERMAN: Final = str.maketrans(
    {umlaut: f"{letter}e" for umlaut, letter in zip("äöü", "aou", strict=True)} | {"ß": "ss"}
)


@dataclass(frozen=True, slots=True)
class ScenarioId:
    """Which scenario: `shipped:beckum-weekday` or `own:six-vans`."""

    origin: Origin
    stem: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read one; anything that could be a path is none.

        Raises:
            UnknownError: no such thing can exist.
        """
        if not re.fullmatch(SCENARIO_ID, text, re.ASCII) or text.endswith("\n"):
            raise UnknownError(text)
        origin, _, stem = text.partition(":")
        return cls("own" if origin == "own" else "shipped", stem)

    def __str__(self) -> str:
        return f"{self.origin}:{self.stem}"


@dataclass(frozen=True, slots=True)
class ScenarioInfo:
    """What the list of scenarios says about one.

    Attributes:
        id: which.
        name: as it calls itself, or its file's name.
        description: what it says of itself, or the comment at its top.
        base: name of what it is a copy of; empty if it stands alone.
        date: the day that it is about, ISO; empty if unknown.
        seed: what chance begins with; None if unknown.
        problem: why it cannot be read; empty if it can.
    """

    id: ScenarioId
    name: str
    description: str = ""
    base: str = ""
    date: str = ""
    seed: int | None = None
    problem: str = ""


class ScenarioFiles:
    """The two folders of scenarios."""

    def __init__(self, shipped: Path, own: Path, own_max: int = 200) -> None:
        self._folders: dict[Origin, Path] = {"shipped": shipped, "own": own}
        self._own_max = own_max

    def path(self, scenario: ScenarioId) -> Path:
        """Its file.

        Raises:
            UnknownError: there is none.
        """
        path = self._folders[scenario.origin] / f"{scenario.stem}.toml"
        if not path.is_file():
            raise UnknownError(str(scenario))
        return path

    def text(self, scenario: ScenarioId) -> str:
        """What the file says.

        Raises:
            UnknownError: there is none, or it cannot be read.
        """
        try:
            return self.path(scenario).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UnknownError(str(scenario)) from error

    def all(self) -> list[ScenarioInfo]:
        """Every scenario, one's own first, each group by name."""
        found = [self._info(scenario) for origin in self._folders for scenario in self._in(origin)]
        return sorted(found, key=lambda info: (info.id.origin != "own", info.name.lower()))

    def info(self, scenario: ScenarioId) -> ScenarioInfo:
        """One scenario.

        Raises:
            UnknownError: there is none.
        """
        self.path(scenario)
        return self._info(scenario)

    def new_copy(self, base: ScenarioId, name: str) -> str:
        """The text of a copy that does not differ from its original yet, but for its name.

        A copy of a copy says the same as that: originals are what ships, so nothing hangs on a
        file that its owner may delete.
        """
        if base.origin == "own":
            return self.text(base)
        original = self.path(base).resolve()
        # What the original says of itself is not true of a copy.
        return f'extends = {literal(str(original))}\nname = {literal(name)}\ndescription = ""\n'

    def base_of(self, text: str) -> Path | None:
        """The file that a copy's text extends, checked; None where it extends none.

        Raises:
            ScenarioInvalidError: the text is no TOML, extends what is no scenario of ours, or names
                a file elsewhere.
        """
        values = _parsed(text)
        for key, value in values.items():
            if key != "extends":
                _check_inside(key, value)
        return self._base(values, self._folders["own"])

    def elsewhere(self, text: str) -> str:
        """A copy's text that means the same wherever it is kept.

        Raises:
            ScenarioInvalidError: it cannot be run.
        """
        base = self.base_of(text)
        if base is not None:
            text = with_value(text, "extends", str(base))
        values = _parsed(text)
        for key in _FILES:
            named = value_at(values, key)
            if isinstance(named, str):
                path = self._folders["own"].resolve() / named
                text = with_value(text, key, str(path))
        return text

    def create(self, name: str, text: str) -> ScenarioId:
        """Keep a new copy under a file name made of its name.

        Raises:
            PlannerFullError: there are too many.
        """
        if len(self._in("own")) >= self._own_max:
            raise PlannerFullError
        folder = self._folders["own"]
        folder.mkdir(parents=True, exist_ok=True)
        stem = slug(name)
        for number in range(1, self._own_max + 2):
            scenario = ScenarioId("own", stem if number == 1 else f"{stem}-{number}")
            try:  # exclusively: another web process may have the same idea
                with (folder / f"{scenario.stem}.toml").open("x", encoding="utf-8") as file:
                    file.write(text)
            except FileExistsError:
                continue
            return scenario
        raise PlannerFullError

    def replace(self, scenario: ScenarioId, text: str, version: str) -> None:
        """Keep a new text of a copy.

        Raises:
            UnknownError: there is no such copy.
            ScenarioChangedError: it is not the version that was edited.
        """
        if scenario.origin != "own":
            raise UnknownError(str(scenario))
        if version_of(self.text(scenario)) != version:
            raise ScenarioChangedError
        path = self.path(scenario)
        part = self.draft(text)
        part.replace(path)

    def draft(self, text: str) -> Path:
        """A file beside the copies, to be checked; whoever asks for it removes it."""
        folder = self._folders["own"]
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".draft-", suffix=".toml", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        return Path(name)

    def delete(self, scenario: ScenarioId) -> None:
        """Remove a copy; runs keep their own.

        Raises:
            UnknownError: there is no such copy.
        """
        if scenario.origin != "own":
            raise UnknownError(str(scenario))
        self.path(scenario).unlink(missing_ok=True)

    def _in(self, origin: Origin) -> list[ScenarioId]:
        paths = self._folders[origin].glob("*.toml")
        return [ScenarioId(origin, p.stem) for p in paths if _STEM.fullmatch(p.stem)]

    def _info(self, scenario: ScenarioId) -> ScenarioInfo:
        try:
            path, text = self.path(scenario), self.text(scenario)
            own = _parsed(text)
            below = self._below(own, path.parent, 0)
        except UnknownError:  # deleted this very moment
            return ScenarioInfo(scenario, scenario.stem, problem="?")
        except ScenarioInvalidError as error:
            return ScenarioInfo(scenario, scenario.stem, problem=str(error))
        values = below | own
        seed = values.get("seed")
        return ScenarioInfo(
            scenario,
            str(values.get("name") or scenario.stem)[:_NAME_SHOWN],
            str(own.get("description") or comment_of(text))[:_COMMENT_MAX],
            str(below.get("name", ""))[:_NAME_SHOWN],
            str(values.get("date", "")),
            seed if isinstance(seed, int) else None,
        )

    def _below(self, values: dict[str, Any], folder: Path, depth: int) -> dict[str, Any]:
        """The top level of what a scenario extends: enough for a list."""
        base = self._base(values, folder)
        if base is None:
            return {}
        if depth >= _DEPTH_MAX:
            raise ScenarioInvalidError("extends: too deep")
        try:
            below = _parsed(base.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise ScenarioInvalidError(f"extends: {error}") from error
        return self._below(below, base.parent, depth + 1) | below

    def _base(self, values: dict[str, Any], folder: Path) -> Path | None:
        named = values.get("extends")
        if named is None:
            return None
        if not isinstance(named, str) or "\0" in named:
            raise ScenarioInvalidError("extends: has to be the path of a scenario")
        path = (folder / named).resolve()
        # Nobody reads other files of this machine by calling them a scenario.
        if path.parent not in {each.resolve() for each in self._folders.values()}:
            raise ScenarioInvalidError("extends: only a scenario of this page can be extended")
        if path.suffix != ".toml" or not path.is_file():
            raise ScenarioInvalidError(f"extends: {path.name} does not exist")
        return path


def _parsed(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ScenarioInvalidError(str(error)) from error


def _check_inside(key: str, value: Any) -> None:
    """Data of one's own lies beside the copies: no other file of this machine is named."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in parts:
            _check_inside(f"{key}.{name}", part)
    elif isinstance(value, str):
        path = Path(value)
        if path.is_absolute() or ".." in path.parts:
            raise ScenarioInvalidError(f"{key}: files have to lie in the folder of the copies")


def version_of(text: str) -> str:
    """Changes whenever the text does."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def comment_of(text: str) -> str:
    """The comment at the top of a file, as one paragraph."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("#").strip())
    return " ".join(lines)


def slug(name: str) -> str:
    """A file name made of a scenario's name."""
    composed = unicodedata.normalize("NFC", name.lower())
    plain = unicodedata.normalize("NFKD", composed.translate(_GERMAN))
    words = re.findall(r"[a-z0-9]+", plain.encode("ascii", "ignore").decode())
    return "-".join(words)[:_SLUG_MAX].strip("-") or "scenario"
