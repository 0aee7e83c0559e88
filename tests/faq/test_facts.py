"""What a message for a person is about, as far as its words tell, in both languages."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest

from cases import codes
from core.errors import ContentError
from faq.facts import businesses, chinese_number, corrected_amount, english_number, institutions, read

SUNDAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("建行乱收费", "中国建设银行"),
        ("CCB charged me twice", "中国建设银行"),
        ("ｃｃｂ 扣了两次", "中国建设银行"),
        ("中国建设银行的卡", "中国建设银行"),
        ("建設銀行多扣了我的錢", "中国建设银行"),
        ("中国银行和建行", "中国银行"),
        ("不是工行，是建行", "中国建设银行"),
        ("it was not ICBC, it was the Bank of China", "中国银行"),
        ("邮储银行的柜员", "中国邮政储蓄银行"),
        ("花呗自动扣款", "支付宝"),
        ("my WeChat Pay was frozen", "微信支付"),
    ],
)
def test_an_institution_is_known_by_any_of_its_names(text: str, name: str) -> None:
    found = read(text, SUNDAY).institution
    assert found is not None
    assert found.zh == name


@pytest.mark.parametrize(
    "text", ["平安到家了", "民生问题", "一家银行", "my bank", "the bocce club", "不是建行", "not CCB", ""]
)
def test_what_names_no_institution_is_about_none(text: str) -> None:
    assert read(text, SUNDAY).institution is None


@pytest.mark.parametrize(
    ("text", "yuan"),
    [
        ("多扣了三千五", "3500"),
        ("三千五百元", "3500"),
        ("转了1.2万", "12000"),
        ("¥3,500.50", "3500.50"),
        ("￥20", "20"),
        ("两百五十块钱", "250"),
        ("两百五", "250"),
        ("一万二", "12000"),
        ("一千零五元", "1005"),
        ("十五块", "15"),
        ("一亿元", "100000000"),
        ("三千多块", "3000"),
        ("二十元年费", "20"),
        ("1,234,567.89元", "1234567.89"),
        ("two thousand yuan", "2000"),
        ("three hundred and twenty yuan", "320"),
        ("fifty-five kuai", "55"),
        ("RMB 300", "300"),
        ("1.5k yuan", "1500"),
        ("3500 rmb a month", "3500"),
    ],
)
def test_an_amount_is_read_in_figures_and_in_words(text: str, yuan: str) -> None:
    amount = read(text, SUNDAY).amount
    assert amount is not None
    assert f"{amount:.2f}" == f"{float(yuan):.2f}"


@pytest.mark.parametrize(
    "text", ["12363", "三千人", "去了三次", "一年", "第三百二十条", "2 cards", "¥0", "尾号8888", "三十二岁"]
)
def test_not_every_number_is_an_amount(text: str) -> None:
    assert read(text, SUNDAY).amount is None


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("今天", "2026-11-22"),
        ("昨天下午", "2026-11-21"),
        ("前天", "2026-11-20"),
        ("大前天", "2026-11-19"),
        ("上周三", "2026-11-11"),
        ("上上周五", "2026-11-06"),
        ("上星期天", "2026-11-15"),
        ("周三去的", "2026-11-18"),
        ("这周三", "2026-11-18"),
        ("11月18日", "2026-11-18"),
        ("十一月十八号", "2026-11-18"),
        ("12月30日", "2025-12-30"),
        ("2025年3月1日", "2025-03-01"),
        ("去年12月3号", "2025-12-03"),
        ("上个月5号", "2026-10-05"),
        ("本月3号", "2026-11-03"),
        ("三天前", "2026-11-19"),
        ("2026-11-01", "2026-11-01"),
        ("yesterday", "2026-11-21"),
        ("the day before yesterday", "2026-11-20"),
        ("last Friday", "2026-11-20"),
        ("on Wednesday", "2026-11-18"),
        ("last Sunday", "2026-11-15"),
        ("two weeks ago", "2026-11-08"),
        ("10 days ago", "2026-11-12"),
        ("5 November", "2026-11-05"),
        ("Nov 18th, 2025", "2025-11-18"),
        ("the 1st of December", "2025-12-01"),
    ],
)
def test_a_day_is_counted_from_the_day_it_is_said(text: str, day: str) -> None:
    assert read(text, SUNDAY).day == date.fromisoformat(day)


@pytest.mark.parametrize(
    "text", ["明天", "下周三", "tomorrow", "2026-02-30", "13月1日", "周年庆", "some day", "2027-01-01"]
)
def test_what_names_no_day_that_has_been_is_none(text: str) -> None:
    assert read(text, SUNDAY).day is None


def test_the_first_of_each_kind_counts() -> None:
    found = read("建行上周三多扣了我三千五，昨天去网点只退了一千元", SUNDAY)
    assert found.institution is not None
    assert (found.institution.en, str(found.amount), str(found.day)) == (
        "China Construction Bank",
        "3500",
        "2026-11-11",
    )


@pytest.mark.parametrize(
    ("text", "number"), [("三千零五", 3005), ("一二三", 123), ("万", 10_000), ("十", 10), ("三万二千", 32_000)]
)
def test_chinese_figures(text: str, number: int) -> None:
    assert chinese_number(text) == number


@pytest.mark.parametrize(("text", "number"), [("a hundred", 100), ("one million", 1_000_000), ("twenty one", 21)])
def test_english_number_words(text: str, number: int) -> None:
    assert english_number(text) == number


@pytest.mark.parametrize(
    "text", ["一" * 2000, "1" * 2000, "1," * 1000, "three " * 400, "上" * 2000, "不是" * 1000, "\ud800"]
)
def test_no_message_takes_long_to_read(text: str) -> None:
    started = time.process_time()
    read(text, SUNDAY)
    assert time.process_time() - started < 5  # 0.01 s alone


def test_a_name_of_two_institutions_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "two.yml"
    table.write_text("- {zh: 甲银行, en: A Bank, aliases: [甲]}\n- {zh: 乙银行, en: B Bank, aliases: [甲]}\n")
    with pytest.raises(ContentError, match=r"two\.yml: 甲 is 甲银行 and 乙银行"):
        institutions(table)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("信用卡被多收了年费", "信用卡"),
        ("信用卡轉賬被收費", "信用卡"),
        ("they sold me insurance with my account", "保险"),
        ("my credit report is wrong", "征信"),
        ("花了钱买理财，亏了", "理财"),
        ("转账转错了", "转账"),
        ("不是信用卡，是贷款", "贷款"),
    ],
)
def test_a_kind_of_business_is_known_by_its_words(text: str, name: str) -> None:
    found = read(text, SUNDAY).business
    assert found is not None
    assert found.zh == name


@pytest.mark.parametrize("text", ["柜台的人不理我", "the clerk was rude", "discounts", ""])
def test_what_names_no_kind_of_business_is_about_none(text: str) -> None:
    assert read(text, SUNDAY).business is None


def test_every_kind_of_business_is_one_of_the_registers() -> None:
    assert {one.code for one in businesses().values()} <= codes.tables()["business"].keys()


@pytest.mark.parametrize(
    ("text", "yuan"),
    [("it's 5,000 not 500", "5000"), ("不是500，是5000", "5000"), ("金额不是五百是五千", "5000"), ("1.2万", "12000")],
)
def test_a_correction_of_an_amount_needs_no_unit(text: str, yuan: str) -> None:
    assert corrected_amount(text) == int(yuan)


@pytest.mark.parametrize("text", ["是另一张卡", "it was my other card", "11月18号", ""])
def test_a_correction_of_something_else_has_no_amount(text: str) -> None:
    assert corrected_amount(text) is None
