"""The steps of a complaint: what one message tells, corrects and leaves to be asked; and the actions around them."""

from __future__ import annotations

import time
from datetime import date
from typing import Any

import pytest

import actions
from actions import _complaint
from actions._complaint import EMPTY, Fields, Heard, Message, next_step
from core import effects
from tests.actions.test_actions import METADATA, asked, call, said, slots

TODAY = date(2026, 11, 22)  # a Sunday
PHONE, OTHER_PHONE = "⟦phone:abcdefghij⟧", "⟦phone:klmnopqrst⟧"
TOLD: dict[str, str | None] = {
    **dict.fromkeys(EMPTY, None),
    "going_on": "yes",
    "institution": "中国工商银行",
    "facts": "多扣了年费",
    "request": "退钱",
    "prior": "no",
    "prior_reply": "",
    "person": "张三",
    "agent": "",
    "contact": PHONE,
    "consent": "yes",
    "amount": "500.00",
}


def message(text: str, *, channel: str = "web", pressed: str = "") -> Message:
    return Message(text=text, today=TODAY, channel=channel, pressed=pressed)


def begun(text: str, **known: str) -> Heard:
    return _complaint.begun(message(text), known)


def answered(step: str, text: str = "", known: Fields = EMPTY, *, pressed: str = "", channel: str = "web") -> Heard:
    """What `text` says to `step`, of somebody who has told everything before it."""
    before = {name: TOLD[name] for name in EMPTY if name not in _complaint.STEPS[_complaint.STEPS.index(step) :]}
    return _complaint.answered(
        message(text, pressed=pressed, channel=channel),
        step,
        {**before, step: None, **{name: value for name, value in known.items() if value is not None}},
    )


