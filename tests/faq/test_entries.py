"""Loading topic files: what is good comes in whole, what is bad is named by file, line and reason."""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core.errors import ContentError
from faq import entries, yamlfile
from faq.entries import LANGUAGES, china_day
from tests.faq.folder import CONTENT, TOPIC, edit, make


def test_an_entry_comes_in_with_all_its_fields(tmp_path: Path) -> None:
    content = entries.load(make(tmp_path))
    assert list(content.entries) == ["F01", "F02"]
    one, two = content.entries.values()
    assert (one.topic, one.question["en"], one.answer["zh"].details) == (
        "saving",
        "How do I save money?",
        "也可以用手机办理。",
    )
    assert (one.related, one.reviewed_by, one.valid_to) == (("F02",), "", None)
    assert (two.answer["en"].details, two.reviewed_by, two.valid_to) == ("", "李复核", date(2027, 11, 21))
    assert content.line("F02", "answer", "zh", "short") == ("saving.yml", 24)


PHRASINGS = "    zh: [取现金, 我要取钱, 自动取款机怎么用, 提款, 取款, 把钱拿出来, 手头要用现钞, 柜台支取]"
CHECKED = "  checked_on: 2026-11-21\n  valid_from: null"
BAD = [
    # what is replaced, by what, the line and the reason
    ("id: F01", "id: X1", 1, "not an id"),
    ("id: F02", "id: F01", 18, "already the id of an entry in saving.yml"),
    ("  confidence: V\n", "", 1, "confidence is missing"),
    ("  confidence: V\n", "  confidence: V\n  colour: red\n", 11, "unknown key 'colour'"),
    ("confidence: V\n", "confidence: sure\n", 10, "is none of V, V2, M, U, D"),
    ("question: {zh: 怎么存钱？, en: How do I save money?}", "question: {zh: 怎么存钱？}", 2, "en is missing"),
    ("en: {short: Bring your ID to a branch., details: You can also use the app.}", "", 6, "en is missing"),
    ("question: {zh: 怎么存钱？", "question: {zh: ''", 2, "the text is empty"),
    ("question: {zh: 怎么存钱？", "question: {zh: 12363", 2, "YAML reads this as int"),
    ("[我要存钱,", "[yes,", 4, "YAML reads this as bool"),
    (PHRASINGS, "    zh: []", 21, "no phrasings in zh"),
    (PHRASINGS, "    zh: 取钱", 21, "a list is needed"),
    ("{short: 用卡到取款机。}", "用卡到取款机。", 24, "a mapping is needed"),
    ("{short: 用卡到取款机。}", "{details: 用卡到取款机。}", 24, "short is missing"),
    ("{short: 用卡到取款机。}", "{short: 用卡, long: 用卡}", 24, "unknown key 'long'"),
    ("{hotline_number}。", "{phone}。", 16, "{phone} is not known here"),
    ("{hotline_number}。", "{hotline_number。", 16, "curly bracket"),
    ("《储蓄管理条例》第一条", "'{hours}'", 9, "{hours} is not known here"),
    (CHECKED, "  checked_on: null\n  valid_from: null", 11, "checked_on"),
    (CHECKED, "  checked_on: 今天\n  valid_from: null", 11, "a day like"),
    (CHECKED, "  checked_on: 2026-02-30\n  valid_from: null", 11, "unreadable value"),
    (CHECKED, "  checked_on: 2026-11-21 10:00:00\n  valid_from: null", 11, "a day like"),
    ("valid_from: 2026-01-01", "valid_from: 2028-01-01", 30, "is before valid_from"),
    ("valid_to: 2027-11-21", "valid_to: 2026-11-20", 30, "is before checked_on"),
    ("reviewed_by: 李复核", "reviewed_by: null", 31, "belong together"),
    ("reviewed_on: 2026-11-21", "reviewed_on: null", 31, "belong together"),
    ("related: [F02]", "related: [F01]", 17, "related to itself"),
    ("related: [F02]", "related: [F02, F02]", 17, "twice"),
    ("related: [F02]", "related: [F99]", 17, "there is no entry F99"),
    ("- id: F02", "- just words", 19, "not YAML"),
    ("  related: []\n", "  related: []\n- just words\n", 35, "a mapping is needed"),
    ("  confidence: V\n", "  confidence: V\n  confidence: M\n", 11, "here twice"),
    ("related: []", "related: &a [*a]", 34, "anchors and aliases"),
    ("basis: {zh: 《", "basis: {zh: \x07《", 9, "not YAML"),
    ("basis: {zh: 《", "basis: [zh: 《", 9, "not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "reason"), BAD, ids=[f"{n}-{row[3]}" for n, row in enumerate(BAD)])
def test_a_bad_file_is_refused_by_file_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, reason: str
) -> None:
    folder = make(tmp_path)
    edit(folder / "saving.yml", old, new)
    with pytest.raises(ContentError) as refused:
        entries.load(folder)
    assert re.search(rf"^saving\.yml:{line}: .*{re.escape(reason)}", str(refused.value), re.MULTILINE), refused.value


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        ("存钱".encode("gbk"), "saving.yml:1: not UTF-8"),
        (b"", "saving.yml:0: the file: a list is needed"),
        (b"just words", "saving.yml:1: the file: a list is needed"),
        (b"- " * 400, "saving.yml:1: "),
        (b"[" * 40_000, "saving.yml:"),
        (b"a: 1\n---\nb: 2\n", "saving.yml:2: not YAML"),
        (b"#" * (yamlfile.SIZE_MAX + 1), "saving.yml:0: larger than"),
    ],
)
def test_a_file_that_is_no_list_of_entries_is_refused(tmp_path: Path, raw: bytes, where: str) -> None:
    folder = make(tmp_path)
    (folder / "saving.yml").write_bytes(raw)
    with pytest.raises(ContentError, match="^" + re.escape(where)):
        entries.load(folder)


