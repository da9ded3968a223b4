"""The keys of a scenario that stand in the form, and how people write their values.

Files have seconds and shares; people read minutes and per cent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from dispatch.planner.toml_edit import Scalar

FieldKind = Literal[
    "text", "note", "date", "whole", "number", "percent", "minutes", "metres", "euro"
]
_SCALES: Final[Mapping[str, Decimal]] = {"percent": Decimal("0.01"), "minutes": Decimal(60)}
_DIGITS: Final = 6
NAME_MAX: Final = 80
NOTE_MAX: Final = 200


class FieldError(Exception):
    """A value that its field does not take.

    Attributes:
        key: which field.
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a scenario.

    Attributes:
        key: dotted, as in the file.
        kind: how it is written in the form; an empty `note` is one, all else is none when empty.
        low: the least value, as in the form.
        high: the largest value, as in the form; of texts, the most characters.
        step: of the form's arrows.
    """

    key: str
    kind: FieldKind
    low: str = "0"
    high: str = ""
    step: str = "1"

    @property
    def id(self) -> str:
        """Its name in the page."""
        return self.key.replace(".", "-")

    def shown(self, value: Any) -> str:
        """A value of the file as the form has it; empty for none, or one of another type."""
        if self.kind in {"text", "note", "date"}:
            return "" if value is None else str(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return ""
        number = round(Decimal(repr(value)) / _SCALES.get(self.kind, Decimal(1)), _DIGITS)
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text

    def read(self, text: str) -> Scalar | None:
        """What somebody has written, as the file has it; None where they left it empty.

        Raises:
            FieldError: no value for this field.
        """
        text = text.strip()
        if not text and self.kind != "note":
            return None
        if self.kind in {"text", "note"}:
            if (
                len(text) > (NAME_MAX if self.kind == "text" else NOTE_MAX)
                or not text.isprintable()
            ):
                raise FieldError(self.key)
            return text
        try:
            if self.kind == "date":
                return date.fromisoformat(text)
            number = Decimal(text)
        except (ValueError, InvalidOperation) as error:
            raise FieldError(self.key) from error
        if not number.is_finite() or not Decimal(self.low) <= number <= Decimal(self.high):
            raise FieldError(self.key)
        return self._as_in_file(number)

    def _as_in_file(self, number: Decimal) -> Scalar:
        number *= _SCALES.get(self.kind, Decimal(1))
        if self.kind == "minutes":
            return round(number)
        if self.kind in {"whole", "metres"}:
            if number != number.to_integral_value():
                raise FieldError(self.key)
            return int(number)
        return float(number)


GROUPS: Final[Mapping[str, tuple[Field, ...]]] = {
    "basics": (
        Field("name", "text", high=str(NAME_MAX)),
        Field("description", "note", high=str(NOTE_MAX)),
        Field("date", "date"),
        Field("seed", "whole", "0", "2147483647"),
    ),
    "demand": (
        Field("demand.requests", "whole", "0", "100000"),
        Field("demand.prebooked_share", "percent", "0", "100", "any"),
        Field("demand.wheelchair_share", "percent", "0", "100", "any"),
    ),
    "fleet": (Field("fleet.vehicles", "whole", "1", "1000"),),
    "rules": (
        Field("rules.immediate_wait_max_s", "minutes", "1", "240", "any"),
        Field("rules.prebooked_window_s", "minutes", "1", "240", "any"),
        Field("rules.max_walk_m", "metres", "0", "5000"),
        Field("rules.ride_factor", "number", "1", "10", "any"),
        Field("rules.ride_extra_s", "minutes", "0", "240", "any"),
    ),
    "dispatch": (
        Field("dispatch.improve_every_s", "minutes", "0", "60", "any"),
        Field("dispatch.joint_iterations", "whole", "0", "1000000"),
    ),
    "world": (
        Field("world.no_show_share", "percent", "0", "100", "any"),
        Field("world.cancel_share", "percent", "0", "100", "any"),
        Field("world.traffic_sigma", "percent", "0", "100", "any"),
    ),
    "costs": (
        Field("costs.driver_hour_eur", "euro", "0", "1000", "any"),
        Field("costs.vehicle_km_eur", "euro", "0", "100", "any"),
    ),
}
FIELDS: Final = {field.key: field for fields in GROUPS.values() for field in fields}
