"""Which language a message is taken for."""

from __future__ import annotations

import re
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import Language, Locale, Script, Tongue
from faq import language as letters
from faq.language import detect, is_other, locale, script, script_of


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("怎么查征信", "zh"),
        ("查一下 credit report", "zh"),
        ("how much is insured", "en"),
        ("ＨＥＬＬＯ", "en"),
        ("hi", "en"),
        ("𠀀", "zh"),
        ("I have 2 cards", "en"),
    ],
)
def test_letters_tell_the_language(text: str, language: Language) -> None:
    assert detect(text, "en" if language == "zh" else "zh") == language


@pytest.mark.parametrize(
    "text",
    ["", " ", "12363", "13", "😀👍", "？！", "ok", "OK.", "td", "F22", "APP", "⟦phone:abcdefghij⟧", "me@example.org",
     "https://example.org/a", "привет", "\x00", "\ud800"],
)  # fmt: skip
@pytest.mark.parametrize("fallback", ["zh", "en"])
def test_what_does_not_tell_keeps_the_language_spoken_before(text: str, fallback: Language) -> None:
    assert detect(text, fallback) == fallback


@given(st.lists(st.sampled_from([*"a1２ ⟦⟧@:/.查", "https://", "http:", "\u0663"]), max_size=12).map("".join))
def test_a_text_is_rid_of_all_that_is_no_words(text: str) -> None:
    rid = letters._words_alone(text)  # pyright: ignore[reportPrivateUsage]
    assert rid == letters._NOT_WORDS.sub(" ", text)  # pyright: ignore[reportPrivateUsage]


def test_what_is_surely_ours_holds_no_letter_of_another_language() -> None:
    surely, foreign = letters._SURELY_OURS, letters._is_foreign  # pyright: ignore[reportPrivateUsage]
    ours = [chr(code) for code in range(sys.maxunicode + 1) if surely.fullmatch(chr(code))]
    found = re.findall(r"[^\W\d_]", "".join(ours))
    assert len(found) > 20_000
    assert not [char for char in found if foreign(char) or "À" <= char <= "ɏ" or "Ḁ" <= char <= "ỿ"]


@pytest.mark.parametrize("char", ["a", "⟦", "1", "😀"])
def test_a_long_message_is_told_as_soon_as_a_short_one(char: str) -> None:
    started = time.process_time()
    detect(char * 100_000, "zh")  # the longest that can be set; with the square of its length it would take minutes
    assert time.process_time() - started < 10


NAMES = ["Alipay", "Apple Pay", "VISA", "ok thx", "WeChat", "ICBC"]


@pytest.mark.parametrize("text", NAMES)
def test_a_name_or_two_words_of_slang_do_not_leave_chinese(text: str) -> None:
    assert detect(text, "zh") == "zh"


@pytest.mark.parametrize("text", ["hello", "my card", "help", "How much?", "credit report", "what is Alipay"])
def test_english_words_leave_chinese(text: str) -> None:
    assert detect(text, "zh") == "en"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I check my 征信 report", "en"),
        ("what does 存款保险 cover please", "en"),
        ("我的 card 被吞了 please help", "zh"),
        ("what is 征信", "zh"),
        ("你好", "zh"),
    ],
)
def test_a_chinese_term_does_not_leave_an_english_sentence(text: str, language: Language) -> None:
    assert detect(text, "en") == language
    assert detect(text, "zh") == "zh"


OTHERS = [
    "口座を開設したいです",
    "カードを紛失しました",
    "계좌를 어떻게 개설하나요",
    "Как открыть счёт в банке?",
    "كيف أفتح حسابا",
    "ฉันต้องการเปิดบัญชี",
    "मुझे खाता खोलना है",
    "איך פותחים חשבון",
    "Tôi muốn mở tài khoản ngân hàng",
    "¿Cómo puedo abrir una cuenta aquí?",
    "Я потерял карту Visa",
]


