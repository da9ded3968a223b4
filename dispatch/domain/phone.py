"""Phone numbers in the one form by which a caller is known again (ITU-T E.164)."""

import re
from typing import Final

_COUNTRY: Final = "49"
_INTERNATIONAL: Final = re.compile(r"\+[1-9]\d{6,14}")
_NATIONAL: Final = re.compile(r"0[1-9]\d{4,13}")


def e164(phone: str | None, country: str = _COUNTRY) -> str | None:
    """A phone number as `+49252112345`; None where it cannot be told.

    Args:
        phone: as people write it: `02521 12345`, `+49 (0) 2521/12345`, `0049 2521 12345`.
        country: the country code of numbers with an area code only.
    """
    if phone is None:
        return None
    digits = re.sub(r"[^0-9+]", "", phone.replace("(0)", ""))
    if digits.startswith("00"):
        digits = "+" + digits[2:]
    if _INTERNATIONAL.fullmatch(digits):
        return digits
    if _NATIONAL.fullmatch(digits):
        return f"+{country}{digits[1:]}"
    return None
