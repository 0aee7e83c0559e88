"""Cases in a conversation: filed, kept as a draft, looked up and changed, through the house's own doors and turns."""

from __future__ import annotations

import asyncio
import itertools
import re
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from bot.conversation import Content
from cases import history, lookup, register
from cases.model import Case, Flag
from cases.states import REFUSALS, Act, State
from cases.tables import case_task, complaint_case, person
from core import once
from core.model import Attachment, ConversationId, Line, MessageKind
from core.store import Store
from core.tables import alarm, effect, message
from core.tables import file as files
from core.vault import Vault
from tests.bot.test_conversation import CONTENT, House
from tests.brain_server import brain_server, say
from tests.cases.given import bank, identify
from tests.conftest import Clock
from tests.faq.folder import still
from tests.waiting import until

STORY: dict[str, str] = {
    "facts": "三月起每月多扣年费十元，多次致电没有结果。",
    "request": "退还多扣的钱",
    "institution": "长安银行",
    "business": "bank_card",
    "amount": "35.00",
    "day": "2026-11-18",
    "prior": "yes",
    "person": "王小明",
    "consent": "yes",
}
NUMBER = re.compile(r"Q2026-\d{7}-\d")
MARK = re.compile(r"⟦query-code:[a-z2-7]{10}⟧")


class Office(House):
    """A house whose brain asks for one effect a turn and says nothing itself."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.vault: Vault = parts[1]

    async def ask(self, name: str, sender: str = "visitor", *, heard: str = "好", **fields: str) -> list[Line]:
        """One turn with this effect; [contact] in a field stands for the reference in the message."""

        def answer(turn: dict[str, Any]) -> dict[str, Any]:
            marks = re.findall(r"⟦[^⟧]+⟧", turn["text"])
            given = {k: marks[0] if v == "[mark]" else v for k, v in fields.items()}
            return say(effects=[{"name": name, **given}])

        self.brain.answer = answer
        return await self.answer(heard, sender=sender)

    async def file(self, sender: str = "visitor", **more: str) -> tuple[str, str]:
        """Files the story and gives the identity number; the case's, and the code as the consumer reads it."""
        [line] = await self.ask(
            "file_case", sender, heard="我的手机是13912345678", **{"contact": "[mark]"} | STORY | more
        )
        number, code = await self.read(line, sender)
        await self.store.write(lambda conn: identify(conn, self.vault, number, now=self.clock()))
        return number, code

    async def read(self, line: Line, sender: str) -> tuple[str, str]:
        found = NUMBER.search(line.text)
        mark = MARK.search(line.text)
        assert found is not None, line.text
        assert mark is not None, line.text
        shown = await self.store.read(
            lambda conn: once.show(conn, self.vault, self.where(sender), mark[0], self.clock())
        )
        return found[0], shown

    def where(self, sender: str) -> ConversationId:
        return self.vault.conversation_id("web", sender)  # type: ignore[arg-type]

    async def case(self, number: str) -> Case:
        return await self.store.read(lambda conn: history.load(conn, number))

    async def act(self, number: str, *acts: Act, **facts: object) -> None:
        given = {"reason": "N1", "where_to": "12378", "text": "已告知", "institution_id": 12, "result": "ok", **facts}

        def op(conn: Connection) -> None:
            for what in acts:
                register.act(conn, self.vault, number, what, given, actor="li", now=self.clock(), version=None)

        await self.store.write(op)


@pytest.fixture(scope="module")
def content() -> Content:
    """The sentences of the day on which every test here begins; reading them takes a second."""
    return still(CONTENT, Clock())


@pytest.fixture
async def office(store: Store, vault: Vault, clock: Clock, content: Content) -> AsyncIterator[Office]:
    await store.write(bank)
    async with brain_server() as brain:
        made = Office(store, vault, brain, clock, content)
        yield made
        brain.wake()
        await made.client.close()


# ---- filing ----------------------------------------------------------------------------------------------------------