PLAIN = [
    "Bonjour, je voudrais ouvrir un compte",
    "Puis-je refuser ces frais",
    "Ich habe meine Karte verloren",
    "Warum wurde Geld abgebucht",
    "necesito abrir una cuenta bancaria",
    "No puedo entrar en la aplicacion",
    "saya mau komplain bank",
    "Boleh saya tahu status aduan saya",
    "toi muon mo tai khoan ngan hang",
    "vorrei aprire un conto in banca",
    "Quero falar com uma pessoa",
]


@pytest.mark.parametrize("text", PLAIN)
def test_small_words_tell_a_third_language_without_its_marks(text: str) -> None:
    assert is_other(text)


NAMES_IN_ENGLISH = [
    "wo que ren le",
    "que ren zhi fu",
    "wo bu que ding",
    "unauthorized deduction Mon",
    "mon tue wed",
    "10am EST opening hours",
    "Mis-sold wealth product",
    "Lisa Lam frozen",
    "Paypal transaction via Mia",
    "wallet topup failed et cetera",
    "my name is Maria de la Cruz and my card was stolen",
    "I paid at Carrefour and La Poste",
    "Deutsche Bank charged me",
    "El Corte Ingles card declined",
    "Mr. Mohamad bin Abdullah, account closed",
    "Visa carte blanche",
    "can I have my money back por favor",
    "wo de ka bu jian le",
    "wei shen me bu gei wo ban ka",
    "da jia hao",
    "xie xie",
    "la la la",
    "Que?",
]


@pytest.mark.parametrize("text", NAMES_IN_ENGLISH)
def test_names_pinyin_and_a_word_or_two_are_no_third_language(text: str) -> None:
    assert not is_other(text)


@pytest.mark.parametrize("text", OTHERS)
def test_letters_tell_a_third_language(text: str) -> None:
    assert is_other(text)


@pytest.mark.parametrize(
    "text",
    [
        "我的卡丢了",
        "我的銀行卡丟了",
        "我の卡丢了",
        "我在ロッテ免税店刷卡被多扣了",
        "Сбербанк card does not work",
        "I went to a café with my fiancé yesterday to talk about the loan",
        "how much is insured",
        "(´Д｀)",
        "ಠ_ಠ",
        "Ω",
        "ok",
        "12363",
        "😀",
        "⟦phone:abcdefghij⟧",
        "",
        "\ud800",
    ],
)
def test_a_few_foreign_letters_are_no_third_language(text: str) -> None:
    assert not is_other(text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("我的銀行卡被凍結了", "Hant"),
        ("點樣投訴", "Hant"),
        ("我要查徵信", "Hant"),
        ("我的银行卡被冻结了", "Hans"),
        ("我叫陳小明，我的银行卡丢了", "Hans"),
        ("我叫陈小明，我要投訴銀行亂收費", "Hant"),
        ("你好", ""),
        ("皇后大道", ""),
        ("里面", ""),
        ("hello", ""),
        ("", ""),
        ("\ud800", ""),
    ],
)
def test_characters_tell_the_script(text: str, found: str) -> None:
    assert script(text) == found


@pytest.mark.parametrize(
    ("tag", "found"),
    [("zh-Hant", "Hant"), ("zh_TW", "Hant"), ("zh-HK", "Hant"), ("zh-Hans-SG", "Hans"), ("zh_CN", "Hans"),
     ("zh", ""), ("en", ""), ("", "")],
)  # fmt: skip
def test_a_platforms_tag_may_tell_the_script(tag: str, found: str) -> None:
    assert script_of(tag) == found


@pytest.mark.parametrize(
    ("chosen", "spoken", "written", "shown"),
    [
        ("", "zh", "", "zh"),
        ("", "zh", "Hant", "zh-Hant"),
        ("", "en", "Hant", "en"),
        ("zh", "en", "Hant", "zh-Hant"),
        ("zh-Hant", "zh", "Hans", "zh-Hant"),
        ("zh-Hans", "zh", "Hant", "zh"),
        ("en", "zh", "Hant", "en"),
    ],
)
def test_what_was_chosen_comes_before_what_is_written(
    chosen: Tongue, spoken: Language, written: Script, shown: Locale
) -> None:
    assert locale(chosen, spoken, written) == shown
