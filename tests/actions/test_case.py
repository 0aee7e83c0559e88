"""What the actions on cases ask of the house: which case is meant, what is missing, what is kept and for how long."""

from __future__ import annotations

from typing import Any

import pytest

import actions
from core import effects
from core.effects import LookUp, ReopenCase, ResumeDraft, SupplementCase, UrgeCase, WithdrawCase
from tests.actions.test_actions import asked, said, slots

ONE, TWO, THREE = "Q2026-0000001-2", "Q2026-0000002-0", "Q2026-0000003-6"
CODE, PHONE = "⟦query-code:abcdefghij⟧", "⟦phone:klmnopqrst⟧"
STORY = "补充一下，他们昨天又扣了200"
NOTHING = dict.fromkeys(
    ("case_act", "case_no", "case_proof", "case_phone", "case_name", "case_text", "case_sure", "case_lost")
)
ASKED_FOR = ["case_no", "case_proof", "case_phone", "case_name", "case_text", "case_sure"]


def cases(**states: str) -> list[dict[str, str]]:
    """As the house sends them, newest first: one=state."""
    numbers = {"one": ONE, "two": TWO, "three": THREE}
    return [{"case_no": numbers[name], "state": state} for name, state in states.items()]


def call(
    name: str,
    text: str = "",
    intent: str = "inform",
    *,
    own: list[dict[str, str]] | None = None,
    kind: str = "text",
    channel: str = "web",
    loop: str | None = None,
    before: list[dict[str, Any]] | None = None,
    since: float = 5.0,
    candidates: dict[str, Any] | None = None,
    **known: Any,
) -> dict[str, Any]:
    """A call as Rasa makes it."""
    events = [*(before or []), {"event": "user", "text": text}, {"event": "action", "name": loop or "action_listen"}]
    events += [{"event": "slot", "name": slot, "value": value} for slot, value in (candidates or {}).items()]
    metadata = {
        "language": "zh",
        "now": "2026-11-21T04:00:00+00:00",
        "kind": kind,
        "channel": {"kind": channel},
        "context": {"cases": own or [], "since": since},
    }
    return {
        "next_action": name,
        "sender_id": "t1",
        "version": "3.6.21",
        "domain": {"forms": {"case": {"required_slots": ASKED_FOR}}},
        "tracker": {
            "sender_id": "t1",
            "slots": {**NOTHING, "requested_slot": None, **known},
            "latest_message": {"text": text, "intent": {"name": intent}, "entities": [], "metadata": metadata},
            "events": events,
            "paused": False,
            "followup_action": None,
            "active_loop": {"name": loop} if loop else {},
            "latest_action_name": "action_listen",
        },
    }


async def begin(text: str, intent: str, **more: Any) -> dict[str, Any]:
    return await actions.execute(call("action_begin_case", text, intent, **more))


def follows(result: dict[str, Any]) -> list[str]:
    return [event["name"] for event in result["events"] if event["event"] == "followup"]


MEANT: list[tuple[str, str, list[dict[str, str]], effects.Effect]] = [
    ("我的投诉怎么样了", "status", cases(one="forwarded"), LookUp(case_no=ONE)),
    ("我的投诉怎么样了", "status", cases(two="draft", one="forwarded"), LookUp(case_no=ONE)),
    ("我的投诉怎么样了", "status", cases(two="draft"), LookUp(case_no=TWO)),
    (f"{ONE}怎么样了", "status", cases(two="forwarded", one="closed"), LookUp(case_no=ONE)),
    ("催一下", "case_urge", cases(two="withdrawn", one="forwarded"), UrgeCase(case_no=ONE)),
    ("催一下", "case_urge", cases(two="withdrawn"), UrgeCase(case_no=TWO)),
    (STORY, "case_supplement", cases(two="closed", one="accepted"), SupplementCase(case_no=ONE, text=STORY)),
    (STORY, "case_supplement", cases(two="closed"), ReopenCase(case_no=TWO, text=STORY)),
    (STORY, "case_supplement", cases(two="not_accepted"), LookUp(case_no=TWO)),
    (STORY, "case_supplement", cases(two="draft"), LookUp(case_no=TWO)),
    (STORY, "case_reopen", cases(two="forwarded", one="closed"), ReopenCase(case_no=ONE, text=STORY)),
    ("撤回", "case_withdraw", cases(one="closed"), LookUp(case_no=ONE)),
    ("接着写草稿", "case_resume", cases(two="forwarded", one="draft"), ResumeDraft(case_no=ONE)),
    (f"{THREE} {CODE}", "status", cases(one="forwarded"), LookUp(case_no=THREE, code=CODE)),
    (f"草稿{THREE} {CODE}", "case_resume", [], ResumeDraft(case_no=THREE, code=CODE)),
    (f"{THREE}，{PHONE}，王芳", "status", [], LookUp(case_no=THREE, phone=PHONE, person="王芳")),
]


