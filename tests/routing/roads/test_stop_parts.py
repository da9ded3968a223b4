"""The pieces stops are made of: cover, walks and names, each against something slower."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from routing.roads.stop_cover import choose_cover
from routing.roads.stop_names import Naming, unique_names

SETS = st.lists(st.sets(st.integers(0, 7), max_size=8), min_size=1, max_size=7)


def _csr(sets: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    offset = np.cumsum([0, *(len(s) for s in sets)]).astype(np.int64)
    return offset, np.array([m for s in sets for m in sorted(s)], np.int32)


@given(SETS, st.floats(0.1, 1.0))
def test_cover_reaches_the_share_where_it_can(sets: list[set[int]], share: float) -> None:
    offset, member = _csr(sets)
    weight = np.arange(1.0, 9.0)
    chosen = choose_cover(offset, member, weight, np.ones(len(sets)), np.zeros(8, bool), share)
    covered = set().union(*(sets[c] for c in chosen))
    possible = set().union(*sets)
    reach = sum(weight[list(covered)])
    assert reach >= min(share * weight.sum(), sum(weight[list(possible)])) - 1e-9
    assert len(set(chosen)) == len(chosen)


@given(SETS)
def test_greedy_is_near_the_best(sets: list[set[int]]) -> None:
    offset, member = _csr(sets)
    chosen = choose_cover(offset, member, np.ones(8), np.ones(len(sets)), np.zeros(8, bool), 1.0)
    possible = set().union(*sets)
    best = next(
        size
        for size in range(len(sets) + 1)
        for some in itertools.combinations(sets, size)
        if set().union(*some) == possible
    )
    assert len(chosen) <= best * 2.72  # the harmonic number of 8, Chvátal's bound


def test_cover_skips_what_is_served_already() -> None:
    offset, member = _csr([{0, 1, 2, 3}, {4, 5}, {6, 7}])
    served = np.array([True] * 4 + [False] * 4)
    chosen = choose_cover(offset, member, np.ones(8), np.ones(3), served, 1.0)
    assert sorted(chosen) == [1, 2]


def test_preference_decides_between_equals() -> None:
    offset, member = _csr([{0, 1, 2}, {0, 1, 2}])
    chosen = choose_cover(offset, member, np.ones(3), np.array([0.6, 1.0]), np.zeros(3, bool), 1.0)
    assert chosen == [1]


def test_superfluous_stops_are_dropped() -> None:
    # Greedy takes the big middle first; the two ends then cover it as well.
    offset, member = _csr([{2, 3, 4, 5}, {0, 1, 2, 3}, {4, 5, 6, 7}])
    factor = np.array([1.5, 1.0, 1.0])
    chosen = choose_cover(offset, member, np.ones(8), factor, np.zeros(8, bool), 1.0)
    assert sorted(chosen) == [1, 2]


def _naming(base: str, x: float, side: str = "Nordseite", zone: str = "Beckum") -> Naming:
    return Naming(base, side, ("Rathaus", "Markt"), zone, x, 0.0, "2,0 km östlich von Beckum")


def test_sides_tell_opposite_stops_apart() -> None:
    pair = [_naming("A / Ecke B", 0.0), _naming("A / Ecke B", 10.0, "Südseite")]
    assert unique_names(pair, set()) == ["A / Ecke B, Nordseite", "A / Ecke B, Südseite"]


def test_parts_tell_distant_namesakes_apart() -> None:
    pair = [_naming("Landweg", -400.0), _naming("Landweg", 400.0)]
    assert unique_names(pair, set()) == ["Landweg, Westteil", "Landweg, Ostteil"]


def test_other_settlements_are_named() -> None:
    some = [_naming("A", 0), _naming("B", 9), _naming("A", 900, zone="Vellern")]
    assert unique_names(some, set()) == ["A", "B", "Vellern, A"]


@given(st.lists(st.tuples(st.sampled_from("AB"), st.integers(-3, 3)), max_size=30))
def test_names_never_collide(stops: list[tuple[str, int]]) -> None:
    names = unique_names([_naming(base, x * 40.0) for base, x in stops], {"A"})
    assert len(set(names)) == len(names)
    assert "A" not in names
