"""What alerts and choices say, in German and English; one text of each kind for both."""

from typing import Final

from dispatch.api.messages import Language

Words = dict[Language, str]

_KINDS: Final[dict[str, tuple[str, str]]] = {
    "late_pickup": (
        "{code} wird am Halt {stop} {minutes} min später abgeholt als zugesagt.",
        "{code} will be picked up at {stop} {minutes} min later than promised.",
    ),
    "late_arrival": (
        "{code} kommt am Halt {stop} {minutes} min später an als zugesagt.",
        "{code} will arrive at {stop} {minutes} min later than promised.",
    ),
    "long_ride": (
        "{code} ist {minutes} min länger unterwegs als zugesagt.",
        "{code} will ride {minutes} min longer than promised.",
    ),
    "break_late": (
        "Die Pause beginnt {minutes} min zu spät für das Arbeitszeitgesetz.",
        "The break will begin {minutes} min too late for the Working Hours Act.",
    ),
    "shift_overrun": (
        "Die Schicht dauert {minutes} min länger als geplant.",
        "The shift will last {minutes} min longer than planned.",
    ),
    "no_driver": (
        "Die Schicht läuft seit {minutes} min, aber niemand hat sich angemeldet.",
        "The shift should have begun {minutes} min ago, but nobody has signed on.",
    ),
    "no_vehicle": (
        "{code} hat seit {minutes} min kein Fahrzeug und wartet am Halt {stop}.",
        "{code} has had no vehicle for {minutes} min and waits at {stop}.",
    ),
    "position_stale": (
        "Seit {minutes} min ist nichts vom Fahrzeug zu hören; es gilt der Fahrplan.",
        "The vehicle has not been heard of for {minutes} min; the plan says where it is.",
    ),
    "position_doubted": (
        "Eine Position kann nicht stimmen; sie zählt erst, wenn eine zweite sie bestätigt.",
        "A position cannot be right; it counts only once a second one confirms it.",
    ),
    "vehicle_off_route": (
        "Das Fahrzeug ist {metres} m von seinem Weg entfernt.",
        "The vehicle is {metres} m away from its way.",
    ),
    "stop_closed": (
        "Der Halt {stop}, der {code} zugesagt ist, ist gesperrt.",
        "The stop {stop} that {code} was promised is closed.",
    ),
}

_CAUSES: Final[dict[str, tuple[str, str]]] = {
    "no_driver": (
        "Es hat sich noch niemand zur Schicht angemeldet.",
        "Nobody has signed on for the shift yet.",
    ),
    "held_at_stop": (
        "Das Fahrzeug steht länger am Halt als geplant.",
        "The vehicle stands at a stop for longer than planned.",
    ),
    "behind_plan": ("Das Fahrzeug ist hinter seinem Plan.", "The vehicle is behind its plan."),
}

_ACTIONS: Final[dict[str, tuple[str, str]]] = {
    "move_booking": ("Mit {vehicle} fahren lassen", "Let {vehicle} take them"),
    "swap_vehicle": ("{vehicle} einsetzen", "Send {vehicle} instead"),
    "call_rider": ("Fahrgast anrufen", "Call the rider"),
    "call_driver": ("{vehicle} anrufen", "Call {vehicle}"),
    "cancel_booking": ("Mit Entschuldigung absagen", "Cancel with an apology"),
}

_IN_TIME: Final = ("pünktlich", "in time")
_LATE: Final = ("{minutes} min zu spät", "{minutes} min late")


def alert_words(kind: str, cause: str | None, values: dict[str, str | int]) -> Words:
    """What is wrong, and why."""
    parts = [_KINDS[kind], *([_CAUSES[cause]] if cause else [])]
    return {
        "de": " ".join(german.format(**values) for german, _ in parts),
        "en": " ".join(english.format(**values) for _, english in parts),
    }


def choice_words(action: str, vehicle: str, late_s: int | None) -> Words:
    """What can be done, and how late the rider is then."""
    german, english = _ACTIONS[action]
    words: Words = {"de": german.format(vehicle=vehicle), "en": english.format(vehicle=vehicle)}
    if late_s is not None:
        then = _LATE if late_s else _IN_TIME
        words["de"] += f" ({then[0].format(minutes=minutes(late_s))})"
        words["en"] += f" ({then[1].format(minutes=minutes(late_s))})"
    return words


def minutes(seconds: int) -> int:
    """Whole minutes, rounded up: nobody is told of less than it is."""
    return -(-seconds // 60)
