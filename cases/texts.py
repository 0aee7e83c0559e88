"""What people wrote of a case, as it may be stored: masked, not too long, with what was taken out kept sealed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import Connection, insert, select

from cases.model import FIELDS, BadCase, Compensation, Fields, Person, PriorComplaint, storable
from cases.tables import case_secret
from core import masking
from core.tables import secret
from core.vault import Secret, Vault

TEXT_MAX = 20_000  # characters; a page of a complaint has about a thousand
SUMMARY_MAX = 300
LINE_MAX = 300  # of names of places, products and the like
LONG = frozenset({"facts", "request", "accountability", "improvement"})
MASKED = (*sorted(LONG), "summary", "institution", "province", "city", "district", "product")
PEOPLES = LONG | {"summary"}  # where names of people are looked for: elsewhere a city or a bank is called like them
# What stands in the place of a name that nobody told:
ROLES = frozenset({"本人", "本公司", "客户", "用户", "消费者", "投诉人", "举报人", "来电人", "当事人", "代理人"})
NOBODY = ROLES | {"匿名", "不详", "未知", "无名", "市民", "群众", "先生", "女士", "测试"}
HAN = re.compile("[\u3400-\u9fff\U00020000-\U0003ffff]")
HONORIFIC = re.compile("(先生|女士|小姐|老师)$")
IN_NAME = r"[\s·•・．.]{0,2}"  # what people put between the characters of a name
_ADD = insert(case_secret)
DEPTH_MAX = 8  # levels of facts
ITEMS_MAX = 200  # values in them


def bare(given: str, *, name: str, longest: int = 500) -> str:
    """A short text of our own people with nothing but marks in the place of numbers and addresses; BadCase if it is
    too long."""
    told = storable(given)
    if len(told) > longest:
        raise BadCase(f"{name}: {len(told)} characters, at most {longest} are kept")
    return masking.replace(told, lambda found: f"⟦{found.kind}⟧", keep=())


def veiled(name: str) -> str:
    """A name as everybody may see it: 王**."""
    return name[:1] + "*" * len(name[1:])


class Names:
    """Finds the names of a case's own people in its texts, spaced or not; a name that could be anything is none."""

    def __init__(self, people: Iterable[Person | None] = (), *, institution: str = "") -> None:
        """`institution`: the bank may be called like somebody; then the name stays."""
        told = {name for who in people if who is not None for name in _called(who.name)}
        ways = [way for name in told if name not in institution and (way := _way(name))]
        # The longest first: one name may begin another.
        self._ways = re.compile("|".join(sorted(ways, key=len, reverse=True)), re.IGNORECASE) if ways else None

    def veil(self, text: str) -> str:
        """The text with 王** in the place of each of the names."""
        return self._ways.sub(lambda found: veiled(found[0]), text) if self._ways else text


def _called(told: str) -> list[str]:
    """The names in what stands for one: 王小明先生（本人）、李四 are 王小明 and 李四."""
    plain = unicodedata.normalize("NFKC", told)
    if not HAN.search(plain):
        return [plain.strip()]
    return [HONORIFIC.sub("", each.strip()) for each in re.split(r"[、,;/\n]", re.sub(r"\(.*?\)", "", plain))]


def _way(name: str) -> str:
    """The pattern of a name; "" for what is too short or stands for nobody."""
    if name in NOBODY:
        return ""
    if HAN.search(name):
        parts = re.findall(r"\w", name)
        return IN_NAME.join(map(re.escape, parts)) if len(parts) > 1 else ""
    words = name.split()  # one word alone may be any word
    way = r"\s+".join(map(re.escape, words))
    return rf"\b{way}\b" if len(words) > 1 and len(name) > 4 else ""


