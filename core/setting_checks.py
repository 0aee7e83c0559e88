"""What a good value of a setting looks like, and how a secret one is shown; ValueError says what to do."""

from __future__ import annotations

import json
import re
import shlex
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

REDACTED = "******"
CHANNEL_ID = re.compile(r"[a-z][a-z0-9_-]{0,31}")
CHANNEL_KIND = re.compile(r"[a-z][a-z0-9_]{0,31}")
SECRET_KEY = re.compile(r"secret|token|password|passwd|key|credential", re.IGNORECASE)
PASSWORD = re.compile(r"(://[^/@:]*:)[^/]*(?=@)|(\bpassword=)[^&]*")

Channels = dict[str, dict[str, Any]]
Networks = tuple[IPv4Network | IPv6Network, ...]


def upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def present(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def ledger(url: str) -> str:
    """The address of a database that the ledger can live in, or nothing."""
    if url == "" or (url.startswith("sqlite:///") and url.removeprefix("sqlite:///") not in ("", ":memory:")):
        return url
    try:
        parts = urlsplit(url)
        good = parts.scheme == "postgresql" and parts.hostname and parts.path.strip("/") and (parts.port or True)
    except ValueError:  # brackets or a port that make no address
        good = False
    if not good:
        raise ValueError("give sqlite:///path/to/file.db or postgresql://name:password@host/database")
    return url


def web_address(url: str) -> str:
    """An http(s) address, or nothing."""
    try:
        parts = urlsplit(url)
        good = url == "" or (parts.scheme in ("http", "https") and parts.hostname and (parts.port or True))
    except ValueError:
        good = False
    if not good:
        raise ValueError("give an address that begins with https:// or http://, or leave it empty")
    return url


def base_address(url: str) -> str:
    """An http(s) address that paths can be added to, or nothing."""
    return web_address(url).rstrip("/")


def command(line: str) -> str:
    try:
        shlex.split(line)
    except ValueError as e:
        raise ValueError(f"write it as for a shell ({e})") from None
    return line.strip()


def networks(line: str) -> Networks:
    """The networks in `10.0.0.0/8, ::1`; an address alone is a network of one, the word none is no network."""
    read: list[IPv4Network | IPv6Network] = []
    for part in [] if line.strip().lower() in ("", "none") else line.split(","):
        try:
            read.append(ip_network(part.strip()))
        except ValueError as e:
            raise ValueError(
                f"give addresses and networks with commas between them, such as 127.0.0.0/8, ::1, or none ({e})"
            ) from None
    return tuple(read)


def network_list(line: str) -> str:
    """What `networks` can read."""
    networks(line)
    return line


def channels(given: object) -> Channels:
    """The channels by id, from a table or from JSON; `…_file` keys are replaced by what lies in those files."""
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except ValueError as e:
            raise ValueError(f'give a JSON object like {{"web": {{"kind": "web"}}}} ({e})') from None
    if not isinstance(given, dict):
        raise ValueError("give a table of channels, by id")
    return {id: _channel(id, channel) for id, channel in cast("dict[str, object]", given).items()}


def _channel(id: str, given: object) -> dict[str, Any]:
    if not CHANNEL_ID.fullmatch(id):
        raise ValueError(f"channel {id!r}: an id is up to 32 of a-z, 0-9, - and _, a letter first")
    channel = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    if not CHANNEL_KIND.fullmatch(str(channel.get("kind"))) or channel.get("kind") is None:
        raise ValueError(f'channel {id}: say its kind, e.g. kind = "web"')
    read: dict[str, Any] = {}
    for key, value in channel.items():
        name = key.removesuffix("_file")
        if name == key:
            read[key] = value
        elif name in channel:
            raise ValueError(f"channel {id}: {name} and {key} are both given; keep one")
        else:
            try:
                read[name] = secret_file(str(value))
            except ValueError as e:
                raise ValueError(f"channel {id}: {key}: {e}") from None
    return read


def secret_file(path: str) -> str:
    """The text of a secret file without the line end that editors add."""
    try:
        return Path(path).expanduser().read_text("utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as e:
        raise ValueError(f"cannot read {path} ({reason(e)}); mend the path or the permissions") from None


def reason(error: Exception) -> str:
    """Why a file could not be read, in a few words."""
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not text"


# Showing ------------------------------------------------------------------------------------------------------------


def without_password(url: str) -> str:
    return PASSWORD.sub(lambda m: (m[1] or m[2]) + REDACTED, url)


def host_only(url: str) -> str:
    """An address without its path: that is where alarm services carry their token."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/{REDACTED}" if url else ""


def program_only(line: str) -> str:
    words = shlex.split(line)
    return " ".join([words[0], REDACTED] if len(words) > 1 else words)


def redacted(value: Any, key: str = "") -> Any:
    """A channel's table with what its keys call a secret hidden."""
    if isinstance(value, dict):
        return {k: redacted(v, k) for k, v in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [redacted(v, key) for v in cast("list[Any]", value)]
    if value and SECRET_KEY.search(key):
        return REDACTED
    return without_password(value) if isinstance(value, str) else value