OPENINGS = [
    # what is said, what is understood, the step that comes next
    (
        "工行信用卡乱扣我3500块年费,上周三",
        {
            "institution": "中国工商银行",
            "business": "信用卡",
            "amount": "3500.00",
            "day": "2026-11-11",
            "track": "nfra",
        },
        "request",
    ),
    ("我要投诉", {}, "institution"),
    (
        "I bought a wealth product at CMB and lost 30%, they told me it was safe",
        {"summary": "I bought a wealth product at CMB and lost 30%, they told me it was safe"},
        "facts",
    ),
    (
        f"投诉工行，11月18号取款机吞了我500块，找过银行说等通知，要求退钱，我叫何平，{PHONE}，同意转",
        {"request": "要求退钱", "prior_reply": "银行说等通知", "person": "何平", "contact": PHONE},
        "consent",
    ),
    (
        f"投诉工行11月18号取款机吞了我500块找过银行说等通知要求退钱我叫何平{PHONE}同意转",
        {"request": "要求退钱", "prior_reply": "银行说等通知", "person": "何平"},
        "consent",
    ),
    (
        f"工行昨天吞了我500块 打过客服 客服说等通知 名字何平 手机{PHONE} 希望尽快退钱 本人何平 同意转给银行",
        {"request": "希望尽快退钱", "prior_reply": "客服说等通知", "person": "何平"},
        "consent",
    ),
    (
        "工行昨天吞了我500块，要求退钱，找过客服，客服说不退，我叫何平",
        {"request": "要求退钱", "prior_reply": "客服说不退", "person": "何平"},
        "contact",
    ),
    (
        "ICBC swallowed 500 yuan yesterday and I called them and they refused and I want a refund and my name is John "
        f"Smith and my number is {PHONE} and I agree",
        {"request": "I want a refund", "prior_reply": "they refused", "person": "John Smith", "contact": PHONE},
        "consent",
    ),
    (
        f"工行昨天吞了我500块，找过银行，银行说他们不同意退款，我叫何平，{PHONE}",
        {"prior_reply": "银行说他们不同意退款", "person": "何平"},
        "request",
    ),
    (
        f"农行昨天扣了我妈二十元，我妈吴桂兰，{PHONE}，我是女儿陈静，电话{OTHER_PHONE}",
        {"on_behalf": "proxy", "person": "吴桂兰", "agent": "陈静", "contact": OTHER_PHONE + PHONE},
        "request",
    ),
    (
        f"我妈赵玉芬昨天在农行被扣了二十元，我是她女儿钱多多，{PHONE}，要求退钱",
        {"on_behalf": "proxy", "person": None, "agent": "钱多多", "request": "要求退钱"},
        "prior",
    ),
    ("工行昨天多扣我20元，客服说必须本人去柜台", {"person": None, "prior_reply": "客服说必须本人去柜台"}, "request"),
    ("工行昨天多扣我20元，叫我老李就行", {"person": None}, "request"),
    ("工行昨天多扣我20元，我叫老李", {"person": None}, "request"),
    ("工行昨天多扣我20元，我叫他们退钱，他们不理", {"person": None}, "request"),
    ("ICBC took 20 yuan yesterday. My name is on the blacklist", {"person": None}, "request"),
    ("工行昨天多扣我20元，银行没有联系我就把卡冻结了", {"prior": None}, "request"),
    ("ICBC took 20 yuan yesterday, they never called me before they did it", {"prior": None}, "request"),
    ("工行昨天多扣我20元，我还没有联系银行", {"prior": "no"}, "request"),
    ("我要投诉一家银行", {}, "institution"),
    ("向人民银行投诉建行", {"institution": "中国建设银行"}, "facts"),
    ("建行乱收费", {"institution": "中国建设银行", "summary": "建行乱收费"}, "facts"),
    (
        "工行昨天多扣我20元，打过客服，客服说不退，要求退钱",
        {"prior": "yes", "prior_reply": "客服说不退", "request": "要求退钱"},
        "person",
    ),
    (f"建行昨天少给我两百块，我叫王小明，电话{PHONE}", {"person": "王小明", "contact": PHONE}, "request"),
    ("我替我妈投诉农行，昨天扣了她二十元", {"on_behalf": "proxy"}, "request"),
    ("我父亲去世了，建行昨天不让我取他的五万元", {"on_behalf": "heir"}, "request"),
    ("我们12个商户要一起投诉支付宝，昨天冻结货款八万元", {"on_behalf": "group", "people": "12"}, "request"),
    ("我想匿名提个建议", {"type": "suggestion", "person": "", "contact": ""}, "facts"),
    ("投诉12363客服", {"type": "service_supervision", "prior": "", "consent": ""}, "facts"),
    (
        "ICBC took 3,500 yuan from me last Wednesday and they said no",
        {"institution": "中国工商银行", "amount": "3500.00", "prior": "yes"},
        "request",
    ),
    ("农行把我妈的八万定期昨天卖成了保险", {"track": "pboc", "matter": "cross_market"}, "request"),
]


@pytest.mark.parametrize(("text", "told", "step"), OPENINGS)
def test_the_first_message_fills_what_it_tells_and_the_rest_is_asked(
    text: str, told: dict[str, str | None], step: str
) -> None:
    heard = begun(text)
    assert {name: heard.told.get(name) for name in told} == told
    assert next_step(heard.told) == step


ROUTES = [
    ("工行信用卡昨天乱扣我3500块", ["route"], "credit_card"),
    ("我要投诉健身房不退会员费", ["route"], "service"),
    ("我昨天在工行买的基金亏了三万", ["cross_market"], "cross_market"),
    ("中国人寿昨天不给我理赔三万", ["route"], "insurance"),
    ("我昨天被骗了三万，工行不管", ["route"], "fraud"),
    ("建行昨天多扣我转账手续费20元", [], ""),
]


@pytest.mark.parametrize(("text", "said_of_it", "matter"), ROUTES)
def test_whose_matter_it_is_is_said_where_it_is_somebody_elses(text: str, said_of_it: list[str], matter: str) -> None:
    heard = begun(text)
    assert [key for key in heard.say if key in ("route", "cross_market")] == said_of_it
    assert (heard.told.get("matter") or "") == matter


