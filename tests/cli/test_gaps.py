"""`faq gaps` and `faq wrong` on a ledger with a day's questions in it: for people, for machines, and in bad hands."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import yaml
from sqlalchemy import Connection, select

from core import outbox, questions
from core.inbox import Inbox
from core.model import Author, ChannelId, Inbound, Rendered, Seq
from core.questions import Candidate, Missed
from core.store import Store
from core.tables import audit, message
from core.vault import Vault
from door.cli.exits import Exit
from door.cli.gaps import CHINA
from door.cli.premises import prepare_ledger
from tests.cli.conftest import Site
from tests.faq.folder import make

T = TypeVar("T")

YESTERDAY = (datetime.now(CHINA) - timedelta(days=1)).replace(hour=12, minute=0, second=0).astimezone(UTC)
MARS = ("火星房价是多少", "火星房价高不高", "火星房价贵不贵")


class Past:
    """Writes into a site's ledger what people asked yesterday at noon."""

    def __init__(self, site: Site, content: Path) -> None:
        self.site = site
        self.content = content
        self._at = YESTERDAY
        self._count = 0

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`faq …` with a small content folder, of whose two entries nobody could take a question here for one."""
        return self.site.run("faq", *words, env={"QIANTAI_CONTENT": str(self.content)})

    def __call__(self, op: Callable[[Connection], T]) -> T:
        async def run() -> T:
            store = await Store.open(self.site.settings.ledger_url)
            try:
                return await store.write(op)
            finally:
                await store.close()

        return asyncio.run(run())

    def hear(self, text: str, sender: str = "anna") -> tuple[str, Seq]:
        """The conversation, and the message's place."""
        self._count += 1
        self._at += timedelta(seconds=20)
        inbound = Inbound(sender=sender, external_id=f"m{self._count}", text=text)

        async def run() -> tuple[str, Seq]:
            store = await Store.open(self.site.settings.ledger_url)
            try:
                inbox = Inbox(store, Vault.open(self.site.settings.key_file))
                taken = await inbox.accept(channel=ChannelId("web"), kind="web", inbound=inbound, now=self._at)
                return taken.conversation, taken.seq
            finally:
                await store.close()

        return asyncio.run(run())

    def answer(self, where: str, asked: Seq, entry: str, version: str = "old") -> int:
        """The answer's place."""
        self._count += 1
        words = Rendered(text="……", entry=entry, entry_version=version, score=0.87, phrasing="怎么查征信")

        def op(conn: Connection) -> int:
            outbox.put(
                conn,
                where,  # type: ignore[arg-type]
                [words],
                cause=f"turn:{self._count}",
                author=Author.BOT,
                now=self._at,
                live=True,
                answers=asked,
            )
            return conn.execute(select(message.c.seq).where(message.c.answers == asked)).scalar_one()

        return self(op)

    def miss(self, text: str, sender: str) -> None:
        where, seq = self.hear(text, sender)
        missed = Missed(kind="unanswered", language="zh", hits=(Candidate(id="F22", score=0.1, phrasing="征信"),))
        self(lambda conn: questions.keep(conn, where, seq, missed, self._at))  # type: ignore[arg-type]

    def dislike(self, where: str, seq: int) -> None:
        assert self(lambda conn: questions.rate(conn, where, seq, False, self._at))  # type: ignore[arg-type]


@pytest.fixture
def past(site: Site, tmp_path: Path) -> Past:
    prepare_ledger(site.settings)
    return Past(site, make(tmp_path / "content"))


def test_gaps_are_told_in_groups_to_people_and_to_machines(past: Past) -> None:
    for n, text in enumerate(MARS):
        past.miss(text, f"sender {n}")
    past.miss("我的电话13912345678，鹦鹉能不能开户", "anna")
    told = past.run("gaps")
    assert told.returncode == Exit.DONE, told.stderr
    assert told.stdout.startswith("3 times, 3 people: probably an entry is missing")
    assert "once, one person" in told.stdout
    rows = [json.loads(line) for line in past.run("gaps", "--json").stdout.splitlines()]
    assert [(row["count"], row["one_person"]) for row in rows] == [(3, False), (1, True)]
    assert {one["text"] for one in rows[0]["questions"]} == set(MARS)
    for output in (told.stdout, json.dumps(rows, ensure_ascii=False)):
        assert "13912345678" not in output
        assert "⟦" not in output


