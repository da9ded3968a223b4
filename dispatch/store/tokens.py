"""Bearer tokens of staff and vehicles: only their hash is stored."""

import hashlib
import secrets
from typing import Final

from dispatch.store.connect import connect, unavailable

ROLE_OF: Final = """
SELECT role FROM api_token
WHERE hash = %(hash)s AND (area IS NULL OR area = %(area)s) AND revoked_at IS NULL
"""
LABELS: Final = """
SELECT left(hash, 16), label FROM api_token WHERE area IS NULL OR area = %(area)s
"""
_PREFIX: Final = "rufbus_"
_BYTES: Final = 32


def token_hash(token: str) -> str:
    """What is stored of a token. It has 256 random bits, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_token(dsn: str, role: str, label: str, *, area: str | None = None) -> str:
    """Issue a token.

    Args:
        dsn: The database, migrated.
        role: What its bearer may do; the API gives it a meaning.
        label: Who or what it is for, shown in lists.
        area: The service area it is good for, None for every area of the database.

    Returns:
        The token, which cannot be shown again.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    token = _PREFIX + secrets.token_urlsafe(_BYTES)
    with unavailable(), connect(dsn) as connection:
        connection.execute(
            "INSERT INTO api_token (hash, area, role, label) VALUES (%s, %s, %s, %s)",
            [token_hash(token), area, role, label],
        )
    return token


def revoke_token(dsn: str, token: str) -> bool:
    """Make a token worthless within seconds; whether it was worth something before.

    Raises:
        StoreUnavailableError: the database cannot be reached.
    """
    with unavailable(), connect(dsn) as connection:
        revoked = connection.execute(
            "UPDATE api_token SET revoked_at = clock_timestamp()"
            " WHERE hash = %s AND revoked_at IS NULL",
            [token_hash(token)],
        )
        return revoked.rowcount == 1
