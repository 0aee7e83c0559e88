"""Lint: our own content is clean, and each thing that can be wrong is found at its line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from faq import lint, reading
from faq.vectors import Vectors
from tests.faq.characters import by_characters
from tests.faq.folder import CONTENT, TOPIC, edit, make

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def test_our_own_content_has_no_findings() -> None:
    assert [str(finding) for finding in lint.run(CONTENT, NOW) if finding.level != "warning"] == []


def test_the_little_folder_of_these_tests_has_no_findings(tmp_path: Path) -> None:
    assert lint.run(make(tmp_path), NOW) == []


@pytest.mark.parametrize(("first_day", "rules"), [("2027-11-22", set[str]()), ("2027-11-21", {"look-alike"})])
def test_a_successor_may_ask_what_the_entry_before_it_asked(tmp_path: Path, first_day: str, rules: set[str]) -> None:
    old = "- id: F02\n" + TOPIC.partition("- id: F02\n")[2]
    new = old.replace("F02", "F03").replace("valid_to: 2027-11-21", "valid_to: null")
    folder = make(tmp_path, TOPIC + new.replace("valid_from: 2026-01-01", f"valid_from: {first_day}"))
    assert {finding.rule for finding in lint.run(folder, NOW)} == rules


FINDINGS = [
    # file, what is replaced, by what, the rule and a part of the reason
    ("saving.yml", "[取现金,", "[存钱怎么办理呢,", "look-alike", "is nearly F01's “存钱怎么办理”"),
    ("saving.yml", "[取现金,", "[怎么取钱,", "look-alike", "F02: “怎么取钱” is nearly F02's “怎么取钱？”"),
    ("saving.yml", "[withdraw money,", "[how do i deposit cash,", None, ""),
    ("saving.yml", "把钱拿出来, 手头", "把钱拿出来吧, 把钱拿出来, 手头", "repeats",
     "“把钱拿出来吧” has 75% of its pieces in “把钱拿出来”"),
    ("saving.yml", "把钱拿出来, 手头", "把钱全部拿出来, 把钱拿出来, 手头", None, ""),
    ("saving.yml", "取款, 把钱", "取款, 取款机坏了取款, 把钱", None, ""),
    ("saving.yml", "[取现金, 我要取钱, 自动取款机怎么用, 提款, 取款, 把钱拿出来,",
     "[取款卡, 取款单, 自动取款机怎么用, 取款额, 取款, 取款时间,",
     "same-word", "“取款” is in 6 of 8 phrasings in zh, 3 must do without it"),
    ("saving.yml", "[取现金, 我要取钱, 自动取款机怎么用, 提款, 取款, 把钱拿出来,",
     "[取款卡, 取款单, 自动取款机怎么用, 取款额, 取款, 把钱拿出来,", None, ""),
    ("saving.yml", "[withdraw money, get cash out, use the ATM, take money out, cash withdrawal, how to withdraw,",
     "[card fee, two cards, lost carding, the card slot, carded, eat card,", "same-word", "“card” is in 6 of 8"),
    ("saving.yml", "[withdraw money, get cash out, use the ATM, take money out, cash withdrawal, how to withdraw,",
     "[can you help, can it fail, can he pay, who can go, how can that be, yes we can,", None, ""),
    ("saving.yml", "valid_to: 2027-11-21", "valid_to: 2026-11-21", "expiring", "until 2026-11-21 only"),
    ("saving.yml", "valid_to: 2027-11-21", "valid_to: 2026-12-20", "expiring", "until 2026-12-20 only"),
    ("saving.yml", "valid_to: 2027-11-21", "valid_to: 2026-12-21", None, ""),
    ("saving.yml", "checked_on: 2026-11-21\n  valid_from: 2026-01-01\n  valid_to: 2027-11-21",
     "checked_on: 2026-01-01\n  valid_from: 2026-01-01\n  valid_to: 2026-11-20", "expired", "since 2026-11-20"),
    ("saving.yml", "zh: 怎么取钱？, en", "zh: 怎么取钱？, eng", "broken", "en is missing"),
    ("saving.yml", "related: [F02]", "related: [F03]", "broken", "no entry F03"),
    ("saving.yml", "[取现金, 我要取钱,", "[取现金,", "few-phrasings", "7 phrasings in zh, 8 are needed"),
    ("saving.yml", "用卡到取款机。", "用卡到取款机。" * 18, "too-long", "126 characters, 120 fit"),
    ("saving.yml", "Use your card at a machine.", "Use a card. " * 26, "too-long", "311 characters, 300 fit"),
    ("saving.yml", "用卡到取款机。", "这款理财稳赚不赔。", "prohibited", "promises of gain"),
    ("saving.yml", "用卡到取款机。", "听说这家银行要倒了。", "prohibited", "rumours"),
    ("saving.yml", "用卡到取款机。", "我们保证追回您的钱。", "prohibited", "promise of a result"),
    ("saving.yml", "用卡到取款机。", "请告诉我们您的银行卡密码。", "prohibited", "passwords or codes"),
    ("saving.yml", "Use your card at a machine.", "You should buy this fund.", "prohibited", "investment advice"),
    ("saving.yml", "用卡到取款机。", "按照规定，不能取。", "tone", "policy requires"),
    ("saving.yml", "用卡到取款机。", "你去取款机。", "tone", "write 您"),
    ("saving.yml", "用卡到取款机。", "这事与我们无关。", "tone", "a way to go"),
    ("saving.yml", "Use your card at a machine.", "Our policy requires a card.", "tone", "policy requires"),
    ("saving.yml", "用卡到取款机。", "取款机一定能取到。", "certainty", "not certain (一定)"),
    ("saving.yml", "Use your card at a machine.", "It always works.", "certainty", "not certain (always)"),
    ("saving.yml", "Use your card at a machine.", "We guarantee that it works.", "certainty", "not certain (guarantee"),
    ("saving.yml", "Use your card at a machine.", "For loans and guarantees call a branch.", None, ""),
    ("saving.yml", "用卡到取款机。", "取款机保证能取到。", "certainty", "not certain (保证)"),
    ("saving.yml", "用卡到取款机。", "取款机不收保证金。", None, ""),
    ("saving.yml", "用卡到取款机。", "取款机不一定能取到。", None, ""),
    ("saving.yml", "带上证件到网点。", "带上证件一定能办。", None, ""),  # F01 is V
    ("responses/zh.yml", "hold: ", "halt: ", "broken", "the key hold is missing in zh"),
    ("responses/en.yml", "hold: ", "hold: Call {hotline_number}. ", "args", "en uses {hotline_number}"),
    ("responses/en.yml", "/deny", "/affirm", "payload", "do not lead to the same places"),
    ("responses/zh.yml", '/faq{"id":"F01"}', '/faq{"id":"F09"}', "payload", "leads to entry F09"),
    ("responses/zh.yml", '{"page":"fraud"}', '{"page":"frauds"}', "payload", "the menu's page frauds"),
    ("responses/zh.yml", "hold: ", "hold: 请打12363。", "hard-coded", "write {hotline_number}"),
    ("responses/zh.yml", "hold: ", "hold: 规定如此。", "tone", "hold: tone"),
    ("responses/en.yml", "title: None of these", "title: You idiot", "prohibited", "insults"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "rule", "reason"), FINDINGS)
def test_each_fault_is_found_at_its_line(
    tmp_path: Path, file: str, old: str, new: str, rule: str | None, reason: str
) -> None:
    folder = make(tmp_path)
    line = (folder / file).read_text(encoding="utf-8").split(old)[0].count("\n") + 1
    edit(folder / file, old, new)
    found = lint.run(folder, NOW)
    if rule is None:
        assert found == []
        return
    fitting = [finding for finding in found if finding.rule == rule and reason in finding.reason]
    assert fitting, [str(finding) for finding in found]
    assert fitting[0].file in (file, "responses/en.yml")
    assert fitting[0].line == 0 or abs(fitting[0].line - line) <= 2


def test_findings_are_sorted_and_print_as_file_line_reason(tmp_path: Path) -> None:
    folder = make(tmp_path)
    edit(folder / "saving.yml", "用卡到取款机。", "你去取款机。")
    edit(folder / "responses" / "en.yml", "/deny", "/affirm")
    first, second = lint.run(folder, NOW)
    assert (first.file, second.file) == ("responses/en.yml", "saving.yml")
    assert str(second) == "saving.yml:24: F02: tone: write 您 (你)"


def test_a_folder_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    assert any("no topic files" in finding.reason for finding in lint.run(tmp_path / "nowhere", NOW))


def test_phrasings_of_two_entries_that_mean_the_same_are_a_warning(tmp_path: Path) -> None:
    folder = make(tmp_path)
    edit(folder / "saving.yml", "[取现金,", "[理办么怎钱存,")
    edit(folder / "saving.yml", "手头要用现钞", "机款取动自用怎么")
    [finding] = lint.run(folder, NOW, Vectors(by_characters()))
    assert finding.reason == "F02: “理办么怎钱存” means nearly what F01's “存钱怎么办理” does (cosine 1.00)"
    assert (finding.line, finding.rule, finding.level, finding.stops) == (21, "same-meaning", "warning", False)
    assert lint.run(folder, NOW) == []


def test_only_what_is_broken_or_prohibited_keeps_content_from_being_published(tmp_path: Path) -> None:
    folder = make(tmp_path)
    edit(folder / "saving.yml", "用卡到取款机。", "你去取款机，保证赔。")
    edit(folder / "responses" / "zh.yml", "hold: ", "hold: 银行要倒，")
    whole = reading.load(folder)
    stopping = lint.stopping(whole.content, whole.responses)
    assert [(one.rule, one.file) for one in stopping] == [
        ("prohibited", "responses/zh.yml"),
        ("prohibited", "saving.yml"),
    ]
    everything = lint.run(folder, NOW)
    assert [one for one in everything if one.stops] == stopping
    assert {one.level for one in everything} == {"stops", "error"}
