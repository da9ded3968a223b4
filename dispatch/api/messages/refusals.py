"""Why there is no ride, in words."""

from typing import Final

from dispatch.api.messages.message import Language
from dispatch.domain.errors import RefusalCode

REFUSALS: Final[dict[str, tuple[str, str]]] = {
    RefusalCode.ORIGIN_OUTSIDE_AREA: (
        "Der Start liegt außerhalb des Bediengebiets.",
        "The starting point is outside the service area.",
    ),
    RefusalCode.DESTINATION_OUTSIDE_AREA: (
        "Das Ziel liegt außerhalb des Bediengebiets.",
        "The destination is outside the service area.",
    ),
    RefusalCode.NO_STOP_NEAR_ORIGIN: (
        "In Laufweite des Starts gibt es keine Haltestelle.",
        "There is no stop within walking distance of the starting point.",
    ),
    RefusalCode.NO_STOP_NEAR_DESTINATION: (
        "In Laufweite des Ziels gibt es keine Haltestelle.",
        "There is no stop within walking distance of the destination.",
    ),
    RefusalCode.TOO_SHORT: (
        "Start und Ziel liegen so nah beieinander, dass sich die Fahrt nicht lohnt.",
        "Start and destination are too close to each other for a ride.",
    ),
    RefusalCode.OUTSIDE_SERVICE_HOURS: (
        "Zu dieser Zeit fährt der Rufbus nicht.",
        "The service does not run at that time.",
    ),
    RefusalCode.NO_SUITABLE_VEHICLE: (
        "Für diese Gruppe gibt es kein passendes Fahrzeug.",
        "There is no vehicle that suits this party.",
    ),
    RefusalCode.STOP_CLOSED: (
        "Die Haltestelle ist zu dieser Zeit gesperrt.",
        "The stop is closed at that time.",
    ),
    RefusalCode.ARRIVAL_TOO_SOON: (
        "Bis dahin ist das Ziel nicht mehr zu erreichen.",
        "The destination cannot be reached by then any more.",
    ),
    RefusalCode.NO_CAPACITY: (
        "Zu dieser Zeit sind alle Fahrzeuge ausgebucht.",
        "All vehicles are taken at that time.",
    ),
}


def refusal_message(code: str, language: Language) -> str:
    """The sentence for a refused ride request."""
    german, english = REFUSALS.get(code, REFUSALS[RefusalCode.NO_CAPACITY])
    return german if language == "de" else english
