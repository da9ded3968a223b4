"""Words for the codes around the life of bookings."""

from typing import Final

from dispatch.api.messages.message import Message
from dispatch.domain.errors import ErrorCode, RefusalCode
from dispatch.domain.life import Obstacle

LIFE_ERRORS: Final[dict[ErrorCode, Message]] = {
    ErrorCode.CONTACT_REQUIRED: Message(
        422,
        ("Kontakt fehlt", "Bitte Namen und Telefonnummer oder E-Mail-Adresse angeben."),
        ("Contact missing", "Please give a name and a phone number or an e-mail address."),
    ),
    ErrorCode.MOVE_NOT_POSSIBLE: Message(
        409,
        ("Umbuchen nicht möglich", "Dieses Fahrzeug kann die Fahrt so nicht übernehmen."),
        ("Move not possible", "That vehicle cannot take the ride over like this."),
    ),
    ErrorCode.PREVIEW_STALE: Message(
        409,
        ("Vorschau veraltet", "Die Fahrpläne haben sich inzwischen geändert. Bitte neu ansehen."),
        ("Preview out of date", "The plans have changed meanwhile. Please look again."),
    ),
    ErrorCode.SERIES_NOT_FOUND: Message(
        404,
        ("Dauerauftrag nicht gefunden", "Diesen Dauerauftrag gibt es nicht (mehr)."),
        ("Standing order not found", "There is no such standing order (any more)."),
    ),
    ErrorCode.SERIES_INVALID: Message(
        422,
        ("Dauerauftrag nicht möglich", "Wochentage, Zeit oder Weg passen nicht; siehe „params“."),
        ("Standing order not possible", "Days, time or way do not fit; see “params”."),
    ),
    ErrorCode.SERIES_ENDED: Message(
        409,
        ("Dauerauftrag beendet", "Dieser Dauerauftrag ist schon beendet."),
        ("Standing order has ended", "This standing order has ended already."),
    ),
    ErrorCode.WAITING_NOT_POSSIBLE: Message(
        409,
        ("Warteliste nicht möglich", "Für diesen Fahrtwunsch gibt es keine Warteliste (mehr)."),
        ("Cannot wait", "There is no waiting list for this ride request (any more)."),
    ),
    ErrorCode.WAITING_LIST_FULL: Message(
        409,
        ("Warteliste voll", "Es warten schon zu viele. Bitte eine andere Zeit versuchen."),
        ("Waiting list full", "Too many are waiting already. Please try another time."),
    ),
    ErrorCode.NOT_WAITING: Message(
        404,
        ("Nicht auf der Warteliste", "Dieser Fahrtwunsch steht nicht auf der Warteliste."),
        ("Not on the waiting list", "This ride request is not on the waiting list."),
    ),
    ErrorCode.GROUP_NOT_FOUND: Message(
        404,
        ("Gruppe nicht gefunden", "Diese Gruppe gibt es nicht (mehr)."),
        ("Group not found", "There is no such group (any more)."),
    ),
    ErrorCode.GROUP_TOO_SMALL: Message(
        422,
        ("Keine große Gruppe", "Für so wenige reicht ein Fahrzeug. Bitte einfach buchen."),
        ("Not a large group", "One vehicle is enough for so few. Please book a single ride."),
    ),
    ErrorCode.GROUP_OFFER: Message(
        409,
        ("Angebot einer Gruppe", "Die Angebote einer Gruppe werden zusammen gebucht."),
        ("Offer of a group", "The offers of a group are booked together."),
    ),
}

_OBSTACLES: Final[dict[Obstacle, tuple[str, str]]] = {
    Obstacle.SAME_SHIFT: (
        "Die Buchung ist schon auf diesem Fahrzeug.",
        "The booking is on that vehicle already.",
    ),
    Obstacle.BOARDING: (
        "Das jetzige Fahrzeug ist schon am Halt oder gleich da.",
        "The present vehicle is at the stop already, or about to be.",
    ),
    Obstacle.NO_DRIVER: (
        "Die Schicht ist vorbei, oder es hat sie niemand begonnen.",
        "The shift is over, or nobody has begun it.",
    ),
    Obstacle.PARTY_DOES_NOT_FIT: (
        "So viele Personen oder Rollstühle passen nicht in dieses Fahrzeug.",
        "So many people or wheelchairs do not fit into that vehicle.",
    ),
    Obstacle.NO_ROOM: (
        "Zu dieser Zeit ist kein Platz im Fahrzeug.",
        "There is no room in the vehicle at that time.",
    ),
    Obstacle.OUTSIDE_SHIFT: (
        "Die Fahrt liegt außerhalb der Schicht.",
        "The ride lies outside the shift.",
    ),
    Obstacle.BREAK_IN_THE_WAY: (
        "Die Pause des Fahrers käme zu spät.",
        "The driver's break would come too late.",
    ),
    Obstacle.PROMISE_BROKEN: (
        "Zusagen an Fahrgäste würden gebrochen.",
        "Promises to riders would be broken.",
    ),
}

_DAYS: Final[dict[str, tuple[str, str]]] = {
    "rider": ("Vom Fahrgast ausgesetzt.", "Left out by the rider."),
    "control": ("Von der Leitstelle ausgesetzt.", "Left out by the control room."),
    "holiday": ("Feiertag.", "Public holiday."),
    str(ErrorCode.DEPARTURE_IN_PAST): (
        "Die Zeit war vorbei, bevor geplant werden konnte.",
        "The time had passed before it could be planned.",
    ),
}

_REFUSED: Final[dict[str, tuple[str, str]]] = {
    str(RefusalCode.NO_CAPACITY): (
        "Noch kein Platz; es wird weiter versucht.",
        "No room yet; it will be tried again.",
    ),
}


def obstacle_message(code: str | None, language: str) -> str | None:
    """Why a move is not possible, None without a code."""
    if code is None:
        return None
    german, english = _OBSTACLES[Obstacle(code)]
    return german if language == "de" else english


def day_message(code: str | None, language: str) -> str | None:
    """What a day's code means, None without one, or where only the code is known."""
    words = _DAYS.get(code or "") or _REFUSED.get(code or "")
    if words is None:
        return None
    return words[0] if language == "de" else words[1]
