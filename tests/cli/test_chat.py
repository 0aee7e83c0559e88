"""The terminal as a client of the web chat protocol: with a house of its own, and with one that misbehaves."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from door.cli.exits import Exit
from door.cli.setup import steps
from door.cli.talk import lines_of
from tests.cli.conftest import Site
from tests.waiting import PATIENCE

WELCOME = {"type": "welcome", "token": "t" * 43, "conversation": "c1", "seq": 0, "language": "zh"} | {
    "hotline": {"name": "12363", "number": "12363", "hours": ""}
}


class Desk:
    """A server that says what a test wants: `answer` gets each msg frame and the socket."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.hellos: list[dict[str, Any]] = []
        self.seq = 0

    async def answer(self, frame: dict[str, Any], socket: web.WebSocketResponse) -> None:
        await self.reply(socket, f"echo {frame.get('text') or frame.get('payload')}")

    async def reply(self, socket: web.WebSocketResponse, text: str, author: str = "bot", **more: Any) -> None:
        self.seq += 1
        frame = {"type": "msg", "seq": self.seq, "from": author, "text": text, "buttons": [], "source": "", "entry": ""}
        await socket.send_json(frame | {"at": "2026-11-21T04:00:00+00:00"} | more)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.hellos.append(await socket.receive_json())
        await socket.send_json(WELCOME)
        if len(self.hellos) == 1:
            await self.reply(socket, "您好")
        async for message in socket:
            frame = json.loads(message.data)
            if frame["type"] == "msg":
                self.said.append(frame)
                await self.answer(frame, socket)
        return socket

    @asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_get("/socket/web", self.serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        await runner.cleanup()


async def ask(site: Site, desk: Desk, stdin: str, *words: str) -> tuple[int, list[dict[str, Any]], str]:
    async with desk.open() as url:
        done = await asyncio.to_thread(site.run, "chat", "--json", "--url", url, *words, stdin=stdin)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


async def test_each_line_gives_one_line_with_its_replies_and_the_greeting_is_nobodys_answer(site: Site) -> None:
    code, lines, err = await ask(site, Desk(), "一\n\n  \n二\n")
    assert (code, err) == (Exit.DONE, "")
    assert [(line["text"], [r["text"] for r in line["replies"]]) for line in lines] == [
        ("一", ["echo 一"]),
        ("二", ["echo 二"]),
    ]
    assert all(0 < line["ms"] < 40_000 for line in lines)
    assert lines[0]["replies"][0] == {"text": "echo 一", "buttons": [], "source": "", "entry": ""}


async def test_all_replies_of_a_turn_belong_to_its_line_also_those_behind_a_holding_sentence(site: Site) -> None:
    class Slow(Desk):
        async def answer(self, frame: dict[str, Any], socket: web.WebSocketResponse) -> None:
            await self.reply(socket, frame["text"], author="contact", cid=frame["cid"])
            await socket.send_json({"type": "typing", "on": True})
            await self.reply(socket, "请稍等")
            await asyncio.sleep(0.4)  # longer than the silence that ends a turn's replies
            await self.reply(
                socket, "答案", buttons=[{"title": "更多", "payload": "/more"}], source="依据", entry="F22"
            )
            await self.reply(socket, "下一步")
            await socket.send_json({"type": "typing", "on": False})

    _, lines, _ = await ask(site, Slow(), "一\n二\n")
    assert [[r["text"] for r in line["replies"]] for line in lines] == [["请稍等", "答案", "下一步"]] * 2
    assert lines[0]["replies"][1]["entry"] == "F22"
    assert lines[0]["ms"] >= 400


async def test_a_cut_connection_is_taken_up_again_and_the_message_is_sent_again_as_the_same_one(site: Site) -> None:
    class Cutting(Desk):
        async def answer(self, frame: dict[str, Any], socket: web.WebSocketResponse) -> None:
            if len(self.said) == 1:
                await socket.close(code=1012)
            else:
                await super().answer(frame, socket)

    desk = Cutting()
    code, lines, _ = await ask(site, desk, "一\n")
    assert code == Exit.DONE
    assert [r["text"] for r in lines[0]["replies"]] == ["echo 一"]
    assert [hello["token"] for hello in desk.hellos] == ["", "t" * 43]
    assert desk.hellos[1]["last_seq"] == 1
    assert desk.said[0]["cid"] == desk.said[1]["cid"]


async def test_a_message_refused_for_its_frequency_is_sent_again(site: Site) -> None:
    class Busy(Desk):
        async def answer(self, frame: dict[str, Any], socket: web.WebSocketResponse) -> None:
            if len(self.said) == 1:
                await socket.send_json({"type": "error", "code": "too_many", "text": "later", "cid": frame["cid"]})
            else:
                await super().answer(frame, socket)

    desk = Busy()
    _, lines, err = await ask(site, desk, "一\n")
    assert err == "The house takes no more messages of one visitor for now; going on as it does.\n"
    assert [r["text"] for r in lines[0]["replies"]] == ["echo 一"]
    assert desk.said[0]["cid"] == desk.said[1]["cid"]


async def test_a_refused_message_and_one_without_an_answer_are_lines_too(site: Site) -> None:
    class Mute(Desk):
        async def answer(self, frame: dict[str, Any], socket: web.WebSocketResponse) -> None:
            if frame["text"] == "长":
                await socket.send_json(
                    {"type": "error", "code": "too_long", "text": "at most 4000", "cid": frame["cid"]}
                )

    _, lines, _ = await ask(site, Mute(), "长\n静\n", "--timeout", "1")
    assert lines[0]["error"] == {"code": "too_long", "text": "at most 4000"}
    assert lines[0]["replies"] == []
    assert (lines[1]["replies"], "error" in lines[1]) == ([], False)
    assert lines[1]["ms"] >= 1000


async def test_a_person_sees_replies_sources_and_buttons_and_presses_one(site: Site) -> None:
    class Buttons(Desk):
        async def answer(self, frame: dict[str, Any], socket: web.WebSocketResponse) -> None:
            more = [{"title": "详细说明", "payload": "/more"}] if frame.get("text") else []
            await self.reply(
                socket, f"<{frame.get('text') or frame['payload']}>", buttons=more, source="依据：第十七条"
            )

    desk = Buttons()
    async with desk.open() as url:
        done = await asyncio.to_thread(site.run, "chat", "--url", url, stdin=":1\n信用\n:2\n:1\n")
    assert done.returncode == Exit.DONE
    for shown in ("您好", "<信用>", "依据：第十七条", ":1 详细说明", "</more>"):
        assert shown in done.stdout
    assert "There is no button :1 here." in done.stderr
    assert "There is no button :2; :1 to :1 are there." in done.stderr
    assert (desk.said[1]["payload"], desk.said[1]["title"]) == ("/more", "详细说明")


def test_without_a_house_the_sentence_says_how_to_get_one(site: Site) -> None:
    done = site.run("chat", "--json", stdin="你好\n")
    assert done.returncode == Exit.AWAY
    assert done.stderr == (
        f"qiantai: no house answers at http://127.0.0.1:{site.env['QIANTAI_PORT']}: start it with ./qiantai up, "
        "or use --embedded for one of its own\n"
    )


@pytest.mark.parametrize(
    "words", [("--language", "fr"), ("--embedded", "--url", "http://127.0.0.1:1"), ("--timeout", "0")]
)
def test_wrong_use_is_told(site: Site, words: tuple[str, ...]) -> None:
    assert site.run("chat", *words).returncode == Exit.USAGE


def test_an_embedded_house_answers_with_entry_and_source_and_leaves_nothing_behind(site: Site, tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    questions = "怎么查自己的信用报告？\nHow much of my deposit is insured?\n"
    done = site.run("chat", "--json", "--embedded", stdin=questions, env={"TMPDIR": str(temporary)}, seconds=180)
    assert done.returncode == Exit.DONE, done.stderr
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert first["replies"][0]["entry"] == "F22"
    assert "依据" in first["replies"][0]["source"]
    assert second["replies"][0]["entry"] == "F77"
    assert "Source" in second["replies"][0]["source"]
    assert not site.data.exists()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("source", ["pipe", "file"])
async def test_lines_come_whole_from_pipes_and_files_and_cut_characters_are_joined(tmp_path: Path, source: str) -> None:
    text = "一二\r\n\nthree\nno end".encode()
    if source == "file":
        (tmp_path / "f").write_bytes(text)
        read = os.open(tmp_path / "f", os.O_RDONLY)
    else:
        read, write = os.pipe()
        os.write(write, text[:2])  # in the middle of a character
        asyncio.get_running_loop().call_later(0.05, lambda: (os.write(write, text[2:]), os.close(write)))
    assert [line async for line in lines_of(read)] == ["一二", "", "three", "no end"]
    os.close(read)


async def test_ctrl_c_at_the_prompt_ends_the_talk_at_once(site: Site) -> None:
    keyboard, terminal = os.openpty()
    async with Desk().open() as url:
        talk = await asyncio.create_subprocess_exec(
            *site.command("chat", "--url", url),
            env=dict(site.env),
            cwd=steps.ROOT,
            stdin=terminal,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert talk.stdout is not None
        async with asyncio.timeout(PATIENCE):
            await talk.stdout.readuntil(b"> ")
            talk.send_signal(signal.SIGINT)
            assert await talk.wait() == Exit.INTERRUPTED
    os.close(keyboard)
    os.close(terminal)
