"""`./qiantai channels kannel-config`: a configuration that fits the channel, and clear words where none can be made.

That Kannel runs with it is shown in tests/kannel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from door.cli.exits import Exit
from tests.channels.kannel_cases import NUMBER, PASSWORD, SECRET, config
from tests.cli.test_channels import HOOK, alone, run

__all__ = ["alone"]  # its fixture of the same name

SMS = config("http://127.0.0.1:13013")
CARRIER = ("--smpp", "smpp.example:3700", "--smpp-user", "esme", "--smpp-password-file")


def value(text: str, key: str, n: int = 0) -> str:
    """The `n`th value of a key in Kannel's configuration."""
    return re.findall(rf'^{key} = "?(.*?)"?$', text, re.MULTILINE)[n]


def written(monkeypatch: pytest.MonkeyPatch, *words: str, **differing: Any) -> str:
    code, out, told = run(monkeypatch, "kannel-config", "sms", *words, channels={"sms": SMS | differing})
    assert code == Exit.DONE, told
    return out


def test_it_fits_the_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(monkeypatch)
    assert value(text, "get-url").startswith(f"http://127.0.0.1:8080/c/sms/{SECRET}/mo?id=%I&from=%p&")
    assert (value(text, "sendsms-port"), value(text, "sendsms-url")) == ("13013", "/cgi-bin/sendsms")
    assert (value(text, "username"), value(text, "password")) == ("door", PASSWORD)
    assert value(text, "smsc") == "fake"
    assert NUMBER not in text  # every number of the link is the channel's


def test_what_costs_a_day_each_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    text = written(monkeypatch, smsc="MOBILE-1")
    assert value(text, "group", 3) == "smsbox-route"
    assert value(text, "smsbox-id") == value(text, "smsbox-id", 1) == "sms"
    assert value(text, "smsc-id") == value(text, "smsc-id", 1) == "MOBILE-1"
    assert [value(text, key) for key in ("mo-recode", "catch-all", "max-messages")] == ["true", "true", "10"]
    assert value(text, "max-messages", 1) == "0"
    assert [value(text, f"reply-{key}") for key in ("couldnotfetch", "emptymessage", "requestfailed")] == [""] * 3
    assert {value(text, f"{key}-interface") for key in ("admin", "smsbox", "sendsms")} == {"127.0.0.1"}
    assert "\naccess-log" not in text
    assert value(text, "log-level") == value(text, "log-level", 1) == "4"


def test_its_administrators_passwords_are_new_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = written(monkeypatch), written(monkeypatch)
    for key in ("admin-password", "status-password"):
        assert len(value(first, key)) >= 20
        assert value(first, key) != value(second, key)


def test_a_carrier_over_smpp_and_a_kannel_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("pw-of-9\n")
    words = (*CARRIER, str(tmp_path / "password"), "--house-ip", "10.0.0.7", "--state", "/srv/kannel")
    text = written(monkeypatch, *words, send_url="http://10.0.0.8:13013/send", house_url="http://10.0.0.7:8080")
    assert [value(text, key) for key in ("smsc", "host", "port")] == ["smpp", "smpp.example", "3700"]
    assert (value(text, "smsc-username"), value(text, "smsc-password")) == ("esme", "pw-of-9")
    assert (value(text, "sendsms-interface"), value(text, "sendsms-url")) == ("10.0.0.8", "/send")
    assert (value(text, "user-allow-ip"), value(text, "store-location")) == ("10.0.0.7", "/srv/kannel/spool")


def test_a_file_is_for_its_owner_alone_and_never_overwritten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "kannel.conf"
    assert written(monkeypatch, "--out", str(out)) == ""
    assert out.stat().st_mode & 0o777 == 0o600
    assert PASSWORD in out.read_text()
    code, _, told = run(monkeypatch, "kannel-config", "sms", "--out", str(out), channels={"sms": SMS})
    assert (code, "is there already" in told) == (Exit.REFUSED, True)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("fax",), Exit.USAGE, 'there is no channel "fax" of the kind kannel; there are: sms'),
        (("crm",), Exit.USAGE, 'there is no channel "crm" of the kind kannel; there are: sms'),
        ((), Exit.USAGE, "Missing argument"),
        (("sms", "--smpp", "smpp.example"), Exit.USAGE, "--smpp needs --smpp-user NAME"),
        (("sms", "--smpp-user", "esme"), Exit.USAGE, "belong to --smpp HOST:PORT"),
        (("sms", "--smpp", ":2775"), Exit.USAGE, '":2775" is not of the form HOST:PORT'),
        (("sms", "--smpp", "smpp.example:x"), Exit.USAGE, "is not of the form HOST:PORT"),
        (("sms", "--smpp", "smpp.example:0"), Exit.USAGE, "is not of the form HOST:PORT"),
        (("sms", "--smpp", "smpp.example:65536"), Exit.USAGE, "is not of the form HOST:PORT"),
        (("sms", *CARRIER, "nowhere"), Exit.USAGE, "nowhere cannot be read (FileNotFoundError)"),
        (("sms", *CARRIER, "empty"), Exit.USAGE, "the password: visible ASCII"),
        (("sms", *CARRIER, "quoted"), Exit.USAGE, "the password: visible ASCII"),
        (("sms", "--house-ip", "desk.example"), Exit.USAGE, "is not an address such as 10.0.0.7"),
        (("sms", "--state", 'a"b'), Exit.USAGE, "cannot stand in Kannel's configuration"),
        (("sms", "--out", "nowhere/kannel.conf"), Exit.USAGE, "cannot be written"),
    ],
)
def test_a_wrong_use_is_told_the_right_one(
    words: tuple[str, ...], code: Exit, says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "quoted").write_text('pass"word')
    ended, out, told = run(monkeypatch, "kannel-config", *words, channels={"sms": SMS, "crm": HOOK})
    assert (ended, says in told, out) == (code, True, ""), told


def test_settings_that_cannot_be_used_are_named_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    short = SMS | {"secret": "zebra"}
    code, _, told = run(monkeypatch, "kannel-config", "sms", channels={"sms": short})
    assert (code, 'channel "sms": secret: 16 to 128 of' in told, "zebra" in told) == (Exit.SETTINGS, True, False)
