import pytest

from dispatch.api.messages import MESSAGES, REFUSALS, ApiCode, refusal_message
from dispatch.domain.errors import ErrorCode, RefusalCode


def test_every_error_code_has_words_and_a_status() -> None:
    assert set(MESSAGES) == {str(code) for code in [*ErrorCode, *ApiCode]}
    for code, message in MESSAGES.items():
        assert 400 <= message.status <= 503, code
        assert all(message.de), code
        assert all(message.en), code
        assert message.de[1] != message.en[1], code


def test_every_refusal_code_has_words() -> None:
    assert set(REFUSALS) == {str(code) for code in RefusalCode}


@pytest.mark.parametrize("code", list(RefusalCode))
def test_refusals_speak_both_languages(code: RefusalCode) -> None:
    german, english = refusal_message(code, "de"), refusal_message(code, "en")
    assert german.endswith(".")
    assert english.endswith(".")
    assert german != english
