"""What each key figure is called and what it means, in German and English (`kpi_words.json`)."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_AS_ABOVE = frozenset({"as above", "wie oben"})


@dataclass(frozen=True, slots=True)
class Definition:
    """A key figure in words; `unit` is `%` for shares, empty for plain numbers."""

    name: str
    unit: str
    label: str
    text: str


@cache
def definitions(language: str) -> dict[str, Definition]:
    """All key figures by name, in the order in which they are shown.

    Args:
        language: `de` or `en`.
    """
    raw = json.loads(Path(__file__).with_name("kpi_words.json").read_text(encoding="utf-8"))
    found, before = {}, ""
    for name, words in raw.items():
        text = words[language]["definition"]
        before = before if text in _AS_ABOVE else text
        found[name] = Definition(name, words["unit"], words[language]["label"], before)
    return found
