"""Sentences: read strictly, and rendered with their values, buttons and sources in both languages."""

from __future__ import annotations

import json
import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from core.errors import ContentError
from core.model import Button, Language, Say
from core.settings import Settings
from faq import entries, responses, routing
from faq.entries import LANGUAGES
from faq.folding import traditional
from faq.responses import FOLDER, NEEDED, Args, Renderer
from tests.faq.folder import CONTENT, edit, make

TODAY = date(2026, 11, 21)
ARGS: Args = {language: Settings().response_args(language) for language in LANGUAGES}
ROUTES = routing.load(CONTENT)
OURS = responses.load(CONTENT / FOLDER, ROUTES.names)
ENTRIES = entries.load(CONTENT)


@cache
def renderer(folder: Path = CONTENT, today: date = TODAY) -> Renderer:
    return Renderer(entries.load(folder), responses.load(folder / FOLDER, ROUTES.names), ARGS, today, routing=ROUTES)


# Reading ------------------------------------------------------------------------------------------------------------

BAD = [
    # file, what is replaced, by what, the line (0: the whole file) and the reason
    ("en.yml", "hold: ", "holding: ", 0, "the key hold is missing in en"),
    ("zh.yml", "hold: ", "holding: ", 0, "the key hold is missing in zh"),
    ("zh.yml", "hold: ", "more: 更多\nhold: ", 0, "the key more is missing in en"),
    ("zh.yml", "hold: ", "thanks: 谢谢\nhold: ", None, "the key 'thanks' is here twice"),
    ("zh.yml", "hold: ", "hold: ''\nx: ", None, "the text is empty"),
    ("zh.yml", "hold: ", "hold: 1\nx: ", None, "YAML reads this as int"),
    ("zh.yml", "hold: ", "hold: [x]\nx: ", None, "YAML reads this as list"),
    ("zh.yml", "hold: ", "hold: {words: x}\nx: ", None, "text is missing"),
    ("zh.yml", "hold: ", "hold: {text: x, colour: red}\nx: ", None, "unknown key 'colour'"),
    ("zh.yml", "hold: ", "hold: '{name}还在'\nx: ", None, "{name} is not known here"),
    ("zh.yml", "hold: ", "hold: '{还在'\nx: ", None, "curly bracket"),
    ("zh.yml", "{basis}", "{law}", None, "{law} is not known here"),
    ("zh.yml", "hold: ", "hold: {text: x, buttons: x}\nx: ", None, "a list is needed"),
    ("zh.yml", "hold: ", "hold: {text: x, buttons: [{title: x}]}\nx: ", None, "payload is missing"),
    ("zh.yml", "/deny", "deny", None, "is not a payload"),
    ("zh.yml", "/deny", "/deny{id:1}", None, "is not a payload"),
]


@pytest.mark.parametrize(("file", "old", "new", "line", "reason"), BAD)
def test_a_bad_sentence_is_refused_by_file_line_and_reason(
    tmp_path: Path, file: str, old: str, new: str, line: int | None, reason: str
) -> None:
    folder = make(tmp_path) / FOLDER
    before = (folder / file).read_text(encoding="utf-8")
    edit(folder / file, old, new)
    with pytest.raises(ContentError) as refused:
        responses.load(folder, ROUTES.names)
    complaint = next(text for text in str(refused.value).splitlines() if reason in text)
    place = re.match(r"responses/(zh|en)\.yml:(\d+): ", complaint)
    assert place, complaint
    if line is not None:
        assert int(place[2]) == line
    elif place[1] == file[:2]:  # on the changed line or the one after it
        assert int(place[2]) - 1 - before[: before.index(old)].count("\n") in (0, 1)


def test_a_missing_language_file_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path) / FOLDER
    (folder / "en.yml").unlink()
    with pytest.raises(ContentError, match=r"^responses/en\.yml:0: cannot be read: No such file"):
        responses.load(folder, ROUTES.names)


