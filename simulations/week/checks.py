"""After a week: is everything that anybody was told still so, exactly once?"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from simulations.week.book import Book, End, Ride
from simulations.week.calls import Calls
from simulations.week.drivers import Journal, Worked
from simulations.week.law import breaches
from simulations.week.ledger import Json, Ledger, same_terms

_AT_ONCE: Final = 8
_BY: Final = "-by-"
_MESSAGES_MAX: Final = 200
_MINUTE_S: Final = 60
_FINISHED: Final = frozenset(
    {"sent", "superseded", "expired", "dead", "no_channel", "no_recipient"}
)
_ONCE: Final = {"cancelled": "cancelled", "no_show": "no_show"}
"""Kinds of messages that a booking has once, or never, by the status it must have."""

Tell = Callable[[float], None]


async def in_turns(acts: Iterable[Awaitable[None]], tell: Tell) -> None:
    """A few at a time, with the share that is done told now and then."""
    waiting = list(acts)
    free, done = asyncio.Semaphore(_AT_ONCE), 0

    async def one(act: Awaitable[None]) -> None:
        nonlocal done
        async with free:
            await act
        done += 1
        tell(done / len(waiting))

    await asyncio.gather(*map(one, waiting))


async def replay(calls: Calls, ledger: Ledger, tell: Tell) -> int:
    """Ask everything again under its old key: `Ledger.take` notes any other answer."""
    bound = [call for call, _ in ledger.bound.values()]

    async def again(index: int) -> None:
        call = bound[index]
        answer = await calls.repeat(call)
        first = ledger.bound[call.key][1]
        if answer.status != first.status:
            ledger.violate(f"{call.method} {call.path}: {first.status} became {answer.status}")

    await in_turns((again(index) for index in range(len(bound))), tell)
    return len(bound)


async def bookings(calls: Calls, book: Book, ledger: Ledger, tell: Tell) -> dict[str, Json]:
    """Every acknowledged booking as it is now; what differs from what was told is a violation."""
    found: dict[str, Json] = {}

    async def look(ride: Ride) -> None:
        view = await calls.get(f"/bookings/{ride.id}")
        if not view:
            ledger.violate(f"booking {ride.id} was acknowledged and is not there")
            return
        found[ride.id] = view
        for what in untrue(ride, view):
            ledger.violate(f"booking {ride.id}: {what}")

    await in_turns(map(look, list(book.rides.values())), tell)
    return found


def untrue(ride: Ride, view: Json) -> list[str]:
    """What a booking shows that its rider or driver was told otherwise."""
    found = []
    if ride.end is End.OPEN and view["status"] not in {"completed", "cancelled", "no_show"}:
        found.append(f"is still {view['status']}")
    if ride.end is End.OPEN and view["status"] == "completed" and view["alighted_at"] is None:
        found.append("is completed, but nobody got off")
    if ride.end is not End.OPEN and view["status"] != ride.end:
        found.append(f"was acknowledged as {ride.end} and is {view['status']}")
    told = ride.view.get("promise")
    if told is not None and not same_terms(told, view["promise"], stops=False):
        found.append(f"was promised {told} and has {view['promise']}")
    if "code" in ride.view and ride.view["code"] != view["code"]:
        found.append(f"had the code {ride.view['code']} and has {view['code']}")
    return found


async def messages(
    calls: Calls, book: Book, views: dict[str, Json], sent: Counter[str], ledger: Ledger, tell: Tell
) -> Counter[str]:
    """What riders were told of each booking, as the outbox shows it; how many by state.

    Args:
        calls: to ask.
        book: the bookings.
        views: as they are now.
        sent: how often each message was found among the e-mails written, by its id.
        ledger: takes the violations.
        tell: told the share that is done.
    """
    states: Counter[str] = Counter()

    async def look(ride: Ride) -> None:
        path = f"/messages?booking={ride.id}&limit={_MESSAGES_MAX}"
        told = (await calls.get(path, "control")).get("messages", [])
        states.update(message["state"] for message in told)
        for what in mistold(ride, views[ride.id], told, sent):
            ledger.violate(f"messages of booking {ride.id}: {what}")

    rides = [ride for ride in book.rides.values() if ride.id in views]
    await in_turns(map(look, rides), tell)
    return states


def mistold(ride: Ride, view: Json, told: Iterable[Json], sent: Counter[str]) -> list[str]:
    """What is wrong with the messages about a booking: too many, too few, not finished."""
    known = list(told)
    kinds = Counter(message["kind"] for message in known)
    ids = Counter(message["id"] for message in known)
    found = [f"{key} is there {n} times" for key, n in ids.items() if n > 1]
    made = kinds["confirmed"] + kinds["wait_served"]
    if made > 1 or (made < 1 and not (kinds["cancelled"] or kinds["no_show"])):
        found.append(f"its making was told {made} times")
    for kind, status in _ONCE.items():
        if kinds[kind] != (view["status"] == status):
            found.append(f"is {view['status']}, {kind} was told {kinds[kind]} times")
    if kinds["changed"] > ride.changes:
        found.append(f"was changed {ride.changes} times, told {kinds['changed']} times")
    for message in known:
        if message["state"] not in _FINISHED:
            found.append(f"{message['kind']} is {message['state']}")
        if message["state"] == "sent" and sent[message["id"]] != 1:
            found.append(f"{message['kind']} was sent, there are {sent[message['id']]} e-mails")
    return found


def unlawful(journal: Journal) -> list[str]:
    """Who carried too many, and what the law has against the drivers' days.

    What was planned is judged: breaks are not made longer when a shift ends later than it was meant
    to (docs/architecture.md); `overtime_s` tells how much later that was.
    """
    days: defaultdict[str, list[Worked]] = defaultdict(list)
    for shift_id, worked in journal.shifts.items():
        days[shift_id.partition(_BY)[0]].append(worked)  # a swap: the same day in another vehicle
    found = list(journal.overloaded)
    for shift_id, parts in sorted(days.items()):
        if not all(part.ended_s for part in parts):
            continue  # nobody knows when the driver of a lost vehicle went home
        start_s = min(part.started_s for part in parts)
        end_s = min(max(part.ended_s for part in parts), max(part.until_s for part in parts))
        taken = {span for part in parts for span in part.breaks.values() if span[0] < end_s}
        blocks = [(begin - start_s, end - start_s) for begin, end in taken]
        found += [f"shift {shift_id}: {what}" for what in breaches(end_s - start_s, blocks)]
    return found


def overtime_s(journal: Journal) -> list[int]:
    """By how many seconds shifts ended later than they were meant to when they began."""
    return [
        over_s for w in journal.shifts.values() if (over_s := w.ended_s - w.until_s) > _MINUTE_S
    ]
