"""Changes single values in a TOML text and leaves everything else as its author wrote it.

The standard library reads TOML only, and a writer would lose comments and order. So lines are
changed, and the result is read again: what does not say exactly what was meant is refused.
"""

import json
import re
import tomllib
from datetime import date
from typing import Any, Final

_HEADER: Final = re.compile(r"\s*\[\s*([\w.-]+)\s*\]\s*(?:#.*)?$", re.ASCII)
_ANY_HEADER: Final = re.compile(r"\s*\[")
_ASSIGNMENT: Final = re.compile(r"\s*([\w.-]+)\s*=", re.ASCII)
_PLAIN_VALUE: Final = re.compile(r"(\s*[\w.-]+\s*=\s*)[^\s#\"'\[{][^#\"']*?(\s+#.*)?$", re.ASCII)
Scalar = str | int | float | date


class TomlEditError(Exception):
    """The text is written in a way that this module cannot change.

    Attributes:
        key: the key that was to be changed.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: cannot be changed automatically in this text")
        self.key = key


def literal(value: Scalar) -> str:
    """A value as TOML writes it."""
    if isinstance(value, str):
        # A JSON string is a TOML basic string, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return value.isoformat() if isinstance(value, date) else repr(value)


def value_at(table: dict[str, Any], key: str) -> Any:
    """The value at a dotted key; None where there is none."""
    found: Any = table
    for part in key.split("."):
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def with_value(text: str, key: str, value: Scalar | None) -> str:
    """The text with one key set, or taken away by None.

    Args:
        text: a TOML document.
        key: dotted, of bare parts.
        value: what it is to be.

    Raises:
        TomlEditError: it is written in a way that cannot be changed line by line.
        tomllib.TOMLDecodeError: the text is no TOML.
    """
    before = tomllib.loads(text)
    if value_at(before, key) == value:
        return text
    lines = text.splitlines()
    at = _line_of(lines, key)
    if at is not None and value is None:
        del lines[at]
    elif at is not None:
        lines[at] = _rewritten(lines[at], value)
    elif value is not None:
        place, name = _place_for(lines, key)
        lines.insert(place, f"{name} = {literal(value)}")
    result = "\n".join(lines) + "\n"
    if not _is_same(result, _changed(before, key, value)):
        raise TomlEditError(key)
    return result


def _line_of(lines: list[str], key: str) -> int | None:
    table = ""
    for number, line in enumerate(lines):
        header = _HEADER.match(line)
        if header or _ANY_HEADER.match(line):
            table = f"{header[1]}." if header else "?"
            continue
        assignment = _ASSIGNMENT.match(line)
        if assignment and table + assignment[1] == key:
            return number
    return None


def _rewritten(line: str, value: Scalar | None) -> str:
    assert value is not None  # noqa: S101 - what is taken away is not rewritten
    plain = _PLAIN_VALUE.match(line)
    if plain:
        return f"{plain[1]}{literal(value)}{plain[2] or ''}"
    return f"{line[: line.index('=')]}= {literal(value)}"


def _place_for(lines: list[str], key: str) -> tuple[int, str]:
    """Where a new key goes, and what it is called there."""
    parent, _, name = key.rpartition(".")
    for number, line in enumerate(lines):
        header = _HEADER.match(line)
        if header and parent and header[1] == parent:
            return number + 1, name
    first = next(
        (n for n, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")),
        len(lines),
    )
    while first < len(lines) and _stands_alone(lines[first]):
        first += 1
    return first, key


def _stands_alone(line: str) -> bool:
    """Whether a line is a whole assignment."""
    if not _ASSIGNMENT.match(line):
        return False
    try:
        tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return False
    return True


def _changed(table: dict[str, Any], key: str, value: Scalar | None) -> dict[str, Any]:
    head, _, rest = key.partition(".")
    result = dict(table)
    if rest:
        inner = result.get(head, {})
        result[head] = _changed(inner if isinstance(inner, dict) else {}, rest, value)
    elif value is None:
        result.pop(head, None)
    else:
        result[head] = value
    return result


def _is_same(text: str, wanted: dict[str, Any]) -> bool:
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return _without_empty(found) == _without_empty(wanted)


def _without_empty(table: dict[str, Any]) -> dict[str, Any]:
    """A table that has lost its last key may stay as a header or go: both mean the same."""
    inner = {k: _without_empty(v) if isinstance(v, dict) else v for k, v in table.items()}
    return {k: v for k, v in inner.items() if v != {}}
