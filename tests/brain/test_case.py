"""The form about a case that is there: every message finds an answer in it, and wishes are told by their words."""

from __future__ import annotations

import time
from itertools import product

import pytest
import yaml

from bot.assistant import case_wishes
from tests.brain.house import ROOT, ActionListener, Child, press, said, turn

NUMBER, CODE, PHONE = "Q2026-0001234-6", "⟦query-code:abcdefghij⟧", "⟦phone:klmnopqrst⟧"


@pytest.fixture(autouse=True)
def _working_actions(listener: ActionListener) -> None:
    """Every test starts with a listener that answers."""


def test_every_intent_is_answered_while_the_form_is_open(brain: Child) -> None:
    """A rule that is missing would be a 500 to a consumer."""
    domain = [yaml.safe_load(f.read_text()) for f in (ROOT / "bot/assistant/domain").glob("*.yml")]
    intents = sorted({next(iter(intent)) for part in domain for intent in part.get("intents", [])} - {"inform"})
    values = {"faq": '{"id":"F22"}', "faq_ask": '{"choice":"F22"}', "lesson": '{"step":"fraud.1"}'}
    opened = brain.turn(**press("/status"))
    assert said(opened) == ["case.ask_no"]
    for intent in intents:
        status, answer = brain.post(turn(**press(f"/{intent}{values.get(intent, '')}"), state=opened["state"]))
        assert (intent, status) == (intent, 200), answer


def test_a_photo_with_words_to_add_is_added_once(brain: Child) -> None:
    photo = [{"media_type": "image/jpeg", "name": "a.jpg"}]
    context = {"cases": [{"case_no": NUMBER, "state": "forwarded"}]}
    text = "补充一下，他们昨天又扣了200"
    answer = brain.turn(text, kind="attachment", attachments=photo, context=context)
    assert answer["effects"] == [{"name": "supplement_case", "case_no": NUMBER, "text": text}]


def test_what_opens_a_case_is_not_left_in_the_state(brain: Child) -> None:
    opened = brain.turn(**press("/status"))
    for text in (NUMBER, "没有查询码", PHONE):
        opened = brain.turn(text, state=opened["state"])
    done = brain.turn("王小明", state=opened["state"])
    [effect] = done["effects"]
    assert effect == {"name": "look_up", "case_no": NUMBER, "phone": PHONE, "person": "王小明"}
    slots = [e["value"] for e in done["state"]["events"] if e["event"] == "slot"]
    assert [told for told in (NUMBER, PHONE, "王小明") if told in slots] == []


WISHES = [
    (NUMBER, "case_again"),
    (f"{NUMBER} {CODE}", "case_again"),
    (f"我的编号是{NUMBER}，查询码{CODE}", "case_again"),
    ("202600012346", "case_again"),
    (f"{NUMBER} {PHONE} 王芳", "case_again"),
    (f"case {NUMBER}, code {CODE}", "case_again"),
    (f"我有个草稿编号{NUMBER}", "case_resume"),
    (f"draft {NUMBER} {CODE}", "case_resume"),
    (f"我昨天存了个草稿，编号{NUMBER}，查询码{CODE}，接着写", "case_resume"),
    ("继续写我的草稿", "case_resume"),
    ("I saved a draft", "case_resume"),
    ("please resume my draft", "case_resume"),
    ("重新打开我的投诉", "case_reopen"),
    ("投诉结案了，可是没解决", "case_reopen"),
    ("I want to reopen my case", "case_reopen"),
    ("重新打开", "case_reopen"),
    ("reopen it", "case_reopen"),
    ("my case was closed but I have new evidence", "case_reopen"),
    ("草稿怎么保存", ""),
    ("怎么重新打开投诉", ""),
    ("can a case be reopened", ""),
    ("结案了吗", ""),
    (f"编号{NUMBER}的那件投诉银行又扣了我两百块钱", ""),
    (PHONE, ""),
    ("2026年3月我在银行办了一张卡", ""),
    ("我要投诉", ""),
    ("", ""),
]


@pytest.mark.parametrize("text", ["没有了", "nothing", "No.", "I lost it", "找不到了", "是的", "yes", "先不撤回"])
def test_a_plain_answer_is_known_by_its_words(text: str) -> None:
    assert case_wishes.is_plain(text)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("催办", "case_urge"),
        ("我要撤回", "case_withdraw"),
        ("补充材料吧", "case_supplement"),
        ("查一下进度", "status"),
        ("please withdraw it", "case_withdraw"),
        ("hurry up", "case_urge"),
        ("先不撤回", ""),
        ("催收一直打电话", ""),
        ("", ""),
    ],
)
def test_another_wish_inside_the_form_is_told_by_its_words(text: str, intent: str) -> None:
    assert case_wishes.other(text) == intent


@pytest.mark.parametrize(
    "text", ["没有人理我", "nothing works at your bank", "yes but who are you", "你们都是废物", ""]
)
def test_what_says_more_is_no_plain_answer(text: str) -> None:
    assert not case_wishes.is_plain(text)


@pytest.mark.parametrize(("text", "intent"), WISHES)
def test_a_wish_is_told_by_its_words(text: str, intent: str) -> None:
    assert case_wishes.wish(text) == intent


TYPED = [
    (f"我昨天存了个草稿，编号{NUMBER}，查询码{CODE}，接着写", ["resume_draft"]),
    (f"{CODE} {NUMBER}", ["look_up"]),
    (NUMBER, []),  # its code is asked for
    (f"{NUMBER} 这个案子现在到哪一步了呀，有结果没有", []),
]


@pytest.mark.parametrize(("text", "effects"), TYPED)
def test_a_number_alone_asks_where_that_case_stands(brain: Child, text: str, effects: list[str]) -> None:
    answer = brain.turn(text)
    assert [effect["name"] for effect in answer["effects"]] == effects
    assert said(answer) == ([] if effects else ["case.ask_code"])


PIECES = (
    "草稿",
    "继续",
    "投诉",
    "重新",
    "打开",
    "结案",
    "draft ",
    "case ",
    "re",
    "open ",
    "my ",
    "20",
    "2026-",
    "Q",
    "，",
    "了",
)


def test_no_message_takes_long_however_its_pieces_repeat() -> None:
    began = time.process_time()
    for one, other in product(PIECES, PIECES):
        text = ((one + other) * 1000)[:2000]
        for asks in (case_wishes.wish, case_wishes.other, case_wishes.is_plain):
            asks(text)
    assert time.process_time() - began < 10  # 1 s alone
