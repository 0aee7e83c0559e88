"""Every command: quick to explain itself, sure of its words, the same data for people and machines."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import typer
from sqlalchemy import Connection, insert, select
from typer.core import TyperCommand, TyperGroup

from core.alarm import raise_alarm
from core.inbox import Inbox
from core.model import ChannelId, Inbound
from core.store import Store
from core.tables import api_token, audit, left_message, secret
from core.vault import Vault
from desk import handoff
from door.cli.app import app
from door.cli.exits import Exit
from door.cli.premises import prepare_ledger
from door.cli.setup import steps
from tests.cli.conftest import Site
from tests.cli.test_keep import write

NOON = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
HEAVY = ("sqlalchemy", "fastapi", "starlette", "aiohttp", "alembic", "rasa_sdk", "cryptography", "yaml", "pydantic")


def commands() -> dict[str, TyperGroup | TyperCommand]:
    """Every command and group by its words, "alarms list" for one."""
    found: dict[str, TyperGroup | TyperCommand] = {}

    def walk(command: object, words: tuple[str, ...]) -> None:
        assert isinstance(command, (TyperGroup, TyperCommand))
        if words:
            found[" ".join(words)] = command
        if isinstance(command, TyperGroup):
            for name, sub in command.commands.items():
                walk(sub, (*words, name))

    walk(typer.main.get_command(app), ())
    return found


@pytest.fixture
def kept(site: Site) -> Site:
    """A site with a ledger."""
    prepare_ledger(site.settings)
    return site


def in_ledger(site: Site, op: object) -> object:
    async def run() -> object:
        store = await Store.open(site.settings.ledger_url)
        try:
            return await store.write(op)  # type: ignore[arg-type]
        finally:
            await store.close()

    return asyncio.run(run())


def test_help_imports_nothing_heavy() -> None:
    look = (
        "import sys\n"
        "from door.cli.app import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        f"loaded = [m for m in {HEAVY!r} if m in sys.modules]\n"
        "print(loaded, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", look], cwd=steps.ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("words", commands())
def test_every_command_explains_itself_and_its_options(words: str) -> None:
    command = commands()[words]
    assert command.help
    assert command.help[0].isupper()
    for parameter in command.params:
        told = getattr(parameter, "help", None)
        assert told or parameter.name in ("help", "limit"), f"{words}: {parameter.name}"


@pytest.mark.parametrize("words", ["nope", "alarms ack", "alarms ack one", "tokens add", "restore", "up --port 70000"])
def test_wrong_use_is_exit_code_2(site: Site, words: str) -> None:
    assert site.run(*words.split()).returncode == Exit.USAGE


def test_without_a_ledger_the_sentence_says_how_to_get_one(site: Site) -> None:
    done = site.run("alarms")
    assert done.returncode == Exit.AWAY
    assert done.stderr == (
        f"qiantai: there is no ledger at {site.ledger}: start the house once (./qiantai up) or run ./qiantai migrate\n"
    )


# alarms -------------------------------------------------------------------------------------------------------------


def test_alarms_are_listed_and_acknowledged_by_name(kept: Site) -> None:
    in_ledger(kept, lambda conn: raise_alarm(conn, "brain_down", "brain", "no word from it", NOON))
    assert "brain_down" in kept.run("alarms").stdout
    (row,) = (json.loads(line) for line in kept.run("alarms", "list", "--json").stdout.splitlines())
    assert (row["kind"], row["count"], row["raised_at"]) == ("brain_down", 1, NOON.isoformat())

    done = kept.run("alarms", "ack", str(row["id"]), "--by", "Li")
    assert (done.returncode, done.stderr) == (Exit.DONE, f"Acknowledged by Li: {row['id']}\n")
    assert kept.run("alarms").stderr == "No open alarms.\n"
    again = kept.run("alarms", "ack", str(row["id"]), "99")
    assert again.returncode == Exit.FOUND
    assert f"no open alarm has the number {row['id']}, 99" in again.stderr


# tokens -------------------------------------------------------------------------------------------------------------


def test_a_tokens_secret_is_printed_once_kept_as_a_hash_and_noted_in_the_audit(kept: Site) -> None:
    done = kept.run("tokens", "add", "monitoring", "--scope", "alarms:read", "--scope", "health:read")
    assert done.returncode == Exit.DONE
    token = done.stdout.strip()
    assert token.startswith("qt_")
    assert token.encode() not in kept.ledger.read_bytes()

    (row,) = (json.loads(line) for line in kept.run("tokens", "list", "--json").stdout.splitlines())
    assert (row["name"], row["scopes"], row["revoked_at"]) == ("monitoring", ["alarms:read", "health:read"], None)
    assert token not in kept.run("tokens", "list").stdout

    assert kept.run("tokens", "revoke", str(row["id"])).returncode == Exit.DONE
    assert kept.run("tokens", "revoke", str(row["id"])).returncode == Exit.FOUND

    def noted(conn: Connection) -> list[tuple[str, str]]:
        return [(r.act, r.subject) for r in conn.execute(select(audit).order_by(audit.c.id))]

    assert in_ledger(kept, noted) == [("token_issued", "monitoring"), ("token_revoked", str(row["id"]))]


def test_a_token_with_an_unknown_scope_is_not_made(kept: Site) -> None:
    done = kept.run("tokens", "add", "x", "--scope", "everything")
    assert done.returncode == Exit.USAGE
    assert "no such scope: everything; there are: alarms:read" in done.stderr
    assert in_ledger(kept, lambda conn: conn.execute(select(api_token)).all()) == []


# conversations ------------------------------------------------------------------------------------------------------


def test_conversations_are_listed_without_texts(kept: Site) -> None:
    asyncio.run(write(kept, ["a", "b"]))
    done = kept.run("conversations", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["channel"], row["owner"], row["messages"], row["open"]) for row in rows] == [("web", "bot", 1, 1)] * 2
    assert "存款" not in done.stdout + kept.run("conversations").stdout


def test_what_people_left_is_shown_with_references_until_somebody_reveals_it_which_is_noted(kept: Site) -> None:
    asyncio.run(write(kept, ["a"]))
    vault = Vault.open(kept.settings.key_file)
    masked = vault.mask("13812345678")
    (hidden,) = masked.secrets
    conversation = json.loads(kept.run("conversations", "--json").stdout)["id"]

    def leave(conn: Connection) -> None:
        message = {"cause": "1:0", "text": "请回电", "contact": masked.text, "created_at": NOON}
        message |= {"role": "leader", "facts": {"institution": "中国建设银行", "amount": "20.00"}}
        conn.execute(insert(left_message).values(conversation_id=conversation, **message))
        sealed = {"ref": hidden.ref, "kind": hidden.kind, "fingerprint": hidden.fingerprint, "sealed": hidden.sealed}
        conn.execute(insert(secret).values(conversation_id=conversation, created_at=NOON, **sealed))

    in_ledger(kept, leave)
    row = json.loads(kept.run("conversations", "--queued", "--json").stdout)
    assert (row["text"], row["contact"], row["conversation"]) == ("请回电", f"⟦phone:{hidden.ref}⟧", conversation)
    assert (row["role"], row["facts"]) == ("leader", {"institution": "中国建设银行", "amount": "20.00"})
    shown = kept.run("conversations", "--queued").stdout
    assert "13812345678" not in shown
    assert "leader" in shown
    revealed = kept.run("conversations", "--queued", "--reveal", "--json")
    assert json.loads(revealed.stdout)["contact"].endswith("13812345678")
    acts = in_ledger(kept, lambda conn: [r.act for r in conn.execute(select(audit))])
    assert acts == ["contact_revealed"]

    assert kept.run("conversations", "--done", str(row["id"]), "--by", "Li").returncode == Exit.DONE
    assert in_ledger(kept, lambda conn: conn.execute(select(left_message.c.done_by)).scalar_one()) == "Li"
    assert in_ledger(kept, lambda conn: [r.act for r in conn.execute(select(audit))])[1:] == ["left_message_done"]  # type: ignore[index]
    assert kept.run("conversations", "--queued").stderr == "Nobody waits for a person.\n"
    assert kept.run("conversations", "--done", str(row["id"])).returncode == Exit.FOUND


def test_who_asked_for_a_person_and_left_nothing_yet_is_shown_with_the_reason(kept: Site) -> None:
    asyncio.run(write(kept, ["a"]))
    conversation = json.loads(kept.run("conversations", "--json").stdout)["id"]
    in_ledger(kept, lambda conn: handoff.ask(conn, conversation, cause="1:0", reason="fraud", now=NOON))
    row = json.loads(kept.run("conversations", "--queued", "--json").stdout)
    assert (row["reason"], row["state"], row["text"]) == ("fraud", "asked", "")
    shown = kept.run("conversations", "--queued").stdout
    assert "fraud" in shown
    assert kept.run("conversations", "--done", str(row["id"])).returncode == Exit.DONE
    assert kept.run("conversations", "--queued").stderr == "Nobody waits for a person.\n"


def test_a_transcript_is_shown_masked_until_somebody_reveals_it_and_each_look_is_noted(kept: Site) -> None:
    message = Inbound(sender="anna", external_id="m1", text="请打 13812345678")

    async def accept() -> str:
        store = await Store.open(kept.settings.ledger_url)
        inbox = Inbox(store, Vault.open(kept.settings.key_file))
        accepted = await inbox.accept(channel=ChannelId("web"), kind="web", inbound=message, now=NOON)
        await store.close()
        return accepted.conversation

    which = asyncio.run(accept())
    (line,) = [json.loads(one) for one in kept.run("conversations", which, "--json").stdout.splitlines()]
    assert (line["seq"], line["author"], line["at"]) == (1, "contact", NOON.isoformat())
    assert line["text"].startswith("请打 ⟦phone:")
    assert "13812345678" not in kept.run("conversations", which).stdout
    assert "13812345678" in kept.run("conversations", which, "--reveal").stdout
    acts = in_ledger(kept, lambda conn: [(r.act, r.subject) for r in conn.execute(select(audit))])
    assert acts == [*[("transcript_read", which)] * 3, ("transcript_revealed", which)]

    assert kept.run("conversations", "nobody").returncode == Exit.FOUND
    assert kept.run("conversations", which, "--queued").returncode == Exit.USAGE


# settings, doctor ---------------------------------------------------------------------------------------------------


def test_settings_show_what_is_set_and_hide_secrets(site: Site) -> None:
    env = {"QIANTAI_DATABASE_URL": "postgresql://me:hunter2@db/qiantai", "QIANTAI_HOTLINE_CITY": "杭州"}
    plain, machine = site.run("settings", env=env), site.run("settings", "--json", env=env)
    assert "QIANTAI_HOTLINE_CITY = 杭州  (default: empty)" in plain.stdout
    assert "hunter2" not in plain.stdout + machine.stdout
    rows = {row["env"]: row for row in map(json.loads, machine.stdout.splitlines())}
    assert rows["QIANTAI_HOTLINE_CITY"]["value"] == "杭州"
    assert rows["QIANTAI_PORT"]["default"] == "8080"


def test_doctor_says_in_words_what_is_missing_and_changes_nothing(site: Site) -> None:
    told = json.loads(site.run("doctor", "--json").stdout)
    # Who edits the page right now has one that is out of date; everything else must be well.
    wrong = [f["what"] for f in told["findings"] if f["level"] == "missing" and f["do"] != "./qiantai setup"]
    assert wrong == []
    assert not site.data.exists()

    prepare_ledger(site.settings)
    site.settings.key_file.unlink()
    done = site.run("doctor", env={"QIANTAI_CONTENT": "nowhere", "QIANTAI_CHANNELS": '{"x": {"kind": "fax"}}'})
    assert done.returncode == Exit.FOUND
    for missing in ("MISSING key file", "put it back from your backup", "MISSING content: ", 'unknown kind "fax"'):
        assert missing in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_doctor_with_wrong_settings_lists_them(site: Site) -> None:
    done = site.run("doctor", env={"QIANTAI_PORTT": "1"})
    assert done.returncode == Exit.FOUND
    assert "MISSING settings: QIANTAI_PORTT: there is no such setting" in done.stdout