@pytest.mark.parametrize(
    "text", ["对的对的就是这样", "啱嘅，提交啦", "没错，提交", "yep all good", "没问题", "提交", "对着呢"]
)
def test_a_yes_at_the_read_back_submits_and_nothing_of_it_is_added_to_the_facts(text: str) -> None:
    heard = answered("confirmed", text, TOLD)
    assert heard.told["confirmed"] == "yes"
    assert "facts" not in heard.told


ASKED_FIRST = [
    ("找过", {"prior": "yes"}, "prior_reply"),
    ("没找过", {"prior": "no", "prior_reply": ""}, "person"),
    ("还没有", {"prior": "no", "prior_reply": ""}, "person"),
    ("not yet", {"prior": "no", "prior_reply": ""}, "person"),
    ("问过客服，不退", {"prior": "yes", "prior_reply": "问过客服，不退"}, "person"),
    ("额寻过他们经理咧，人家不管", {"prior": "yes"}, "person"),
    ("I called customer service and they said no", {"prior": "yes"}, "person"),
    ("昨天打过客服电话，让我等", {"prior": "yes", "prior_day": "2026-11-21"}, "person"),
    ("没有，直接来找你们的", {"prior": "no"}, "person"),
    ("找过，不给退，我叫李建国", {"prior": "yes", "prior_reply": "找过，不给退", "person": "李建国"}, "contact"),
    ("还没来得及", {"prior": "no"}, "person"),
    ("银行一直没有联系我", {"prior": "yes"}, "person"),
    ("没解决", {"prior": "yes", "prior_reply": "没解决"}, "person"),
    ("没有答复我", {"prior": "yes"}, "person"),
    ("no answer, I called twice", {"prior": "yes"}, "person"),
    ("不记得了", {"prior": None}, "prior"),
    ("同意", {"prior": None}, "prior"),
]


@pytest.mark.parametrize(("text", "told", "step"), ASKED_FIRST)
def test_whether_the_institution_was_asked_first_is_recorded_and_never_a_block(
    text: str, told: dict[str, str | None], step: str
) -> None:
    heard = answered("prior", text)
    assert {name: heard.told.get(name) for name in told} == told
    assert next_step({**{k: v for k, v in TOLD.items() if k in _complaint.STEPS[:4]}, **heard.told}) == step


CORRECTIONS = [
    ("prior", "不对，是建行", {"institution": "中国建设银行"}),
    ("prior", "金额也不对，是3200元", {"amount": "3200.00"}),
    ("contact", "金额是3500", {"amount": "3500.00"}),
    ("confirmed", "金额是5000不是500", {"amount": "5000.00"}),
    ("confirmed", "it's 5,000, not 500", {"amount": "5000.00"}),
    ("confirmed", "名字写错了，叫李四", {"person": "李四"}),
    ("confirmed", "要求改成道歉", {"request": "道歉"}),
    ("confirmed", "是昨天的事", {"day": "2026-11-21"}),
    ("confirmed", "电话写错了，应该是⟦phone:a2b3c4d5ef⟧", {"contact": "⟦phone:a2b3c4d5ef⟧"}),
]


@pytest.mark.parametrize(("step", "text", "told"), CORRECTIONS)
def test_a_correction_at_any_step_changes_what_it_names_and_the_step_is_asked_again(
    step: str, text: str, told: dict[str, str]
) -> None:
    heard = answered(step, text, TOLD if step == "confirmed" else {"amount": "500.00"})
    assert {name: value for name, value in heard.told.items() if value and TOLD.get(name) != value} | told == {
        name: value for name, value in heard.told.items() if value and TOLD.get(name) != value
    }
    assert heard.told[step] is None
    assert "corrected" in heard.say
    if "amount" not in told:
        assert "amount" not in heard.told


@pytest.mark.parametrize(
    ("text", "key"),
    [("我不想留名字", "anonymous"), ("I don't want to give my name", "anonymous"), ("为什么要姓名", "why_name")],
)
def test_who_does_not_say_who_they_are_hears_what_it_is_for_and_what_they_can_do_instead(text: str, key: str) -> None:
    heard = answered("person", text)
    assert (heard.told["person"], heard.say) == (None, [key])


