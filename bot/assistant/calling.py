"""How the brain calls back: the house's action listener, with a token, a budget and one kept connection."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import ujson
from rasa.utils.endpoints import ClientResponseError, EndpointConfig

TIMEOUT = 1.0  # seconds for one action; the house gives the whole turn 4
KEEP_ALIVE = 30.0  # seconds


class ActionListener(EndpointConfig):
    """Rasa's endpoint, which opens a connection per call and waits 300 s, with a pool and our budget instead."""

    def __init__(self, url: str, token: str, timeout: float = TIMEOUT) -> None:
        super().__init__(url, headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._http: aiohttp.ClientSession | None = None

    async def request(  # type: ignore[override]
        self, method: str = "post", subpath: str | None = None, compress: bool = False, **kwargs: Any
    ) -> Any:
        """POST `json` and give the decoded answer. Raises ClientResponseError (HTTP 4xx, 5xx), TimeoutError.

        Of the domain, 15 kB, the forms alone go along, 0.5 kB: rasa_sdk reads nothing else of it.
        """
        call: dict[str, Any] = kwargs["json"]
        body = ujson.dumps(call | {"domain": {"forms": call["domain"].get("forms", {})}}, ensure_ascii=False).encode()
        try:
            async with self._client().post(str(self.url), data=body) as response:
                answer = await response.read()
        except asyncio.TimeoutError:
            raise TimeoutError(f"no answer within {self._timeout.total:g} s") from None
        if response.status >= 400:
            raise ClientResponseError(response.status, response.reason or "", answer.decode("utf-8", "replace"))
        return ujson.loads(answer)

    async def close(self) -> None:
        """Close the kept connections."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _client(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                headers=self.headers,
                timeout=self._timeout,
                connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=KEEP_ALIVE),
            )
        return self._http
