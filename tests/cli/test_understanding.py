"""`understand` and `nlu`: what is wrong with examples, how figures are counted, and what the commands want."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import ContentError
from core.model import Language
from door.cli.examples import Example, Utterance, held_out, lint, load
from door.cli.exits import Exit
from door.cli.verdicts import SAFETY, Verdict, confusion, figures, page, right
from tests.cli.conftest import Site

FILE = """version: "3.1"

# A comment, which is no example.
nlu:
  - intent: greet
    examples: |
      - 你好
      - hello

  - intent: complaint
    examples: |
      - 我要投诉[建行](institution)
"""


def examples(*pairs: tuple[str, str]) -> list[Example]:
    return [Example(intent=intent, text=text, file="a.yml", line=n) for n, (intent, text) in enumerate(pairs, 1)]


def rules(*pairs: tuple[str, str], measured: tuple[str, ...] = ()) -> list[str]:
    return [one.rule for one in lint(examples(*pairs), measured) if one.rule != "few"]


def test_examples_are_read_with_their_lines_and_without_their_marks(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(FILE, encoding="utf-8")
    assert [(one.intent, one.text, one.line) for one in load(tmp_path)] == [
        ("greet", "你好", 7),
        ("greet", "hello", 8),
        ("complaint", "我要投诉建行", 12),
    ]


@pytest.mark.parametrize("text", ["nlu: [", "nlu: 3", "other: []", "nlu:\n  - intent: greet\n", "\udcff"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.yml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ContentError, match=r"broken\.yml"):
        load(tmp_path)


def test_a_folder_without_examples_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="no examples"):
        load(tmp_path)


def test_lint_finds_copies_near_copies_and_leaks() -> None:
    assert rules(("greet", "good morning to you"), ("greet", "Good morning to you")) == ["twice"]
    assert rules(("greet", "good morning to you all"), ("smalltalk", "good morning to you all!")) == ["near"]
    assert rules(("greet", "good morning to you all"), ("greet", "good morning to you all!")) == []
    assert rules(("greet", "good morning to you all"), measured=("good morning to you all!",)) == ["leak"]
    assert rules(("greet", "good morning to you all"), measured=("something else",)) == []


def test_lint_finds_intents_with_too_few_examples_in_a_language() -> None:
    found = lint(examples(*(("complaint", f"{n} 号投诉") for n in range(60))), ())
    assert [one.reason for one in found if one.rule == "few"] == ["complaint has 0 examples in en, 60 are needed"]


def test_lint_finds_an_intent_that_drowns_the_others() -> None:
    assert "uneven" in rules(("status", "一"), *(("faq", chr(0x4E00 + n)) for n in range(13)))


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [("fr.tsv", "label\tstyle\ttext\n", "zh.tsv or en.tsv"), ("zh.tsv", "label\ttext\n\tx\n", "row 2 needs a label")],
)
def test_utterances_that_cannot_be_used_are_named(tmp_path: Path, name: str, text: str, reason: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ContentError, match=reason):
        held_out(tmp_path)


def pair(labels: str, got: str, language: Language = "zh") -> tuple[Utterance, Verdict]:
    return (
        Utterance(labels=frozenset(labels.split("|")), style="", language=language, text="x"),
        Verdict(text="x", language=language, label=got, confidence=0.5, runner_up="", why="because"),
    )


def test_either_of_two_right_labels_counts_and_of_the_faq_the_topic() -> None:
    assert right(*pair("abuse|handoff", "handoff"))
    assert right(*pair("faq:cash", "faq:cash:F12"))
    assert right(*pair("faq:cash", "faq:cash"))
    assert not right(*pair("faq:cash", "faq:loan:F12"))
    assert not right(*pair("out_of_scope", "faq:loan"))


@pytest.mark.parametrize("label", ["chitchat", "faq:cash:F12", "faq:none", "complaint_intake"])
def test_everyday_talk_may_be_taken_for_anything_but_an_alarm(label: str) -> None:
    assert right(*pair("calm", label))
    assert not any(right(*pair("calm", alarm)) for alarm in SAFETY)


def test_figures_are_shares_of_what_was_meant_and_of_what_was_understood() -> None:
    found = [
        pair("emergency", "emergency"),
        pair("emergency", "chitchat"),
        pair("chitchat", "emergency", "en"),
        pair("out_of_scope", "out_of_scope"),
        pair("out_of_scope", "faq:loan:F12"),
        pair("out_of_scope", "faq:loan"),
        pair("out_of_scope", "menu"),
    ]
    told = figures(found)
    assert told["all"] == {"count": 7, "right": 0.2857}
    assert told["en"] == {"count": 1, "right": 0.0}
    assert told["emergency"] == {"count": 2, "recall": 0.5, "precision": 0.5}
    assert told["out_of_scope"] == {"count": 4, "recall": 0.25, "precision": 1.0, "answered": 0.25, "asked": 0.25}
    assert told["fraud_in_progress"] == {"count": 0, "recall": None, "precision": None}


def test_the_picture_holds_every_label_and_no_message() -> None:
    drawn = page(confusion([pair("emergency", "chitchat"), pair("emergency", "emergency")]))
    assert "emergency" in drawn
    assert "chitchat" in drawn
    assert "2 messages" in drawn


@pytest.mark.parametrize(
    "words",
    [
        ("understand",),
        ("understand", "x", "--file", "y"),
        ("understand", "--file", "nowhere.txt"),
        ("understand", "x", "--language", "fr"),
        ("nlu", "eval", "--folder", "nowhere"),
        ("nlu", "eval", "--picture", "a.gif"),
    ],
)
def test_a_wrong_call_says_what_is_wanted(site: Site, words: tuple[str, ...]) -> None:
    assert site.run(*words).returncode == Exit.USAGE
