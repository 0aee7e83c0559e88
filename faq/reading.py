"""Reads a content folder as a whole: entries, sentences, routing table and lessons, and what they say of each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import ContentError
from faq import entries, lessons, responses, routing
from faq.entries import Content
from faq.lessons import Lessons
from faq.responses import Responses
from faq.routing import Routing
from faq.yamlfile import Problem


@dataclass(frozen=True, kw_only=True, slots=True)
class Whole:
    """Everything in a content folder."""

    content: Content
    responses: Responses
    routing: Routing
    lessons: Lessons


def load(folder: Path) -> Whole:
    """What is in `folder`; ContentError with one line "file:line: reason" per problem."""
    whole, problems = read(folder)
    if problems:
        raise ContentError("\n".join(map(str, problems)))
    return whole


def read(folder: Path) -> tuple[Whole, list[Problem]]:
    """What can be read of `folder`, and everything that is wrong with it, by file and line."""
    content, broken = entries.read(folder)
    table, unrouted = routing.read(folder)
    said, unsaid = responses.read(folder / responses.FOLDER, table.names)
    taught, untaught = lessons.read(folder, table.names)
    strays = lessons.strays(taught, frozenset(content.entries)) if not broken else []
    whole = Whole(content=content, responses=said, routing=table, lessons=taught)
    return whole, sorted([*broken, *unrouted, *unsaid, *untaught, *strays])