@pytest.mark.parametrize("text", ["", "- a list", "just words", "{"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    folder = make(tmp_path) / FOLDER
    (folder / "zh.yml").write_text(text)
    with pytest.raises(ContentError, match=r"^responses/zh\.yml:\d"):
        responses.load(folder, ROUTES.names)


# Rendering ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", sorted(set(OURS.sentences["zh"]) - {"lesson.step"}))  # a frame: test_lessons.py
def test_every_sentence_comes_out_whole(key: str, language: Language) -> None:
    given = {name: f"<{name}>" for name in NEEDED.get(key, ())}
    choices = {"choices": ["F22", "F77"]} if key == "faq.ask_back" else {}
    said = renderer().render(Say(key=key, args=given | choices), language)
    assert said.text
    assert "{" not in said.text
    assert all(value in said.text for value in given.values())
    assert (said.source, said.entry) == ("", "")
    for button in said.buttons:
        assert button.title
        assert button.payload.startswith("/")


def left_simplified(text: str) -> set[str]:
    """Characters that only simplified writing has."""
    return {one for one in text if traditional(one) != one and not one.encode("big5", "ignore")}


@pytest.mark.parametrize("key", sorted(set(OURS.sentences["zh"]) - {"lesson.step"}))
def test_every_sentence_comes_out_in_traditional_characters_too(key: str) -> None:
    given = {name: f"<{name}>" for name in NEEDED.get(key, ())}
    choices = {"choices": ["F22", "F77"]} if key == "faq.ask_back" else {}
    say = Say(key=key, args=given | choices)
    said, simplified = renderer().render(say, "zh-Hant"), renderer().render(say, "zh")
    assert not left_simplified(said.text + "".join(button.title for button in said.buttons))
    assert [button.payload for button in said.buttons] == [button.payload for button in simplified.buttons]


@pytest.mark.parametrize("entry", sorted(ENTRIES.entries))
def test_every_answer_comes_out_in_traditional_characters_too(entry: str) -> None:
    say = Say(faq=entry, args={"details": "yes"})
    said, simplified = renderer().render(say, "zh-Hant"), renderer().render(say, "zh")
    assert not left_simplified(said.text + said.source)
    assert (said.entry, said.entry_version) == (simplified.entry, simplified.entry_version)


@pytest.mark.parametrize(
    ("simple", "full"),
    [
        ("《个人信息保护法》", "《個人信息保護法》"),  # a law keeps its name
        ("请通知发卡银行", "請通知發卡銀行"),
        ("写明想问专家什么", "寫明想問專家什麼"),
        ("征信报告有错，请回复“0”", "徵信報告有錯，請回覆“0”"),
        ("⟦phone:abcdefghij⟧", "⟦phone:abcdefghij⟧"),
        ("\ud800", "?"),
    ],
)
def test_traditional_characters_change_no_words(simple: str, full: str) -> None:
    assert traditional(simple) == full


@pytest.mark.parametrize("role", ["expert", "leader"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_whom_somebody_asks_for_is_said(role: str, language: Language) -> None:
    said = renderer().render(Say(key="person.how", args={"role": role}), language)
    anybody = renderer().render(Say(key="person.how"), language)
    assert said == renderer().render(Say(key=f"person.how.{role}"), language) != anybody
    assert renderer().render(Say(key="person.how", args={"role": "gone"}), language) == anybody


MENU = re.compile(r'/menu(?:\{"page":"(\w+)"\})?')


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_of_the_menu_is_reached_by_numbers_of_one_digit_and_leads_back(language: Language) -> None:
    reached, waiting = {""}, [""]
    while waiting:
        page = renderer().render(Say(key="menu", args={"page": waiting.pop()}), language)
        assert 3 <= len(page.buttons) <= 10  # the tenth leads back
        found = {match[1] or "" for button in page.buttons if (match := MENU.fullmatch(button.payload))}
        waiting += found - reached
        reached |= found
    pages = {key.removeprefix("menu").removeprefix(".") for key in OURS.sentences[language] if key.startswith("menu")}
    assert reached == pages
    for page in pages - {""}:
        last = renderer().render(Say(key="menu", args={"page": page}), language).buttons[-1]
        assert MENU.fullmatch(last.payload)


def test_the_numbers_of_the_menu_mean_the_same_in_both_languages() -> None:
    top = {language: renderer().render(Say(key="menu"), language).buttons for language in LANGUAGES}
    assert [b.payload for b in top["zh"]] == [b.payload for b in top["en"]]
    assert [b.payload for b in top["zh"]][-1] == "/handoff"


def test_a_page_that_is_gone_since_its_button_was_offered_is_the_menu_itself() -> None:
    assert renderer().render(Say(key="menu", args={"page": "gone"}), "zh") == renderer().render(Say(key="menu"), "zh")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("entry", sorted(ENTRIES.entries))
def test_every_entry_comes_out_with_its_source_and_its_mark(entry: str, language: Language) -> None:
    held = ENTRIES.entries[entry]
    said = renderer().render(Say(faq=entry), language)
    assert "{" not in said.text
    assert said.text.split("\n\n")[-1].startswith("下一步：" if language == "zh" else "Next step: ")
    assert held.basis[language] in said.source
    assert "2026-11-21" in said.source
    assert said.source.endswith("待核实" if language == "zh" else "unreviewed")
    assert "\n" not in said.source
    assert (said.entry, said.entry_version) == (entry, held.version)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_short_answer_comes_first_and_details_on_request(language: Language) -> None:
    answer = ENTRIES.entries["F22"].answer[language]
    short = renderer().render(Say(faq="F22"), language)
    assert short.text.startswith(answer.short)
    assert answer.details not in short.text
    [more] = short.buttons
    asked = json.loads(more.payload.removeprefix("/faq"))
    assert asked.pop("id") == "F22"
    long = renderer().render(Say(faq="F22", args=asked), language)
    assert long.text.split("\n\n")[:2] == [answer.short, answer.details]
    assert long.buttons == ()


def test_an_entry_without_details_offers_none() -> None:
    assert ENTRIES.entries["F51"].answer["zh"].details == ""
    assert renderer().render(Say(faq="F51"), "zh").buttons == ()


@pytest.mark.parametrize(
    ("entry", "language", "source"),
    [
        ("F02", "zh", "依据：《储蓄管理条例》第二条；核对日期：2026-11-21"),
        ("F02", "en", "Source: Savings Regulation, Article 2; checked on 2026-11-21"),
        ("F01", "zh", "依据：《储蓄管理条例》第一条；资料整理日期：2026-11-21 · 待核实"),
        ("F01", "en", "Source: Savings Regulation, Article 1; compiled on 2026-11-21 · unreviewed"),
    ],
)
def test_only_what_somebody_reviewed_is_called_checked(
    tmp_path: Path, entry: str, language: Language, source: str
) -> None:
    assert renderer(make(tmp_path)).render(Say(faq=entry), language).source == source


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("today", [date(2027, 11, 22), date(2025, 12, 31)])
def test_an_entry_outside_its_days_is_not_answered_from(tmp_path: Path, today: date, language: Language) -> None:
    said = renderer(make(tmp_path), today).render(Say(faq="F02"), language)
    assert said.text == renderer().render(Say(key="faq.expired"), language).text
    assert (said.entry, said.source) == ("", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_settings_fill_entries_and_sentences(language: Language) -> None:
    args: Args = {**ARGS, language: {**ARGS[language], "hotline_number": "0000", "hours": "8-9"}}
    made = Renderer(ENTRIES, OURS, args, TODAY, routing=ROUTES)
    assert "0000" in made.render(Say(key="person.how"), language).text
    assert "8-9" in made.render(Say(faq="F84"), language).text


def test_asking_back_offers_the_questions_and_then_none_of_these() -> None:
    said = renderer().render(Say(key="faq.ask_back", args={"choices": ["F22", "F24"]}), "zh")
    assert said.buttons[0] == Button(title="怎么查自己的信用报告？", payload='/faq{"id":"F22"}')
    assert [button.payload for button in said.buttons[1:]] == ['/faq{"id":"F24"}', "/deny"]


def test_a_choice_that_has_run_out_is_left_away(tmp_path: Path) -> None:
    made = renderer(make(tmp_path), date(2028, 1, 1))
    said = made.render(Say(key="faq.ask_back", args={"choices": ["F02", "F01"]}), "en")
    assert [button.payload for button in said.buttons] == ['/faq{"id":"F01"}', "/deny"]
    only = made.render(Say(key="faq.ask_back", args={"choices": ["F02"]}), "en")
    assert only == made.render(Say(key="faq.no_answer"), "en")


def test_a_persons_own_words_are_left_as_they_are() -> None:
    assert renderer().render(Say(text="您好 {name} ⟦phone:abcdefghij⟧"), "en").text == "您好 {name} ⟦phone:abcdefghij⟧"


def test_a_value_is_put_in_once_and_never_read_again(tmp_path: Path) -> None:
    folder = make(tmp_path)
    for language in LANGUAGES:
        edit(folder / FOLDER / f"{language}.yml", "hold: ", "echo: '{words} {n}'\nhold: ")
    said = renderer(folder).render(Say(key="echo", args={"words": "{hours} ⟦email:abcdefghij⟧", "n": 3}), "zh")
    assert said.text == "{hours} ⟦email:abcdefghij⟧ 3"


@pytest.mark.parametrize(
    "say",
    [
        Say(),
        Say(key="greeting", faq="F22"),
        Say(key="greeting", text="x"),
        Say(key="no.such.key"),
        Say(faq="F99"),
        Say(faq="f22"),
        Say(key="faq.source", args={"basis": "x"}),
        Say(key="faq.source", args={"basis": ["x"], "checked_on": "x"}),
        Say(key="faq.ask_back"),
        Say(key="faq.ask_back", args={"choices": []}),
        Say(key="faq.ask_back", args={"choices": "F22"}),
        Say(key="faq.ask_back", args={"choices": ["F99"]}),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_cannot_be_said_is_an_error(say: Say, language: Language) -> None:
    with pytest.raises(ContentError):
        renderer().render(say, language)


def test_a_renderer_without_the_settings_values_is_refused_at_once() -> None:
    with pytest.raises(ContentError, match="no value for hours in en"):
        Renderer(ENTRIES, OURS, {**ARGS, "en": {k: v for k, v in ARGS["en"].items() if k != "hours"}}, TODAY)


@pytest.mark.parametrize("language", LANGUAGES)
def test_emergency_names_its_numbers(language: Language) -> None:
    text = renderer().render(Say(key="emergency"), language).text
    assert all(number in text for number in ("110", "120", "12356"))
