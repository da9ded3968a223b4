"""What every code means, in German and English: one catalogue for errors and refusals.

The codes are stable and part of the API; the words are not.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from dispatch.api.life_messages import LIFE_ERRORS
from dispatch.domain.errors import ErrorCode, RefusalCode

Language = Literal["de", "en"]
LANGUAGES: tuple[Language, ...] = ("de", "en")


class ApiCode(StrEnum):
    """Codes of the HTTP layer itself."""

    INVALID_REQUEST = "invalid_request"
    NAIVE_DATETIME = "naive_datetime"
    REQUEST_TOO_LARGE = "request_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID_IDEMPOTENCY_KEY = "invalid_idempotency_key"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    CROSS_SITE = "cross_site"
    NOT_FOUND = "not_found"
    REQUEST_NOT_FOUND = "request_not_found"
    RIDER_NOT_FOUND = "rider_not_found"
    NOT_CONFIRMED = "not_confirmed"
    TOO_MANY_ATTEMPTS = "too_many_attempts"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    SCENARIO_INVALID = "scenario_invalid"
    SCENARIO_CHANGED = "scenario_changed"
    RUN_STATE = "run_state"
    PLANNER_FULL = "planner_full"
    OVERLOADED = "overloaded"
    TOO_MANY_POSITIONS = "too_many_positions"
    REQUEST_TIMEOUT = "request_timeout"
    CONTACT_ERASED = "contact_erased"
    CHANNEL_UNAVAILABLE = "channel_unavailable"
    PUSH_UNAVAILABLE = "push_unavailable"
    SUBSCRIPTION_INVALID = "subscription_invalid"
    SERVICE_UNAVAILABLE = "service_unavailable"
    INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True, slots=True)
class Message:
    """One code: its HTTP status, and a title and a sentence in each language."""

    status: int
    de: tuple[str, str]
    en: tuple[str, str]

    def words(self, language: Language) -> tuple[str, str]:
        """Title and sentence."""
        return self.de if language == "de" else self.en


_HTTP = {
    ApiCode.INVALID_REQUEST: Message(
        422,
        ("Ungültige Angaben", "Einige Angaben fehlen oder sind nicht zulässig; siehe „errors“."),
        ("Invalid request", "Some values are missing or not allowed; see “errors”."),
    ),
    ApiCode.NAIVE_DATETIME: Message(
        422,
        ("Zeitzone fehlt", "Zeiten müssen mit Zeitzone angegeben werden (RFC 3339)."),
        (
            "Time zone missing",
            "Times need an offset (RFC 3339), such as 2026-03-29T08:15:00+02:00.",
        ),
    ),
    ApiCode.REQUEST_TOO_LARGE: Message(
        413,
        (
            "Anfrage zu groß",
            "Eine Anfrage darf höchstens 64 KB groß sein, eine Liste von Sperrungen 2 MB.",
        ),
        ("Request too large", "A request may have 64 KB at most, a list of closures 2 MB."),
    ),
    ApiCode.UNSUPPORTED_MEDIA_TYPE: Message(
        415,
        ("Format nicht unterstützt", "Bitte als application/json senden."),
        ("Unsupported media type", "Please send application/json."),
    ),
    ApiCode.INVALID_IDEMPOTENCY_KEY: Message(
        422,
        (
            "Ungültiger Idempotency-Key",
            "Der Idempotency-Key muss aus 1 bis 255 sichtbaren ASCII-Zeichen bestehen.",
        ),
        (
            "Invalid Idempotency-Key",
            "The Idempotency-Key must have 1 to 255 visible ASCII characters.",
        ),
    ),
    ApiCode.IDEMPOTENCY_KEY_REUSED: Message(
        422,
        (
            "Idempotency-Key schon benutzt",
            "Dieser Idempotency-Key gehört bereits zu einer anderen Anfrage.",
        ),
        ("Idempotency-Key reused", "This Idempotency-Key already belongs to another request."),
    ),
    ApiCode.UNAUTHORIZED: Message(
        401,
        ("Anmeldung nötig", "Dafür ist ein gültiges Zugangstoken nötig."),
        ("Authentication required", "A valid access token is needed for this."),
    ),
    ApiCode.FORBIDDEN: Message(
        403,
        ("Nicht erlaubt", "Dieses Zugangstoken berechtigt nicht dazu."),
        ("Forbidden", "This access token does not permit that."),
    ),
    ApiCode.CROSS_SITE: Message(
        403,
        ("Fremde Seite", "Diese Anfrage kam von einer anderen Webseite."),
        ("Cross-site request", "This request came from another web site."),
    ),
    ApiCode.NOT_FOUND: Message(
        404,
        ("Nicht gefunden", "Unter dieser Adresse gibt es nichts."),
        ("Not found", "There is nothing at this address."),
    ),
    ApiCode.REQUEST_NOT_FOUND: Message(
        404,
        ("Fahrtwunsch nicht gefunden", "Diesen Fahrtwunsch gibt es nicht (mehr)."),
        ("Ride request not found", "There is no such ride request (any more)."),
    ),
    ApiCode.CONTACT_ERASED: Message(
        410,
        ("Kontaktdaten gelöscht", "Zu dieser Buchung sind keine Kontaktdaten mehr gespeichert."),
        ("Contact erased", "There are no contact data for this booking any more."),
    ),
    ApiCode.CHANNEL_UNAVAILABLE: Message(
        409,
        (
            "Dieser Weg geht nicht",
            "Dafür fehlt Ihre Adresse oder Nummer, oder der Dienst bietet diesen Weg nicht an.",
        ),
        (
            "Channel not available",
            "Your address or number for this is missing, or the service does not offer it.",
        ),
    ),
    ApiCode.PUSH_UNAVAILABLE: Message(
        404,
        ("Keine Mitteilungen im Browser", "Dieser Dienst sendet keine Mitteilungen an Browser."),
        ("No push notifications", "This service does not send notifications to browsers."),
    ),
    ApiCode.SUBSCRIPTION_INVALID: Message(
        422,
        (
            "Browser nicht erreichbar",
            "An diesen Browser können wir keine Mitteilungen senden. Bitte wählen Sie E-Mail.",
        ),
        (
            "Subscription not usable",
            "We cannot send notifications to this browser. Please choose e-mail.",
        ),
    ),
    ApiCode.RIDER_NOT_FOUND: Message(
        404,
        ("Fahrgast nicht gefunden", "Diesen Fahrgast gibt es nicht (mehr)."),
        ("Rider not found", "There is no such rider (any more)."),
    ),
    ApiCode.NOT_CONFIRMED: Message(
        403,
        ("Nicht bestätigt", "Code und Angabe passen zu keiner offenen Buchung."),
        ("Not confirmed", "Code and proof do not belong to an open booking."),
    ),
    ApiCode.TOO_MANY_ATTEMPTS: Message(
        429,
        ("Zu viele Versuche", "Bitte in einer Viertelstunde noch einmal, oder rufen Sie uns an."),
        ("Too many attempts", "Please try again in a quarter of an hour, or call us."),
    ),
    ApiCode.METHOD_NOT_ALLOWED: Message(
        405,
        ("Methode nicht erlaubt", "Diese Adresse kennt diese HTTP-Methode nicht."),
        ("Method not allowed", "This address does not know that HTTP method."),
    ),
    ApiCode.SCENARIO_INVALID: Message(
        422,
        ("Szenario ungültig", "So lässt sich das Szenario nicht rechnen."),
        ("Scenario invalid", "The scenario cannot be run like this."),
    ),
    ApiCode.SCENARIO_CHANGED: Message(
        409,
        (
            "Inzwischen geändert",
            "Jemand anderes hat das Szenario inzwischen geändert. Bitte die Seite neu laden.",
        ),
        (
            "Changed meanwhile",
            "Somebody else has changed the scenario meanwhile. Please reload the page.",
        ),
    ),
    ApiCode.RUN_STATE: Message(
        409,
        ("Jetzt nicht möglich", "Der Stand des Laufs lässt das nicht (mehr) zu."),
        ("Not possible now", "The state of the run does not allow that (any more)."),
    ),
    ApiCode.PLANNER_FULL: Message(
        409,
        ("Zu viele", "Davon gibt es schon zu viele. Bitte erst aufräumen oder abwarten."),
        ("Too many", "There are too many of these already. Please tidy up or wait first."),
    ),
    ApiCode.OVERLOADED: Message(
        503,
        (
            "Sehr viele Anfragen",
            "Gerade kommen sehr viele Anfragen. Bitte in einigen Sekunden noch einmal versuchen.",
        ),
        ("Very many requests", "Very many people are asking. Please try again in some seconds."),
    ),
    ApiCode.TOO_MANY_POSITIONS: Message(
        429,
        ("Zu viele Positionen", "Eine Position je Sekunde genügt."),
        ("Too many positions", "One position per second is enough."),
    ),
    ApiCode.REQUEST_TIMEOUT: Message(
        408,
        ("Zeit abgelaufen", "Die Anfrage kam nicht rechtzeitig vollständig an."),
        ("Timed out", "The request did not arrive completely in time."),
    ),
    ApiCode.SERVICE_UNAVAILABLE: Message(
        503,
        ("Gerade nicht erreichbar", "Bitte gleich noch einmal versuchen."),
        ("Unavailable right now", "Please try again in a moment."),
    ),
    ApiCode.INTERNAL_ERROR: Message(
        500,
        ("Unerwarteter Fehler", "Das hätte nicht passieren dürfen. Bitte noch einmal versuchen."),
        ("Unexpected error", "This should not have happened. Please try again."),
    ),
}

_DOMAIN = {
    ErrorCode.UNKNOWN_STOP: Message(
        422,
        ("Haltestelle unbekannt", "Diese Haltestelle gibt es nicht."),
        ("Unknown stop", "There is no such stop."),
    ),
    ErrorCode.STOP_NOT_BOOKABLE: Message(
        422,
        ("Halt nicht buchbar", "An diesem Halt kann nicht ein- oder ausgestiegen werden."),
        ("Stop not bookable", "Riders cannot board or alight at this stop."),
    ),
    ErrorCode.DEPARTURE_IN_PAST: Message(
        422,
        ("Abfahrt in der Vergangenheit", "Bitte eine spätere Abfahrtszeit wählen."),
        ("Departure in the past", "Please choose a later departure time."),
    ),
    ErrorCode.ARRIVAL_IN_PAST: Message(
        422,
        ("Ankunft in der Vergangenheit", "Bitte eine spätere Ankunftszeit wählen."),
        ("Arrival in the past", "Please choose a later arrival time."),
    ),
    ErrorCode.TOO_FAR_AHEAD: Message(
        422,
        ("Zu weit im Voraus", "So weit im Voraus kann noch nicht gebucht werden."),
        ("Too far ahead", "Rides cannot be booked that far ahead yet."),
    ),
    ErrorCode.EMPTY_PARTY: Message(
        422,
        ("Niemand fährt mit", "Bitte mindestens eine Person angeben."),
        ("Nobody travels", "Please name at least one person."),
    ),
    ErrorCode.PARTY_TOO_LARGE: Message(
        422,
        ("Gruppe zu groß", "So viele Personen passen in kein Fahrzeug."),
        ("Party too large", "No vehicle has room for so many people."),
    ),
    ErrorCode.OFFER_NOT_FOUND: Message(
        404,
        ("Angebot nicht gefunden", "Dieses Fahrtangebot gibt es nicht (mehr)."),
        ("Offer not found", "There is no such offer (any more)."),
    ),
    ErrorCode.OFFER_EXPIRED: Message(
        410,
        ("Angebot abgelaufen", "Dieses Fahrtangebot ist abgelaufen. Bitte neu suchen."),
        ("Offer expired", "This offer has expired. Please search again."),
    ),
    ErrorCode.OFFER_NO_LONGER_AVAILABLE: Message(
        409,
        ("Angebot nicht mehr verfügbar", "Der Platz ist inzwischen vergeben. Bitte neu suchen."),
        ("Offer no longer available", "The place has been taken meanwhile. Please search again."),
    ),
    ErrorCode.ALREADY_BOOKED: Message(
        409,
        ("Schon gebucht", "Zu diesem Fahrtwunsch gibt es bereits eine Buchung."),
        ("Already booked", "There already is a booking for this ride request."),
    ),
    ErrorCode.BOOKING_NOT_FOUND: Message(
        404,
        ("Buchung nicht gefunden", "Diese Buchung gibt es nicht (mehr)."),
        ("Booking not found", "There is no such booking (any more)."),
    ),
    ErrorCode.BOOKING_STATE: Message(
        409,
        ("Jetzt nicht möglich", "Der Stand der Buchung lässt das nicht (mehr) zu."),
        ("Not possible now", "The state of the booking does not allow that (any more)."),
    ),
    ErrorCode.VEHICLE_NOT_FOUND: Message(
        404,
        ("Fahrzeug nicht gefunden", "Dieses Fahrzeug gibt es nicht, oder es ist nicht im Dienst."),
        ("Vehicle not found", "There is no such vehicle, or it is not on duty."),
    ),
    ErrorCode.VISIT_NOT_FOUND: Message(
        404,
        ("Halt nicht gefunden", "Dieser Halt steht nicht im Fahrplan des Fahrzeugs."),
        ("Visit not found", "This visit is not in the vehicle's plan."),
    ),
    ErrorCode.VISIT_NOT_NEXT: Message(
        409,
        ("Nicht der nächste Halt", "Vorher steht ein anderer Halt im Fahrplan."),
        ("Not the next visit", "Another visit comes first in the plan."),
    ),
    ErrorCode.NOT_AT_THIS_STOP: Message(
        409,
        ("Nicht an diesem Halt", "Das Fahrzeug steht nicht am Halt dieser Buchung."),
        ("Not at this stop", "The vehicle is not at the stop of this booking."),
    ),
    ErrorCode.NO_SHOW_TOO_EARLY: Message(
        409,
        ("Noch zu früh", "Die Wartezeit am Halt ist noch nicht um."),
        ("Too early", "The waiting time at the stop is not over yet."),
    ),
    ErrorCode.BREAK_TOO_EARLY: Message(
        409,
        (
            "Noch zu früh",
            "Die Pause kann noch nicht beginnen: Danach bliebe zu viel Arbeit am Stück.",
        ),
        (
            "Too early",
            "The break cannot begin yet: too much work in one piece would be left after it.",
        ),
    ),
    ErrorCode.BREAK_NOT_NOW: Message(
        409,
        ("Jetzt keine Pause", "Erst müssen Fahrgäste bedient werden, sonst bräche eine Zusage."),
        ("No break now", "Riders have to be served first, or a promise would be broken."),
    ),
    ErrorCode.BREAK_TOO_LATE: Message(
        409,
        ("Zu spät für die Pause", "So lange darf ohne Pause nicht gearbeitet werden."),
        ("Too late for the break", "Nobody may work that long without a break."),
    ),
    ErrorCode.NO_BREAK_LEFT: Message(
        409,
        ("Keine Pause mehr", "In dieser Schicht steht keine Pause mehr aus."),
        ("No break left", "There is no break left in this shift."),
    ),
    ErrorCode.ON_BREAK: Message(
        409,
        ("In der Pause", "Die Pause hat begonnen; danach geht es weiter."),
        ("On a break", "The break has begun; it has to be over first."),
    ),
    ErrorCode.VEHICLE_OUT_OF_SERVICE: Message(
        409,
        ("Fahrzeug außer Betrieb", "Das Fahrzeug ist außer Betrieb gemeldet."),
        ("Vehicle out of service", "The vehicle is reported as out of service."),
    ),
    ErrorCode.VEHICLE_FULL: Message(
        409,
        ("Kein Platz", "Für diese Fahrgäste ist bis zum Ziel kein Platz im Fahrzeug."),
        ("No room", "The vehicle has no room for these riders all the way."),
    ),
    ErrorCode.SPARE_NOT_FREE: Message(
        409,
        ("Ersatzfahrzeug belegt", "Das andere Fahrzeug hat in dieser Zeit eine eigene Schicht."),
        ("Spare not free", "The other vehicle has a shift of its own at that time."),
    ),
    ErrorCode.SPARE_TOO_SMALL: Message(
        409,
        (
            "Ersatzfahrzeug zu klein",
            "Die Fahrten passen nicht in das andere Fahrzeug. Notfalls erst außer Betrieb melden.",
        ),
        (
            "Spare too small",
            "The rides do not fit into the other vehicle. If need be, go out of service first.",
        ),
    ),
    ErrorCode.SWAP_TOO_LATE: Message(
        409,
        (
            "Tausch bräche Zusagen",
            "Jemand käme später als zugesagt. Notfalls das Fahrzeug erst außer Betrieb melden.",
        ),
        (
            "Swap would break promises",
            "Somebody would be later than promised. If need be, go out of service first.",
        ),
    ),
    ErrorCode.NO_OTHER_STOP: Message(
        409,
        ("Kein anderer Halt", "In Laufweite gibt es keinen anderen Halt."),
        ("No other stop", "There is no other stop within walking distance."),
    ),
    ErrorCode.WALK_ON_IMPOSSIBLE: Message(
        409,
        ("Ziel nicht möglich", "Zu diesem Ziel kann von hier niemand mitgenommen werden."),
        ("Destination not possible", "Nobody can be taken to that destination from here."),
    ),
    ErrorCode.SHIFT_NOT_FOUND: Message(
        404,
        ("Schicht nicht gefunden", "Diese Schicht gibt es nicht."),
        ("Shift not found", "There is no such shift."),
    ),
    ErrorCode.SHIFT_STATE: Message(
        409,
        ("Jetzt nicht möglich", "Der Stand der Schicht lässt das nicht zu."),
        ("Not possible now", "The state of the shift does not allow that."),
    ),
    ErrorCode.SHIFT_HAS_RIDERS: Message(
        409,
        ("Noch Fahrgäste", "Die Schicht hat noch Fahrten auszuführen."),
        ("Riders left", "The shift still has rides to carry out."),
    ),
    ErrorCode.POSITION_OUTSIDE_NETWORK: Message(
        422,
        ("Position außerhalb", "Diese Position liegt nicht am Straßennetz des Dienstes."),
        ("Position outside", "This position is not on the service's road network."),
    ),
    ErrorCode.POSITION_IN_FUTURE: Message(
        422,
        ("Position in der Zukunft", "Die Zeit der Position liegt in der Zukunft."),
        ("Position in the future", "The time of this position is in the future."),
    ),
    ErrorCode.STOP_CLOSED: Message(
        409,
        (
            "Haltestelle gesperrt",
            "Eine Haltestelle dieser Fahrt ist inzwischen gesperrt. Bitte neu suchen.",
        ),
        ("Stop closed", "A stop of this ride has been closed meanwhile. Please search again."),
    ),
    ErrorCode.CLOSURE_NOT_FOUND: Message(
        404,
        ("Sperrung nicht gefunden", "Diese Sperrung gibt es nicht (mehr)."),
        ("Closure not found", "There is no such closure (any more)."),
    ),
    ErrorCode.CLOSURE_PLACE: Message(
        422,
        (
            "Ort der Sperrung unklar",
            "Bitte genau einen Ort angeben; eine einzelne Richtung braucht eine Linie.",
        ),
        (
            "Place of the closure unclear",
            "Please give exactly one place; a single direction needs a line.",
        ),
    ),
    ErrorCode.CLOSURE_OFF_ROAD: Message(
        422,
        ("Keine Straße", "Dort verläuft keine Straße, die wir befahren."),
        ("No road", "No road that we drive on runs along there."),
    ),
    ErrorCode.CLOSURE_TIMES: Message(
        422,
        ("Zeiten unmöglich", "Die Sperrung wäre sofort wieder vorbei."),
        ("Impossible times", "The closure would be over at once."),
    ),
    ErrorCode.CLOSURE_TOO_LARGE: Message(
        409,
        ("Sperrung zu groß", "Es bliebe keine Haltestelle erreichbar."),
        ("Closure too large", "No stop could be reached any more."),
    ),
    ErrorCode.CLOSURES_REPEATED: Message(
        422,
        ("Nummer doppelt", "Zwei Sperrungen der Liste haben dieselbe Nummer."),
        ("Id repeated", "Two closures of the list have the same id."),
    ),
    ErrorCode.ALERT_NOT_FOUND: Message(
        404,
        ("Warnung nicht gefunden", "Diese Warnung gibt es nicht (mehr)."),
        ("Alert not found", "There is no such alert (any more)."),
    ),
    ErrorCode.PROPOSAL_STALE: Message(
        409,
        ("Vorschlag veraltet", "Der vorgeschlagene Fahrplan ist zu alt."),
        ("Proposal out of date", "The proposed plan is too old."),
    ),
    ErrorCode.PROPOSAL_INFEASIBLE: Message(
        409,
        ("Vorschlag nicht möglich", "Der vorgeschlagene Fahrplan bräche eine Zusage."),
        ("Proposal not feasible", "The proposed plan would break a promise."),
    ),
    ErrorCode.PROPOSAL_NOT_BETTER: Message(
        409,
        ("Vorschlag nicht besser", "Der vorgeschlagene Fahrplan ist nicht besser als der jetzige."),
        ("Proposal not better", "The proposed plan is no better than the present one."),
    ),
}

_LIFE = {code: Message(*words) for code, words in LIFE_ERRORS.items()}
MESSAGES: dict[str, Message] = {str(code): m for code, m in (_HTTP | _DOMAIN | _LIFE).items()}

REFUSALS: dict[str, tuple[str, str]] = {
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
