"""Key figures, recomputed from the event log by a few independent lines of pandas."""

import json
from pathlib import Path

import pandas as pd
import pytest
from grid_network import grid_network
from grid_scenario import EVERYTHING, grid_scenario
from tiny_town import grid_config

from dispatch.engine import Network
from simulations.definitions import definitions
from simulations.output import write_result
from simulations.runner import Result, event_log, run_in
from simulations.scenario import changed


@pytest.fixture(scope="module")
def grid(tmp_path_factory: pytest.TempPathFactory) -> Network:
    folder: Path = tmp_path_factory.mktemp("grid")
    return grid_network(folder)


@pytest.fixture(scope="module")
def result(grid: Network) -> Result:
    file = changed(grid_scenario(150, **EVERYTHING), {"demand.prebooked_share": 0.5})
    return run_in(file, grid_config(vehicles=3), grid, seed=2)


def of_kind(log: list[list[object]], kind: str, key: str | None = None) -> pd.DataFrame:
    rows = [(entry[2] if key is None else entry[2][key]) for entry in log if entry[1] == kind]
    return pd.DataFrame(rows)


def test_the_event_log_says_the_same(result: Result) -> None:
    log = json.loads(event_log(result.day))
    asked = pd.concat(
        [of_kind(log, "RideOffered", "request"), of_kind(log, "RideRefused", "request")]
    )
    booked = of_kind(log, "BookingMade", "booking").set_index("id")
    on = of_kind(log, "RiderBoarded").set_index("booking_id")
    off = of_kind(log, "RiderAlighted").set_index("booking_id")
    halted = of_kind(log, "VisitArrived").set_index("visit_id")["at_s"]
    rides = booked.loc[off.index]
    promise = pd.DataFrame(rides["promise"].tolist(), index=rides.index)
    seats = rides["party"].map(lambda party: party["seats"])
    chairs = rides["party"].map(lambda party: party["wheelchairs"])
    received = asked.set_index("id").loc[rides["request_id"], "received_at_s"].set_axis(rides.index)
    at_stop = on.loc[rides.index, "visit_id"].map(halted)
    begun = (on.loc[rides.index, "at_s"] - 10 * seats - 120 * chairs).clip(lower=at_stop)
    wait = begun - pd.concat([received, rides["wish_earliest_s"]], axis=1).max(axis=1)
    arrived = off.loc[rides.index, "visit_id"].map(halted)
    riding = arrived - on.loc[rides.index, "at_s"]
    figures = result.figures
    rejected = len(result.day.rejected)

    assert figures["requests"] == len(asked) + rejected
    assert figures["accepted"] == len(booked)
    assert figures["served"] == len(rides)
    assert figures["acceptance"] == len(booked) / (len(asked) + rejected)
    assert figures["no_shows"] == len(of_kind(log, "RiderMissed"))
    given_up = of_kind(log, "BookingCancelled")["by"]
    assert figures["cancellations"] == (given_up == "rider").sum() > 0
    assert figures["abandoned"] == (given_up == "service").sum()
    assert (wait >= 0).all()
    assert figures["passengers_served"] == (seats + chairs).sum()
    assert figures["wait_mean_s"] == pytest.approx(wait.mean())
    assert figures["wait_p95_s"] == pytest.approx(wait.quantile(0.95))
    assert figures["in_vehicle_mean_s"] == pytest.approx(riding.mean())
    assert figures["in_vehicle_p50_s"] == pytest.approx(riding.median())
    assert figures["ride_time_ratio_mean"] == pytest.approx((riding / rides["direct_s"]).mean())
    assert figures["pickup_kept"] == pytest.approx((at_stop <= promise["pickup_to_s"]).mean())
    assert figures["arrival_kept"] == pytest.approx((arrived <= promise["arrival_latest_s"]).mean())
    assert figures["revenue_eur"] == pytest.approx(rides["price_cents"].sum() / 100)


