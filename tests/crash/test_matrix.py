"""kill -9 at every point of the write path under load: what was acknowledged is there, once.

The points are found by a run that records them. RUFBUS_CRASH_COMBOS asks for more combinations of
point and hit than CI tries, RUFBUS_CRASH_SEED for others, and RUFBUS_CRASH_ONLY=point@hit for one.
"""

import os
import signal
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from crash_town import Site

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(3000)]

COMBOS = int(os.environ.get("RUFBUS_CRASH_COMBOS", "110"))
SEED = int(os.environ.get("RUFBUS_CRASH_SEED", "1"))
ONLY = os.environ.get("RUFBUS_CRASH_ONLY", "")
LANES = 2
ROLES = ("dispatcher", "riders", "optimiser")


def record(site: Site, role: str) -> Counter[str]:
    """How often each point is hit in an undisturbed run."""
    town = site.town()
    heard = site.folder / f"{role}.points"
    children = {
        name: town.start(name, f"record={heard}" if name == role else None) for name in ROLES
    }
    try:
        assert children["riders"].wait() == 0, town.log.read_text()
        assert town.finish() == []
    finally:
        town.close()
    return Counter(heard.read_text().splitlines())


def combos(
    recorded: dict[str, Counter[str]], wanted: int, rng: Random
) -> list[tuple[str, str, int]]:
    """Every point at its first hit, then others at random, as far as they are sure to come."""
    first = [(role, point, 1) for role in ROLES for point in sorted(recorded[role])]
    later = [
        (role, point, n)
        for role in ROLES
        for point, hits in sorted(recorded[role].items())
        for n in range(2, hits // 2 + 1)
    ]
    rng.shuffle(later)
    return first + later[: max(0, wanted - len(first))]


def crash(site: Site, role: str, point: str, number: int, seed: int) -> list[str] | None:
    """Kill one process at a point, let others take its place; None if it was never reached."""
    town = site.town(seed)
    try:
        children = {
            name: town.start(name, f"{point}@{number}=kill" if name == role else None)
            for name in ROLES
        }
        victim, riders = children[role], children["riders"]
        while victim.wait(0) is None and riders.wait(0) is None:
            pass
        if victim.wait(0) != -signal.SIGKILL:
            return None
        if role != "riders":
            town.start(role)
            if riders.wait() != 0:
                return [f"the riders were not served: {town.log.read_text()[-2000:]}"]
        return town.finish()
    finally:
        town.close()


def test_whatever_is_killed_wherever_nothing_is_lost_or_doubled(site: Site) -> None:
    recorded = {role: record(site, role) for role in ROLES}
    wanted = combos(recorded, COMBOS, Random(SEED))
    chosen = [
        (f"{point}@{number}", role, point, number, SEED + n)
        for n, (role, point, number) in enumerate(wanted)
        if ONLY in {"", f"{point}@{number}"}
    ]
    with ThreadPoolExecutor(LANES) as lanes:
        results = list(lanes.map(lambda combo: crash(site, *combo[1:]), chosen))
    reached = sum(found is not None for found in results)
    failed = [
        f"{name} (RUFBUS_CRASH_SEED={SEED}, seed {seed}):\n  " + "\n  ".join(found)
        for (name, *_, seed), found in zip(chosen, results, strict=True)
        if found
    ]
    assert not failed, "\n".join(failed)
    assert ONLY or reached >= 100, (
        f"only {reached} of {len(wanted)} points were reached: {recorded}"
    )
