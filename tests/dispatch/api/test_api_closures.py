"""The endpoints for closures: who may, what is sent on, what is refused, what is only tried."""

from dataclasses import replace
from typing import Any

import pytest
from desk import Desk
from grid_network import grid_network

from dispatch.api import schemas
from dispatch.domain import commands as cmd
from dispatch.domain.closures import Closure, ClosureStatus, ClosureWish, Direction
from dispatch.domain.errors import ErrorCode
from dispatch.roads_desk import RoadsDesk
from dispatch.store.inbox import ErrorInfo, Outcome
from dispatch.web.app import create_app

CONTROL = {"Authorization": "Bearer tok-control"}
VEHICLE = {"Authorization": "Bearer tok-vehicle"}
URL = "/api/v1/closures"
LINE = [[8.04, 51.755], [8.05, 51.756]]
NOW_S = 1_774_764_000
ROAD = Closure(
    "cl_1",
    NOW_S - 60,
    NOW_S + 3600,
    "Kanalbau",
    lines=(((8.04, 51.755), (8.05, 51.756)), ((8.1, 51.7),)),
    direction=Direction.FORWARD,
    source="tiefbau",
    external_id="17",
    status=ClosureStatus.ACTIVE,
)
STOP = Closure("cl_2", NOW_S - 600, None, "", stop_id="st-a", status=ClosureStatus.ACTIVE)
OVER = replace(STOP, id="cl_3", stop_id="st-b", status=ClosureStatus.ENDED, ended_at_s=NOW_S)


def sent(gateway: Any) -> list[Any]:
    return [command for command, _, _ in gateway.submitted]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", URL),
        ("POST", URL),
        ("POST", f"{URL}/preview"),
        ("POST", f"{URL}/import"),
        ("DELETE", f"{URL}/cl_1"),
    ],
)
def test_only_the_control_room_may(client: Any, gateway: Any, method: str, url: str) -> None:
    body = {"json": {"stop_id": "st-a"}} if method == "POST" else {}
    assert client.request(method, url, **body).status_code == 401
    assert client.request(method, url, headers=VEHICLE, **body).status_code == 403
    assert gateway.submitted == []


def test_what_is_closed(client: Any, gateway: Any) -> None:
    gateway.closed = [ROAD, STOP, OVER]
    body = client.get(URL, headers=CONTROL).json()
    schemas.Closures.model_validate(body, extra="forbid")
    assert [c["id"] for c in body["closures"]] == ["cl_2", "cl_1"]
    stop, road = body["closures"]
    assert (stop["kind"], stop["stop"]["name"], stop["geometry"]) == ("stop", "Markt", None)
    assert (road["kind"], road["stop"], road["source"]) == ("road", None, "tiefbau")
    assert road["geometry"]["coordinates"] == [LINE, [[8.1, 51.7], [8.1, 51.7]]]
    assert road["from"] == "2026-03-29T07:59:00+02:00"
    assert stop["until"] is None
    everything = client.get(URL, params={"over": "true"}, headers=CONTROL).json()
    assert len(everything["closures"]) == 3


def test_riders_see_which_stops_are_closed(client: Any, gateway: Any) -> None:
    gateway.closed = [STOP, OVER, replace(STOP, id="cl_4", stop_id="st-b", from_s=NOW_S + 900)]
    stops = client.get("/api/v1/stops").json()["stops"]
    assert {s["id"]: s["closed"] for s in stops} == {"st-a": True, "st-b": False}


@pytest.mark.parametrize(
    ("body", "wish"),
    [
        ({"stop_id": "st-a"}, ClosureWish(None, None, "", stop_id="st-a")),
        (
            {"line": LINE, "direction": "backward", "reason": " Kanalbau "},
            ClosureWish(
                None,
                None,
                "Kanalbau",
                lines=(((8.04, 51.755), (8.05, 51.756)),),
                direction=Direction.BACKWARD,
            ),
        ),
        (
            {
                "street": "Weststraße",
                "from": "2026-03-29T08:00:00+02:00",
                "until": "2026-03-29T09:00:00+02:00",
            },
            ClosureWish(NOW_S, NOW_S + 3600, "", street="Weststraße"),
        ),
        ({"osm_way": 4711}, ClosureWish(None, None, "", way_id=4711)),
    ],
)
def test_closing_is_sent_on(
    client: Any, gateway: Any, body: dict[str, Any], wish: ClosureWish
) -> None:
    gateway.outcome = Outcome(body={"closure": {}, "affected": []})
    answer = client.post(URL, json=body, headers=CONTROL)
    assert answer.status_code == 201
    assert sent(gateway) == [cmd.Close(wish)]


