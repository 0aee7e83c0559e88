"""Lessons: read strictly, shown step by step, and honest about what they rest on; nothing is kept between two steps."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from core.errors import ContentError
from core.model import Button, Language, Rendered, Say
from core.settings import Settings
from faq import lessons, lint, reading
from faq.entries import LANGUAGES
from faq.lessons import CARDS_MAX, QUESTIONS, Step, step
from faq.responses import Args, Renderer
from tests.faq.folder import CONTENT, edit, make

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)
ARGS: Args = {language: Settings().response_args(language) for language in LANGUAGES}
WHOLE = reading.load(CONTENT)
OURS = WHOLE.lessons.lessons

# Line numbers in the tests count from the first line below.
LESSON = """\
place: 1
title: {zh: 存钱, en: Saving}
cards:
  - {zh: "打{route_nfra}。", en: "Call {route_nfra}."}
  - {zh: 第二张。, en: The second.}
  - {zh: 第三张。, en: The third.}
quiz:
  - question: {zh: 第一题？, en: The first?}
    options: [{zh: 甲, en: a}, {zh: 乙, en: b}, {zh: 丙, en: c}]
    right: 1
    why: {zh: 因为甲。, en: Because of a.}
  - question: {zh: 第二题？, en: The second?}
    options: [{zh: 甲, en: a}, {zh: 乙, en: b}, {zh: 丙, en: c}]
    right: 2
    why: {zh: 因为乙。, en: Because of b.}
  - question: {zh: 第三题？, en: The third?}
    options: [{zh: 甲, en: a}, {zh: 乙, en: b}, {zh: "{hotline_number}", en: "{hotline_number}"}]
    right: 3
    why: {zh: 因为丙。, en: Because of c.}
related: [F01, F02]
offered_with: [F01]
basis: {zh: 《储蓄管理条例》第一条, en: "Savings Regulation, Article 1"}
confidence: M
checked_on: 2026-11-21
valid_to: 2027-11-21
reviewed_by: null
reviewed_on: null
"""


def folder_with(path: Path, **files: str) -> Path:
    """The small content folder with these lessons."""
    folder = make(path)
    (folder / "lessons").mkdir()
    for name, text in (files or {"saving": LESSON}).items():
        (folder / "lessons" / f"{name}.yml").write_text(text, encoding="utf-8")
    return folder


def renderer(folder: Path = CONTENT, today: date = TODAY) -> Renderer:
    whole = reading.load(folder)
    return Renderer(whole.content, whole.responses, ARGS, today, lessons=whole.lessons, routing=whole.routing)


RENDERER = renderer()


def show(at: str, language: Language = "zh", by: Renderer = RENDERER) -> Rendered:
    return by.render(Say(key="lesson.step", args={"step": at}), language)


def leads_to(button: Button) -> str:
    """The step in a button's payload."""
    return str(json.loads(button.payload.removeprefix("/lesson"))["step"])


def gone(language: Language = "zh") -> Rendered:
    return RENDERER.render(Say(key="lesson.gone"), language)


# The content --------------------------------------------------------------------------------------------------------


