"""What people do for a case: with an owner and a time each, ended once, and with the case unless it outlives it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cases import history, tasks
from cases.model import BadCase, Case, NewTask, Task, TaskKind, TaskState, read
from cases.states import Act, IllegalAct
from core.errors import NotFound
from core.store import Store
from core.vault import Vault
from tests.cases.given import BANK, RECORDED, done, opened
from tests.conftest import NOON

TOMORROW = NOON + timedelta(days=1)


async def given(store: Store, vault: Vault, case: Case, **more: Any) -> Task:
    new = NewTask(**{"title": "核对流水", "owner": "li", "due_at": TOMORROW} | more)
    return await store.write(lambda conn: tasks.add(conn, vault, case.case_no, new, actor="wu", now=NOON))


async def test_a_task_is_given_changed_and_ended_once_and_the_case_tells_of_it(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    task = await given(store, vault, case, kind=TaskKind.REFERRAL, institution_id=BANK, facts={"way": "来函"})
    assert (task.state, task.owner, task.institution_id, task.facts) == (TaskState.OPEN, "li", BANK, {"way": "来函"})
    assert task.overdue(TOMORROW)
    task = await store.write(lambda c: tasks.change(c, task.id, actor="wu", now=NOON, owner="queue:experts"))
    assert task.owner == "queue:experts"
    end = {"facts": {"where_to": "12378"}, "actor": "li", "now": NOON}
    task = await store.write(lambda c: tasks.settle(c, vault, task.id, result="已函复", **end))
    assert task.facts == {"way": "来函", "where_to": "12378"}
    assert (task.state, task.result, task.done_by, task.overdue(TOMORROW)) == (TaskState.DONE, "已函复", "li", False)
    for again in (
        lambda c: tasks.settle(c, vault, task.id, result="x", actor="li", now=NOON),
        lambda c: tasks.change(c, task.id, actor="li", now=NOON, owner="zhou"),
    ):
        with pytest.raises(IllegalAct, match="done already"):
            await store.write(again)
    events = await store.read(lambda conn: history.events(conn, case))
    assert [each.act for each in events] == ["open", "task", "task", "settle"]


@pytest.mark.parametrize("kind", TaskKind)
async def test_a_task_is_done_with_what_its_record_needs_and_not_without(
    store: Store, vault: Vault, kind: TaskKind
) -> None:
    case = (await opened(store, vault)).case
    facts = RECORDED.get(kind, {})
    for missing in facts:
        some = {name: value for name, value in facts.items() if name != missing}
        task = await given(store, vault, case, kind=kind, facts=some)
        with pytest.raises(IllegalAct, match=f"not done without {missing}"):
            await store.write(lambda c, id=task.id: tasks.settle(c, vault, id, result="", actor="li", now=NOON))
        await store.write(
            lambda c, id=task.id: tasks.settle(c, vault, id, result="", actor="li", now=NOON, cancel=True)
        )
    task = await given(store, vault, case, kind=kind)
    task = await store.write(lambda c: tasks.settle(c, vault, task.id, result="", facts=facts, actor="li", now=NOON))
    assert task.state is TaskState.DONE
    assert task.facts.keys() == facts.keys()


@pytest.mark.parametrize(
    ("kind", "facts", "told"),
    [
        (TaskKind.SUBTASK, {"amount": "3"}, "subtask has no amount; it has text"),
        (TaskKind.COMPENSATION, {"amount": "0.333"}, "facts.amount"),
        (TaskKind.COMPENSATION, {"amount": "-1"}, "facts.amount"),
        (TaskKind.COMPENSATION, {"paid_on": "2026-02-30"}, "facts.paid_on"),
        (TaskKind.MEDIATION, {"at": "2026-12-01T09:00:00"}, "facts.at"),
        (TaskKind.MEDIATION, {"outcome": "maybe"}, "facts.outcome"),
        (TaskKind.FOLLOW_UP, {"satisfaction": "13912345678"}, "facts.satisfaction"),
        (TaskKind.REVIEW, {"unit": "长" * 301}, "facts.unit"),
        (TaskKind.ROOT_CAUSE, {"reason_code": "no_such"}, "no code no_such"),
        (TaskKind.IMPROVEMENT, {"plan": ["a"]}, "facts.plan"),
        (TaskKind.IMPROVEMENT, {"plan": "长" * 20_001}, "plan: 20001 characters"),
    ],
)
async def test_facts_that_a_record_does_not_have_are_refused_by_name(
    store: Store, vault: Vault, kind: TaskKind, facts: dict[str, Any], told: str
) -> None:
    case = (await opened(store, vault)).case
    with pytest.raises(BadCase, match=told) as refused:
        await given(store, vault, case, kind=kind, facts=facts)
    assert "13912345678" not in str(refused.value)


async def test_with_the_case_end_the_tasks_that_make_no_sense_without_it(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    made = {kind: await given(store, vault, case, kind=kind) for kind in TaskKind}
    case = await done(store, vault, await store.read(lambda c: history.load(c, case.case_no)), Act.WITHDRAW)
    left = {task.kind for task in await store.read(lambda c: tasks.of_case(c, case)) if task.state is TaskState.OPEN}
    assert left == tasks.LASTING
    assert set(made) - left == {TaskKind.SUBTASK, TaskKind.REFERRAL, TaskKind.MEDIATION, TaskKind.FOLLOW_UP}
    await given(store, vault, case, kind=TaskKind.IMPROVEMENT)
    with pytest.raises(IllegalAct, match="takes only"):
        await given(store, vault, case, kind=TaskKind.SUBTASK)


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ({"owner": ""}, "owner"),
        ({"due_at": None}, "due_at"),
        ({"due_at": "2026-11-22T12:00:00"}, "due_at"),
        ({"kind": "chore"}, "kind"),
        ({"state": "done"}, "state"),
    ],
)
def test_a_task_without_an_owner_or_a_time_is_refused(raw: dict[str, Any], named: str) -> None:
    with pytest.raises(BadCase, match=named):
        read(NewTask, {"title": "x", "owner": "li", "due_at": TOMORROW} | raw)


async def test_a_task_without_a_word_or_for_nobody_is_refused(store: Store, vault: Vault) -> None:
    case = (await opened(store, vault)).case
    for more, named in (({"title": "  "}, "title"), ({"institution_id": 77}, "institution")):
        with pytest.raises(BadCase, match=named):
            await given(store, vault, case, **more)
    with pytest.raises(NotFound):
        await store.read(lambda c: tasks.get(c, 10**9))
