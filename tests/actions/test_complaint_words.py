"""What answers to the steps of a complaint mean: a yes, a consent, a wish, a name, two names."""

from __future__ import annotations

import pytest

import actions
from core import effects
from tests.actions.test_actions import asked
from tests.actions.test_complaint import OTHER_PHONE, PHONE, TOLD, answered, form

YES_OR_NO = [
    *(
        (text, "yes")
        for text in ("好", "可以", "行", "同意", "嗯", "yes", "OK", "sure", "得", "要得", "能成", "对头", "1")
    ),
    *((text, "yes") for text in ("啱嘅", "可以的你们转给他们吧", "没问题", "I agree", "yep all good")),
    *((text, "no") for text in ("不", "不同意", "no", "唔得", "不行", "2", "I do not agree", "别转")),
    *((text, None) for text in ("什么意思", "今天天气不好说", "我", "你们", "...", "maybe")),
    *((text, "yes") for text in ("好吧", "可以吧", "行吧", "当然可以", "我同意你们转给工行", "I agree to pass it on")),
    *((text, None) for text in ("同意？", "可以?", "确定?", "可以吗", "是吧", "为什么要同意", "谁同意", "do I agree?")),
    *((text, "no") for text in ("please do not pass it on", "我不想让银行知道", "别告诉银行", "我没同意")),
]


@pytest.mark.parametrize(("text", "consent"), YES_OR_NO)
def test_a_yes_and_a_no_are_understood_as_people_say_them(text: str, consent: str | None) -> None:
    assert answered("consent", text).told["consent"] == consent


@pytest.mark.parametrize("text", ["好？", "没问题吧", "可以吗", "ok?"])
def test_a_question_at_the_read_back_files_nothing(text: str) -> None:
    assert answered("confirmed", text, TOLD).told["confirmed"] is None


@pytest.mark.parametrize(
    "text",
    ["I don't agree", "我没同意", "没有同意过", "我从未同意", "I will never agree", "为什么要同意", "谁同意", "同意？"],
)
def test_no_consent_is_made_out_of_what_is_none(text: str) -> None:
    heard = answered("confirmed", text, {**TOLD, "consent": "no"})
    assert (heard.told.get("consent", "no"), heard.told["confirmed"]) == ("no", None)


@pytest.mark.parametrize("text", ["please do not pass it on", "我不想让银行知道", "别转给银行", "我没同意转"])
def test_a_consent_taken_back_at_the_read_back_is_none_and_no_part_of_the_facts(text: str) -> None:
    heard = answered("confirmed", text, TOLD)
    assert (heard.told["consent"], heard.say) == ("no", ["corrected"])
    assert "facts" not in heard.told


WISHES = [
    ("退钱，我叫何平", "退钱"),
    (f"退钱，{PHONE}，同意转", "退钱"),
    ("I want my money back, my name is John Smith", "I want my money back"),
    ("删除我的手机号码和姓名", "删除我的手机号码和姓名"),
    ("把钱退给我，电话通知我", "把钱退给我，电话通知我"),
    ("提交书面道歉", "提交书面道歉"),
]


@pytest.mark.parametrize(("text", "wish"), WISHES)
def test_a_request_ends_where_it_is_told_who_wants_it(text: str, wish: str) -> None:
    assert answered("request", text).told["request"] == wish


@pytest.mark.parametrize("text", ["1", "提交", "提交投诉", "下一步", "跳过", "next", "好的", "。。。"])
def test_what_names_no_wish_is_no_request(text: str) -> None:
    heard = answered("request", text)
    assert (heard.told["request"], heard.say) == (None, ["invalid_request"])


