"""Phone numbers that are known again, codes that can be read out; and old rows in the new form."""

import pytest

from dispatch.domain.phone import e164
from dispatch.read_back import spelled
from dispatch.store.connect import connect
from dispatch.store.migrate import migrate, upgrade_to

NUMBERS = [
    ("02521 12345", "+49252112345"),
    ("02521/123-45", "+49252112345"),
    ("+49 (0) 2521 12345", "+49252112345"),
    ("+49 2521 12345", "+49252112345"),
    ("0049 2521 12345", "+49252112345"),
    ("0049 (0)2521 12345", "+49252112345"),
    ("0170.1234567", "+491701234567"),
    ("+31 20 1234567", "+31201234567"),
    ("12345", None),
    ("", None),
    ("+0 123 456 789", None),
    ("00 0 123 456", None),
    ("0123", None),
]


@pytest.mark.parametrize(("written", "known"), NUMBERS)
def test_numbers_are_known_again(written: str, known: str | None) -> None:
    assert e164(written) == known


def test_no_number() -> None:
    assert e164(None) is None


def test_riders_of_before_are_known_by_their_numbers(database_url: str) -> None:
    """The migration and the program agree."""
    upgrade_to(database_url, "0003")
    with connect(database_url) as connection:
        for n, (written, _) in enumerate(NUMBERS):
            connection.execute(
                "INSERT INTO rider (area, id, name, phone) VALUES ('a', %s, 'N', %s)",
                [str(n), written],
            )
        connection.execute("INSERT INTO rider (area, id, name) VALUES ('a', 'x', 'N')")
    migrate(database_url)
    with connect(database_url) as connection:
        rows = connection.execute("SELECT phone, phone_e164 FROM rider WHERE id <> 'x'").fetchall()
        assert dict(rows) == dict(NUMBERS)


def test_codes_are_spelled() -> None:
    assert spelled("B7Z", "de") == "B wie Berta, sieben, Z wie Zacharias"
    assert spelled("a2q", "en") == "A as in Alfa, two, Q as in Quebec"
