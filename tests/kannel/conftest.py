"""The whole way of a short message: phone, carrier, Kannel, house, brain, and back. Only the carrier is made up."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model import ChannelId
from core.vault import Vault
from door.cli.setup.system import KANNEL
from tests.flow.conftest import ROOT, RealHouse
from tests.kannel.gateway import FakePhone, Phone, RealKannel, joined
from tests.kannel.smsc import SmppPhone, Smsc
from tests.waiting import wait_until

# Three parts, and at both borders an emoji that a cut by units would tear.
LONG = "再见！" + "祝" * 63 + "🏦" + "您" * 58 + "👨‍👩‍👧" + "好" * 20


class Site:
    """A house with two numbers: one behind Kannel's made-up carrier, one behind a carrier that speaks SMPP."""

    def __init__(self, folder: Path) -> None:
        content = folder / "content"
        shutil.copytree(ROOT / "faq" / "content", content)
        responses = content / "responses" / "zh.yml"
        lines = responses.read_text().splitlines()
        responses.write_text("\n".join(f"goodbye: {LONG}" if x.startswith("goodbye:") else x for x in lines) + "\n")
        settings = folder / "qiantai.toml"
        self.house = RealHouse(
            folder,
            QIANTAI_CONFIG=str(settings),
            QIANTAI_CONTENT=str(content),
            QIANTAI_HOLD_AFTER="200",  # seconds: how long a restart takes must not change what a phone hears
            QIANTAI_TURN_WINDOW="300",
        )
        self.smsc = Smsc()
        self.fake = RealKannel(folder / "fake", "sms", self.house.base)
        self.smpp = RealKannel(folder / "smpp", "smpp", self.house.base, self.smsc.carrier)
        channels = {"sms": self.fake.channel, "smpp": self.smpp.channel}
        settings.write_text(
            "\n".join(
                f"[channels.{id}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in one.items())
                for id, one in channels.items()
            )
        )
        self.carrier_phone = FakePhone(self.fake)
        self._numbers = itertools.count(13_800_000_001)

    def start(self) -> None:
        self.begin(self.fake)
        self.begin(self.smpp)
        self.carrier_phone.start()
        self.house.start()

    def begin(self, gateway: RealKannel) -> None:
        """Kannel with its link to the carrier, if that is the one over SMPP."""
        gateway.start()
        if gateway is self.smpp:
            wait_until(lambda: "(online" in gateway.links(), gateway.log)

    def stop(self) -> None:
        self.house.stop()
        self.carrier_phone.kill()
        self.fake.kill()
        self.smpp.kill()
        self.smsc.stop()

    def phone(self, way: str) -> Phone:
        """A consumer who never wrote before."""
        number = str(next(self._numbers))
        if way == "fakesmsc":
            return self.carrier_phone.of(number)
        return SmppPhone(self.smsc, number, self.smpp.channel["number"])

    def hears(self, phone: Phone, count: int = 1) -> list[str]:
        """What the phone shows once it is `count` messages."""

        def shown() -> list[str]:
            messages = joined(phone.parts())
            return messages if len(messages) >= count else []

        return wait_until(shown, self.house.log.read_text)

    def ledger(self, query: str, *values: object) -> list[tuple[object, ...]]:
        with sqlite3.connect(self.house.data / "qiantai.db") as ledger:
            return ledger.execute(query, values).fetchall()

    def last_sent(self, phone: Phone) -> tuple[str, str]:
        """State and error of what was last said to a phone, ("", "") before that."""
        rows = self.ledger(
            "SELECT state, error FROM outbox WHERE conversation_id = ? ORDER BY id DESC LIMIT 1",
            self._conversation(phone),
        )
        return (str(rows[0][0]), str(rows[0][1])) if rows else ("", "")

    def accepted(self, phone: Phone) -> int:
        """How many messages of a phone are in the ledger."""
        [(count,)] = self.ledger("SELECT count(*) FROM inbox WHERE conversation_id = ?", self._conversation(phone))
        return int(str(count))

    def _conversation(self, phone: Phone) -> str:
        return Vault.open(self.house.data / "keys.json").conversation_id(ChannelId(phone.channel), phone.sender)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if lacking := [program.name for program in KANNEL if not program.exists()]:
        why = f"not installed: {', '.join(lacking)}; apt-get install --no-install-recommends kannel kannel-extras"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(why, pytrace=False)
        pytest.skip(why)
    made = Site(tmp_path_factory.mktemp("kannel"))
    try:
        made.start()
        yield made
    finally:
        made.stop()
