"""Makes a fuzzer's cases reach further: ids that exist, bodies that are nearly right.

A fuzzer left alone asks for bookings that nobody has, at places in the Pacific. Here most cases
that are meant to be well-formed name somebody real, and mix their fields into a body that works.
"""

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.parameters import ParameterLocation
from served_town import CONTACT, ServedTown

Json = dict[str, Any]


def fuzzed(document: Json) -> Json:
    """The document as strict as its words: answers have no undocumented fields."""
    document = deepcopy(document)
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema and not name.endswith("In"):
            schema["additionalProperties"] = False
    for operations in document["paths"].values():
        for operation in operations.values():
            for answer in operation["responses"].values():
                for content in answer.get("content", {}).values():
                    if "$ref" in content.get("schema", {}):
                        content["schema"] = {"$ref": content["schema"]["$ref"]}
    return document


def cases(operation: Any, town: ServedTown) -> st.SearchStrategy[Case]:
    """Cases of an operation, well-formed ones and others."""
    well = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    bad = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    can_be_bad = operation.body or [*operation.query, *operation.path_parameters]
    generated = well | well | bad if can_be_bad else well

    @st.composite  # without arguments, whose repr Hypothesis would ask for
    def tuned(draw: Any) -> Case:
        case: Case = draw(generated)
        where = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
        if where is not None and where.mode is GenerationMode.POSITIVE and draw(st.integers(0, 5)):
            known = _paths(town, case.path_parameters or {})
            case.path_parameters = known[draw(st.integers(0, len(known) - 1))]
        if is_well_formed(case) and isinstance(case.body, dict) and draw(st.integers(0, 5)):
            good = body_of(town, case.operation.label)
            names = sorted(case.body)
            odd = draw(st.lists(st.sampled_from(names), max_size=1)) if names else []
            case.body = good | {name: case.body[name] for name in odd}
        return case

    return tuned()


def well_meant(operation: Any, town: ServedTown) -> list[Case]:
    """Cases with which an operation does what it is for, whatever was fuzzed before."""
    names = [parameter.name for parameter in operation.path_parameters]
    if "booking_id" in names or "code" in names:
        booking = town.book(5, 45, depart_at=town.later())
        kind = "booking" if "booking_id" in names else "code"
        town.ids[kind].append(booking["id" if kind == "booking" else "code"])
    if "visit_id" in names:
        town.book(6, 44)  # so that somebody is due
    if "group_id" in names:
        town.ids["group"].append(town.group())
        town.call("POST", "/groups", {"group_id": town.ids["group"][-1], "contact": CONTACT})
    if "series_id" in names:
        order = body_of(town, "POST /api/v1/series")
        town.ids["series"].append(town.call("POST", "/series", order, role="control")["id"])
    media = {"media_type": "application/json"} if operation.body else {}
    found = []
    for path in _paths(town, dict.fromkeys(names, "none")):
        body = {"body": body_of(town, operation.label)} if operation.body else {}
        query = {"phone": "02521987654"} if operation.label.endswith("/riders") else {}
        found.append(operation.Case(path_parameters=path, query=query, **body, **media))
    return found[-3:]


def is_well_formed(case: Case) -> bool:
    """Whether the fuzzer holds a case for one that the document allows."""
    return case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE


def _paths(town: ServedTown, generated: Json) -> list[Json]:
    """Path parameters that exist, and that belong together; first the generated ones."""
    found = [generated]
    kinds = {name: name.removesuffix("_id") for name in generated}
    if set(kinds) == {"vehicle_id", "visit_id"}:
        return found + [{"vehicle_id": v, "visit_id": visit} for v, visit in town.due()]
    if set(kinds) == {"vehicle_id", "shift_id"}:
        shifts = town.ids["shift"]
        return found + [{"vehicle_id": shift[:5], "shift_id": shift} for shift in shifts]
    for name, kind in kinds.items():
        found += [{**generated, name: one} for one in town.ids.get(kind, ())]
    return found


def body_of(town: ServedTown, label: str) -> Json:
    """A body with which an endpoint does what it is for; empty where it takes none."""
    path = label.partition(" ")[2]
    name = path.removeprefix("/api/v1/").rpartition("/")[2] if "{" in path else path[8:]
    shift, other = town.ids["shift"][-2:]
    point = {"lon": town.network.stops[4].lon, "lat": town.network.stops[4].lat, "at": town.at(0)}
    order = {"weekdays": [2, 4], "from_day": "2026-03-12", "depart_at": "11:00", "contact": CONTACT}
    push = {"endpoint": "https://fcm.googleapis.com/fcm/send/x"}
    bodies: dict[str, Any] = {
        "ride-requests": lambda: town.wish(depart_at=town.at(3600)),
        "group-requests": lambda: town.wish(party={"seats": 5}),
        "groups": lambda: {"group_id": town.group(), "contact": CONTACT},
        "bookings": lambda: {"offer_id": town.offer(5, 45, town.later())["id"], "contact": CONTACT},
        "cancel": lambda: {"phone_digits": "7654"},
        "change": lambda: {"depart_at": town.at(5400)},
        "move": lambda: {"shift_id": other, "versions": [{"shift_id": shift, "version": 1}]},
        "move-preview": lambda: {"shift_id": other},
        "series": lambda: town.wish(**order),
        "skips": lambda: {"day": "2026-03-12"},
        "waiting": lambda: {"contact": CONTACT},
        "notifications": lambda: {"language": "en", "channel": "email"},
        "push-subscription": lambda: push,
        "out-of-service": lambda: {"reason": "soiled"},
        "swap": lambda: {"spare_vehicle_id": "van-2"},
        "postpone": lambda: {"until": town.at(7200)},
        "walk-ons": lambda: {"destination": town.stop(30)},
        "not-served": lambda: {"reason": "stop_unusable"},
        "positions": lambda: point,
        "closures": lambda: {"street": "Querweg 6", "reason": "Kanalbau"},
        "closures/preview": lambda: {"street": "Querweg 4"},
        "closures/import": lambda: {"type": "FeatureCollection", "features": []},
    }
    body: Json = bodies.get(name, dict)()
    return body
