"""kill -9 at every point of the write path under load: what was acknowledged is there, once.

The points are found by a run that records them. RUFBUS_CRASH_COMBOS asks for more combinations of
point and hit than CI tries, RUFBUS_CRASH_SEED for others, and RUFBUS_CRASH_ONLY=point@hit for one.
"""

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random

import pytest
from crash_town import CHILD_S, Town, Zygote

from dispatch.embedded import EmbeddedPostgres, EmbeddedRedis
from dispatch.store.migrate import migrate

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(3000)]

COMBOS = int(os.environ.get("RUFBUS_CRASH_COMBOS", "110"))
SEED = int(os.environ.get("RUFBUS_CRASH_SEED", "1"))
ONLY = os.environ.get("RUFBUS_CRASH_ONLY", "")
ROLES = ("dispatcher", "riders", "optimiser")
_areas = count(1)


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zygote]:
    made = Zygote(tmp_path_factory.mktemp("zygote"))
    yield made
    made.close()


@dataclass
class Site:
    """Where towns are founded."""

    zygote: Zygote
    dsn: str
    redis_url: str
    folder: Path

    def town(self, seed: int = 0) -> Town:
        area = f"town-{next(_areas)}"
        return Town(self.zygote, self.dsn, self.redis_url, area, self.folder, seed)


@pytest.fixture
def site(
    zygote: Zygote,
    database_url: str,
    postgres_server: EmbeddedPostgres,
    redis_url: str,
    redis_server: EmbeddedRedis,
    tmp_path: Path,
) -> Site:
    migrate(database_url)
    return Site(zygote, database_url, redis_url, tmp_path)


def begin(town: Town, armed: str = "", points: str | None = None) -> dict[str, object]:
    """All three kinds of processes; one of them with fail-points."""
    return {role: town.start(role, points if role == armed else None) for role in ROLES}


def finish(town: Town) -> list[str]:
    """The same riders come again, everybody gets the same answers; then all is checked."""
    again = town.start("riders")
    if again.wait() != 0:
        return [f"the riders were not served: {town.log.read_text()[-2000:]}"]
    return town.findings()


def record(site: Site, role: str) -> Counter[str]:
    """How often each point is hit in an undisturbed run."""
    town = site.town()
    heard = site.folder / f"{role}.points"
    children = {name: town.start(name, f"record={heard}" if name == role else None) for name in ROLES}
    try:
        assert children["riders"].wait() == 0, town.log.read_text()
        assert finish(town) == []
    finally:
        town.close()
    return Counter(heard.read_text().splitlines())


def combos(recorded: dict[str, Counter[str]], wanted: int, rng: Random) -> list[tuple[str, str, int]]:
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
        while victim.wait(0.01) is None and riders.wait(0.01) is None:
            pass
        if victim.wait(0) != -signal.SIGKILL:
            return None
        if role != "riders":
            town.start(role)
            if riders.wait() != 0:
                return [f"the riders were not served: {town.log.read_text()[-2000:]}"]
        return finish(town)
    finally:
        town.close()


def test_whatever_is_killed_wherever_nothing_is_lost_or_doubled(site: Site) -> None:
    recorded = {role: record(site, role) for role in ROLES}
    wanted = combos(recorded, COMBOS, Random(SEED))
    reached, failed = 0, []
    for n, (role, point, number) in enumerate(wanted):
        name = f"{point}@{number}"
        if ONLY and ONLY != name:
            continue
        found = crash(site, role, point, number, SEED + n)
        reached += found is not None
        if found:
            failed.append(f"{name} (RUFBUS_CRASH_SEED={SEED}, seed {SEED + n}):\n  " + "\n  ".join(found))
    print(f"{reached} of {len(wanted)} reached")
    assert not failed, "\n".join(failed)
    assert ONLY or reached >= 100, f"only {reached} of {len(wanted)} points were reached: {recorded}"