async def test_a_complaint_is_filed_with_all_that_was_told_and_its_code_is_kept_nowhere(office: Office) -> None:
    number, code = await office.file()
    case = await office.case(number)
    assert case.state is State.SUBMITTED
    told = case.told
    assert (told.institution_id, told.business_code, str(told.amount)) == (12, "bank_card", "35.00")
    assert told.facts.endswith("（发生日期：2026-11-18）")
    assert told.prior_complaint is not None
    assert "forward" in told.consents
    assert case.conversation_id == office.where("visitor")
    assert (await office.store.read(lambda conn: lookup.mine(conn, office.where("visitor")))) == number
    texts = await office.store.read(
        lambda conn: [
            str(conn.execute(select(table)).all()) for table in (message, effect, complaint_case, person, alarm)
        ]
    )
    assert not any(secret in text for text in texts for secret in (code, "13912345678"))
    assert not any(each in texts[1] for each in ("王小明", "年费", "退还", "长安银行", "2026-11-18"))


async def test_the_sentence_has_number_code_and_the_last_day_in_words(office: Office) -> None:
    asked = STORY | {"type": "service_request"}
    [line] = await office.ask("file_case", heard="手机13912345678", contact="[mark]", **asked)
    assert "2026年12月1日（还有10天）" in line.text
    [line] = await office.ask(
        "file_case", "other", heard="My phone is 13912345679, please help me", contact="[mark]", **asked
    )
    assert "1 December 2026 (in 10 days)" in line.text


async def test_a_turn_that_comes_again_files_nothing_more(office: Office) -> None:
    accepted = await office.hear("手机13912345678")
    office.brain.answer = lambda turn: say(effects=[{"name": "file_case", "contact": "13912345678", **STORY}])
    first = await office.store.read(lambda conn: conn.execute(select(complaint_case.c.id)).all())
    await office.turns.drain(accepted.conversation)
    await office.turns.drain(accepted.conversation)
    assert (first, await office.count_of(complaint_case)) == ([], 1)


async def test_nobody_complains_without_a_name_but_may_suggest(office: Office) -> None:
    [line] = await office.ask("file_case", **STORY | {"person": ""})
    assert "姓名" in line.text
    assert await office.count_of(complaint_case) == 0
    [line] = await office.ask("file_case", **STORY | {"person": "", "type": "suggestion"})
    assert NUMBER.search(line.text)


@pytest.mark.parametrize("wrong", [{"amount": "many"}, {"type": "party"}, {"people": "-1"}, {"on_behalf": "cat"}])
async def test_what_cannot_be_filed_leaves_nothing_and_calls_people(office: Office, wrong: dict[str, str]) -> None:
    [line] = await office.ask("file_case", heard="手机13912345678", contact="[mark]", **STORY | wrong)
    assert "没能登记" in line.text
    assert [await office.count_of(table) for table in (complaint_case, person)] == [0, 0]
    kinds = await office.store.read(lambda conn: conn.execute(select(alarm.c.kind)).scalars().all())
    assert kinds == ["case_not_taken"]


async def test_the_same_matter_again_is_named_and_filed_only_if_it_is_another(office: Office) -> None:
    number, _ = await office.file()
    [line] = await office.ask("file_case", heard="手机13912345678", contact="[mark]", **STORY)
    assert number in line.text
    assert await office.count_of(complaint_case) == 1
    other, _ = await office.file(again="yes")
    assert (await office.case(other)).told.flags == (Flag.REPEAT,)


async def test_a_stranger_with_the_telephone_number_learns_of_no_case(office: Office) -> None:
    number, _ = await office.file()
    other, _ = await office.file("stranger")
    assert other != number
    assert (await office.case(other)).told.flags == (Flag.REPEAT,)


# ---- drafts ----------------------------------------------------------------------------------------------------------


async def test_a_draft_goes_on_from_another_conversation_and_is_filed_under_its_number(office: Office) -> None:
    [line] = await office.ask(
        "save_draft", heard="手机13912345678", contact="[mark]", person="王小明", facts="多扣年费"
    )
    number, code = await office.read(line, "visitor")
    assert (await office.case(number)).state is State.DRAFT
    [line] = await office.ask("save_draft", request="退钱")
    assert number in line.text
    assert MARK.search(line.text) is None
    assert (await office.case(number)).told.facts == "多扣年费"
    [line] = await office.ask("resume_draft", "phone", heard=f"{number} {code}", case_no=number, code="[mark]")
    assert [button.payload for button in line.buttons] == ["/complaint"]
    office.brain.answer = lambda turn: say("greeting")
    await office.answer(sender="phone", kind=MessageKind.PAYLOAD, payload="/complaint")
    assert office.brain.asked[-1]["context"]["draft"] == {
        "draft": number,
        "type": "complaint",
        "summary": "多扣年费",
        "facts": "多扣年费",
        "request": "退钱",
        "person": "kept",
        "contact": "kept",
    }
    [line] = await office.ask("file_case", "phone", institution="长安银行", draft=number)
    again, fresh = await office.read(line, "phone")
    case = await office.case(number)
    assert (again, case.state, case.conversation_id) == (number, State.SUPPLEMENT_REQUESTED, office.where("phone"))
    assert (case.told.facts, case.told.request, case.told.institution_id) == ("多扣年费", "退钱", 12)
    assert fresh != code


