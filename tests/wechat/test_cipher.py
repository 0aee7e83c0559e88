"""The cipher of the tests and the product's against the platform's documented sample, and against each other."""

from __future__ import annotations

import random

import pytest

from channels import _wechat_wire as wire
from core.errors import BadSignature
from tests.channels.wechat_cipher import Key, signature

# From the sample code that Tencent publishes with its description of the message encryption.
SAMPLE = Key(app_id="wx5823bf96d3bd56c7", token="QDG6eK", aes_key="jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C")
TIMESTAMP, NONCE = "1409659589", "263014780"
ENCRYPT = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
SIGNED = "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"
PLAIN = "1616140317555161061"


def seal() -> wire.Seal:
    return wire.Seal(SAMPLE.token, SAMPLE.aes_key, SAMPLE.app_id)


def query(msg_signature: str) -> dict[str, str]:
    return {"timestamp": TIMESTAMP, "nonce": NONCE, "msg_signature": msg_signature}


def test_both_read_the_documented_sample() -> None:
    assert signature(SAMPLE.token, TIMESTAMP, NONCE, ENCRYPT) == SIGNED
    assert wire.signature(SAMPLE.token, TIMESTAMP, NONCE, ENCRYPT) == SIGNED
    assert SAMPLE.decrypt(ENCRYPT) == PLAIN
    assert seal().open(f"<xml><Encrypt>{ENCRYPT}</Encrypt></xml>", query(SIGNED)) == PLAIN


def test_each_reads_what_the_other_writes_whatever_its_length() -> None:
    draw = random.Random(7)
    for length in range(200):
        text = f"<xml>{''.join(draw.choice('a你🌏]&') for _ in range(length))}</xml>"
        theirs = SAMPLE.encrypt(text)
        signed = signature(SAMPLE.token, TIMESTAMP, NONCE, theirs)
        assert seal().open(f"<Encrypt>{theirs}</Encrypt>", query(signed)) == text
        ours = seal().close(text, timestamp=TIMESTAMP, nonce=NONCE)
        assert SAMPLE.decrypt(ours.partition("<Encrypt><![CDATA[")[2].partition("]]>")[0]) == text


def test_any_bit_that_is_changed_is_noticed() -> None:
    for place in range(0, len(ENCRYPT) - 2, 5):
        other = "A" if ENCRYPT[place] != "A" else "B"
        changed = ENCRYPT[:place] + other + ENCRYPT[place + 1 :]
        with pytest.raises(BadSignature):
            seal().open(f"<Encrypt>{changed}</Encrypt>", query(SIGNED))
