"""Small random dial-a-ride instances in Cordeau's format, and their optima by trying everything."""

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from simulations.benchmarks.darp import Instance, cost_of, read_instance, violations

Routes = list[list[int]]


def instance_text(rng: random.Random, vehicles: int, n: int, width: int = 15) -> str:
    """Half of the requests have a window for the pick-up, the others one for the drop-off."""
    lines = [f"{vehicles} {2 * n} {rng.choice([80, 240])} {rng.choice([1, 2, 3])} 30"]
    points = [(rng.uniform(-9, 9), rng.uniform(-9, 9)) for _ in range(2 * n + 1)]
    for i, (x, y) in enumerate(points):
        earliest, latest = 0, 240
        if (0 < i <= n and i % 2) or (i > n and (i - n) % 2 == 0):
            earliest = rng.randrange(30, 180)
            latest = earliest + width
        service, load = (3, 1 if i <= n else -1) if i else (0, 0)
        lines.append(f"{i} {x:.3f} {y:.3f} {service} {load} {earliest} {latest}")
    return "\n".join(lines) + "\n"


def random_instance(folder: Path, seed: int, vehicles: int, n: int, width: int = 15) -> Instance:
    path = folder / f"r{seed}-{n}.txt"
    path.write_text(instance_text(random.Random(seed), vehicles, n, width))
    return read_instance(path)


def orders(requests: list[int], n: int) -> Iterator[list[int]]:
    """Every order of the requests' visits with pick-up before drop-off."""

    def extend(route: list[int], waiting: list[int], aboard: list[int]) -> Iterator[list[int]]:
        if not waiting and not aboard:
            yield route
        for i in waiting:
            yield from extend([*route, i], [w for w in waiting if w != i], [*aboard, i])
        for i in aboard:
            yield from extend([*route, i + n], waiting, [a for a in aboard if a != i])

    return extend([], requests, [])


def optimum(instance: Instance) -> float | None:
    """The least cost of a complete solution, None if there is none; for up to 4 requests."""
    n = instance.requests
    single: dict[tuple[int, ...], float] = {}
    best: float | None = None
    for where in product(range(instance.vehicles), repeat=n):
        total = 0.0
        for vehicle in range(instance.vehicles):
            mine = tuple(i + 1 for i in range(n) if where[i] == vehicle)
            if mine not in single:
                single[mine] = min(
                    (cost_of(instance, [r]) for r in orders(list(mine), n) if fits(instance, r)),
                    default=float("inf"),
                )
            total += single[mine]
        if total < (float("inf") if best is None else best):
            best = total
    return best


def fits(instance: Instance, route: list[int]) -> bool:
    """Whether one route alone breaks nothing."""
    return [text for text in violations(instance, [route]) if text.startswith("route")] == []
