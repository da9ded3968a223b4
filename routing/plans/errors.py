"""What can be wrong with a planning problem, as types with a stable code."""


class PlansError(Exception):
    """Base of all errors of `routing.plans`; `code` is stable and snake_case."""

    code = "plans_error"


class InvalidProblemError(PlansError):
    """The parts handed in do not form a problem: shapes, ranges or references are wrong."""

    code = "plans_invalid_problem"


class UnsupportedProblemError(PlansError):
    """The problem has a feature that the chosen solver does not model; the message names it."""

    code = "plans_unsupported"
