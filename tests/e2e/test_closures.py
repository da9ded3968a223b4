"""A street is closed under a running service: over HTTP, from a list, and on the control page."""

from pathlib import Path

import httpx
import pytest
from browser import PATIENCE_MS
from playwright.sync_api import Page, expect
from running_service import RunningService, rufbus

pytestmark = pytest.mark.slow

LIST = """id;street;stop_id;until;reason
17;Höxbergweg;;2099-12-31;Kanalbau
18;;{stop};;Markt
"""


def test_closed_by_the_control_room_and_by_a_list(
    demo_service: RunningService, tmp_path: Path
) -> None:
    headers = {"Authorization": f"Bearer {demo_service.control_token}"}
    with httpx.Client(base_url=demo_service.url, timeout=60, headers=headers) as client:
        tried = client.post("/api/v1/closures/preview", json={"street": "Oststraße"})
        assert tried.status_code == httpx.codes.OK, tried.text
        assert client.get("/api/v1/closures").json()["closures"] == []
        closed = client.post("/api/v1/closures", json={"street": "Oststraße", "reason": "Markt"})
        assert closed.status_code == httpx.codes.CREATED, closed.text
        assert client.get("/api/v1/plan", params={"routes": "true"}).status_code == httpx.codes.OK
        stops = client.get("/api/v1/stops").json()["stops"]
        listed = tmp_path / "works.csv"
        listed.write_text(LIST.format(stop=stops[5]["id"]), encoding="utf-8")
        for expected in ("2 new or changed, 0 over", "0 new or changed, 0 over"):
            done = rufbus(
                "closures",
                "import",
                str(listed),
                "--source",
                "works",
                env=demo_service.environment(),
            )
            assert done.returncode == 0, done.stderr
            assert expected in done.stdout
        shown = rufbus("closures", "list", env=demo_service.environment())
        assert shown.stdout.count("\n") == 3
        assert "works 17" in shown.stdout
        again = client.get("/api/v1/stops").json()["stops"]
        assert [s["id"] for s in again if s["closed"]] == [stops[5]["id"]]
        listed.write_text("id;street\n17;Nirgendweg\n", encoding="utf-8")
        bad = rufbus("closures", "import", str(listed), env=demo_service.environment())
        assert bad.returncode == 1
        assert "line 2: street: no road" in bad.stderr
        for closure in client.get("/api/v1/closures").json()["closures"]:
            gone = client.delete(f"/api/v1/closures/{closure['id']}")
            assert gone.json()["closure"]["status"] == "ended"
    audit = demo_service.audit()
    assert audit.returncode == 0, audit.stdout


def test_the_control_page_shows_what_is_closed(page: Page, demo_service: RunningService) -> None:
    headers = {"Authorization": f"Bearer {demo_service.control_token}"}
    with httpx.Client(base_url=demo_service.url, timeout=60, headers=headers) as client:
        body = {"street": "Höxbergweg", "reason": "Kanalbau"}
        closure = client.post("/api/v1/closures", json=body).json()["closure"]
        page.goto("/control")
        page.get_by_label("Zugangstoken").fill(demo_service.control_token)
        page.get_by_role("button", name="Anmelden").click()
        expect(page.locator("#closures")).to_contain_text("Kanalbau", timeout=PATIENCE_MS)
        client.delete(f"/api/v1/closures/{closure['id']}")
        expect(page.locator("#closures-section")).to_be_hidden(timeout=PATIENCE_MS)
