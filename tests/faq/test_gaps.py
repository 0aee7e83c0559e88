"""Questions without a good answer become groups with something to write: an entry, a phrasing, or another answer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from core.model import ConversationId, Seq
from core.questions import Candidate, Kind, Poor
from faq import entries, gaps, lint
from faq.entries import Content
from faq.gaps import Report, report
from faq.likeness import Likeness
from faq.search import Search
from tests.conftest import NOON
from tests.faq.folder import make

MARS = ("火星房价是多少", "火星房价高不高", "火星房价贵不贵")
PARROT = ("鹦鹉驾照", "鹦鹉考驾照")


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return entries.load(make(tmp_path / "content"))


def poor(text: str, n: int = 1, kind: Kind = "unanswered", entry: str = "", **more: object) -> Poor:
    """A question of conversation `n`."""
    plain = {
        "kind": kind,
        "conversation": ConversationId(f"c{n}"),
        "seq": Seq(n),
        "at": NOON + timedelta(minutes=n),
        "language": "zh",
        "text": text,
        "typed": True,
        "entry": entry,
        "version": "old" if entry else "",
        "score": None,
        "phrasing": "",
        "hits": (),
        "next": "",
    }
    return Poor(**(plain | more))  # type: ignore[arg-type]


def told(content: Content, *rows: Poor) -> Report:
    known = [text for entry in content.entries.values() for text in (*entry.phrasings["zh"], *entry.phrasings["en"])]
    return report(
        rows, content, Search(content, NOON).find, Likeness([*known, *(gaps.cleaned(row.text) for row in rows)])
    )


def test_like_questions_are_one_gap_and_the_most_asked_comes_first(content: Content) -> None:
    rows = [poor(text, n) for n, text in enumerate((*PARROT, *MARS, MARS[0]))]
    mars, parrot = told(content, *rows).gaps
    assert (mars.count, mars.conversations, parrot.count) == (4, 4, 2)
    assert {one.text for one in mars.questions} == set(MARS)
    assert (mars.first, mars.last) == (rows[2].at, rows[5].at)
    assert gaps.line(mars)["kinds"] == {"unanswered": 4}


def test_the_same_letters_are_the_same_question_whatever_stands_between_them(content: Content) -> None:
    [gap] = told(content, poor("鹦鹉驾照", 1), poor("鹦鹉，驾照？？", 2)).gaps
    assert [(one.text, len(one.rows)) for one in gap.questions] == [("鹦鹉驾照", 2)]


def test_one_person_who_asks_ten_times_is_marked_as_one_person(content: Content) -> None:
    [gap] = told(content, *(poor("鹦鹉驾照", 1) for _ in range(10))).gaps
    assert gaps.line(gap)["one_person"] is True
    assert "by one person" in gaps.stubs([gap], content)


def test_what_todays_answers_answer_is_no_gap_any_more(content: Content) -> None:
    found = told(content, poor("我要存钱"), poor("鹦鹉驾照", 2))
    assert [gap.title for gap in found.gaps] == ["鹦鹉驾照"]
    assert found.mended == 1


def test_a_disliked_answer_stays_a_gap_until_its_entry_changes(content: Content) -> None:
    same = content.entries["F01"].version
    [gap] = told(content, poor("我要存钱", 1, "disliked", "F01", version=same)).gaps
    assert (gap.suggestion, gap.nearest[0].id) == ("answer", "F01")
    assert told(content, poor("我要存钱", 1, "disliked", "F01", version="before")).gaps == ()


def test_a_question_near_an_entry_lacks_a_phrasing_and_one_far_from_all_an_entry(content: Content) -> None:
    near, far = told(content, poor("想提款要怎么弄"), poor("火星房价", 2)).gaps
    assert (near.suggestion, near.nearest[0].id) == ("phrasing", "F02")
    assert far.suggestion == "entry"


def test_the_entry_that_people_did_not_choose_is_not_suggested_to_them_again(content: Content) -> None:
    offered = (Candidate(id="F02", score=0.5, phrasing="提款"),)
    text = "想提款要怎么弄"
    [gap] = told(content, poor(text, 1, "rejected", hits=offered)).gaps
    assert (gap.suggestion, gap.nearest[0].id) == ("entry", "F02")


def test_a_button_that_was_pressed_is_nobodys_own_words(content: Content) -> None:
    assert told(content, poor("怎么存钱？", 1, "disliked", "F01", typed=False)).gaps == ()


def test_the_languages_of_a_gap_keep_apart_in_what_is_suggested(content: Content) -> None:
    found = told(content, poor("鹦鹉驾照"), poor("can my parrot have a licence", 2, language="en"))
    stubs = yaml.safe_load(gaps.stubs(found.gaps, content))
    assert [stub["question"] for stub in stubs] == [
        {"zh": "", "en": "can my parrot have a licence"},
        {"zh": "鹦鹉驾照", "en": ""},
    ]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("我的电话⟦phone:abcdefghij⟧，鹦鹉驾照", "我的电话 ，鹦鹉驾照"),
        ("单号20261121008怎么还没到", "单号 怎么还没到"),
        ("卡号 6222 0212 3456 怎么挂失", "卡号 怎么挂失"),
        ("看 https://x.cn/a?b=1 是真的吗", "看 是真的吗"),
        ("发到 li.min@x.cn 行吗", "发到 行吗"),
        ("存5000元，2024年的利息", "存5000元，2024年的利息"),
        ("⟦id-card⟧", ""),
    ],
)
def test_nobodys_data_gets_into_the_files(text: str, left: str) -> None:
    assert gaps.cleaned(text) == left


def test_a_question_of_nothing_but_data_is_left_out(content: Content) -> None:
    assert told(content, poor("⟦phone:abcdefghij⟧"), poor("？？", 2)).gaps == ()


def test_a_stub_has_the_next_free_id_and_is_refused_until_a_person_has_written_the_answer(
    content: Content, tmp_path: Path
) -> None:
    found = told(content, *(poor(text, n) for n, text in enumerate((*MARS, *PARROT))))
    text = gaps.stubs(found.gaps, content)
    first, second = yaml.safe_load(text)
    assert (first["id"], second["id"]) == ("F03", "F04")
    assert sorted([first["question"]["zh"], *first["phrasings"]["zh"]]) == sorted(MARS)
    (tmp_path / "content" / "new_entries.yml").write_text(text)
    reasons = [str(finding) for finding in lint.run(tmp_path / "content", NOON) if finding.file == "new_entries.yml"]
    assert any("answer" in reason and "empty" in reason for reason in reasons), reasons


def test_the_id_of_an_entry_that_was_removed_is_not_given_again(content: Content) -> None:
    found = told(content, poor(MARS[0], 1, "disliked", "F07"))
    assert [stub["id"] for stub in yaml.safe_load(gaps.stubs(found.gaps, content))] == ["F08"]


def test_phrasings_to_add_stand_under_their_entry_and_are_not_there_yet(content: Content) -> None:
    near = "想提款要怎么弄"
    text = gaps.additions(told(content, poor(near), poor("火星房价", 2)).gaps, content)
    assert yaml.safe_load(text) == {"F02 怎么取钱？": {"phrasings": {"zh": [near]}}}


def test_a_long_story_counts_and_becomes_no_phrasing(content: Content) -> None:
    story = "鹦鹉考驾照，" * 12
    [gap] = told(content, poor(story), poor(story, 2)).gaps
    assert gap.count == 2
    [stub] = yaml.safe_load(gaps.stubs([gap], content))
    assert len(stub["question"]["zh"]) <= gaps.PHRASING_MAX
    assert stub["phrasings"] == {"zh": [], "en": []}


def test_without_questions_there_is_nothing_to_write(content: Content) -> None:
    found = told(content)
    assert (found, gaps.stubs(found.gaps, content), gaps.additions(found.gaps, content)) == (
        gaps.NOTHING,
        "",
        "",
    )


def test_of_very_many_questions_the_newest_are_looked_at(content: Content, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "TEXTS_MOST", 2)
    found = told(content, *(poor(text, n) for n, text in enumerate(("火星房价", *PARROT))))
    assert found.left_out == 1
    assert {one.text for gap in found.gaps for one in gap.questions} == set(PARROT)
