"""The planner's pages and endpoints over the stand-in for the `rufbus` command."""

import asyncio
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from planner_desk import PATIENCE_S, STAND_IN, shipped_id, until, write_shipped

from dispatch.planner.desk import Desk, Limits
from dispatch.web.planner import REPORT_POLICY, keep_going

Ask = Callable[..., httpx.Response]
CONTROL = {"Cookie": "rufbus_control=tok-control"}
DRIVER = {"Cookie": "rufbus_control=tok-vehicle"}
JOB = "20260310-120000-abcdef"
EVERYTHING = [
    ("GET", "/planner/state", None),
    ("POST", "/planner/scenarios", {"toml": ""}),
    ("PUT", "/planner/scenarios/own:x", {"toml": ""}),
    ("DELETE", "/planner/scenarios/own:x", None),
    ("POST", "/planner/runs", {"scenario": "shipped:ordinary"}),
    ("POST", "/planner/comparisons", {"runs": [JOB, JOB]}),
    ("POST", f"/planner/jobs/{JOB}/cancel", None),
    ("PUT", f"/planner/jobs/{JOB}/pin", {"pinned": True}),
    ("DELETE", f"/planner/jobs/{JOB}", None),
    ("GET", f"/planner/reports/{JOB}", None),
    ("GET", f"/planner/files/{JOB}/requests.csv", None),
]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "var", write_shipped(tmp_path / "shipped"), STAND_IN, Limits(queued=2))
    yield desk
    desk.stop()
    for keeper in desk._keepers:
        keeper.wait(PATIENCE_S)


@pytest.fixture
def ask(fetch: Ask, desk: Desk) -> Ask:
    """Ask as the control room, with `json` as the body."""

    def ask(url: str, method: str = "GET", headers: Any = CONTROL, **options: Any) -> Any:
        return fetch(url, method=method, headers=headers, settings={"planner": desk}, **options)

    return ask


@pytest.mark.parametrize(("method", "url", "body"), EVERYTHING)
def test_only_the_control_room_may(ask: Ask, method: str, url: str, body: Any) -> None:
    options = {} if body is None else {"json": body}
    assert ask(url, method, headers={}, **options).status_code == 401
    assert ask(url, method, headers=DRIVER, **options).status_code == 403
    assert ask(url, method, headers={"Cookie": "rufbus_control=x"}, **options).status_code == 401


@pytest.mark.parametrize(("method", "url", "body"), [e for e in EVERYTHING if e[0] != "GET"])
def test_no_other_site_may_change_anything(ask: Ask, method: str, url: str, body: Any) -> None:
    headers = CONTROL | {"Sec-Fetch-Site": "cross-site"}
    answer = ask(url, method, headers=headers, **({} if body is None else {"json": body}))
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


def test_without_a_desk_there_is_no_page(fetch: Ask) -> None:
    assert fetch("/planner", headers=CONTROL).status_code == 404
    assert 'href="/planner"' not in fetch("/control", headers=CONTROL).text


def test_strangers_are_asked_to_sign_in(ask: Ask) -> None:
    for url in ("/planner", "/planner/edit/shipped:ordinary"):
        for headers in ({}, DRIVER):
            page = ask(url, headers=headers)
            assert 'id="sign-in"' in page.text
            assert "Ordinary day" not in page.text
    assert 'href="/planner"' not in ask("/control", headers={}).text
    assert 'href="/planner"' in ask("/control").text


@pytest.mark.parametrize("language", ["de", "en"])
def test_pages_are_well_formed(ask: Ask, language: str) -> None:
    for url in ("/planner", "/planner/edit/shipped:ordinary"):
        text = ask(f"{url}?lang={language}").text
        assert "<noscript>" in text
        ids = re.findall(r'\bid="([\w-]+)"', text)
        assert len(ids) == len(set(ids))
        for names in re.findall(r'\baria-(?:labelledby|describedby)="([\w -]+)"', text):
            assert set(names.split()) <= set(ids), names
        labelled = set(re.findall(r'<label for="([\w-]+)"', text))
        for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", text):
            [name] = re.findall(r'\bid="([\w-]+)"', tag)
            assert name in labelled, tag
        for name in set(re.findall(r'(?:href|src)="(/static/[^"]+)"', text)):
            assert ask(name).status_code == 200, name


def field(text: str, name: str) -> str:
    [tag] = re.findall(rf'<input id="{name}"[^>]*>', text)
    return str(tag)


def test_the_form_shows_what_a_copy_inherits(ask: Ask) -> None:
    text = ask("/planner/edit/shipped:ordinary").text
    assert 'value="Ordinary day (Kopie)"' in field(text, "name")
    assert 'value=""' in field(text, "fleet-vehicles")
    assert 'placeholder="5"' in field(text, "fleet-vehicles")
    assert 'placeholder="10.03.2026"' in field(text, "date")
    assert "Original: 10.03.2026" in text
    english = ask("/planner/edit/shipped:ordinary?lang=en").text
    assert 'placeholder="10/03/2026"' in field(english, "date")


