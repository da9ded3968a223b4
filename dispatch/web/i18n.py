"""The pages' words in German and English, and which of the two a visitor gets."""

import json
from pathlib import Path
from typing import Final

from fastapi import Request

from dispatch.api.messages import LANGUAGES, Language
from dispatch.api.problems import language_of

LANGUAGE_COOKIE: Final = "rufbus_lang"
_FOLDER: Final = Path(__file__).parent / "i18n"


def load_catalogues() -> dict[Language, dict[str, str]]:
    """Both catalogues: text by key."""
    return {
        language: json.loads((_FOLDER / f"{language}.json").read_text(encoding="utf-8"))
        for language in LANGUAGES
    }


def page_language(request: Request) -> Language:
    """`?lang=`, else what was chosen before, else what the browser prefers, else German."""
    for wish in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        for language in LANGUAGES:
            if wish == language:
                return language
    return language_of(request.headers.get("accept-language"))