@pytest.mark.parametrize("name", ["Saving.yml", "saving money.yml", "saving.yaml"])
def test_a_file_whose_name_is_no_topic_is_refused(tmp_path: Path, name: str) -> None:
    folder = make(tmp_path)
    (folder / name).write_text("[]")
    with pytest.raises(ContentError, match="name is the topic"):
        entries.load(folder)


def test_a_name_that_is_not_utf_8_is_told_as_it_can_be_shown(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / os.fsdecode(b"\xcb\xb5\xc3\xf7.yml")).write_text("[]")  # Chinese as old archives bring it
    with pytest.raises(ContentError, match=r"\\udcc3\\udcf7\.yml:0: the name of this file is not UTF-8"):
        entries.load(folder)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / "cards.yml").mkdir()
    with pytest.raises(ContentError, match=r"^cards.yml:0: cannot be read"):
        entries.load(folder)


def test_hidden_files_and_backups_are_passed_over(tmp_path: Path) -> None:
    folder = make(tmp_path)
    for name in (".saving.yml.swp", ".#saving.yml", "saving.yml~", "notes.txt"):
        (folder / name).write_text("[")
    assert len(entries.load(folder).entries) == 2


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_without_topics_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContentError, match="no topic files"):
        entries.load(tmp_path / name)


def test_all_problems_of_all_files_come_together(tmp_path: Path) -> None:
    folder = make(tmp_path)
    edit(folder / "saving.yml", "confidence: V\n", "confidence: sure\n")
    (folder / "cards.yml").write_text(TOPIC.replace("F01", "F11").replace("F02", "F12").replace("[F12]", "[F99]"))
    with pytest.raises(ContentError) as refused:
        entries.load(folder)
    assert [line.split(":")[0] for line in str(refused.value).splitlines()] == ["cards.yml", "saving.yml"]


def test_the_version_changes_with_the_words_and_only_with_them(tmp_path: Path) -> None:
    folder = make(tmp_path)
    before = entries.load(folder)
    assert entries.load(folder).version == before.version
    edit(folder / "saving.yml", "带上证件到网点。", "请带上证件到网点。")
    after = entries.load(folder)
    assert after.version != before.version
    assert after.entries["F01"].version != before.entries["F01"].version
    assert after.entries["F02"].version == before.entries["F02"].version


def test_an_entry_holds_from_its_first_day_through_its_last(tmp_path: Path) -> None:
    entry = entries.load(make(tmp_path)).entries["F02"]
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2027, 11, 21), date(2027, 11, 22)]
    assert [entry.holds(day) for day in days] == [False, True, True, False]


def test_the_day_is_chinas() -> None:
    assert china_day(datetime(2026, 11, 21, 15, 59, tzinfo=UTC)) == date(2026, 11, 21)
    assert china_day(datetime(2026, 11, 21, 16, 0, tzinfo=UTC)) == date(2026, 11, 22)


# Our own content ----------------------------------------------------------------------------------------------------


def test_our_own_content_has_its_84_entries_ready_for_review() -> None:
    content = entries.load(CONTENT)
    assert sorted(content.entries) == [f"F{n:02d}" for n in range(1, 85)]
    for entry in content.entries.values():
        assert entry.reviewed_by == ""
        assert entry.checked_on == date(2026, 11, 21)
        assert all(len(entry.phrasings[language]) >= 8 for language in LANGUAGES)


@pytest.mark.parametrize("entry", ["F07", "F08", "F13", "F22", "F23", "F32", "F77", "F84"])
def test_what_changes_over_time_has_a_last_day(entry: str) -> None:
    assert entries.load(CONTENT).entries[entry].valid_to == date(2027, 11, 21)
