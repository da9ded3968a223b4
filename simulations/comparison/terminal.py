"""A comparison as lines of text."""

from collections.abc import Iterator

from simulations.comparison.estimates import Comparison
from simulations.comparison.page import change_text, shown_difference, shown_estimate
from simulations.comparison.runs import Variant
from simulations.report.headline import NAMES
from simulations.report.words import Words, words

FURTHER = (
    *("served", "wait_p95_s", "arrival_kept", "pooling_rate", "detour_factor", "vehicle_km"),
    *("cost_eur", "co2_kg"),
)


def lines(comparison: Comparison, language: str) -> Iterator[str]:
    """The main figures of each variant, with differences from the first.

    Args:
        comparison: the variants.
        language: `de` or `en`.
    """
    said = words(language)
    for variant in comparison.variants:
        seeds = ", ".join(map(str, variant.seeds))
        method = comparison.method(variant)
        how = said(f"cmp_{method}") if method else said("cmp_base")
        yield f"{variant.label}: {said('cmp_seeds')} {seeds}; {how}"
    yield ""
    for key, values in comparison.differing.items():
        texts = (change_text(value, said) for value in values)
        yield f"{key}: {' | '.join(texts)}"
    if comparison.differing:
        yield ""
    known = [name for name in (*NAMES, *FURTHER) if name in comparison.figures]
    for name in known:
        yield f"{said.label(name)}:"
        for variant in comparison.variants:
            yield f"  {_line(comparison, variant, name, said)}"
    if comparison.anecdotal:
        yield ""
        yield said("cmp_anecdote")
    if comparison.partial:
        yield ""
        yield said("cmp_partial", folders=", ".join(comparison.partial))


def _line(comparison: Comparison, variant: Variant, name: str, said: Words) -> str:
    parts = shown_estimate(name, comparison.estimate(variant, name), said)
    text = f"{variant.label}: {' '.join(filter(None, parts))}"
    apart = comparison.difference(variant, name)
    if apart is None:
        return text
    shown = " ".join(filter(None, shown_difference(name, apart, said)))
    return f"{text}; {said('cmp_difference')} {shown}{' ●' if apart.clear else ''}"
