"""The house's end of the wire to the brain: one HTTP call per turn, every failure with a name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, cast

import aiohttp
import numpy as np
import orjson
from numpy.typing import NDArray

from core import effects
from core.effects import Effect
from core.errors import BrainError
from core.model import Attachment, Capabilities, Language, MessageKind, Say
from faq.folding import simplified_characters

TEXT_MAX = 2000  # characters of one message the brain takes; it answers 413 above
PERMANENT = (413, 422)  # the same request would be refused again
BACK_WITHIN = 8.0  # seconds a brain that is started again takes at most, usually 5; longer is an outage

Reason = Literal["down", "slow", "refused", "failed", "empty"]


class TurnFailed(BrainError):
    """The brain could not answer this turn."""

    def __init__(self, reason: Reason, detail: str, *, permanent: bool = False) -> None:
        """`permanent`: the same turn would fail the same way, so further tries are pointless."""
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.permanent = permanent


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnRequest:
    """All that the brain may know of one turn: it keeps nothing between two of them."""

    turn: str  # id of this attempt, unique; for logs and the brain's throw-away sender id
    kind: MessageKind
    text: str = ""  # masked; cut to TEXT_MAX on the wire
    payload: str = ""  # only of a button the house itself offered in this conversation
    attachments: Sequence[Attachment] = ()
    language: Language
    other_language: bool = False  # the text is in neither of ours
    channel: str  # kind of the channel
    capabilities: Capabilities
    now: datetime  # the only clock the brain has
    vector: NDArray[np.float32] | None = None  # of the message, from the encoder; shape (size,)
    hits_decision: Literal["answer", "ask", "none"] = "none"
    hits: Sequence[Any] = ()  # faq.search.Hit or plain mappings of the same fields, best first
    # pending, cases, draft, last_speaker, reflex (which one answered the message before), since (s)
    context: Mapping[str, Any] = field(default_factory=dict[str, Any])
    state: bytes | None = None  # JSON text as the brain gave it after the turn before; None: a new contact


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """Why the brain answered so; kept with the turn for people who look later."""

    label: str = ""
    confidence: float = 0.0  # 0..1
    runner_up: str = ""
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TurnReply:
    """What the brain asks the house to say and do, and the state to commit with it."""

    say: tuple[Say, ...]
    effects: tuple[Effect, ...]
    state: bytes | None  # JSON text
    decision: Decision


def encode(request: TurnRequest) -> bytes:
    """The body of `POST /turn`. A text that is not valid Unicode is a permanent TurnFailed.

    `plain` is the text as the brain was trained to read it, in simplified characters, where that differs.
    """
    text = request.text[:TEXT_MAX]
    plain = simplified_characters(text)
    body = {
        "turn": request.turn,
        "kind": request.kind,
        "text": text,
        "plain": "" if plain == text else plain,
        "payload": request.payload,
        "attachments": [{"media_type": a.media_type, "name": a.name} for a in request.attachments],
        "language": request.language,
        "other_language": request.other_language,
        "channel": {"kind": request.channel, "capabilities": request.capabilities},
        "now": request.now,
        "vector": request.vector,
        "hits_decision": request.hits_decision,
        "hits": request.hits,
        "context": request.context,
        "state": None if request.state is None else orjson.Fragment(request.state),
    }
    try:
        return orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY)
    except TypeError as e:  # orjson.JSONEncodeError: lone surrogates and the like
        raise TurnFailed("refused", f"turn {request.turn} cannot be written as JSON", permanent=True) from e


def decode(body: bytes) -> TurnReply:
    """The brain's 200 answer. A broken one is TurnFailed "failed"; nothing to say and nothing to do is "empty"."""
    try:
        raw = orjson.loads(body)
        if not (isinstance(raw["say"], list) and isinstance(raw["effects"], list)):
            raise TypeError("say and effects are lists")
        says = tuple(_say(s) for s in raw["say"])
        asked = tuple(effects.read(e) for e in raw["effects"])
        state = None if raw.get("state") is None else orjson.dumps(raw["state"])
        decision = _decision(raw.get("decision") or {})
    except (ValueError, TypeError, KeyError, AttributeError) as e:
        raise TurnFailed("failed", f"unreadable answer ({type(e).__name__}: {e})") from e
    if not says and not asked:
        raise TurnFailed("empty", "the answer holds nothing to say and nothing to do")
    return TurnReply(say=says, effects=asked, state=state, decision=decision)


