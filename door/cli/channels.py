"""`channels`: which there are, what is wrong with their settings, and sample traffic for a running house."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlencode, urlsplit

import typer

from door.cli.common import Json, address, dump, say, table
from door.cli.common import settings as load_settings
from door.cli.exits import Exit, fail

if TYPE_CHECKING:
    from channels import BaseConfig, WebhookRequest
    from core.model import ChannelId
    from core.settings import Settings

    Check = Callable[[ChannelId, BaseConfig, str], Awaitable[list[str]]]
    Samples = Callable[[ChannelId, BaseConfig, datetime], Mapping[str, WebhookRequest]]

CHECK_SECONDS = 15.0  # for one channel; a kind's own check ends earlier
ANSWER_SECONDS = 30.0  # a platform gives up long before this

group = typer.Typer(no_args_is_help=True, help="The channels of this house.")


@group.command("list")
def list_channels(as_json: Json = False) -> None:
    """The configured channels and the kinds there are."""
    from channels import kinds

    configured = [(id, str(one.get("kind"))) for id, one in load_settings().channels.items()]
    if as_json:
        dump({"channels": [{"id": id, "kind": kind} for id, kind in configured], "kinds": list(kinds())})
        return
    table(["Channel", "Kind"], configured, empty="No channel is configured.")
    say(f"Kinds: {', '.join(kinds())}")


@group.command("check")
def check_channels(
    which: Annotated[str, typer.Argument(metavar="[ID]", help="Only this channel.")] = "",
    as_json: Json = False,
) -> None:
    """What is wrong with the channels' settings, and with our address for their platforms. Nothing is sent."""
    house = load_settings()
    if which and which not in house.channels:
        fail(Exit.USAGE, f'there is no channel "{which}"; {_there_are(house)}')
    ids = [which] if which else list(house.channels)
    findings = asyncio.run(_findings(house, ids))
    if as_json:
        dump({id: {"ok": not problems, "problems": problems} for id, problems in findings.items()})
    else:
        for id, problems in findings.items():
            typer.echo(f"{id}: {'ready' if not problems else '; '.join(problems)}")
    if any(findings.values()):
        fail(Exit.FOUND, "a channel would not work; see above")


async def _findings(house: Settings, ids: list[str]) -> dict[str, list[str]]:
    return dict(zip(ids, await asyncio.gather(*(_problems(house, id) for id in ids)), strict=True))


async def _problems(house: Settings, id: str) -> list[str]:
    from channels import configured
    from core.errors import SettingsError
    from core.model import ChannelId

    try:
        module, config = configured(id, house.channels[id], house.public_base_url)
    except SettingsError as e:
        return [line.removeprefix(f'channel "{id}": ') for line in e.detail.splitlines()]
    check: Check | None = getattr(module, "check", None)
    if check is None:
        return []
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check(ChannelId(id), config, house.public_base_url)
    except TimeoutError:
        return [f"the check did not end in {CHECK_SECONDS:g} s"]


def _there_are(house: Settings) -> str:
    return "there are: " + (", ".join(f"{id} ({one.get('kind')})" for id, one in house.channels.items()) or "none")


# simulate ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """How the house answered one delivery."""

    label: str
    status: int
    ms: float  # until the whole answer was there
    answer: str  # its first characters


@group.command("simulate")
def simulate(
    which: Annotated[str, typer.Argument(metavar="KIND", help="A kind, or the id of a channel.")],
    url: Annotated[str, typer.Option(metavar="URL", help="Where the house is; default: this one.")] = "",
    as_json: Json = False,
) -> None:
    """Post sample traffic, signed as the platform would sign it, to a running house; for a house on trial.

    The house answers it like any other: the sample conversations stay in its ledger, and its replies go out to a
    number or an account that nobody has.
    """
    house = load_settings()
    base = _base(url or address(house))
    id, requests = deliveries(house, which)
    results = asyncio.run(post(base, id, requests))
    if as_json:
        dump([vars(one) for one in results])
    else:
        rows = [(one.label, one.status, f"{one.ms:.1f} ms", one.answer) for one in results]
        table(["Delivery", "Status", "Time", "Answer"], rows, empty="There is no sample.")
    if refused := [one for one in results if not 200 <= one.status < 300]:
        fail(Exit.FOUND, f"{len(refused)} of {len(results)} deliveries were refused; see above")


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        fail(Exit.USAGE, f'--url: "{url}" is not an address such as http://127.0.0.1:8080')
    return url.rstrip("/")


def deliveries(house: Settings, which: str) -> tuple[str, dict[str, WebhookRequest]]:
    """The channel that is meant and what to post to it: its samples, the first of them twice."""
    from channels import configured, kinds, utc_now
    from core.model import ChannelId

    ids = [which] if which in house.channels else [id for id, one in house.channels.items() if one.get("kind") == which]
    if not ids and which not in kinds():
        fail(Exit.USAGE, f'"{which}" is neither a kind ({", ".join(kinds())}) nor a channel; {_there_are(house)}')
    if not ids:
        fail(Exit.USAGE, f'no channel of the kind "{which}" is configured; {_there_are(house)}')
    if len(ids) > 1:
        fail(Exit.USAGE, f"which of them? Give its id: {', '.join(ids)}")
    module, config = configured(ids[0], house.channels[ids[0]], house.public_base_url)
    samples: Samples | None = getattr(module, "samples", None)
    if samples is None:
        fail(Exit.USAGE, f'the kind "{house.channels[ids[0]]["kind"]}" has no samples to post')
    made = dict(samples(ChannelId(ids[0]), config, utc_now()))
    first = next(iter(made), None)
    again = {} if first is None else {first: made[first], f"{first}, delivered again": made[first]}
    return ids[0], again | made


async def post(base: str, id: str, requests: Mapping[str, WebhookRequest]) -> list[Delivered]:
    """How the house at `base` answers each of them, one after the other."""
    import aiohttp

    done: list[Delivered] = []
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
            for label, request in requests.items():
                done.append(await _deliver(session, base, id, label, request))
    except (aiohttp.ClientError, TimeoutError) as e:
        fail(Exit.AWAY, f"no house answers at {base} ({type(e).__name__}): start it with ./qiantai up, or give --url")
    return done


async def _deliver(session: Any, base: str, id: str, label: str, request: WebhookRequest) -> Delivered:
    from yarl import URL

    query = request.raw_query or urlencode(request.query)
    where = URL(f"{base}/c/{id}/{quote(request.path)}{f'?{query}' if query else ''}", encoded=True)
    started = time.perf_counter()
    async with session.request(
        request.method, where, data=request.body or None, headers=dict(request.headers), allow_redirects=False
    ) as response:
        said = await response.content.read(200)
        ms = (time.perf_counter() - started) * 1000
    return Delivered(label=label, status=response.status, ms=round(ms, 1), answer=said.decode(errors="replace"))
