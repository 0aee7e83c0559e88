"""`./qiantai channels`: what is configured, what is wrong with it, and what may be simulated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from channels import kinds
from core.errors import SettingsError
from door.cli.app import app
from door.cli.exits import Exit, Failure
from tests.channels import aliyun_sms_cases, twilio_cases, wechat_cases
from tests.channels.test_tables import TABLES

CLOSED = "http://127.0.0.1:9"  # nobody listens there
HOOK = {"kind": "webhook", "secret": "a secret of sixteen", "callback_url": f"{CLOSED}/callback"}
ODD = {"web": {"enabled": False}, "a": HOOK, "b": HOOK}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No settings of this checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QIANTAI_DATA", str(tmp_path / "data"))


def run(monkeypatch: pytest.MonkeyPatch, *words: str, channels: Any = None, **env: str) -> tuple[int, str, str]:
    """Exit code, stdout, and what a person is told, of a command in a house with these channels."""
    monkeypatch.setenv("QIANTAI_CHANNELS", json.dumps({} if channels is None else channels))
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["channels", *words])
    if isinstance(done.exception, Failure):
        return done.exception.code, done.stdout, str(done.exception)
    if isinstance(done.exception, SettingsError):
        return Exit.SETTINGS, done.stdout, str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "channels", "code", "says"),
    [
        (("check", "fax"), {}, Exit.USAGE, 'there is no channel "fax"; there are: web (web)'),
        (("check", "a", "b"), {}, Exit.USAGE, "unexpected extra argument"),
        (("simulate",), {}, Exit.USAGE, "Missing argument"),
        (("simulate", "fax"), {}, Exit.USAGE, '"fax" is neither a kind ('),
        (("simulate", "../web"), {}, Exit.USAGE, '"../web" is neither a kind ('),
        (("simulate", ""), {}, Exit.USAGE, '"" is neither a kind ('),
        (("simulate", "twilio"), {}, Exit.USAGE, 'no channel of the kind "twilio" is configured; there are: web (web)'),
        (("simulate", "web"), {"web": {"enabled": False}}, Exit.USAGE, "there are: none"),
        (("simulate", "webhook"), ODD, Exit.USAGE, "which of them? Give its id: a, b"),
        (("simulate", "web", "--url", "127.0.0.1:8080"), {}, Exit.USAGE, "is not an address such as http://"),
        (("simulate", "web", "--url", "ftp://127.0.0.1"), {}, Exit.USAGE, "is not an address such as http://"),
        (("simulate", "web", "--url", "http://[x"), {}, Exit.USAGE, "is not an address such as http://"),
        (("simulate", "web", "--url", "http://127.0.0.1:0"), {}, Exit.USAGE, "is not an address such as http://"),
        (("simulate", "web", "--url", CLOSED), {}, Exit.AWAY, f"no house answers at {CLOSED}"),
        (("simulate", "old"), {"old": {"kind": "rasa_webchat"}}, Exit.USAGE, '"rasa_webchat" has no samples to post'),
        (("list", "fax"), {}, Exit.USAGE, "unexpected extra argument"),
    ],
)
def test_a_wrong_use_is_told_the_right_one(
    words: tuple[str, ...], channels: Any, code: Exit, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, _, told = run(monkeypatch, *words, channels=channels)
    assert (ended, says in told) == (code, True), told


def test_the_channels_are_listed_for_people_and_for_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    _, machine, _ = run(monkeypatch, "list", "--json", channels={"crm": HOOK})
    listed = json.loads(machine)
    assert listed["channels"] == [{"id": "crm", "kind": "webhook"}, {"id": "web", "kind": "web"}]
    assert listed["kinds"] == list(kinds())
    _, plain, told = run(monkeypatch, "list", channels={"crm": HOOK})
    assert "crm" in plain
    assert "twilio" in told


def test_settings_that_cannot_be_used_are_findings_of_the_check_and_stop_the_simulation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = {"app": {"kind": "webhook", "seecret": "hunter2"}}
    ended, said, _ = run(monkeypatch, "check", "--json", channels=broken)
    found = json.loads(said)
    assert ended == Exit.FOUND
    assert found["web"] == {"ok": True, "problems": []}
    assert any("seecret: unknown key" in problem for problem in found["app"]["problems"])
    ended, _, told = run(monkeypatch, "simulate", "webhook", channels=broken)
    assert ended == Exit.SETTINGS
    assert "seecret: unknown key" in told
    assert "hunter2" not in said + told


def test_only_the_channel_that_was_asked_for_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    ended, said, _ = run(monkeypatch, "check", "web", channels={"app": {"kind": "webhook"}})
    assert (ended, said) == (Exit.DONE, "web: ready\n")


def test_a_check_says_who_does_not_answer_and_what_our_address_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = {
        "hook": HOOK,
        "tw": twilio_cases.config(CLOSED) | {"public_url": "https://10.0.0.1"},
        "ali": aliyun_sms_cases.config(CLOSED),
    }
    ended, said, told = run(monkeypatch, "check", "--json", channels=accounts)
    found = {id: " ".join(one["problems"]) for id, one in json.loads(said).items()}
    assert (ended, told) == (Exit.FOUND, "a channel would not work; see above")
    assert found["web"] == ""
    assert "callback_url: 127.0.0.1 port 9 cannot be reached" in found["hook"]
    assert "10.0.0.1 can be reached from this machine or a private network only" in found["tw"]
    assert "api_url: Twilio does not answer" in found["tw"]
    assert "api_url: 127.0.0.1 port 9 cannot be reached" in found["ali"]
    assert "set QIANTAI_PUBLIC_BASE_URL" in found["ali"]


# Of every kind: settings that differ from good ones, and what the check says of them.
WRONG: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "aliyun_sms": (
        {"secret": "short", "template_code": "123456", "params": {"a b": "{text}"}, "allow": "everywhere"},
        {
            "secret": "16 to 128 of A-Z a-z 0-9 _ -",
            "template_code": "SMS_",
            "params": "a parameter's name is letters, digits and _",
            "allow": "addresses and networks with commas between",
        },
    ),
    "kannel": (
        {"secret": "with a blank in it", "number": "", "send_url": "kannel", "password": "pä"},
        {
            "secret": "16 to 128 of A-Z a-z 0-9 _ -",
            "number": "a number such as 10690001",
            "send_url": "not an address of the form https://host/path",
            "password": "1 to 64 visible ASCII characters",
        },
    ),
    "rasa_webchat": ({"origins": ["https://Bank.example/"]}, {"origins": "https://host or https://host:port"}),
    "telegram": (
        {"token": "110201543", "mode": "push", "api_url": "http://api.example"},
        {"token": "as @BotFather gives it", "mode": "'webhook' or 'polling'", "api_url": "use https"},
    ),
    "tencent_sms": (
        {"sdk_app_id": "abc", "params": ["{txt}"], "link": 7},
        {"sdk_app_id": "[0-9]", "params": "a parameter carries {text}, {link} or a fixed text", "link": "string"},
    ),
    "twilio": (
        {"account_sid": "SK1", "api_url": "https://me:you@api.example"},
        {"account_sid": "AC and 32 of 0-9 a-f", "api_url": "no name and password in an address"},
    ),
    "web": ({"max_text": 0, "max_txt": 9}, {"max_text": "greater than or equal to 1", "max_txt": "unknown key, did"}),
    "webhook": ({"callback_url": "http://crm.example/x"}, {"callback_url": "use https"}),
    "wechat": (
        {"app_id": "gh_1", "token": "a b", "mode": "secret", "aes_key": "short", "app_secret": ""},
        {
            "app_id": "wx and 16 of 0-9 a-f",
            "token": "3 to 32 letters and digits",
            "mode": "'plain', 'compatible' or 'encrypted'",
            "aes_key": "43 letters and digits",
            "app_secret": 'needed unless answer is "passive"',
        },
    ),
}


def test_wrong_settings_of_every_kind_are_named_each_with_what_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(WRONG) == list(kinds())
    accounts = {kind.replace("_", "-"): TABLES[kind].config(CLOSED) | wrong for kind, (wrong, _) in WRONG.items()}
    ended, said, _ = run(monkeypatch, "check", "--json", channels=accounts)
    assert ended == Exit.FOUND
    found = {id: one["problems"] for id, one in json.loads(said).items()}
    for kind, (_, right) in WRONG.items():
        problems = dict(problem.partition(": ")[::2] for problem in found[kind.replace("_", "-")])
        assert problems.keys() == right.keys(), kind
        assert all(words in problems[key] for key, words in right.items()), problems


def test_a_check_says_what_wechat_needs_of_our_address_and_of_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    account = wechat_cases.config(CLOSED) | {"answer": "passive", "mode": "plain"}
    ended, said, _ = run(
        monkeypatch, "check", "wx", channels={"wx": account}, QIANTAI_PUBLIC_BASE_URL="https://desk.example:8443"
    )
    assert ended == Exit.FOUND
    assert "the platform calls port 80 or 443 only, not 8443" in said
    assert 'mode "plain": the signature does not cover what a message says' in said
    account |= {"mode": "encrypted"}
    here = {"QIANTAI_PUBLIC_BASE_URL": "http://desk.example"}  # WeChat calls http as well
    assert run(monkeypatch, "check", "wx", channels={"wx": account}, **here)[:2] == (Exit.DONE, "wx: ready\n")
    account |= {"answer": "service"}
    assert "the platform gives no token (server_down" in run(monkeypatch, "check", channels={"wx": account}, **here)[1]


def test_a_page_that_is_not_encrypted_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    web = {"web": {"origins": ["http://bank.example", "https://bank.example"]}}
    ended, said, _ = run(monkeypatch, "check", channels=web, QIANTAI_PUBLIC_BASE_URL="http://desk.example")
    assert ended == Exit.FOUND
    assert "http://bank.example: what visitors write there is not encrypted" in said
    assert "http://desk.example: what visitors write there is not encrypted" in said
    assert "https://bank.example:" not in said
