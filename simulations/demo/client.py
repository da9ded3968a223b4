"""The few calls of API v1 that virtual drivers and riders make."""

from typing import Any
from uuid import uuid4

import httpx

_TIMEOUT_S = 10.0


class ServiceClient:
    """A thin HTTP client; every change carries an idempotency key and may be repeated."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=_TIMEOUT_S)

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at a path.

        Raises:
            httpx.HTTPError: not reachable, or an error status.
        """
        response = self._http.get(path)
        response.raise_for_status()
        body: dict[str, Any] = response.json()
        return body

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """Post a change; None when the service says it cannot be.

        Raises:
            httpx.HTTPError: not reachable, or the service itself failed.
        """
        headers = {"Idempotency-Key": uuid4().hex}
        response = self._http.post(path, json=body, headers=headers)
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            response.raise_for_status()
        if response.is_error:
            return None
        answer: dict[str, Any] = response.json() if response.content else {}
        return answer
