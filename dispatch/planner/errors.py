"""Why the planner's desk says no; the codes are those of the API's messages."""

from typing import ClassVar


class PlannerError(Exception):
    """What was asked for cannot be done."""

    code: ClassVar[str] = "internal_error"


class UnknownError(PlannerError):
    """There is no such scenario or run (any more)."""

    code = "not_found"


class ScenarioInvalidError(PlannerError):
    """A scenario that cannot be run; the text names the key and what is wrong with it.

    Attributes:
        key: the wrong key, dotted, where it is one of the form's; else empty.
    """

    code = "scenario_invalid"

    def __init__(self, reason: str, key: str = "") -> None:
        super().__init__(reason)
        self.key = key


class ScenarioChangedError(PlannerError):
    """Somebody else has saved this scenario in the meantime."""

    code = "scenario_changed"


class RunStateError(PlannerError):
    """The run is not (or no longer) in a state that allows this."""

    code = "run_state"


class PlannerFullError(PlannerError):
    """Too many of them already."""

    code = "planner_full"
