"""What can go wrong between a caller and the store, each with a stable code."""

from typing import ClassVar


class StoreError(Exception):
    """Base of everything the store cannot do; nothing was acknowledged."""

    code: ClassVar[str] = "store_error"


class StoreUnavailableError(StoreError):
    """The database cannot be reached now; the same call may be repeated."""

    code = "store_unavailable"


class AnswerPendingError(StoreError):
    """The command is stored but not decided yet; repeating it with the same key asks again."""

    code = "answer_pending"


class KeyReusedError(StoreError):
    """The idempotency key belongs to another command."""

    code = "idempotency_key_reused"


class UnstorableError(StoreError):
    """The tables do not take the command: a NUL in a text, a key that is empty or too long."""

    code = "unstorable"


class LeadershipLostError(StoreError):
    """Another dispatcher leads this service area now; what was being written is void."""

    code = "leadership_lost"


class PositionsUnavailableError(StoreError):
    """Positions cannot be taken now, as Redis is gone; the next one may get through."""

    code = "positions_unavailable"


class TooManyPositionsError(StoreError):
    """A vehicle reports its position more often than anybody needs."""

    code = "too_many_positions"


class OverloadedError(StoreError):
    """Too much waits already; nothing was stored, and it may be tried again a little later."""

    code = "overloaded"


class UndecodableError(StoreError):
    """A stored command or event that this version cannot read."""

    code = "undecodable"
