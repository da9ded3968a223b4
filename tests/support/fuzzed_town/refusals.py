"""Every no has a reason: a code that the catalogue explains in German and English."""

from dispatch.api.messages import MESSAGES, REFUSALS
from dispatch.domain.errors import DomainError, ErrorCode, RefusalCode
from dispatch.domain.model import RideRequest

_UNFILLED = ("{", "}")


def check_error(error: DomainError) -> None:
    """A command that was refused says why, to machines and to people."""
    assert error.code in set(ErrorCode), f"{error.code} is no code"
    assert error.detail, f"{error.code} has no detail"
    message = MESSAGES.get(str(error.code))
    assert message is not None, f"{error.code} means nothing to anybody"
    assert 400 <= message.status < 500
    for words in (message.de, message.en):
        assert all(words), f"{error.code} lacks words"
    assert message.de != message.en, f"{error.code} is not translated"


def check_refusal(request: RideRequest) -> None:
    """A ride that is not offered says why."""
    assert request.refusal is not None, f"{request.id} is refused for no reason"
    assert not request.offers, f"{request.id} is refused, with offers"
    code = request.refusal.code
    assert code in set(RefusalCode), f"{code} is no code"
    assert code in REFUSALS, f"{code} means nothing to riders"
    german, english = REFUSALS[code]
    assert german
    assert english
    assert german != english