@pytest.mark.parametrize(("text", "intent", "own", "effect"), MEANT)
async def test_what_is_all_known_is_asked_of_the_house_at_once(
    text: str, intent: str, own: list[dict[str, str]], effect: effects.Effect
) -> None:
    result = await begin(text, intent, own=own)
    assert (asked(result), follows(result)) == ([effect], [])


OPENS_THE_FORM: list[tuple[str, str, list[dict[str, str]], dict[str, str]]] = [
    ("我的投诉怎么样了", "status", [], {"case_act": "status"}),
    (f"{THREE}怎么样了", "status", cases(one="forwarded"), {"case_act": "status", "case_no": THREE}),
    (CODE, "case_again", [], {"case_act": "status", "case_proof": CODE}),
    (STORY, "case_supplement", [], {"case_act": "supplement", "case_text": STORY}),
    ("补充材料", "case_supplement", cases(one="forwarded"), {"case_act": "supplement", "case_no": ONE}),
    ("撤回投诉", "case_withdraw", cases(one="forwarded"), {"case_act": "withdraw", "case_no": ONE}),
    ("我有新情况", "case_reopen", cases(one="closed"), {"case_act": "reopen", "case_no": ONE}),
    (
        f"{THREE} {PHONE}",
        "status",
        [],
        {"case_act": "status", "case_no": THREE, "case_proof": "phone", "case_phone": PHONE},
    ),
]


@pytest.mark.parametrize(("text", "intent", "own", "kept"), OPENS_THE_FORM)
async def test_what_is_missing_is_asked_by_the_form_and_the_rest_kept(
    text: str, intent: str, own: list[dict[str, str]], kept: dict[str, str]
) -> None:
    result = await begin(text, intent, own=own)
    assert (asked(result), follows(result), slots(result)) == ([], ["case"], NOTHING | kept)


async def test_a_mistyped_number_is_told_at_once_and_no_other_case_taken_for_it() -> None:
    result = await begin("Q2026-0000003-1怎么样了", "status", own=cases(one="forwarded"))
    assert (said(result), asked(result), follows(result)) == (["case.no_wrong"], [], ["case"])


async def test_of_several_cases_the_others_are_named() -> None:
    result = await begin("我的投诉怎么样了", "status", own=cases(two="forwarded", one="closed"))
    assert said(result) == ["case.others"]
    assert result["responses"][-1]["custom"]["args"] == {"numbers": ONE}


async def test_a_telephone_may_be_the_one_that_the_case_names() -> None:
    result = await begin(f"{THREE}怎么样了", "status", channel="kannel")
    assert asked(result) == [LookUp(case_no=THREE)]


@pytest.mark.parametrize("loop", ["leave_message", "complaint"])
async def test_inside_another_form_only_what_needs_no_asking_is_done(loop: str) -> None:
    known = await begin("", "status", own=cases(one="forwarded"), loop=loop, kind="payload")
    assert (asked(known), said(known), slots(known)) == ([LookUp(case_no=ONE)], [], NOTHING)
    unknown = await begin("", "case_withdraw", own=cases(one="forwarded"), loop=loop, kind="payload")
    assert (asked(unknown), said(unknown), unknown["events"]) == ([], ["case.aside"], [])


async def test_another_wish_inside_the_form_is_about_the_case_that_was_found_there() -> None:
    known = {"case_act": "status", "case_no": THREE, "case_proof": CODE}
    result = await begin("我要撤回", "case_withdraw", loop="case", **known)
    assert (asked(result), follows(result), slots(result)) == ([], [], NOTHING | known | {"case_act": "withdraw"})


async def test_the_words_of_a_button_are_no_text() -> None:
    result = await begin("[case_supplement]", "case_supplement", own=cases(one="forwarded"), kind="payload")
    assert (asked(result), slots(result)["case_text"]) == ([], None)


async def test_who_says_that_the_number_is_lost_is_not_asked_for_it() -> None:
    result = await begin("我上个月投诉过，编号找不到了，帮我查一下", "status")
    assert (said(result), follows(result)) == (["case.lost"], ["leave_message"])
    assert asked(result) == [effects.HandOff(reason="case")]


TRIED = [{"event": "user", "text": "x"}, {"event": "action", "name": "action_submit_case"}]


async def test_another_try_goes_on_with_what_was_wanted() -> None:
    held = {"case_act": "supplement", "case_text": STORY}
    result = await begin(f"{THREE} {CODE}", "case_again", before=TRIED, **held)
    assert asked(result) == [SupplementCase(case_no=THREE, code=CODE, text=STORY)]


