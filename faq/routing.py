"""Who handles what: which hotline or authority a matter belongs to, its number, and whom to ask before; pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from core.errors import ContentError
from core.model import Language
from faq import texts, yamlfile
from faq.fields import NO_ARGS, STANDING, Confidence, names, per_language, standing
from faq.yamlfile import Place, Problem, YamlFile

FILE = "routing.yml"  # inside the content folder

# What a consumer's matter may be about. Each stands in exactly one row: nobody is left without a way to go.
MATTERS = frozenset(
    {
        *("cash", "payment", "account", "credit_report", "foreign_exchange", "treasury_bond", "cross_market"),
        *("loan", "credit_card", "wealth_product", "insurance", "consumer_finance", "licensed_collection"),
        *("stock", "fund", "futures", "small_loan", "guarantee", "pawn", "goods", "service"),
        *("fraud", "danger", "fraud_advice", "medical_emergency", "distress"),
        *("housing_fund", "labour", "spam"),
    }
)
FIELDS = ("id", "name", "number", "matters", "handles", "first", *STANDING)

_ID = re.compile(r"[a-z][a-z0-9_]{0,19}")
_NUMBER = re.compile(r"[0-9]{3,5}|\{hotline_number\}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """One row of the table."""

    id: str
    name: Mapping[Language, str]  # who answers there
    number: str  # to call; {hotline_number} is our own
    matters: tuple[str, ...]  # of MATTERS
    handles: Mapping[Language, str]  # the matters in plain words
    first: Mapping[Language, str]  # whom to ask before, or that nobody need be asked before
    basis: Mapping[Language, str]
    confidence: Confidence
    checked_on: date
    valid_to: date | None
    reviewed_by: str  # "" until somebody has reviewed it
    reviewed_on: date | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Routing:
    """The table by id, in its order; `lines` are the places of its values, for complaints."""

    routes: Mapping[str, Route] = field(default_factory=dict[str, Route])
    lines: Mapping[Place, int] = field(default_factory=dict[Place, int])
    version: str = ""  # hash of the file

    def of(self, matter: str) -> Route:
        """Where `matter`, one of MATTERS, belongs; ContentError for any other word."""
        found = next((route for route in self.routes.values() if matter in route.matters), None)
        if found is None:
            raise ContentError(f"nobody handles {matter!r}; known are {', '.join(sorted(MATTERS))}")
        return found

    def args(self, language: Language) -> dict[str, str]:
        """What sentences may name of it: {route_<id>}, the number, and {handles_<id>}, the matters in plain words."""
        numbers = {f"route_{route.id}": route.number for route in self.routes.values()}
        return numbers | {f"handles_{route.id}": route.handles[language] for route in self.routes.values()}

    @property
    def names(self) -> frozenset[str]:
        """The names of `args`."""
        return frozenset(self.args("zh"))

    def line(self, route: str, *place: str | int) -> int:
        """The line of a value of a route, such as ("nfra", "handles", "zh"), or of the nearest one around it."""
        at: Place = (list(self.routes).index(route), *place)
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at, 0)


def load(folder: Path) -> Routing:
    """The table of a content folder; ContentError with one line "file:line: reason" per problem."""
    routing, problems = read(folder)
    if problems:
        raise ContentError("\n".join(map(str, problems)))
    return routing


def read(folder: Path) -> tuple[Routing, list[Problem]]:
    """What can be read of the table of a content folder, and everything that is wrong with it, by file and line."""
    file = yamlfile.read(folder / FILE, FILE)
    routes: dict[str, Route] = {}
    handlers: dict[str, str] = {}
    if not file.problems:
        for n, raw in enumerate(file.items((), file.value)):
            before = len(file.problems)
            route = _route(file, n, raw)
            if route is None:
                continue
            if route.id in routes:
                file.blame((n, "id"), f"{route.id} is already the id of another route")
            _check_matters(file, n, route, handlers)
            if len(file.problems) == before:
                routes[route.id] = route
        if not file.problems and (homeless := sorted(MATTERS - set(handlers))):
            file.blame((), f"nobody handles {', '.join(homeless)}")
    version = hashlib.sha256(file.raw).hexdigest()[:12]
    return Routing(routes=routes, lines=file.lines, version=version), sorted(file.problems)


def _route(file: YamlFile, n: int, raw: Any) -> Route | None:
    row = file.mapping((n,), raw, required=FIELDS)
    if any(key not in row for key in FIELDS):
        return None
    route_id, number = file.text((n, "id"), row["id"]), file.text((n, "number"), row["number"])
    if route_id and not _ID.fullmatch(route_id):
        file.blame((n, "id"), f"{route_id!r} is not an id; small letters, digits and _ are")
    if number and not _NUMBER.fullmatch(number):
        file.blame((n, "number"), f"{number!r} is neither a short number nor {{hotline_number}}")
    return Route(
        id=route_id,
        name=per_language(file, (n, "name"), row["name"], NO_ARGS),
        number=number,
        matters=names(file, (n, "matters"), row["matters"]),
        handles=per_language(file, (n, "handles"), row["handles"], NO_ARGS),
        first=per_language(file, (n, "first"), row["first"], texts.SETTINGS_ARGS),
        **standing(file, (n,), row),
    )


def _check_matters(file: YamlFile, n: int, route: Route, handlers: dict[str, str]) -> None:
    for m, matter in enumerate(route.matters):
        if matter not in MATTERS:
            file.blame((n, "matters", m), f"unknown matter {matter!r}; known are {', '.join(sorted(MATTERS))}")
        elif matter in handlers:
            file.blame((n, "matters", m), f"{matter} is already handled by {handlers[matter]}")
        handlers.setdefault(matter, route.id)