async def test_a_draft_with_a_wrong_code_stays_where_it_is(office: Office) -> None:
    [line] = await office.ask("save_draft", facts="多扣年费")
    number, _ = await office.read(line, "visitor")
    [line] = await office.ask("resume_draft", "other", case_no=number, code="7KX2M9PQRT")
    assert "没有找到" in line.text
    assert (await office.case(number)).conversation_id == office.where("visitor")


async def test_a_draft_of_which_nothing_is_told_is_not_filed_and_does_not_stop_the_talk(office: Office) -> None:
    await office.ask("save_draft", heard="手机13912345678", contact="[mark]", person="王小明")
    [line] = await office.ask("file_case", draft="yes")
    assert "没能登记" in line.text
    kinds = await office.store.read(lambda conn: conn.execute(select(alarm.c.kind)).scalars().all())
    assert kinds == ["case_not_taken"]
    [line] = await office.ask("file_case", draft="yes", facts="多扣年费")
    assert NUMBER.search(line.text)


# ---- looking up ------------------------------------------------------------------------------------------------------


async def test_where_it_was_filed_a_case_is_looked_up_without_anything(office: Office) -> None:
    number, _ = await office.file()
    [line] = await office.ask("look_up")
    assert line.text.startswith(f"{number}已经收到")
    [line] = await office.ask("look_up", "stranger")
    assert "请告诉我受理编号" in line.text


async def test_from_elsewhere_a_case_takes_its_code_or_telephone_and_name(office: Office) -> None:
    number, code = await office.file()
    [line] = await office.ask("look_up", "b", heard=f"{number} {code}", case_no=number, code="[mark]")
    assert number in line.text
    [line] = await office.ask("look_up", "c", heard="13912345678", case_no=number, phone="[mark]", person="王小明")
    assert number in line.text
    [wrong] = await office.ask("look_up", "d", case_no=number, code="7KX2M9PQRT")
    [unknown] = await office.ask("look_up", "e", case_no="Q2026-0009999-9", code="7KX2M9PQRT")
    assert wrong.text == unknown.text


async def test_after_five_wrong_tries_the_consumer_is_told_how_long_to_wait(office: Office) -> None:
    number, code = await office.file()
    for _ in range(5):
        [line] = await office.ask("look_up", "b", case_no=number, code="7KX2M9PQRT")
        assert "没有找到" in line.text
    office.clock.forward(60)
    [line] = await office.ask("look_up", "b", case_no=number, code=code)
    assert "停14分钟" in line.text
    [line] = await office.ask("look_up")  # whoever filed it
    assert number in line.text


@pytest.mark.parametrize("reason", ["N1", "N2", "N3", "N4", "N5", "N6", "N7"])
async def test_a_refusal_is_told_with_its_reason_and_a_way_to_go(office: Office, reason: str) -> None:
    number, _ = await office.file()
    await office.act(number, Act.REFUSE, reason=reason, text="不在本行职责内，详询010-66194114")
    ended, why, told = await office.ask("look_up")
    assert ended.text == f"{number}没有受理，已经结束。"
    assert told.text.endswith("不在本行职责内，详询***")
    words = {"N1": "12378", "N2": "重新提交", "N3": "授权书", "N4": "法院", "N5": "和解", "N6": "调解", "N7": "12363"}
    assert words[reason] in why.text


