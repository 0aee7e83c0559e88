"""The search: single questions by words and by meaning, its decisions and its time; `faq eval` has the figures."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.model import Language
from faq import entries, vectors
from faq.deciding import ANY, DECIDED_BY, RANKED_BY_WORDS, WORDS, weights
from faq.entries import LANGUAGES
from faq.evaluate import ask, figures, questions
from faq.index import QUERY_MAX, readable
from faq.scope import Example, examples
from faq.search import Found, Search, line
from faq.vectors import Encoder, Vectors
from tests.faq.folder import CONTENT, ENCODED, TOPIC, make

NOW = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
TUNING = questions(Path(__file__).with_name("tuning.tsv"))
OURS = entries.load(CONTENT)
SEARCH = Search(OURS, NOW)


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    embedded = vectors.load("embedded")
    assert embedded is not None
    return embedded


@pytest.fixture(scope="module")
def hybrid(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Search:
    folder = tmp_path_factory.mktemp("encoded")
    if ENCODED.is_dir():
        shutil.copytree(ENCODED, folder, dirs_exist_ok=True)
    return Search(OURS, NOW, Vectors(encoder, folder))


def find(hybrid: Search, encoder: Encoder, text: str, language: Language = "zh") -> Found:
    return hybrid.find(text, language, vector=encoder.encode([readable(text)])[0])


def test_a_search_by_words_takes_less_than_five_milliseconds() -> None:
    # Measured 2026-11-21: 0.23 ms of processor time; slower and busier machines must pass. The best of five rounds,
    # since other work only ever adds.
    def mean() -> float:
        started = time.thread_time()
        for question in TUNING:
            SEARCH.find(question.text, question.language)
        return (time.thread_time() - started) / len(TUNING)

    assert min(mean() for _ in range(5)) <= 0.005


def test_a_search_by_meaning_takes_less_than_fifty_milliseconds_with_encoding(hybrid: Search, encoder: Encoder) -> None:
    # Measured 2026-11-21: p95 4 ms of processor time. The best of three rounds.
    def p95() -> float:
        took: list[float] = []
        for question in TUNING[:100]:
            started = time.thread_time()
            find(hybrid, encoder, question.text)
            took.append(time.thread_time() - started)
        return quantiles(took, n=20)[-1]

    assert min(p95() for _ in range(3)) <= 0.05


# Single questions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("怎么查自己的信用报告？", "F22"),
        ("怎么查自己的信用报告", "F22"),
        ("怎么查信用报告", "F22"),
        ("如何查询自己的信用报告？", "F22"),
        ("怎样查询个人信用报告", "F22"),
        ("请问怎么查自己的信用报告呢", "F22"),
        ("我想查我的信用报告", "F22"),
        ("信用报告在哪里查", "F22"),
        ("你好，怎么查询自己的征信报告", "F22"),
        ("怎么查 自己的\n信用报告？？", "F22"),
        ("How do I get my credit report?", "F22"),
        ("How much of my deposit is insured?", "F77"),
        ("how much of my deposits are insured", "F77"),
        ("HOW MUCH OF MY DEPOSIT AT THE BANK IS INSURED", "F77"),
        ("Ｈｏｗ ｍｕｃｈ of my deposit is insured？", "F77"),
        ("how much of my depositt is insurd", "F77"),
        ("存款保险最多赔多少？", "F77"),
        ("存款保险最多赔多少钱", "F77"),
        ("基金和理财有没有存款保险", "F78"),
        ("怎麼查自己的信用報告", "F22"),
        ("存款保險最多賠多少錢", "F77"),
    ],
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_questions_are_answered_however_they_are_put(
    text: str, entry: str, language: Language, hybrid: Search, encoder: Encoder
) -> None:
    found = find(hybrid, encoder, text, language)
    assert (found.decision, found.hits[0].id) == ("answer", entry)
    assert found.hits[0].topic == OURS.entries[entry].topic
    by_words = SEARCH.find(text, language)
    assert by_words.decision in ("answer", "ask")
    assert by_words.hits[0].id == entry


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("entry", sorted(OURS.entries))
def test_an_entrys_own_words_find_it_for_certain(entry: str, language: Language) -> None:
    held = OURS.entries[entry]
    for text in (held.question[language], *held.phrasings[language]):
        found = SEARCH.find(text, language)
        assert (found.decision, found.hits[0].id, found.hits[0].score) == ("answer", entry, 1.0), text


@pytest.mark.parametrize("text", ["征信", "存款保险", "投诉", "银行卡", "credit report", "complaint"])
def test_a_bare_topic_is_asked_back(text: str) -> None:
    found = SEARCH.find(text, "zh")
    assert found.decision == "ask"
    assert len(found.hits) >= 2


@pytest.mark.parametrize(
    "text",
    ["微信支付付不了款", "微信支付付款失败", "支付宝转账失败怎么回事", "my WeChat payment does not go through",
     "微信支付限额是多少", "what is the daily limit on Alipay"],
)  # fmt: skip
def test_a_fault_of_a_payment_app_is_not_answered_with_something_else(
    text: str, hybrid: Search, encoder: Encoder
) -> None:
    for found in (SEARCH.find(text, "zh"), find(hybrid, encoder, text)):
        assert found.decision != "answer" or found.hits[0].id == "F48"


@pytest.mark.parametrize(
    "text",
    ["", " ", "\x00", "？？", "😀", "0", "12345", "⟦phone:abcdefghij⟧", "\ud800", "ﷺ",
     "你好", "谢谢", "再见", "好的", "怎么办", "多少", "今天天气怎么样",
     "hello", "thank you very much", "yes", "how much", "what", "火星上的房价是多少"],
)  # fmt: skip
def test_what_asks_nothing_finds_no_answer(text: str, hybrid: Search, encoder: Encoder) -> None:
    assert SEARCH.find(text, "zh").decision == "none"
    assert find(hybrid, encoder, text).decision == "none"


def test_a_long_story_about_something_else_is_not_answered(hybrid: Search, encoder: Encoder) -> None:
    story = (
        "昨天我和朋友去公园划船，湖边的柳树都黄了，我们带了面包和水果，孩子们追着鸭子跑，傍晚又去看了一场电影，散场时下起了小雨。"
        * 20
    )
    tale = (
        "Yesterday we went rowing in the park, the willows had turned yellow and the children ran after the ducks. "
        * 20
    )
    for text in (story, tale):
        assert SEARCH.find(text, "zh").decision != "answer"
        assert find(hybrid, encoder, text).decision == "none"


@pytest.mark.parametrize("text", ["tell me a joke", "帮我写一首诗", "what will the weather be like", "哪里有好吃的"])
def test_what_lies_far_from_every_entry_finds_no_answer(text: str, hybrid: Search, encoder: Encoder) -> None:
    assert find(hybrid, encoder, text).decision == "none"


def test_only_the_beginning_of_a_long_message_is_looked_at() -> None:
    question = "怎么查自己的信用报告？"
    assert SEARCH.find(question + "。" * 10_000, "zh").decision == "answer"
    assert SEARCH.find("。" * QUERY_MAX + question, "zh").hits == ()


def test_the_language_spoken_counts_only_where_letters_do_not_tell() -> None:
    assert SEARCH.find("查征信", "en") == SEARCH.find("查征信", "zh")
    assert SEARCH.find("credit report", "en") == SEARCH.find("credit report", "zh")


def test_hits_come_best_first_and_no_more_than_asked_for() -> None:
    for question in TUNING:
        hits = SEARCH.find(question.text, question.language, k=3).hits
        assert len(hits) <= 3
        assert len({hit.id for hit in hits}) == len(hits)
        assert list(hits) == sorted(hits, key=lambda hit: -hit.score)
        assert all(0 <= hit.score <= 1 for hit in hits)


def test_the_phrasing_of_a_hit_is_one_of_its_entrys() -> None:
    [hit, *_] = SEARCH.find("征信报告在网上怎么查", "zh").hits
    held = OURS.entries[hit.id]
    assert hit.phrasing in (held.question["zh"], *held.phrasings["zh"])


@pytest.mark.parametrize(("year", "found"), [(2025, False), (2026, True), (2027, True), (2028, False)])
def test_an_entry_is_found_only_on_its_days(tmp_path: Path, year: int, found: bool) -> None:
    search = Search(entries.load(make(tmp_path)), datetime(year, 6, 1, tzinfo=UTC))
    assert ("F02" in [hit.id for hit in search.find("怎么取钱？", "zh").hits]) is found


@pytest.mark.parametrize("text", ["怎么取钱？", "取钱", "how do i withdraw my money"])
def test_an_entry_that_has_run_out_keeps_its_neighbours_from_answering_instead(tmp_path: Path, text: str) -> None:
    search = Search(entries.load(make(tmp_path)), datetime(2028, 6, 1, tzinfo=UTC))
    found = search.find(text, "zh")
    assert (found.decision, found.expired) == ("none", "F02")
    assert "F02" not in [hit.id for hit in found.hits]


def test_an_entry_that_has_run_out_does_not_stand_in_the_way_of_others(tmp_path: Path) -> None:
    search = Search(entries.load(make(tmp_path)), datetime(2028, 6, 1, tzinfo=UTC))
    found = search.find("怎么存钱", "zh")
    assert (found.decision, found.hits[0].id, found.expired) == ("answer", "F01", None)


@pytest.mark.parametrize(
    "text", ["怎么取钱？", "取现金", "自动取款机怎么用啊", "How do I withdraw money?", "get cash out"]
)
def test_the_successor_of_an_entry_that_has_run_out_answers_from_its_first_day(tmp_path: Path, text: str) -> None:
    folder = make(tmp_path)
    old = "- id: F02\n" + TOPIC.partition("- id: F02\n")[2]
    new = (
        old.replace("F02", "F03")
        .replace("valid_from: 2026-01-01", "valid_from: 2027-11-22")
        .replace("2027-11-21", "null")
    )
    (folder / "saving.yml").write_text(TOPIC + new, encoding="utf-8")
    content = entries.load(folder)
    before, after = (Search(content, datetime(2027, 11, day, 4, tzinfo=UTC)).find(text, "zh") for day in (21, 22))
    assert (before.decision, before.hits[0].id) == ("answer", "F02")
    assert (after.decision, after.hits[0].id, after.expired) == ("answer", "F03", None)


def test_before_its_first_day_an_entry_is_not_there(tmp_path: Path) -> None:
    found = Search(entries.load(make(tmp_path)), datetime(2025, 6, 1, tzinfo=UTC)).find("怎么取钱？", "zh")
    assert found.expired is None


def test_a_phrasing_that_two_entries_share_is_asked_back(tmp_path: Path) -> None:
    folder = make(tmp_path)
    text = (folder / "saving.yml").read_text(encoding="utf-8").replace("[取现金,", "[我要存钱,")
    (folder / "saving.yml").write_text(text, encoding="utf-8")
    found = Search(entries.load(folder), NOW).find("我要存錢！", "zh")
    assert found.decision == "ask"
    assert {hit.id for hit in found.hits} == {"F01", "F02"}


@given(st.text(max_size=800), st.sampled_from(LANGUAGES), st.integers(0, 6))
def test_no_text_makes_the_search_fail(text: str, language: Language, k: int) -> None:
    assert len(SEARCH.find(text, language, k).hits) <= k


@given(
    st.lists(
        st.sampled_from([*"怎查的信用报告存款保险0 ?", "credit ", "report ", "～", "ﬁ", "\u0300", "⟦", "⟧"]),
        max_size=600,
    )
)
def test_no_mixture_of_our_own_words_makes_the_search_fail(words: list[str]) -> None:
    found = SEARCH.find("".join(words), "zh")
    assert all(0 <= hit.score <= 1 for hit in found.hits)


def test_one_line_for_the_command_has_the_documented_fields() -> None:
    found = SEARCH.find("怎么查自己的信用报告？", "en")
    row = line("怎么查自己的信用报告？", "en", found)
    assert (row["query"], row["language"], row["decision"]) == ("怎么查自己的信用报告？", "zh", "answer")
    assert row["hits"][0] == {"id": "F22", "score": 1.0, "phrasing": "怎么查自己的信用报告？"}


# By meaning ---------------------------------------------------------------------------------------------------------


class Ideas:
    """A model that knows two ideas, in three languages, and nothing else."""

    ideas = (("存", "save", "deposit", "épargner"), ("取", "withdraw", "retirer"), ("joke", "笑话"))

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        rows = np.array(
            [[0.2, *(float(any(word in text for word in idea)) for idea in self.ideas)] for text in texts], np.float32
        )
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def ideas(tmp_path: Path) -> tuple[Search, Encoder]:
    known = Encoder(Ideas(), "0123456789ab")
    outside = [Example(language="en", text="tell me a joke"), Example(language="zh", text="讲个笑话")]
    return Search(entries.load(make(tmp_path)), NOW, Vectors(known), outside), known


def test_what_shares_no_word_with_any_phrasing_is_found_by_its_meaning(ideas: tuple[Search, Encoder]) -> None:
    search, known = ideas
    found = find(search, known, "retirer", "en")
    assert found.hits[0].id == "F02"
    assert found.hits[0].phrasing in OURS_IN_SMALL
    assert search.find("retirer", "en").hits == ()


OURS_IN_SMALL = ("How do I withdraw money?", "withdraw money", "cash withdrawal", "how to withdraw")


def test_a_question_out_of_scope_is_told_by_its_meaning(ideas: tuple[Search, Encoder]) -> None:
    search, known = ideas
    assert find(search, known, "joke", "en").decision == "none"


def test_without_a_vector_a_search_goes_by_words_alone(hybrid: Search) -> None:
    for question in TUNING[:50]:
        assert hybrid.find(question.text, question.language) == SEARCH.find(question.text, question.language)


def test_an_encoder_that_was_never_fitted_is_judged_by_the_weights_for_any(ideas: tuple[Search, Encoder]) -> None:
    assert weights("0123456789ab") == weights(ANY)
    search, known = ideas
    found = find(search, known, "我要存錢")
    assert (found.decision, found.hits[0].id) == ("answer", "F01")


def test_meaning_finds_more_of_the_questions_to_tune_on_than_words(hybrid: Search, encoder: Encoder) -> None:
    asked = [question for question in TUNING if question.expected][::5]
    by_words = figures(ask(SEARCH, asked))
    by_meaning = figures(
        [case for one in asked for case in ask(_Fixed(hybrid, encoder), [one])]  # pyright: ignore[reportArgumentType]
    )
    assert by_meaning.answered > by_words.answered
    assert by_meaning.top3 >= 0.95
    assert by_meaning.wrong <= 0.04


class _Fixed:
    """A search that encodes for itself."""

    def __init__(self, search: Search, encoder: Encoder) -> None:
        self.search, self.encoder = search, encoder

    def find(self, text: str, language: Language, **_: Any) -> Found:
        return find(self.search, self.encoder, text, language)


# What it learnt -----------------------------------------------------------------------------------------------------


def test_the_embedded_encoder_has_weights_of_its_own(encoder: Encoder) -> None:
    assert len(weights(encoder.key).decide["zh"]) == len(weights(ANY).decide["en"]) == len(DECIDED_BY) + 1
    assert len(weights(WORDS).rank["zh"]) == RANKED_BY_WORDS
    for key in (encoder.key, ANY, WORDS):
        for language in LANGUAGES:
            assert 0 < weights(key).ask[language] <= weights(key).answer[language] < 1


def test_every_example_out_of_scope_stands_there_once_and_no_entry_is_asked_by_it() -> None:
    texts = [example.text for example in examples()]
    assert len(set(texts)) == len(texts) >= 500
    own = {text for entry in OURS.entries.values() for one in LANGUAGES for text in entry.phrasings[one]}
    assert own.isdisjoint(texts)


def test_an_example_out_of_scope_is_not_answered() -> None:
    cases = [SEARCH.find(example.text, example.language) for example in examples()]
    assert sum(found.decision == "answer" for found in cases) <= 0.01 * len(cases)


def test_a_search_over_nothing_finds_nothing(encoder: Encoder) -> None:
    empty = Search(replace(OURS, entries={}), NOW, Vectors(encoder))
    assert find(empty, encoder, "怎么查征信") == Found(decision="none")