async def test_a_code_goes_with_the_number_that_a_telephone_did_not_open() -> None:
    result = await begin(CODE, "case_again", before=TRIED, case_act="urge", case_no=THREE)
    assert asked(result) == [UrgeCase(case_no=THREE, code=CODE)]


async def test_later_a_number_and_a_code_ask_only_where_the_case_stands() -> None:
    since = [*TRIED, {"event": "user", "text": "谢谢"}, {"event": "action", "name": "utter_thanks"}]
    held = {"case_act": "supplement", "case_text": STORY}
    result = await begin(f"{THREE} {CODE}", "case_again", before=since, **held)
    assert asked(result) == [LookUp(case_no=THREE, code=CODE)]


# The form ----------------------------------------------------------------------------------------------------------


async def hears(slot: str, text: str, **known: Any) -> dict[str, Any]:
    """What the form makes of an answer to the question for `slot`."""
    known = {"case_act": "status", "requested_slot": slot} | known
    return await actions.execute(call("validate_case", text, loop="case", candidates={slot: text}, **known))


ANSWERS: list[tuple[str, str, dict[str, Any], dict[str, Any], list[str]]] = [
    ("case_no", THREE, {}, {"case_no": THREE, "requested_slot": "case_proof"}, []),
    ("case_no", f"{CODE} {THREE}", {}, {"case_no": THREE, "case_proof": CODE, "requested_slot": None}, []),
    ("case_no", CODE, {}, {"case_no": None, "case_proof": CODE, "requested_slot": "case_no"}, ["case.number_too"]),
    ("case_no", f"{PHONE} 王芳", {}, {"case_phone": PHONE, "requested_slot": "case_no"}, ["case.number_too"]),
    ("case_no", "Q2026-0000003-1", {}, {"case_no": None, "requested_slot": "case_no"}, ["case.no_wrong"]),
    ("case_no", "在哪里看", {}, {"case_no": None, "requested_slot": "case_no"}, ["case.not_a_number"]),
    ("case_no", "找不到了", {}, {"case_no": None, "case_lost": True, "requested_slot": None}, []),
    ("case_no", "返回", {}, {"case_no": None, "requested_slot": "case_no"}, ["case.first_step"]),
    ("case_proof", CODE, {"case_no": THREE}, {"case_proof": CODE, "requested_slot": None}, []),
    ("case_proof", "没有", {"case_no": THREE}, {"case_proof": "phone", "requested_slot": "case_phone"}, []),
    (
        "case_proof",
        "abcde2345",
        {"case_no": THREE},
        {"case_proof": None, "requested_slot": "case_proof"},
        ["case.code_wrong"],
    ),
    (
        "case_proof",
        "哪个码",
        {"case_no": THREE},
        {"case_proof": None, "requested_slot": "case_proof"},
        ["case.not_a_code"],
    ),
    ("case_proof", TWO, {"case_no": THREE}, {"case_no": TWO, "requested_slot": "case_proof"}, ["case.corrected"]),
    ("case_proof", "重来", {"case_no": THREE}, {"case_no": None, "requested_slot": "case_no"}, ["case.back"]),
    (
        "case_proof",
        f"{PHONE} 王芳",
        {"case_no": THREE},
        {"case_proof": "phone", "case_phone": PHONE, "case_name": "王芳", "requested_slot": None},
        [],
    ),
    (
        "case_phone",
        PHONE,
        {"case_no": THREE, "case_proof": "phone"},
        {"case_phone": PHONE, "requested_slot": "case_name"},
        [],
    ),
    (
        "case_phone",
        "不记得了",
        {"case_no": THREE, "case_proof": "phone"},
        {"case_phone": None, "case_lost": True, "requested_slot": None},
        [],
    ),
    (
        "case_name",
        "我叫李和平",
        {"case_no": THREE, "case_proof": "phone", "case_phone": PHONE},
        {"case_name": "李和平", "requested_slot": None},
        [],
    ),
    (
        "case_name",
        "好的",
        {"case_no": THREE, "case_proof": "phone", "case_phone": PHONE},
        {"case_name": None, "requested_slot": "case_name"},
        ["case.not_a_name"],
    ),
    ("case_text", "他们又扣了我一笔", {"case_act": "supplement"}, {"case_text": "他们又扣了我一笔"}, []),
    ("case_text", "嗯", {"case_act": "supplement"}, {"case_text": None}, ["case.invalid_text"]),
    ("case_text", "x" * 2001, {"case_act": "supplement"}, {"case_text": None}, ["case.invalid_text"]),
    ("case_text", "没有了", {"case_act": "supplement"}, {"case_act": None, "requested_slot": None}, []),
    ("case_sure", "yes", {"case_act": "withdraw", "case_no": ONE}, {"case_sure": "yes", "case_text": None}, []),
    (
        "case_sure",
        "是的，钱已经退了",
        {"case_act": "withdraw", "case_no": ONE},
        {"case_sure": "yes", "case_text": "钱已经退了"},
        [],
    ),
    ("case_sure", "撤吧", {"case_act": "withdraw", "case_no": ONE}, {"case_sure": "yes"}, []),
    ("case_sure", "先不撤", {"case_act": "withdraw", "case_no": ONE}, {"case_sure": "no"}, []),
    ("case_sure", "随便", {"case_act": "withdraw", "case_no": ONE}, {"case_sure": None}, ["case.yes_or_no"]),
]


