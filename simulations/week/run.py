"""`rufbus bench week`: days of service through the real processes, then the reckoning.

The processes are those of `rufbus serve`, on a clock that is moved from one event to the next, and
everybody uses them over HTTP. The seed decides who does what and what goes wrong when; how the
processes interleave is real, so that no two weeks are the same to the byte.
"""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from dispatch.clock import ClockHand
from dispatch.config import TownConfig, load_town
from dispatch.domain.commands import RequestRide
from dispatch.networks import load_graph, load_network
from dispatch.own_folder import own_folder
from simulations.benchmarks.live_town import LiveService
from simulations.demand import Demand, Trip, make_demand
from simulations.demand.sections import DemandFile, Flow
from simulations.processes import Processes
from simulations.runner import Progress
from simulations.scenario import WorldSection
from simulations.week import checks
from simulations.week.book import Book
from simulations.week.calls import Calls
from simulations.week.control import ControlRoom
from simulations.week.crashes import VICTIMS, Crashes
from simulations.week.drivers import CALM, Chances, Drivers
from simulations.week.figures import Outcome, ridden
from simulations.week.ledger import Ledger
from simulations.week.riders import Riders
from simulations.week.timeline import Timeline
from simulations.week.vehicles import Roads

MONDAY: Final = date(2026, 3, 23)
"""Of the week at whose end the clocks go forward."""
_SPEED: Final = 600.0
_HOUR_S: Final = 3600
_BEFORE_S: Final = 1200
_AFTER_S: Final = 2 * _HOUR_S
_QUIET_S: Final = 60.0
_PERSONS: Final = (9, 14)
_SERIES: Final = 3
_PROCESSES: Final = ("dispatcher", "web", "optimiser", "messenger")
_CROWD: Final = 6
"""This part of a day's riders comes once more within ten minutes."""
_HOURS: Final = [0, 0, 0, 0, 0, 3, 8, 12, 9, 7, 7, 8, 9, 9, 8, 9, 11, 10, 8, 6, 4, 3, 2, 0]
_WORLD: Final = WorldSection(
    traffic_sigma=0.12,
    traffic_hour_sigma=0.06,
    boarding_sigma=0.3,
    no_show_share=0.04,
    late_share=0.12,
    late_mean_s=60,
    cancel_share=0.1,
    cancel_lead_mean_h=1.5,
    breakdowns_per_vehicle_day=2.0,
    breakdown_s=(240, 4800),
)


@dataclass(frozen=True)
class WeekRun:
    """What to run.

    Attributes:
        town: the folder of the town.
        var: where its roads may lie already.
        days: how many days of service, from a Monday on.
        seed: of everything that is left to chance.
        vehicles: how many, each staffed all day; None leaves the town's own fleet.
        requests: ride requests a day.
        kills: how many processes are killed a day.
        faults: whether anything goes wrong on the road and at the stops.
        keep: a folder for logs and data if something is wrong, None = they are removed.
    """

    town: Path
    var: Path
    days: int = 7
    seed: int = 1
    vehicles: int | None = None
    requests: int = 120
    kills: int = 4
    faults: bool = True
    keep: Path | None = None


def run(options: WeekRun, say: Callable[[str], None], tell: Progress) -> Outcome:
    """Run the days, stop everything, and check all of it.

    Args:
        options: what to run.
        say: told what is being done.
        tell: told how far it is.

    Raises:
        BenchmarkError: the service does not come up.
        ConfigError: the town cannot be used.
        KeyboardInterrupt: somebody wants it to stop; everything has been stopped.
    """
    began = time.monotonic()
    ledger = Ledger()
    outcome = Outcome(violations=ledger.violations)
    every_day = ("weekday", "saturday", "sunday")
    service = LiveService(options.town, options.var, options.vehicles, days=every_day)
    try:
        config = load_town(service.town)
        opens_s, _ = _span(config, MONDAY)
        with (
            ClockHand(service.var / "clock", opens_s - _BEFORE_S, _SPEED) as hand,
            _terminated_like_interrupted(),
        ):
            service.extra = hand.env
            say("Starting the service ...")
            service.start()
            week = _Week(options, config, service, hand, ledger, say, tell)
            asyncio.run(week.go(outcome))
            outcome.operation["plans_improved"] = service.logged("optimiser", "proposal: taken")
            service.stop()
            tell("audit", 0.0)
            _audit(service, outcome)
            for name in _PROCESSES:
                outcome.violations += [f"{name} logged: {line}" for line in service.errors(name)]
        outcome.setting |= {"took_s": round(time.monotonic() - began)}
        if options.keep is not None and not outcome.is_clean:
            service.keep_as(options.keep)
            say(f"logs and data are in {options.keep}")
    finally:
        service.close()
    return outcome


