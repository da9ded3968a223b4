"""What a code means: a status, a title and a sentence in each language."""

from dataclasses import dataclass
from typing import Final, Literal

Language = Literal["de", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("de", "en")


@dataclass(frozen=True, slots=True)
class Message:
    """One code: its HTTP status, and a title and a sentence in each language."""

    status: int
    de: tuple[str, str]
    en: tuple[str, str]

    def words(self, language: Language) -> tuple[str, str]:
        """Title and sentence."""
        return self.de if language == "de" else self.en
