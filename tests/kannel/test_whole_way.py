"""A consumer writes a short message, and the answer comes back: nothing lost, nothing twice, whoever is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from channels import configured
from channels.kannel import check
from core.model import ChannelId
from tests.kannel.conftest import LONG, Site
from tests.kannel.gateway import Phone, RealKannel, joined
from tests.kannel.smsc import THROTTLED, WRONG_ADDRESS, Verdict
from tests.waiting import wait_until

WAYS = pytest.mark.parametrize("way", ["fakesmsc", "smpp"])

REPORT = "怎么查自己的信用报告？"  # F22
DEPOSIT = "存款保险最多赔多少？"  # F77


def is_answered_once(site: Site, phone: Phone, *words: str) -> None:
    """The phone has heard one message for each of `words` and nothing besides; asks once more to be sure."""
    if words:
        site.hears(phone, len(words))
    phone.says("再见")
    heard = site.hears(phone, len(words) + 1)
    assert len(heard) == len(words) + 1, heard
    assert all(word in text.replace(" ", "") for word, text in zip(words, heard, strict=False)), heard
    assert heard[-1] == LONG


# What consumers do ----------------------------------------------------------------------------------------------------


@WAYS
def test_a_chinese_question_is_answered_by_its_entry(site: Site, way: str) -> None:
    phone = site.phone(way)
    phone.says(REPORT)
    is_answered_once(site, phone, "征信中心")


@WAYS
def test_an_answer_of_three_parts_comes_with_its_emoji_whole(site: Site, way: str) -> None:
    phone = site.phone(way)
    phone.says("再见")
    assert site.hears(phone) == [LONG]
    assert [part.text[0] for part in phone.parts()] == ["再", "🏦", "👨"]


@WAYS
def test_a_menu_comes_numbered_and_a_number_chooses(site: Site, way: str) -> None:
    phone = site.phone(way)
    phone.says("征信")
    [menu] = site.hears(phone)
    assert "\n1. " in menu
    phone.says("1")
    assert len(site.hears(phone, 2)[1]) > 20


def test_an_english_answer_comes_too(site: Site) -> None:
    phone = site.phone("smpp")
    phone.says("How much of my deposit is insured?")
    assert "500,000" in site.hears(phone)[0]


def test_a_word_that_ends_our_messages_is_answered_and_kept(site: Site) -> None:
    phone = site.phone("fakesmsc")
    phone.says("TD")
    assert site.hears(phone)
    assert site.ledger("SELECT count(*) FROM address WHERE stopped_at IS NOT NULL") == [(1,)]


def test_a_long_question_whose_parts_come_in_the_wrong_order_is_one_question(site: Site) -> None:
    phone = site.phone("smpp")
    question = f"{REPORT}{'我上个月在银行办理贷款的时候被告知信用记录有问题，' * 4}谢谢"
    site.smsc.deliver(phone.number, "10690001", question, reversed_=True)
    site.hears(phone)
    assert site.ledger("SELECT count(*) FROM message WHERE author = 'contact' AND text = ?", question) == [(1,)]


# What becomes of our messages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdict", "state", "why"),
    [
        (Verdict(), "delivered", ""),
        (Verdict(early=True), "sent", ""),  # Kannel does not know the message yet and drops the receipt
        (Verdict(stat=""), "sent", ""),
        (Verdict(stat="UNDELIV"), "failed", "failed: UNDELIV 011"),
        (Verdict(stat="EXPIRED"), "failed", "expired: EXPIRED 012"),
        (Verdict(status=WRONG_ADDRESS), "failed", "rejected: NACK/0x0000000b/Invalid Destination Address"),
    ],
    ids=["1", "1 before the answer", "8", "2", "34", "16"],
)
def test_the_carriers_word_reaches_the_ledger(site: Site, verdict: Verdict, state: str, why: str) -> None:
    phone = site.phone("smpp")
    site.smsc.verdicts[phone.number] = verdict
    phone.says(REPORT)
    wait_until(lambda: site.last_sent(phone) == (state, why), site.smpp.log)


def test_a_message_of_three_parts_has_failed_when_its_first_part_has(site: Site) -> None:
    phone = site.phone("smpp")
    site.smsc.verdicts[phone.number] = Verdict(stat="UNDELIV", only_parts_with="再见")
    phone.says("再见")
    wait_until(lambda: site.last_sent(phone) == ("failed", "failed: UNDELIV 011"), site.smpp.log)


def test_the_made_up_carrier_says_delivered(site: Site) -> None:
    phone = site.phone("fakesmsc")
    phone.says(REPORT)
    wait_until(lambda: site.last_sent(phone) == ("delivered", ""), site.fake.log)


# Who may call --------------------------------------------------------------------------------------------------------


def call(site: Site, secret: str, **query: str) -> int:
    """The status of a call as Kannel makes it, to the number behind the made-up carrier."""
    url = f"{site.house.base}/c/sms/{secret}/mo?{urllib.parse.urlencode(query)}"
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            assert answer.read() == b""
            return int(answer.status)
    except urllib.error.HTTPError as e:
        return e.code


def test_the_same_call_three_times_at_once_is_one_message_and_another_secret_is_none(site: Site) -> None:
    phone, secret = site.phone("fakesmsc"), site.fake.channel["secret"]
    query = {"id": "0-1-2", "from": phone.number, "to": "10690001", "text": REPORT}
    assert call(site, "another-secret-of-the-same-kind", **query) == 401
    with ThreadPoolExecutor(3) as three:
        assert list(three.map(lambda _: call(site, secret, **query), range(3))) == [200] * 3
    is_answered_once(site, phone, "征信中心")


def test_the_check_of_the_settings_asks_kannel(site: Site) -> None:
    def problems(**change: str) -> list[str]:
        _, config = configured("sms", site.fake.channel | change)
        return asyncio.run(check(ChannelId("sms"), config, ""))

    assert problems() == []
    assert problems(password="another") == [
        "Kannel does not know username and password, or does not take them from our address"
    ]
    assert problems(send_url=f"{site.house.base}/") == ["what answers at send_url is not Kannel's sendsms"]
    assert problems(send_url="http://127.0.0.1:9/") == [
        "Kannel does not answer at send_url: is its smsbox running, with this sendsms-port?"
    ]


# Who is killed --------------------------------------------------------------------------------------------------------


def test_what_the_carrier_cannot_take_now_comes_once_it_can(site: Site) -> None:
    phone = site.phone("smpp")
    site.smsc.verdicts[phone.number] = Verdict(status=THROTTLED)
    phone.says(REPORT)
    wait_until(lambda: site.smsc.refused[phone.number], site.smpp.log)
    del site.smsc.verdicts[phone.number]
    is_answered_once(site, phone, "征信中心")


def test_an_answer_that_kannel_holds_outlives_the_death_of_its_boxes(site: Site) -> None:
    phone = site.phone("fakesmsc")
    site.carrier_phone.kill()
    wait_until(lambda: "(online" not in site.fake.links(), site.fake.log)
    call(site, site.fake.channel["secret"], **{"id": "held", "from": phone.number, "to": "1", "text": REPORT})
    wait_until(lambda: site.last_sent(phone) == ("sent", ""))
    site.fake.kill()
    site.fake.start()
    site.carrier_phone.start()
    is_answered_once(site, phone, "征信中心")


def test_an_answer_that_finds_no_kannel_waits_in_the_house(site: Site) -> None:
    phone = site.phone("smpp")
    site.smpp.kill()
    secret = site.smpp.channel["secret"]
    query = urllib.parse.urlencode({"id": "waits", "from": phone.sender, "to": "1", "text": REPORT})
    with urllib.request.urlopen(f"{site.house.base}/c/smpp/{secret}/mo?{query}", timeout=10) as answer:
        assert answer.status == 200
    wait_until(lambda: site.last_sent(phone)[0] == "ready")
    wait_until(lambda: "server_down" in site.last_sent(phone)[1])
    site.begin(site.smpp)
    is_answered_once(site, phone, "征信中心")


def test_a_house_that_is_killed_answers_afterwards_what_it_had_taken_and_what_came_meanwhile(site: Site) -> None:
    before, meanwhile, lost = site.phone("fakesmsc"), site.phone("fakesmsc"), site.phone("smpp")
    brain = site.house.brain_pid()
    os.kill(brain, signal.SIGSTOP)
    before.says(DEPOSIT)
    wait_until(lambda: site.accepted(before) == 1, site.house.log.read_text)
    site.house.kill()
    os.kill(brain, signal.SIGKILL)
    meanwhile.says(REPORT)
    lost.says(REPORT)
    wait_until(lambda: refused(site.fake, meanwhile) and refused(site.smpp, lost), site.smpp.log)
    # What Kannel itself loses: a message is out of its store as soon as smsbox calls the house with it.
    wait_until(lambda: "store size 0" in site.smpp.status(), site.smpp.log)
    site.smpp.kill()
    site.begin(site.smpp)
    site.house.start()
    is_answered_once(site, before, "50万")
    is_answered_once(site, meanwhile, "征信中心")
    is_answered_once(site, lost)
    for gateway in (site.fake, site.smpp):
        assert not [log for log in gateway.folder.glob("*box.log") if gateway.channel["secret"] in log.read_text()]


def refused(gateway: RealKannel, phone: Phone) -> bool:
    """Has smsbox found nobody in the house's place when it brought what the phone says?"""
    return any("Couldn't fetch" in line and phone.number in line for line in gateway.log_of("smsbox").splitlines())


def test_no_phone_was_told_the_same_twice(site: Site) -> None:
    """Over everything that the tests before this one have made of killing and starting."""
    for number in {one.to for one in site.smsc.submitted}:
        heard = joined([one.part for one in site.smsc.submitted if one.to == number])
        assert len(set(heard)) == len(heard), heard
