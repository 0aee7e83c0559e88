"""A complaint asks for the number of an identity paper by a link that works once, and never in the chat."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, select

from bot import id_request
from bot.conversation import Content
from bot.id_request import NOWHERE, TASK, IdPage
from cases import history, id_links, tasks
from cases.model import TaskState
from cases.states import State
from cases.tables import id_link
from core import once
from core.model import Line
from core.store import Store
from core.tables import message, secret
from core.vault import Vault
from tests.bot.test_casework import CONTENT, NUMBER, STORY, Office
from tests.brain_server import brain_server, say
from tests.cases.given import bank, identify
from tests.conftest import Clock
from tests.faq.folder import still

LINK = re.compile(r"(\S*)/id/([a-z2-7]{32})$", re.MULTILINE)
BASE = "https://desk.example.org"


class Desk(Office):
    async def complain(self, **more: str) -> Line:
        [line] = await self.ask("file_case", heard="手机13912345678", contact="[mark]", **STORY | more)
        return line

    async def shown(self, line: Line, *, base: str = "") -> str:
        """The words as the consumer reads them now."""
        where = self.where("visitor")
        return await self.store.read(
            lambda conn: once.show(conn, self.vault, where, line.text, self.clock(), base=base)
        )

    async def opens(self, words: str) -> bool:
        """Whether the link in the words opens the form."""
        found = LINK.search(words)
        assert found is not None, words
        form = await self.store.read(lambda conn: id_links.find(conn, self.vault, found[2], now=self.clock()))
        return form is not None


@pytest.fixture(scope="module")
def content() -> Content:
    return still(CONTENT, Clock())


@pytest.fixture
async def desk(store: Store, vault: Vault, clock: Clock, content: Content) -> AsyncIterator[Desk]:
    await store.write(bank)
    async with brain_server() as brain:
        made = Desk(store, vault, brain, clock, content)
        yield made
        brain.wake()
        await made.client.close()


async def test_a_complaint_waits_for_the_number_and_its_sentence_has_a_link_that_opens(desk: Desk) -> None:
    line = await desk.complain()
    words = await desk.shown(line, base="http://127.0.0.1:8080")
    case = await desk.case(number_in(line))
    assert case.state is State.SUPPLEMENT_REQUESTED
    assert "2026年12月7日（还有16天）" in words
    assert "24小时" in words
    link = LINK.search(words)
    assert link is not None
    assert link[1] == "http://127.0.0.1:8080", "where the page found us, since nothing else is known"
    assert await desk.opens(words)


async def test_the_token_lies_nowhere_in_clear_and_is_gone_once_it_was_used(desk: Desk) -> None:
    line = await desk.complain()
    token = LINK.search(await desk.shown(line))
    assert token is not None
    kept = await desk.store.read(
        lambda conn: str([conn.execute(select(table)).all() for table in (message, id_link, secret)])
    )
    assert token[2] not in kept
    await desk.store.write(lambda conn: identify(conn, desk.vault, number_in(line), now=desk.clock()))
    assert LINK.search(await desk.shown(line)) is None


ASKED: list[tuple[str, str, str]] = [  # kind of the channel, our address, and where the link leads; "": there is none
    ("web", "", "/id/"),
    ("web", BASE, f"{BASE}/id/"),
    ("wechat", BASE, f"{BASE}/id/"),
    ("telegram", BASE, f"{BASE}/id/"),
    ("wechat", "", ""),
    ("rasa_webchat", "", ""),
    ("kannel", BASE, ""),  # by text message nobody gets a link that asks for data
    ("twilio", BASE, ""),
    ("aliyun_sms", BASE, ""),
    ("tencent_sms", "", ""),
]


@pytest.mark.parametrize(("kind", "base", "leads"), ASKED)
async def test_a_link_is_told_only_where_it_can_be_and_else_a_person_will_ask(
    desk: Desk, kind: str, base: str, leads: str
) -> None:
    case = await desk.case(number_in(await desk.complain()))
    page, where = IdPage(base_url=base, valid=timedelta(hours=2)), desk.where("visitor")

    def ask(conn: Connection) -> tuple[str, dict[str, object], list[str]]:
        _, told = [  # who asks twice waits for one person
            id_request.ask(conn, desk.vault, page, case, where=where, kind=kind, by="10日", now=desk.clock())
            for _ in range(2)
        ]
        shown = once.show(conn, desk.vault, where, str(told.args.get("link", "")), desk.clock())
        return told.key, {**told.args, "link": shown}, [each.title for each in tasks.of_case(conn, case)]

    key, args, waiting = await desk.store.write(ask)
    if leads:
        assert (key, args["valid"], waiting) == ("id_link.ask", 2, [])
        assert re.fullmatch(re.escape(leads) + "[a-z2-7]{32}", str(args["link"]))
    else:
        assert (key, waiting) == ("id_link.person", [TASK])


async def test_a_person_is_promised_again_only_with_an_open_task(desk: Desk) -> None:
    case, where = await desk.case(number_in(await desk.complain())), desk.where("visitor")

    def ask(conn: Connection) -> list[TaskState]:
        id_request.ask(conn, desk.vault, NOWHERE, case, where=where, kind="kannel", by="", now=desk.clock())
        return [each.state for each in tasks.of_case(conn, case)]

    assert await desk.store.write(ask) == [TaskState.OPEN]
    [task] = await desk.store.read(lambda conn: tasks.of_case(conn, case))
    await desk.store.write(
        lambda conn: tasks.settle(conn, desk.vault, task.id, result="没人接", actor="li", now=desk.clock())
    )
    assert await desk.store.write(ask) == [TaskState.DONE, TaskState.OPEN]


@pytest.mark.parametrize("typed", ["重新发链接", "链接过期了", "請重新發連結", "new link", "the link has expired"])
async def test_whoever_asks_again_gets_a_new_link_and_the_old_one_opens_nothing(desk: Desk, typed: str) -> None:
    first = await desk.shown(await desk.complain())
    desk.brain.answer = lambda turn: say("greeting")
    link, caution = await desk.answer(typed)
    again = await desk.shown(link)
    assert (await desk.opens(first), await desk.opens(again)) == (False, True)
    assert any(word in caution.text for word in ("密码", "密碼", "passwords"))


async def test_a_link_runs_out(desk: Desk) -> None:
    words = await desk.shown(await desk.complain())
    desk.clock.forward(24 * 3600 - 1)
    assert await desk.opens(words)
    desk.clock.forward(1)
    assert not await desk.opens(words)
    await desk.store.write(lambda conn: id_links.forget(conn, desk.clock()))
    assert await desk.count_of(id_link) == 0


async def test_who_has_no_case_or_one_that_is_complete_is_told_so(desk: Desk) -> None:
    [which, _] = await desk.answer("重新发链接")
    assert "受理编号" in which.text
    number, _ = await desk.file()
    none, standing, _ = await desk.answer("重新发链接")
    assert f"{number}现在不用再填证件号码" in none.text
    assert "正在看能不能受理" in standing.text


async def test_what_is_written_meanwhile_is_kept_and_completes_nothing(desk: Desk) -> None:
    number = number_in(await desk.complain())
    await desk.ask("supplement_case", text="合同编号A1")
    case = await desk.case(number)
    assert case.state is State.SUPPLEMENT_REQUESTED
    events = await desk.store.read(lambda conn: history.events(conn, case))
    assert [each.act for each in events] == ["open", "request_supplement", "note"]
    standing, hint = await desk.ask("look_up")
    assert "还缺一些材料" in standing.text
    assert "身份证件号码" in hint.text


@pytest.mark.parametrize("kind", ["enquiry", "suggestion", "service_request"])
async def test_what_is_no_complaint_needs_no_number(desk: Desk, kind: str) -> None:
    line = await desk.complain(type=kind)
    assert (await desk.case(number_in(line))).state is State.SUBMITTED
    assert "链接" not in line.text


def number_in(line: Line) -> str:
    found = NUMBER.search(line.text)
    assert found is not None, line.text
    return found[0]
