"""How much one sender may write, and one network address may open: counted in memory, by minute."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

from core.errors import TooMany
from core.setting_checks import Networks

MINUTE = 60.0  # seconds

Counts = defaultdict[tuple[str, ...], int]


class Rates:
    """Messages per minute of each sender; two weighed counters each, so that the turn of a minute is no loophole."""

    # `limits` starts a thread every 10 ms that goes through every counter: 8 ms of CPU a message with 100,000 senders.

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = per_minute
        self._clock = clock
        self._minute = 0
        self._now: Counts = defaultdict(int)
        self._before: Counts = defaultdict(int)

    def take(self, *who: str) -> int:
        """Counts one message of `who` and says which it is in this minute; TooMany above the limit. The sender must
        wait, nothing was taken."""
        second = self.forget()
        weighed = self._before.get(who, 0) * (1 - second / MINUTE) + self._now.get(who, 0)
        if int(weighed) >= self._limit:
            raise TooMany
        self._now[who] += 1
        return int(weighed) + 1

    def forget(self) -> float:
        """Drops what is older than the minute before this one; the seconds that are gone of this one."""
        minute, second = divmod(self._clock(), MINUTE)
        if minute != self._minute:
            self._before = self._now if minute == self._minute + 1 else defaultdict(int)
            self._now, self._minute = defaultdict(int), int(minute)
        return second


class Addresses:
    """What one network address may do at the web chat: new visitors per minute, open sockets. 0 is no limit.

    A network of IPv6 counts as one address by its first 64 bits, which is what one customer gets. The proxies that we
    trust are not counted: who comes under their name is this machine itself, or a proxy that does not say for whom.
    Addresses are kept only as a hash with a key of this process, and no longer than they have open sockets and two
    minutes after their last new visitor.
    """

    def __init__(
        self,
        visitors_per_minute: int,
        sockets: int,
        proxies: Networks = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._visitors = Rates(visitors_per_minute, clock) if visitors_per_minute else None
        self._sockets = sockets
        self._proxies = proxies
        self._key = secrets.token_bytes(32)
        self._open: Counter[str] = Counter()
        self._clock = clock
        self._counted: list[Rates] = []

    @contextmanager
    def open(self, address: str) -> Generator[None]:
        """Counts one socket of `address` while it is open; TooMany above the limit."""
        who = self._who(address)
        if not (self._sockets and who):
            yield
            return
        if self._open[who] >= self._sockets:
            raise TooMany
        self._open[who] += 1
        try:
            yield
        finally:
            self._open[who] -= 1
            if not self._open[who]:
                del self._open[who]

    def visit(self, address: str) -> None:
        """Counts one new visitor from `address`; TooMany above the limit."""
        who = self._who(address)
        if self._visitors and who:
            self._visitors.take(who)

    def counted(self, per_minute: int) -> Rates:
        """A further counter, of what one address may do elsewhere in a minute, for `take`."""
        self._counted.append(Rates(per_minute, self._clock))
        return self._counted[-1]

    def take(self, rates: Rates, address: str) -> None:
        """Counts one request of `address`; TooMany above the limit."""
        if who := self._who(address):
            rates.take(who)

    def forget(self) -> None:
        """Drops what is older than two minutes; to be called now and then, since nobody may come for days."""
        for one in (*([self._visitors] if self._visitors else ()), *self._counted):
            one.forget()

    def network(self, address: str) -> str:
        """The network of `address` as `network` has it; "" for a proxy that we trust."""
        return network(address, self._proxies)

    def _who(self, address: str) -> str:
        """The name under which `address` is counted; "" for one that is not."""
        who = self.network(address)
        return who and hashlib.blake2b(who.encode(), key=self._key, digest_size=16).hexdigest()


def network(address: str, proxies: Networks = ()) -> str:
    """The network of an address, by which it is counted: of IPv6 the first 64 bits, which is what one customer gets;
    "" for a proxy that we trust. What is no address shares one network."""
    try:
        ip = ip_address(address)
    except ValueError:  # a proxy's word such as "unknown"; names of their own would be a way round
        return "nowhere"
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:  # on a socket that listens for both families
        ip = ip.ipv4_mapped
    if any(ip in each for each in proxies):
        return ""
    return ip.packed[:8].hex()
