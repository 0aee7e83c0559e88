"""Addresses: what platforms ask of ours, and whether theirs answer."""

from __future__ import annotations

import asyncio
import ipaddress
import re
import ssl
from collections.abc import Collection
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from channels._http import url_problem

PORTS = {"http": 80, "https": 443}
CONNECT_SECONDS = 5.0

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


def _as_browsers_say_it(value: list[str]) -> list[str]:
    for origin in value:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError("an origin is https://host or https://host:port, in small letters, without a path")
    return value


Origins = Annotated[list[str], AfterValidator(_as_browsers_say_it)]  # of pages, each as its browser names it


def _we_call(value: str) -> str:
    if problem := url_problem(value):
        raise ValueError(problem)
    return value


CalledUrl = Annotated[str, AfterValidator(_we_call)]  # of an interface that we call, to the letter
BaseUrl = Annotated[CalledUrl, AfterValidator(lambda value: value.rstrip("/"))]  # … to which our paths are added


def address_problems(public_url: str, *, ports: Collection[int] = (), tls: bool = True) -> list[str]:
    """Why a platform on the internet would not call us at `public_url`, a sentence each; [] if nothing speaks against.

    `ports` are those that the platform calls, () for any; `tls` says whether it calls https alone. Nobody is asked:
    whether the name leads here and the certificate is good, only a call from outside can show."""
    if not public_url:
        return ["the house has no public address: set QIANTAI_PUBLIC_BASE_URL"]
    try:
        parts = urlsplit(public_url)
        host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    except ValueError:
        return ["the public address is not of the form https://host"]
    if parts.scheme not in PORTS or not host:
        return ["the public address is not of the form https://host"]
    found: list[str] = []
    if _is_inside(host):
        found.append(f"{host} can be reached from this machine or a private network only")
    if tls and parts.scheme != "https":
        found.append("the platform calls https only: put a reverse proxy with a certificate before the house")
    if ports and port not in ports:
        found.append(f"the platform calls port {' or '.join(map(str, sorted(ports)))} only, not {port}")
    return found


def unencrypted(*pages: str) -> list[str]:
    """Those of these addresses, "" left out, where others could read what visitors write; a sentence each."""
    found = [page for page in pages if page and url_problem(page)]
    return [f"{page}: what visitors write there is not encrypted; use https" for page in found]


async def connection_problem(url: str) -> str:
    """Why nobody can be called at `url`, or "" if somebody takes a connection there; nothing is sent."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS.get(parts.scheme, 0)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=parts.scheme == "https" or None)
    except TimeoutError:
        return f"{host} port {port} does not answer within {CONNECT_SECONDS:g} s"
    except ssl.SSLError as e:
        return f"{host} port {port}: no trusted TLS connection ({e.reason or type(e).__name__})"
    except OSError as e:
        return f"{host} port {port} cannot be reached ({e.strerror or type(e).__name__})"
    writer.close()
    return ""


def _is_inside(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))
