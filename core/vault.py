"""The keys of the house: what is hidden by them, what is sealed with them, and which message parts are."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core import masking
from core.errors import SettingsError, VaultError
from core.model import ChannelId, ConversationId

KEY_VERSION = 1
KEY_BYTES = 32
SEAL_VERSION = b"\x01"  # AES-256-GCM: this byte, the nonce, the ciphertext with its tag
NONCE_BYTES = 12
REF_BYTES = 7  # random; written as REF_CHARS characters of base32, 50 bits
REF_CHARS = 10
DEPTH_MAX = 64  # levels of a raw payload that are kept; no platform nests as deep


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A value that was taken out of a text: `⟦kind:ref⟧` stands there instead. The seal's context is `secret:<ref>`."""

    kind: Literal["phone", "email", "query-code", "link"]
    ref: str
    fingerprint: str  # of the canonical value, so that the same telephone is known again however it is written
    sealed: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Masked:
    """A text without personal data, and what was taken out of it and can be opened again."""

    text: str
    secrets: tuple[Secret, ...] = ()


class Seal:
    """Enciphers with one key; what is sealed opens only under the same `context`, which says where it belongs."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def close(self, plain: bytes, *, context: str) -> bytes:
        """`plain` enciphered."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return SEAL_VERSION + nonce + self._cipher.encrypt(nonce, plain, _utf8(context))

    def open(self, sealed: bytes, *, context: str) -> bytes:
        """What was sealed; VaultError if another key, another context or damage stands in the way."""
        version, nonce, cipher = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if version != SEAL_VERSION or len(nonce) != NONCE_BYTES:
            raise VaultError("this value was not sealed by this version of the house")
        try:
            return self._cipher.decrypt(nonce, cipher, _utf8(context))
        except InvalidTag:
            raise VaultError from None


class Vault:
    """Hides personal data with two keys of its own: one only hashes, one only seals."""

    def __init__(self, *, hash_key: bytes, seal_key: bytes) -> None:
        self._hash_key = hash_key
        self._seal = Seal(seal_key)

    @classmethod
    def open(cls, path: Path) -> Vault:
        """The vault of the key file at `path`; SettingsError says what is wrong with the file and what to do."""
        try:
            mode = path.stat().st_mode
            raw = path.read_bytes()
        except FileNotFoundError:
            raise SettingsError(
                f"there is no key file {path}: run ./qiantai setup for a new house, or put back the copy that belongs"
                " to this ledger"
            ) from None
        except OSError as e:
            raise SettingsError(
                f"the key file {path} cannot be read ({e.strerror}): mend its owner or its path"
            ) from None
        if os.name == "posix" and stat.S_IMODE(mode) & 0o077:
            raise SettingsError(f"others may read the key file {path}: run chmod 600 {path}")
        keys = _keys(path, raw)
        return cls(hash_key=keys["hash"], seal_key=keys["seal"])

    @classmethod
    def create(cls, path: Path) -> Vault:
        """A new key file at `path` that only its owner may read, and its vault; SettingsError if there is one."""
        keys = {name: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() for name in ("hash", "seal")}
        made = {"version": KEY_VERSION, "keys": keys, "created": datetime.now(UTC).isoformat(timespec="seconds")}
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_durably(draft, json.dumps(made, indent=2).encode() + b"\n")
            try:
                os.link(draft, path)  # unlike a rename, refuses to overwrite
            except FileExistsError:
                raise SettingsError(f"there is a key file {path} already: without it the ledger stays shut") from None
            finally:
                draft.unlink()
            _sync_folder(path.parent)
        except OSError as e:
            raise SettingsError(
                f"the key file {path} cannot be written ({e.strerror}): mend the folder or its owner"
            ) from e
        return cls.open(path)

    # Hashing --------------------------------------------------------------------------------------------------------

    def conversation_id(self, channel: ChannelId, sender: str) -> ConversationId:
        """The letter c and 25 of a-z, 2-7: the same for the same sender on the same channel, and it tells neither."""
        digest = self._digest("conversation", (channel, sender), 16)
        return ConversationId("c" + base64.b32encode(digest).decode().lower()[:25])

    def fingerprint(self, *parts: str) -> str:
        """64 hex digits by which a hidden value can be found again, and not guessed without the key."""
        return self._digest("fingerprint", parts, 32).hex()

    def _digest(self, purpose: str, parts: Collection[str], size: int) -> bytes:
        # Lengths before the parts: ("ab", "c") and ("a", "bc") must differ. Platforms' ids may hold lone surrogates.
        encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
        framed = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
        return hashlib.blake2b(framed, key=self._hash_key, person=purpose.encode(), digest_size=size).digest()

    # Sealing --------------------------------------------------------------------------------------------------------

    def seal(self, plain: str, *, context: str) -> bytes:
        """`plain` enciphered so that it opens only under the same `context`, which says where it belongs."""
        return self._seal.close(_utf8(plain), context=context)

    def unseal(self, sealed: bytes, *, context: str) -> str:
        """What was sealed; VaultError if another key, another context or damage stands in the way."""
        return self._seal.open(sealed, context=context).decode("utf-8", "surrogatepass")

    # Masking --------------------------------------------------------------------------------------------------------

    def mask(self, text: str, *, keep: Collection[str] | None = None) -> Masked:
        """`text` as it may be stored.

        ID-card and bank-card numbers are gone for good: ⟦id-card⟧, ⟦bank-card⟧. Telephone numbers, e-mail addresses and
        query codes become references, ⟦phone:k3x…⟧, ⟦email:…⟧ and ⟦query-code:…⟧, whose values lie sealed in `secrets`,
        in canonical form (digits with a leading + only for other countries; addresses as written, in plain width).

        ⟦ and ⟧ that a consumer typed become [ and ], so nobody can write a reference of their own. A text is therefore
        masked exactly once, when it is accepted. Whoever must mask a text of our own again names in `keep` the
        references that are known to be ours: those and the two bare marks stay, and nothing else changes.
        """
        if not masking.suspicious(text):
            return Masked(text=text)
        taken: dict[tuple[str, str], Secret] = {}

        def mark(found: masking.Found) -> str:
            if found.kind == "id-card" or found.kind == "bank-card":
                return f"⟦{found.kind}⟧"
            secret = taken.get((found.kind, found.value))
            if secret is None:
                secret = taken[found.kind, found.value] = self.secret(found.kind, found.value)
            return f"⟦{secret.kind}:{secret.ref}⟧"

        return Masked(text=masking.replace(text, mark, keep=keep), secrets=tuple(taken.values()))

    def mask_tree(self, raw: Any) -> Any:
        """A JSON value as it may be stored: every text in it masked, names of fields too.

        It is a copy kept as evidence and nobody opens values from it, so telephone numbers and e-mail addresses become
        the bare marks ⟦phone⟧ and ⟦email⟧. A number that reads as one of them becomes its mark, a text. Below
        DEPTH_MAX levels nothing is kept.
        """
        return _tree(raw, 0)

    def secret(self, kind: Literal["phone", "email", "query-code", "link"], value: str) -> Secret:
        """`value` sealed under a new reference."""
        ref = base64.b32encode(secrets.token_bytes(REF_BYTES)).decode().lower()[:REF_CHARS]
        return Secret(
            kind=kind,
            ref=ref,
            fingerprint=self.fingerprint(kind, value.lower()),
            sealed=self.seal(value, context=f"secret:{ref}"),
        )