@pytest.mark.parametrize(("text", "pressed"), [("", "suggestion"), ("改成提建议", ""), ("make it a suggestion", "")])
def test_without_a_name_it_becomes_a_suggestion_and_neither_name_nor_contact_is_asked(text: str, pressed: str) -> None:
    heard = answered("person", text, pressed=pressed)
    assert heard.told["type"] == "suggestion"
    assert next_step({**TOLD, "confirmed": None, **heard.told}) == "confirmed"


def test_who_agrees_after_all_is_read_back_once_more_with_the_consent() -> None:
    heard = answered("confirmed", "我同意转", {**TOLD, "consent": "no"})
    assert (heard.told["consent"], heard.told["confirmed"]) == ("yes", None)


def test_who_turns_out_to_speak_for_somebody_else_is_the_one_who_speaks() -> None:
    heard = answered("person", f"妈妈叫赵玉芬 我是她女儿 我叫钱多多 电话{PHONE}")
    assert {name: heard.told[name] for name in ("on_behalf", "person", "agent", "contact")} == {
        "on_behalf": "proxy",
        "person": "赵玉芬",
        "agent": "钱多多",
        "contact": PHONE,
    }


def test_who_hears_of_no_cut_was_not_cut() -> None:
    assert "long" in begun("工行多扣我20元。" * 230).say
    assert "long" in begun("工行多扣我20元。" * 220).say
    for step in ("facts", "request", "prior_reply"):
        assert "long" in answered(step, "他们多扣我的钱。" * 260).say, step
        assert "long" not in answered(step, "他们多扣我的钱。" * 20).say


@pytest.mark.parametrize(
    "text", ["招行的理财亏了三万八，当时经理说保本的", "CMB lost me 30000 yuan, they told me it was safe"]
)
def test_what_was_said_when_it_was_sold_is_no_answer_to_a_complaint(text: str) -> None:
    assert begun(text).told.get("prior") is None


CONTACTS = [
    (PHONE, "web", PHONE),
    ("a⟦email:klmnopqrst⟧", "web", "⟦email:klmnopqrst⟧"),
    ("029-59832909", "web", "029-59832909"),
    ("就用这个号码", "twilio", "就用这个号码"),
    ("就用这个号码", "web", None),
    ("在这里回复", "web", None),
    ("不想留", "web", None),
    ("⟦id-card⟧", "web", None),
    ("为什么", "web", None),
]


@pytest.mark.parametrize(("text", "channel", "contact"), CONTACTS)
def test_a_contact_is_one_by_which_the_institution_reaches_them(text: str, channel: str, contact: str | None) -> None:
    heard = answered("contact", text, channel=channel)
    assert heard.told.get("contact") == contact
    assert bool(heard.say) == (contact is None)


def test_who_writes_from_a_telephone_is_not_asked_for_the_number() -> None:
    heard = _complaint.begun(message("建行昨天多扣我20元", channel="kannel"), {})
    assert (heard.told["contact"], heard.told["wording"]) == (_complaint.OWN_NUMBER, "own_number")


def test_back_and_all_over_again() -> None:
    heard = answered("prior", "返回")
    assert (heard.told["request"], heard.say) == (None, ["back"])
    assert next_step(answered("prior", "重来").told) == "institution"
    assert answered("institution", "返回").say == ["first_step"]


@pytest.mark.parametrize("text", ["好的" * 900 + "x", "a " * 900 + "1", "想要" * 900, " " * 1900 + "x", "投诉" * 900])
def test_no_message_takes_long_to_read(text: str) -> None:
    started = time.process_time()
    for step in _complaint.STEPS:
        answered(step, text)
    assert time.process_time() - started < 20  # 0.5 s alone


# ---- the actions around them, through the real rasa_sdk --------------------------------------------------------------


