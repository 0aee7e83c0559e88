"""What consumers tell of a matter bit by bit: a draft keeps what was told, and the same is filed once."""

from __future__ import annotations

import itertools
import os
from datetime import date

import pytest

from cases import history, intake, privacy
from cases.intake import Contact, Filed, NoName, Told
from cases.model import Case, CaseType, Flag, Person, Track
from cases.states import Act, State
from core.inbox import Inbox
from core.model import ChannelId, Inbound
from core.store import Store
from core.vault import Vault
from tests.cases.given import done
from tests.conftest import NOON

NONE = Contact()
PHONE = Contact(phone="13912345678")
_numbers = itertools.count()


class Talk:
    """A conversation in which a consumer tells of a matter."""

    def __init__(self, store: Store, vault: Vault, where: str) -> None:
        self.store, self.vault, self.where = store, vault, where

    def told(self, texts: dict[str, str], contact: Contact, agent_contact: Contact) -> Told:
        return Told(
            texts=texts,
            contact=contact,
            agent_contact=agent_contact,
            conversation_id=self.where,
            source_channel="web",
            language="zh",
        )

    async def tell(self, contact: Contact = NONE, agent_contact: Contact = NONE, /, **texts: str) -> Case:
        """Keeps it in the draft."""
        told, cause = self.told(texts, contact, agent_contact), f"told:{os.getpid()}:{next(_numbers)}"
        made = await self.store.write(lambda conn: intake.save_draft(conn, self.vault, told, cause=cause, now=NOON))
        return made.case

    async def file(self, contact: Contact = NONE, /, *, again: str = "", **texts: str) -> Filed:
        told, cause = self.told(texts, contact, NONE), f"filed:{os.getpid()}:{next(_numbers)}"
        return await self.store.write(
            lambda conn: intake.file(conn, self.vault, told, cause=cause, again=again == "yes", now=NOON)
        )

    async def recall(self) -> dict[str, str]:
        return await self.store.read(lambda conn: intake.recall(conn, self.vault, self.where))

    async def person(self, id: str | None) -> Person:
        assert id is not None
        return await self.store.read(lambda conn: privacy.read_person(conn, self.vault, id))


@pytest.fixture
async def talk(store: Store, vault: Vault) -> Talk:
    inbound = Inbound(sender=f"consumer {next(_numbers)}", external_id="1", text="你好")
    accepted = await Inbox(store, vault).accept(channel=ChannelId("web"), kind="web", inbound=inbound, now=NOON)
    return Talk(store, vault, accepted.conversation)


# ---- a draft ---------------------------------------------------------------------------------------------------------


async def test_a_consent_that_is_taken_back_is_not_filed(talk: Talk) -> None:
    assert (await talk.tell(PHONE, person="王小明", facts="多扣年费", consent="yes")).told.consents
    filed = await talk.file(draft="yes", consent="no")
    assert filed.opened is not None
    assert filed.opened.case.told.consents == {}


async def test_a_day_joins_the_facts_that_are_held_and_new_facts_keep_it(talk: Talk) -> None:
    await talk.tell(facts="多扣年费")
    assert (await talk.tell(day="2026-11-18")).told.facts == "多扣年费\n（发生日期：2026-11-18）"
    case = await talk.tell(facts="多扣年费十元")
    assert (case.told.facts, case.told.summary) == ("多扣年费十元\n（发生日期：2026-11-18）", "多扣年费十元")
    assert (await talk.tell(facts=case.told.facts, day="2026-11-19")).told.facts.splitlines()[1:] == [
        "（发生日期：2026-11-19）"
    ]


async def test_what_is_not_told_again_stays_as_it_was(talk: Talk) -> None:
    first = {"type": "enquiry", "track": "credit", "people": "5", "summary": "逾期记录", "facts": "有误"}
    await talk.tell(**first, prior="yes", prior_day="2026-11-02", on_behalf="group")
    told = (await talk.tell(facts="记录有误", prior="yes", prior_reply="不予更改", on_behalf="proxy")).told
    assert (told.type, told.track, told.people_count) == (CaseType.ENQUIRY, Track.CREDIT, 5)
    assert (told.summary, told.facts, told.flags) == ("逾期记录", "记录有误", (Flag.BATCH,))
    assert told.prior_complaint is not None
    assert (told.prior_complaint.on, told.prior_complaint.reply) == (date(2026, 11, 2), "不予更改")


async def test_a_complaint_apart_from_a_draft_is_kept_and_filed_beside_it(talk: Talk) -> None:
    draft = await talk.tell(PHONE, person="王小明", facts="建行多扣年费")
    filed = filed_case(await talk.file(PHONE, person="王小明", facts="保险退保少了三万", draft="new"))
    assert filed.case_no != draft.case_no
    assert (await talk.recall())["facts"] == "建行多扣年费"
    apart = await talk.tell(facts="支付宝重复扣款", draft="new")
    assert (apart.case_no != draft.case_no, apart.told.facts) == (True, "支付宝重复扣款")


