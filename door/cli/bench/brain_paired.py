"""Which of two assistants understands more of the same messages: shares, and McNemar's exact test on the pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import comb
from typing import Any

from bot.assistant.understanding import public
from door.cli.bench.brain_project import FALLBACK, QUESTION
from door.cli.examples import Utterance
from door.cli.verdicts import kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Paired:
    """Two assistants on the same messages."""

    group: str  # all, zh, en
    count: int
    ours: float  # share that is understood rightly, 0..1
    stock: float
    only_ours: int  # rightly by ours alone
    only_stock: int
    p: float  # two-sided, of so uneven a split if both were equally good


def stock_label(parsed: Mapping[str, Any], topics: Mapping[str, str]) -> str:
    """The label of what stock Rasa's /model/parse answers; `topics` by the id of an entry.

    What it does not understand counts as out of scope, which is how it then answers.
    """
    intent = str(parsed["intent"]["name"] or FALLBACK)
    if intent == FALLBACK:
        return "out_of_scope"
    if intent == QUESTION:
        chosen = parsed["response_selector"].get(QUESTION) or parsed["response_selector"]["default"]
        key = str(chosen["response"]["intent_response_key"] or "")
        return f"{QUESTION}:{topics.get(key.partition('/')[2], '')}"
    return public(intent)


def compare(asked: Sequence[Utterance], ours: Sequence[str], stock: Sequence[str]) -> list[Paired]:
    """All messages, then each language; `ours` and `stock` are the labels that were given, in the order of `asked`."""
    rows = [
        (one.language, kind(mine) in one.labels, kind(other) in one.labels)
        for one, mine, other in zip(asked, ours, stock, strict=True)
    ]
    groups = {"all": rows} | {language: [row for row in rows if row[0] == language] for language in ("zh", "en")}
    return [_paired(name, [(mine, other) for _, mine, other in group]) for name, group in groups.items() if group]


def _paired(group: str, pairs: Sequence[tuple[bool, bool]]) -> Paired:
    only_ours = sum(mine and not other for mine, other in pairs)
    only_stock = sum(other and not mine for mine, other in pairs)
    return Paired(
        group=group,
        count=len(pairs),
        ours=round(sum(mine for mine, _ in pairs) / len(pairs), 4),
        stock=round(sum(other for _, other in pairs) / len(pairs), 4),
        only_ours=only_ours,
        only_stock=only_stock,
        p=mcnemar(only_ours, only_stock),
    )


def mcnemar(one: int, other: int) -> float:
    """McNemar's exact test: the two-sided binomial p of `one` against `other` pairs that differ; 1 where none does."""
    pairs = one + other
    tail = sum(comb(pairs, k) for k in range(min(one, other) + 1))
    return min(1.0, 2 * tail / 2**pairs)


def as_data(found: Sequence[Paired]) -> list[dict[str, Any]]:
    return [asdict(one) for one in found]
