"""What the codes mean with which the engine turns commands down."""

from typing import Final

from dispatch.api.messages.message import Message
from dispatch.domain.errors import ErrorCode

DECISION_ERRORS: Final[dict[ErrorCode, Message]] = {
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