async def test_a_draft_of_an_enquiry_is_filed_without_a_name(talk: Talk) -> None:
    await talk.tell(type="enquiry", facts="残损人民币怎么换")
    filed = await talk.file(draft="yes")
    assert filed.opened is not None
    assert (filed.opened.case.told.type, filed.opened.case.state) == (CaseType.ENQUIRY, State.SUBMITTED)


async def test_who_acts_for_somebody_is_kept_bit_by_bit_and_reaches_them(talk: Talk) -> None:
    draft = await talk.tell(facts="李四光替我去的", person="王小明")
    assert draft.agent_id is None
    draft = await talk.tell(on_behalf="proxy", agent="李四光")
    assert "李四光" not in draft.told.facts
    with pytest.raises(NoName):
        await talk.file(draft="yes")
    draft = await talk.tell(NONE, PHONE)
    agent = await talk.person(draft.agent_id)
    assert (agent.name, agent.phone) == ("李四光", PHONE.phone)
    filed = await talk.file(draft="yes")
    assert filed.opened is not None
    assert filed.opened.case.agent_id == draft.agent_id
    case = filed.opened.case
    events = await talk.store.read(lambda conn: history.events(conn, case))
    assert [each.facts for each in events if each.act == "person"] == [{"changed": ["agent"]}] * 2


async def test_who_goes_on_with_a_draft_is_not_asked_again_what_it_holds(talk: Talk) -> None:
    told = {
        "type": "complaint",
        "summary": "多扣年费",
        "facts": "三月起每月多扣十元",
        "request": "退钱",
        "institution": "长安银行",
        "business": "bank_card",
        "track": "credit",
        "amount": "35.00",
        "day": "2026-11-18",
        "prior": "yes",
        "prior_day": "2026-11-02",
        "prior_reply": "不予退还",
        "person": "王小明",
        "on_behalf": "heir",
        "agent": "李四光",
        "people": "3",
        "consent": "yes",
    }
    draft = await talk.tell(PHONE, Contact(email="li@example.org"), **told)
    hidden = dict.fromkeys(("person", "contact", "agent", "agent_contact"), intake.KEPT)
    held = await talk.recall()
    assert held == told | hidden | {"draft": draft.case_no}
    await talk.tell(**held)
    assert await talk.recall() == held
    await talk.tell(on_behalf="group")
    assert (await talk.recall())["on_behalf"] == "group"


@pytest.mark.parametrize(("told", "held"), [("yes", "yes"), ("no", "no"), ("", None)])
async def test_whether_the_institution_was_asked_is_recalled(talk: Talk, told: str, held: str | None) -> None:
    await talk.tell(facts="多扣年费", prior=told, on_behalf="proxy")
    recalled = await talk.recall()
    assert (recalled.get("prior"), recalled["on_behalf"]) == (held, "proxy")


async def test_a_name_that_recall_only_hints_at_stays_the_name(talk: Talk) -> None:
    await talk.tell(PHONE, person="王小明", facts="多扣年费")
    held = await talk.recall()
    assert held["person"] == "kept"
    draft = await talk.tell(person=held["person"])
    assert (await talk.person(draft.person_id)).name == "王小明"


# ---- the same again --------------------------------------------------------------------------------------------------


def filed_case(filed: Filed) -> Case:
    assert filed.opened is not None
    return filed.opened.case


STORY: dict[str, str] = {"person": "王小明", "facts": "我是王小明，多扣年费"}


async def test_the_same_words_without_an_institution_are_filed_once(talk: Talk) -> None:
    first = filed_case(await talk.file(PHONE, **STORY))
    assert "王小明" not in first.told.facts
    assert await talk.file(PHONE, **STORY) == Filed(repeat_of=first)
    await talk.tell(PHONE, **STORY)
    assert await talk.file(draft="yes") == Filed(repeat_of=first)
    assert filed_case(await talk.file(PHONE, again="yes", **STORY)).told.flags == (Flag.REPEAT,)


@pytest.mark.parametrize("other", [{"type": "enquiry"}, {"institution": "别的银行"}])
async def test_the_same_words_of_another_kind_or_institution_are_filed(talk: Talk, other: dict[str, str]) -> None:
    story = STORY | {"institution": "长安银行"}
    first = filed_case(await talk.file(PHONE, **story))
    second = filed_case(await talk.file(PHONE, **story | other))
    assert (second.case_no != first.case_no, second.told.flags) == (True, ())


async def test_other_words_without_an_institution_are_filed(talk: Talk) -> None:
    first = filed_case(await talk.file(PHONE, **STORY))
    assert filed_case(await talk.file(PHONE, **STORY | {"facts": "少付利息"})).case_no != first.case_no


async def test_once_a_case_has_ended_the_same_words_are_a_new_one(talk: Talk) -> None:
    first = filed_case(await talk.file(PHONE, **STORY))
    await done(talk.store, talk.vault, first, Act.WITHDRAW)
    assert filed_case(await talk.file(PHONE, **STORY)).case_no != first.case_no
