"""The assertion mode: rules and promises after every decision, and the driven day as a whole."""

from dispatch.domain.state import State
from dispatch.engine import Engine
from dispatch.engine.invariants import broken_promises, broken_rules
from simulations.driven_day import DrivenDay
from simulations.world import Day

_ROUNDING_S = 2
"""Where a vehicle between two stops is diverted, its times are rounded up anew."""
_SHOWN = 5


class BrokenRuleError(Exception):
    """The engine has broken a rule; a fault of the software, never of the scenario."""

    code = "rule_broken"


class Checker:
    """Checks the state after every decision.

    Args:
        engine: whose decisions.
        calm: whether nothing happens but what was planned; then promises are kept to the second.
            Otherwise chance may break them, which the key figures show.
    """

    def __init__(self, engine: Engine, *, calm: bool) -> None:
        self._engine = engine
        self._calm = calm

    def __call__(self, state: State, now_s: int) -> None:
        """Check a state.

        Raises:
            BrokenRuleError: with what is wrong.
        """
        broken = list(broken_rules(self._engine.config, self._engine.network, state, now_s))
        if self._calm:
            late = broken_promises(state).items()
            broken += [f"{what}: {late_s} s late" for what, late_s in late if late_s > _ROUNDING_S]
        if broken:
            raise BrokenRuleError(f"at {now_s}: " + "; ".join(map(str, broken[:_SHOWN])))


def require_sound(day: Day, engine: Engine, *, calm: bool) -> None:
    """Drive a day again from its event log.

    Args:
        day: what happened.
        engine: whose service and roads.
        calm: as for `Checker`.

    Raises:
        BrokenRuleError: with what is wrong.
    """
    faults = DrivenDay(engine.config, engine.network, calm=calm).faults(day)
    if faults:
        raise BrokenRuleError(f"{len(faults)} faults: " + "; ".join(faults[:_SHOWN]))