def form(name: str, known: Fields, text: str = "", intent: str = "inform") -> dict[str, Any]:
    """A call of Rasa's with the form open; `known` by fields."""
    filled = {f"complaint_{field}": value for field, value in known.items()}
    body = call(name, None, requested_slot=f"complaint_{next_step(known)}", **filled)
    body["tracker"]["active_loop"] = {"name": "complaint"}
    latest = {"text": text, "intent": {"name": intent}}
    body["tracker"]["latest_message"] |= latest
    return body


async def test_a_confirmed_complaint_is_one_effect_and_only_that_is_kept_of_it() -> None:
    body = form("action_submit_complaint", {**TOLD, "confirmed": "yes", "business": "信用卡"})
    result = await actions.execute(body)
    assert asked(result) == [
        effects.FileCase(
            facts="多扣了年费",
            request="退钱",
            institution="中国工商银行",
            business="bank_card",
            amount="500.00",
            prior="no",
            person="张三",
            contact=PHONE,
            consent="yes",
        )
    ]
    kept = {name for name, value in slots(result).items() if value}
    assert kept == {"soon_complaint"}


async def test_another_matter_is_filed_again_once() -> None:
    filed = slots(await actions.execute(form("action_submit_complaint", {**TOLD, "confirmed": "yes"})))
    body = again_pressed(filed["soon_complaint"], pending="repeat")
    result = await actions.execute(body)
    [again] = asked(result)
    assert isinstance(again, effects.FileCase)
    assert (again.again, again.facts) == ("yes", "多扣了年费")
    later = await actions.execute(again_pressed(slots(result)["soon_complaint"], pending="repeat"))
    assert said(later) == ["complaint.gone"]


async def test_the_button_of_an_older_message_files_nothing_a_second_time() -> None:
    filed = slots(await actions.execute(form("action_submit_complaint", {**TOLD, "confirmed": "yes"})))
    result = await actions.execute(again_pressed(filed["soon_complaint"], pending=None))
    assert (asked(result), said(result), slots(result)) == ([], ["complaint.gone"], {"soon_complaint": None})


def again_pressed(kept: str | None, *, pending: str | None) -> dict[str, Any]:
    """The button for another matter; `pending`: what the house waits to hear."""
    body = call("action_submit_complaint_again", soon_complaint=kept)
    body["tracker"]["latest_message"]["metadata"] = METADATA | {"kind": "payload", "context": {"pending": pending}}
    return body


async def test_who_speaks_for_somebody_is_the_agent_and_the_contact_theirs() -> None:
    body = form("action_submit_complaint", {**TOLD, "confirmed": "yes", "on_behalf": "proxy", "agent": "李明"})
    [filed] = asked(await actions.execute(body))
    assert isinstance(filed, effects.FileCase)
    assert (filed.person, filed.agent, filed.agent_contact, filed.contact) == ("张三", "李明", PHONE, "")


async def test_what_was_not_confirmed_is_never_filed() -> None:
    with pytest.raises(ValueError, match="before it was confirmed"):
        await actions.execute(form("action_submit_complaint", TOLD))


@pytest.mark.parametrize(("known", "effect"), [({"facts": "多扣年费"}, 1), ({"summary": "乱收费"}, 1), ({}, 0)])
async def test_what_is_kept_for_another_day_is_a_draft_if_there_is_anything(known: dict[str, str], effect: int) -> None:
    result = await actions.execute(form("action_save_complaint", known))
    assert len(asked(result)) == effect
    assert said(result) == ([] if effect else ["complaint.nothing_yet"])
    assert not any(slots(result).values())


@pytest.mark.parametrize("intent", ["faq", "handoff", "stop", "attachment", "complaint"])
async def test_what_is_no_answer_is_left_to_the_rules(intent: str) -> None:
    result = await actions.execute(form("validate_complaint", {"going_on": "yes"}, "你好", intent))
    assert (result["events"], result["responses"]) == ([], [])


async def test_a_read_back_shows_no_number_and_no_mark_of_one() -> None:
    body = form("action_ask_complaint_confirmed", {**TOLD, "facts": f"卡号⟦bank-card⟧，打{PHONE}"})
    [line] = (await actions.execute(body))["responses"]
    args = line["custom"]["args"]
    assert (args["contact"], args["facts"], args["person"]) == ("您留的手机号", "卡号***，打***", "张三")
    assert "⟦" not in str(args)