def test_the_tables_say_the_same(result: Result) -> None:
    legs, figures = result.tables["legs"], result.figures
    requests = result.tables["requests"]
    km = legs["length_m"] / 1000
    assert figures["vehicle_km"] == pytest.approx(km.sum())
    assert figures["empty_share"] == pytest.approx(km[legs["persons"] == 0].sum() / km.sum())
    assert figures["passenger_km"] == pytest.approx((km * legs["persons"]).sum())
    rides = requests[requests["outcome"] == "served"]
    direct_km = (rides["direct_m"] * rides["persons"]).sum() / 1000
    assert figures["detour_factor"] == pytest.approx((km * legs["persons"]).sum() / direct_km)
    assert figures["system_efficiency"] == pytest.approx(
        figures["occupancy_occupied"] * (1 - figures["empty_share"]) / figures["detour_factor"]
    )
    shared = legs[(legs["bookings"].str.count(" ") > 0) & (legs["length_m"] > 0)]
    pooled = set(" ".join(shared["bookings"]).split())
    assert figures["pooling_rate"] == pytest.approx(rides["booking_id"].isin(pooled).mean())
    visits = result.tables["visits"]
    assert visits["boarded"].sum() == visits["alighted"].sum() == figures["passengers_served"]
    hours, zones = result.tables["hours"], result.tables["zones"]
    assert hours["requests"].sum() == zones["requests"].sum() == figures["requests"]
    before_midnight = legs["from_at"].dt.date == legs["from_at"].dt.date.mode()[0]
    assert hours["vehicle_km"].sum() == pytest.approx(km[before_midnight].sum(), rel=0.01)


def test_money_follows_the_prices(result: Result, grid: Network) -> None:
    figures, costs = result.figures, result.scenario.costs
    assert figures["overtime_hours"] > 0
    paid_h = figures["staffed_hours"] + figures["break_hours"] + figures["overtime_hours"]
    cost = (
        costs.driver_hour_eur * paid_h
        + costs.vehicle_km_eur * figures["vehicle_km"]
        + costs.vehicle_day_eur * 3
        + costs.overhead_day_eur
    )
    assert figures["cost_eur"] == pytest.approx(cost)
    assert figures["cost_per_passenger_eur"] == pytest.approx(
        (cost - figures["revenue_eur"]) / figures["passengers_served"]
    )
    free = changed(result.scenario, {"costs.driver_hour_eur": 0.0})
    cheaper = run_in(free, grid_config(vehicles=3), grid, seed=2).figures
    assert figures["cost_eur"] - cheaper["cost_eur"] == pytest.approx(
        costs.driver_hour_eur * paid_h
    )


def test_overtime_is_counted_and_paid(grid: Network) -> None:
    """A van that breaks down again and again brings its riders home after its shift."""
    file = grid_scenario(120, breakdowns_per_vehicle_day=8.0, breakdown_s=(2400, 3600))
    file = changed(file, {"demand.hours": [0] * 17 + [1] * 5 + [0] * 2})
    ran = run_in(file, grid_config(vehicles=1), grid, seed=7)
    log = json.loads(event_log(ran.day))
    planned = of_kind(log, "ShiftPlanned", "shift").set_index("id")
    begun = (planned["start_s"] >= ran.midnight_s) & (planned["start_s"] < ran.midnight_s + 86_400)
    planned = planned[begun]
    ended = of_kind(log, "ShiftEnded").set_index("shift_id")["at_s"].reindex(planned.index)
    over_h = (ended - planned["end_s"]).clip(lower=0).sum() / 3600
    figures, costs = ran.figures, file.costs
    assert figures["overtime_hours"] == pytest.approx(over_h)
    assert over_h > 0
    paid_h = sum(figures[name] for name in ("staffed_hours", "break_hours", "overtime_hours"))
    dearer = changed(file, {"costs.driver_hour_eur": costs.driver_hour_eur + 1})
    again = run_in(dearer, grid_config(vehicles=1), grid, seed=7).figures
    assert again["cost_eur"] - figures["cost_eur"] == pytest.approx(paid_h)


def test_every_figure_is_defined_in_both_languages(result: Result) -> None:
    for language in ("de", "en"):
        assert set(definitions(language)) == set(result.figures)


def test_shares_of_nothing_are_empty(grid: Network) -> None:
    figures = run_in(grid_scenario(0), grid_config(), grid, seed=1).figures
    assert figures["requests"] == figures["served"] == 0
    for name in ("acceptance", "wait_mean_s", "pickup_kept", "detour_factor", "no_show_share"):
        assert figures[name] is None, name


def test_the_folder_holds_what_was_found(result: Result, tmp_path: Path) -> None:
    write_result(result, tmp_path, "en")
    kpis = json.loads((tmp_path / "kpis.json").read_text(encoding="utf-8"))
    assert kpis["figures"] == json.loads(json.dumps(result.figures))
    assert set(kpis["by_group"]) == {"wheelchair", "no_wheelchair", "phone", "online"}
    requests = pd.read_parquet(tmp_path / "requests.parquet")
    assert (requests["outcome"] == "served").sum() == result.figures["served"]
    as_text = pd.read_csv(tmp_path / "requests.csv")
    assert len(as_text) == len(requests)
    assert (tmp_path / "events.json").read_bytes() == event_log(result.day)
    assert "</html>" in (tmp_path / "report.html").read_text(encoding="utf-8")
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".partial")]
