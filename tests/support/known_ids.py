"""An OpenAPI document for fuzzing: as strict as its words, and with ids that exist.

A fuzzer left alone asks for bookings that nobody has, at places in the Pacific. Here each id may
also be a real one, and each place and time one of the town; what is allowed stays the same.
"""

from copy import deepcopy
from typing import Any

from served_town import ServedTown
from tiny_town import COLUMNS, ROWS, SOUTH, STEP_LAT, STEP_LON, WEST

Json = dict[str, Any]
_EAST, _NORTH = WEST + (COLUMNS - 1) * STEP_LON, SOUTH + (ROWS - 1) * STEP_LAT
_FIELDS = {
    "stop_id": "stop",
    "offer_id": "offer",
    "group_id": "group",
    "rider_id": "rider",
    "shift_id": "shift",
    "replaces": "booking",
}


def fuzzed(document: Json, town: ServedTown) -> Json:
    """The document with known ids among the values, and answers without undocumented fields."""
    document = deepcopy(document)
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("In"):
            for field, values in schema.get("properties", {}).items():
                schema["properties"][field] = _likely(field, values, town)
        elif "properties" in schema:
            schema["additionalProperties"] = False
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                kind = parameter["name"].removesuffix("_id")
                if parameter["in"] != "header" and kind in town.ids:
                    known = {"enum": town.ids[kind]}
                    parameter["schema"] = {"anyOf": [known, parameter["schema"]]}
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    _only_the_model(content)
    return document


def _only_the_model(content: Json) -> None:
    """FastAPI describes our dictionaries beside the model that they have."""
    if "$ref" in content.get("schema", {}):
        content["schema"] = {"$ref": content["schema"]["$ref"]}


def _likely(field: str, schema: Json, town: ServedTown) -> Json:
    if field in _FIELDS and town.ids[_FIELDS[field]]:
        return {"anyOf": [{"enum": town.ids[_FIELDS[field]]}, schema]}
    if field in {"depart_at", "arrive_by", "at", "from", "until"} and "date-time" in str(schema):
        soon = [town.at(ahead_s) for ahead_s in (-600, 900, 3600, 7200, 86_400)]
        return {"anyOf": [{"enum": soon}, schema]}
    if field in {"lon", "lat"}:
        low, high = (WEST, _EAST) if field == "lon" else (SOUTH, _NORTH)
        return {"anyOf": [{"type": "number", "minimum": low, "maximum": high}, schema]}
    return schema