def test_a_copy_is_made_changed_and_forgotten(ask: Ask, desk: Desk) -> None:
    toml = desk.copy_of(shipped_id("ordinary"), "Vans")
    changes = {"fleet.vehicles": "6", "rules.prebooked_window_s": "7.5"}
    made = ask("/planner/scenarios", "POST", json={"toml": toml, "changes": changes})
    assert (made.status_code, made.json()) == (201, {"id": "own:vans"})
    text = ask("/planner/edit/own:vans").text
    assert 'value="6"' in field(text, "fleet-vehicles")
    assert 'value="7.5"' in field(text, "rules-prebooked_window_s")
    assert "„Ordinary day“" in text
    [version] = re.findall(r'"version": "(\w+)"', text)
    body = {"toml": toml, "changes": {}, "version": version}
    assert ask("/planner/scenarios/own:vans", "PUT", json=body).status_code == 200
    again = ask("/planner/scenarios/own:vans", "PUT", json=body)
    assert (again.status_code, again.json()["code"]) == (409, "scenario_changed")
    assert ask("/planner/scenarios/own:vans", "DELETE").status_code == 204
    assert ask("/planner/scenarios/own:vans", "DELETE").status_code == 404
    assert (
        ask("/planner/edit/own:vans", headers=CONTROL | {"Accept": "text/html"}).status_code == 404
    )


def test_mistakes_are_named(ask: Ask, desk: Desk) -> None:
    toml = desk.copy_of(shipped_id("ordinary"), "Vans")
    for changes, key in (({"fleet.vehicles": "101"}, "fleet.vehicles"), ({"seed": "x"}, "seed")):
        answer = ask("/planner/scenarios", "POST", json={"toml": toml, "changes": changes})
        assert (answer.status_code, answer.json()["code"]) == (422, "scenario_invalid")
        assert answer.json()["params"]["key"] == key
    answer = ask("/planner/scenarios", "POST", json={"toml": "name = "})
    assert "line 1" in answer.json()["params"]["reason"]
    for body in ({"toml": "x" * 20_001}, {"toml": "", "changes": {"seed": "1" * 201}}, {"x": 1}):
        answer = ask("/planner/scenarios", "POST", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    answer = ask("/planner/scenarios", "POST", json={"toml": "x" * 70_000})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "url",
    [
        "/planner/reports/..%2f..%2fetc",
        "/planner/reports/x",
        f"/planner/files/{JOB}/..%2fjob.json",
        f"/planner/files/{JOB}/report.html",
        f"/planner/files/{JOB}/requests.csv",
        f"/planner/reports/{JOB}",
        "/planner/edit/own:..%2fx",
        "/planner/edit/shipped:missing",
    ],
)
def test_nothing_else_is_served(ask: Ask, url: str) -> None:
    assert ask(url).status_code in {404, 422}


def test_a_run_is_followed_to_its_report(ask: Ask, desk: Desk) -> None:
    body = {"scenario": "shipped:ordinary", "seed": 7}
    made = ask("/planner/runs", "POST", headers=CONTROL | {"Accept-Language": "en"}, json=body)
    job = made.json()["id"]
    [run] = ask("/planner/state").json()["runs"]
    assert (run["status"], run["report"], run["figures"]) == ("queued", False, {})
    waiting = ask(f"/planner/reports/{job}")
    assert 'http-equiv="refresh"' in waiting.text
    until(desk, job)
    [run] = ask("/planner/state").json()["runs"]
    assert (run["status"], run["seed"], run["comparable"]) == ("done", 7, True)
    assert set(run["figures"]) == {
        "acceptance",
        "wait_mean_s",
        "vehicle_km",
        "cost_per_passenger_eur",
    }
    report = ask(f"/planner/reports/{job}")
    assert "<html lang=en>" in report.text
    assert report.headers["content-security-policy"] == REPORT_POLICY
    assert report.headers["cross-origin-opener-policy"] == "unsafe-none"
    assert report.headers["x-content-type-options"] == "nosniff"
    assert report.headers["cache-control"] == "no-store"
    data = ask(f"/planner/files/{job}/requests.csv")
    assert data.headers["content-type"].startswith("text/csv")
    assert data.headers["content-disposition"].startswith("attachment")
    assert ask(f"/planner/jobs/{job}/pin", "PUT", json={"pinned": True}).status_code == 204
    assert ask("/planner/state").json()["runs"][0]["pinned"] is True
    cancelled = ask(f"/planner/jobs/{job}/cancel", "POST")
    assert (cancelled.status_code, cancelled.json()["code"]) == (409, "run_state")
    assert ask(f"/planner/jobs/{job}", "DELETE").status_code == 204
    assert ask("/planner/state").json()["runs"] == []


def test_a_failed_run_has_a_page_that_says_why(ask: Ask, desk: Desk) -> None:
    job = ask("/planner/runs", "POST", json={"scenario": "shipped:broken"}).json()["id"]
    until(desk, job)
    page = ask(f"/planner/reports/{job}")
    assert "there are no roads for this town" in page.text
    assert 'http-equiv="refresh"' not in page.text


def test_too_many_at_once_are_refused_in_words(ask: Ask) -> None:
    body = {"scenario": "shipped:ordinary"}
    codes = [ask("/planner/runs", "POST", json=body).status_code for _ in range(3)]
    assert codes == [201, 201, 409]
    for wrong in ({"seed": -1}, {"days": 0}, {"days": 21}):
        answer = ask("/planner/runs", "POST", json=body | wrong)
        assert answer.json()["code"] == "invalid_request"


def test_the_application_starts_what_waits_and_ends_it_with_itself(desk: Desk) -> None:
    async def run() -> tuple[str, str]:
        async with keep_going(desk):
            done = desk.run(shipped_id("ordinary"), None, "de")[0].id
            slow = desk.run(shipped_id("slow"), None, "de")[0].id
            deadline = time.monotonic() + PATIENCE_S
            while desk.job(slow).progress.done == 0:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
        return desk.job(done).status, slow

    status, slow = asyncio.run(run())
    assert status == "done"
    assert until(desk, slow).status == "interrupted"