@pytest.mark.parametrize(
    ("body", "code", "location"),
    [
        ({}, "invalid_request", "body"),
        ({"stop_id": "st-a", "street": "Ring"}, "invalid_request", "body"),
        ({"stop_id": "st-x"}, "unknown_stop", None),
        ({"line": []}, "invalid_request", "body/line"),
        ({"line": [[8.04]]}, "invalid_request", "body/line/0"),
        ({"line": [[51.755, 8.04], [51.756, 8.05]]}, "invalid_request", "body/geometry"),
        ({"line": [[-70.0, 40.0]]}, "invalid_request", "body/geometry"),
        ({"line": LINE * 1001}, "invalid_request", "body/line"),
        ({"stop_id": "st-a", "from": "2026-03-29T08:00:00"}, "naive_datetime", "body/from"),
        ({"stop_id": "st-a", "direction": "up"}, "invalid_request", "body/direction"),
        ({"stop_id": "st-a", "reason": "x" * 201}, "invalid_request", "body/reason"),
        ({"stop_id": "st-a", "note": "x"}, "invalid_request", "body/note"),
    ],
)
@pytest.mark.parametrize("url", [URL, f"{URL}/preview"])
def test_bad_closures(
    client: Any, gateway: Any, url: str, body: dict[str, Any], code: str, location: str | None
) -> None:
    answer = client.post(url, json=body, headers=CONTROL)
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == code
    if location is not None:
        assert problem["errors"][0]["location"] == location
    assert gateway.submitted == []


def test_not_a_number_is_no_coordinate(client: Any, gateway: Any) -> None:
    raw = b'{"line": [[NaN, 51.75], [8.05, 51.76]]}'
    headers = {**CONTROL, "Content-Type": "application/json"}
    assert client.post(URL, content=raw, headers=headers).status_code == 422
    assert gateway.submitted == []


def test_refusals_of_the_dispatcher_are_passed_on(client: Any, gateway: Any) -> None:
    gateway.outcome = Outcome(error=ErrorInfo(str(ErrorCode.CLOSURE_OFF_ROAD), "", {}))
    answer = client.post(URL, json={"street": "Nirgendweg"}, headers=CONTROL)
    assert (answer.status_code, answer.json()["code"]) == (422, "closure_off_road")
    gateway.outcome = Outcome(error=ErrorInfo(str(ErrorCode.CLOSURE_NOT_FOUND), "", {}))
    assert client.delete(f"{URL}/cl_9", headers=CONTROL).status_code == 404


def test_reopening_is_sent_on(client: Any, gateway: Any) -> None:
    client.delete(f"{URL}/cl_1", headers={**CONTROL, "Idempotency-Key": "once"})
    assert sent(gateway) == [cmd.Reopen("cl_1")]


def post_list(client: Any, text: str | bytes, kind: str = "text/csv", **params: str) -> Any:
    data = text.encode() if isinstance(text, str) else text
    headers = {**CONTROL, "Content-Type": kind}
    return client.post(f"{URL}/import", content=data, headers=headers, params=params)


def test_lists_are_sent_on_whole(client: Any, gateway: Any) -> None:
    gateway.outcome = Outcome(body={"recorded": [], "ended": [], "affected": []})
    csv = "id,stop_id,reason\n1,st-a,Markt\n"
    assert post_list(client, csv, source="markt").status_code == 200
    wish = ClosureWish(None, None, "Markt", stop_id="st-a", external_id="1")
    geojson = (
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null,'
        '"properties": {"id": 1, "stop_id": "st-a", "reason": "Markt"}}]}'
    )
    for kind in ("application/geo+json", "application/json; charset=utf-8"):
        assert post_list(client, geojson, kind, source="markt").status_code == 200
    assert sent(gateway) == [cmd.ImportClosures("markt", (wish,))] * 3


def test_lists_may_be_larger_than_other_bodies(client: Any, gateway: Any) -> None:
    rows = "".join(f"{n},st-a,{'x' * 150}\n" for n in range(1000))
    assert post_list(client, f"id,stop_id,reason\n{rows}").status_code == 200
    assert len(sent(gateway)[0].closures) == 1000
    huge = post_list(client, b"id,stop_id\n" + b"x" * 10 * 1024 * 1024)
    assert (huge.status_code, huge.json()["code"]) == (413, "request_too_large")
    elsewhere = client.post(URL, content=b" " * 70_000, headers=CONTROL)
    assert elsewhere.status_code == 413


