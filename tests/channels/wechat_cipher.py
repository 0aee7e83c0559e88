"""WeChat's signature and cipher from its documentation, on `cryptography` alone: the product uses another library."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32  # of the PKCS#7 padding; the cipher's own has 16
RANDOM = b"0123456789abcdef"  # before every message, 16 octets; a test needs no other


def signature(*parts: str) -> str:
    """加密/校验流程: sort, join, SHA-1."""
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Key:
    """One account's secrets, as its server settings show them."""

    app_id: str
    token: str
    aes_key: str

    @property
    def _cipher(self) -> Cipher[modes.CBC]:
        key = b64decode(f"{self.aes_key}=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))

    def encrypt(self, xml: str | bytes, *, app_id: str = "", padding: bytes = b"") -> str:
        """`Encrypt` of a message; `app_id` and `padding` instead of the right ones."""
        text = xml if isinstance(xml, bytes) else xml.encode()
        plain = RANDOM + len(text).to_bytes(4, "big") + text + (app_id or self.app_id).encode()
        short = BLOCK - len(plain) % BLOCK
        plain += padding.rjust(short, b"\x7f")[-short:] if padding else bytes([short]) * short
        sealing = self._cipher.encryptor()
        return b64encode(sealing.update(plain) + sealing.finalize()).decode()

    def decrypt(self, enciphered: str) -> str:
        opening = self._cipher.decryptor()
        plain = opening.update(b64decode(enciphered)) + opening.finalize()
        plain = plain[16 : -plain[-1]]
        end = 4 + int.from_bytes(plain[:4], "big")
        assert plain[end:].decode() == self.app_id
        return plain[4:end].decode()

    def query(self, timestamp: int, nonce: str, enciphered: str = "") -> dict[str, str]:
        """What the platform appends to our address."""
        stamp = str(timestamp)
        signed = {"signature": signature(self.token, stamp, nonce), "timestamp": stamp, "nonce": nonce}
        if not enciphered:
            return signed
        msg_signature = signature(self.token, stamp, nonce, enciphered)
        return signed | {"encrypt_type": "aes", "msg_signature": msg_signature}


def field(xml: str, name: str) -> str:
    """The text of an element; "" if it is not there."""
    found = re.search(rf"<{name}>(?:<!\[CDATA\[(.*?)\]\]>|([^<]*))</{name}>", xml, re.DOTALL)
    return (found[1] or found[2] or "") if found else ""