NAMES = [
    ("张三", "张三"),
    ("我叫张三", "张三"),
    ("我姓马叫马秀英", "马秀英"),
    ("额叫王满仓", "王满仓"),
    ("代表是黄志强和林小红，我是黄志强", "黄志强"),
    (f"张三，电话{PHONE}", "张三"),
    ("王秀莲 我没手机", "王秀莲"),
    ("阿卜杜拉·买买提", "阿卜杜拉·买买提"),
    ("my name is John Smith", "John Smith"),
    ("Isabel Brown", "Isabel Brown"),
    *((text, None) for text in ("提交", "skip", "没找", "为什么要名字", "王先生", "我现在有事", "1", "")),
    ("just call me Bob", "Bob"),
    ("叫我李建国就行", "李建国"),
    *((text, text) for text in ("杨不悔", "欧阳娜娜", "Grace Good", "Tom Wright")),
    ("我叫做王强", "王强"),
    *((text, None) for text in ("叫我老李就行", "我叫他们退钱", "退我钱", "随便", "人工", "傻逼", "on the list")),
]


@pytest.mark.parametrize(("text", "name"), NAMES)
def test_a_name_is_found_in_the_answer_and_nothing_else_is_taken_for_one(text: str, name: str | None) -> None:
    assert answered("person", text).told["person"] == name


TWO = [
    (f"我妈吴桂兰，{PHONE}，我是女儿陈静，电话{OTHER_PHONE}", {}),
    (f"我妈妈叫吴桂兰，电话{PHONE}，我是她女儿陈静，电话{OTHER_PHONE}", {}),
    (f"我是女儿陈静，电话{OTHER_PHONE}，我妈吴桂兰，{PHONE}", {"on_behalf": "proxy"}),
    (f"吴桂兰，{PHONE}，我是女儿陈静，电话{OTHER_PHONE}", {"on_behalf": "proxy"}),
    (f"吴桂兰，{PHONE}，我是女儿陈静，电话{OTHER_PHONE}", {}),
]


@pytest.mark.parametrize(("text", "known"), TWO)
async def test_two_people_in_one_message_are_two_names_with_a_number_each(text: str, known: dict[str, str]) -> None:
    heard = answered("person", text, known)
    told = {**TOLD, **known, **heard.told, "consent": "yes", "confirmed": "yes"}
    [filed] = asked(await actions.execute(form("action_submit_complaint", told)))
    assert isinstance(filed, effects.FileCase)
    assert (filed.person, filed.contact, filed.agent, filed.agent_contact) == ("吴桂兰", PHONE, "陈静", OTHER_PHONE)
    again = answered("confirmed", "电话写错了，应该是⟦phone:uvwxyzabcd⟧", told)
    assert again.told["contact"] == f"⟦phone:uvwxyzabcd⟧{PHONE}"


def test_one_number_of_two_people_takes_no_other_numbers_place() -> None:
    heard = answered("person", f"我妈吴桂兰，{PHONE}，我叫陈静", {"contact": OTHER_PHONE})
    assert (heard.told["agent"], heard.told.get("contact", OTHER_PHONE)) == ("陈静", OTHER_PHONE)


def test_two_english_people_in_one_message_are_two_names_with_a_number_each() -> None:
    text = f"my mother is Mary Brown, {PHONE}, I am her daughter Jane Brown, phone {OTHER_PHONE}"
    told = answered("person", text).told
    assert (told["person"], told["agent"], told["contact"]) == ("Mary Brown", "Jane Brown", OTHER_PHONE + PHONE)


FULLER = [
    ("contact", f"我叫李建国 {PHONE}", "老李", "李建国"),
    ("contact", f"我大名李建国，{PHONE}", "老李", "李建国"),
    ("consent", "我全名叫李建国", "老李", "李建国"),
    ("confirmed", "我的全名是李建国", "老李", "李建国"),
    ("contact", "my name is Bob Lee", "Bob", "Bob Lee"),
    ("consent", "我叫老李", "李建国", "李建国"),
    ("confirmed", "名字不对", "李建国", "李建国"),
    ("confirmed", "name is correct", "李建国", "李建国"),
    ("confirmed", "客服叫我等着", "李建国", "李建国"),
]


@pytest.mark.parametrize(("step", "text", "before", "name"), FULLER)
def test_a_fuller_name_replaces_a_shorter_one_and_what_is_no_name_none(
    step: str, text: str, before: str, name: str
) -> None:
    known = {**(TOLD if step == "confirmed" else {}), "person": before}
    assert answered(step, text, known).told.get("person", before) == name
