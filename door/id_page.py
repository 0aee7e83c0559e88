"""The page on which a consumer gives the number of an identity paper: /id/<token>, public, works once, needs no script.

Whoever has the address sees a form and nothing of the case. Unknown, used, replaced and old addresses look alike. A
look changes nothing: messengers fetch addresses to show a preview. No log line or metric has a token or a number.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import parse_qsl

import structlog
from sqlalchemy import Connection, select
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from bot import telling
from cases import codes, id_links, id_numbers
from cases.calendar import today
from cases.id_links import PATH, Form, Holder
from cases.id_numbers import BadNumber, Paper, Problem
from channels.web import Hotline
from core import alarm, outbox
from core.errors import LedgerBusy, QiantaiError, TooMany, WrongType
from core.live import Live
from core.model import Author, ChannelId, ConversationId, Language, Locale, Rendered, Say
from core.store import Store
from core.tables import conversation
from core.vault import Vault
from door import logs
from door.answers import unforeseen
from door.metrics import Metrics
from door.rates import Addresses
from door.reading import ClientGone, read_body
from door.socket import caller
from faq.folding import traditional
from faq.language import locale, script_of

log = structlog.get_logger()

PER_MINUTE = 60  # requests of one network address: many people share the one of a mobile network
WRONG_PER_MINUTE = 20  # of them at addresses that open nothing
WRONG_IN_ALL = 300  # the same of everybody; a token has 160 bits, so what this spares is work, and the owners pass
EARLY = 100  # of them that people on duty are told of
BODY_MAX = 32_768  # bytes; two numbers take 300
FIELDS_MAX = 20
RETRY_AFTER = {"Retry-After": "60"}
DONE = "done"  # what stands in a token's place once the number is there: to load it again sends nothing again
LANGUAGES: Mapping[Locale, tuple[str, str]] = {  # the name that people look for, and the tag for their screen readers
    "zh": ("简体", "zh-Hans"),
    "zh-Hant": ("繁體", "zh-Hant"),
    "en": ("English", "en"),
}

_TEMPLATE = Template(Path(__file__).with_suffix(".html").read_text(encoding="utf-8"))
_STYLE = _TEMPLATE.template.partition("<style>")[2].partition("</style>")[0]
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest())
# For every answer below PATH, errors too.
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cache-control", b"no-store"),
    (b"x-robots-tag", b"noindex, nofollow"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'sha256-" + _STYLE_HASH + b"'; img-src 'self'; base-uri 'none'; "
        b"form-action 'self'; frame-ancestors 'none'",
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Typed:
    """One of the papers as it was sent: the kind for the form to keep, and what is wrong with it, if anything is."""

    kind: str = id_numbers.KINDS[0]
    paper: Paper | None = None
    problem: Problem | None = None


class IdPages:
    """The page for every case; safe to be asked for any number at a time."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        live: Live,
        clock: Callable[[], datetime],
        render: Callable[[Say, Locale], Rendered],
        hotline: Callable[[Locale], Hotline],
        reads_ledger: Callable[[ChannelId], bool],
        default_language: Language,
        addresses: Addresses,
        metrics: Metrics,
    ) -> None:
        """`reads_ledger`: whether a channel's clients do, so that a commit is the delivery."""
        self._store = store
        self._vault = vault
        self._live = live
        self._clock = clock
        self._render = render
        self._hotline = hotline
        self._reads_ledger = reads_ledger
        self._default: Language = default_language
        self._addresses = addresses
        self._metrics = metrics
        self._requests = addresses.counted(PER_MINUTE)
        self._wrong = addresses.counted(WRONG_PER_MINUTE)
        self._all_wrong = addresses.counted(WRONG_IN_ALL)

    async def serve(self, request: Request) -> Response:
        """GET shows the form, POST takes what it holds."""
        try:
            self._addresses.take(self._requests, caller(request.scope))
            if request.method == "POST":
                return await self._take(request)
            return await self._look(request)
        except ClientGone:
            return Response(status_code=400)  # nobody is left to read it
        except (TooMany, LedgerBusy) as e:
            return self._busy(request, e.status)
        except QiantaiError:
            raise
        except Exception as e:  # in our own words: what handles failures for the whole door stands outside its headers
            unforeseen(e, path=logs.shown(PATH))
            return self._busy(request, 500)

    def _busy(self, request: Request, status: int) -> Response:
        self._count("refused")
        return self._word(_asked(request, self._default), "busy", status=status, headers=RETRY_AFTER)

    # ---- looking -----------------------------------------------------------------------------------------------------

    async def _look(self, request: Request) -> Response:
        token = _token(request)
        if token == DONE:
            return self._word(_asked(request, self._default), "done")
        form, spoken = await self._find(token)
        if form is None:
            return await self._gone(request)
        self._count("shown")
        shown = _chosen(request) or spoken or _asked(request, self._default)
        return self._form(shown, {holder: _Typed() for holder in form.holders})

    async def _find(self, token: str) -> tuple[Form | None, Locale | None]:
        now = self._clock()

        def query(conn: Connection) -> tuple[Form | None, Locale | None]:
            form = id_links.find(conn, self._vault, token, now=now)
            where = form.case.conversation_id if form is not None else None
            return form, self._spoken(conn, where) if where else None

        return await self._store.read(query)

    def _spoken(self, conn: Connection, where: str) -> Locale:
        query = select(conversation.c.language, conversation.c.spoken, conversation.c.script)
        row = conn.execute(query.where(conversation.c.id == where)).one()
        return locale(row.language, row.spoken or self._default, row.script)

    async def _gone(self, request: Request) -> Response:
        """The same for every address that opens nothing; many such tries are told to people on duty."""
        self._count("gone")
        n = self._all_wrong.take()
        if n == EARLY:
            now, detail = self._clock(), f"{n} tries in a minute at addresses of the identity page that open nothing"
            await self._store.write(
                lambda conn: alarm.raise_alarm(conn, "id_link_spraying", "the whole house", detail, now)
            )
        self._addresses.take(self._wrong, caller(request.scope))
        return self._word(_asked(request, self._default), "gone", status=404)

    # ---- taking ------------------------------------------------------------------------------------------------------

    async def _take(self, request: Request) -> Response:
        fields = await _fields(request)
        token = _token(request)
        form, spoken = await self._find(token)
        if form is None:
            return await self._gone(request)
        shown = _chosen(request) or spoken or _asked(request, self._default)
        typed: dict[Holder, _Typed] = {holder: _read(fields, holder, self._clock()) for holder in form.holders}
        papers: dict[Holder, Paper] = {holder: one.paper for holder, one in typed.items() if one.paper is not None}
        if len(papers) < len(typed):
            self._count("wrong")
            return self._form(shown, typed, status=422)
        where = await self._store.write(lambda conn: self._keep(conn, token, papers))
        if where is None:
            return await self._gone(request)
        self._count("received")
        log.info("id_number_received", conversation_id=where)
        if where:
            self._live.news(where)
            self._live.sends.add(where)
        return RedirectResponse(f"{PATH}{DONE}?l={shown}", status_code=303)

    def _keep(self, conn: Connection, token: str, papers: Mapping[Holder, Paper]) -> ConversationId | None:
        """Keeps the numbers and says so in the case's conversation, which it gives, "" where there is none; None if
        the link was used meanwhile."""
        now = self._clock()
        used = id_links.use(conn, self._vault, token, papers, now=now)
        if used is None:
            return None
        case = used.case
        if case.conversation_id is None:
            return ConversationId("")
        where = ConversationId(case.conversation_id)
        shown = self._spoken(conn, where)
        channel = conn.execute(select(conversation.c.channel_id).where(conversation.c.id == where)).scalar_one()
        language: Language = "en" if shown == "en" else "zh"
        by = telling.last_day(lambda say: self._render(say, shown), language, case.due_at, now)
        said = Say(
            key="id_link.received" if used.complete else "id_link.kept", args={"case_no": case.case_no, "by": by}
        )
        outbox.put(
            conn,
            where,
            [self._render(said, shown)],
            cause=f"id:{used.link}",
            author=Author.BOT,
            now=now,
            live=self._reads_ledger(ChannelId(channel)),
        )
        return where

    def _count(self, outcome: str) -> None:
        self._metrics.id_pages.labels(outcome).inc()

    # ---- showing -----------------------------------------------------------------------------------------------------

    def _form(self, shown: Locale, typed: Mapping[Holder, _Typed], *, status: int = 200) -> Response:
        def say(key: str) -> str:
            return self._say(key, shown)

        alert = f'<p class="alert" role="alert">{say("wrong")}</p>' if status != 200 else ""
        parts = "".join(self._paper(shown, holder, one, apart=len(typed) > 1) for holder, one in typed.items())
        facts = "".join(f"<li>{say(key)}</li>" for key in ("why", "who"))
        main = (
            f'<h1>{say("title")}</h1><p>{say("lead")}</p>{alert}<form method="post" autocomplete="off">{parts}'
            f'<button>{say("send")}</button><p class="once">{say("once")}</p></form><ul class="facts">{facts}</ul>'
        )
        return self._page(shown, "title", main, status=status)

    def _paper(self, shown: Locale, holder: Holder, typed: _Typed, *, apart: bool) -> str:
        """The two fields of one paper."""

        def option(kind: str) -> str:
            name = codes.name("id_type", kind, "en" if shown == "en" else "zh")
            name = traditional(name) if shown == "zh-Hant" else name
            return f'<option value="{kind}"{" selected" if kind == typed.kind else ""}>{escape(name)}</option>'

        options = "".join(map(option, id_numbers.KINDS))
        problem, about = typed.problem, f"{holder}-error"
        marks = f' aria-invalid="true" aria-describedby="{about}"' if problem else ""
        of_kind, of_number = (marks, "") if problem == "kind" else ("", marks)
        error = f'<p class="error" id="{about}">{self._say(f"wrong.{problem}", shown)}</p>' if problem else ""
        fields = (
            f'<label for="{holder}-kind">{self._say("kind", shown)}</label>'
            f'<select id="{holder}-kind" name="{holder}_kind"{of_kind}>{options}</select>'
            f"{error if of_kind else ''}"
            f'<label for="{holder}-number">{self._say("number", shown)}</label>'
            f'<input id="{holder}-number" name="{holder}_number" required autocomplete="off"'
            f' autocapitalize="characters" spellcheck="false" maxlength="{id_numbers.TYPED_MAX}"{of_number}>'
            f"{error if of_number else ''}"
        )
        return f"<fieldset><legend>{self._say(holder, shown)}</legend>{fields}</fieldset>" if apart else fields

    def _word(
        self, shown: Locale, key: str, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A page with nothing to do on it."""
        main = f"<h1>{self._say(key, shown)}</h1><p>{self._say(f'{key}.next', shown)}</p>"
        return self._page(shown, key, main, status=status, headers=headers)

    def _page(
        self, shown: Locale, title: str, main: str, *, status: int, headers: Mapping[str, str] | None = None
    ) -> Response:
        links = [
            f"<b>{name}</b>"
            if code == shown
            else f'<a href="?l={code}" lang="{tag}" hreflang="{tag}" rel="nofollow">{name}</a>'
            for code, (name, tag) in LANGUAGES.items()
        ]
        whole = _TEMPLATE.substitute(
            tag=LANGUAGES[shown][1],
            title=self._say(title, shown),
            house=escape(self._hotline(shown).name),
            languages="".join(links),
            main=main,
            caution=self._say("caution", shown),
        )
        return HTMLResponse(whole, status, headers)

    def _say(self, key: str, shown: Locale) -> str:
        return escape(self._render(Say(key=f"id_page.{key}"), shown).text)


def _token(request: Request) -> str:
    return str(request.path_params["link_id"])


def _chosen(request: Request) -> Locale | None:
    """The language that was picked on the page."""
    given = request.query_params.get("l")
    return next((code for code in LANGUAGES if code == given), None)


def _asked(request: Request, default: Language) -> Locale:
    """The language to answer in where no conversation says one: as picked, else as the browser asks for."""
    if (chosen := _chosen(request)) is not None:
        return chosen
    first = request.headers.get("accept-language", "").partition(",")[0].partition(";")[0].strip().lower()
    if not first or first == "*":
        return default
    return locale("", "zh" if first.startswith("zh") else "en", script_of(first))


async def _fields(request: Request) -> dict[str, str]:
    """What the form sent; WrongType, TooLarge."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise WrongType
    body = await read_body(request.receive, BODY_MAX)
    try:
        return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        return {}


def _read(fields: Mapping[str, str], holder: Holder, now: datetime) -> _Typed:
    kind = fields.get(f"{holder}_kind", "")
    known = kind if kind in id_numbers.KINDS else id_numbers.KINDS[0]
    try:
        paper = id_numbers.read(kind, fields.get(f"{holder}_number", ""), today=today(now))
    except BadNumber as e:
        return _Typed(kind=known, problem=e.problem)
    return _Typed(kind=known, paper=paper)
