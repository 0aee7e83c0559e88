"""A Kannel of our own on free loopback ports, with the configuration that `channels kannel-config` writes."""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import IO, Protocol

from channels.kannel import Config
from core.model import ChannelId
from door.cli.kannel import Carrier, Gateway, render
from door.cli.setup.system import KANNEL
from tests.servers import free_port
from tests.waiting import wait_until

BEARERBOX, SMSBOX, FAKESMSC = KANNEL
PARTS = re.compile(rb"Got message \d+: <(.*)>")


class Part:
    """One short message as a phone gets it: its header and its text."""

    def __init__(self, udh: bytes, text: str) -> None:
        self.udh = udh
        self.text = text

    def __repr__(self) -> str:
        return f"Part({self.udh.hex()}, {self.text!r})"


class Phone(Protocol):
    """The consumer's end, behind whatever carrier."""

    number: str
    sender: str  # how Kannel names it to the house
    channel: str

    def says(self, text: str) -> None:
        """Writes to the house's number."""
        ...

    def parts(self) -> list[Part]:
        """What came, in the order of its coming."""
        ...


def joined(parts: list[Part]) -> list[str]:
    """The messages that a phone shows: those of several parts once all have come."""
    shown: list[str] = []
    waiting: dict[tuple[int, int], dict[int, str]] = {}
    for part in parts:
        if not part.udh:
            shown.append(part.text)
            continue
        reference, count, number = part.udh[3:6]
        have = waiting.setdefault((reference, count), {})
        have[number] = part.text
        if len(have) == count:
            shown.append("".join(have[n] for n in sorted(have)))
            del waiting[reference, count]
    return shown


class Box:
    """One program of Kannel; its pid is the only one that is ever signalled."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command = command
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, stdin: int = subprocess.DEVNULL) -> IO[bytes] | None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdin=stdin, stdout=log, stderr=log)
        return self._process.stdin

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            if self._process.stdin:
                self._process.stdin.close()


class RealKannel:
    """bearerbox and smsbox for one channel; may be killed and started again on the same store."""

    def __init__(self, folder: Path, channel: str, house_url: str, carrier: Carrier | None = None) -> None:
        self.folder = folder
        self.fake_port = free_port()
        self.channel = {
            "kind": "kannel",
            "secret": "only-kannel-and-the-house-know",
            "number": "10690001",
            "send_url": f"http://127.0.0.1:{free_port()}/cgi-bin/sendsms",
            "username": "door",
            "password": "door-password",
            "house_url": house_url,
        }
        self._admin_port, box_port = free_port(), free_port()
        for name in ("spool", "dlr"):
            (folder / name).mkdir(parents=True)
        config = Config.model_validate({k: v for k, v in self.channel.items() if k != "kind"})
        text = render(
            ChannelId(channel),
            config,
            Gateway(
                state=folder,
                carrier=carrier,
                admin_port=self._admin_port,
                box_port=box_port,
                fake_port=self.fake_port,
                repeat_seconds=1,
                join_seconds=5,
                resend_seconds=1,
                reconnect_seconds=1,
            ),
        )
        file = folder / "kannel.conf"
        file.write_text(text)
        self._password = re.findall(r'status-password = "(.*)"', text)[0]
        self._bearerbox = Box([str(BEARERBOX), "-v", "1", str(file)], folder / "bearerbox.out")
        self._smsbox = Box([str(SMSBOX), "-v", "1", str(file)], folder / "smsbox.out")

    def start(self) -> None:
        """Both boxes, ready to take and to bring messages."""
        self._bearerbox.start()
        wait_until(lambda: "Status: running" in self.status(), self.log)
        self._smsbox.start()
        wait_until(lambda: "smsbox:" in self.status() and self._sends(), self.log)

    def kill(self) -> None:
        """As if the power had gone."""
        self._smsbox.kill()
        self._bearerbox.kill()

    def status(self) -> str:
        """What bearerbox says of itself, "" if it is not there."""
        query = urllib.parse.urlencode({"password": self._password})
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._admin_port}/status.txt?{query}", timeout=2) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def _sends(self) -> bool:
        try:
            urllib.request.urlopen(self.channel["send_url"], timeout=2)
        except urllib.error.HTTPError:
            return True  # it wants a password
        except OSError:
            return False
        return True

    def links(self) -> str:
        """The part of the status that is about the carrier."""
        return self.status().partition("SMSC connections:")[2]

    def log_of(self, box: str) -> str:
        return (self.folder / f"{box}.out").read_text(errors="replace")

    def log(self) -> str:
        files = sorted(self.folder.glob("*.out")) + sorted(self.folder.glob("*.log"))
        return "\n".join(f"{f.name}:\n{f.read_text(errors='replace')[-1500:]}" for f in files)


class FakePhone:
    """Kannel's own made-up phone, which is the carrier too; only one may be connected, so consumers share it."""

    def __init__(self, gateway: RealKannel) -> None:
        self.to = gateway.channel["number"]
        self._gateway = gateway
        self._log = gateway.folder / "phone.log"
        command = [str(FAKESMSC), "-r", str(gateway.fake_port), "-m", "-1", "-i", "0.01"]
        self._program = Box(command, self._log)
        self._in: IO[bytes] | None = None

    def start(self) -> None:
        self._in = self._program.start(subprocess.PIPE)
        wait_until(lambda: "(online" in self._gateway.links(), self._gateway.log)

    def kill(self) -> None:
        self._program.kill()

    def of(self, number: str) -> FakeConsumer:
        return FakeConsumer(self, number)

    def send(self, line: str) -> None:
        assert self._in is not None
        assert len(line) < 255, "the program cuts longer lines"
        self._in.write(f"{line}\n".encode())
        self._in.flush()

    def got(self) -> list[tuple[str, Part]]:
        """Every part that came, with the number it came to."""
        return [_read(line.decode()) for line in PARTS.findall(self._log.read_bytes())]


class FakeConsumer:
    """One of the numbers that the made-up phone stands for."""

    channel = "sms"

    def __init__(self, phone: FakePhone, number: str) -> None:
        self.number = self.sender = number
        self._phone = phone

    def says(self, text: str) -> None:
        self._phone.send(f"{self.number} {self._phone.to} ucs2 {urllib.parse.quote(text.encode('utf-16-be'))}")

    def parts(self) -> list[Part]:
        return [part for to, part in self._phone.got() if to == self.number]


def _read(line: str) -> tuple[str, Part]:
    """`from to text|ucs-2|udh <header> data|… <text>`, as fakesmsc prints what it gets."""
    _, to, kind, rest = line.split(" ", 3)
    udh = b""
    if kind == "udh":
        head, kind, rest = rest.split(" ", 2)
        udh = urllib.parse.unquote_to_bytes(head)
    if kind == "text":
        return to, Part(udh, rest)
    return to, Part(udh, urllib.parse.unquote_to_bytes(rest.replace("+", " ")).decode("utf-16-be"))