class Masker:
    """Masks the texts of one case; `save` keeps what was taken out, once the case has its id.

    References that the case's conversation or earlier texts of the case carry are known to be ours and stay. The names
    of its people are veiled for good: they lie sealed beside it.
    """

    def __init__(
        self,
        conn: Connection,
        vault: Vault,
        *,
        conversation: str | None,
        case_id: int | None = None,
        names: Names | None = None,
    ) -> None:
        self._conn = conn
        self._vault = vault
        self._conversation = conversation
        self._case_id = case_id
        self._names = names or Names()
        self._taken: dict[str, Secret] = {}

    def text(self, given: str, *, name: str, longest: int = TEXT_MAX, people: bool = True) -> str:
        """`given` masked; BadCase if it is longer than `longest` characters. `people`: look for their names, too."""
        plain = storable(given)
        if len(plain) > longest:
            raise BadCase(f"{name}: {len(plain)} characters, at most {longest} are kept")
        if people:
            plain = self._names.veil(plain)
        if not masking.suspicious(plain):
            return plain
        masked = self._vault.mask(plain, keep=self._own(plain))
        self._taken |= {each.ref: each for each in masked.secrets}
        return masked.text

    def fields(self, told: Fields, changed: Iterable[str] = FIELDS) -> Fields:
        """The fields with those masked that are named in `changed`."""
        new: dict[str, Any] = {}
        for name in set(changed):
            value = getattr(told, name)
            if name in MASKED:
                longest = SUMMARY_MAX if name == "summary" else TEXT_MAX if name in LONG else LINE_MAX
                new[name] = self.text(value, name=name, longest=longest, people=name in PEOPLES)
            elif isinstance(value, PriorComplaint):
                of, reply = self.text(value.to_institution, name=name, people=False), self.text(value.reply, name=name)
                new[name] = PriorComplaint(to_institution=of, on=value.on, reply=reply)
            elif isinstance(value, Compensation):
                plan, by = self.text(value.plan, name=name), self.text(value.approver, name=name, people=False)
                new[name] = Compensation(plan=plan, amount=value.amount, approver=by)
        return replace(told, **new)

    def facts(self, given: Mapping[str, object]) -> dict[str, Any]:
        """Facts of an act as JSON with every text in them masked; BadCase if they are no JSON or too much of it."""
        count = 0

        def clean(value: object, name: str, depth: int) -> Any:
            nonlocal count
            count += 1
            if count > ITEMS_MAX or depth > DEPTH_MAX:
                raise BadCase("facts: more than can be kept")
            if isinstance(value, str):
                return self.text(value, name=name, people=name != "approver")
            if value is None or isinstance(value, bool):
                return value
            if isinstance(value, (int, float)):
                if not -(2**63) <= value < 2**63:  # NaN among them
                    raise BadCase(f"{name}: a number out of all proportion")
                written = str(value)  # a telephone number may come as a number
                masked = self.text(written, name=name)
                return value if masked == written else masked
            if isinstance(value, (date, datetime)):
                return value.isoformat()
            if isinstance(value, Mapping):
                pairs = cast("Mapping[object, object]", value).items()
                return {self.text(str(k), name=name, longest=64): clean(v, str(k), depth + 1) for k, v in pairs}
            if isinstance(value, (list, tuple)):
                return [clean(each, name, depth + 1) for each in cast("list[object]", value)]
            raise BadCase(f"{name}: {type(value).__name__} is nothing that can be kept")

        return clean(given, "facts", 0)

    def save(self, case_id: int) -> None:
        """Keeps what was taken out of the texts."""
        if self._taken:
            rows = [
                {"ref": s.ref, "case_id": case_id, "kind": s.kind, "fingerprint": s.fingerprint, "sealed": s.sealed}
                for s in self._taken.values()
            ]
            self._conn.execute(_ADD, rows)
            self._taken = {}

    def _own(self, text: str) -> set[str]:
        """The references in the text that are ours. Those of the conversation become the case's, too: it may be kept
        for longer."""
        found = {match[1] for match in masking.OWN.finditer(text) if match[1]}
        if not found:
            return found
        mine = select(case_secret.c.ref).where(case_secret.c.case_id == self._case_id, case_secret.c.ref.in_(found))
        ours = (set(self._conn.execute(mine).scalars()) if self._case_id is not None else set[str]()) | (
            found & self._taken.keys()
        )
        talk = select(secret).where(secret.c.conversation_id == self._conversation, secret.c.ref.in_(found - ours))
        for row in self._conn.execute(talk).all() if self._conversation else ():
            self._taken[row.ref] = Secret(kind=row.kind, ref=row.ref, fingerprint=row.fingerprint, sealed=row.sealed)
        return ours | (found & self._taken.keys())
