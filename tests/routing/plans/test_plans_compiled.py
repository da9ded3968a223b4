"""Compiled code is never older than any of the sources that went into it."""

from pathlib import Path

from routing.plans import search
from routing.plans.compiled import SOURCES, fingerprint


def test_a_change_in_any_source_gives_another_cache(tmp_path: Path) -> None:
    copies = [tmp_path / str(n) for n in range(len(SOURCES))]
    for source, copy in zip(SOURCES, copies, strict=True):
        copy.write_bytes(source.read_bytes())
    before = fingerprint(copies)
    assert before == fingerprint(SOURCES)
    for copy in copies:
        copy.write_bytes(copy.read_bytes() + b"\n")
        assert fingerprint(copies) != before
        before = fingerprint(copies)


def test_the_cache_in_use_is_that_of_these_sources() -> None:
    folder = Path(search.search.stats.cache_path)  # type: ignore[attr-defined]
    assert fingerprint(SOURCES) in str(folder)
