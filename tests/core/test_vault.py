"""The key file, hashes, seals, references, and what of a raw payload is kept."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import SettingsError, VaultError
from core.model import ChannelId
from core.vault import DEPTH_MAX, Masked, Vault

ID = "11010119900307774X"
CARD = "6222021234567890128"
PHONE = "13800138000"
MAIL = "zhang.san@qq.com"
WEB = ChannelId("web")


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "house" / "keys.json"
    Vault.create(path)
    return path


def refused(path: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        Vault.open(path)
    assert str(path) in caught.value.detail
    return caught.value.detail


# The key file -------------------------------------------------------------------------------------------------------


def test_a_new_key_file_is_for_its_owner_only_and_has_two_different_keys(key_file: Path):
    assert key_file.stat().st_mode & 0o777 == 0o600
    made = json.loads(key_file.read_text())
    assert made["version"] == 1
    assert made["created"].endswith("+00:00")
    keys = [base64.b64decode(key) for key in made["keys"].values()]
    assert [len(key) for key in keys] == [32, 32]
    assert keys[0] != keys[1]
    assert os.listdir(key_file.parent) == ["keys.json"]  # no draft stays behind


def test_a_key_file_is_never_overwritten(key_file: Path):
    before = key_file.read_bytes()
    with pytest.raises(SettingsError, match="there is a key file"):
        Vault.create(key_file)
    assert key_file.read_bytes() == before
    assert os.listdir(key_file.parent) == ["keys.json"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="cannot be written"):
        Vault.create(tmp_path / "file" / "keys.json")


def test_the_same_key_file_opens_what_it_sealed_and_hashes_alike(key_file: Path):
    one, two = Vault.open(key_file), Vault.open(key_file)
    assert two.unseal(one.seal("张三", context="x"), context="x") == "张三"
    assert one.conversation_id(WEB, "a") == two.conversation_id(WEB, "a")


def test_a_missing_key_file_is_told_with_what_to_do(tmp_path: Path):
    assert "run ./qiantai setup" in refused(tmp_path / "keys.json")


def test_a_key_file_that_is_no_file_is_told(tmp_path: Path):
    assert "cannot be read" in refused(tmp_path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_file_that_others_may_read_is_refused(key_file: Path, mode: int):
    key_file.chmod(mode)
    assert f"chmod 600 {key_file}" in refused(key_file)


@pytest.mark.parametrize(
    "change",
    [
        lambda made: "{",
        lambda made: "[]",
        lambda made: "\udcff",
        lambda made: {},
        lambda made: made | {"keys": {}},
        lambda made: made | {"keys": None},
        lambda made: made | {"keys": {**made["keys"], "seal": "***"}},
        lambda made: made | {"keys": {**made["keys"], "seal": 5}},
        lambda made: made | {"keys": {**made["keys"], "seal": base64.b64encode(b"short").decode()}},
        lambda made: made | {"keys": {"hash": made["keys"]["hash"], "seal": made["keys"]["hash"]}},
    ],
)
def test_a_damaged_key_file_is_told_and_shows_no_key(key_file: Path, change: Any):
    made = json.loads(key_file.read_text())
    changed = change(made)
    text = changed if isinstance(changed, str) else json.dumps(changed)
    key_file.write_bytes(text.encode("utf-8", "surrogateescape"))
    told = refused(key_file)
    assert "is damaged: put back the copy" in told
    assert made["keys"]["hash"] not in told


def test_a_key_file_of_another_version_is_told(key_file: Path):
    key_file.write_text(json.dumps(json.loads(key_file.read_text()) | {"version": 2}))
    assert "has version 2, this house reads 1" in refused(key_file)


def test_a_vault_shows_no_key(key_file: Path):
    assert re.fullmatch(r"<core\.vault\.Vault object at 0x[0-9a-f]+>", repr(Vault.open(key_file)))


# Hashes and seals ---------------------------------------------------------------------------------------------------


def test_a_conversation_id_is_the_same_for_the_same_sender_only(vault: Vault):
    ids = {
        vault.conversation_id(ChannelId(c), s)
        for c, s in [("web", "a"), ("web", "b"), ("we", "ba"), ("sms", "a"), ("", "weba")]
    }
    assert len(ids) == 5
    assert vault.conversation_id(WEB, "a") in ids
    assert all(re.fullmatch("c[a-z2-7]{25}", id) for id in ids)


def test_hashes_of_another_house_differ(vault: Vault, key_file: Path):
    other = Vault.open(key_file)
    assert other.conversation_id(WEB, "a") != vault.conversation_id(WEB, "a")
    assert other.fingerprint("a") != vault.fingerprint("a")


def test_a_fingerprint_keeps_its_parts_apart(vault: Vault):
    prints = {vault.fingerprint(*parts) for parts in [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ()]}
    assert len(prints) == 5
    assert all(re.fullmatch("[0-9a-f]{64}", p) for p in prints)


@pytest.mark.parametrize("plain", ["", "张三", "\0", "\ud800 half a pair", "🏦" * 1000])
def test_what_is_sealed_opens_again_and_does_not_show(vault: Vault, plain: str):
    sealed = vault.seal(plain, context="secret:abc")
    assert vault.unseal(sealed, context="secret:abc") == plain
    assert sealed != vault.seal(plain, context="secret:abc")
    assert not plain or plain.encode("utf-8", "surrogatepass") not in sealed or plain == "\0"


def test_a_seal_opens_only_where_it_belongs_and_undamaged(vault: Vault, key_file: Path):
    sealed = vault.seal(PHONE, context="secret:abc")
    for spoiled, context in [
        (sealed, "secret:abd"),
        (sealed[:-1], "secret:abc"),
        (sealed[:20] + bytes([sealed[20] ^ 1]) + sealed[21:], "secret:abc"),
        (b"\x02" + sealed[1:], "secret:abc"),
        (b"", "secret:abc"),
        (b"\x01", "secret:abc"),
        (b"\x01" + b"n" * 12, "secret:abc"),
    ]:
        with pytest.raises(VaultError):
            vault.unseal(spoiled, context=context)
    with pytest.raises(VaultError, match="does not match the ledger"):
        Vault.open(key_file).unseal(sealed, context="secret:abc")


# References ---------------------------------------------------------------------------------------------------------


def test_cards_are_gone_for_good_and_telephones_and_addresses_become_references(vault: Vault):
    masked = vault.mask(f"我{ID}，卡{CARD}，电话{PHONE}，邮箱{MAIL}")
    mail, phone = masked.secrets
    assert masked.text == f"我⟦id-card⟧，卡⟦bank-card⟧，电话⟦phone:{phone.ref}⟧，邮箱⟦email:{mail.ref}⟧"
    assert (phone.kind, mail.kind) == ("phone", "email")
    assert vault.unseal(phone.sealed, context=f"secret:{phone.ref}") == PHONE
    assert vault.unseal(mail.sealed, context=f"secret:{mail.ref}") == MAIL
    assert all(re.fullmatch("[a-z2-7]{10}", s.ref) for s in masked.secrets)


def test_a_reference_is_new_each_time_but_the_number_is_known_again(vault: Vault):
    forms = ["13800138000", "+86 138-0013-8000", "１３８　００１３　８０００", "一三八零零一三八零零零"]
    secrets = [vault.mask(form).secrets[0] for form in forms]
    assert len({s.ref for s in secrets}) == len(forms)
    assert len({s.fingerprint for s in secrets}) == 1
    assert vault.mask("Zhang@QQ.com").secrets[0].fingerprint == vault.mask("zhang@qq.com").secrets[0].fingerprint
    assert vault.mask("13800138001").secrets[0].fingerprint != secrets[0].fingerprint


def test_a_number_given_twice_in_one_text_has_one_reference(vault: Vault):
    masked = vault.mask(f"{PHONE}，对，138 0013 8000")
    (secret,) = masked.secrets
    assert masked.text == f"⟦phone:{secret.ref}⟧，对，⟦phone:{secret.ref}⟧"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("⟦phone:abcdefghij⟧", "[phone:abcdefghij]"),
        ("⟦id-card⟧", "[id-card]"),
        ("⟦⟦phone:abcdefghij⟧⟧", "[[phone:abcdefghij]]"),
        ("⟦", "["),
        ("［phone:abcdefghij］", "［phone:abcdefghij］"),
    ],
)
def test_a_consumer_cannot_write_a_reference(vault: Vault, typed: str, kept: str):
    assert vault.mask(typed) == Masked(text=kept)


def test_a_reference_cannot_be_forged_around_a_number(vault: Vault):
    masked = vault.mask(f"⟦phone:{PHONE}⟧")
    assert masked.text == f"[phone:⟦phone:{masked.secrets[0].ref}⟧]"


def test_a_text_of_our_own_keeps_the_references_that_are_named_and_no_others(vault: Vault):
    ours = vault.mask(f"{PHONE} {ID}")
    ref = ours.secrets[0].ref
    again = vault.mask(f"{ours.text} ⟦phone:abcdefghij⟧ 13900139000", keep=[ref])
    assert again.text == f"⟦phone:{ref}⟧ ⟦id-card⟧ [phone:abcdefghij] ⟦phone:{again.secrets[0].ref}⟧"
    assert vault.mask(ours.text).text == f"[phone:{ref}] [id-card]"  # the same text, had a consumer typed it


def test_a_reference_in_a_text_of_our_own_is_no_query_code(vault: Vault):
    assert vault.mask("⟦phone:s5xk4dm5hk⟧ [email:ab23cde45f]").text == "[phone:s5xk4dm5hk] [email:ab23cde45f]"


# Raw payloads -------------------------------------------------------------------------------------------------------


def test_every_text_of_a_raw_payload_is_masked_its_keys_too(vault: Vault):
    raw = {
        "from": {"name": "张三", PHONE: 1},
        "texts": [f"电话{PHONE}", [f"{ID}", MAIL]],
        "card": CARD,
        "⟦": "⟦phone:abcdefghij⟧",
    }
    assert vault.mask_tree(raw) == {
        "from": {"name": "张三", "⟦phone⟧": 1},
        "texts": ["电话⟦phone⟧", ["⟦id-card⟧", "⟦email⟧"]],
        "card": "⟦bank-card⟧",
        "[": "[phone:abcdefghij]",
    }
    assert raw["card"] == CARD  # the given value is not touched


@pytest.mark.parametrize(
    ("number", "kept"),
    [
        (13800138000, "⟦phone⟧"),
        (13800138000.0, "⟦phone⟧"),
        (110101199003077741, "⟦id-card⟧"),
        (6222021234567890128, "⟦bank-card⟧"),
        (4111111111111111, "⟦bank-card⟧"),
        (1732180000, 1732180000),
        (1732180000123, 1732180000123),
        (13800138000.5, 13800138000.5),
        (-13800138000, -13800138000),
        pytest.param(10**5000, 10**5000, id="huge"),
        (float("inf"), float("inf")),
        (3.14, 3.14),
        (True, True),
        (None, None),
    ],
)
def test_a_number_that_reads_as_a_personal_one_becomes_its_mark(vault: Vault, number: Any, kept: Any):
    assert vault.mask_tree({"n": number}) == {"n": kept}


def test_a_payload_nested_without_end_is_cut(vault: Vault):
    raw: Any = PHONE
    for _ in range(5000):
        raw = [raw]
    kept = vault.mask_tree(raw)
    for _ in range(DEPTH_MAX - 1):
        (kept,) = kept
    assert kept == [[]]
    assert vault.mask_tree([{"a": 1}]) == [{"a": 1}]


# Cost ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("请问怎么查询自己的个人信用报告呢我想知道一下需要带什么材料呢", 12e-6),
        (f"请问我的电话是{PHONE}，能不能给我回电话谢谢", 170e-6),
    ],
)
def test_masking_an_ordinary_message_costs_little(vault: Vault, text: str, limit: float):
    """Seconds of CPU for one mask, ten times what was measured: a slower machine must not fail it."""
    best = 1.0
    for _ in range(20):
        start = time.process_time()
        for _ in range(500):
            vault.mask(text)
        best = min(best, (time.process_time() - start) / 500)
    assert best < limit
