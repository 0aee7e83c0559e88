"""What a case keeps of its people's own names in its texts: the first character and no more."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import Connection

from cases import attachments, finding, history, privacy, register, tasks
from cases.model import Compensation, Filter, NewTask, Person, PriorComplaint
from cases.states import Act
from cases.texts import Names
from core.store import Store
from core.vault import Vault
from tests.cases.given import WANG, done, opened
from tests.conftest import NOON

LIU = Person(name="刘大伟")


@pytest.mark.parametrize(
    ("name", "text", "kept"),
    [
        ("王小明", "我叫王小明，王小明！", "我叫王**，王**！"),
        ("王小明", "王 小 明和王　小明", "王****和王***"),
        ("王小明", "王小红和小明", "王小红和小明"),
        ("王明", "王明说", "王*说"),
        ("阿依古丽·买买提", "阿依古丽买买提说，阿依古丽•买买提", "阿******说，阿*******"),
        ("John Smith", "I am john  SMITH. Johnsmith", "I am j**********. Johnsmith"),
        ("ＪＯＨＮ Smith", "JOHN SMITH", "J*********"),
        ("王小明先生（本人）", "王小明先生说", "王**先生说"),
        ("张三丰、李小四", "张三丰和李小四", "张**和李**"),
        ("王先生", "王先生和王", "王先生和王"),
        ("Smith", "Smith & Co", "Smith & Co"),
        ("王", "王先生姓王", "王先生姓王"),
        ("本人", "本人三月办卡", "本人三月办卡"),
        ("", "没有名字", "没有名字"),
        ("a.*b c", "aXb c a.*b c", "aXb c a*****"),
    ],
)
def test_a_name_is_veiled_as_people_write_it(name: str, text: str, kept: str) -> None:
    assert Names([Person(name=name), None]).veil(text) == kept


def test_a_bank_that_is_called_like_somebody_keeps_its_name() -> None:
    assert Names([Person(name="平安")], institution="平安银行").veil("平安银行乱收费") == "平安银行乱收费"


async def test_no_name_of_a_cases_people_stands_in_its_texts_its_history_or_its_files(
    store: Store, vault: Vault
) -> None:
    case = (
        await opened(
            store,
            vault,
            person=WANG,
            agent=LIU,
            summary="王小明投诉年费",
            facts="我是刘大伟，代王小明投诉",
            request="退给王小明",
            prior_complaint=PriorComplaint(to_institution="长安银行", reply="王小明先生您好"),
            compensation=Compensation(plan="退王小明50元", approver="刘大伟"),
        )
    ).case
    no, file = case.case_no, attachments.inspect("王小明身份证.txt", b"x", longest=10)

    def work(conn: Connection) -> None:
        register.note(conn, vault, no, "王小明来电", actor="li", now=NOON)
        given = NewTask(title="回访王小明", owner="li", due_at=NOON, facts={"text": "找刘大伟"})
        made = tasks.add(conn, vault, no, given, actor="li", now=NOON)
        tasks.settle(conn, vault, made.id, result="王小明满意", actor="li", now=NOON)
        register.edit(conn, vault, no, {"improvement": "向王小明道歉"}, actor="li", now=NOON, version=None)
        facts = {"text": "请王小明补材料", "approver": "刘大伟"}
        register.act(conn, vault, no, Act.REQUEST_SUPPLEMENT, facts, actor="li", now=NOON, version=None)
        attachments.add(conn, vault, no, file, actor="li", now=NOON)

    await store.write(work)
    case = await store.read(lambda c: history.load(c, no))
    kept = await store.read(
        lambda c: (case.told, history.events(c, case), tasks.of_case(c, case), attachments.of_case(c, case))
    )
    assert case.told.summary == "王**投诉年费"
    assert WANG.name not in str(kept)
    assert str(kept).count(LIU.name) == 2, "only who approved keeps the name"
    assert no not in await store.read(lambda c: found(c, "王小明"))
    made = await store.write(
        lambda c: privacy.export(c, vault, case.person_id, requester="本人", basis="第45条", actor="li", now=NOON)
    )
    told = json.loads(made.content)
    assert told["person"]["name"] == WANG.name
    assert WANG.name not in json.dumps(told["cases"], ensure_ascii=False)


def found(conn: Connection, text: str) -> list[str]:
    return [case.case_no for case in finding.page(conn, Filter(text=text)).cases]


async def test_a_name_that_is_told_later_is_veiled_in_what_was_told_before(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault, person=Person(), summary="欧阳修远投诉", facts="电话13912345678，欧阳修远")).case
    assert "欧阳修远" in case.told.summary
    who = Person(name="欧阳修远")
    case = await store.write(
        lambda c: register.set_person(c, vault, case.case_no, who, actor="li", now=NOON, version=1)
    )
    assert (case.told.summary, case.version) == ("欧***投诉", 2)
    assert case.told.facts.startswith("电话⟦phone:")
    assert case.told.facts.endswith("，欧***")
    assert case.case_no not in await store.read(lambda c: found(c, "欧阳修远"))
    shown = await store.write(
        lambda c: privacy.unmask_text(c, vault, case.case_no, case.told.facts, actor="li", reason="回电", now=NOON)
    )
    assert shown == "电话13912345678，欧***"


async def test_after_erasing_a_note_is_still_taken(store: Store, vault: Vault) -> None:
    case = await done(store, vault, (await opened(store, vault)).case, Act.WITHDRAW)
    later = NOON.replace(year=2031)
    await store.write(lambda c: privacy.erase(c, case.person_id, basis="本人要求", actor="li", now=later))
    noted = await store.write(lambda c: register.note(c, vault, case.case_no, "已删除", actor="li", now=later))
    assert noted.version == case.version + 2
