"""What a dispatcher reads to a caller about a booking, the short code spelled out."""

from datetime import datetime
from typing import Final, Literal

from dispatch.domain.model import Booking, Party
from dispatch.town import Town

Language = Literal["de", "en"]

# The alphabet that callers have grown up with, and the one of aviation.
_GERMAN: Final = """
Anton Berta Cäsar Dora Emil Friedrich Gustav Heinrich Ida Julius Kaufmann Ludwig Martha Nordpol Otto
Paula Quelle Richard Samuel Theodor Ulrich Viktor Wilhelm Xanthippe Ypsilon Zacharias
"""
_ENGLISH: Final = """
Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November Oscar Papa
Quebec Romeo Sierra Tango Uniform Victor Whiskey X-ray Yankee Zulu
"""
_ALPHABET: Final = {"de": _GERMAN.split(), "en": _ENGLISH.split()}
_DIGITS: Final = {
    "de": ("null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
    "en": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}
_WEEKDAYS: Final = {
    "de": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}
_GERMAN_MONTHS: Final = """
Januar Februar März April Mai Juni Juli August September Oktober November Dezember
"""
_ENGLISH_MONTHS: Final = """
January February March April May June July August September October November December
"""
_MONTHS: Final = {"de": _GERMAN_MONTHS.split(), "en": _ENGLISH_MONTHS.split()}


def spelled(code: str, language: Language) -> str:
    """`B wie Berta, sieben`, or `B as in Bravo, seven`."""
    return ", ".join(_spelled(char, language) for char in code.upper())


def _spelled(char: str, language: Language) -> str:
    if char.isdigit():
        return _DIGITS[language][int(char)]
    index = ord(char) - ord("A")
    if not 0 <= index < len(_ALPHABET[language]):
        return char
    return f"{char} {'wie' if language == 'de' else 'as in'} {_ALPHABET[language][index]}"


def read_back(booking: Booking, town: Town, language: Language) -> str:
    """Some sentences: day, pick-up, arrival, party, price, code; the promise, not the estimate."""
    promise = booking.promise
    names = {
        "pickup": str(town.stop(promise.pickup_stop_id)["name"]),
        "dropoff": str(town.stop(promise.dropoff_stop_id)["name"]),
        "day": _day(town, promise.pickup_from_s, language),
        "from": _clock(town, promise.pickup_from_s),
        "to": _clock(town, promise.pickup_to_s),
        "there": _clock(town, promise.arrival_latest_s),
        "party": _party(booking.party, language),
        "price": _price(booking.price_cents, language),
        "code": spelled(booking.code, language),
    }
    return _TEXT[language].format_map(names)


_TEXT: Final[dict[Language, str]] = {
    "de": (
        "Ihre Fahrt am {day}: Abholung zwischen {from} und {to} Uhr an der Haltestelle {pickup}. "
        "Ankunft spätestens um {there} Uhr an der Haltestelle {dropoff}. {party}. "
        "Der Fahrpreis ist {price}. Ihr Buchungscode ist: {code}."
    ),
    "en": (
        "Your ride on {day}: pick-up between {from} and {to} at the stop {pickup}. "
        "Arrival by {there} at the latest at the stop {dropoff}. {party}. "
        "The fare is {price}. Your booking code is: {code}."
    ),
}


def _day(town: Town, at_s: int, language: Language) -> str:
    local = datetime.fromtimestamp(at_s, town.timezone)
    weekday, month = _WEEKDAYS[language][local.weekday()], _MONTHS[language][local.month - 1]
    if language == "de":
        return f"{weekday}, den {local.day}. {month}"
    return f"{weekday}, {local.day} {month}"


def _clock(town: Town, at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, town.timezone):%H:%M}"


def _party(party: Party, language: Language) -> str:
    people = party.persons
    if language == "de":
        text = "Für eine Person" if people == 1 else f"Für {people} Personen"
        return text + (f", davon {party.wheelchairs} im Rollstuhl" if party.wheelchairs else "")
    text = "For one person" if people == 1 else f"For {people} people"
    return text + (f", {party.wheelchairs} of them in a wheelchair" if party.wheelchairs else "")


def _price(cents: int, language: Language) -> str:
    if cents == 0:
        return "frei" if language == "de" else "free"
    euros = f"{cents // 100}.{cents % 100:02d}"
    return f"{euros.replace('.', ',')} Euro" if language == "de" else f"{euros} euros"
