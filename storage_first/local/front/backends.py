"""HTTP calls to the emulator, and to the backends of HTTP integrations."""

import asyncio
from dataclasses import replace
from types import TracebackType
from typing import Self

import h11
import httpx

from storage_first.local.aws import ACCESS_KEY
from storage_first.local.front.errors import GatewayError
from storage_first.local.front.http import Headers, Response, safe_value, with_header
from storage_first.local.front.keep_alive import KeepAliveClient

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "content-encoding",  # httpx has decoded the body
        "content-length",
        "keep-alive",
        "proxy-authenticate",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


class Backends:
    """Keeps connections to the emulator and to other backends."""

    def __init__(self, emulator: str) -> None:
        """Prepare to call.

        Args:
            emulator: The emulator's address, for example `http://127.0.0.1:4566`.
        """
        self._emulator = emulator.rstrip("/")
        self._services = KeepAliveClient(self._emulator)
        self._others = httpx.AsyncClient(
            timeout=httpx.Timeout(None),  # each call has its integration's
            trust_env=False,  # the front calls what the app names, and nothing that the environment does
        )
        self._others.headers.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._services.close()
        await self._others.aclose()

    async def call_service(
        self,
        method: str,
        path: str,
        *,
        service: str,
        region: str,
        headers: Headers = (),
        body: bytes = b"",
        seconds: float,
    ) -> Response:
        """Call an AWS service of the emulator.

        Args:
            method: The HTTP method.
            path: The path, percent-encoded, and the query.
            service: The service as signatures name it; the emulator routes by it.
            region: The Region to act in.
            headers: Headers of the integration.
            body: The body.
            seconds: How long the call may take.

        Raises:
            GatewayError: INTEGRATION_TIMEOUT or INTEGRATION_FAILURE.
        """
        scope = f"{ACCESS_KEY}/20260101/{region}/{service}/aws4_request"
        signature = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
        signed = [("Authorization", signature), *(pair for pair in headers if pair[0].lower() != "authorization")]
        return await self.call(method, self._emulator + path, headers=signed, body=body, seconds=seconds)

    async def call(self, method: str, url: str, *, headers: Headers, body: bytes, seconds: float) -> Response:
        """Call any backend.

        Args:
            method: The HTTP method.
            url: The address, percent-encoded.
            headers: Headers to send.
            body: The body.
            seconds: How long the call may take.

        Raises:
            GatewayError: INTEGRATION_TIMEOUT or INTEGRATION_FAILURE.
        """
        # Not what the client takes: the front has to read the answer, and hands it on unpacked.
        sent = with_header([(name, safe_value(value)) for name, value in headers], "Accept-Encoding", "identity")
        try:
            async with asyncio.timeout(seconds):
                answer = await self._send(method, url, sent, body)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise GatewayError("INTEGRATION_TIMEOUT", log=f"no answer in {seconds:g} s from {url}") from error
        except (OSError, h11.ProtocolError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise GatewayError("INTEGRATION_FAILURE", log=f"{url}: {error!r}") from error
        kept = [pair for pair in answer.headers if pair[0].lower() not in _HOP_BY_HOP]
        return replace(answer, headers=kept)

    async def _send(self, method: str, url: str, headers: Headers, body: bytes) -> Response:
        if url.startswith(f"{self._emulator}/"):
            return await self._services.request(method, url.removeprefix(self._emulator), headers=headers, body=body)
        pairs = [(name.encode(), value.encode()) for name, value in headers]
        answer = await self._others.request(method, url, headers=pairs, content=body)
        return Response(
            status=answer.status_code,
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw],
            body=answer.content,
        )
