from pathlib import Path

import pytest
from planner_desk import shipped_id

from dispatch.planner.desk import Desk
from dispatch.planner.errors import (
    PlannerFullError,
    ScenarioChangedError,
    ScenarioInvalidError,
    UnknownError,
)
from dispatch.planner.fields import FieldError
from dispatch.planner.scenarios import ScenarioFiles, ScenarioId, comment_of, slug, version_of


def copy(desk: Desk, name: str = "Six vans", **changes: str) -> ScenarioId:
    text = desk.copy_of(shipped_id("ordinary"), name)
    return desk.save(text, {key.replace("__", "."): value for key, value in changes.items()})


def test_a_copy_names_its_original_and_says_what_differs(desk: Desk, shipped: Path) -> None:
    scenario = copy(desk, fleet__vehicles="6", rules__immediate_wait_max_s="20")
    assert str(scenario) == "own:six-vans"
    assert desk.scenarios.text(scenario) == (
        f'extends = "{shipped.resolve()}/ordinary.toml"\n'
        'name = "Six vans"\n'
        'description = ""\n'
        "fleet.vehicles = 6\n"
        "rules.immediate_wait_max_s = 1200\n"
    )
    own, inherited, problem = desk.values_of(desk.scenarios.text(scenario))
    assert own["fleet"] == {"vehicles": 6}
    assert inherited["fleet"] == {"vehicles": 5}
    assert problem == ""


def test_the_list_says_what_a_copy_inherits(desk: Desk) -> None:
    copy(desk)
    own, shipped = [i for i in desk.scenarios.all() if i.id.stem in {"ordinary", "six-vans"}]
    assert (shipped.name, shipped.description) == ("Ordinary day", "An ordinary day.")
    assert (own.name, own.base, own.description) == ("Six vans", "Ordinary day", "")
    assert (own.date, own.seed) == (shipped.date, shipped.seed) == ("2026-03-10", 4)


def test_copies_of_copies_stand_beside_each_other(desk: Desk) -> None:
    first = copy(desk, fleet__vehicles="6")
    text = desk.copy_of(first, "Seven vans")
    second = desk.save(text, {"fleet.vehicles": "7"})
    desk.scenarios.delete(first)
    assert desk.values_of(desk.scenarios.text(second))[1]["fleet"] == {"vehicles": 5}


def test_copies_of_one_name_are_two_files(desk: Desk) -> None:
    assert [copy(desk).stem for _ in range(3)] == ["six-vans", "six-vans-2", "six-vans-3"]


def test_nobody_overwrites_somebody_elses_changes(desk: Desk) -> None:
    scenario = copy(desk)
    seen = desk.scenarios.text(scenario)
    desk.save(seen, {"fleet.vehicles": "6"}, (scenario, version_of(seen)))
    with pytest.raises(ScenarioChangedError):
        desk.save(seen, {"fleet.vehicles": "7"}, (scenario, version_of(seen)))
    assert "fleet.vehicles = 6" in desk.scenarios.text(scenario)


def test_what_ships_is_never_changed(desk: Desk) -> None:
    text = desk.scenarios.text(shipped_id("ordinary"))
    with pytest.raises(UnknownError):
        desk.save(text, {}, (shipped_id("ordinary"), version_of(text)))
    with pytest.raises(UnknownError):
        desk.scenarios.delete(shipped_id("ordinary"))


def test_a_wrong_value_is_named_and_nothing_is_kept(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(ScenarioInvalidError, match="at most 100") as caught:
        copy(desk, fleet__vehicles="101")
    assert caught.value.key == "fleet.vehicles"
    with pytest.raises(FieldError):
        copy(desk, fleet__vehicles="none")
    with pytest.raises(FieldError):
        desk.save("", {"extends": "/etc/passwd"})
    assert list((tmp_path / "var" / "planner" / "scenarios").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "Invalid value"),
        ("name = 'a'\nsurprise = 1\n", "surprise: unknown key"),
        ('extends = "/etc/hostname"\n', "only a scenario of this page"),
        ('extends = "../../../../etc/hostname"\n', "only a scenario of this page"),
        ('extends = "missing.toml"\n', "does not exist"),
        ("extends = 3\n", "path of a scenario"),
        ('[demand]\npath = "/etc/passwd"\n', "demand.path: files have to lie"),
        ('[[demand.x]]\npath = "a/../../b"\n', "demand.x.0.path: files have to lie"),
        ('extends = "a\\u0000b"\n', "path of a scenario"),
        ("x = " + "[" * 5000, "recursion|nested|nesting|depth"),
        (f"name = '{'x' * 20_001}'", "more than 20000"),
    ],
)
def test_a_text_that_is_no_scenario_is_refused(desk: Desk, text: str, words: str) -> None:
    with pytest.raises(ScenarioInvalidError, match=words):
        desk.save(text, {})


def test_a_copy_that_has_been_broken_is_still_listed(desk: Desk, tmp_path: Path) -> None:
    scenario = copy(desk)
    path = tmp_path / "var" / "planner" / "scenarios" / "six-vans.toml"
    path.write_text("name = ", encoding="utf-8")
    info = desk.scenarios.info(scenario)
    assert (info.name, info.problem != "") == ("six-vans", True)
    assert desk.values_of("name = ")[2]
    path.write_text('extends = "six-vans.toml"\n', encoding="utf-8")
    assert "too deep" in desk.scenarios.info(scenario).problem


@pytest.mark.parametrize(
    "text",
    [
        "",
        "own:",
        "own:../x",
        "own:a/b",
        "own:.draft",
        "own:A",
        "other:a",
        "own:a\n",
        "own:" + "a" * 65,
    ],
)
def test_an_id_is_never_a_path(text: str) -> None:
    with pytest.raises(UnknownError):
        ScenarioId.parse(text)


def test_copies_are_bounded(tmp_path: Path, shipped: Path) -> None:
    files = ScenarioFiles(shipped, tmp_path / "own", own_max=2)
    files.create("a", "")
    files.create("b", "")
    with pytest.raises(PlannerFullError):
        files.create("c", "")


def test_file_names_are_made_of_names() -> None:
    assert slug("Größe: 6 Wägen!") == "groesse-6-waegen"
    assert slug("Scha\u0308fchen") == "schaefchen"
    assert slug("北京") == "scenario"
    assert len(slug("x" * 200)) <= 48


def test_the_comment_is_the_one_at_the_top() -> None:
    assert comment_of("# One\n#two\nname = 1\n# three\n") == "One two"
    assert comment_of("name = 1\n# three\n") == ""


def test_a_copy_means_the_same_in_another_folder(desk: Desk, tmp_path: Path) -> None:
    own = (tmp_path / "var" / "planner" / "scenarios").resolve()
    own.mkdir(parents=True)
    (own / "base.toml").write_text('name = "Base"\n', encoding="utf-8")
    text = 'extends = "base.toml"\n[demand]\npath = "trips.csv"\n'
    moved = desk.scenarios.elsewhere(text)
    assert moved == f'extends = "{own}/base.toml"\n[demand]\npath = "{own}/trips.csv"\n'
