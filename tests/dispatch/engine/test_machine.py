"""Days and nights at random, with every command there is, watched by an independent oracle.

What happens is in `tests/support/fuzzed_town`, one module for each who acts. A run is the same each
time; `RUFBUS_MACHINE_EXAMPLES` asks for a longer one with other examples (see docs/testing.md).
"""

import os

import pytest
from fuzzed_town.days import AUTUMN, LEAP, ORDINARY, SPRING
from fuzzed_town.machine import FuzzedTown
from fuzzed_town.tally import COMMANDS, TALLY, Tally
from hypothesis import HealthCheck, Phase, settings

# Making a failing case small may take five minutes; the suite's limit would end that unprinted.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

STEPS_MIN = 10_000
CODES_MIN = 30
EXAMPLES = int(os.environ.get("RUFBUS_MACHINE_EXAMPLES", "85"))
STEPS = 50


class OrdinaryDay(FuzzedTown):
    """A Tuesday."""

    day = ORDINARY


class SpringNight(FuzzedTown):
    """The night that lacks an hour."""

    day = SPRING


class AutumnNight(FuzzedTown):
    """The night that has an hour twice."""

    day = AUTUMN


class LeapDay(FuzzedTown):
    """The 29th of February, and the nights around it."""

    day = LEAP


MACHINES = (OrdinaryDay, SpringNight, AutumnNight, LeapDay)
for _machine in MACHINES:
    _machine.TestCase.settings = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        derandomize="RUFBUS_MACHINE_EXAMPLES" not in os.environ,
        database=None,
        deadline=None,
        print_blob=True,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )

TestOrdinaryDay = OrdinaryDay.TestCase
TestSpringNight = SpringNight.TestCase
TestAutumnNight = AutumnNight.TestCase
TestLeapDay = LeapDay.TestCase


@pytest.fixture(scope="module")
def tally() -> Tally:
    """What all machines have done, in the tests above or, if these were left out, here."""
    for machine in MACHINES:
        if not TALLY.steps[machine.__name__]:
            machine.TestCase("runTest").runTest()
    return TALLY


def test_that_was_enough(tally: Tally) -> None:
    assert sum(tally.steps.values()) >= STEPS_MIN, "\n".join(tally.lines())


def test_every_command_has_a_rule(tally: Tally) -> None:
    """A new command class is asked for here until some rule of the machine gives it."""
    missing = {command.__name__ for command in COMMANDS if not tally.done[command]}
    assert missing == set(), "these have never been carried out"


def test_commands_are_refused_in_many_ways(tally: Tally) -> None:
    """Otherwise nobody would have looked at the reasons."""
    assert len(tally.codes) >= CODES_MIN, dict(tally.codes)
