"""Runs the case table of every kind in channels/, and refuses a kind whose table is missing or incomplete.

A table is tests/channels/<kind>_cases.py with a `TABLE`. Beyond its cases the runner checks of every kind, so that
nobody has to remember it: unknown and missing config keys are refused by name; secrets, senders and texts are in no
log and secrets in no repr or traceback; no request leaves loopback (conftest.py); every promised request is made and
none besides; a request without its signature is refused; and garbage, signed or not, ends in a QiantaiError.
"""

from __future__ import annotations

import importlib
import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

import channels
from channels import Channel, CutOff, Parsed, WebhookRequest
from core.errors import BadSignature, Malformed, QiantaiError, SendError, SettingsError, WrongType
from core.model import Inbound, PartsTaken
from tests.channels.table import INCOMING, NOW, OUTGOING, UNSIGNED, Receives, Sends, Table, problems, with_body
from tests.channels.wire import platform

HERE = Path(__file__).parent
NOWHERE = "http://127.0.0.1:9"  # an address for channels that send nothing in a test
KINDS = channels.kinds()


def _tables() -> dict[str, Table]:
    present = sorted(p.name.removesuffix("_cases.py") for p in HERE.glob("*_cases.py"))
    return {kind: importlib.import_module(f"{__package__}.{kind}_cases").TABLE for kind in present}


TABLES = _tables()
INCOMING_CASES = [
    pytest.param(kind, case, id=f"{kind}: {case.label}") for kind, table in TABLES.items() for case in table.receives
]
OUTGOING_CASES = [
    pytest.param(kind, case, id=f"{kind}: {case.label}") for kind, table in TABLES.items() for case in table.sends
]
COMPLETE_KINDS = [kind for kind in KINDS if kind in TABLES]


def make(kind: str, base_url: str = NOWHERE, **differing: Any) -> Channel:
    return channels.make("test", {**TABLES[kind].config(base_url), **differing}, clock=lambda: NOW)


def secrets_of(kind: str) -> list[str]:
    values = {k: v for k, v in TABLES[kind].config(NOWHERE).items() if k != "kind"}
    config = channels.load(kind).Config.model_validate(values)
    held = [getattr(config, name) for name in type(config).model_fields]
    return [s.get_secret_value() for s in held if isinstance(s, SecretStr)] + list(TABLES[kind].secrets)


