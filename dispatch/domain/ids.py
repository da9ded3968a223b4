"""Identifiers made from the randomness that is handed in, so that a seed reproduces them."""

from random import Random

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford base32: no i, l, o, u to misread
_SPOKEN = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_ID_BITS = 130


def new_id(prefix: str, rng: Random) -> str:
    """An identifier with 130 random bits, such as `bk_3f…`: unguessable if `rng` is."""
    number = rng.getrandbits(_ID_BITS)
    digits = "".join(_ALPHABET[(number >> shift) & 31] for shift in range(0, _ID_BITS, 5))
    return f"{prefix}_{digits}"


def new_code(rng: Random) -> str:
    """Six characters to be read out on the phone."""
    return "".join(rng.choice(_SPOKEN) for _ in range(6))
