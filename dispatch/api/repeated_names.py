"""JSON objects that have a name twice: readers differ in which one counts (RFC 8259, section 4)."""

import json
from typing import Any, Final

REPEATED: Final = {
    "location": "body",
    "type": "repeated_name",
    "message": "an object has the same name twice",
}
"""What is wrong, for `invalid_request`."""


class _RepeatedNameError(Exception):
    """An object has a name twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) < len(pairs):
        raise _RepeatedNameError
    return names


def repeats_a_name(body: bytes) -> bool:
    """Whether an object anywhere in a body has a name twice; False for what is no JSON.

    Args:
        body: bounded; it is parsed whole.
    """
    try:
        json.loads(body, object_pairs_hook=_unique)
    except _RepeatedNameError:
        return True
    except (ValueError, RecursionError):  # who reads it will say so
        return False
    return False
