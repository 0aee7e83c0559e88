"""The frames of the web chat: what a client may send is read into values, what it may not is named, and the server's
frames are what the contract says, byte for byte."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from channels import make, web
from channels.web import BadFrame, Config, Frame, Hello, Hotline, Message, Ping, Rate, Read, Typing, Web, read_frame
from core.errors import BadSignature, SettingsError
from core.model import Attachment, Author, Button, ChannelId, Inbound, MessageKind
from tests.channels.web_cases import TOKEN

CHANNEL = Web(ChannelId("web"), Config())
FILE = "Ab-_" * 5 + "xy"
FAMILY = "\u202e👨‍👩‍👧 مرحبا"


@pytest.mark.parametrize(
    ("data", "frame"),
    [
        ({"type": "hello", "token": "", "last_seq": 0, "language": "zh"}, Hello(token="", last_seq=0, language="zh")),
        ({"type": "hello", "token": TOKEN, "last_seq": 7}, Hello(token=TOKEN, last_seq=7, language="")),
        ({"type": "msg", "cid": "3f2b", "text": " 你好 "}, Message(cid="3f2b", text=" 你好 ")),
        ({"type": "msg", "cid": "3f2b", "text": FAMILY}, Message(cid="3f2b", text=FAMILY)),
        ({"type": "msg", "cid": "1", "text": "/restart"}, Message(cid="1", text="/restart")),
        ({"type": "msg", "cid": "x" * 64, "text": "长" * 4000}, Message(cid="x" * 64, text="长" * 4000)),
        ({"type": "msg", "cid": "a:b.c_d-e", "text": "x"}, Message(cid="a:b.c_d-e", text="x")),
        (
            {"type": "msg", "cid": "2", "payload": '/faq{"id":"F22"}', "title": "查询"},
            Message(cid="2", payload='/faq{"id":"F22"}', title="查询"),
        ),
        ({"type": "msg", "cid": "2", "payload": "/help"}, Message(cid="2", payload="/help")),
        ({"type": "msg", "cid": "2", "text": "", "payload": "/help"}, Message(cid="2", payload="/help")),
        ({"type": "msg", "cid": "4", "file_id": FILE}, Message(cid="4", file=FILE)),
        ({"type": "typing", "on": True}, Typing(on=True)),
        ({"type": "typing", "on": False}, Typing(on=False)),
        ({"type": "read", "seq": 7}, Read(seq=7)),
        ({"type": "rate", "seq": 7, "helpful": True}, Rate(seq=7, helpful=True)),
        ({"type": "rate", "seq": 7, "helpful": False}, Rate(seq=7, helpful=False)),
        ({"type": "rate", "seq": 7, "helpful": None}, Rate(seq=7, helpful=None)),
        ({"type": "ping"}, Ping()),
    ],
)
def test_a_good_frame_is_read_into_a_value(data: dict[str, Any], frame: Frame) -> None:
    assert CHANNEL.read(json.dumps(data)) == frame


def msg(**change: Any) -> str:
    return json.dumps({"type": "msg", "cid": "c1", "text": "x", **change})


NESTED = '{"type":"msg","cid":"c1","text":' + "[" * 5000 + "]" * 5000 + "}"
BAD: list[tuple[str, str | bytes, str, str, str]] = [
    # what it is · the frame · the error's code · part of its detail · the cid it is answered with ("" closes)
    ("binary", b'{"type":"ping"}', "bad_frame", "binary", ""),
    ("nothing", "", "bad_frame", "not JSON", ""),
    ("not JSON", "hello", "bad_frame", "not JSON", ""),
    ("JSON that is no object", '["msg"]', "bad_frame", "not a JSON object", ""),
    ("a key twice", '{"type":"ping","type":"msg"}', "bad_frame", "a key stands twice", ""),
    ("deeply nested", NESTED, "bad_frame", "nested too deeply|not JSON", ""),
    ("a huge frame", msg(text="x" * 300_000), "too_long", "262144", ""),
    ("no type", '{"cid":"c1","text":"x"}', "bad_frame", "type: one of", ""),
    ("an unknown type", msg(type="shout"), "bad_frame", "type: one of hello, msg", ""),
    ("a type of another type", msg(type=["msg"]), "bad_frame", "type: one of", ""),
    ("a frame of the server", '{"type":"pong"}', "bad_frame", "type: one of", ""),
    ("no cid", '{"type":"msg","text":"x"}', "bad_frame", "cid: 1 to 64", ""),
    ("an empty cid", msg(cid=""), "bad_frame", "cid: 1 to 64", ""),
    ("an overlong cid", msg(cid="x" * 65), "bad_frame", "cid: 1 to 64", ""),
    ("a number as cid", msg(cid=7), "bad_frame", "cid: a text", ""),
    ("a cid that is ours", msg(cid=web.FOLLOWED_ID), "bad_frame", "cid: 1 to 64", ""),
    ("a cid with a line end", msg(cid="c1\n"), "bad_frame", "cid: 1 to 64", ""),
    ("a cid with NUL", msg(cid="c\0"), "bad_frame", "cid: 1 to 64", ""),
    ("a number as text", msg(text=7), "bad_frame", "text: a text", "c1"),
    ("a field too many", msg(exec="x"), "bad_frame", "a field too many", "c1"),
    ("nothing said", msg(text=""), "empty", "says something", "c1"),
    ("blanks said", msg(text=" \n\t\u3000"), "empty", "says something", "c1"),
    ("no text and no payload", '{"type":"msg","cid":"c1"}', "empty", "says something", "c1"),
    ("text and payload", msg(payload="/x"), "bad_frame", "exactly one", "c1"),
    ("text and file", msg(file_id=FILE), "bad_frame", "exactly one", "c1"),
    ("a file that is none", '{"type":"msg","cid":"c1","file_id":"../../x"}', "bad_frame", "as the upload", "c1"),
    ("blanks and payload", msg(text=" ", payload="/x"), "bad_frame", "exactly one", "c1"),
    ("text over the limit", msg(text="长" * 4001), "too_long", "at most 4000", "c1"),
    ("100 kB of text", msg(text="x" * 100_000), "too_long", "at most 4000", "c1"),
    ("NUL", msg(text="a\0b"), "unreadable", "NUL", "c1"),
    ("half a surrogate pair", msg(text="a\ud83d"), "unreadable", "surrogate", "c1"),
    ("half a surrogate pair, raw", '{"type":"msg","cid":"c1","text":"\ud83d"}', "unreadable", "surrogate", "c1"),
    ("NUL in a title", msg(text="", payload="/x", title="a\0"), "unreadable", "NUL", "c1"),
    ("NUL in the name of a field", msg(**{"a\0": 1}), "bad_frame", "a field too many", "c1"),
    ("a payload that is none", msg(text="", payload="help"), "bad_payload", "begins with", "c1"),
    ("a payload after a blank", msg(text="", payload=" /help"), "bad_payload", "begins with", "c1"),
    ("an overlong payload", msg(text="", payload="/" * 1001), "bad_payload", "at most 1000", "c1"),
    ("a title without a payload", msg(title="x"), "bad_frame", "title: only with", "c1"),
    ("an overlong title", msg(text="", payload="/x", title="x" * 201), "bad_frame", "at most 200", "c1"),
    ("hello without a place", '{"type":"hello","token":""}', "bad_frame", "last_seq: a whole number", ""),
    ("hello before the first", '{"type":"hello","token":"","last_seq":-1}', "bad_frame", "last_seq", ""),
    ("hello at half a place", '{"type":"hello","token":"","last_seq":0.5}', "bad_frame", "last_seq", ""),
    ("hello at true", '{"type":"hello","token":"","last_seq":true}', "bad_frame", "last_seq", ""),
    ("hello beyond all", f'{{"type":"hello","token":"","last_seq":{2**53}}}', "bad_frame", "last_seq", ""),
    ("hello in French", '{"type":"hello","last_seq":0,"language":"fr"}', "bad_frame", "language: zh, zh-Hant, en", ""),
    ("hello with a number", '{"type":"hello","last_seq":0,"token":7}', "bad_frame", "token: a text", ""),
    ("hello with more", '{"type":"hello","last_seq":0,"admin":1}', "bad_frame", "a field too many", ""),
    ("typing maybe", '{"type":"typing","on":"yes"}', "bad_frame", "on: true or false", ""),
    ("typing nothing", '{"type":"typing"}', "bad_frame", "on: true or false", ""),
    ("read nothing", '{"type":"read"}', "bad_frame", "seq: a whole number", ""),
    ("rate nothing", '{"type":"rate","helpful":true}', "bad_frame", "seq: a whole number", ""),
    ("rate half a message", '{"type":"rate","seq":1.5,"helpful":true}', "bad_frame", "seq: a whole number", ""),
    ("rate true", '{"type":"rate","seq":true,"helpful":true}', "bad_frame", "seq: a whole number", ""),
    ("rate without a word", '{"type":"rate","seq":1}', "bad_frame", "helpful: true, false or null", ""),
    ("rate in words", '{"type":"rate","seq":1,"helpful":"yes"}', "bad_frame", "helpful: true, false or null", ""),
    ("rate with stars", '{"type":"rate","seq":1,"helpful":5}', "bad_frame", "helpful: true, false or null", ""),
    ("rate with a reason", '{"type":"rate","seq":1,"helpful":true,"why":"x"}', "bad_frame", "a field too many", ""),
    ("ping with more", '{"type":"ping","x":1}', "bad_frame", "a field too many", ""),
]


@pytest.mark.parametrize(("data", "code", "detail", "cid"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_a_bad_frame_is_named(data: str | bytes, code: str, detail: str, cid: str) -> None:
    with pytest.raises(BadFrame, match=detail) as caught:
        CHANNEL.read(data)
    assert (caught.value.problem, caught.value.cid) == (code, cid)
    assert caught.value.closes == (cid == "")  # a client that knows which message it was can go on


@pytest.mark.parametrize("token", ["x", TOKEN + "=", TOKEN[:-1], TOKEN + "\n", TOKEN[:-1] + "中", "followed"])
def test_hello_with_a_token_that_was_never_made_is_not_signed_in(token: str) -> None:
    with pytest.raises(BadSignature):
        CHANNEL.read(json.dumps({"type": "hello", "token": token, "last_seq": 0}))


def test_new_tokens_are_read_back_and_never_alike() -> None:
    tokens = {Web.new_token() for _ in range(1000)}
    assert len(tokens) == 1000
    for token in tokens:
        assert CHANNEL.read(json.dumps({"type": "hello", "token": token, "last_seq": 0})) == Hello(
            token=token, last_seq=0, language=""
        )


def test_a_hello_shows_no_token() -> None:
    assert TOKEN not in repr(Hello(token=TOKEN, last_seq=0, language=""))


def test_the_limit_of_a_text_is_the_channels() -> None:
    short = Web(ChannelId("web"), Config(max_text=3))
    assert short.read(msg(text="长长长")) == Message(cid="c1", text="长长长")
    with pytest.raises(BadFrame, match="at most 3"):
        short.read(msg(text="长长长长"))
    assert read_frame(msg(text="长" * 9), max_text=9) == Message(cid="c1", text="长" * 9)


def test_what_a_visitor_says_becomes_an_inbound_message() -> None:
    said = CHANNEL.inbound(TOKEN, Message(cid="c1", text="/restart"), "en")
    assert said == Inbound(sender=TOKEN, external_id="c1", text="/restart", language="en")
    pressed = CHANNEL.inbound(TOKEN, Message(cid="c2", payload="/help", title="帮助"))
    assert pressed == Inbound(sender=TOKEN, external_id="c2", kind=MessageKind.PAYLOAD, payload="/help", text="帮助")


def test_a_file_is_named_by_its_upload() -> None:
    file = Attachment(media_type="", url=f"upload:{FILE}")
    sent = CHANNEL.inbound(TOKEN, Message(cid="c1", file=FILE), "en")
    kind = MessageKind.ATTACHMENT
    assert sent == Inbound(sender=TOKEN, external_id="c1", kind=kind, attachments=(file,), language="en")


def test_opening_the_page_is_one_event_that_no_client_can_take() -> None:
    opened = CHANNEL.followed(TOKEN, "zh")
    assert opened == CHANNEL.followed(TOKEN, "zh")
    assert opened == Inbound(sender=TOKEN, external_id="#followed", kind=MessageKind.FOLLOWED, language="zh")


@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        ("https://bank.example", True),
        ("https://bank.example:8443", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("https://bank.example/", False),
        ("https://bank.example/page", False),
        ("https://Bank.example", False),
        ("bank.example", False),
        ("https://*", False),
        ("*", False),
        ("null", False),
        ("https://bank.example\n", False),
        ("", False),
    ],
)
def test_an_origin_is_written_as_browsers_send_it(origin: str, taken: bool) -> None:
    config = {"kind": "web", "origins": [origin]}
    if not taken:
        with pytest.raises(SettingsError, match='channel "web": origins: an origin is https://host'):
            make("web", config)
        return
    channel = make("web", config)
    assert isinstance(channel, Web)
    assert channel.origins == {origin}


NOON = datetime(2026, 11, 21, 4, 0, 0, 250_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("frame", "wire"),
    [
        (
            web.welcome(
                token=TOKEN,
                conversation="cabc",
                seq=7,
                hotline=Hotline(name="12363金融消费者热线", number="12363", hours="周一至周五"),
                language="zh",
            ),
            f'{{"type":"welcome","token":"{TOKEN}","conversation":"cabc","seq":7,"hotline":{{"name":"12363金融消费者热线",'
            '"number":"12363","hours":"周一至周五"},"language":"zh"}',
        ),
        (web.ack(cid="c1", seq=8), '{"type":"ack","cid":"c1","seq":8}'),
        (
            web.msg(
                seq=9,
                author=Author.BOT,
                text="第一行\n“引号” 👍🏽",
                at=NOON,
                buttons=[Button(title="转人工", payload='/a{"b":"c"}')],
                source="依据：征信业管理条例",
                entry="F22",
            ),
            '{"type":"msg","seq":9,"from":"bot","text":"第一行\\n“引号” 👍🏽","buttons":[{"title":"转人工",'
            '"payload":"/a{\\"b\\":\\"c\\"}"}],"source":"依据：征信业管理条例","entry":"F22",'
            '"at":"2026-11-21T04:00:00.250000+00:00"}',
        ),
        (
            web.msg(seq=8, author=Author.CONTACT, text="你好", at=NOON, external_id="c1"),
            '{"type":"msg","seq":8,"from":"contact","text":"你好","buttons":[],"source":"","entry":"",'
            '"at":"2026-11-21T04:00:00.250000+00:00","cid":"c1"}',
        ),
        (web.rated(seq=9, helpful=False), '{"type":"rated","seq":9,"helpful":false}'),
        (web.rated(seq=9, helpful=None), '{"type":"rated","seq":9,"helpful":null}'),
        (
            web.error(code="not_found", text="x", seq=9),
            '{"type":"error","code":"not_found","text":"x","seq":9}',
        ),
        (web.typing(on=True), '{"type":"typing","on":true}'),
        (web.resync(after=4), '{"type":"resync","from":4}'),
        (
            web.error(code="too_long", text="太长了", cid="c1"),
            '{"type":"error","code":"too_long","text":"太长了","cid":"c1"}',
        ),
        (web.error(code="bad_frame", text="x"), '{"type":"error","code":"bad_frame","text":"x"}'),
        (web.pong(), '{"type":"pong"}'),
    ],
)
def test_a_frame_of_the_server_is_what_the_contract_says(frame: str, wire: str) -> None:
    assert frame == wire


def test_the_opening_of_the_page_has_no_cid_for_the_client() -> None:
    frame = web.msg(seq=1, author=Author.CONTACT, text="", at=NOON, external_id=web.FOLLOWED_ID)
    assert "cid" not in json.loads(frame)