async def test_a_draft_is_gone_on_with_where_it_stands() -> None:
    body = call("action_begin_complaint")
    body["tracker"]["active_loop"] = {}
    draft = {"draft": "Q9", "facts": "多扣年费", "institution": "长安银行", "business": "bank_card",
             "request": "退钱", "person": "kept", "contact": "kept"}  # fmt: skip
    sent = {"kind": "payload", "context": {"draft": draft}}
    body["tracker"]["latest_message"]["metadata"] |= sent
    result = await actions.execute(body)
    known = {name.removeprefix("complaint_"): value for name, value in slots(result).items()}
    assert said(result)[0] == "complaint.from_draft"
    assert (known["draft"], known["facts"], known["contact"], next_step(known)) == ("Q9", "多扣年费", "kept", "prior")


DRAFT = {"draft": "Q9", "institution": "中国建设银行", "facts": "多扣年费二十元", "amount": "20.00"}
ABOUT_OTHERS = "我要投诉平安保险，上周代理人骗我买了一份保单，退保要扣三万元"


def begins(text: str, held: dict[str, str], **known: str | None) -> dict[str, Any]:
    body = call(
        "action_begin_complaint", None, case_text="还有一张截图", **{f"complaint_{n}": v for n, v in known.items()}
    )
    body["tracker"]["active_loop"] = {}
    sent = METADATA | {"kind": "text", "context": {"draft": held}}
    body["tracker"]["latest_message"] |= {"text": text, "metadata": sent}
    return body


def complaint(result: dict[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in slots(result).items() if name.startswith("complaint_")}
    return {name.removeprefix("complaint_"): value for name, value in found.items()}


async def test_a_complaint_about_another_institution_is_not_mixed_into_a_draft() -> None:
    result = await actions.execute(begins(ABOUT_OTHERS, DRAFT))
    known = complaint(result)
    assert (said(result)[0], asked(result)) == ("complaint.another_draft", [])
    assert "平安" in known["institution"]
    assert (known["facts"], known["amount"], known["draft"]) == (ABOUT_OTHERS, "30000.00", "new")


@pytest.mark.parametrize(("draft", "kept"), [(None, "new"), ("Q9", "Q9")])
async def test_what_an_interruption_left_is_kept_as_a_draft_before_another_complaint(
    draft: str | None, kept: str
) -> None:
    before = {"institution": "中国建设银行", "facts": "多扣年费二十元", "person": "张三", "draft": draft}
    result = await actions.execute(begins(ABOUT_OTHERS, DRAFT, **before))
    [saved] = asked(result)
    assert isinstance(saved, effects.SaveDraft)
    assert (saved.institution, saved.facts, saved.draft) == ("中国建设银行", "多扣年费二十元", kept)
    known = complaint(result)
    assert (said(result)[0], known["facts"], known["person"]) == ("complaint.another", ABOUT_OTHERS, None)


@pytest.mark.parametrize("text", ["我要投诉建行，昨天又扣了我500块年费", "我要投诉，他们昨天又扣了我500块年费"])
async def test_more_about_the_same_institution_is_added_to_what_a_draft_tells(text: str) -> None:
    result = await actions.execute(begins(text, DRAFT))
    known = complaint(result)
    assert said(result)[0] == "complaint.from_draft"
    assert (known["draft"], known["institution"], known["amount"]) == ("Q9", "中国建设银行", "20.00")
    assert known["facts"] == f"多扣年费二十元\n{text}"


async def test_of_a_draft_and_an_interrupted_complaint_the_latter_goes_on_unmixed() -> None:
    result = await actions.execute(begins("我要投诉", DRAFT, institution="中国银行", draft="new"))
    assert (said(result)[0], complaint(result).get("facts")) == ("complaint.kept", None)


async def test_what_was_written_about_a_case_ends_where_a_complaint_begins() -> None:
    assert slots(await actions.execute(begins("我要投诉", {})))["case_text"] is None
