"""The gate beside the questions: read strictly, and every limit can be broken."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ContentError
from faq import gate
from faq.evaluate import figures

GOOD = replace(figures([]), top1=0.9, wrong=0.02, refused=0.85)


def write(folder: Path, text: str) -> Path:
    (folder / gate.FILE).write_text(text, encoding="utf-8")
    return folder


def test_a_limit_is_kept_where_it_is_just_reached_and_broken_beyond(tmp_path: Path) -> None:
    text = "[zh]\ntop1 = { least = 0.9 }\nwrong = { most = 0.02 }\n[en]\nrefused = { least = 0.8, most = 0.9 }\n"
    limits = gate.read(write(tmp_path, text))
    assert gate.broken({"zh": GOOD, "en": GOOD}, limits) == []
    worse = replace(GOOD, top1=0.899, wrong=0.021)
    assert gate.broken({"zh": worse, "en": replace(GOOD, refused=0.91)}, limits) == [
        "zh top1 is 89.9%, at least 90.0% is needed",
        "zh wrong is 2.1%, at most 2.0% is allowed",
        "en refused is 91.0%, at most 90.0% is allowed",
    ]
    assert gate.broken({"zh": GOOD, "en": worse}, limits) == []


def test_our_own_gate_limits_both_languages_in_the_same_figures() -> None:
    limits = gate.read(Path(__file__).with_name("held_out"))
    named = {language: {one.figure for one in limits if one.language == language} for language in ("zh", "en")}
    assert named["zh"] == named["en"] >= {"top1", "top3", "answered", "wrong", "false_answer", "refused"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "sets no limit"),
        ("zh = 1", "zh is not a table of a language"),
        ("[fr]\ntop1 = { least = 1 }", "fr is not a table of a language"),
        ("[zh]\ntop2 = { least = 1 }", "zh.top2 is no figure; known are top1, top3"),
        ("[zh]\nin_scope = { least = 1 }", "zh.in_scope is no figure"),
        ("[zh]\ntop1 = 0.9", "zh.top1 needs least or most"),
        ("[zh]\ntop1 = {}", "zh.top1 needs least or most"),
        ("[zh]\ntop1 = { min = 0.9 }", "zh.top1 needs least or most"),
        ("[zh]\ntop1 = { least = 90 }", "90 is not a share between 0 and 1"),
        ("[zh]\ntop1 = { least = '0.9' }", "0.9 is not a share between 0 and 1"),
        ("[zh]\ntop1 = { least = true }", "True is not a share between 0 and 1"),
        ("[zh", "gate.toml cannot be read"),
    ],
)
def test_a_gate_file_that_says_something_else_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ContentError, match=why):
        gate.read(write(tmp_path, text))


def test_a_gate_file_that_is_missing_or_not_utf_8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"there is no gate\.toml in"):
        gate.read(tmp_path)
    (tmp_path / gate.FILE).write_bytes("# 门槛\n[zh]".encode("gb18030"))
    with pytest.raises(ContentError, match=r"gate\.toml cannot be read"):
        gate.read(tmp_path)
