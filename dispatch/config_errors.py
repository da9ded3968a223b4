"""What is wrong with a TOML file, in words: where, why, and which key was probably meant."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

_LISTED = 40


def explain(error: ValidationError, model: Any) -> str:
    """The first thing wrong, with the place where it stands.

    Args:
        error: of validating against `model`.
        model: the pydantic model of the whole file.
    """
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] != "extra_forbidden":
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    choices: list[type[BaseModel]] = []
    for part in first["loc"][:-1]:
        if len(choices) > 1:  # of a union, the part names the member
            model = next((m for m in choices if _tagged(m, str(part))), model)
            choices = []
        elif part in model.model_fields:
            choices = _models(model.model_fields[part].annotation)
            model = next(iter(choices), model)
    return f"{where}: unknown key{nearest(str(first['loc'][-1]), model.model_fields)}"


def nearest(key: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown key: which one was meant, or which there are."""
    known = sorted(known)
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known are {', '.join(known)}" if len(known) <= _LISTED else ""


def _tagged(model: type[BaseModel], tag: str) -> bool:
    return any(field.default == tag for field in model.model_fields.values())


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [m for part in getattr(annotation, "__args__", ()) for m in _models(part)]
