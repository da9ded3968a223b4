"""What other simulators make of the same days, as measured beside ours (2 shared cores, 2026-11).

FleetPy answers a request by the cheapest insertion and never moves it afterwards.
"""

from typing import Final

from simulations.benchmarks.table import Row

_ON_2000: Final[Row] = {
    "served": 1810,
    "served_share": 0.905,
    "vehicle_km": 5589.0,
    "empty_share": 0.246,
    "occupancy": 0.919,
    "direct_share": 0.859,
    "shared_share": 0.53,
    "wait_mean_s": 434.0,
}
_ON_800: Final[Row] = {
    "served": 661,
    "served_share": 0.826,
    "vehicle_km": 2328.0,
    "empty_share": 0.304,
    "occupancy": 0.794,
    "direct_share": 0.754,
    "shared_share": 0.38,
    "wait_mean_s": 433.0,
}


def _peer(mode: str, requests_per_s: float, mean_ms: float, p99_ms: float, day: Row) -> Row:
    speed: Row = {
        "requests_per_s": requests_per_s,
        "decision_mean_us": 1000 * mean_ms,
        "decision_p99_us": 1000 * p99_ms,
    }
    return {"mode": mode, **speed, **day}


PEERS: Final[dict[str, list[Row]]] = {
    "800/20": [_peer("FleetPy, full matrix", 125.0, 4.8, 6.9, _ON_800)],
    "2000/50": [
        _peer("FleetPy, C++ router", 13.0, 72.0, 105.0, _ON_2000),
        _peer("FleetPy, full matrix", 80.0, 10.0, 15.0, _ON_2000),
    ],
}
"""By problem; what is not known is left out."""
