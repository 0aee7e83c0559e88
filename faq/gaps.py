"""What people ask and the answers lack: questions without a good answer, in groups, with what to write for each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Literal, cast

import numpy as np
import yaml

from core.model import Language
from core.questions import Poor
from faq.entries import LANGUAGES, Content
from faq.index import bare
from faq.language import detect
from faq.likeness import Likeness, Matrix
from faq.search import Found, Hit

TEXTS_MOST = 3000  # different questions that are compared, the newest: the matrix of their likeness takes 36 MB
# Mean score from which the nearest entry is guessed to speak of what is asked. With a fifth of the entries left out and
# two fifths of the others' phrasings, it did for one in three of such questions without an answer, 2026-11-21.
NEAR = 0.12
NEAREST = 3  # entries that are named …
FAINT = 0.01  # … with at least this score
LOOKED_AT = 20  # questions of a group by which its nearest entry is found
PHRASING_MAX = 60  # characters; a longer question is a story, and no phrasing
PHRASINGS_MOST = 14  # per language in a suggestion
EXAMPLES = 5

Find = Callable[[str, Language], Found]
Suggestion = Literal["entry", "phrasing", "answer"]

# What must not get from people's questions into the files: references to personal data, addresses, long numbers.
_PRIVATE = re.compile(r"⟦[^⟧]*⟧|https?://\S+|[\w.+-]+@[\w.-]+|(?<![0-9])[0-9０-９][0-9０-９ -]{3,}[0-9０-９]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One question as several people put it, letter for letter but for blanks and punctuation."""

    text: str  # without references, addresses and long numbers
    language: Language
    rows: tuple[Poor, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """Questions about one thing that were not answered well."""

    count: int  # how often it was asked
    conversations: int  # 1: one person, however often
    kinds: Mapping[str, int]  # unanswered, rejected, disliked: how often each
    first: datetime
    last: datetime
    questions: tuple[Asked, ...]  # the one in the middle first, then by how often each was asked
    nearest: tuple[Hit, ...]  # entries that the search finds, best first, each with its mean score over the questions
    suggestion: Suggestion

    @property
    def title(self) -> str:
        return self.questions[0].text


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """All gaps, the largest first."""

    gaps: tuple[Gap, ...]
    mended: int  # questions that today's answers would answer
    left_out: int  # different questions beyond TEXTS_MOST


NOTHING = Report(gaps=(), mended=0, left_out=0)


def report(rows: Sequence[Poor], content: Content, find: Find, likeness: Likeness) -> Report:
    """Groups `rows` by what they are about. `find` searches today's answers; what it answers by now is no gap."""
    open_rows = [row for row in rows if row.typed and not _is_mended(row, content, find)]
    asked = sorted(_asked(open_rows), key=lambda one: max(row.at for row in one.rows), reverse=True)
    kept = asked[:TEXTS_MOST]
    texts = [one.text for one in kept]
    alike = likeness.between(texts, texts) if kept else np.zeros((0, 0), np.float32)
    groups = _groups(alike, likeness.together)
    gaps = [_gap([kept[n] for n in group], alike[np.ix_(group, group)], find) for group in groups]
    gaps.sort(key=lambda gap: (-gap.count, -gap.conversations, gap.title))
    mended = sum(row.typed for row in rows) - len(open_rows)
    return Report(gaps=tuple(gaps), mended=mended, left_out=len(asked) - len(kept))


def cleaned(text: str) -> str:
    """`text` without references to personal data, addresses and numbers of five digits and more, on one line."""
    return " ".join(_PRIVATE.sub(" ", text).split()).strip(" ,，、")


def _spoken(row: Poor) -> Language:
    return detect(row.text, "en" if row.language == "en" else "zh")


def _is_mended(row: Poor, content: Content, find: Find) -> bool:
    """Would it be answered today? What was disliked must have changed, or be answered by another entry."""
    found = find(row.text, _spoken(row))
    if found.decision != "answer":
        return False
    if row.kind != "disliked" or found.hits[0].id != row.entry:
        return True
    entry = content.entries.get(row.entry)
    return entry is not None and entry.version != row.version


def _asked(rows: Sequence[Poor]) -> list[Asked]:
    same: dict[str, list[Poor]] = {}
    for row in rows:
        if key := bare(cleaned(row.text)):
            same.setdefault(key, []).append(row)
    return [Asked(text=cleaned(few[0].text), language=_spoken(few[0]), rows=tuple(few)) for few in same.values()]


def _groups(alike: Matrix, together: float) -> list[list[int]]:
    """Places of texts that belong together: by average linkage, so that a chain of neighbours is no group."""
    if len(alike) < 2:
        return [[n] for n in range(len(alike))]
    import sklearn.cluster  # pyright: ignore[reportMissingTypeStubs]

    clustering = cast("Any", sklearn.cluster.AgglomerativeClustering)
    made = clustering(n_clusters=None, metric="precomputed", linkage="average", distance_threshold=1 - together)
    groups: dict[int, list[int]] = {}
    for n, label in enumerate(made.fit_predict(1 - alike)):
        groups.setdefault(int(label), []).append(n)
    return list(groups.values())


def _gap(asked: Sequence[Asked], alike: Matrix, find: Find) -> Gap:
    weights = np.array([len(one.rows) for one in asked], dtype=np.float32)
    middle = alike @ weights
    short = [n for n, one in enumerate(asked) if len(one.text) <= PHRASING_MAX] or range(len(asked))
    medoid = max(short, key=lambda n: float(middle[n]))
    others = sorted((n for n in range(len(asked)) if n != medoid), key=lambda n: -len(asked[n].rows))
    questions = tuple(asked[n] for n in (medoid, *others))
    rows = [row for one in asked for row in one.rows]
    kinds = Counter(row.kind for row in rows)
    nearest = _nearest(questions[:LOOKED_AT], find)
    return Gap(
        count=len(rows),
        conversations=len({row.conversation for row in rows}),
        kinds=dict(kinds),
        first=min(row.at for row in rows),
        last=max(row.at for row in rows),
        questions=questions,
        nearest=nearest,
        suggestion=_suggestion(rows, nearest[0] if nearest else None),
    )


def _nearest(asked: Sequence[Asked], find: Find) -> tuple[Hit, ...]:
    """The entries that come nearest to the questions together, each with its mean score and its best phrasing."""
    scores: dict[str, float] = {}
    best: dict[str, Hit] = {}
    for one in asked:
        for hit in find(one.text, one.language).hits:
            scores[hit.id] = scores.get(hit.id, 0.0) + hit.score / len(asked)
            best[hit.id] = max(best.get(hit.id, hit), hit, key=lambda found: found.score)
    first = sorted((one for one in scores if scores[one] >= FAINT), key=lambda one: (-scores[one], one))[:NEAREST]
    return tuple(replace(best[entry], score=round(scores[entry], 4)) for entry in first)


def _suggestion(rows: Sequence[Poor], first: Hit | None) -> Suggestion:
    """What most of `rows` ask for: another answer where this entry's was disliked, an entry where none is near or the
    near one was offered and not wanted, else a phrasing."""
    if first is None or first.score < NEAR:
        return "entry"
    disliked = sum(row.kind == "disliked" and row.entry == first.id for row in rows)
    unwanted = sum(row.kind == "rejected" and first.id in {hit.id for hit in row.hits} for row in rows)
    most = len(rows) / 2
    return "answer" if disliked > most else "phrasing" if unwanted <= most else "entry"


# ---- what to write ---------------------------------------------------------------------------------------------------


def line(gap: Gap) -> dict[str, Any]:
    """One line of `./qiantai faq gaps --json`."""
    return {
        "count": gap.count,
        "conversations": gap.conversations,
        "one_person": gap.conversations == 1,
        "kinds": dict(gap.kinds),
        "first": gap.first,
        "last": gap.last,
        "questions": [{"text": one.text, "language": one.language, "count": len(one.rows)} for one in gap.questions],
        "nearest": [asdict(hit) for hit in gap.nearest],
        "suggestion": gap.suggestion,
    }


def stubs(gaps: Sequence[Gap], content: Content) -> str:
    """YAML with one entry per gap that lacks one: ready but for the answer, which only a person can write.

    As it is no check lets it pass: what is empty must be filled in first.
    """
    # Of removed entries only what people were once answered with is known; ids are not used again.
    gone = {row.entry for gap in gaps for one in gap.questions for row in one.rows if row.entry}
    first = max((int(entry[1:]) for entry in {*content.entries, *gone}), default=0) + 1
    missing = [gap for gap in gaps if gap.suggestion == "entry"]
    return "\n".join(_remark(gap) + _dumped([_stub(gap, f"F{first + n:02d}")]) for n, gap in enumerate(missing))


def additions(gaps: Sequence[Gap], content: Content) -> str:
    """YAML with the phrasings that entries lack, under the entry's id."""
    found: list[str] = []
    for gap in gaps:
        if gap.suggestion == "phrasing" and gap.nearest:
            entry = content.entries[gap.nearest[0].id]
            known = {bare(text) for one in LANGUAGES for text in (entry.question[one], *entry.phrasings[one])}
            lines = {spoken: few for spoken, few in _phrasings(gap, known).items() if few}
            if lines:
                found.append(_remark(gap) + _dumped({f"{entry.id} {entry.question['zh']}": {"phrasings": lines}}))
    return "\n".join(found)


def _phrasings(gap: Gap, known: set[str]) -> dict[Language, list[str]]:
    """The gap's questions by language that may become phrasings; not those whose bare letters are in `known`."""
    fit = [one for one in gap.questions if len(one.text) <= PHRASING_MAX and bare(one.text) not in known]
    return {spoken: [one.text for one in fit if one.language == spoken][:PHRASINGS_MOST] for spoken in LANGUAGES}


def _stub(gap: Gap, entry_id: str) -> dict[str, Any]:
    medoid = gap.questions[0]
    question = {spoken: medoid.text[:PHRASING_MAX] if spoken == medoid.language else "" for spoken in LANGUAGES}
    empty = dict.fromkeys(LANGUAGES, "")
    return {
        "id": entry_id,
        "question": question,
        "phrasings": _phrasings(gap, {bare(medoid.text)}),
        "answer": {spoken: {"short": ""} for spoken in LANGUAGES},
        "basis": empty,
        "confidence": "U",
        "checked_on": None,
        "valid_from": None,
        "valid_to": None,
        "reviewed_by": None,
        "reviewed_on": None,
        "next_step": empty,
        "related": [hit.id for hit in gap.nearest[:1]],
    }


def _remark(gap: Gap) -> str:
    people = "one person" if gap.conversations == 1 else f"{gap.conversations} people"
    near = "; nearest: " + ", ".join(f"{hit.id} ({hit.score:.2f})" for hit in gap.nearest) if gap.nearest else ""
    times = "once" if gap.count == 1 else f"{gap.count} times"
    return f"# asked {times} by {people}, last on {gap.last:%Y-%m-%d}{near}\n"


class _Dumper(yaml.SafeDumper):
    """Writes lists indented, as the content files have them, and every value out: they know no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _dumped(value: Any) -> str:
    return yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=4096)
