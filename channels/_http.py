"""Calls to platforms: one HTTP session for the whole process, and what an outcome means for the sender, said once.

aiohttp rather than httpx: 0.12-0.22 ms of CPU a call against 0.9-1.7 ms, measured for the brain's calls.

Safety. Every address that a `Client` calls is one the operator set, never one that came in a message, so the calls may
well go inside (a loopback service, a private network); what a receiver must not do is send us elsewhere or fill our
memory: redirects are not followed, proxy variables of the environment are not read, no cookie is kept, an answer is
read up to ANSWER_MAX bytes or what the call says, and no answer is decompressed. `url_problem` refuses addresses that
would leak what we send. What comes in a message is for `Outside` alone (`_media`), which reaches nothing inside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from channels import CutOff, Headers
from channels._text import read_object
from core.errors import Malformed, SendError

ANSWER_MAX = 65536  # bytes of an answer that are read; a platform's word on one message is a few hundred
CONNECT_TIMEOUT = 5.0  # seconds for name, TCP and TLS; within the timeout of the whole call
RETRY_AFTER_MAX = 3600.0  # seconds: a platform that asks for more is asked again after an hour
CONNECTIONS = 100  # at once, to all platforms together
CONNECTIONS_PER_HOST = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a platform said; the body is cut at ANSWER_MAX, and no repr shows it."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def object(self) -> dict[str, Any]:
        """The JSON object in the body, {} where there is none."""
        try:
            return read_object(self.body)
        except Malformed:
            return {}


class Client:
    """A channel's handle on the one session of the process: the first to start opens it, the last to close ends it."""

    _session: ClassVar[aiohttp.ClientSession | None] = None
    _users: ClassVar[int] = 0

    def __init__(self) -> None:
        self._started = False

    async def start(self) -> None:
        if self._started:
            return
        self._started = True
        kind = type(self)
        kind._users += 1
        if kind._session is None:
            kind._session = aiohttp.ClientSession(
                connector=self._connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Qiantai", "Accept-Encoding": "identity"},
                auto_decompress=False,
            )

    async def close(self) -> None:
        if not self._started:
            return
        self._started = False
        kind = type(self)
        kind._users -= 1
        if kind._users == 0 and kind._session is not None:
            session, kind._session = kind._session, None
            await session.close()

    @staticmethod
    def _connector() -> aiohttp.TCPConnector:
        return aiohttp.TCPConnector(limit=CONNECTIONS, limit_per_host=CONNECTIONS_PER_HOST)

    async def post(
        self, url: str, *, body: bytes, headers: Mapping[str, str], within: float, at_most: int = ANSWER_MAX
    ) -> Answer:
        """POST `body` and give the answer, whatever its status; SendError if there is none in `within` seconds.

        `at_most`: bytes of the answer that are read.

        CutOff where the request may have arrived: only a call that never got a connection surely did not."""
        return await self._call("POST", url, body=body, headers=headers, within=within, at_most=at_most)

    async def get(self, url: str, *, headers: Mapping[str, str], within: float, at_most: int = ANSWER_MAX) -> Answer:
        """GET, otherwise as `post`."""
        return await self._call("GET", url, body=None, headers=headers, within=within, at_most=at_most)

    async def _call(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str], within: float, at_most: int
    ) -> Answer:
        session = type(self)._session
        if not self._started or session is None:
            raise RuntimeError("the channel sends before start() or after close()")
        limits = aiohttp.ClientTimeout(total=within, connect=CONNECT_TIMEOUT)
        # `encoded`: sent to the letter, since some platforms sign the address.
        try:
            async with session.request(
                method, URL(url, encoded=True), data=body, headers=headers, timeout=limits, allow_redirects=False
            ) as response:
                taken = await _read_at_most(response.content, at_most)
                return Answer(status=response.status, headers=Headers(response.headers), body=taken)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as e:
            raise SendError("server_down", f"no connection ({type(e).__name__})", retryable=True) from e
        except (aiohttp.ClientError, TimeoutError) as e:
            raise CutOff("server_down", f"no answer ({type(e).__name__})", retryable=True) from e


async def _read_at_most(stream: aiohttp.StreamReader, limit: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < limit and (chunk := await stream.read(limit - len(chunks))):
        chunks += chunk
    return bytes(chunks)


def failure(answer: Answer) -> SendError | None:
    """What an answer's status means for the sender; None for 2xx, whose body the channel must still judge.

    - 429 is always throttling, on every platform: try again, after the time it names.
    - 502 and 504 come from a gateway that lost the answer of the platform behind it: CutOff.
    - Other 5xx, 408 and 425: the platform is down; try again.
    - 401 and 403 are about our account, everything else, redirects included, about the request: the same request
      would fail the same way, so it is refused at once and people are told."""
    status, wait = answer.status, retry_after(answer.headers)
    match status:
        case _ if 200 <= status < 300:
            return None
        case 429:
            return SendError("throttled", "HTTP 429", retryable=True, retry_after=wait)
        case 502 | 504:
            return CutOff("server_down", f"HTTP {status}", retryable=True, retry_after=wait)
        case _ if status >= 500 or status in (408, 425):
            return SendError("server_down", f"HTTP {status}", retryable=True, retry_after=wait)
        case 401 | 403 | 407:
            return SendError("refused", f"HTTP {status}: not our account or not allowed", retryable=False)
        case _ if 300 <= status < 400:
            return SendError("refused", f"HTTP {status}: redirects are not followed", retryable=False)
        case _:
            return SendError("refused", f"HTTP {status}", retryable=False)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of the Retry-After header, 0 to RETRY_AFTER_MAX; None where there is none that can be read.

    The date form is measured against the answer's own Date header, so no two clocks are compared."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), RETRY_AFTER_MAX)
    try:
        wait = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError):
        return None
    return min(max(wait.total_seconds(), 0.0), RETRY_AFTER_MAX)


def url_problem(url: str) -> str:
    """Why we do not call this address, or "" if we do.

    https to anywhere; plain http only where nobody is on the way: loopback, a private address, a name without dots."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        port = parts.port
    except ValueError:
        return "not an address of the form https://host/path"
    if parts.scheme not in ("http", "https") or not host or port == 0 or not url.isascii() or not url.isprintable():
        return "not an address of the form https://host/path"
    if " " in url or parts.fragment:
        return "an address has no blank and no #fragment"
    if parts.username is not None:
        return "no name and password in an address: requests are signed instead"
    if parts.scheme == "http" and not _is_near(host):
        return "use https: plain http is only for this machine and private networks"
    return ""


def _is_near(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host  # localhost, or a service name on a private network
    return address.is_loopback or address.is_private
