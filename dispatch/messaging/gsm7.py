"""What fits into one SMS: the GSM 7-bit alphabet (3GPP TS 23.038, 6.2.1), 160 septets."""

import unicodedata
from typing import Final

SMS_SEPTETS: Final = 160
_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")
_LIKE: Final = {
    chr(code): like
    for codes, like in (
        ((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212), "-"),
        ((0x201A, 0x2018, 0x2019, 0x2039, 0x203A, 0x0060, 0x00B4), "'"),
        ((0x201E, 0x201C, 0x201D, 0x00AB, 0x00BB), '"'),
        ((0x00A0, 0x202F, 0x2009, 0x0009), " "),
        ((0x2026,), "..."),
        ((0x1E9E,), "SS"),
        ((0x0142,), "l"),
        ((0x0141,), "L"),
        ((0x0131,), "i"),
    )
    for code in codes
}
"""Hyphens and dashes, quotation marks, spaces, and letters that have no parts."""


def to_gsm7(text: str) -> str:
    """The text in characters of the alphabet: marks it does not have are left off, the rest is `?`.

    Args:
        text: Anything; a letter of another script becomes a question mark.
    """
    return "".join(_like(char) for char in unicodedata.normalize("NFC", text))


def septets(text: str) -> int:
    """The length of a text of `to_gsm7`: an extended character takes two."""
    return len(text) + sum(char in _EXTENDED for char in text)


def _like(char: str) -> str:
    if char in _BASIC or char in _EXTENDED:
        return char
    if char in _LIKE:
        return _LIKE[char]
    bare = "".join(c for c in unicodedata.normalize("NFKD", char) if not unicodedata.combining(c))
    known = all(c in _BASIC or c in _EXTENDED for c in bare)
    return bare if bare and known else "?"
