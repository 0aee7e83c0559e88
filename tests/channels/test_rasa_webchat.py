"""What the events of Rasa's web chat mean: sessions that only the house makes, and messages read strictly."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

import channels
from channels.rasa_webchat import FOLLOWED_ID, RasaWebchat, Uttered, bot_uttered
from core.errors import Malformed, QiantaiError, TooLarge
from core.model import Button, Inbound, MessageKind


@pytest.fixture
def channel() -> RasaWebchat:
    made = channels.make("rasa", {"kind": "rasa_webchat", "max_text": 20})
    assert isinstance(made, RasaWebchat)
    return made


def sign(name: str) -> str:
    return hashlib.sha256(f"key {name}".encode()).hexdigest()


def test_a_session_that_was_made_here_is_known_again() -> None:
    made = RasaWebchat.new_session(sign)
    assert RasaWebchat.known_session({"session_id": made}, sign) == made
    assert RasaWebchat.new_session(sign) != made


FORGED = RasaWebchat.new_session(lambda name: hashlib.sha256(b"another key").hexdigest())


@pytest.mark.parametrize(
    "raw",
    [
        None,
        "",
        "me",
        7,
        [],
        {},
        {"session_id": None},
        {"session_id": ""},
        {"session_id": "me"},
        {"session_id": ["a"]},
        {"session_id": FORGED},
        {"session_id": "a" * 32 + "." + "0" * 64},
        {"session_id": RasaWebchat.new_session(sign) + "\n"},
        {"session_id": RasaWebchat.new_session(sign)[:-1]},
        {"session_id": RasaWebchat.new_session(sign).upper()},
    ],
)
def test_a_session_that_a_page_chose_is_none(raw: object) -> None:
    assert RasaWebchat.known_session(raw, sign) == ""


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"message": "怎么查"}, Uttered(message="怎么查", language="")),
        ({"message": "hi", "customData": {"language": "zh-CN"}}, Uttered(message="hi", language="zh")),
        ({"message": "hi", "customData": {"language": "EN"}}, Uttered(message="hi", language="en")),
        ({"message": "hi", "customData": {"language": "中文"}}, Uttered(message="hi", language="")),
        ({"message": "hi", "customData": "zh", "session_id": "x"}, Uttered(message="hi", language="")),
        ({"message": "长" * 20}, Uttered(message="长" * 20, language="")),
    ],
)
def test_what_was_written_is_read_with_the_language_of_the_page(channel: RasaWebchat, raw: Any, said: Uttered) -> None:
    assert channel.read(raw) == said


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (None, Malformed),
        ("hi", Malformed),
        ({}, Malformed),
        ({"message": None}, Malformed),
        ({"message": 7}, Malformed),
        ({"message": ["hi"]}, Malformed),
        ({"message": " \n"}, Malformed),
        ({"message": "a\0b"}, Malformed),
        ({"message": "\ud83d"}, Malformed),
        ({"message": "长" * 21}, TooLarge),
    ],
)
def test_what_cannot_be_taken_is_refused(channel: RasaWebchat, raw: Any, error: type[QiantaiError]) -> None:
    with pytest.raises(error):
        channel.read(raw)


def test_a_button_is_told_from_words_and_the_first_one_opens_the_conversation(channel: RasaWebchat) -> None:
    def said(message: str, *, title: str = "", first: bool = False) -> Inbound:
        uttered = Uttered(message=message, language="zh")
        return channel.inbound("s", uttered, external_id="p-1", title=title, first=first)

    base: dict[str, Any] = {"sender": "s", "external_id": "p-1", "language": "zh"}
    assert said("你好") == Inbound(**base, text="你好")
    pressed = Inbound(**base, kind=MessageKind.PAYLOAD, payload="/menu", text="菜单")
    assert said("/menu", title="菜单") == pressed
    opened = Inbound(**{**base, "external_id": FOLLOWED_ID}, kind=MessageKind.FOLLOWED)
    assert said("/get_started", first=True) == opened


def test_an_answer_carries_its_source_and_its_buttons() -> None:
    button = Button(title="留言", payload="/leave_message")
    assert bot_uttered(text="您好", source="", buttons=()) == {"text": "您好"}
    assert bot_uttered(text="可以", source="依据：条例", buttons=(button,)) == {
        "text": "可以\n\n依据：条例",
        "quick_replies": [{"content_type": "text", "title": "留言", "payload": "/leave_message"}],
    }