def test_bad_lists_say_where_they_are_bad(client: Any, gateway: Any) -> None:
    answer = post_list(client, 'id,geometry\n1,"51.75 8.04; 51.76 8.05"\n2,"8 51.7"\n3,?\n')
    assert answer.status_code == 422
    assert [(e["location"], e["type"]) for e in answer.json()["errors"]] == [
        ("line/2/geometry", "swapped_coordinates"),
        ("line/4/geometry", "geometry"),
    ]
    assert post_list(client, "a;b\n1;2\n").json()["errors"][0]["type"] == "columns"
    assert post_list(client, "id,stop_id\n", "text/plain").status_code == 415
    assert post_list(client, "id,stop_id\n1,st-a\n", source="../etc").status_code == 422
    assert gateway.submitted == []


def test_without_roads_nothing_can_be_tried_out(client: Any) -> None:
    assert (
        client.post(f"{URL}/preview", json={"stop_id": "st-a"}, headers=CONTROL).status_code == 503
    )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(grid_network(tmp_path_factory.mktemp("grid")))
    for n in range(4):
        desk.book(n, n + 30)
    return desk


@pytest.fixture
def grid_client(desk: Desk, gateway: Any, settings: Any, client: Any) -> Any:
    """The application over the plans of a real engine."""
    gateway.plan = list(desk.state.shifts.values())
    gateway.stored = dict(desk.state.bookings)
    roads = RoadsDesk(desk.config, desk.network)
    here = replace(
        settings,
        config=desk.config,
        stops=desk.network.stops,
        roads_desk=roads,
        now=lambda: desk.now_s,
    )
    grid_client = type(client)(create_app(here))
    yield grid_client
    grid_client.close()


def test_a_preview_says_who_is_affected_and_changes_nothing(
    grid_client: Any, gateway: Any, desk: Desk
) -> None:
    before = dict(desk.state.shifts)
    booking = next(iter(desk.state.bookings.values()))
    body = {"stop_id": booking.promise.pickup_stop_id, "reason": "Markt"}
    answer = grid_client.post(f"{URL}/preview", json=body, headers=CONTROL)
    assert answer.status_code == 200
    shape = schemas.ClosureAnswer.model_validate(answer.json(), extra="forbid")
    [entry] = [a for a in shape.affected if a.booking_id == booking.id]
    assert entry.code == booking.code
    assert entry.pickup_closed or entry.pickup_moved_to is not None
    road = grid_client.post(f"{URL}/preview", json={"street": "Querweg 4"}, headers=CONTROL)
    delays = [a["delay_s"] for a in road.json()["affected"]]
    assert delays
    assert max(delays) >= 60
    assert desk.state.shifts == before
    assert gateway.submitted == []
    again = grid_client.post(f"{URL}/preview", json={"street": "Querweg 4"}, headers=CONTROL)
    assert again.json()["affected"] == road.json()["affected"]


def test_a_preview_is_refused_as_the_closure_would_be(grid_client: Any) -> None:
    answer = grid_client.post(f"{URL}/preview", json={"street": "Nirgendweg"}, headers=CONTROL)
    assert (answer.status_code, answer.json()["code"]) == (422, "closure_off_road")


def test_a_list_can_be_tried_out(grid_client: Any, gateway: Any) -> None:
    text = "id,street\n1,Querweg 4\n2,Langweg 1\n"
    answer = post_list(grid_client, text, dry_run="true")
    shape = schemas.ImportAnswer.model_validate(answer.json(), extra="forbid")
    assert [c.external_id for c in shape.recorded] == ["1", "2"]
    assert gateway.submitted == []
    off = post_list(grid_client, "id,street\n1,Querweg 4\n2,Nirgendweg\n")
    assert off.json()["errors"][0]["location"] == "line/3/street"


def test_ways_lead_around_what_is_closed(grid_client: Any, gateway: Any, desk: Desk) -> None:
    open_ways = [s["route"] for s in _plan(grid_client)]
    closed = desk.network.closed_roads.matcher.of_street("Querweg 4")
    gateway.closed = [replace(ROAD, lines=closed, direction=Direction.BOTH, until_s=None, from_s=0)]
    around = [s["route"] for s in _plan(grid_client)]
    assert around != open_ways


def _plan(client: Any) -> Any:
    answer = client.get("/api/v1/plan", params={"routes": "true"}, headers=CONTROL)
    return [shift for shift in answer.json()["shifts"] if shift["route"]]