@pytest.mark.parametrize("reason", REFUSALS)
async def test_a_refusal_is_told_in_english_too(office: Office, reason: str) -> None:
    number, _ = await office.file()
    await office.act(number, Act.REFUSE, reason=reason)
    _, why, _ = await office.ask("look_up", heard="How is my complaint going, please?")
    words = {"N1": "12378", "N2": "again", "N3": "authority", "N4": "court", "N5": "settled", "N6": "mediation"}
    assert words.get(reason, "12363") in why.text


async def test_what_was_asked_for_is_said_when_the_consumer_looks(office: Office) -> None:
    number, _ = await office.file()
    await office.act(number, Act.REQUEST_SUPPLEMENT, text="请补充合同的照片" + "。" * 600)
    standing, told = await office.ask("look_up")
    assert "还缺一些材料" in standing.text
    assert "请补充合同的照片" in told.text
    assert told.text.endswith("。…")


# ---- two at once -----------------------------------------------------------------------------------------------------


async def test_who_comes_second_hears_how_it_stands_after_the_first(office: Office, ledger_url: str) -> None:
    number, _ = await office.file()
    entered, leave = threading.Event(), threading.Event()

    def withdraw(conn: Connection) -> None:
        register.act(conn, office.vault, number, Act.WITHDRAW, {}, actor="li", now=office.clock(), version=None)
        entered.set()
        leave.wait(5)

    other = await Store.open(ledger_url)
    first = asyncio.create_task(asyncio.to_thread(lambda: asyncio.run(_alone(ledger_url, withdraw))))
    await asyncio.to_thread(entered.wait, 5)
    second = asyncio.create_task(office.ask("urge_case", case_no=number))
    if ledger_url.startswith("postgresql"):  # on SQLite it waits for its turn before it looks
        await until(lambda: other.read(_is_waiting))
    leave.set()
    cannot, standing = await second
    await first
    await other.close()
    assert "办不了" in cannot.text
    assert "撤回" in standing.text


async def _alone(url: str, op: Callable[[Connection], None]) -> None:
    store = await Store.open(url)
    await store.write(op)
    await store.close()


