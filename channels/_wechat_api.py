"""The calls of WeChat's customer-service interface that we make, and what its error codes mean for the sender.

Failures come as HTTP 200 with an `errcode`. Tokens come from `stable_token` in its normal mode, which gives every
process the same token while it is valid and keeps the old one alive for five minutes after a change: so processes
need no lock between them, and inside one process one fetch serves everybody who waits.
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from channels import CutOff
from channels._http import Answer, Client, failure
from core.errors import SendError

EARLY = 300.0  # seconds before its end in which a token counts as over; the platform renews it then
MENU_PATH = "/cgi-bin/menu/create"
TOKEN_PATH = "/cgi-bin/stable_token"  # noqa: S105 (a path)

STALE = frozenset({40001, 40014, 42001})  # the token, and only it, is wrong
NO_MENUS = 40200  # this account may not send msgmenu
_CODES: dict[int, tuple[str, bool, str]] = {  # errcode → send code, may be tried again, words
    40001: ("account", True, "a fresh token is refused"),
    40014: ("account", True, "a fresh token is refused"),
    42001: ("account", True, "a fresh token is refused"),
    -1: ("server_down", True, "the platform is busy"),
    40003: ("refused", False, "no such follower of this account"),
    40007: ("refused", False, "the platform does not keep this file any more"),
    40013: ("account", False, "the app id is wrong"),
    40037: ("template", False, "the account has no such template"),
    40125: ("account", False, "the app secret is wrong"),
    40164: ("account", False, "our address is not in the account's IP list"),
    43004: ("contact_stopped", False, "no longer a follower"),
    43101: ("undeliverable", False, "they have turned such notices off"),
    45002: ("refused", False, "the text is too long"),
    45009: ("throttled", True, "the account's daily calls are used up"),
    45011: ("throttled", True, "too many calls in this minute"),
    45015: ("undeliverable", False, "the time to answer is over, or they unsubscribed"),
    45047: ("undeliverable", False, "no more answers until they write again"),
    47003: ("template", False, "a value is not what the template's field takes"),
    48001: ("account", False, "the account may not use this interface"),
    50002: ("account", False, "the account is restricted"),
}
WAITS = {45009: 3600.0, 45011: 60.0}  # seconds until it is worth trying again
_ALARMING = frozenset({"throttled", "account", "template"})


class Refused(SendError):
    """The platform answered with an error of its own."""

    def __init__(self, errcode: int) -> None:
        code, again, words = _CODES.get(errcode, ("refused", False, "the platform refused it"))
        alarm = code in _ALARMING
        super().__init__(code, f"{errcode}: {words}", retryable=again, retry_after=WAITS.get(errcode), alarm=alarm)
        self.errcode = errcode


class Api:
    """One account at the platform."""

    def __init__(self, url: str, app_id: str, app_secret: str, within: float) -> None:
        """`url`: without a path; `within`: seconds one call may take."""
        self._url, self._app_id, self._secret, self._within = url.rstrip("/"), app_id, app_secret, within
        self._http = Client()
        self._fetching = asyncio.Lock()
        self._token, self._until = "", 0.0  # until: time.monotonic()

    async def start(self) -> None:
        await self._http.start()

    async def close(self) -> None:
        await self._http.close()

    async def call(self, path: str, fields: dict[str, Any]) -> dict[str, Any]:
        """POST to an interface that wants a token; the answer, or SendError. A stale token is renewed once."""
        return _judged(await self._with_token("POST", path, _json(fields)))

    async def token(self) -> None:
        """Fetches the token if there is none; SendError says why the platform gives none."""
        await self._current()

    async def media(self, media_id: str, most: int) -> tuple[bytes, str]:
        """A file of a message, or b"" and the address of a video; SendError for an answer that is neither, or a file of
        more than `most` bytes."""
        answer = await self._with_token("GET", f"/cgi-bin/media/get?media_id={media_id}", b"", most + 1)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not answer.body or kind in ("application/json", "text/plain"):
            video = _judged(answer, said="video_url")["video_url"]
            if not isinstance(video, str):
                raise SendError("refused", "the platform sent no file", retryable=False)
            return b"", video
        if len(answer.body) > most:
            raise SendError("too_large", f"the file has more than {most} bytes", retryable=False)
        return answer.body, ""

    async def _with_token(self, method: str, path: str, body: bytes, most: int = 0) -> Answer:
        token = await self._current()
        answer = await self._once(method, path, body, token, most)
        if _errcode(answer) in STALE:
            answer = await self._once(method, path, body, await self._current(other_than=token), most)
        return answer

    async def _once(self, method: str, path: str, body: bytes, token: str, most: int) -> Answer:
        url = f"{self._url}{path}{'&' if '?' in path else '?'}access_token={token}"
        if method == "GET":
            answer = await self._http.get(url, headers={}, within=self._within, at_most=most)
        else:
            answer = await self._post(url, body)
        if error := failure(answer):
            raise error
        return answer

    async def _post(self, url: str, body: bytes) -> Answer:
        return await self._http.post(url, body=body, headers={"Content-Type": "application/json"}, within=self._within)

    async def _current(self, other_than: str = "") -> str:
        """The token, fetched if there is none, it is over, or it is `other_than`, which was just refused."""
        async with self._fetching:
            if not self._token or self._token == other_than or time.monotonic() >= self._until:
                given = await self._fetched()
                lasts = given.get("expires_in")
                self._token = str(given["access_token"])
                self._until = time.monotonic() + (float(lasts) if isinstance(lasts, int) else 0.0) - EARLY
            return self._token

    async def _fetched(self) -> dict[str, Any]:
        asked = {"grant_type": "client_credential", "appid": self._app_id, "secret": self._secret}
        try:
            answer = await self._post(self._url + TOKEN_PATH, _json(asked))
        except CutOff as e:  # whatever the platform made of it: no message has left us
            raise SendError("server_down", "no token in time", retryable=True) from e
        if error := failure(answer):
            raise SendError(error.send_code, "no token", retryable=error.may_retry, retry_after=error.retry_after)
        given = _judged(answer, said="access_token")
        if not isinstance(given["access_token"], str) or not given["access_token"].isprintable():
            raise SendError("refused", "the platform sent no token", retryable=False)
        return given


def _errcode(answer: Answer) -> int:
    code = answer.object().get("errcode", 0)
    return code if isinstance(code, int) else 1


def _judged(answer: Answer, said: str = "errcode") -> dict[str, Any]:
    """What the platform said, if it says that all is well: there must be `said`, and no errcode but 0."""
    fields = answer.object()
    if (code := _errcode(answer)) != 0:
        raise Refused(code)
    if said not in fields:
        raise SendError("refused", "the answer is not one of the platform", retryable=False)
    return fields


def _json(fields: dict[str, Any]) -> bytes:
    """UTF-8 as it is: an escaped \\uXXXX would be shown to the consumer literally."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
