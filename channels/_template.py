"""What the vendors of approved templates have in common: what of a text fits into one, and how they call us.

They sign nothing that they bring: the secret in our address, and the addresses they may call from, stand for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Generic, TypeVar, cast

from pydantic import Field

from channels import BaseConfig, Clock, CutOff, Parsed, WebhookRequest
from channels._address import BaseUrl, address_problems, connection_problem
from channels._callers import ANYWHERE, Callers, Networks, PathSecret
from channels._http import Answer, Client, failure
from channels._text import is_border
from core.errors import NotFound, SendError
from core.model import Capabilities, ChannelId

TEXT, LINK = "{text}", "{link}"  # what a parameter of a template may carry; anything else stands for itself
WIDGET = "/widget/"  # the page with the web chat, under our public address

_ADDRESS = re.compile(r"https?://\S+")  # vendors refuse a message with an address in a parameter
_BLANKS = re.compile(r"\s+")
_ELLIPSIS = "…"
_CODE = re.compile(r"[A-Za-z0-9_.:-]{1,64}")

NAME_MAX = 200  # characters of an id or a code
SAMPLE_NUMBER = "12000000000"  # no mobile number begins like this

TextMax = Annotated[int, Field(ge=5, le=500, description="characters of the reply that {text} carries")]
ApiUrl = Annotated[BaseUrl, Field(description="where the calls go: straight to them, or a relay of yours")]
Host = Annotated[str, Field(pattern=r"^[a-z0-9.-]+$", description="the host that is signed")]


class TemplateConfig(BaseConfig):
    secret: PathSecret = Field(
        description="16 or more of A-Z a-z 0-9 _ -: the part of our address that they alone know"
    )
    sign_name: str = Field(min_length=2, description="the approved signature, without 【】")
    public_url: str = Field(default="", description="our address; default: QIANTAI_PUBLIC_BASE_URL")
    link: str = Field(default="", description="where consumers read on; default: the web chat at our public address")
    text_max: TextMax
    allow: Networks = Field(default=ANYWHERE, description="addresses and networks that they call from")
    api_url: ApiUrl
    timeout: float = Field(default=10.0, ge=0.1, le=60.0, description="seconds one call may take")


_Config = TypeVar("_Config", bound=TemplateConfig)


class TemplateSms(Generic[_Config]):
    """One signature and template of an account."""

    def __init__(
        self, channel_id: ChannelId, config: _Config, clock: Clock, readers: Mapping[str, Callable[[bytes], Parsed]]
    ) -> None:
        """`readers`: by the last word of our address, what is made of a body."""
        self.id = channel_id
        self.capabilities = Capabilities(free_text=False, receipts=True, text_max=config.text_max, resend_unknown=False)
        self._config, self._clock, self._readers = config, clock, readers
        self._callers = Callers(config.secret, config.allow)
        self._http = Client()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r})"

    def parse(self, request: WebhookRequest) -> Parsed:
        reader = self._readers.get(request.path.rpartition("/")[2]) if request.method == "POST" else None
        if reader is None:
            raise NotFound
        self._callers.verify(request)
        return reader(request.body)

    async def start(self) -> None:
        await self._http.start()

    async def close(self) -> None:
        await self._http.close()


async def check(channel_id: ChannelId, config: BaseConfig, public_url: str) -> list[str]:
    unreachable = await connection_problem(cast(TemplateConfig, config).api_url)
    return [*address_problems(public_url, tls=False), *([f"api_url: {unreachable}"] if unreachable else [])]


def taken(
    answer: Answer, code: object, external_id: object, *, good: str, errors: Mapping[str, tuple[str, bool]], rest: float
) -> str:
    """Their id of a message that they took; a failure is told by its `code`, whatever the HTTP status.

    `errors`: what a code means, and whether it is tried again; every other one is about our settings or the content,
    and refused. `rest`: seconds until a number that got too many is tried again."""
    said = f"HTTP {answer.status}: {shown(code)}"
    if isinstance(code, str) and code in errors:
        name, again = errors[code]
        raise SendError(name, said, retryable=again, retry_after=rest if again and name == "recipient_limit" else None)
    error = failure(answer)
    if error is not None and error.may_retry:
        raise error
    if error is not None or code != good or not isinstance(external_id, str) or not external_id:
        raise SendError("refused", said, retryable=False)
    return external_id[:NAME_MAX]


def may_have_sent(answer: Answer, code: str) -> CutOff:
    """The failure for a code that is said after the message may have gone on to the carrier."""
    return CutOff("server_down", f"HTTP {answer.status}: {code}", retryable=True)


def shown(code: object) -> str:
    """A code for machines; prose may quote the number."""
    return code if isinstance(code, str) and _CODE.fullmatch(code) else "no code"


def problem(carries: str) -> str:
    """Why a parameter cannot be given like this, or "" if it can."""
    if not carries or not carries.isprintable():
        return "a parameter carries {text}, {link} or a fixed text"
    if carries not in (TEXT, LINK) and ("{" in carries or "}" in carries):
        return "a parameter carries {text}, {link} or a fixed text, one of them and nothing beside it"
    return ""


def filled(carries: str, text: str, link: str) -> str:
    """The value of a parameter that carries this."""
    return {TEXT: text, LINK: link}.get(carries, carries)


def short(text: str, limit: int) -> str:
    """What of `text` a parameter of `limit` characters carries: one line, without addresses, "…" where it is cut."""
    line = _BLANKS.sub(" ", _ADDRESS.sub("", text)).strip()
    if len(line) <= limit:
        return line or _ELLIPSIS
    end = next((at for at in range(limit - 1, 0, -1) if is_border(line, at)), 0)
    return line[:end].rstrip() + _ELLIPSIS


def link_to(link: str, public_url: str) -> str:
    """Where the consumer goes on: the address that is set, else our page with the web chat, else ""."""
    return link or (public_url and public_url.rstrip("/") + WIDGET)