def _bare(found: masking.Found) -> str:
    return f"⟦{found.kind}⟧"


def _tree(raw: Any, depth: int) -> Any:
    if isinstance(raw, str):
        return masking.replace(raw, _bare) if masking.suspicious(raw) else raw
    if isinstance(raw, dict):
        if depth >= DEPTH_MAX:
            return {}
        return {_tree(key, depth): _tree(value, depth + 1) for key, value in cast("dict[str, Any]", raw).items()}
    if isinstance(raw, list):
        if depth >= DEPTH_MAX:
            return []
        return [_tree(value, depth + 1) for value in cast("list[Any]", raw)]
    if isinstance(raw, (int, float)) and 10**10 <= raw < 10**masking.DIGITS_MAX and raw == int(raw):
        written = str(int(raw))  # 1.38e10 reads as a telephone number, too
        masked = masking.replace(written, _bare)
        return raw if masked == written else masked
    return raw


def _keys(path: Path, raw: bytes) -> dict[str, bytes]:
    broken = SettingsError(f"the key file {path} is damaged: put back the copy that belongs to this ledger")
    try:
        read = json.loads(raw)
        version = read["version"]
    except (ValueError, TypeError, KeyError):
        raise broken from None
    if version != KEY_VERSION:
        raise SettingsError(
            f"the key file {path} has version {version!r}, this house reads {KEY_VERSION}: use the house that wrote it"
        )
    try:
        keys = {name: base64.b64decode(read["keys"][name], validate=True) for name in ("hash", "seal")}
    except (TypeError, KeyError, binascii.Error, ValueError):
        raise broken from None
    if any(len(key) != KEY_BYTES for key in keys.values()) or keys["hash"] == keys["seal"]:
        raise broken
    return keys


def _write_durably(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    """Makes a new name in a folder survive a power cut."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
