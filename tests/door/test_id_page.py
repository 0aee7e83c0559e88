"""The page for the number of an identity paper: a form for whoever has the link, once, and nothing for anybody else."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import Connection, select, update
from structlog.testing import capture_logs

from cases import history, id_links, privacy, register
from cases.model import Case, Person
from cases.states import Act, State
from core.errors import LedgerBusy
from core.store import Store
from core.tables import alarm, conversation
from door import id_page
from door.id_page import BODY_MAX
from door.rates import Rates
from tests.brain_server import say
from tests.cases.given import new
from tests.door.conftest import Open, Running
from tests.door.tab import Tab
from tests.waiting import until

CARD = "11010519491231002X"
FORM = {"person_kind": "id_card", "person_number": CARD}
UNKNOWN = "a" * 32
NAME, PHONE = "王小明", "13912345678"
_causes = itertools.count()


@dataclass
class Site:
    """A running house and a consumer's complaint in it that lacks the number."""

    house: Running
    case: Case

    async def link(self, case: Case | None = None, valid: float = 24.0) -> str:
        now, which = self.house.house.clock(), case or self.case
        return await self.house.house.store.write(
            lambda conn: id_links.make(
                conn, self.house.house.vault, which, valid=timedelta(hours=valid), actor="house", now=now
            )
        )

    async def ask(
        self, method: str, token: str, *, data: object = None, query: str = "", **headers: str
    ) -> tuple[int, str, Mapping[str, str]]:
        """Status, page and headers, redirects not followed."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        url = f"{self.house.url}/id/{token}{query}"
        async with self.house.http.request(method, url, data=data, headers=sent, allow_redirects=False) as response:
            return response.status, await response.text(), response.headers

    async def get(self, token: str, query: str = "", **headers: str) -> tuple[int, str]:
        status, text, _ = await self.ask("GET", token, query=query, **headers)
        return status, text

    async def post(self, token: str, fields: dict[str, str], query: str = "", **headers: str) -> tuple[int, str]:
        status, text, _ = await self.ask("POST", token, data=fields, query=query, **headers)
        return status, text

    async def now(self) -> Case:
        return await self.house.house.store.read(lambda conn: history.load(conn, self.case.case_no))

    async def number(self) -> str:
        house = self.house.house
        who = await house.store.read(lambda conn: privacy.read_person(conn, house.vault, self.case.person_id))
        return who.id_number

    async def speaks(self, language: str, script: str = "") -> None:
        here = conversation.c.id == self.case.conversation_id
        values = {"language": "", "spoken": language, "script": script}
        await self.house.house.store.write(lambda conn: conn.execute(update(conversation).where(here).values(values)))

    async def alarms(self) -> list[str]:
        kinds = select(alarm.c.kind).where(alarm.c.kind == "id_link_spraying")
        return await self.house.house.store.read(lambda conn: list(conn.execute(kinds).scalars()))


async def complaint(running: Running, *, agent: Person | None = None, talks: bool = True) -> Case:
    where = None
    if talks:
        await running.hear("年费怎么退")
        await running.said(1)
        where = running.conversation()
    told = new(
        person=Person(name=NAME, phone=PHONE),
        agent=agent,
        conversation_id=where,
        received_at=running.house.clock(),
        summary="银行乱收年费",
    )
    cause, now = f"test:{next(_causes)}", running.house.clock()

    def op(conn: Connection) -> Case:
        opened = register.open_case(conn, running.house.vault, told, actor="consumer", cause=cause, now=now)
        return id_links.ask(conn, running.house.vault, opened.case, now=now)

    return await running.house.store.write(op)


@pytest.fixture
async def site(running: Running) -> Site:
    return Site(running, await complaint(running))


# ---- looking ---------------------------------------------------------------------------------------------------------


async def test_whoever_has_the_link_sees_a_form_and_nothing_of_the_case(site: Site) -> None:
    status, page, headers = await site.ask("GET", await site.link())
    assert status == 200
    assert "填写证件号码" in page
    assert 'name="person_number"' in page
    assert "<script" not in page
    for secret in (site.case.case_no, NAME, PHONE, "年费", str(site.case.conversation_id), "王**"):
        assert secret not in page
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Type"] == "text/html; charset=utf-8"


async def test_a_messenger_that_fetches_the_address_for_a_preview_uses_nothing_up(site: Site) -> None:
    token = await site.link()
    for agent in ("TelegramBot (like TwitterBot)", "WeChat/8.0", "facebookexternalhit/1.1"):
        assert (await site.get(token, User_Agent=agent))[0] == 200
        assert (await site.ask("HEAD", token, User_Agent=agent))[0] == 200
    assert (await site.post(token, FORM))[0] == 303


async def test_the_page_speaks_as_the_conversation_does_unless_another_language_is_picked(site: Site) -> None:
    token = await site.link()
    await site.speaks("en")
    assert "Your document number" in (await site.get(token, Accept_Language="zh-CN"))[1]
    assert "填写证件号码" in (await site.get(token, "?l=zh"))[1]
    await site.speaks("zh", "Hant")
    page = (await site.get(token))[1]
    assert '<html lang="zh-Hant">' in page
    assert "填寫證件號碼" in page
    assert "居民身份證" in page
    assert (await site.get(token, "?l=<b>"))[1] == page
    assert "Passport" in (await site.get(token, "?l=en"))[1]


async def test_a_case_without_a_conversation_is_answered_in_the_browsers_language(running: Running) -> None:
    site = Site(running, await complaint(running, talks=False))
    token = await site.link()
    for wish, title in (("en-GB,en;q=0.9", "Your document"), ("fr", "Your document"), ("zh-TW", "填寫證件")):
        assert title in (await site.get(token, Accept_Language=wish))[1]
    assert (await site.post(token, FORM, "?l=en"))[0] == 303
    assert await site.number() == CARD


# ---- giving ----------------------------------------------------------------------------------------------------------


async def test_the_number_is_kept_the_clocks_start_and_the_consumer_hears_of_it_once(site: Site) -> None:
    token = await site.link()
    before = len(await site.house.lines())
    status, _, headers = await site.ask("POST", token, data=FORM)
    assert (status, headers["Location"]) == (303, "/id/done?l=zh")
    case = await site.now()
    assert (case.state, await site.number()) == (State.SUBMITTED, CARD)
    assert (await site.post(token, FORM))[0] == 404
    lines = (await site.house.lines())[before:]
    assert len(lines) == 1
    assert site.case.case_no in lines[0].text
    assert re.search(r"最晚\d{4}年\d+月\d+日", lines[0].text)
    assert CARD not in lines[0].text
    status, page = await site.get("done")
    assert status == 200
    assert "收到了" in page
    assert "Received" in (await site.get("done", "?l=en"))[1]


async def test_the_news_reaches_a_channel_that_is_sent_to_in_the_language_of_its_consumer(site: Site) -> None:
    await site.speaks("en")
    await site.post(await site.link(), FORM)
    said = await site.house.said(2)
    assert "kept encrypted" in said[-1].text
    await until(lambda: said[-1].text in site.house.platform.texts())


async def test_of_two_that_come_at_once_one_is_taken(site: Site) -> None:
    token = await site.link()
    before = len(await site.house.lines())
    numbers = [CARD, "440524200101010010"]
    sent = [site.post(token, FORM | {"person_number": number}) for number in numbers]
    statuses = [status for status, _ in await asyncio.gather(*sent)]
    assert sorted(statuses) == [303, 404]
    assert await site.number() == numbers[statuses.index(303)]
    assert len(await site.house.lines()) == before + 1


async def test_who_acts_for_somebody_fills_in_both_papers_and_each_mistake_is_marked(running: Running) -> None:
    site = Site(running, await complaint(running, agent=Person(name="李四光", phone="13812345678")))
    token = await site.link()
    page = (await site.get(token))[1]
    assert "消费者本人的证件" in page
    assert "代办人的证件" in page
    both = FORM | {"agent_kind": "passport", "agent_number": "?"}
    status, page = await site.post(token, both)
    assert status == 422
    assert page.count('aria-invalid="true"') == 1
    assert 'value="passport" selected' in page
    status, _ = await site.post(token, both | {"agent_number": "E12345678"})
    assert (status, (await site.now()).state) == (303, State.SUBMITTED)


async def test_a_case_that_goes_on_anyway_says_only_that_the_number_is_there(running: Running) -> None:
    site = Site(running, await complaint(running))
    await site.post(await site.link(), FORM)
    now = running.house.clock()
    await running.house.store.write(
        lambda conn: register.act(
            conn, running.house.vault, site.case.case_no, Act.ACCEPT, {}, actor="li", now=now, version=None
        )
    )
    await site.post(await site.link(), {"person_kind": "passport", "person_number": "E12345678"})
    assert "继续照常办理" in (await running.lines())[-1].text


# ---- what cannot be taken --------------------------------------------------------------------------------------------

WRONG = [
    ({}, "请选一种证件"),
    ({"person_kind": "id_card"}, "请填写证件号码"),
    ({"person_kind": "", "person_number": CARD}, "请选一种证件"),
    ({"person_kind": "organisation", "person_number": CARD}, "请选一种证件"),
    ({"person_kind": "../../etc/passwd", "person_number": CARD}, "请选一种证件"),
    (FORM | {"person_number": ""}, "请填写证件号码"),
    (FORM | {"person_number": "   "}, "请填写证件号码"),
    (FORM | {"person_number": CARD[:-1]}, "18位"),
    (FORM | {"person_number": "110105194912310021"}, "有一位填错了"),
    (FORM | {"person_number": "110105194913310020"}, "出生日期不对"),
    (FORM | {"person_number": "9" * 10_240}, "太长"),
    (FORM | {"person_number": f"{CARD}\0"}, "认不出的符号"),
    (FORM | {"person_number": "<img src=x onerror=alert(1)>"}, "认不出的符号"),
    (FORM | {"person_number": "'; DROP TABLE person; --"}, "认不出的符号"),
    (FORM | {"person_kind": "passport", "person_number": "护照E1"}, "写法对不上"),
    ({"agent_kind": "id_card", "agent_number": CARD}, "请选一种证件"),
]


async def test_a_mistake_is_told_where_it_is_and_the_link_stays(site: Site) -> None:
    token = await site.link()
    for fields, told in WRONG:
        status, page = await site.post(token, fields)
        assert status == 422, fields
        assert told in page, fields
        assert 'role="alert"' in page
        typed = fields.get("person_number", "").strip()
        assert not typed or typed not in page, "a number is never shown again"
        assert (await site.number(), (await site.now()).version) == ("", site.case.version)
    assert (await site.post(token, FORM))[0] == 303


async def test_a_number_is_taken_however_it_is_written(site: Site) -> None:
    for written in ("１１０１０５１９４９１２３１００２Ｘ", " 110105 19491231 002x ", "110105-19491231-002X"):
        assert (await site.post(await site.link(), FORM | {"person_number": written}))[0] == 303
        assert await site.number() == CARD


BODIES: list[tuple[bytes, str, int, str]] = [
    (b"", "application/x-www-form-urlencoded", 422, "alert"),
    (b"%ff%fe&&&===&person_number", "application/x-www-form-urlencoded", 422, "alert"),
    (b"\xff\xfe\x00", "application/x-www-form-urlencoded; charset=utf-16", 422, "alert"),
    (b"&".join(b"a=1" for _ in range(200)), "application/x-www-form-urlencoded", 422, "alert"),
    (b"person_number=" + b"1" * BODY_MAX, "application/x-www-form-urlencoded", 413, "too_large"),
    (urlencode(FORM).encode(), "", 415, "wrong_type"),
    (urlencode(FORM).encode(), "text/plain", 415, "wrong_type"),
    (b'{"person_kind":"id_card"}', "application/json", 415, "wrong_type"),
    (b"--x\r\n\r\n", "multipart/form-data; boundary=x", 415, "wrong_type"),
]


async def test_a_request_that_is_no_form_of_ours_is_refused_and_uses_nothing_up(site: Site) -> None:
    token = await site.link()
    for body, kind, status, told in BODIES:
        got, page, headers = await site.ask("POST", token, data=body, Content_Type=kind)
        assert (got, told in page) == (status, True), (body[:40], kind)
        assert headers["Cache-Control"] == "no-store"
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert (await site.ask(method, token))[0] == 405
    assert (await site.post(token, FORM))[0] == 303


async def test_what_opens_nothing_looks_the_same_whatever_the_reason(site: Site) -> None:
    replaced = await site.link()
    used = await site.link()
    await site.post(used, FORM)
    old = await site.link(await complaint(site.house, talks=False), valid=-1.0)
    ended = await complaint(site.house, talks=False)
    withdrawn, now = await site.link(ended), site.house.house.clock()
    await site.house.house.store.write(
        lambda conn: register.act(
            conn, site.house.house.vault, ended.case_no, Act.WITHDRAW, {}, actor="li", now=now, version=None
        )
    )
    seen = set[tuple[int, str]]()
    for token in (UNKNOWN, replaced, used, old, withdrawn, "x", "1" * 2000, "%00", "%F0%9F%98%80", used.upper()):
        seen.add(await site.get(token))
        seen.add(await site.post(token, FORM, X_Forwarded_For="198.51.100.7"))
    assert len(seen) == 1
    [(status, page)] = seen
    assert status == 404
    assert "这个链接打不开了" in page
    assert "重新发链接" in page


# ---- who comes too often ---------------------------------------------------------------------------------------------

Make = Callable[..., Awaitable[Site]]


@pytest.fixture
async def small(monkeypatch: pytest.MonkeyPatch, open_doors: Open) -> AsyncGenerator[Make]:
    """Makes a site with these limits, in a minute that does not end."""
    async with AsyncExitStack() as stack:

        async def make(**limits: int) -> Site:
            for name, limit in limits.items():
                monkeypatch.setattr(id_page, name, limit)
            monkeypatch.setattr(Rates, "forget", lambda self: 0.0)  # pyright: ignore[reportUnknownLambdaType]
            running = await stack.enter_async_context(open_doors())
            return Site(running, await complaint(running))

        yield make


async def test_one_address_may_look_so_often_and_another_is_not_shut_out(small: Make) -> None:
    site = await small(PER_MINUTE=5)
    token = await site.link()
    crowd = {"X_Forwarded_For": "203.0.113.5"}
    for _ in range(5):
        assert (await site.get(token, **crowd))[0] == 200
    status, page, headers = await site.ask("GET", token, **crowd)
    assert (status, headers["Retry-After"]) == (429, "60")
    assert "请稍等一分钟" in page
    assert (await site.post(token, FORM, **crowd))[0] == 429
    assert (await site.post(token, FORM, X_Forwarded_For="203.0.113.6"))[0] == 303


async def test_spraying_is_told_and_slowed_down_and_the_owner_still_gets_in(small: Make) -> None:
    site = await small(EARLY=6, WRONG_IN_ALL=12)
    token = await site.link()
    statuses = list[int]()
    for n in range(15):
        crowd = {"X_Forwarded_For": f"198.51.100.{n}"}
        made_up = f"{n:032d}"
        status, _ = await (site.get(made_up, **crowd) if n % 2 else site.post(made_up, FORM, **crowd))
        statuses.append(status)
        assert await site.alarms() == ["id_link_spraying"] * (n + 1 >= 6)
    assert statuses == [404] * 12 + [429] * 3
    assert (await site.post(token, FORM, X_Forwarded_For="203.0.113.9"))[0] == 303


async def test_one_network_has_fewer_tries_at_what_opens_nothing(small: Make) -> None:
    site = await small(WRONG_PER_MINUTE=3)
    statuses = [(await site.get(f"{n:032d}", X_Forwarded_For=f"2001:db8:1:2::{n}"))[0] for n in range(5)]
    assert statuses == [404] * 3 + [429] * 2
    assert (await site.get(UNKNOWN, X_Forwarded_For="2001:db8:1:3::1"))[0] == 404


# ---- what is left of it ----------------------------------------------------------------------------------------------


async def test_neither_logs_nor_metrics_have_a_token_or_a_number(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await site.link()
    with capture_logs() as lines:
        await site.post(token, FORM | {"person_number": "110105194912310021"})
        await site.post(token, FORM)
        await site.get(token)
        other = await site.link()
        read = Store.read

        async def broken(self: Store, query: object) -> object:
            if "IdPages" in getattr(query, "__qualname__", ""):
                raise RuntimeError("the inside of the house")
            return await read(self, query)  # type: ignore[arg-type]

        monkeypatch.setattr(Store, "read", broken)
        status, page, headers = await site.ask("GET", other)
        assert (status, headers["Referrer-Policy"]) == (500, "no-referrer")
        assert "inside" not in page
    assert [one["path"] for one in lines if one["event"] == "unforeseen"] == ["/id/…"]
    assert any(one["event"] == "id_number_received" for one in lines)
    told = str([{**one, "exc_info": ""} for one in lines]) + site.house.house.metrics.text().decode()
    for secret in (token, other, CARD, "110105194912310021"):
        assert secret not in told
    assert site.house.count("id_pages_total", outcome="received") == 1
    assert site.house.count("id_pages_total", outcome="wrong") == 1
    assert site.house.count("id_pages_total", outcome="gone") == 1


async def test_a_ledger_that_takes_nothing_now_is_told_in_words(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    token = await site.link()

    async def busy(*_: object) -> None:
        raise LedgerBusy

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", busy)
        status, page = await site.post(token, FORM)
    assert status == 503
    assert "过一分钟" in page
    assert (await site.post(token, FORM))[0] == 303


async def test_a_complaint_in_the_web_chat_from_its_link_to_the_news_and_no_file_of_ours_has_the_number(
    running: Running,
) -> None:
    async with running.http.ws_connect(f"{running.url}/socket/web") as ws:
        tab = Tab(ws)
        await tab.hello()
        greeting = await tab.hear("bot")
        await tab.write("手机号13912345678", "m1")
        assert (await tab.hear("bot"))["seq"] > greeting["seq"]
        filing = {"name": "file_case", "facts": "多扣年费", "person": NAME, "contact": "13912345678", "consent": "yes"}
        running.brain.answer = lambda turn: say(effects=[filing])
        await tab.write("就这样提交", "m2")
        told = await tab.hear("bot")
        found = re.search(r"^(http://\S+)/id/([a-z2-7]{32})$", told["text"], re.MULTILINE)
        assert found is not None, told["text"]
        assert found[1] == running.url, "with no address of our own, where the page came to"
        async with running.http.post(f"{running.url}/id/{found[2]}", data=FORM) as response:
            assert (response.status, str(response.url)) == (200, f"{running.url}/id/done?l=zh")
        news = await tab.hear("bot")
        assert "证件号码收到了" in news["text"]
        await tab.write("重新发链接", "m3")
        none = await tab.hear("bot")
        assert "不用再填" in none["text"]
    files = [file for file in running.house.settings.data.rglob("*") if file.is_file()]
    assert any(file.name == "qiantai.db-wal" for file in files)
    for file in files:
        content = file.read_bytes()
        for secret in (CARD, CARD.lower(), found[2]):
            assert secret.encode() not in content, file
