"""Stands in for `rufbus simulate | compare | scenario check`: same contract, no simulation.

What it does depends on the scenario's name: `slow` takes a minute, `deaf` does not stop when asked,
`broken` fails, anything else is done in a moment.
"""

import argparse
import json
import signal
import sys
import time
import tomllib
from pathlib import Path
from typing import Any

KNOWN = {"name", "description", "town", "date", "seed", "extends", "fleet", "demand", "rules"}
KNOWN |= {"dispatch", "world", "costs", "riders", "places"}
REPORT = (
    "<!doctype html><html lang={lang}><title>Bericht</title><style>body{{color:#123456}}</style>"
    "<h1>{title}</h1><svg width=9 height=9></svg><p id=seen>-</p><script>"
    "let cookie = 'none'; try {{ cookie = document.cookie }} catch {{ cookie = 'sandboxed' }}"
    "document.getElementById('seen').textContent = cookie</script></html>"
)


class Stop(Exception):  # noqa: N818 - no error: somebody has asked
    pass


def read(path: Path) -> dict[str, Any]:
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    base = values.pop("extends", None)
    found = read(path.parent / base) if base else {}
    for key, value in values.items():
        both = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = {**found[key], **value} if both else value
    return found


def checked(path: Path) -> dict[str, Any]:
    try:
        values = read(path)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SystemExit(f"error: [scenario_invalid] {path}: {error}") from error
    for key in values:
        if key not in KNOWN:
            raise SystemExit(f"error: [scenario_invalid] {path}: {key}: unknown key")
    vehicles = values.get("fleet", {}).get("vehicles", 1)
    if vehicles > 100:
        raise SystemExit(f"error: [scenario_invalid] {path}: fleet.vehicles: at most 100")
    return values


def simulate(options: argparse.Namespace) -> None:
    scenario = checked(options.scenario)
    name = scenario["name"]
    if "broken" in name:
        raise SystemExit("error: [roads_missing] there are no roads for this town")
    steps = 600 if "slow" in name or "deaf" in name else 3
    if "deaf" in name:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    done = 0
    try:
        for done in range(1, steps + 1):
            line = {"done": done / steps, "left_s": (steps - done) / 10, "stage": "simulation"}
            sys.stdout.write(f"{json.dumps(line)}\n")
            sys.stdout.flush()
            time.sleep(0.1)
    except Stop:
        pass
    options.out.mkdir(parents=True, exist_ok=True)
    seed = scenario.get("seed", 1) if options.seed is None else options.seed
    figures = {
        "acceptance": 0.9 + seed % 10 / 100,
        "wait_mean_s": 480 + seed,
        "vehicle_km": 1184.2 * done / steps,
        "cost_per_passenger_eur": 12.345,
        "seed": seed,
        "refused_by_reason": {},
    }
    (options.out / "kpis.json").write_text(json.dumps({"figures": figures}), encoding="utf-8")
    (options.out / "requests.csv").write_text("id,served\n1,1\n", encoding="utf-8")
    report = REPORT.format(title=name, lang=options.lang)
    (options.out / "report.html").write_text(report, encoding="utf-8")


def compare(options: argparse.Namespace) -> None:
    for folder in options.runs:
        json.loads((folder / "kpis.json").read_text(encoding="utf-8"))
    title = f"{len(options.runs)} runs"
    options.out.write_text(REPORT.format(title=title, lang=options.lang), encoding="utf-8")


def stop(_number: int, _frame: object) -> None:
    raise Stop


def main() -> None:
    signal.signal(signal.SIGINT, stop)
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("simulate")
    run.add_argument("scenario", type=Path)
    run.add_argument("--out", type=Path, required=True)
    run.add_argument("--seed", type=int)
    run.add_argument("--lang", choices=("de", "en"), default="de")
    run.add_argument("--progress", choices=("json",), required=True)
    both = commands.add_parser("compare")
    both.add_argument("runs", type=Path, nargs="+")
    both.add_argument("--out", type=Path, required=True)
    both.add_argument("--lang", choices=("de", "en"), default="de")
    scenario = commands.add_parser("scenario")
    scenario.add_argument("check", choices=("check",))
    scenario.add_argument("scenario", type=Path)
    scenario.add_argument("--json", action="store_true", required=True)
    options = parser.parse_args()
    if options.command == "scenario":
        sys.stdout.write(json.dumps(checked(options.scenario), default=str))
    elif options.command == "simulate":
        simulate(options)
    else:
        compare(options)


if __name__ == "__main__":
    sys.exit(main())
