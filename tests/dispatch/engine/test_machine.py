"""Days and nights at random, with every command there is, watched by an independent oracle.

What happens is in `tests/support/fuzzed_town`, one module for each who acts. A run is the same each
time; `RUFBUS_MACHINE_EXAMPLES` asks for a longer one with other examples (see docs/testing.md).
"""

import os

import pytest
from fuzzed_town.days import AUTUMN, LEAP, ORDINARY, SPRING
from fuzzed_town.machine import FuzzedTown
from fuzzed_town.tally import COMMANDS, TALLY
from hypothesis import HealthCheck, Phase, settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

STEPS_MIN = 10_000
EXAMPLES = int(os.environ.get("RUFBUS_MACHINE_EXAMPLES", "60"))
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
def everything() -> None:
    """All machines have run, here or in the tests above."""
    for machine in MACHINES:
        if not TALLY.steps[machine.__name__]:
            machine.TestCase("runTest").runTest()


@pytest.mark.usefixtures("everything")
def test_that_was_enough() -> None:
    print("\n".join(TALLY.lines()))
    assert sum(TALLY.steps.values()) >= STEPS_MIN


@pytest.mark.usefixtures("everything")
def test_every_command_has_a_rule() -> None:
    """A new command class is asked for here until some rule of the machine gives it."""
    missing = {c.__name__ for c in COMMANDS if not TALLY.done[c]}
    assert missing == set(), "these have never been carried out"
