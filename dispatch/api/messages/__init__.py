"""What every code means, in German and English: one catalogue for errors and refusals.

The codes are stable and part of the API; the words are not.
"""

from typing import Final

from dispatch.api.messages.decisions import DECISION_ERRORS
from dispatch.api.messages.http import HTTP_ERRORS, ApiCode
from dispatch.api.messages.life import LIFE_ERRORS
from dispatch.api.messages.message import LANGUAGES, Language, Message
from dispatch.api.messages.refusals import REFUSALS, refusal_message

__all__ = [
    "LANGUAGES",
    "MESSAGES",
    "REFUSALS",
    "ApiCode",
    "Language",
    "Message",
    "refusal_message",
]

MESSAGES: Final[dict[str, Message]] = {
    str(code): message for code, message in (HTTP_ERRORS | DECISION_ERRORS | LIFE_ERRORS).items()
}
