"""The error of an event that cannot follow the state."""


class IllegalTransitionError(Exception):
    """An event that cannot follow the state: a bug, or a log that was tampered with."""
