"""Carries httpx's requests over aiohttp: httpx's own pool looks through all connections each time.

With hundreds of them open that made the load generator the bottleneck of what it was to measure.
"""

from collections.abc import AsyncIterator

import aiohttp
import httpx


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except (aiohttp.ClientError, TimeoutError) as error:
            raise httpx.ReadError(str(error)) from error

    async def aclose(self) -> None:
        if self._answer.content.at_eof():
            self._answer.release()
        else:
            self._answer.close()


class AiohttpTransport(httpx.AsyncBaseTransport):
    """As many connections as there are requests under way; made and closed in one event loop."""

    def __init__(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request, and give its answer as soon as the headers are there.

        Raises:
            httpx.TransportError: it could not be sent, or nothing came in time.
        """
        limits = request.extensions.get("timeout", {})
        patience = aiohttp.ClientTimeout(
            total=None, connect=limits.get("connect"), sock_read=limits.get("read")
        )
        headers = [(name.decode(), value.decode()) for name, value in request.headers.raw]
        try:
            answer = await self._session.request(
                request.method,
                str(request.url),
                data=await request.aread() or None,
                headers=headers,
                timeout=patience,
                allow_redirects=False,
            )
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error)) from error
        except aiohttp.ClientError as error:
            raise httpx.ConnectError(str(error)) from error
        return httpx.Response(
            answer.status, headers=list(answer.raw_headers), stream=_Body(answer), request=request
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()
