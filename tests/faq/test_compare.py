"""What an edit changed is told from git's memory or another folder, and never touches the files themselves."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ContentError
from faq import entries
from faq.compare import compare, entry_changes
from faq.evaluate import Question, ask
from faq.revision import folder_at
from faq.search import Search
from tests.faq.folder import TOPIC, edit, make

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=Li Min", "-c", "user.email=li@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A content folder in a git checkout, committed once; the house's own settings of git are out of the way."""
    folder = make(tmp_path / "checkout" / "faq" / "content")
    top = tmp_path / "checkout"
    git(tmp_path, "init", "--quiet", str(top))
    git(top, "add", ".")
    git(top, "commit", "--quiet", "-m", "faq: Begin.")
    git(top, "tag", "first")
    return folder


def question(text: str, *expected: str) -> Question:
    return Question(expected=frozenset(expected), language="zh", text=text)


# The folder as it was ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["HEAD", "first"])
def test_the_folder_is_as_it_was_and_gone_afterwards(checkout: Path, revision: str) -> None:
    edit(checkout / "saving.yml", "用卡到取款机。", "请用卡到取款机。")
    (checkout / "new.yml").write_text("- 1\n", encoding="utf-8")
    with folder_at(checkout, revision) as place:
        assert (place / "saving.yml").read_text(encoding="utf-8") == TOPIC
        assert (place / "responses" / "zh.yml").is_file()
        assert not (place / "new.yml").exists()
    assert not place.exists()
    assert "请用卡" in (checkout / "saving.yml").read_text(encoding="utf-8")


def test_the_top_of_a_checkout_may_be_the_folder_itself(checkout: Path) -> None:
    with folder_at(checkout.parents[1], "HEAD") as place:
        assert (place / "faq" / "content" / "saving.yml").is_file()


@pytest.mark.parametrize("revision", ["second", "--help", "HEAD:faq", "", "a b", "HEAD~1", "-"])
def test_a_revision_that_git_does_not_know_is_refused(checkout: Path, revision: str) -> None:
    with pytest.raises(ContentError, match="git knows no revision"), folder_at(checkout, revision):
        pass


def test_a_folder_that_git_did_not_have_then_is_refused(checkout: Path) -> None:
    moved = checkout.with_name("texts")
    checkout.rename(moved)
    with pytest.raises(ContentError, match="no folder faq/texts at revision HEAD"), folder_at(moved, "HEAD"):
        pass


def test_a_folder_outside_any_checkout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = make(tmp_path / "alone")
    with pytest.raises(ContentError, match="alone is not in a git checkout"), folder_at(folder, "HEAD"):
        pass


def test_without_git_the_sentence_says_so(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(checkout))
    with pytest.raises(ContentError, match="git is needed"), folder_at(checkout, "HEAD"):
        pass


def test_a_hook_of_another_checkout_does_not_lead_astray(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = checkout.parents[2] / "other"
    git(checkout.parents[2], "init", "--quiet", str(other))
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    with folder_at(checkout, "HEAD") as place:
        assert os.listdir(place)


# What changed --------------------------------------------------------------------------------------------------------


def test_entries_that_were_added_removed_or_changed_are_named_with_their_fields(checkout: Path) -> None:
    edit(checkout / "saving.yml", "id: F01", "id: F03")
    edit(checkout / "saving.yml", "related: [F02]", "related: [F02]")
    edit(checkout / "saving.yml", "用卡到取款机。", "请用卡到取款机。")
    edit(checkout / "saving.yml", "valid_to: 2027-11-21", "valid_to: 2027-12-21")
    with folder_at(checkout, "HEAD") as place:
        changed = entry_changes(entries.load(place), entries.load(checkout))
    assert [(one.id, one.what, one.fields) for one in changed] == [
        ("F01", "removed", ()),
        ("F02", "changed", ("answer.zh", "valid_to")),
        ("F03", "added", ()),
    ]


def test_an_edit_that_says_the_same_changes_no_entry(checkout: Path) -> None:
    edit(checkout / "saving.yml", "{short: 用卡到取款机。}", '{short: "用卡到取款机。"}')
    with folder_at(checkout, "HEAD") as place:
        assert entry_changes(entries.load(place), entries.load(checkout)) == []


def test_questions_that_fare_better_or_worse_are_listed(tmp_path: Path) -> None:
    old = entries.load(make(tmp_path / "old"))
    edited = make(tmp_path / "new")
    edit(edited / "saving.yml", "[取现金,", "[怎么提现,")
    new = entries.load(edited)
    asked = [question("怎么提现", "F02"), question("我要存钱", "F01"), question("怎么提现")]
    before, after = (ask(Search(content, NOW), asked) for content in (old, new))
    found = compare(before, after, old, new)
    assert [pair[1].question for pair in found.better] == [asked[0]]
    assert [pair[1].question for pair in found.worse] == [asked[2]]
    assert found.better[0][1].outcome == "answered" != found.better[0][0].outcome
    assert compare(before, before, old, old).worse == []
