"""Kinds are found by their file, and the settings of a channel are refused in words, all problems together."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

import channels
from channels import Headers, WebhookRequest
from core.errors import SettingsError

GOOD = {"kind": "webhook", "secret": "sixteen-letters-", "callback_url": "https://desk.example/callback"}


def test_the_kinds_are_the_files_of_the_package() -> None:
    files = {p.stem for p in Path(channels.__file__).parent.glob("*.py") if not p.stem.startswith("_")}
    assert channels.kinds() == tuple(sorted(files))
    assert {"web", "webhook"} <= files


@pytest.mark.parametrize("kind", ["_http", "__init__", "os", "..core", "channels", "", "web.Web"])
def test_a_setting_can_import_nothing_but_a_kind(kind: str) -> None:
    with pytest.raises(SettingsError, match="unknown kind"):
        channels.load(kind)


def test_a_kind_misspelt_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(SettingsError, match='channel "crm": kind: unknown kind "webhok", did you mean "webhook"'):
        channels.make("crm", {**GOOD, "kind": "webhok"})


def test_a_config_key_misspelt_is_answered_with_the_one_that_was_meant() -> None:
    with pytest.raises(SettingsError, match='calback_url: unknown key, did you mean "callback_url"'):
        channels.make("crm", {**GOOD, "calback_url": "https://desk.example/"})


@pytest.mark.parametrize("config", [{}, {"kind": 7}, {"kind": ["web"]}])
def test_a_channel_without_a_kind_is_told_which_there_are(config: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match='channel "x": kind: say which one; there are: '):
        channels.make("x", config)


@pytest.mark.parametrize("channel_id", ["", "Web", "1st", "a b", "a/b", "../x", "渠道", "x" * 33, "a\n"])
def test_an_id_that_could_not_stand_in_an_address_is_refused(channel_id: str) -> None:
    with pytest.raises(SettingsError, match="an id is a-z"):
        channels.make(channel_id, {"kind": "web"})


def test_the_problems_of_all_channels_are_reported_together() -> None:
    configs = {"web": {"kind": "web", "max_text": 0}, "ok": GOOD, "crm": {"kind": "webhook", "timeout": "10"}}
    with pytest.raises(SettingsError) as caught:
        channels.make_all(configs)
    named = sorted(line.rpartition('": ')[2].partition(":")[0] for line in caught.value.detail.splitlines())
    assert named == ["callback_url", "max_text", "secret", "timeout"]


def test_every_configured_channel_is_made() -> None:
    made = channels.make_all({"web": {"kind": "web"}, "crm": GOOD})
    assert {channel_id: channel.kind for channel_id, channel in made.items()} == {"web": "web", "crm": "webhook"}


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://desk.example/callback?site=1", ""),
        ("https://desk.example:8443/", ""),
        ("http://127.0.0.1:8000/", ""),
        ("http://[::1]:8000/", ""),
        ("http://10.1.2.3/x", ""),
        ("http://localhost:8000/x", ""),
        ("http://crm:8000/x", ""),
        ("http://desk.example/x", "use https"),
        ("http://203.0.113.9.example/x", "use https"),
        ("http://8.8.8.8/x", "use https"),
        ("https://name:password@desk.example/", "no name and password"),
        ("https://token@desk.example/", "no name and password"),
        ("https://:password@desk.example/", "no name and password"),
        ("https://desk.example/#x", "no #fragment"),
        ("https://desk.example/a b", "not an address|no blank"),
        ("https://desk.example/\n", "not an address"),
        ("https://例子.example/", "not an address"),
        ("https://desk.example:0/", "not an address"),
        ("https://desk.example:99999/", "not an address"),
        ("https://[::1/", "not an address"),
        ("ftp://desk.example/", "not an address"),
        ("file:///etc/passwd", "not an address"),
        ("desk.example", "not an address"),
        ("", "not an address"),
    ],
)
def test_a_callback_address_that_would_leak_is_refused(url: str, problem: str) -> None:
    config = {**GOOD, "callback_url": url}
    if not problem:
        channels.make("crm", config)
        return
    with pytest.raises(SettingsError, match=f'channel "crm": callback_url: .*({problem})'):
        channels.make("crm", config)


def test_header_names_are_read_without_regard_to_case() -> None:
    headers = Headers({"X-Qiantai-Signature": "t=1"})
    assert headers["x-qiantai-signature"] == headers.get("X-QIANTAI-SIGNATURE") == "t=1"
    assert "t=1" not in repr(headers)
    assert headers.get("Other") is None


def test_a_request_without_a_zone_in_its_time_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        WebhookRequest(method="POST", path="in", now=datetime(2026, 11, 21, tzinfo=UTC).replace(tzinfo=None))


def test_a_request_shows_neither_body_nor_caller_nor_secrets() -> None:
    request = WebhookRequest(
        method="POST",
        path="in",
        query={"password": "q-secret"},
        headers={"X-Token": "h-secret"},
        body=b"b-secret",
        remote="192.0.2.7",
        now=datetime(2026, 11, 21, tzinfo=UTC),
    )
    assert "secret" not in repr(request)
    assert "192.0.2.7" not in repr(request)
