"""Chooses stops: lazy greedy weighted set cover, then drops those that became superfluous.

Greedy is within ln(n) of the best (Chvátal 1979); lazy re-evaluation is exact because gains only
shrink (Minoux 1978).
"""

import heapq

import numpy as np
from numpy.typing import NDArray


def choose_cover(
    offset: NDArray[np.int64],
    member: NDArray[np.int32],
    weight: NDArray[np.float64],
    factor: NDArray[np.float64],
    covered: NDArray[np.bool_],
    share: float,
) -> list[int]:
    """Candidates that cover a share of the demand.

    Args:
        offset: int64[C + 1], CSR offsets of the candidates' demand points.
        member: demand points each candidate covers.
        weight: float64[P], what a demand point counts (metres of street).
        factor: float64[C], preference: gains are multiplied by it.
        covered: bool[P], demand served already.
        share: part of the total weight to cover, 0..1.

    Returns:
        candidate indices in the order chosen; all useful ones where the share is out of reach.
    """
    wanted = share * float(weight.sum())
    done = covered.copy()
    reached = float(weight[done].sum())

    def gain(candidate: int) -> float:
        points = member[offset[candidate] : offset[candidate + 1]]
        return float(weight[points[~done[points]]].sum())

    heap = [(-gain(c) * float(factor[c]), c) for c in range(len(factor))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and reached < wanted:
        _, candidate = heapq.heappop(heap)
        gained = gain(candidate)
        if gained <= 0:
            continue
        value = -gained * float(factor[candidate])
        if heap and (value, candidate) > heap[0]:
            heapq.heappush(heap, (value, candidate))
            continue
        chosen.append(candidate)
        done[member[offset[candidate] : offset[candidate + 1]]] = True
        reached += gained
    return _without_superfluous(offset, member, covered, chosen)


def _without_superfluous(
    offset: NDArray[np.int64],
    member: NDArray[np.int32],
    covered: NDArray[np.bool_],
    chosen: list[int],
) -> list[int]:
    """Drops, first chosen first, those whose demand the others serve as well."""
    times = covered.astype(np.int64)
    for candidate in chosen:
        times[member[offset[candidate] : offset[candidate + 1]]] += 1
    kept = []
    for candidate in chosen:
        points = member[offset[candidate] : offset[candidate + 1]]
        if (times[points] > 1).all():
            times[points] -= 1
        else:
            kept.append(candidate)
    return kept
