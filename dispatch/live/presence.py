"""Which processes of a service area are there, on all hosts: each says so now and then in Redis.

Nothing depends on it: it is for people who look, and for whatever watches `/healthz`.
"""

import os
import socket
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from dispatch.clock import real_time_s

SHOW_EVERY_S: Final = 3.0
GONE_AFTER_S: Final = 15.0
_FORGET_AFTER_S: Final = 3600.0


def sign(kind: str) -> tuple[str, str]:
    """What a process that is of a kind now writes into the hash of processes: field and value."""
    return f"{socket.gethostname()}:{os.getpid()}", f"{kind} {real_time_s():.0f}"


def present(raw: Mapping[Any, Any]) -> dict[str, int]:
    """How many processes of each kind have shown themselves lately."""
    kinds = Counter(kind for _, kind, age_s in _signs(raw) if age_s < GONE_AFTER_S)
    return dict(sorted(kinds.items()))


def long_gone(raw: Mapping[Any, Any]) -> list[str]:
    """Fields that nobody needs any more."""
    return [field for field, _, age_s in _signs(raw) if age_s > _FORGET_AFTER_S]


def youngest_s(raw: Mapping[Any, Any], kind: str) -> float | None:
    """Seconds since a process of a kind was last seen, None without any."""
    ages = [age_s for _, found, age_s in _signs(raw) if found == kind]
    return min(ages, default=None)


def _signs(raw: Mapping[Any, Any]) -> list[tuple[str, str, float]]:
    """Field, kind and age in seconds; what cannot be read is very old."""
    now_s, signs = real_time_s(), []
    for field, value in raw.items():
        kind, _, at = value.decode(errors="replace").partition(" ")
        age_s = max(0.0, now_s - float(at)) if at.isdecimal() else float("inf")
        signs.append((field.decode(errors="replace"), kind, age_s))
    return signs