def _is_waiting(conn: Connection) -> bool:
    return bool(conn.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


@pytest.mark.parametrize(("times", "words"), [(2, "已经替您催了"), (3, "刚好有人在改")])
async def test_a_case_that_is_changed_meanwhile_is_taken_anew_and_not_for_ever(
    office: Office, monkeypatch: pytest.MonkeyPatch, times: int, words: str
) -> None:
    """As where somebody's change falls between our reading and our writing, which locks prevent today."""
    number, _ = await office.file()
    whole, left = history.record, itertools.count(times, -1)

    def record(conn: Connection, case: Case, *args: Any, **more: Any) -> Case:
        return whole(conn, replace(case, version=0) if next(left) > 0 else case, *args, **more)

    monkeypatch.setattr(history, "record", record)
    [line] = await office.ask("urge_case", case_no=number)
    assert words in line.text
    assert await office.count_of(case_task) == (times < 3)


async def test_what_staff_answered_is_said_again_to_whoever_asks_and_after_the_end_too(office: Office) -> None:
    number, _ = await office.file()
    await office.act(number, Act.ACCEPT, Act.HANDLE, Act.REPLY, text="年费已经退还")
    assert "年费已经退还" in (await office.ask("look_up"))[-1].text
    await office.act(number, Act.VISIT, Act.CLOSE)
    assert "年费已经退还" in (await office.ask("look_up"))[-1].text


# ---- afterwards ------------------------------------------------------------------------------------------------------


async def test_a_supplement_is_kept_and_completes_what_was_asked_for(office: Office) -> None:
    number, _ = await office.file()
    await office.ask("supplement_case", text="补充：合同编号A1")
    kept = await office.store.read(lambda conn: conn.execute(select(effect.c.fields)).scalars().all())
    assert kept[-1] == {"filled": ["text"]}
    await office.act(number, Act.REQUEST_SUPPLEMENT)
    [line] = await office.ask("supplement_case", text="合同照片")
    assert number in line.text
    case = await office.case(number)
    events = await office.store.read(lambda conn: history.events(conn, case))
    assert case.state is State.SUBMITTED
    assert [each.act for each in events][-4:] == ["supplement", "note", "request_supplement", "supplement"]


async def test_a_case_is_urged_once_a_day_and_whoever_has_it_gets_a_task(office: Office) -> None:
    await office.file()
    first = (await office.ask("urge_case"))[0].text
    again = (await office.ask("urge_case"))[0].text
    office.clock.forward(24 * 3600)
    await office.ask("urge_case")
    assert "已经替您催了" in first
    assert "今天已经" in again
    assert await office.count_of(case_task) == 2


async def test_a_withdrawn_case_ends_at_once_and_takes_nothing_more(office: Office) -> None:
    number, _ = await office.file()
    [line] = await office.ask("withdraw_case", text="不想投诉了")
    assert "今天就结束" in line.text
    case = await office.case(number)
    assert (case.state, case.ended) == (State.WITHDRAWN, True)
    cannot, standing = await office.ask("urge_case", case_no=number)
    assert "办不了" in cannot.text
    assert "撤回" in standing.text


async def test_a_closed_case_opens_again_only_for_new_facts(office: Office) -> None:
    number, _ = await office.file()
    chain = (Act.ACCEPT, Act.HANDLE, Act.REPLY, Act.VISIT, Act.CLOSE)
    await office.act(number, *chain)
    cannot, *_ = await office.ask("reopen_case", text="")
    assert "新的事实" in cannot.text
    [line] = await office.ask("reopen_case", text="找到了新的流水")
    assert "重新打开" in line.text
    assert (await office.case(number)).state is State.REOPENED


async def test_a_stranger_changes_nothing(office: Office) -> None:
    number, _ = await office.file()
    before = await office.case(number)
    for name in ("supplement_case", "urge_case", "withdraw_case", "reopen_case", "resume_draft", "send_id_link"):
        more = {"text": "x"} if name in ("supplement_case", "reopen_case") else {}
        [line] = await office.ask(name, f"stranger {name}", case_no=number, **more)
        assert "没有找到" in line.text or "停" in line.text
    assert await office.case(number) == before


async def test_the_code_is_shown_for_an_hour_and_then_to_nobody(office: Office) -> None:
    [line] = await office.ask("file_case", heard="手机13912345678", contact="[mark]", **STORY)
    _, code = await office.read(line, "visitor")
    assert len(code) == 10
    office.clock.forward(timedelta(hours=1).total_seconds())
    _, gone = await office.read(line, "visitor")
    assert gone == once.GONE


# ---- files -----------------------------------------------------------------------------------------------------------


async def sends_a_file(office: Office, *effects: str, caption: str = "") -> list[str]:
    """A message with a file, for which the brain has these effects; what the house says."""
    said = [] if effects else ["greeting"]
    office.brain.answer = lambda turn: say(*said, effects=[{"name": name} for name in effects])
    file = Attachment(media_type="image/png", url="https://files.example/a.png")
    kind = MessageKind.ATTACHMENT
    return [line.text for line in await office.answer(caption, kind=kind, attachments=(file,))]


async def wanted_by(office: Office) -> list[str | None]:
    return await office.store.read(
        lambda conn: list(conn.execute(select(files.c.case_no).order_by(files.c.id)).scalars())
    )


async def test_a_file_without_a_case_is_kept_and_goes_with_the_one_that_is_filed_next(office: Office) -> None:
    [said] = await sends_a_file(office, "attach_files")
    assert "看不懂" in said
    assert await wanted_by(office) == [None]
    number, _ = await office.file()
    assert await wanted_by(office) == [number]


async def test_a_file_after_filing_goes_to_the_newest_open_case_and_says_to_which(office: Office) -> None:
    number, _ = await office.file()
    [said] = await sends_a_file(office, "attach_files")
    assert number in said
    assert await wanted_by(office) == [number]
    await office.act(number, Act.WITHDRAW)
    [said] = await sends_a_file(office, "attach_files")
    assert number not in said
    assert await wanted_by(office) == [number, None]


async def test_a_file_that_a_form_has_asked_for_waits_for_what_is_saved_or_supplemented(office: Office) -> None:
    number, _ = await office.file()
    await sends_a_file(office)
    assert await wanted_by(office) == [None]
    await office.ask("supplement_case", text="这是转账凭证")
    assert await wanted_by(office) == [number]
    await sends_a_file(office)
    [line] = await office.ask("save_draft", facts="另一件事：存款少了", person="王小明")
    draft = NUMBER.search(line.text)
    assert draft is not None
    assert await wanted_by(office) == [number, draft[0]]
