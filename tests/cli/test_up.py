"""Starting: what keeps a house from starting is told in one sentence before anything is changed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from aiohttp import web

from core.settings import load
from core.vault import Vault
from door.cli.exits import Exit
from door.cli.premises import prepare_ledger, sole_house
from door.cli.up import command_trouble, unheard_alarms
from tests.cli.conftest import Site
from tests.cli.test_keep import write
from tests.servers import Postgres
from tests.waiting import PATIENCE


@pytest.mark.parametrize(
    "setting", ["QIANTAI_PORT", "QIANTAI_METRICS_PORT", "QIANTAI_BRAIN_PORT", "QIANTAI_ACTION_PORT"]
)
def test_a_taken_port_is_named_with_its_setting(site: Site, setting: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = site.run("up", env={setting: str(port)})
    assert done.returncode == Exit.TAKEN
    assert done.stderr == f"qiantai: port {port} is taken by another program: stop it or set {setting}\n"
    assert [file.name for file in site.data.iterdir()] == ["house.lock"]


def test_a_port_on_the_command_line_wins_over_the_settings(site: Site) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = site.run("up", "--port", str(other.getsockname()[1]))
    assert done.returncode == Exit.TAKEN


def test_an_address_that_is_not_ours_is_a_wrong_setting(site: Site) -> None:
    done = site.run("up", "--host", "203.0.113.7")
    assert done.returncode == Exit.SETTINGS
    assert "cannot listen on 203.0.113.7" in done.stderr
    for wrong in ("999.1.1.1", "203.0.113.7"):
        done = site.run("up", env={"QIANTAI_HOST": wrong})
        assert done.stderr.rstrip().endswith("set QIANTAI_HOST"), done.stderr


def test_a_content_folder_that_is_not_there_is_a_wrong_setting(site: Site) -> None:
    done = site.run("up", env={"QIANTAI_CONTENT": "nowhere"})
    assert (done.returncode, "nowhere: set QIANTAI_CONTENT" in done.stderr) == (Exit.SETTINGS, True)


def test_a_running_house_that_is_silent_is_told_from_a_taken_port(site: Site) -> None:
    prepare_ledger(site.settings)
    with sole_house(site.settings):
        told = site.run("doctor").stdout
    assert f"hint    the house is running (process {os.getpid()}) and does not answer at http://127.0.0.1:" in told


async def test_a_running_house_that_is_not_ready_gives_its_reasons(site: Site) -> None:
    async def ready(_: web.Request) -> web.Response:
        return web.json_response({"ready": False, "reasons": {"brain": "it is being started"}}, status=503)

    app = web.Application()
    app.router.add_get("/readyz", ready)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    env = {"QIANTAI_METRICS_PORT": str(runner.addresses[0][1])}
    await asyncio.to_thread(prepare_ledger, site.settings)
    with sole_house(site.settings):
        done = await asyncio.to_thread(site.run, "doctor", env=env)
    await runner.cleanup()
    assert f"MISSING the house is running (process {os.getpid()}), not ready: brain: it is being started" in done.stdout


@pytest.mark.parametrize(("command", "why"), [("/nowhere/pager --loud", "found"), ("{file} 1", "executed")])
def test_an_alarm_command_that_cannot_be_run_is_told(site: Site, tmp_path: Path, command: str, why: str) -> None:
    (tmp_path / "pager").touch()
    line = command.format(file=tmp_path / "pager")
    told = site.run("doctor", env={"QIANTAI_ALARM_COMMAND": line}).stdout
    assert f"MISSING the program of QIANTAI_ALARM_COMMAND, {line.split()[0]}, cannot be {why}" in told
    house = load(env={"QIANTAI_ALARM_COMMAND": line})
    assert command_trouble(house)
    assert not command_trouble(load(env={"QIANTAI_ALARM_COMMAND": "sh -c true"}))


def test_a_house_whose_alarms_nobody_hears_says_so(site: Site) -> None:
    assert "alarms only show in the log" in unheard_alarms(load(env={}))
    assert not unheard_alarms(load(env={"QIANTAI_ALARM_WEBHOOK": "https://pager.example/x"}))


def test_every_wrong_setting_is_told_at_once_and_nothing_is_made(site: Site) -> None:
    done = site.run("up", env={"QIANTAI_PORTT": "1", "QIANTAI_TURN_TRIES": "none", "QIANTAI_LOG_FORMAT": "xml"})
    assert done.returncode == Exit.SETTINGS
    assert len(done.stderr.splitlines()) == 3
    assert "did you mean QIANTAI_PORT?" in done.stderr
    assert not site.data.exists()


def test_a_second_house_on_the_same_data_is_refused_with_the_firsts_process(site: Site) -> None:
    prepare_ledger(site.settings)
    with sole_house(site.settings):
        done = site.run("up")
    assert done.returncode == Exit.TAKEN
    assert f"a house runs on {site.data} already (process {os.getpid()})" in done.stderr


def test_a_ledger_without_its_keys_is_not_given_new_ones(site: Site) -> None:
    prepare_ledger(site.settings)
    site.settings.key_file.unlink()
    done = site.run("up")
    assert done.returncode == Exit.REFUSED
    assert "Put the key file back from your backup" in done.stderr
    assert not site.settings.key_file.exists()


async def test_a_ledger_with_other_keys_is_not_started(site: Site) -> None:
    settings = site.settings
    assert site.run("migrate").returncode == Exit.DONE
    await write(site, ["a"])
    settings.key_file.unlink()
    Vault.create(settings.key_file)
    done = site.run("migrate")
    assert done.returncode == Exit.REFUSED
    assert "is not the one this ledger was sealed with" in done.stderr


@pytest.mark.parametrize("what", ["no server", "no database"])
def test_a_database_that_does_not_answer_is_one_sentence_without_its_password(
    site: Site, postgres_server: Postgres, what: str
) -> None:
    url = postgres_server.url("nowhere")
    if what == "no server":
        url = "postgresql://qiantai@127.0.0.1:9/nowhere"
    done = site.run("migrate", env={"QIANTAI_DATABASE_URL": url.replace("qiantai@", "qiantai:hunter2@")})
    assert done.returncode == Exit.AWAY, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("qiantai: ")]
    assert len(told) == 1
    assert "cannot be used: " in told[0]
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr


def test_a_file_that_is_no_ledger_is_one_sentence(site: Site) -> None:
    prepare_ledger(site.settings)
    site.ledger.write_bytes(b"not a database" * 1000)
    done = site.run("alarms")
    assert done.returncode == Exit.AWAY
    assert "cannot be used: file is not a database" in done.stderr


def test_a_data_folder_that_cannot_be_made_is_told(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = site.run("up", env={"QIANTAI_DATA": str(tmp_path / "file" / "data")})
    assert done.returncode == Exit.SETUP
    assert "cannot be used (Not a directory): mend its rights or QIANTAI_DATA" in done.stderr


def test_the_house_starts_answers_and_stops_in_order(site: Site) -> None:
    """The whole: the real brain, the real page; SIGTERM ends all of it with exit code 0."""
    house = subprocess.Popen(
        site.command("up"),
        env=dict(site.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert house.stdout is not None
    try:
        said = [house.stdout.readline() for _ in range(3)]
        base = f"http://127.0.0.1:{site.env['QIANTAI_PORT']}"
        assert said[0].startswith(f"Qiantai is up: {base}/ (")
        assert said[1] == "Channels: web (web)\n"
        assert said[2].startswith("The brain is ready: model ")
        # Readiness is looked at anew every two seconds, so the first answers may still be those from before the brain.
        deadline = time.monotonic() + PATIENCE
        while _status(f"{base}/readyz") != 200:
            assert time.monotonic() < deadline
        with urllib.request.urlopen(f"{base}/") as page:
            assert "<qiantai-chat" in page.read().decode()
        looked = site.run("doctor").stdout
        assert f"ok      the house is running (process {house.pid}), ready" in looked
        assert "is taken" not in looked
        talk = site.run("chat", "--json", "--channel", "nope", stdin="x\n")
        assert talk.returncode == Exit.USAGE
        assert "has no web channel of the name nope" in talk.stderr
    finally:
        house.send_signal(signal.SIGTERM)
        code = house.wait(30)
        house.stdout.close()
    assert code == 0


def test_the_brain_starts_alone_answers_its_token_and_ends_with_ctrl_c(site: Site) -> None:
    brain = subprocess.Popen(
        site.command("brain"),
        env=dict(site.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert brain.stdout is not None
    assert brain.stderr is not None
    try:
        token = next(line for line in brain.stderr if "Bearer" in line).rpartition(" ")[2].strip()
        told = json.loads(brain.stdout.readline())
        ready = urllib.request.Request(
            f"http://127.0.0.1:{told['port']}/ready", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(ready) as answer:
            assert json.loads(answer.read()) == {"model": told["model"]}
    finally:
        os.killpg(brain.pid, signal.SIGINT)  # as a terminal sends it: to everybody in front
        code = brain.wait(30)
        brain.stdout.close()
        brain.stderr.close()
    assert code == Exit.INTERRUPTED


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as e:
        e.close()
        return e.code
