"""Codes of the HTTP layer and of the planner's desk, and what they mean."""

from enum import StrEnum
from typing import Final

from dispatch.api.messages.message import Message


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


HTTP_ERRORS: Final[dict[ApiCode, Message]] = {
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