def test_there_are_the_three_evergreen_lessons_and_six_topics() -> None:
    assert list(OURS) == ["rights", "scope", "case", "fraud", "credit", "deposit", "card", "loan", "cash"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_eight_rights_are_all_explained(language: Language) -> None:
    named = {
        "zh": ["财产安全权", "知情权", "自主选择权", "公平交易权", "依法求偿权", "受教育权", "受尊重权", "信息安全权"],
        "en": ["Safety of property", "Information", "Choice", "Fair", "Redress", "Education", "Respect", "security"],
    }
    text = "\n".join(card[language] for card in OURS["rights"].cards[1:])
    assert [right for right in named[language] if right not in text] == []
    assert len(re.findall("例：|Example: ", text)) >= 7


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_we_take_names_every_other_place_with_its_number(language: Language) -> None:
    text = "\n".join(show(f"scope.{n}", language).text for n in range(1, 6))
    assert [n for n in ("12363", "12378", "12386", "12345", "12315", "110", "96110") if n not in text] == []


@pytest.mark.parametrize("lesson", OURS)
def test_a_fact_that_is_not_certain_says_so_in_its_basis(lesson: str) -> None:
    if OURS[lesson].confidence in ("M", "U"):
        assert "待核对" in OURS[lesson].basis["zh"]
        assert "still to be checked" in OURS[lesson].basis["en"]


@pytest.mark.parametrize("lesson", OURS)
def test_every_payload_fits_the_smallest_platform(lesson: str) -> None:
    longest = Step(lesson=lesson, quiz="0" * 6, question=QUESTIONS, right=2, answer=3)
    assert len(f'/lesson{{"step":"{longest}"}}'.encode()) <= 64  # core.telegram.org/bots/api: callback_data


# A lesson from one end to the other ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("lesson", OURS)
def test_a_lesson_can_be_gone_through_by_its_first_buttons(lesson: str, language: Language) -> None:
    at, seen = f"{lesson}.1", list[str]()
    for _ in range(CARDS_MAX + QUESTIONS + 1):
        shown = show(at, language)
        assert "{" not in shown.text
        assert all(button.title and "{" not in button.title for button in shown.buttons)
        seen.append(shown.text)
        if shown.buttons[0].payload.startswith("/faq"):
            break
        at = leads_to(shown.buttons[0])
    cards = len(OURS[lesson].cards)
    assert len(seen) == len(set(seen)) == cards + QUESTIONS + 1
    title = OURS[lesson].title[language]
    assert [text.partition("\n")[0] for text in seen[:cards]] == [f"{title} · {n}/{cards}" for n in range(1, cards + 1)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("answers", [(2, 3, 1), (1, 3, 2), (3, 1, 3)])
def test_the_score_counts_what_was_right(answers: tuple[int, ...], language: Language) -> None:
    shown = show(leads_to(show("deposit.5").buttons[0]), language)
    quiz = OURS["deposit"].quiz
    for n, (chosen, question) in enumerate(zip(answers, quiz, strict=True)):
        assert question.ask[language] in shown.text
        assert [button.title for button in shown.buttons] == [option[language] for option in question.options]
        shown = show(leads_to(shown.buttons[chosen - 1]), language)
        right = {"zh": "答对了", "en": "That is right"}[language]
        assert shown.text.startswith(right) == (chosen == quiz[n].right)
        assert question.why[language] in shown.text
        if chosen != question.right:
            assert question.options[question.right - 1][language] in shown.text
    score = sum(chosen == question.right for chosen, question in zip(answers, quiz, strict=True))
    assert {"zh": f"3道题答对{score}道", "en": f"{score} of 3 right"}[language] in shown.text
    assert [button.payload for button in shown.buttons] == [
        *(f'/faq{{"id":"{entry}"}}' for entry in OURS["deposit"].related),
        '/lesson{"step":"deposit.1"}',
        "/lessons",
    ]


def test_cards_lead_forth_and_back() -> None:
    assert [b.payload for b in show("deposit.1").buttons] == ['/lesson{"step":"deposit.2"}', "/lessons"]
    assert [leads_to(b) for b in show("deposit.2").buttons[:2]] == ["deposit.3", "deposit.1"]
    assert [leads_to(b).split(".")[0] for b in show("deposit.5").buttons[:2]] == ["deposit", "deposit"]
    assert leads_to(show("deposit.5").buttons[1]) == "deposit.4"


def test_every_card_says_that_it_is_unreviewed_and_the_last_what_it_rests_on() -> None:
    assert [show(f"deposit.{n}").source for n in (1, 4)] == ["资料整理日期：2026-11-21 · 待核实"] * 2
    last = show("deposit.5").source
    assert last.startswith("依据：《存款保险条例》第四条")
    assert last.endswith("资料整理日期：2026-11-21 · 待核实")


def test_a_reviewed_lesson_carries_no_mark(tmp_path: Path) -> None:
    reviewed = LESSON.replace("_by: null", "_by: 李敏").replace("_on: null", "_on: 2026-11-21")
    made = renderer(folder_with(tmp_path, saving=reviewed))
    assert show("saving.1", by=made).source == "核对日期：2026-11-21"
    assert "unreviewed" not in show("saving.3", "en", made).source


def test_names_from_the_settings_and_the_routing_table_are_filled_in_everywhere(tmp_path: Path) -> None:
    made = renderer(folder_with(tmp_path))
    assert "打12378。" in show("saving.1", by=made).text
    quiz = reading.load(tmp_path).lessons.lessons["saving"].quiz_version
    assert show(f"saving.{quiz}.3.0", by=made).buttons[2].title == "12363"
    assert "“12363”" in show(f"saving.{quiz}.3.0.1", by=made).text


# The list, the way back, the offers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list_offers_every_lesson_by_its_title(language: Language) -> None:
    listed = RENDERER.render(Say(key="lessons.list"), language)
    assert [button.title for button in listed.buttons] == [lesson.title[language] for lesson in OURS.values()]
    assert [leads_to(button) for button in listed.buttons] == [f"{lesson}.1" for lesson in OURS]


def test_who_began_a_lesson_can_go_on_with_it_from_the_list() -> None:
    listed = RENDERER.render(Say(key="lessons.list", args={"step": "deposit.3"}), "zh")
    assert listed.buttons[0] == Button(title="继续学：存款保险", payload='/lesson{"step":"deposit.3"}')
    assert len(listed.buttons) == len(OURS) + 1


FINISHED = f"deposit.{OURS['deposit'].quiz_version}.3.2.1"


@pytest.mark.parametrize("at", ["", FINISHED, "deposit.9", "gardening.1", "deposit.000000.1.0", "not a step"])
def test_what_was_finished_or_is_gone_is_not_offered_again(at: str) -> None:
    listed = RENDERER.render(Say(key="lessons.list", args={"step": at}), "zh")
    assert len(listed.buttons) == len(OURS)


@pytest.mark.parametrize(
    "say",
    [
        Say(faq="F77", args={"lesson": "fraud.2"}),
        Say(key="faq.ask_back", args={"choices": ["F22"], "lesson": "fraud.2"}),
        Say(key="faq.no_answer", args={"lesson": "fraud.2"}),
    ],
)
def test_an_answer_in_the_middle_of_a_lesson_ends_with_the_way_back(say: Say) -> None:
    back = Button(title="Go on with: Spotting and stopping fraud", payload='/lesson{"step":"fraud.2"}')
    assert RENDERER.render(say, "en").buttons[-1] == back


def test_an_answer_offers_the_lesson_that_goes_with_it() -> None:
    [button] = [b for b in RENDERER.render(Say(faq="F21"), "zh").buttons if b.payload.startswith("/lesson")]
    assert button == Button(title="学一学：您的八项权利", payload='/lesson{"step":"rights.1"}')
    assert not any(b.payload.startswith("/lesson") for b in RENDERER.render(Say(faq="F68"), "zh").buttons)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_lesson_past_its_last_day_is_not_taught(tmp_path: Path, language: Language) -> None:
    made = renderer(folder_with(tmp_path), date(2027, 11, 22))
    assert made.render(Say(key="lessons.list"), language) == made.render(Say(key="lessons.none"), language)
    assert show("saving.1", language, made) == gone(language)
    assert not any("lesson" in b.payload for b in made.render(Say(faq="F01"), language).buttons)


# Steps that are gone ------------------------------------------------------------------------------------------------

QUIZ = OURS["deposit"].quiz_version


@pytest.mark.parametrize(
    "at",
    ["", "deposit", "deposit.0", "deposit.6", "deposit.99", "gardening.1", "deposit.q1", "deposit.000000.1.0",
     f"deposit.{QUIZ}.4.0", f"deposit.{QUIZ}.1.1", f"deposit.{QUIZ}.1", "deposit.1.", "DEPOSIT.1", "../deposit.1",
     "deposit.１", '{"id":"deposit"}', "d" * 5000],
)  # fmt: skip
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_step_that_is_not_there_gets_a_gentle_answer(at: str, language: Language) -> None:
    assert show(at, language) == gone(language)
    assert gone(language).buttons[0].payload == "/lessons"


def test_an_answer_to_a_quiz_that_was_edited_meanwhile_is_not_judged(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    before = leads_to(show("saving.3", by=renderer(folder)).buttons[0])
    edit(folder / "lessons" / "saving.yml", "right: 1", "right: 2")
    after = renderer(folder)
    assert show(before, by=after) == gone()
    assert "第一题" in show(leads_to(show("saving.3", by=after).buttons[0]), by=after).text


def test_a_card_that_was_edited_is_shown_as_it_is_now(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    edit(folder / "lessons" / "saving.yml", "第二张。", "新的第二张。")
    assert "新的第二张。" in show("saving.2", by=renderer(folder)).text


@pytest.mark.parametrize(
    "one",
    [
        Step(lesson="a", card=1),
        Step(lesson="credit_2", card=6),
        Step(lesson="a", quiz="0a1b2c", question=1, right=0),
        Step(lesson="a", quiz="0a1b2c", question=3, right=2, answer=3),
    ],
)
def test_a_step_is_read_as_it_was_written(one: Step) -> None:
    assert step(str(one)) == one


# Reading ------------------------------------------------------------------------------------------------------------

BAD = [
    # what is replaced, by what, the line and the reason
    ("place: 1", "place: 0", 1, "a number from 1 is needed"),
    ("place: 1", "place: first", 1, "a number from 1 is needed"),
    ("place: 1", "place: true", 1, "a number from 1 is needed"),
    ("place: 1\n", "", 1, "place is missing"),
    ("place: 1", "place: 1\nplaces: 2", 2, "unknown key 'places'"),
    ("en: Saving}", "eng: Saving}", 2, "en is missing"),
    ("{route_nfra}。", "{route_bank}。", 4, "{route_bank} is not known here"),
    ("{route_nfra}。", "{route。", 4, "a curly bracket that is not part of a {name}"),
    ("  - {zh: 第三张。, en: The third.}\n", "", 3, "2 cards, a lesson has 3 to 6"),
    ("  - {zh: 第三张。, en: The third.}\n", "  - {zh: 一, en: one}\n" * 5, 3, "7 cards, a lesson has 3 to 6"),
    ("zh: 第二张。", "zh: 2", 5, "YAML reads this as int"),
    ("    right: 1\n", "", 8, "right is missing"),
    ("right: 1", "right: 4", 10, "the number of the right option is needed"),
    ("right: 1", "right: yes", 10, "the number of the right option is needed"),
    ("    why: {zh: 因为甲。, en: Because of a.}\n", "", 8, "why is missing"),
    (", {zh: 丙, en: c}]", "]", 9, "2 options, a question has 3"),
    ("[F01, F02]", "[F01, F01]", 20, "F01 is in this list twice"),
    ("[F01, F02]", "[F01, F09]", 20, "related: no entry F09"),
    ("offered_with: [F01]", "offered_with: [F09]", 21, "offered_with: no entry F09"),
    ("offered_with: [F01]", "offered_with: F01", 21, "a list is needed"),
    ("confidence: M", "confidence: X", 23, "'X' is none of V, V2, M, U, D"),
    ("checked_on: 2026-11-21", "checked_on: null", 24, "the day on which the facts were checked is needed"),
    ("valid_to: 2027", "valid_to: 2020", 25, "is before checked_on"),
    ("reviewed_by: null", "reviewed_by: 李敏", 26, "belong together"),
    ("place: 1", "- 1", 1, "not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "reason"), BAD)
def test_a_bad_lesson_is_refused_by_file_line_and_reason(
    tmp_path: Path, old: str, new: str, line: int, reason: str
) -> None:
    folder = folder_with(tmp_path)
    edit(folder / "lessons" / "saving.yml", old, new)
    with pytest.raises(ContentError) as refused:
        reading.load(folder)
    complaint = next(text for text in str(refused.value).splitlines() if reason in text)
    place = re.match(r"lessons/saving\.yml:(\d+): ", complaint)
    assert place, complaint
    assert abs(int(place[1]) - line) <= 1


@pytest.mark.parametrize("name", ["Saving", "9lives", "a" * 21, "my-lesson"])
def test_a_file_whose_name_is_no_id_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ContentError, match="the file's name is the lesson's id"):
        lessons.load(folder_with(tmp_path, **{name: LESSON}), frozenset({"route_nfra"}))


def test_a_file_with_another_ending_is_refused_and_not_overlooked(tmp_path: Path) -> None:
    folder = folder_with(tmp_path)
    (folder / "lessons" / "saving.yml").rename(folder / "lessons" / "saving.yaml")
    with pytest.raises(ContentError, match=r"^lessons/saving\.yaml:1: the file's name is the lesson's id"):
        reading.load(folder)


def test_two_lessons_cannot_have_the_same_place(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"lessons/two\.yml:1: place 1 is already taken by lessons/one\.yml"):
        reading.load(folder_with(tmp_path, one=LESSON, two=LESSON))


def test_a_folder_without_lessons_is_fine(tmp_path: Path) -> None:
    assert reading.load(make(tmp_path)).lessons.lessons == {}


# The check ----------------------------------------------------------------------------------------------------------

FINDINGS = [
    # what is replaced, by what, the rule and a part of the reason
    ("第二张。", "第二张。" * 31, "too-long", "the card in zh has 124 characters, 120 can be read"),
    ("The second.}\n  - ", f"{'Word ' * 61}}}\n  - ", "too-long", "the card in en has 304 characters"),
    ("zh: 存钱, en", "zh: 关于怎么存钱和怎么取钱的一些小知识, en", "too-long", "the title in zh"),
    ("zh: 第一题？", f"zh: {'第一题' * 21}？", "too-long", "the question in zh"),
    ("zh: 因为甲。", f"zh: {'因为甲' * 30}。", "too-long", "the why in zh"),
    ("[{zh: 甲, en: a}", f"[{{zh: {'甲' * 25}, en: a}}", "too-long", "the option in zh"),
    ("第二张。", "第二张：稳赚不赔。", "prohibited", "promises of gain"),
    ("[{zh: 甲, en: a}", "[{zh: 保本保息, en: a}", "prohibited", "promises of gain"),
    ("第二张。", "你看第二张。", "tone", "write 您"),
    ("因为甲。", "根据规定，选甲。", "tone", "policy requires"),
    ("第二张。", "第二张一定对。", "certainty", "not certain (一定)"),
    ("Because of a.", "It is always a.", "certainty", "not certain (always)"),
    ("[{zh: 甲, en: a}", "[{zh: 一定赚钱, en: a}", None, ""),  # a wrong option may be as sure as a swindler
    ("confidence: M", "confidence: V", None, ""),
    ("valid_to: 2027-11-21", "valid_to: 2026-11-30", "expiring", "good until 2026-11-30 only"),
    ("checked_on: 2026-11-21\nvalid_to: 2027-11-21", "checked_on: 2026-01-01\nvalid_to: 2026-11-01", "expired",
     "out of date since 2026-11-01"),
    ("right: 2", "right: 1", None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "rule", "reason"), FINDINGS)
def test_each_fault_is_found_at_its_line(tmp_path: Path, old: str, new: str, rule: str | None, reason: str) -> None:
    folder = folder_with(tmp_path)
    line = LESSON.split(old)[0].count("\n") + 1
    edit(folder / "lessons" / "saving.yml", old, new)
    found = [finding for finding in lint.run(folder, NOW) if finding.file.startswith("lessons/")]
    if rule is None:
        assert found == []
        return
    assert [(f.rule, reason in f.reason) for f in found] == [(rule, True)], found
    assert abs(found[0].line - line) <= 1


def test_a_quiz_whose_answers_all_have_one_number_gives_itself_away(tmp_path: Path) -> None:
    text = LESSON.replace("right: 1", "right: 2").replace("right: 3", "right: 2")
    found = [finding for finding in lint.run(folder_with(tmp_path, saving=text), NOW) if finding.rule == "quiz"]
    assert [str(finding) for finding in found] == [
        "lessons/saving.yml:7: saving: the right answer has the same number in every question"
    ]


def test_the_table_is_checked_for_its_words_too(tmp_path: Path) -> None:
    folder = make(tmp_path)
    edit(folder / "routing.yml", "zh: 一般可以直接拨打当地的这个号码。", "zh: 一定可以直接拨打当地的这个号码。")
    edit(folder / "routing.yml", "zh: 股票、基金、期货", "zh: 股票稳赚")
    found = [(finding.rule, finding.stops) for finding in lint.run(folder, NOW) if finding.file == "routing.yml"]
    assert sorted(found) == [("certainty", False), ("prohibited", True)]
