"""Scenarios for the grid town of `tiny_town`."""

from typing import Any

from simulations.scenario import Scenario

EVERYTHING: dict[str, Any] = {
    "traffic_sigma": 0.2,
    "traffic_hour_sigma": 0.1,
    "boarding_sigma": 0.3,
    "no_show_share": 0.1,
    "late_share": 0.3,
    "late_mean_s": 40,
    "cancel_share": 0.1,
    "breakdowns_per_vehicle_day": 1.0,
    "breakdown_s": (600, 1800),
}
"""All random processes at once."""


def grid_scenario(requests: int = 80, **world: Any) -> Scenario:
    """A working day on the grid: trips from anywhere to anywhere between 7 and 20 h."""
    demand = {
        "requests": requests,
        "flows": [{"origin": "*", "destination": "*", "share": 1}],
        "hours": [0] * 7 + [1] * 13 + [0] * 4,
        "party_sizes": [82, 13, 3, 2],
        "wheelchair_share": 0.03,
    }
    return Scenario.model_validate(
        {"name": "grid", "town": "grid", "date": "2026-03-10", "demand": demand, "world": world}
    )