def _span(config: TownConfig, day: date) -> tuple[int, int]:
    """Opening and closing instant of a day; noon where the town is closed."""
    hours = config.config.hours
    noon_s = hours.instant(day, 12 * 60)
    return hours.interval(day) or (noon_s, noon_s)


def _audit(service: LiveService, outcome: Outcome) -> None:
    done = service.command("audit", "--json")
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        outcome.violations.append(f"the audit could not be made: {done.stderr or done.stdout}")
        return
    outcome.audit = report["counts"]
    stored, known = outcome.audit["bookings"], outcome.rides["bookings"]
    if stored != known:
        outcome.violations.append(f"{stored} bookings are stored, {known} were acknowledged")
    for found in report["findings"]:
        outcome.violations.append("audit: {check}: {subject}: {detail}".format(**found))
    outcome.violations += [f"audit: {note}" for note in report["notes"]]


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM ends us as Ctrl-C does, so that nothing is left running."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _Week:
    """Everybody who takes part."""

    def __init__(
        self,
        options: WeekRun,
        config: TownConfig,
        service: LiveService,
        hand: ClockHand,
        ledger: Ledger,
        say: Callable[[str], None],
        tell: Progress,
    ) -> None:
        self._options = options
        self._config = config
        self._service = service
        self._ledger = ledger
        self._say, self._tell = say, tell
        self._timeline = Timeline(hand)
        self._days = [MONDAY + timedelta(days=n) for n in range(options.days)]
        self._spans = [_span(config, day) for day in self._days]
        self._first_s, self._last_s = self._spans[0][0], max(end for _, end in self._spans)
        world = _WORLD if options.faults else WorldSection()
        self._processes = Processes(world, options.seed)
        self._book = Book(self._processes.fate)
        graph = load_graph(config, service.var)
        self._network = load_network(config, service.var, graph, lambda _line: None)
        self._crashes = Crashes(service, ledger, self._dice("crashes"), say)

    def _dice(self, what: str) -> Random:
        return Random(f"{self._options.seed} {what}")  # noqa: S311 - reproducible, no secret

    async def go(self, outcome: Outcome) -> None:
        """Live through all days, then ask everybody what they were told."""
        wanted = self._options
        # Said by the loop, which by then knows what to do with Ctrl-C.
        self._say(f"{wanted.days} days, {wanted.requests} requests and {wanted.kills} kills each")
        service, zone = self._service, self._config.config.timezone
        tokens = {role: service.token(role) for role in ("vehicle", "control")}
        calls = Calls(
            lambda: service.url,
            tokens,
            self._ledger,
            f"week-{wanted.seed}",
            self._dice("double clicks"),
            self._crashes.is_excuse,
        )
        async with calls:
            timeline, book, dice = self._timeline, self._book, self._dice
            roads = Roads(self._network)
            riders = Riders(timeline, calls, book, zone, dice("riders"), self._last_s)
            drivers = Drivers(
                timeline,
                calls,
                book,
                roads,
                self._processes,
                dice("drivers"),
                chances=Chances() if self._options.faults else CALM,
            )
            control = ControlRoom(timeline, calls, book, riders, roads, dice("control"))
            fleet = await calls.get("/fleet", "control")
            drivers.staff(fleet["vehicles"])
            self._plan(riders, control)
            for _, closes_s in self._spans:
                await self._live(closes_s)
            await timeline.run_until(self._last_s + _AFTER_S)
            await self._crashes.settle()
            await control.collect_series()
            await self._reckon(outcome, calls, riders, drivers, control)

    def _plan(self, riders: Riders, control: ControlRoom) -> None:
        """Who does what, and what is killed when."""
        options, dice = self._options, self._dice("plan")
        demand = self._demand()
        victims = list(VICTIMS)
        dice.shuffle(victims)
        days = zip(self._days, self._spans, strict=True)
        for number, (day, (opens_s, closes_s)) in enumerate(days):
            if opens_s == closes_s:
                continue
            midnight_s = self._config.config.hours.instant(day, 0)
            trips = demand.day(midnight_s, self._dice(f"trips {number}"))
            riders.expect([*trips, *self._crowd(demand, dice, opens_s, closes_s)])
            if options.faults:
                control.plan_day(opens_s, closes_s)
            group_s = dice.randrange(opens_s, closes_s - 4 * _HOUR_S)
            riders.expect_group(group_s, demand.ride(dice), dice.randint(*_PERSONS))
            for kill in range(options.kills):
                victim = victims[(number * options.kills + kill) % len(victims)]
                at_s = dice.randrange(opens_s, closes_s)
                self._timeline.at(at_s, partial(self._crashes.strike, victim))
        first = self._days[min(1, len(self._days) - 1)]
        rides = [demand.ride(dice) for _ in range(_SERIES)]
        control.plan_series(self._first_s, first, self._days[-1], rides)

    def _crowd(self, demand: Demand, dice: Random, opens_s: int, closes_s: int) -> list[Trip]:
        """Many who want to be driven at once, more than there is room for: a train has come."""
        if not self._options.faults:
            return []
        at_s = dice.randrange(opens_s + 2 * _HOUR_S, closes_s - 3 * _HOUR_S)
        number = self._options.requests // _CROWD
        return [
            Trip(at_s + dice.randrange(600), RequestRide(*demand.ride(dice))) for _ in range(number)
        ]

    def _demand(self) -> Demand:
        section = DemandFile(
            requests=self._options.requests,
            flows=[Flow(origin="*", destination="*", share=1.0)],
            hours=[float(weight) for weight in _HOURS],
            party_sizes=[82.0, 13.0, 3.0, 2.0],
            wheelchair_share=0.03,
            prebooked_share=0.55,
            prebooked_lead_h=[0.5, 40.0],
        )
        return make_demand(section, {}, self._network, Path())

    async def _live(self, until_s: int) -> None:
        """Live on until an instant, an hour at a time, and tell how far it is."""
        for at_s in range(self._timeline.now_s, until_s, _HOUR_S):
            await self._timeline.run_until(at_s)
            lived = (at_s - self._first_s) / (self._last_s - self._first_s)
            self._tell("simulation", max(0.0, lived))
        await self._timeline.run_until(until_s)

    async def _reckon(
        self,
        outcome: Outcome,
        calls: Calls,
        riders: Riders,
        drivers: Drivers,
        control: ControlRoom,
    ) -> None:
        """Ask everything again, look everything up, and note what is not as it was told."""
        ledger, book, tell = self._ledger, self._book, self._tell
        outcome.codes = dict(sorted(ledger.codes.items()))
        outcome.broken = dict(sorted(ledger.broken.items()))
        await self._until_told(calls)
        replayed = await checks.replay(calls, ledger, partial(tell, "replay"))
        views = await checks.bookings(calls, book, ledger, partial(tell, "bookings"))
        mails = own_folder(self._service.var, "messages", self._config)
        sent = Counter(path.stem for path in mails.glob("*.eml"))
        states = await checks.messages(calls, book, views, sent, ledger, partial(tell, "messages"))
        for what in checks.unlawful(drivers.journal):
            ledger.violate(what)
        options, journal, survived = self._options, drivers.journal, self._crashes.survived
        outcome.setting |= {
            "town": self._config.config.area_id,
            "seed": options.seed,
            "days": options.days,
            "vehicles": len(self._config.config.vehicles),
        }
        outcome.rides = {
            "requests": riders.asked,
            "refused": riders.refused,
            "abandoned": riders.abandoned,
            "waited_for_room": riders.waiting,
            "served_from_waiting_list": riders.served_waiting,
            "changes": sum(ride.changes for ride in book.rides.values()),
            **ridden(views.values()),
        }
        over_s = checks.overtime_s(journal)
        outcome.operation = {
            "shifts": len(journal.shifts),
            "shifts_over_time": len(over_s),
            "most_over_time_s": max(over_s, default=0),
            "outages": journal.outages,
            "on_board_then": journal.aboard_lost,
            "swaps": journal.swaps,
            "delays": journal.delays,
            "halts_blocked": journal.blocked,
            "walk_ons": journal.walk_ons,
            "breaks": sum(len(worked.breaks) for worked in journal.shifts.values()),
            "closures": control.desk.closures,
            "moves": control.desk.moves,
            "pins": control.desk.pins,
            "alerts_seen": control.desk.alerts,
            "standing_orders": control.desk.series,
            "rides_of_standing_orders": control.desk.series_rides,
        }
        outcome.messages = dict(sorted(states.items()))
        outcome.kills = {v: survived.kills[v] for v in VICTIMS if survived.kills[v]}
        outcome.back_s = {victim: max(back) for victim, back in survived.back_s.items()}
        outcome.clients = {
            "calls": ledger.calls,
            "repeated_after_no_answer": ledger.repeated,
            "sent_twice": ledger.doubled,
            "acknowledged": sum(answer.is_yes for _, answer in ledger.bound.values()),
            "asked_again_at_the_end": replayed,
        }

    async def _until_told(self, calls: Calls) -> None:
        """Wait until messengers have nothing left to do."""
        deadline = time.monotonic() + _QUIET_S
        while time.monotonic() < deadline:
            waiting = await calls.get("/messages?state=pending&limit=1", "control")
            if not waiting.get("messages"):
                return
            await asyncio.sleep(0.5)
