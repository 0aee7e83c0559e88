"""Calls of the Bot API: how python-telegram-bot's go out, and what their failures mean for the sender."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Generator
from typing import Any, cast

from telegram.error import Forbidden, TelegramError
from telegram.request import BaseRequest, RequestData

from channels import CutOff
from channels._http import RETRY_AFTER_MAX, Answer, Client, failure
from channels._media import Files
from core.errors import SendError

logging.getLogger("telegram").setLevel(logging.WARNING)  # below it the library writes whole messages

ANSWER_BYTES = 4_194_304  # 20 updates with the longest texts, quoted and escaped

_SENTENCE = re.compile(r"[A-Za-z0-9 _',:;().-]{1,200}")  # of the Bot API's own; others may quote the consumer
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Wire(BaseRequest):
    """How the library's calls go out: over the session that all channels share, judged as all are."""

    def __init__(self, within: float, origin: str) -> None:
        """`within`: seconds one call may take; `origin`: of the server."""
        self._http = Client()
        self._files = Files([origin])
        self._within = within

    @property
    def read_timeout(self) -> float:
        return self._within

    async def initialize(self) -> None:
        await self._http.start()
        await self._files.start()

    async def shutdown(self) -> None:
        await self._http.close()
        await self._files.close()

    async def file(self, url: str, most: int) -> bytes:
        """The file at an address on the server of the Bot API; SendError if there is none of at most `most` bytes."""
        return (await self._files.get(url, most)).body

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        body = request_data.url_encoded_parameters().encode() if request_data else b""
        within = read_timeout if isinstance(read_timeout, float) else self._within
        answer = await self._http.post(url, body=body, headers=_FORM, within=within, at_most=ANSWER_BYTES)
        _judge(answer)
        return answer.status, answer.body


def _judge(answer: Answer) -> None:
    """Raise what all kinds raise alike, and what the library would take for something else."""
    said = answer.object()
    error = failure(answer)
    if answer.status == 429:
        told = cast("dict[str, Any]", said.get("parameters") or {}).get("retry_after")
        wait = min(float(told), RETRY_AFTER_MAX) if isinstance(told, int) else error.retry_after if error else None
        limit = "recipient_limit" if said.get("ok") is False else "throttled"  # a proxy's own is nobody's chat
        raise SendError(limit, "HTTP 429", retryable=True, retry_after=wait)
    if error and (answer.status >= 500 or said.get("ok") is not False):
        raise error  # out of order, or no word of a Bot API server at all
    if error is None and not (said.get("ok") is True and "result" in said):
        raise SendError(
            "refused", f'HTTP {answer.status}: the answer is not {{"ok": true, "result": …}}', retryable=False
        )


@contextlib.contextmanager
def judged() -> Generator[None]:
    """The library's failures as the sender knows them."""
    try:
        yield
    except Forbidden:  # blocked by the contact, or the contact is gone
        raise SendError("contact_stopped", "HTTP 403", retryable=False) from None
    except TelegramError as e:
        if isinstance(e.__cause__, SendError):
            raise e.__cause__ from None
        words = e.message if _SENTENCE.fullmatch(e.message) else type(e).__name__
        raise SendError("refused", words, retryable=False) from None
    except (TypeError, ValueError, KeyError, AttributeError):
        raise CutOff("server_down", "taken, but the answer is not what was asked for", retryable=True) from None
