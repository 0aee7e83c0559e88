"""Files that consumers send: fetched from where a platform, or a message, says that they are.

An address out of a message may lead anywhere, so it is called through `Outside`, which connects to the public internet
alone: a name is looked up once, every address that it stands for is judged, and one of those is connected to.
Redirects are followed by hand, each judged like the first, and take no credentials along to another host. What comes
is read up to a limit and never unpacked; what it is shows its content, not its name or header (`cases.attachments`).
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Collection, Mapping
from typing import ClassVar
from urllib.parse import urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from channels._http import Answer, Client, failure
from core.errors import SendError

REDIRECTS = 3  # one after the other; file stores of platforms need one
FETCH_SECONDS = 60.0  # for a whole file, redirects included
AT_ONCE = 8  # connections; files are fetched a few at a time

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # IPv6 addresses that stand for those of IPv4 (RFC 6052)


class Outside(Client):
    """A client that reaches the public internet and nothing else."""

    _session: ClassVar[aiohttp.ClientSession | None] = None
    _users: ClassVar[int] = 0

    @staticmethod
    def _connector() -> aiohttp.TCPConnector:
        # No cache and no kept connections: what is judged is what is connected to.
        return aiohttp.TCPConnector(resolver=_PublicOnly(), use_dns_cache=False, force_close=True, limit=AT_ONCE)


class Files:
    """Fetches files for one channel."""

    def __init__(self, trusted: Collection[str] = (), within: float = FETCH_SECONDS) -> None:
        """`trusted`: origins (https://host:port) that the operator set and that may be inside; `within`: seconds."""
        self._trusted = frozenset(map(origin, trusted))
        self._within = within
        self._inside, self._outside = Client(), Outside()

    async def start(self) -> None:
        await self._inside.start()
        await self._outside.start()

    async def close(self) -> None:
        await self._inside.close()
        await self._outside.close()

    async def get(self, url: str, most: int, headers: Mapping[str, str] | None = None) -> Answer:
        """The file at `url`, of at most `most` bytes; SendError if there is none, or nobody may look there.

        `headers` go to the origin of `url` alone."""
        until = time.monotonic() + self._within
        sent = dict(headers or {})
        for _ in range(REDIRECTS + 1):
            trusted = origin(url) in self._trusted
            if not trusted and (why := problem(url)):
                raise SendError("refused", why, retryable=False)
            client = self._inside if trusted else self._outside
            left = max(until - time.monotonic(), 0.001)
            answer = await client.get(url, headers=sent, within=left, at_most=most + 1)
            target = answer.headers.get("Location", "")
            if not (300 <= answer.status < 400 and target):
                return _judged(answer, most)
            following = urljoin(url, target)
            if origin(following) != origin(url):
                sent = {}
                if urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https":
                    raise SendError("refused", "from https the file leads to plain http", retryable=False)
            url = following
        raise SendError("refused", f"more than {REDIRECTS} redirects", retryable=False)


def origin(url: str) -> str:
    """Scheme, host and port of an address, the port written out; "" for what is no address."""
    if not url.isascii() or not url.isprintable() or " " in url:
        return ""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        return f"{parts.scheme}://{parts.hostname}:{port}" if parts.hostname else ""
    except (ValueError, KeyError):
        return ""


def problem(url: str) -> str:
    """Why no file is fetched from this address, judged by its letters; "" if its host may be looked up."""
    parts = urlsplit(url) if origin(url) else None
    if parts is None:
        return "not an address of the form https://host/path"
    if parts.username is not None or parts.password is not None:
        return "an address with a name or password in it"
    host = parts.hostname or ""
    try:
        return "" if is_public(ipaddress.ip_address(host)) else "an address that is not public"
    except ValueError:
        # 127.1, 2130706433, 0x7f.1: systems take these for numbers, and who writes one hides something.
        last = host.rstrip(".").rpartition(".")[2]
        return "a number that is no address" if last.isdigit() or last.startswith("0x") else ""


def is_public(address: _Address) -> bool:
    """Whether anybody may reach this address: no loopback, private, link-local, shared, multicast or reserved one, and
    none of IPv6 that stands for such a one of IPv4."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:  # fec0::/10: given up by RFC 3879, still routed inside where it was used
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


class _PublicOnly(AbstractResolver):
    """Looks names up, and knows none that stands for anything inside."""

    def __init__(self) -> None:
        self._system = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._system.resolve(host, port, family)
        if not all(is_public(ipaddress.ip_address(one["host"].partition("%")[0])) for one in found):
            raise SendError("refused", "a name that does not lead to the public internet", retryable=False)
        return found

    async def close(self) -> None:
        await self._system.close()


def _judged(answer: Answer, most: int) -> Answer:
    if error := failure(answer):
        raise error
    if len(answer.body) > most:
        raise SendError("too_large", f"the file has more than {most} bytes", retryable=False)
    if not answer.body:
        raise SendError("refused", "there is nothing in the file", retryable=False)
    return answer