def test_drafts_are_written_once_and_never_where_they_would_be_published(past: Past, tmp_path: Path) -> None:
    for n, text in enumerate(MARS):
        past.miss(text, f"sender {n}")
    drafts = tmp_path / "drafts"
    first = past.run("gaps", "--write", "drafts")  # as seen from where it was typed
    assert first.returncode == Exit.DONE, first.stderr
    [stub] = yaml.safe_load((drafts / "new_entries.yml").read_text())
    assert stub["answer"]["zh"]["short"] == ""
    assert not (drafts / "new_phrasings.txt").exists()
    assert past.run("gaps", "--write", "drafts").returncode == Exit.REFUSED
    live = past.run("gaps", "--write", str(past.content))
    assert (live.returncode, "published from" in live.stderr) == (Exit.USAGE, True)
    assert not (past.content / "new_entries.yml").exists()


def test_without_questions_nothing_is_missing(past: Past) -> None:
    told = past.run("gaps")
    assert (told.returncode, told.stdout) == (Exit.DONE, "")
    assert "Nothing is missing" in told.stderr


def test_questions_from_before_are_not_told(past: Past) -> None:
    past.miss(MARS[0], "anna")
    today = datetime.now(CHINA).date()
    assert past.run("gaps", "--since", str(today)).stdout == ""
    assert past.run("gaps", "--since", str(today - timedelta(days=1))).stdout != ""


def test_what_went_wrong_yesterday_is_told_with_entry_version_score_and_what_came_next(past: Past) -> None:
    where, asked = past.hear("怎么查征信")
    past.dislike(where, past.answer(where, asked, "F01"))
    past.hear("说了等于没说")
    told = past.run("wrong")
    assert told.returncode == Exit.DONE, told.stderr
    assert "disliked: 怎么查征信" in told.stdout
    assert "0.87 by “怎么查征信” (version old, changed since)" in told.stdout
    assert "then: 说了等于没说" in told.stdout
    row = json.loads(past.run("wrong", "--json").stdout)
    assert (row["why"], row["entry"], row["score"]) == (["disliked"], "F01", 0.87)
    assert past.site.run("conversations", row["conversation"]).returncode == Exit.DONE


def test_a_day_without_wrong_answers_says_so(past: Past) -> None:
    where, asked = past.hear("怎么查征信")
    past.answer(where, asked, "F22")
    told = past.run("wrong")
    assert (told.returncode, told.stdout) == (Exit.DONE, "")
    assert "Nothing seems to have been answered wrong" in told.stderr
    assert "of 1 FAQ answer." in told.stderr
    assert "of 0 FAQ answers." in past.run("wrong", "--day", "today").stderr


def test_who_reads_what_people_asked_stands_in_the_audit(past: Past) -> None:
    past.run("gaps")
    past.run("wrong")
    acts = past(lambda conn: conn.execute(select(audit.c.act, audit.c.subject).order_by(audit.c.id)).all())
    assert [act for act, _ in acts] == ["questions_read", "questions_read"]
    assert acts[1].subject == f"wrong answers of {YESTERDAY.astimezone(CHINA):%Y-%m-%d}"


@pytest.mark.parametrize(
    "words",
    [
        ("gaps", "--since", "a month"),
        ("gaps", "--since", "30"),
        ("gaps", "--since", "2026-13-01"),
        ("gaps", "--since", "0001-01-01"),
        ("wrong", "--day", "tomorrow?"),
        ("wrong", "--day", "2026-02-30"),
        ("wrong", "--day", "9999-12-31"),
    ],
)
def test_days_that_are_none_are_refused(past: Past, words: tuple[str, ...]) -> None:
    done = past.run(*words)
    assert done.returncode == Exit.USAGE
    assert "such as" in done.stderr


def test_without_a_ledger_it_says_how_to_get_one(site: Site) -> None:
    done = site.run("faq", "gaps")
    assert done.returncode == Exit.AWAY
    assert "./qiantai up" in done.stderr
