"""A carrier that speaks SMPP 3.4, as far as a gateway asks for it: written from the standard, not from any library.

It takes one gateway's connections on a free loopback port, keeps what is submitted, answers as the test says, and
brings messages of consumers. Everything runs in threads of the test's own process, which end with `stop`.
"""

from __future__ import annotations

import itertools
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from channels._sms import header, segments
from door.cli.kannel import Carrier
from tests.kannel.gateway import Part

RESPONSE = 0x8000_0000
BIND_RECEIVER, BIND_TRANSMITTER, SUBMIT, DELIVER, UNBIND, BIND_TRANSCEIVER, ENQUIRE_LINK = 1, 2, 4, 5, 6, 9, 0x15
OK, BAD_COMMAND, WRONG_ADDRESS, BIND_FAILED, THROTTLED = 0, 0x03, 0x0B, 0x0D, 0x58
UDH_IN_TEXT, IS_RECEIPT = 0x40, 0x04  # bits of esm_class
ALWAYS, ON_FAILURE = 1, 2  # registered_delivery, its two lowest bits
UCS2 = 8  # data_coding
STATES = {"DELIVRD": (2, "000"), "EXPIRED": (3, "012"), "UNDELIV": (5, "011")}  # message_state, an error of our choice
RECEIPTED_MESSAGE_ID, MESSAGE_STATE = 0x001E, 0x0427  # optional parameters


@dataclass(frozen=True)
class Verdict:
    """What becomes of messages to one phone."""

    status: int = OK  # of the answer to submit_sm
    stat: str = "DELIVRD"  # of the receipt; "" for none
    early: bool = False  # the receipt overtakes the answer
    only_parts_with: str = ""  # for parts with other texts all goes well


@dataclass(frozen=True)
class Submitted:
    to: str
    part: Part


@dataclass
class Smsc:
    """`verdicts` by phone number; `submitted` is all that was taken, in order."""

    verdicts: defaultdict[str, Verdict] = field(default_factory=lambda: defaultdict(Verdict))
    submitted: list[Submitted] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)  # how often, by phone number

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.carrier = Carrier(
            host="127.0.0.1", port=self._listener.getsockname()[1], username="esme", password="secret"
        )
        self._ids = itertools.count(1001)
        self._sequence = itertools.count(1)
        self._lock = threading.Lock()
        self._bound: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def cut(self) -> None:
        """Ends every connection; the gateway comes back by itself."""
        with self._lock:
            for connection in self._bound:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def deliver(self, source: str, to: str, text: str, *, reversed_: bool = False) -> None:
        """Brings a consumer's message, in as many parts as it needs, the last first if `reversed_`."""
        parts = segments(text)
        numbered = list(enumerate(parts, start=1))
        for n, part in reversed(numbered) if reversed_ else numbered:
            udh = header(7, len(parts), n) if len(parts) > 1 else b""
            short = udh + part.encode("utf-16-be")
            self._send(self._bound[-1], DELIVER, _short_message(source, to, UDH_IN_TEXT if udh else 0, UCS2, short))

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            for command, sequence, body in _requests(connection):
                match command:
                    case _ if command == BIND_TRANSCEIVER:
                        username, password = body.split(b"\0")[:2]
                        good = (username, password) == (b"esme", b"secret")
                        if good:
                            self._bound.append(connection)
                        self._send(connection, command | RESPONSE, b"ours\0", sequence, OK if good else BIND_FAILED)
                    case _ if command == SUBMIT:
                        self._submit(connection, sequence, body)
                    case _ if command in (ENQUIRE_LINK, UNBIND):
                        self._send(connection, command | RESPONSE, b"", sequence)
                    case _ if not command & RESPONSE:
                        self._send(connection, RESPONSE, b"", sequence, BAD_COMMAND)
        with self._lock:
            self._bound = [one for one in self._bound if one is not connection]

    def _submit(self, connection: socket.socket, sequence: int, body: bytes) -> None:
        source, to, esm_class, registered, data_coding, short = _read_short_message(body)
        length = short[0] + 1 if esm_class & UDH_IN_TEXT else 0
        text = short[length:].decode("utf-16-be" if data_coding == UCS2 else "ascii")
        verdict = self.verdicts[to] if self.verdicts[to].only_parts_with in text else Verdict()
        if verdict.status != OK:
            self.refused[to] += 1
            self._send(connection, SUBMIT | RESPONSE, b"\0", sequence, verdict.status)
            return
        self.submitted.append(Submitted(to, Part(short[:length], text)))
        name = str(next(self._ids))
        receipt = _receipt(source, to, name, verdict.stat, text) if verdict.stat else b""
        wanted = receipt and (registered & 3 == ALWAYS or (registered & 3 == ON_FAILURE and verdict.stat != "DELIVRD"))
        if wanted and verdict.early:
            self._send(connection, DELIVER, receipt)
        self._send(connection, SUBMIT | RESPONSE, f"{name}\0".encode(), sequence)
        if wanted and not verdict.early:
            self._send(connection, DELIVER, receipt)

    def _send(self, to: socket.socket, command: int, body: bytes, sequence: int = 0, status: int = OK) -> None:
        with self._lock:
            head = struct.pack(">IIII", 16 + len(body), command, status, sequence or next(self._sequence))
            to.sendall(head + body)


