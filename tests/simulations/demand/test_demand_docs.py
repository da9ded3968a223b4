"""The examples of docs/demand.md are sections that can be used."""

import re
import tomllib
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pydantic import TypeAdapter
from running_service import rufbus

from dispatch.engine import Network
from dispatch.exports.demand import COLUMNS
from simulations.demand import DemandSection, make_demand

DOCS = Path(__file__).resolve().parents[3] / "docs" / "demand.md"
TEXT = DOCS.read_text(encoding="utf-8")
EXAMPLES = [tomllib.loads(text) for text in re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)]


def test_there_is_an_example_of_every_source() -> None:
    sources = [example["demand"].get("source", "flows") for example in EXAMPLES]
    assert sources == ["flows", "file", "synthetic"]
    for example in EXAMPLES:
        TypeAdapter(DemandSection).validate_python(example["demand"])


def test_the_synthetic_example_makes_a_day(two_towns: Network, midnight_s: int) -> None:
    """With the settlements and without the extract of another town."""
    example: dict[str, Any] = EXAMPLES[-1]
    names = {"Beckum": "West", "Neubeckum": "Ost"}
    demand = example["demand"] | {"mean_distance_km": 1.5, "extract": None}
    demand["population"] = {names[n]: p for n, p in demand["population"].items() if n in names}
    demand["totals"] = [
        total | {end: names[total[end]] for end in ("origin", "destination")}
        for total in demand["totals"]
    ]
    places = {"station": [8.03, 51.768], "hospital": [8.002, 51.751]}
    section = TypeAdapter(DemandSection).validate_python(demand)
    made = make_demand(section, places, two_towns, Path())
    assert len(made.day(midnight_s, Random(1))) == 250


@pytest.mark.parametrize("column", COLUMNS)
def test_every_exported_column_is_documented(column: str) -> None:
    assert f"`{column}`" in TEXT


def test_the_command_in_the_docs_is_there() -> None:
    options = re.search(r"rufbus export-demand (.*?) +#", TEXT)
    assert options is not None
    help_text = rufbus("export-demand", "--help", env={}).stdout
    assert all(word in help_text for word in options[1].split() if word.startswith("--"))