@pytest.mark.parametrize(("slot", "text", "known", "filled", "heard"), ANSWERS)
async def test_an_answer_fills_what_it_tells_and_what_is_missing_is_asked_next(
    slot: str, text: str, known: dict[str, Any], filled: dict[str, Any], heard: list[str]
) -> None:
    result = await hears(slot, text, **known)
    assert said(result) == heard
    assert {name: slots(result)[name] for name in filled} == filled


async def test_a_day_later_what_is_no_answer_ends_the_form() -> None:
    result = await hears("case_no", "你好", since=86_400.0)
    assert (said(result), slots(result)["case_act"], slots(result)["requested_slot"]) == ([], None, None)


SUBMITTED: list[tuple[dict[str, Any], list[effects.Effect], list[str], dict[str, Any]]] = [
    (
        {"case_act": "status", "case_no": THREE, "case_proof": CODE},
        [LookUp(case_no=THREE, code=CODE)],
        [],
        {"case_act": "status"},
    ),
    (
        {"case_act": "supplement", "case_no": THREE, "case_proof": CODE, "case_text": STORY},
        [SupplementCase(case_no=THREE, code=CODE, text=STORY)],
        [],
        {"case_act": "supplement", "case_text": STORY},
    ),
    (
        {"case_act": "withdraw", "case_no": ONE, "case_sure": "yes", "case_text": "钱退了"},
        [WithdrawCase(case_no=ONE, text="钱退了")],
        [],
        {},
    ),
    ({"case_act": "withdraw", "case_no": ONE, "case_sure": "no"}, [], ["case.not_withdrawn"], {}),
    ({"case_act": "file", "case_no": ONE}, [], ["attachment.received"], {}),
    ({"case_no": ONE}, [], ["case.put_aside"], {}),
    ({"case_act": "status", "case_lost": True}, [effects.HandOff(reason="case")], ["case.lost"], {}),
]


@pytest.mark.parametrize(("known", "wanted", "heard", "kept"), SUBMITTED)
async def test_what_opens_a_case_is_used_once_and_forgotten(
    known: dict[str, Any], wanted: list[effects.Effect], heard: list[str], kept: dict[str, Any]
) -> None:
    result = await actions.execute(call("action_submit_case", own=cases(one="forwarded"), **known))
    assert (asked(result), said(result), slots(result)) == (wanted, heard, NOTHING | kept)


@pytest.mark.parametrize(
    "known",
    [
        {"case_act": "status"},
        {"case_act": "status", "case_no": THREE},
        {"case_act": "status", "case_no": THREE, "case_proof": "phone", "case_phone": PHONE},
        {"case_act": "supplement", "case_no": ONE},
        {"case_act": "withdraw", "case_no": ONE},
    ],
)
async def test_an_unfinished_form_is_an_error(known: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="before it was complete"):
        await actions.execute(call("action_submit_case", own=cases(one="forwarded"), **known))


async def test_a_dropped_form_forgets_everything_in_silence() -> None:
    result = await actions.execute(call("action_drop_case", case_no=THREE, case_proof=CODE))
    assert (slots(result), result["responses"]) == (NOTHING, [])


@pytest.mark.parametrize(
    ("known", "ends"),
    [
        ({"case_act": "supplement", "case_no": TWO, "requested_slot": "case_text"}, True),
        ({"case_act": "supplement", "case_no": ONE, "requested_slot": "case_text"}, False),  # not the newest
        ({"case_act": "status", "requested_slot": "case_no"}, False),
        ({"case_act": "supplement", "case_no": THREE, "requested_slot": "case_text"}, False),
    ],
)
async def test_a_file_is_all_that_is_to_be_added_or_waits_for_its_words(known: dict[str, Any], ends: bool) -> None:
    own = cases(two="forwarded", one="forwarded")
    result = await actions.execute(call("action_add_case_file", own=own, kind="attachment", loop="case", **known))
    assert (said(result), slots(result)) == (([], {"case_act": "file"}) if ends else (["attachment.kept"], {}))
