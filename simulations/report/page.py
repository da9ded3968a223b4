"""Puts the report of a run together: everything computed here, laid out by `report.html`."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from simulations.records import Outcome
from simulations.report import charts, sections
from simulations.report.assumptions import chance_rows, service_rows, setting_table
from simulations.report.day import STATES, DayView, view_of
from simulations.report.drawing import OUTCOME_COLOURS, STATE_COLOURS
from simulations.report.headline import headlines
from simulations.report.maps import Maps
from simulations.report.replay import replay_json
from simulations.report.words import Words, words
from simulations.runner import Result

_HERE = Path(__file__).parent
_SCHEMATIC = "schematic"
_LOSSES = (
    *("no_shows", "no_show_share", "cancellations", "cancellation_share"),
    *("cancelled_within_1_h", "abandoned", "displaced", "rescued", "unfinished"),
)
_DISTANCES = (
    *("vehicle_km", "empty_share", "depot_km", "repositioning_km", "passenger_km"),
    *("direct_passenger_km", "detour_factor", "occupancy", "occupancy_occupied"),
)
_WORK = (
    *("vehicles", "staffed_hours", "break_hours", "overtime_hours", "utilisation"),
    *("passengers_per_staffed_hour", "trips_per_staffed_hour"),
    *("pooling_rate", "pooled_passenger_km_share", "system_efficiency"),
)
_CLIMATE = ("co2_kg", "co2_g_per_passenger_km", "co2_reference_kg", "co2_saved_kg")
_MONEY = ("cost_per_passenger_eur", "cost_per_direct_passenger_km_eur")
_REPLAY_WORDS = ("play", "pause", "busy", "empty", "standing", "break", "broken", "off")


def report_html(result: Result, language: str) -> str:
    """The report of a run as one HTML document.

    Args:
        result: the run.
        language: `de` or `en`.
    """
    view, said = view_of(result), words(language)
    maps = Maps(view, said)
    return template("report.html").render(
        t=said,
        css=style_sheet(),
        result=result,
        scenario=result.scenario,
        seed=result.seed,
        figures=result.figures,
        frame=maps.frame,
        attribution=result.attribution,
        headlines=headlines(result.figures, said),
        entries=sections.glossary(result.figures, said),
        few=sections.FEW,
        **_texts(view, said),
        **_pictures(view, maps, said),
        **_replay(view, maps, said),
        tables=_tables(view, said),
        service_rows=service_rows(view, said),
        chance_rows=chance_rows(result.scenario, said),
    )


@cache
def template(name: str) -> Template:
    """A page of the reports; values are escaped."""
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template(name)


@cache
def style_sheet() -> Markup:
    """The reports' style, with the colours of the charts."""
    colours = {f"state-{state.rstrip('+')}": c for state, c in STATE_COLOURS.items()}
    colours |= {f"outcome-{kind}": c for kind, c in OUTCOME_COLOURS.items()}
    rules = "\n".join(f".{name} {{ background: {colour}; }}" for name, colour in colours.items())
    css = (_HERE / "report.css").read_text(encoding="utf-8")
    return Markup(f"{css}{rules}")  # noqa: S704 - ours


def _texts(view: DayView, said: Words) -> dict[str, str]:
    result = view.result
    figures, scenario, costs = result.figures, result.scenario, result.scenario.costs
    at = said.clock(result.day.done_s, result.config.timezone)
    saved = figures["co2_saved_kg"]
    climate = said(
        "climate_intro",
        share=said.percent(costs.reference_share),
        reference=said.number(costs.reference_g_co2_per_km, 0),
        own=said.number(costs.vehicle_g_co2_per_km, 0),
    )
    kilograms = said.number(abs(saved), 0)
    climate += " " + said("climate_saved" if saved >= 0 else "climate_more", kg=kilograms)
    fair = sections.unfair(result.analysis.by_zone, said)
    if figures["wait_mean_s"] is not None:
        tenth = said.minutes(figures["wait_worst_tenth_mean_s"])
        fair += " " + said("fair_tenth", wait=tenth, mean=said.minutes(figures["wait_mean_s"]))
    return {
        "lead": said(
            "lead", town=result.config.name, day=said.day(scenario.date), seed=result.seed
        ),
        "partial": "" if result.complete else said("partial", at=at),
        "schematic": "x" if result.roads == _SCHEMATIC else "",
        "roads": said("roads_schematic") if result.roads == _SCHEMATIC else result.roads,
        "climate_text": climate,
        "fair_text": fair,
        "refusals_text": _refusals(view, said),
    }


