"""Answers on channels that carry approved templates alone: what of a text fits into one, and the link to go on."""

from __future__ import annotations

import re

from channels._text import is_border

TEXT, LINK = "{text}", "{link}"  # what a parameter of a template may carry; anything else stands for itself
WIDGET = "/widget/"  # the page with the web chat, under our public address

_ADDRESS = re.compile(r"https?://\S+")  # vendors refuse a message with an address in a parameter
_BLANKS = re.compile(r"\s+")
_ELLIPSIS = "…"


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
