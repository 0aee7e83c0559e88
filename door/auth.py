"""API tokens: who may use what is not public. Secrets are kept as hashes and shown once, when they are made."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from core.errors import LedgerBusy, NotSignedIn, QiantaiError
from core.store import Store
from core.tables import api_token
from door import logs
from door.answers import send_error, unforeseen

PREFIX = "qt_"  # so that a token that leaked is recognised where it should not be
SECRET_BYTES = 32
USED_EVERY = timedelta(minutes=1)  # how exactly `last_used_at` is kept

SCOPES = {
    "alarms:read": "see the alarms",
    "alarms:write": "acknowledge alarms",
    "conversations:read": "see conversations, their transcripts, and what people left for a person",
    "conversations:write": "say that a message which people left has been dealt with",
    "cases:read": "see cases with personal data masked, their deadlines, tasks, files by name, and the figures",
    "cases:write": "open and change cases, give and settle tasks, add files",
    "cases:open": "open personal data of a case and its files, with a reason that stays in the audit",
    "cases:export": "export all that is kept of one person, and erase it once the law lets go",
    "health:read": "see why the house is not ready, and the description of the API",
}


class Forbidden(QiantaiError):
    """This token does not carry the scope that is needed."""

    code = "forbidden"
    status = 403


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who holds the token of a request."""

    token_id: int
    name: str
    scopes: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenRow:
    """A token as people may see it: its secret is not kept."""

    id: int
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


def _hash(token: str) -> str:
    # The secret is 32 random bytes, so one round of SHA-256 is as good as a slow hash and costs a request nothing.
    return hashlib.sha256(token.encode()).hexdigest()


def issue(conn: Connection, *, name: str, scopes: Iterable[str], now: datetime) -> str:
    """Makes a token and returns it, the only time it is seen. An unknown scope or an empty name is a ValueError."""
    wanted = sorted(set(scopes))
    if not name.strip() or not wanted:
        raise ValueError("a token needs a name and at least one scope")
    if unknown := [scope for scope in wanted if scope not in SCOPES]:
        raise ValueError(f"no such scope: {', '.join(unknown)}; there are: {', '.join(SCOPES)}")
    token = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    conn.execute(insert(api_token).values(name=name, hash=_hash(token), scopes=" ".join(wanted), created_at=now))
    return token


def revoke(conn: Connection, token_id: int, now: datetime) -> bool:
    """Ends a token at once; False if there is none or it had ended already."""
    ended = update(api_token).where(api_token.c.id == token_id, api_token.c.revoked_at.is_(None))
    return conn.execute(ended.values(revoked_at=now)).rowcount == 1


def tokens(conn: Connection) -> list[TokenRow]:
    """Every token there ever was, the newest first."""
    return [
        TokenRow(
            id=row.id,
            name=row.name,
            scopes=tuple(row.scopes.split()),
            created_at=row.created_at,
            last_used_at=row.last_used_at,
            revoked_at=row.revoked_at,
        )
        for row in conn.execute(select(api_token).order_by(api_token.c.id.desc()))
    ]


class Tokens:
    """Tells who calls, from the Authorization header."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock

    async def caller(self, authorization: str) -> Caller | None:
        """The holder of `Bearer qt_…`; None for no token, an unknown or a revoked one. Read anew for each request."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.startswith(PREFIX):
            return None
        digest = _hash(token.strip())
        row = await self._store.read(
            lambda conn: conn.execute(
                select(api_token).where(api_token.c.hash == digest, api_token.c.revoked_at.is_(None))
            ).one_or_none()
        )
        if row is None or not hmac.compare_digest(row.hash, digest):
            return None
        now = self._clock()
        if row.last_used_at is None or row.last_used_at < now - USED_EVERY:
            with suppress(LedgerBusy):  # a token works while the ledger takes no writes
                await self._store.write(lambda conn: _used(conn, row.id, now))
        return Caller(token_id=row.id, name=row.name, scopes=frozenset(row.scopes.split()))


def _used(conn: Connection, token_id: int, now: datetime) -> None:
    stale = or_(api_token.c.last_used_at.is_(None), api_token.c.last_used_at < now - USED_EVERY)
    conn.execute(update(api_token).where(api_token.c.id == token_id, stale).values(last_used_at=now))


class Guard:
    """Lets public addresses through, and to every other address only who holds a token.

    It stands before the routes, so an address that somebody forgets to protect is closed, and one that does not
    exist says nothing about what does.
    """

    def __init__(self, app: ASGIApp, *, tokens: Tokens, is_public: Callable[[str], bool]) -> None:
        self._app = app
        self._tokens = tokens
        self._is_public = is_public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        public = self._is_public(scope["path"])
        refusal: QiantaiError = NotSignedIn()
        caller: Caller | None = None
        if authorization := next((v for k, v in scope["headers"] if k == b"authorization"), b""):
            try:
                caller = await self._tokens.caller(authorization.decode("latin-1"))
            except Exception as e:  # the ledger cannot be read: what is public stays open all the same
                refusal = unforeseen(e, path=logs.shown(scope["path"]))
        if caller is not None or public:
            scope.setdefault("state", {})["caller"] = caller
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await send_error(send, refusal)
        else:
            await receive()
            await send({"type": "websocket.close", "code": 4401})


def caller_of(request: Request) -> Caller | None:
    """Who calls, as the guard found; None on a public address without a token."""
    found: Any = request.scope.get("state", {}).get("caller")
    return found if isinstance(found, Caller) else None


def require(scope: str) -> Callable[[Request], Awaitable[Caller]]:
    """A FastAPI dependency: the caller, whose token must carry `scope` (401 without a token, 403 without the scope)."""
    if scope not in SCOPES:
        raise ValueError(f"no such scope: {scope}")

    async def signed_in(request: Request) -> Caller:
        caller = caller_of(request)
        if caller is None:
            raise NotSignedIn(f"a token with the scope {scope} is needed")
        if scope not in caller.scopes:
            raise Forbidden(f"this token has not got the scope {scope}")
        return caller

    return signed_in