class SmppPhone:
    """A consumer of that carrier."""

    channel = "smpp"

    def __init__(self, smsc: Smsc, number: str, to: str) -> None:
        self.number = number
        self.sender = f"+{number}"  # its numbers come as international ones
        self._smsc = smsc
        self._to = to

    def says(self, text: str) -> None:
        self._smsc.deliver(self.number, self._to, text)

    def parts(self) -> list[Part]:
        return [one.part for one in self._smsc.submitted if one.to == self.number]


def _requests(connection: socket.socket) -> Iterator[tuple[int, int, bytes]]:
    """Command, sequence number and body of each PDU, until the line is cut."""
    file = connection.makefile("rb")
    while len(head := file.read(16)) == 16:
        length, command, _, sequence = struct.unpack(">IIII", head)
        yield command, sequence, file.read(length - 16)


def _short_message(source: str, to: str, esm_class: int, data_coding: int, short: bytes) -> bytes:
    """The body of a deliver_sm."""
    addresses = b"\0" + bytes([1, 1]) + source.encode() + b"\0" + bytes([1, 1]) + to.encode() + b"\0"
    return addresses + bytes([esm_class, 0, 0]) + b"\0\0" + bytes([0, 0, data_coding, 0, len(short)]) + short


def _receipt(source: str, to: str, name: str, stat: str, text: str) -> bytes:
    """The body of a deliver_sm that tells `source` what became of its message to `to`."""
    state, error = STATES[stat]
    report = (
        f"id:{name} sub:001 dlvrd:{int(stat == 'DELIVRD'):03} submit date:2611221200 done date:2611221201 "
        f"stat:{stat} err:{error} text:{text[:10]}"
    )
    named = name.encode() + b"\0"
    return (
        _short_message(to, source, IS_RECEIPT, 0, report.encode("ascii", "replace"))
        + struct.pack(">HH", RECEIPTED_MESSAGE_ID, len(named))
        + named
        + struct.pack(">HHB", MESSAGE_STATE, 1, state)
    )


def _read_short_message(body: bytes) -> tuple[str, str, int, int, int, bytes]:
    """Source, destination, esm_class, registered_delivery, data_coding and short_message of a submit_sm."""
    _, rest = body.split(b"\0", 1)
    source, rest = rest[2:].split(b"\0", 1)
    to, rest = rest[2:].split(b"\0", 1)
    esm_class, rest = rest[0], rest[3:]
    _, _, rest = rest.split(b"\0", 2)
    registered, _, data_coding, _, length = rest[:5]
    return source.decode(), to.decode(), esm_class, registered, data_coding, rest[5 : 5 + length]