@pytest.fixture
def logged(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Strings that must be in no log line of the test, whatever the level; add to it."""
    forbidden: list[str] = []
    caplog.set_level(0)
    yield forbidden
    out, err = capfd.readouterr()
    lines = out + err + "\n".join(map(logging.Formatter().format, caplog.get_records("call")))
    found = [text for text in forbidden if text and text in lines]
    assert not found, f"in the logs: {found}"


def hides(secrets: list[str], *shown: str) -> None:
    for text in shown:
        assert not [s for s in secrets if s in text], f"a secret is shown: {text}"


# ---- the tables themselves ----


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_case_table(kind: str) -> None:
    assert kind in TABLES, f"channels/{kind}.py has no case table: write tests/channels/{kind}_cases.py"


@pytest.mark.parametrize("kind", TABLES)
def test_every_case_table_has_a_kind(kind: str) -> None:
    assert kind in KINDS, f"tests/channels/{kind}_cases.py is about no kind: there is no channels/{kind}.py"


@pytest.mark.parametrize("must", [*INCOMING, *OUTGOING])
@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_every_must_have_case_is_in_the_table(kind: str, must: str) -> None:
    mine = [p for p in problems(kind, TABLES[kind]) if f'"{must}"' in p or f'"{must}: ' in p]
    assert not mine, "\n".join(mine)


@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_a_case_table_shows_what_its_labels_say(kind: str) -> None:
    found = problems(kind, TABLES[kind])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_a_channel_is_of_the_kind_its_file_names(kind: str) -> None:
    channel = make(kind)
    assert (channel.kind, channel.id) == (kind, "test")


# ---- in ----


@pytest.mark.parametrize(("kind", "case"), INCOMING_CASES)
def test_a_delivery_becomes_exactly_these_events(kind: str, case: Receives, logged: list[str]) -> None:
    channel, secrets = make(kind, **case.config), secrets_of(kind)
    logged += [*secrets, *private(case)]
    if case.raises is not None:
        with pytest.raises(case.raises) as caught:
            channel.parse(case.request)
        assert type(caught.value).code == case.raises.code
        assert case.says in caught.value.detail
        hides(secrets, *traceback.format_exception(caught.value), repr(caught.value), repr(case.request))
        return
    parsed = channel.parse(case.request)
    assert parsed.events == case.events
    assert parsed.ack == case.ack
    assert parsed.kept == case.kept
    hides(secrets, repr(channel), repr(case.request), repr(parsed.kept), repr(parsed.ack))
    if case.again is not None:
        assert case.again != case.request
        assert channel.parse(case.again).events == case.events


@pytest.mark.parametrize(("kind", "case"), [c for c in INCOMING_CASES if not getattr(c.values[1], "raises", None)])
def test_a_delivery_without_its_signature_is_refused(kind: str, case: Receives) -> None:
    if TABLES[kind].exempt.get(UNSIGNED):
        return
    bare = replace(case.request, headers={}, query={})
    with pytest.raises(BadSignature):
        make(kind, **case.config).parse(bare)


GARBAGE: list[bytes] = [
    b"",
    b"\0",
    b"\xff\xfe{\0}\0",
    b"\xef\xbb\xbf{}",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b'{"a":',
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"a":1e999}',
    b'{"a":' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"a":' * 50_000,
    b'{"a":' + b"[" * 500 + b"]" * 500 + b"}",
    b"<xml><a/></xml>",
    b"a=1&b=2",
    b"\xed\xa0\x80",
    b"x" * 200_000,
]


@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_garbage_is_refused_with_an_error_of_ours(kind: str) -> None:
    channel, table = make(kind), TABLES[kind]
    for request in accepted_requests(table):
        for body in GARBAGE:
            with pytest.raises((Malformed, BadSignature, WrongType)):
                channel.parse(table.sign(with_body(request, body)))
            with pytest.raises((Malformed, BadSignature, WrongType)):
                channel.parse(with_body(request, body))


@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_a_field_of_any_other_type_or_content_never_breaks_the_parser(kind: str) -> None:
    channel, table = make(kind), TABLES[kind]
    wild: list[Any] = [
        None,
        True,
        -1,
        10**18,
        1.5,
        "",
        " ",
        "\0",
        "\ud800",
        "\u202e\U0001f468\u200d",
        "x" * 9000,
        [],
        {},
    ]
    for request in accepted_requests(table):
        for changed in changed_bodies(request.body, wild):
            try:
                parsed = channel.parse(table.sign(with_body(request, changed)))
            except QiantaiError as e:
                parsed, status = None, e.status
            else:
                status = parsed.ack.status
            assert (status == 200) if parsed else (400 <= status < 500), changed
            assert parsed is None or storable(parsed), changed


def private(case: Receives) -> list[str]:
    """What a consumer said and who they are, in a case's events."""
    said = [e for e in case.events if isinstance(e, Inbound)]
    return [text for e in said for text in (e.sender, e.text)]


def accepted_requests(table: Table) -> list[WebhookRequest]:
    """One request that is taken for each address the kind serves."""
    taken = {(c.request.method, c.request.path): c.request for c in table.receives if c.raises is None and not c.config}
    return [request for request in taken.values() if request.method == "POST"]


def changed_bodies(body: bytes, wild: list[Any]) -> Iterator[bytes]:
    """JSON bodies that differ from `body` in one field, at any depth; nothing for other bodies."""
    try:
        fields = json.loads(body)
    except ValueError:
        return
    for changed in _changed(fields, wild):
        yield json.dumps(changed).encode()


def _changed(value: Any, wild: list[Any]) -> Iterator[Any]:
    yield from wild
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            yield from ({**value, key: inner} for inner in _changed(value[key], wild))
    if isinstance(value, list):
        for i, item in enumerate(value):
            yield from ([*value[:i], inner, *value[i + 1 :]] for inner in _changed(item, wild))


def storable(parsed: Parsed) -> bool:
    """Whether every text in the events can be written to any ledger; the kept ones go through the same check."""
    said = [str(getattr(event, name)) for event in parsed.events for name in event.__dataclass_fields__]
    said += [json.dumps(kept.raw, ensure_ascii=False) for kept in parsed.kept]
    return all("\0" not in text and text.encode() is not None for text in said)


# ---- out ----


@pytest.mark.parametrize(("kind", "case"), OUTGOING_CASES)
async def test_a_message_makes_exactly_these_requests(kind: str, case: Sends, logged: list[str]) -> None:
    secrets = secrets_of(kind)
    logged += [*secrets, case.message.text, case.message.address]
    async with platform(case.wire, listening=case.listening) as stand_in:
        channel = make(kind, stand_in.url, **case.config)
        if case.label.startswith("long text"):
            assert len(case.message.text) > channel.capabilities.text_max
        await channel.start()
        try:
            message = replace(case.message, taken=PartsTaken())  # a case's own may be sent a second time
            result, failed = await channel.send(message), None
        except SendError as e:
            result, failed = None, e
        finally:
            await channel.close()
            await channel.close()  # a second one does no harm
    assert not stand_in.mismatches, "\n".join(stand_in.mismatches)
    assert stand_in.unused == 0, f"{stand_in.unused} promised requests were not made"
    assert result == case.result
    assert (failed is None) == (case.raises is None), failed
    if failed is not None and case.raises is not None:
        assert failed.send_code == case.raises.code
        assert failed.may_retry is case.raises.retryable
        assert failed.retry_after == case.raises.retry_after
        assert isinstance(failed, CutOff) is case.raises.cut_off
        private_texts = [case.message.text, case.message.address]
        hides([*secrets, *private_texts], str(failed), repr(failed), *traceback.format_exception(failed))


# ---- config ----


@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_an_unknown_config_key_is_refused_by_name(kind: str) -> None:
    with pytest.raises(SettingsError, match=r'channel "test": no_such_key: unknown key'):
        make(kind, no_such_key=1)


@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_a_missing_config_key_is_refused_by_name(kind: str) -> None:
    required = [name for name, f in channels.load(kind).Config.model_fields.items() if f.is_required()]
    for name in required:
        config = {k: v for k, v in TABLES[kind].config(NOWHERE).items() if k != name}
        with pytest.raises(SettingsError, match=f'channel "test": {name}: '):
            channels.make("test", config)


@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_a_wrong_value_is_refused_without_being_shown(kind: str) -> None:
    value = "-".join(("zebra", "secret"))  # in two, since a traceback quotes these lines
    for name in channels.load(kind).Config.model_fields:
        with pytest.raises(SettingsError, match=f'channel "test": {name}') as caught:
            channels.make("test", {**TABLES[kind].config(NOWHERE), name: [value]})
        hides([value], *traceback.format_exception(caught.value), repr(caught.value.__context__))
        with pytest.raises(ValidationError) as direct:
            channels.load(kind).Config.model_validate({name: [value]})
        hides([value], str(direct.value))


@pytest.mark.parametrize("kind", COMPLETE_KINDS)
def test_a_config_and_its_channel_show_no_secret(kind: str) -> None:
    values = {k: v for k, v in TABLES[kind].config(NOWHERE).items() if k != "kind"}
    config = channels.load(kind).Config.model_validate(values)
    hides(secrets_of(kind), repr(config), str(config), repr(make(kind)), config.model_dump_json())