def _say(raw: dict[str, Any]) -> Say:
    key, faq = raw.get("key", ""), raw.get("faq", "")
    args = cast(dict[str, Any], raw.get("args") or {})
    if not (isinstance(key, str) and isinstance(faq, str) and hasattr(args, "items")) or bool(key) == bool(faq):
        raise ValueError("a say is {key, args} or {faq}")
    return Say(key=key, faq=faq, args=args)


def _decision(raw: dict[str, Any]) -> Decision:
    return Decision(
        label=str(raw.get("label") or ""),
        confidence=float(raw.get("confidence") or 0.0),
        runner_up=str(raw.get("runner_up") or ""),
        why=str(raw.get("why") or ""),
    )


class BrainClient:
    """Keep-alive client of one brain process; `url` may be pointed elsewhere when the child is started anew."""

    def __init__(self, url: str, token: str, timeout: float = 4.0, *, at_once: int = 8) -> None:
        """`timeout`: seconds for a whole turn, connection included; `at_once`: turns in flight. DESIGN §2 has both."""
        self.url = url.rstrip("/")
        self.token = token  # to be given to the brain that this client will ask
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._timeout = timeout
        self._slots = asyncio.Semaphore(at_once)
        self._http: aiohttp.ClientSession | None = None
        self._up = asyncio.Event()
        self._up.set()
        self._down_at = 0.0  # time.monotonic()

    def came_up(self, url: str) -> None:
        """A brain answers at `url` from now on."""
        self.url = url
        self._up.set()

    def went_down(self) -> None:
        """Nobody answers until somebody comes up."""
        self._up.clear()
        self._down_at = time.monotonic()

    async def turn(self, request: TurnRequest) -> TurnReply:
        """Ask once. Raises TurnFailed: down (not reachable, not ready), slow, refused, failed (inside), empty.

        A brain that ended a moment ago is waited for, up to one time budget: failing at once would use up the tries of
        every waiting conversation while it starts again.
        """
        body = encode(request)
        await self._back()
        try:
            async with self._slots:
                response = await self._client().post(f"{self.url}/turn", data=body)
                answer = await response.read()  # to its end, or closed: gives the connection back either way
        except TimeoutError as e:
            raise TurnFailed("slow", f"no answer within {self._timeout:g} s") from e
        except aiohttp.ClientError as e:
            raise TurnFailed("down", f"{type(e).__name__}") from e
        if (status := response.status) == 200:
            return decode(answer)
        detail = f"{status} {_reason(answer)}".rstrip()
        if status == 503:
            raise TurnFailed("down", detail)
        if status >= 500:
            raise TurnFailed("failed", detail)
        raise TurnFailed("refused", detail, permanent=status in PERMANENT)

    async def _back(self) -> None:
        if not self._up.is_set():
            left = min(self._timeout, self._down_at + BACK_WITHIN - time.monotonic())
            try:
                await asyncio.wait_for(self._up.wait(), max(0.0, left))
            except TimeoutError as e:
                raise TurnFailed("down", "it has not come back yet") from e

    async def ready(self) -> str:
        """The id of the model the brain serves, "" while it does not answer or is not warm yet."""
        try:
            async with self._client().get(f"{self.url}/ready") as response:
                if response.status != 200:
                    return ""
                return str(orjson.loads(await response.read())["model"])
        except (TimeoutError, aiohttp.ClientError, ValueError, KeyError, TypeError):
            return ""

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    def _client(self) -> aiohttp.ClientSession:
        """Made on first use, inside the running loop."""
        if self._http is None:
            self._http = aiohttp.ClientSession(
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                connector=aiohttp.TCPConnector(limit=64, keepalive_timeout=30.0, force_close=False),
                auto_decompress=False,
            )
        return self._http


def _reason(answer: bytes) -> str:
    """The brain's own short word for a refusal, e.g. `text`; never the text of a message."""
    try:
        error = orjson.loads(answer)["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    return error[:80] if isinstance(error, str) else ""
