"""No test of a channel may reach beyond loopback, whatever the channel tries."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest


class LeftLoopback(AssertionError):
    """Something tried to reach a place beyond this machine."""


def _is_here(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name in ("", "None", "localhost")


@pytest.fixture(autouse=True)
def attempts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What tried to leave loopback; it fails there, and the test fails even if the channel swallowed that."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo
    tried: list[str] = []

    def refuse(what: str) -> None:
        tried.append(what)
        raise LeftLoopback(what)

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address[0]):
            refuse(f"a connection to {address[0]}")
        connect(self, address)

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not _is_here(host):
            refuse(f"a look-up of {host}")
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_look_up)
    yield tried
    assert not tried, f"left loopback: {tried}"
