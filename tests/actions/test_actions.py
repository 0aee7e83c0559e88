"""Actions through the real rasa_sdk: what each asks and says, and clear errors for calls that are none."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

import actions
from core import effects

ROOT = Path(__file__).resolve().parents[2]
PHONE = "⟦phone:abcdefghij⟧"
METADATA = {
    "language": "zh",
    "channel": {"kind": "web"},
    "now": "2026-11-21T17:00:00+00:00",
}  # a Sunday in China already
ABOUT = ("message_institution", "message_business", "message_amount", "message_day", "message_case_no")
EMPTY = dict.fromkeys(("message_text", "message_contact", "message_contact_refused", *ABOUT))


def call(name: str, candidates: dict[str, Any] | None = None, **slots: Any) -> dict[str, Any]:
    """A call as Rasa makes it; `candidates` are the slots that a form wants checked."""
    events = [{"event": "action", "name": "leave_message"}]
    events += [{"event": "slot", "name": k, "value": v} for k, v in (candidates or {}).items()]
    return {
        "next_action": name,
        "sender_id": "t1",
        "version": "3.6.21",
        "domain": {"forms": {"leave_message": {"required_slots": ["message_text", "message_contact"]}}},
        "tracker": {
            "sender_id": "t1",
            "slots": {"message_text": None, "message_contact": None, **slots},
            "latest_message": {"text": "", "intent": {}, "entities": [], "metadata": METADATA},
            "events": events,
            "paused": False,
            "followup_action": None,
            "active_loop": {"name": "leave_message"},
            "latest_action_name": "action_listen",
        },
    }


def said(result: dict[str, Any]) -> list[str]:
    return [r["custom"]["key"] for r in result["responses"] if "key" in r["custom"]]


def asked(result: dict[str, Any]) -> list[effects.Effect]:
    """The effects, read as the house reads them."""
    return [effects.read(r["custom"]["effect"]) for r in result["responses"] if "effect" in r["custom"]]


def slots(result: dict[str, Any]) -> dict[str, Any]:
    return {e["name"]: e["value"] for e in result["events"] if e["event"] == "slot"}


@pytest.mark.parametrize("language", ["zh", "en", "zh-Hant", "zh-Hans"])
async def test_a_language_is_set_by_an_effect(language: str) -> None:
    result = await actions.execute(call("action_set_language", turn_language=language))
    assert asked(result) == [effects.SetLanguage(language=language)]  # type: ignore[arg-type]
    assert said(result) == ["language.switched"]


@pytest.mark.parametrize("language", [None, "", "fr", 7])
async def test_an_unknown_language_is_asked_back(language: Any) -> None:
    result = await actions.execute(call("action_set_language", turn_language=language))
    assert (asked(result), said(result)) == ([], ["language.ask"])


async def test_a_finished_message_is_an_effect_and_its_slots_are_emptied() -> None:
    given = {"message_text": " 多扣了年费 ", "message_contact": PHONE}
    result = await actions.execute(call("action_submit_message", None, **given))
    assert asked(result) == [effects.LeaveMessage(text="多扣了年费", contact=PHONE)]
    assert slots(result) == EMPTY


async def test_what_a_message_is_about_goes_with_it() -> None:
    given = {"message_text": "建行多扣了年费", "message_contact": PHONE, "message_institution": "中国建设银行"}
    result = await actions.execute(call("action_submit_message", None, **given, message_amount="20.00"))
    assert asked(result) == [
        effects.LeaveMessage(text="建行多扣了年费", contact=PHONE, institution="中国建设银行", amount="20.00")
    ]


@pytest.mark.parametrize("given", [{}, {"message_text": "多扣了年费"}, {"message_contact": PHONE, "message_text": " "}])
async def test_an_unfinished_message_is_an_error(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="before it was complete"):
        await actions.execute(call("action_submit_message", None, **given))


async def test_a_dropped_message_is_forgotten_in_silence() -> None:
    result = await actions.execute(call("action_drop_message", message_text="多扣了年费"))
    assert slots(result) == EMPTY
    assert result["responses"] == []


@pytest.mark.parametrize("text", ["多扣了年费", "  fees  ", "银行卡 50元", "x" * 2000, "¿Qué pasa?"])
async def test_a_text_with_words_is_taken_trimmed(text: str) -> None:
    result = await actions.execute(call("validate_leave_message", {"message_text": text}))
    assert slots(result)["message_text"] == text.strip()
    assert said(result) == []


@pytest.mark.parametrize(
    "text", [None, "", "   ", "。。。。。。", "abc", "好的吗", "😀😀😀😀😀", 7, ["多扣了年费"], "x" * 2001]
)
async def test_a_text_without_words_is_refused(text: Any) -> None:
    result = await actions.execute(call("validate_leave_message", {"message_text": text}))
    assert slots(result)["message_text"] is None
    assert said(result) == ["leave_message.invalid_text"]


async def test_what_a_text_is_about_is_kept_and_read_back() -> None:
    text = "昨天建行多扣了我二十元"
    result = await actions.execute(call("validate_leave_message", {"message_text": text}, message_day="2020-01-01"))
    kept = slots(result)
    assert [kept[name] for name in ABOUT] == ["中国建设银行", None, "20.00", "2026-11-21", None]
    assert result["responses"][0]["custom"] == {
        "key": "leave_message.about",
        "args": {"about": "中国建设银行，20元，11月21日"},
    }


@pytest.mark.parametrize(
    ("text", "heard"), [("建行多扣了", 1), ("昨天多扣了二十元", 1), ("多扣了二十元", 0), ("昨天多扣了", 0)]
)
async def test_one_amount_or_day_alone_is_not_read_back(text: str, heard: int) -> None:
    assert len(said(await actions.execute(call("validate_leave_message", {"message_text": text})))) == heard


async def test_a_phone_in_the_text_is_the_contact() -> None:
    result = await actions.execute(call("validate_leave_message", {"message_text": f"请打 {PHONE}，多扣了年费"}))
    assert slots(result)["message_contact"] == PHONE


async def test_a_contact_that_was_given_is_not_overwritten_by_the_text() -> None:
    body = call("validate_leave_message", {"message_text": f"请打 {PHONE}，多扣了年费"}, message_contact="a@b")
    assert "message_contact" not in slots(await actions.execute(body))


GOOD = [
    PHONE,
    "⟦email:klmnopqrst⟧",
    f"手机 {PHONE} 晚上打",
    "wechat_id88",
    "微信abc12345",
    "59832909",
    "就在这里",
    "here please",
    "WeChat: zhangsan",
    "my line id is anna",
    "0351 8765 432",
]
BAD = [
    None,
    "",
    "1",
    "。。。。",
    "are you still there",
    "我叫张三",
    "电话打不通",
    "a" * 101,
    12345678,
]


@pytest.mark.parametrize("contact", GOOD)
async def test_a_way_to_answer_is_taken(contact: str) -> None:
    result = await actions.execute(call("validate_leave_message", {"message_contact": contact}))
    assert slots(result) == {"message_contact": contact}
    assert said(result) == (["leave_message.here"] if "这里" in contact or "here" in contact else [])


@pytest.mark.parametrize("contact", BAD)
async def test_what_reaches_nobody_is_refused(contact: Any) -> None:
    result = await actions.execute(call("validate_leave_message", {"message_contact": contact}))
    assert slots(result) == {"message_contact": None}
    assert said(result) == ["leave_message.invalid_contact"]


AMISS = {
    "unseen_account": [
        "可唔可以用 WhatsApp",
        "can I use e-mail?",
        "用这个微信就行",
        "就這個微信號",
        "加我微信",
        "use this WeChat please",
        "my wechat is fine",
    ],
    "unseen_number": ["同一个号码", "就打这个号码", "我的手机", "same number", "call me on this number"],
    "card_contact": ["⟦id-card⟧", "⟦bank-card⟧", "我的卡 ⟦bank-card⟧"],
    "no_contact": ["不想留", "不方便留电话", "没有", "不告诉你", "匿名可以吗", "I'd rather not", "no, thanks", "no"],
    "when": ["你们多久回复", "什么时候联系我", "how soon will you reply?", "when will they call me"],
    "why_contact": ["为什么要电话", "安全吗", "what for", "why do you need my number?"],
}


@pytest.mark.parametrize(("key", "text"), [(key, text) for key, texts in AMISS.items() for text in texts])
async def test_what_is_no_contact_yet_is_answered_by_what_it_says(key: str, text: str) -> None:
    result = await actions.execute(call("validate_leave_message", {"message_contact": text}))
    assert slots(result)["message_contact"] is None
    assert said(result) == [f"leave_message.{key}"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("wechat", "用这个微信就行"),
        ("wechat", "use this wechat"),
        ("kannel", "same number"),
        ("twilio", "就打这个号码"),
    ],
)
async def test_a_channel_that_knows_the_account_takes_it_for_the_contact(kind: str, text: str) -> None:
    body = call("validate_leave_message", {"message_contact": text})
    body["tracker"]["latest_message"]["metadata"] = METADATA | {"channel": {"kind": kind}}
    result = await actions.execute(body)
    assert (slots(result), said(result)) == ({"message_contact": text}, ["leave_message.here"])


@pytest.mark.parametrize("text", ["不想留", "I'd rather not"])
async def test_who_refuses_twice_is_answered_in_the_conversation(text: str) -> None:
    first = await actions.execute(call("validate_leave_message", {"message_contact": text}))
    assert slots(first) == {"message_contact": None, "message_contact_refused": True}
    again = await actions.execute(
        call("validate_leave_message", {"message_contact": text}, message_contact_refused=True)
    )
    assert (slots(again), said(again)) == ({"message_contact": text}, ["leave_message.here"])


NUMBER = "Q2026-0001234-6"
CASE = [(f"工单号 {NUMBER}，一直没人理我", NUMBER), ("my case no. 2026 0001234 6, nobody answers", NUMBER)]


@pytest.mark.parametrize(("text", "number"), CASE)
async def test_the_number_of_a_case_is_read_from_the_message(text: str, number: str) -> None:
    result = await actions.execute(call("validate_leave_message", {"message_text": text}))
    assert slots(result)["message_case_no"] == number
    assert said(result) == ["leave_message.about"]


@pytest.mark.parametrize("text", ["编号是Q2026-0001234-9，没人理我", "case number Q2026-0001234-9, nobody answers"])
async def test_a_mistyped_number_of_a_case_is_told(text: str) -> None:
    result = await actions.execute(call("validate_leave_message", {"message_text": text}))
    assert "message_case_no" not in slots(result) or slots(result)["message_case_no"] is None
    assert said(result) == ["leave_message.case_no_wrong"]


@pytest.mark.parametrize("text", [f"我的编号是{NUMBER}", f"the case number is {NUMBER}"])
async def test_the_number_of_a_case_is_no_contact_and_goes_with_the_message(text: str) -> None:
    body = call("validate_leave_message", {"message_contact": text}, message_text="一直没人理我")
    result = await actions.execute(body)
    assert slots(result)["message_contact"] is None
    assert slots(result)["message_case_no"] == NUMBER
    assert said(result) == ["leave_message.corrected", "leave_message.about"]


@pytest.mark.parametrize(
    ("text", "amount"),
    [("it's 5,000 not 500", "5000.00"), ("金额是五千不是五百", "5000.00"), ("不是500，是5000", "5000.00")],
)
async def test_an_amount_is_put_right_without_its_unit(text: str, amount: str) -> None:
    body = call("validate_leave_message", {"message_contact": text}, message_text="扣了500元", message_amount="500.00")
    result = await actions.execute(body)
    assert slots(result)["message_amount"] == amount
    assert said(result)[0] == "leave_message.corrected"


async def test_the_kind_of_business_goes_with_the_message_by_the_registers_code() -> None:
    told = await actions.execute(call("validate_leave_message", {"message_text": "工行信用卡多收了年费"}))
    assert slots(told)["message_business"] == "信用卡"
    given = {"message_text": "年费多收了", "message_contact": PHONE, "message_business": "信用卡"}
    result = await actions.execute(call("action_submit_message", None, **given))
    assert asked(result) == [effects.LeaveMessage(text="年费多收了", contact=PHONE, business="bank_card")]


async def test_a_check_without_candidates_changes_nothing() -> None:
    assert await actions.execute(call("validate_leave_message")) == {"events": [], "responses": []}


async def test_an_unknown_action_is_named() -> None:
    with pytest.raises(actions.UnknownAction, match="action_dance") as caught:
        await actions.execute(call("action_dance"))
    assert (caught.value.status, caught.value.body()["error"]) == (404, "unknown_action")


GOOD_CALL = call("action_set_language")
BAD_CALLS: list[Any] = [
    None,
    "action_set_language",
    [],
    {},
    GOOD_CALL | {"next_action": ""},
    GOOD_CALL | {"next_action": 7},
    GOOD_CALL | {"tracker": None},
    GOOD_CALL | {"tracker": {}},
    GOOD_CALL | {"tracker": {**GOOD_CALL["tracker"], "slots": []}},
    GOOD_CALL | {"tracker": {**GOOD_CALL["tracker"], "events": None}},
    GOOD_CALL | {"tracker": {**GOOD_CALL["tracker"], "sender_id": None}},
    GOOD_CALL | {"domain": "all"},
]


@pytest.mark.parametrize("body", BAD_CALLS)
async def test_a_call_that_is_none_is_refused_with_a_reason(body: Any) -> None:
    with pytest.raises(actions.BadCall) as caught:
        await actions.execute(body)
    assert caught.value.status == 422
    assert caught.value.detail


async def test_a_call_without_a_domain_is_run() -> None:
    body = {k: v for k, v in GOOD_CALL.items() if k != "domain"}
    assert said(await actions.execute(body)) == ["language.ask"]


async def test_an_action_that_stands_back_is_what_rasa_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    from rasa_sdk.interfaces import ActionExecutionRejection

    from actions.set_language import SetLanguage

    def stand_back(*args: Any) -> None:
        raise ActionExecutionRejection("action_set_language", "not now")

    monkeypatch.setitem(actions._executor().actions, "action_set_language", stand_back)
    with pytest.raises(actions.ActionRejected) as caught:
        await actions.execute(GOOD_CALL)
    assert caught.value.status == 400
    assert caught.value.body() == {"error": "not now", "action_name": "action_set_language"}
    assert SetLanguage().name() == "action_set_language"


@pytest.mark.parametrize("event", ["ReminderScheduled", "ReminderCancelled"])
def test_an_action_with_a_reminder_is_refused_when_it_is_loaded(event: str) -> None:
    import rasa_sdk.events

    module = types.ModuleType("actions.later")
    vars(module)["Alias"] = getattr(rasa_sdk.events, event)
    with pytest.raises(actions.ActionUnusable, match=f"actions.later uses {event}"):
        actions.refuse_clocks(module)


def test_each_file_holds_one_action() -> None:
    files = [f for f in (ROOT / "actions").glob("*.py") if not f.name.startswith("_")]
    assert len(files) == len(actions.names())


def test_importing_the_package_loads_neither_the_sdk_nor_an_action() -> None:
    code = "import sys, actions; sys.exit(any(m.startswith(('rasa_sdk', 'sanic', 'actions.')) for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_running_actions_prints_and_logs_nothing(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    await actions.execute(GOOD_CALL)
    assert (capsys.readouterr(), caplog.records) == (("", ""), [])


# Abuse --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "key", "after"),
    [(None, "calm", 1), (0, "calm", 1), (1.0, "warning", 2), (2.0, "pause", 3), (3.0, "pause", 3), (99, "pause", 3)],
)
async def test_abuse_is_answered_one_step_further_each_time(before: float | None, key: str, after: int) -> None:
    result = await actions.execute(call("action_answer_abuse", abuse_count=before))
    assert (said(result), slots(result)) == ([f"abuse.{key}"], {"abuse_count": after})


@pytest.mark.parametrize(("seconds", "key"), [(3599, "pause"), (3600, "calm"), (None, "pause"), ("x", "pause")])
async def test_who_comes_back_an_hour_later_is_met_calmly_again(seconds: Any, key: str) -> None:
    body = call("action_answer_abuse", abuse_count=3.0)
    body["tracker"]["latest_message"]["metadata"]["context"] = {"since": seconds}
    assert said(await actions.execute(body)) == [f"abuse.{key}"]
