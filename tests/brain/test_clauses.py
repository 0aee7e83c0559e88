"""What one clause of a long message says: a wish for a person, a danger; by arithmetic first, then by the brain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bot.assistant import clauses
from bot.assistant.clauses import CLAUSES_MAX, HINTED, PLAIN
from bot.assistant.clauses import IN_A_CLAUSE as ENOUGH
from bot.assistant.understanding import Heard
from tests.brain.hearing import both, decide, found, heard, nothing
from tests.brain.house import ActionListener, Child, answers, press, said

LONG = "房贷提前还了，银行还在扣款。能叫个人来看看吗？"
TYPED = {"asked": "message_text", "form": "leave_message"}
ANSWERED = heard("faq", 0.9, **found("answer", 0.9))
FRAUD = heard("fraud_in_progress", 0.9)
Case = tuple[str, Heard, dict[str, float], str]


@pytest.fixture(autouse=True)
def _working_actions(listener: ActionListener) -> None:
    """Every test starts with a listener that answers."""


def saying(at: int = -1, **chances: float) -> clauses.Read:
    """Read alone, clause `at` says what `chances` tell; the others nothing."""

    def read(texts: Sequence[str]) -> list[dict[str, float]]:
        found = nothing(texts)
        found[at] |= chances
        return found

    return read


# ---- which clause counts ---------------------------------------------------------------------------------------------

CASES: list[Case] = [
    ("a wish in a question", ANSWERED, {"handoff": ENOUGH["handoff"]}, "handoff"),
    ("what hardly is one", ANSWERED, {"handoff": ENOUGH["handoff"] - 0.01}, "faq:topic:F20"),
    ("danger in a question", ANSWERED, {"emergency": ENOUGH["emergency"]}, "emergency"),
    ("what hardly is any", ANSWERED, {"emergency": ENOUGH["emergency"] - 0.01}, "faq:topic:F20"),
    ("a wish before a complaint", heard("complaint", 0.9), {"handoff": 0.95}, "handoff"),
    ("danger before a wish", heard("handoff", 0.9), {"emergency": 0.95}, "emergency"),
    ("danger before a wish in the same clause", ANSWERED, {"handoff": 1.0, "emergency": 0.95}, "emergency"),
    ("no wish before danger", heard("emergency", 0.3), {"handoff": 1.0}, "emergency"),
    ("nor before fraud", FRAUD, {"handoff": 1.0}, "fraud_in_progress"),
    ("nor before no more messages", heard("opt_out", 0.6), {"handoff": 1.0}, "opt_out"),
    ("plain danger in a fraud", FRAUD, {"emergency": PLAIN}, "emergency"),
    ("what swindlers threaten with", FRAUD, {"emergency": PLAIN - 0.01}, "fraud_in_progress"),
]


@pytest.mark.parametrize(("message", "says", "label"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_matters_most_counts_though_it_is_one_clause_of_many(
    message: Heard, says: dict[str, float], label: str
) -> None:
    assert decide(replace(message, text=LONG), saying(**says)).label == label


KEYED = "Q2026-0001234-6 一直没有结果。能叫个人来看看吗？"


@pytest.mark.parametrize(
    ("says", "label"),
    [
        ({"handoff": PLAIN}, "handoff"),
        ({"emergency": PLAIN}, "emergency"),
        ({"handoff": PLAIN - 0.01, "emergency": PLAIN - 0.01}, "status"),
    ],
)
def test_beside_the_number_of_a_case_only_a_plain_clause_counts(says: dict[str, float], label: str) -> None:
    assert decide(heard("status", 0.9, text=KEYED), saying(**says)).label == label


@pytest.mark.parametrize(
    "text", ["我上次存了草稿，找不到在哪里接着写。麻烦您找个人帮我。", "我想起诉他们。先麻烦您找个人跟我讲讲吧"]
)
def test_a_wish_for_a_person_comes_before_what_one_could_do_alone(text: str) -> None:
    alone = heard("faq", 0.9, text=text)
    assert decide(alone).label in ("case_resume", "legal_question")
    assert decide(alone, saying(handoff=0.95)).label == "handoff"


def test_after_a_danger_that_is_over_no_clause_is_another_one() -> None:
    over = heard("thanks", 0.9, text="the ambulance arrived, we are safe", in_danger=True)
    assert decide(over, saying(emergency=1.0)).label == "thanks"
    assert decide(replace(over, in_danger=False), saying(emergency=1.0)).label == "emergency"
    wanted = replace(over, text=f"{over.text}, get me someone")
    assert decide(wanted, saying(emergency=1.0, handoff=1.0)).label == "handoff"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("我不需要真人客服，信用报告怎么查", "faq:topic:F20"),
        ("不想转人工，就打字问，怎么查", "faq:topic:F20"),
        ("I don't want to talk to a person, how do I get it", "faq:topic:F20"),
        ("No need for a human agent, how do I get it", "faq:topic:F20"),
        ("我不想跟机器人说了，怎么查", "handoff"),
        ("I don't want to talk to a bot but a person, how do I get it", "handoff"),
    ],
)
def test_whoever_refuses_a_person_wants_none(text: str, label: str) -> None:
    assert decide(replace(ANSWERED, text=text), saying(0, handoff=1.0)).label == label


@pytest.mark.parametrize(
    ("text", "at", "label"),
    [
        ("No need for an agent, just tell me the opening hours.", 0, "faq:none"),
        ("不用转人工", 0, "faq:none"),
        ("别转人工客服了，叫你们经理来", 1, "handoff"),
        ("别给我人工智能，我要真人", 0, "handoff"),
    ],
)
def test_a_refusal_is_no_wish_though_the_whole_sounds_like_one(text: str, at: int, label: str) -> None:
    wish = both("handoff", 0.8, "faq", 0.2, text=text)
    assert decide(wish, saying(at, handoff=1.0)).label == label


def test_one_word_of_a_list_says_nothing_unless_the_whole_hints_at_it() -> None:
    bill = heard("faq", 0.9, text="人工，材料，运费，这三项怎么分着赔？")
    assert decide(bill, saying(0, handoff=1.0)).label == "faq:none"
    angry = both("complaint", 0.9, "handoff", HINTED, text="disgraceful. human.")
    assert decide(angry, saying(1, handoff=1.0)).label == "handoff"


def test_whom_they_ask_for_is_told_by_the_clause_that_asks() -> None:
    told = heard("handoff", 0.9, text="我的客户经理卖给我的。麻烦您找个人跟我讲讲")
    assert decide(told, saying(handoff=1.0)).values == {}
    assert decide(replace(told, text="扣了我的钱。叫你们经理来"), saying(handoff=1.0)).values == {"role": ["leader"]}
    assert decide(replace(told, text="叫你们经理来")).values == {"role": ["leader"]}


@pytest.mark.parametrize(
    "message",
    [
        heard("faq", 0.9, text="房贷提前还了吗？"),
        heard("emergency", 0.9, text=LONG),
        heard("faq", 0.9, text=LONG, asked="message_contact", form="leave_message"),
        heard("faq", 0.9, text='/faq{"id":"F22"，找个人，救命}'),
    ],
    ids=["a single clause", "danger already", "a question for a contact", "a typed command"],
)
def test_no_clause_is_read_alone_where_it_could_change_nothing(message: Heard) -> None:
    def read(texts: Sequence[str]) -> list[dict[str, float]]:
        raise AssertionError(texts)

    decide(message, read)


# ---- where dangers are easily overheard ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "chance", "label"),
    [
        (LONG, PLAIN, "emergency"),
        (LONG, PLAIN - 0.01, "form:leave_message:message_text"),
        ("一整瓶都吞下去了", PLAIN, "emergency"),  # also where it is all that they write
    ],
)
def test_a_plain_danger_in_a_story_interrupts_the_form_that_asked_for_it(text: str, chance: float, label: str) -> None:
    assert decide(heard("faq", 0.9, text=text, **TYPED), saying(emergency=chance)).label == label


def test_a_danger_that_is_over_goes_into_the_form() -> None:
    told = heard("faq", 0.9, text="救护车来了，没事了", in_danger=True, **TYPED)
    assert decide(told, saying(emergency=1.0)).label == "form:leave_message:message_text"


def test_a_wish_for_a_person_in_a_story_that_a_form_asked_for_is_part_of_it() -> None:
    assert decide(heard("faq", 0.9, text=LONG, **TYPED), saying(handoff=1.0)).label == "form:leave_message:message_text"


@pytest.mark.parametrize(
    ("whole", "clause", "label"),
    [(0.8, 0.0, "emergency"), (0.2, PLAIN, "emergency"), (0.79, PLAIN - 0.01, "fraud_in_progress")],
)
def test_a_plain_danger_after_the_advice_on_a_fraud_is_heard(whole: float, clause: float, label: str) -> None:
    told = both("faq", 0.1, "emergency", whole, text="我全吃了，怎么办", in_fraud=True)
    assert decide(told, saying(0, emergency=clause)).label == label


# ---- what a clause is ------------------------------------------------------------------------------------------------

UNMARKED = "我去年三月在建设银行办了一张信用卡额度两万当时业务员说免年费还送行李箱后来用了半年我刚把一瓶药都吞下去了"
FLOWING = f"{'they charged me every month and ' * 5}now i took all my pills"
MANY = CLAUSES_MAX // 2


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("！？…", []),
        ("转人工", ["转人工"]),
        ("你好，转人工。谢谢！", ["你好", "转人工", "谢谢"]),
        ("我的卡丢了 帮我叫个人 谢谢", ["我的卡丢了", "帮我叫个人", "谢谢"]),
        ("my card is gone, get me somebody", ["my card is gone", "get me somebody"]),
        ("我的卡⟦card:1⟧被锁了：打⟦query-code:2⟧", ["我的卡⟦card⟧被锁了", "打⟦query-code⟧"]),
        ("⟦card, 我", ["⟦card"]),
        ("扣了59.4元.退给我...", ["扣了59.4元", "退给我"]),
        ("sent me 20,000 yuan, by mistake", ["sent me 20,000 yuan", "by mistake"]),
        ("打了3次,5天没回,没人管", ["打了3次", "5天没回", "没人管"]),
        ("扣了钱😡😡没人管｜叫人来、快", ["扣了钱", "没人管", "叫人来"]),
        ("扣了钱\r\n没人管  叫人来\u2028快点", ["扣了钱", "没人管", "叫人来", "快点"]),
        ("." * 2000 + "⟧", []),
        ("a well-known bank - call me", ["a well-known bank", "call me"]),
        (UNMARKED, [UNMARKED, UNMARKED[-clauses.END :]]),
        (FLOWING, [FLOWING, "and they charged me every month and now i took all my pills"]),
        (
            "。".join(f"第{n}句" for n in range(100)),
            [f"第{n}句" for n in (*range(MANY), *range(100 - MANY, 100))],
        ),
    ],
)
def test_clauses_stand_between_marks_the_first_and_the_last_of_many(text: str, parts: list[str]) -> None:
    assert clauses.split(text) == parts


# ---- with the brain --------------------------------------------------------------------------------------------------

TALE = {
    "zh": "我去年三月在建设银行办了一张信用卡，额度两万。当时业务员说免年费，还送行李箱。后来用了半年，发现每个月被扣"
    "五十九块四。我打电话去问，对方说是账单险。我说我没同意过，他说录音里有。我要听录音，他说要申请。申请了，等了两周。",
    "en": "I took a loan in 2021, 36 months, 800 a month. The agent said no fee. In May a fee came, in June another, "
    "1,200 in all. I called and they said it is in the contract. I asked for it. They sent a page without the fee. ",
}
PILLS = {"zh": "我刚把一瓶药都吞下去了。", "en": "I swallowed all my sleeping pills just now."}
PERSON = {"zh": "麻烦您找个人跟我讲讲吧。", "en": "Could I please talk to somebody about it."}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("form", ["", "/leave_message", "/complaint"])
def test_a_danger_at_the_end_of_a_long_story_is_heard(brain: Child, form: str, language: str) -> None:
    state: Any = None
    if form:
        state = brain.turn(**press(form), language=language)["state"]
    answer = brain.turn(TALE[language] + PILLS[language], state=state, language=language)
    assert said(answer) == ["emergency"]
    assert [effect["name"] for effect in answer["effects"]] == ["alert", "hand_off"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_wish_for_a_person_at_the_end_of_a_long_story_is_heard(brain: Child, language: str) -> None:
    answer = brain.turn(TALE[language] + PERSON[language], language=language)
    assert answer["decision"]["label"] == "handoff"
    assert "one clause" in answer["decision"]["why"]


@pytest.mark.parametrize(
    ("language", "text"), [("zh", "我把安眠药全吃了，怎么办"), ("en", "what now, i took all my pills")]
)
def test_a_danger_after_the_advice_on_a_fraud_is_no_more_of_the_fraud(brain: Child, language: str, text: str) -> None:
    state = brain.turn(**press("/fraud_in_progress"), language=language)["state"]
    assert said(brain.turn(text, state=state, language=language)) == ["emergency"]


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "不要人工，打字就行。请问怎么查信用报告？"),
        ("zh", "人工，材料，运费，这三项保险公司怎么分着赔？"),
        ("en", "I don't want to talk to a person, I just need the form. Where is the form for the credit report?"),
        ("en", "Someone sent me 20,000 yuan by mistake last week. Is that normal?"),
    ],
)
def test_an_ordinary_question_is_no_wish_for_a_person(brain: Child, language: str, text: str) -> None:
    assert brain.turn(text, language=language, **answers("F22"))["decision"]["label"].startswith("faq:")