def _refusals(view: DayView, said: Words) -> str:
    reasons = view.result.figures["refused_by_reason"]
    if not reasons:
        return said("no_refusals")
    reason, most = max(reasons.items(), key=lambda item: item[1])
    count = sum(r.outcome is Outcome.REFUSED for r in view.records)
    return said(
        "refusals_text",
        count=said.number(count, 0),
        requests=said.number(len(view.records), 0),
        share=said.share(count / len(view.records)),
        reason=said.known(f"reason_{reason}") or reason,
        most=said.number(most, 0),
    )


def _pictures(view: DayView, maps: Maps, said: Words) -> dict[str, Any]:
    loads, load_keys = maps.loads()
    drawn = {
        "demand": charts.demand_chart(view, said),
        "waits": charts.wait_chart(view.records, said),
        "detours": charts.detour_chart(view.records, said),
        "occupancy": charts.occupancy_chart(view, said),
    }
    timelines = charts.timeline_charts(view, said)
    return {
        "charts": {
            **{name: Markup(svg) for name, svg in drawn.items()},  # noqa: S704 - escaped there
            "timelines": [Markup(svg) for svg in timelines],  # noqa: S704
        },
        "maps": {
            "roads": maps.roads(),
            "demand": maps.demand(),
            "refusals": maps.refusals(),
            "loads": loads,
        },
        "load_keys": load_keys,
        "state_keys": [
            (f"state-{state.rstrip('+')}", said(f"state_{state}")) for state in _states(view)
        ],
        "outcome_keys": [
            (f"outcome-{kind}", said(f"outcome_{kind}")) for kind in charts.outcomes(view)
        ],
    }


def _states(view: DayView) -> list[str]:
    """States that vehicles were in that day, the fullest first."""
    found = [vehicle.spans() for vehicle in view.vehicles]
    return [state for state in reversed(STATES) if any(spans[state] for spans in found)]


def _tables(view: DayView, said: Words) -> dict[str, sections.Table]:
    figures, analysis = view.result.figures, view.result.analysis
    return {
        "hours": sections.hour_table(view, said),
        "refusals": sections.refusal_table(view, said),
        "spreads": sections.spread_table(figures, said),
        "promises": sections.promise_table(figures, said),
        "losses": sections.figure_table(_LOSSES, figures, said),
        "relations": sections.relation_table(view, said),
        "distances": sections.figure_table(_DISTANCES, figures, said),
        "work": sections.figure_table(_WORK, figures, said),
        "vehicles": sections.vehicle_table(view, said),
        "zones": sections.fairness_table(analysis.by_zone, said("settlement"), said, named=True),
        "groups": sections.fairness_table(analysis.by_group, said("group"), said, named=False),
        "costs": sections.cost_table(view, said),
        "prices": sections.figure_table(_MONEY, figures, said),
        "climate": sections.figure_table(_CLIMATE, figures, said),
        "settings": setting_table(view.result.scenario, said),
    }


def _replay(view: DayView, maps: Maps, said: Words) -> dict[str, Markup]:
    texts = {key: said(f"replay_{key}") for key in _REPLAY_WORDS}
    script = (_HERE / "replay.js").read_text(encoding="utf-8")
    return {
        "replay_data": Markup(replay_json(view, maps)),  # noqa: S704 - `<` is escaped there
        "replay_words": Markup(json.dumps(texts, ensure_ascii=False)),  # noqa: S704 - ours
        "replay_script": Markup(script),  # noqa: S704 - ours
    }
