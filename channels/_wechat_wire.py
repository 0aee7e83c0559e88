"""What a WeChat callback looks like on the wire: signatures, ciphertext and XML, both ways.

The cipher and the reading of messages are wechatpy's. Around them stands what it lacks: signatures compared in
constant time, no document types, and every kind of garbage an error of ours.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import struct
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any, cast
from xml.parsers.expat import ExpatError

from wechatpy.crypto import PrpCrypto  # pyright: ignore[reportMissingTypeStubs]
from wechatpy.exceptions import InvalidAppIdException  # pyright: ignore[reportMissingTypeStubs]
from wechatpy.parser import parse_message  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

from core.errors import BadSignature, Malformed

BODY_MAX = 1_000_000  # bytes; the platform's own deliveries have a few hundred
FRESH = 300  # seconds a signature is good for, either way

_parse = cast("Callable[[str], Any]", parse_message)
_CDATA = re.compile(r"<!\[CDATA\[.*?\]\]>", re.DOTALL)
_ENCRYPT = re.compile(r"<Encrypt>(?:<!\[CDATA\[)?([A-Za-z0-9+/=]+)(?:\]\]>)?</Encrypt>")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def signature(*parts: str) -> str:
    """SHA-1 over the sorted parts, as the platform signs: token, timestamp, nonce and, where there is one, Encrypt."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()  # noqa: S324 (the platform's choice)


def verify(query: Mapping[str, str], token: str, now: float) -> None:
    """BadSignature unless the address was signed with `token` within FRESH seconds of `now` (unix seconds)."""
    timestamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
    # Compared before the time is judged: who cannot sign learns nothing, not even our clock.
    _compare(query.get("signature", ""), signature(token, timestamp, nonce), "signature")
    if not _TIMESTAMP.fullmatch(timestamp) or abs(now - int(timestamp)) > FRESH:
        raise BadSignature(f"the signature is more than {FRESH} s away from our clock")


def _compare(given: str, due: str, name: str) -> None:
    if not hmac.compare_digest(given.encode("utf-8", "replace"), due.encode()):
        raise BadSignature(f"{name}: missing, or not made with our token")


class Seal:
    """The cipher of one account: AES-256-CBC with the account's key, the app id inside what is enciphered."""

    def __init__(self, token: str, aes_key: str, app_id: str) -> None:
        """`aes_key`: the EncodingAESKey, 43 characters of base64."""
        self._token, self._app_id = token, app_id
        self._key = b64decode(f"{aes_key}=")

    def open(self, body: str, query: Mapping[str, str]) -> str:
        """The XML inside a delivery; BadSignature where it is not of this account, Malformed where it is garbage."""
        if (found := _ENCRYPT.search(body)) is None:
            raise BadSignature("Encrypt: missing; only enciphered messages are taken here")
        due = signature(self._token, query.get("timestamp", ""), query.get("nonce", ""), found[1])
        _compare(query.get("msg_signature", ""), due, "msg_signature")
        try:
            return PrpCrypto(self._key).decrypt(found[1], self._app_id)  # pyright: ignore[reportUnknownMemberType]
        except InvalidAppIdException:
            raise BadSignature("the message is for another account, or was enciphered with another key") from None
        except (ValueError, IndexError, struct.error, binascii.Error):
            raise Malformed("Encrypt: it cannot be deciphered") from None

    def close(self, xml: str, *, timestamp: str, nonce: str) -> str:
        """`xml` as a reply that only the platform can read."""
        enciphered = PrpCrypto(self._key).encrypt(xml, self._app_id).decode()  # pyright: ignore[reportUnknownMemberType]
        signed = signature(self._token, timestamp, nonce, enciphered)
        return (
            f"<xml><Encrypt>{cdata(enciphered)}</Encrypt><MsgSignature>{cdata(signed)}</MsgSignature>"
            f"<TimeStamp>{timestamp}</TimeStamp><Nonce>{cdata(nonce)}</Nonce></xml>"
        )


def text_of(body: bytes) -> str:
    """A delivery's body as text; Malformed where it is none, too large or brings a document type."""
    if len(body) > BODY_MAX:
        raise Malformed(f"a message has at most {BODY_MAX} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError as e:
        raise Malformed(f"not UTF-8 at byte {e.start}") from None
    refuse_markup(text)
    return text


def refuse_markup(text: str) -> None:
    """Malformed for declarations and instructions: no entity is ever read. What a consumer writes stands in CDATA."""
    bare = _CDATA.sub("", text)
    if "<!" in bare or "<?" in bare:
        raise Malformed("no DOCTYPE, ENTITY, comment or processing instruction is taken")


def read(xml: str) -> dict[str, Any]:
    """The fields of a message; `Event` and `EventKey` of a scanned code as wechatpy tells them apart."""
    try:
        return dict(cast("dict[str, Any]", _parse(xml)._data))
    except (ExpatError, ValueError, KeyError, TypeError, AttributeError):
        raise Malformed("not a message of the platform: <xml> with a MsgType") from None


def cdata(text: str) -> str:
    return f"<![CDATA[{text.replace(']]>', ']]]]><![CDATA[>')}]]>"


def reply(*, to: str, sender: str, at: int, text: str) -> str:
    """A passive text reply at unix time `at`; `sender` is the account as the message named it."""
    return (
        f"<xml><ToUserName>{cdata(to)}</ToUserName><FromUserName>{cdata(sender)}</FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[text]]></MsgType><Content>{cdata(text)}</Content></xml>"
    )
