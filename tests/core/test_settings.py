"""Settings: three places, one check, every problem at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.pretty import pretty_repr

from core.errors import SettingsError
from core.settings import OTHER_NAMES, Settings, describe, load

ROOT = Path(__file__).parents[2]


def toml(folder: Path, text: str) -> Path:
    path = folder / "qiantai.toml"
    path.write_text(text, "utf-8")
    return path


def problems(path: Path | None = None, /, **env: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(path, env)
    return caught.value.detail.splitlines()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No qiantai.toml of the person who runs the tests."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def test_nothing_needs_to_be_set():
    settings = load(env={})
    assert settings.ledger_url == "sqlite:///var/qiantai.db"
    assert settings.key_file == Path("var/keys.json")
    assert settings.channels == {"web": {"kind": "web"}}
    assert (settings.action_timeout, settings.brain_timeout, settings.hold_after) == (1.0, 4.0, 5.0)
    assert settings == Settings()


def test_the_environment_wins_over_the_file_and_the_file_over_the_defaults(tmp_path: Path):
    path = toml(tmp_path, 'port = 9000\nhost = "0.0.0.0"\n')
    settings = load(path, {"QIANTAI_PORT": "9001"})
    assert (settings.port, settings.host, settings.metrics_port) == (9001, "0.0.0.0", 8081)


def test_the_settings_file_is_found_by_name_by_variable_or_in_the_working_folder(tmp_path: Path):
    path = toml(tmp_path, "port = 9000\n")
    assert load(path, {}).port == 9000
    assert load(env={"QIANTAI_CONFIG": str(path)}).port == 9000
    assert load(env={}).port == 8080
    toml(Path.cwd(), "port = 9002\n")
    assert load(env={}).port == 9002
    assert load(path, {}).port == 9000


def test_without_an_argument_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("QIANTAI_PORT", "9003")
    assert load().port == 9003
    assert Settings().port == 8080  # a value made by hand reads none


def test_an_empty_variable_counts_as_not_given(tmp_path: Path):
    assert load(toml(tmp_path, "port = 9000\n"), {"QIANTAI_PORT": "", "QIANTAI_ALARM_WEBHOOK": ""}).port == 9000


def test_everything_hangs_on_the_data_folder():
    settings = load(env={"QIANTAI_DATA": "/srv/desk"})
    assert settings.ledger_url == "sqlite:////srv/desk/qiantai.db"
    assert settings.key_file == Path("/srv/desk/keys.json")


def test_only_the_base_address_loses_its_slash():
    settings = Settings(public_base_url="https://a/", alarm_webhook="https://a/b/", alarm_command=" ")
    assert (settings.public_base_url, settings.alarm_webhook) == ("https://a", "https://a/b/")
    assert (settings.alarm_command, settings.shown()["alarm_command"]) == ("", "")


def test_a_home_folder_is_found():
    assert load(env={"QIANTAI_DATA": "~/desk"}).data == Path.home() / "desk"


def test_a_secret_can_lie_in_a_file(tmp_path: Path):
    secret = tmp_path / "url"
    secret.write_text("postgresql://desk:wurst@db/desk\n", "utf-8")
    assert load(env={"QIANTAI_DATABASE_URL_FILE": str(secret)}).ledger_url == "postgresql://desk:wurst@db/desk"


def test_a_channel_secret_can_lie_in_a_file(tmp_path: Path):
    (tmp_path / "s").write_text("wurst\n", "utf-8")
    path = toml(tmp_path, f'[channels.desk]\nkind = "webhook"\nsecret_file = "{tmp_path}/s"\n')
    assert load(path, {}).channels == {
        "web": {"kind": "web"},
        "desk": {"kind": "webhook", "secret": "wurst"},
    }


@pytest.mark.parametrize(
    ("tables", "run"),
    [
        ('[channels.a]\nkind = "x"', ["a", "web"]),
        ('[channels.a]\nkind = "x"\n[channels.web]\nenabled = false', ["a"]),
        ('[channels.a]\nkind = "x"\nenabled = false', ["web"]),
        ("[channels.web]\nenabled = true\nmax_text = 9", ["web"]),
    ],
)
def test_the_pages_channel_is_there_until_it_is_turned_off(tmp_path: Path, tables: str, run: list[str]):
    channels = load(toml(tmp_path, tables), {}).channels
    assert sorted(channels) == run
    assert not [id for id, channel in channels.items() if "enabled" in channel]


def test_a_channel_is_turned_off_by_false_and_by_no_other_word():
    assert "enabled is true or false" in str(problems(QIANTAI_CHANNELS='{"web": {"enabled": "no"}}'))


def test_channels_come_from_the_environment_as_json():
    channels = {"web": {"kind": "web"}, "sms-1": {"kind": "kannel", "rate": 5}}
    assert load(env={"QIANTAI_CHANNELS": json.dumps(channels)}).channels == channels


def test_every_problem_is_told_in_one_line_of_its_own(tmp_path: Path):
    path = toml(tmp_path, 'prot = 1\nport = "many"\n')
    found = problems(
        path,
        QIANTAI_HOTLINE_NUMER="12363",
        QIANTAI_BRAIN_TIMEOUT="0",
        QIANTAI_LOG_LEVEL="loud",
        QIANTAI_ALARM_WEBHOOK_FILE="/nowhere",
        QIANTAI_DATABASE_URL="mysql://root:wurst@db/x",
    )
    assert sorted(found) == sorted(
        [
            f"prot in {path}: there is no such setting; did you mean port?",
            f"port in {path} is 'many': give a whole number from 0 to 65535",
            "QIANTAI_HOTLINE_NUMER: there is no such setting; did you mean QIANTAI_HOTLINE_NUMBER?",
            "QIANTAI_BRAIN_TIMEOUT is '0': give a number from 0.05 to 120 (seconds)",
            "QIANTAI_LOG_LEVEL is 'LOUD': give one of DEBUG, INFO, WARNING, ERROR",
            "QIANTAI_ALARM_WEBHOOK_FILE: cannot read /nowhere (No such file or directory); mend the path or the"
            " permissions",
            "QIANTAI_DATABASE_URL: give sqlite:///path/to/file.db or postgresql://name:password@host/database",
        ]
    )


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"QIANTAI_PORT": "65536"}, "from 0 to 65535"),
        ({"QIANTAI_PORT": "8080.5"}, "a whole number"),
        ({"QIANTAI_BRAIN_TIMEOUT": "nan"}, "(seconds)"),
        ({"QIANTAI_BRAIN_TIMEOUT": "inf"}, "(seconds)"),
        ({"QIANTAI_MAX_BODY_BYTES": "10"}, "(bytes)"),
        ({"QIANTAI_MAX_TEXT": "1"}, "(characters)"),
        ({"QIANTAI_TURNS_IN_FLIGHT": "0"}, "(turns)"),
        ({"QIANTAI_ALARM_REPEAT_MINUTES": "0"}, "(minutes)"),
        ({"QIANTAI_DEFAULT_LANGUAGE": "fr"}, "one of zh, en"),
        ({"QIANTAI_LOG_FORMAT": "xml"}, "one of json, console"),
        ({"QIANTAI_HOST": " "}, "must not be empty"),
        ({"QIANTAI_DATABASE_URL": "sqlite:///:memory:"}, "give sqlite:///path"),
        ({"QIANTAI_DATABASE_URL": "postgresql://db:x/desk"}, "give sqlite:///path"),
        ({"QIANTAI_DATABASE_URL": "postgresql://db"}, "give sqlite:///path"),
        ({"QIANTAI_PUBLIC_BASE_URL": "desk.example.org"}, "begins with https://"),
        ({"QIANTAI_ALARM_WEBHOOK": "https://[::1"}, "begins with https://"),
        ({"QIANTAI_ALARM_COMMAND": "say 'it"}, "as for a shell"),
        ({"QIANTAI_VISITORS_PER_MINUTE": "-1"}, "from 0 to 1000000 (per minute)"),
        ({"QIANTAI_SOCKETS_PER_ADDRESS": "many"}, "a whole number from 0"),
        ({"QIANTAI_TRUSTED_PROXIES": "*"}, "addresses and networks with commas"),
        ({"QIANTAI_TRUSTED_PROXIES": "127.0.0.1, nginx"}, "'nginx' does not appear to be"),
        ({"QIANTAI_TRUSTED_PROXIES": "127.0.0.1,,::1"}, "addresses and networks with commas"),
        ({"QIANTAI_TRUSTED_PROXIES": "10.0.0.1/8"}, "has host bits set"),
        ({"QIANTAI_CHANNELS": "{"}, "give a JSON object"),
        ({"QIANTAI_CHANNELS": "[]"}, "a table of channels"),
        ({"QIANTAI_CHANNELS": '{"web": 1}'}, "channel web: say its kind"),
        ({"QIANTAI_CHANNELS": '{"web": {"kind": "../web"}}'}, "channel web: say its kind"),
        ({"QIANTAI_CHANNELS": '{"Web/1": {"kind": "web"}}'}, "an id is up to 32"),
        ({"QIANTAI_CHANNELS": '{"w": {"kind": "web", "k": "1", "k_file": "x"}}'}, "both given"),
        ({"QIANTAI_CHANNELS": '{"w": {"kind": "web", "k_file": "/nowhere"}}'}, "cannot read /nowhere"),
        ({"QIANTAI_BRAIN_TIMEOUT": "5"}, "brain_timeout (5.0 s) must be less than hold_after (5.0 s)"),
        ({"QIANTAI_PORT": "8081"}, "port and metrics_port are both 8081"),
        ({"QIANTAI_ALARM_WEBHOOK": "https://a", "QIANTAI_ALARM_WEBHOOK_FILE": "x"}, "keep one of them"),
        ({"QIANTAI_HOTLINE_CITY_FILE": "x"}, "did you mean QIANTAI_HOTLINE_CITY?"),
        ({"QIANTAI_XYZZY": "1"}, "no such setting; see"),
        ({"QIANTAI_CONFIG": "/nowhere.toml"}, "no such settings file"),
    ],
)
def test_a_bad_value_is_answered_with_what_to_do(env: dict[str, str], told: str):
    assert told in "\n".join(problems(None, **env))


@pytest.mark.parametrize("content", [b"port = ", b"\xff"])
def test_a_settings_file_that_is_no_toml_is_a_problem(tmp_path: Path, content: bytes):
    path = tmp_path / "q.toml"
    path.write_bytes(content)
    assert "is not valid TOML" in problems(path)[0]


def test_a_settings_file_that_cannot_be_read_is_a_problem(tmp_path: Path):
    assert "cannot be read" in problems(tmp_path)[0]  # a folder


def test_a_bad_data_folder_brings_no_second_problem_for_what_hangs_on_it(tmp_path: Path):
    assert len(problems(toml(tmp_path, "data = 5\n"))) == 1


def test_known_names_that_are_no_settings_are_no_problems(tmp_path: Path):
    path = toml(tmp_path, "")
    load(env={name: str(path) for name in OTHER_NAMES} | {"HOME": "/"})


SECRETS: dict[str, Any] = {
    "database_url": "postgresql://desk:wurst1@db/desk?password=wurst2",
    "alarm_webhook": "https://hooks.example.org/wurst3",
    "alarm_command": "page --key wurst4",
    "channels": {
        "wx": {"kind": "wechat", "app_secret": "wurst5", "api": {"aes_key": "wurst6"}, "url": "x://a:wurst7@b"}
    },
}


def test_secrets_show_in_no_way_of_printing_the_settings():
    settings = Settings(**SECRETS)
    for printed in (repr(settings), str(settings), f"{settings}", pretty_repr(settings), str(settings.shown())):
        assert "wurst" not in printed
        assert "postgresql://desk:" in printed
        assert "hooks.example.org" in printed
    assert settings.channels["wx"]["app_secret"] == "wurst5"


def test_a_problem_does_not_repeat_a_secret():
    found = problems(
        QIANTAI_DATABASE_URL="mysql://root:wurst@db/x",
        QIANTAI_ALARM_WEBHOOK="wurst",
        QIANTAI_ALARM_COMMAND="'wurst",
        QIANTAI_CHANNELS='{"a": "wurst"',
    )
    assert len(found) == 4
    assert "wurst" not in "\n".join(found)


def test_settings_do_not_change_under_the_house():
    with pytest.raises(ValueError, match="frozen"):
        load(env={}).port = 1  # type: ignore[misc]


def test_sentences_may_name_the_hotline_in_their_language():
    assert Settings(hotline_city="上海").response_args("zh") == {
        "hotline_name": "12363金融消费者热线",
        "hotline_number": "12363",
        "hotline_city": "上海",
        "hours": "周一至周五 9:00–17:00",
    }
    assert Settings().response_args("en")["hotline_name"] == "12363 financial consumer hotline"
    assert Settings().response_args("en")["hours"] == "Monday to Friday, 9:00–17:00"


def test_every_setting_is_described():
    docs = {doc.name: doc for doc in describe()}
    assert list(docs) == list(Settings.model_fields)
    assert all(doc.help.endswith((".", "org")) and doc.wanted for doc in docs.values())
    assert docs["database_url"].env_file == "QIANTAI_DATABASE_URL_FILE"
    assert docs["port"].env_file == ""
    assert docs["brain_timeout"].wanted == "a number from 0.05 to 120 (seconds)"
    assert docs["key_file"].default == "{data}/keys.json"


def test_the_defaults_obey_the_ranges():
    for name in Settings.model_fields:
        assert getattr(Settings(**{name: getattr(Settings(), name)}), name) == getattr(Settings(), name)


def test_reading_the_settings_loads_nothing_heavy():
    heavy = ["sqlalchemy", "aiohttp", "fastapi", "typer", "cryptography"]
    code = f"import core.settings, sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"
