"""JSON Schemas of the content files, with which editors complete, explain and check them while somebody types.

`python -m faq.schemas` writes them to faq/schema; a test fails when these files are not what the readers want.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from faq import entries, lessons, lint, phrasings, routing, texts
from faq.fields import CONFIDENCES, LANGUAGES

FOLDER = Path(__file__).parent / "schema"

Schema = dict[str, Any]

_LANGUAGE = {"zh": "中文。In Chinese.", "en": "英文。In English."}
_SETTINGS = "|".join(sorted(texts.SETTINGS_ARGS))
_NAMES = {
    "none": r"[^{}]",  # no {names}
    "settings": rf"[^{{}}]|\{{({_SETTINGS})\}}",
    "any": r"[^{}]|\{[a-z][a-z0-9_]*\}",
}
_ENTRY_ID = r"^F\d{2,4}$"
_PAYLOAD = r"^/[A-Za-z_][A-Za-z0-9_]*(\{.+\})?$"

_STANDING = {
    "basis": "依据：法规名称和条号，或者出处；会显示给消费者。"
    "What it rests on: law and article, or the source; shown to consumers.",
    "confidence": "把握程度：V 读过原文，V2 读过可靠的转述，M 凭记忆、比较有把握，U 没把握，D 我们自己的服务；不显示。"
    "How sure we are: V primary text read, V2 reliable second source, M from memory, U unsure, D our own service; not"
    " shown.",
    "checked_on": "哪天核对的事实，如 2026-11-21；会显示。The day the facts were checked, such as 2026-11-21; shown.",
    "valid_to": "回答到哪天为止（含当天）；null 表示不限。会变的内容一定要写。"
    "The last day it holds; null for no end. Needed for whatever changes.",
    "reviewed_by": "谁审核的；null 表示还没有人审核。和 reviewed_on 一起填。"
    "Who reviewed it; null for nobody yet. Goes together with reviewed_on.",
    "reviewed_on": "哪天审核的；null 表示还没有审核。The day it was reviewed; null for not yet.",
}


def all_schemas() -> Mapping[str, Schema]:
    """Every schema by its file name."""
    return {
        "entries.json": _entries(),
        "lesson.json": _lesson(),
        "responses.json": _responses(),
        "routing.json": _routing(),
    }


def written(schema: Schema) -> str:
    """The text of a schema file."""
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


# Pieces -------------------------------------------------------------------------------------------------------------


def _text(about: str = "", names: str = "none", most: int = 0) -> Schema:
    """A text that is not blank, with the {names} of one kind of _NAMES, of `most` characters if that is not 0."""
    found: Schema = {"type": "string", "pattern": rf"^(?=[\s\S]*\S)({_NAMES[names]})*$"}
    return _about(found | ({"maxLength": most} if most else {}), about)


def _about(schema: Schema, about: str) -> Schema:
    return ({"description": about} if about else {}) | schema


def _object(properties: Mapping[str, Schema], *, optional: Iterable[str] = (), about: str = "") -> Schema:
    needed = [name for name in properties if name not in set(optional)]
    found = {"type": "object", "properties": dict(properties), "required": needed, "additionalProperties": False}
    return _about(found, about)


def _list(items: Schema, about: str = "", *, least: int = 0, most: int | None = None, unique: bool = False) -> Schema:
    found: Schema = {"type": "array", "items": items, "minItems": least}
    found |= {"maxItems": most} if most is not None else {}
    return _about(found | ({"uniqueItems": True} if unique else {}), about)


def _each(about: str = "", names: str = "none") -> Schema:
    """One text per language."""
    return _object({language: _text(_LANGUAGE[language], names) for language in LANGUAGES}, about=about)


def _day(about: str, *, needed: bool = False) -> Schema:
    kinds = "string" if needed else ["string", "null"]
    return _about({"type": kinds, "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"}, about)


def _ids(about: str) -> Schema:
    return _list({"type": "string", "pattern": _ENTRY_ID}, about, unique=True)


def _standing() -> Mapping[str, Schema]:
    return {
        "basis": _each(_STANDING["basis"]),
        "confidence": _about({"enum": list(CONFIDENCES)}, _STANDING["confidence"]),
        "checked_on": _day(_STANDING["checked_on"], needed=True),
        "valid_to": _day(_STANDING["valid_to"]),
        "reviewed_by": _text(_STANDING["reviewed_by"], "any") | {"type": ["string", "null"]},
        "reviewed_on": _day(_STANDING["reviewed_on"]),
    }


def _reviewed(row: Schema) -> Schema:
    """`row`, whose reviewed_by and reviewed_on are given both or neither."""
    both = {"properties": {name: {"type": "string"} for name in ("reviewed_by", "reviewed_on")}}
    neither = {"properties": {name: {"type": "null"} for name in ("reviewed_by", "reviewed_on")}}
    return row | {"anyOf": [both, neither]}


def _ordered(properties: Mapping[str, Schema], fields: Iterable[str]) -> Mapping[str, Schema]:
    """The properties in the order of the reader's fields; KeyError if one of these has no schema."""
    return {name: properties[name] for name in fields}


def _file(title: str, schema: Schema) -> Schema:
    return {"$schema": "http://json-schema.org/draft-07/schema#", "title": title} | schema


# Files --------------------------------------------------------------------------------------------------------------


def _entries() -> Schema:
    answer = {
        language: _object(
            {
                "short": _text(
                    f"先给结论，最多 {lint.SHORT_MAX[language]} 个字符。"
                    f"The conclusion first, at most {lint.SHORT_MAX[language]} characters.",
                    "settings",
                    lint.SHORT_MAX[language],
                ),
                "details": _text(
                    "例外、步骤、分几种情况；可以不写。Exceptions, steps, cases; may be left out.", "settings"
                ),
            },
            optional=["details"],
            about=_LANGUAGE[language],
        )
        for language in LANGUAGES
    }
    asked = {language: _list(_text("", "any"), _LANGUAGE[language], least=phrasings.LEAST) for language in LANGUAGES}
    properties: dict[str, Schema] = {
        "id": {
            "description": "编号：F 加两到四位数字；永不改、永不重用。"
            "Id: F and two to four digits; never changed, never used again.",
            "type": "string",
            "pattern": _ENTRY_ID,
        },
        "question": _each(
            "标准问题；反问时显示在按钮上，要短。"
            "The standard question; shown on a button when asking back, so keep it short."
        ),
        "phrasings": _object(
            asked,
            about=f"消费者会怎么问：每种语言至少 {phrasings.LEAST} 条，每条换一种说法。"
            f"How people ask: at least {phrasings.LEAST} in each language, each put another way.",
        ),
        "answer": _object(answer, about="答案：先短后详。The answer: short first, details on request."),
        "valid_from": _day("从哪天起可以回答；null 表示现在就可以。Answered from this day on; null for now."),
        "next_step": _each("下一步：消费者接着能做什么。What the consumer can do next.", "settings"),
        "related": _ids("相关条目的编号；没有就写 []。Ids of related entries; [] if there are none."),
        **_standing(),
    }
    row = _reviewed(_object(_ordered(properties, entries.FIELDS), about="一个条目。One entry."))
    return _file("前台问答 / Qiantai FAQ entries", _list(row, least=1))


def _lesson() -> Schema:
    question = _object(
        {
            "question": _each("问题。The question.", "any"),
            "options": _list(
                _each("一个选项。One option.", "any"),
                f"{lessons.OPTIONS} 个选项。{lessons.OPTIONS} options.",
                least=lessons.OPTIONS,
                most=lessons.OPTIONS,
            ),
            "right": {
                "description": "哪个选项对，从 1 数起。The number of the right option, from 1.",
                "type": "integer",
                "minimum": 1,
                "maximum": lessons.OPTIONS,
            },
            "why": _each("为什么，一句话。Why, in one sentence.", "any"),
        }
    )
    properties: dict[str, Schema] = {
        "place": {
            "description": "在课程列表里排第几，从 1 数起。Its place in the list of lessons, from 1.",
            "type": "integer",
            "minimum": 1,
        },
        "title": _each("课名。The lesson's name."),
        "cards": _list(
            _each("一张卡片。One card.", "any"),
            f"{lessons.CARDS_MIN} 到 {lessons.CARDS_MAX} 张卡片。{lessons.CARDS_MIN} to {lessons.CARDS_MAX} cards.",
            least=lessons.CARDS_MIN,
            most=lessons.CARDS_MAX,
        ),
        "quiz": _list(
            question,
            f"{lessons.QUESTIONS} 道题。{lessons.QUESTIONS} questions.",
            least=lessons.QUESTIONS,
            most=lessons.QUESTIONS,
        ),
        "related": _ids("接着可以看的条目。Entries to read next."),
        "offered_with": _ids("回答这些条目时推荐这一课。Entries whose answer offers this lesson."),
        **_standing(),
    }
    return _file("前台课程 / Qiantai lesson", _reviewed(_object(_ordered(properties, lessons.FIELDS))))


def _responses() -> Schema:
    button = _object(
        {
            "title": _text("按钮上的字。The words on the button.", "any"),
            "payload": {
                "description": '按钮去向；指向一条问答时写 /faq{"id":"F22"}。'
                'Where it leads; /faq{"id":"F22"} for an entry.',
                "type": "string",
                "pattern": _PAYLOAD,
            },
        }
    )
    buttons = _list(button, "按钮。Its buttons.")
    full = _object({"text": _text("话。The sentence.", "any"), "buttons": buttons}, optional=["buttons"])
    sentence = {
        "description": "助手会说的一句话；带按钮的写成 text 和 buttons。名字不要改。"
        "A sentence the assistant says; with buttons it has text and buttons. Leave the names alone.",
        "anyOf": [_text("", "any"), full],
    }
    return _file("前台话术 / Qiantai sentences", {"type": "object", "additionalProperties": sentence})


def _routing() -> Schema:
    properties: dict[str, Schema] = {
        "id": {
            "description": "这一行的名字：小写字母、数字和下划线。The row's name: small letters, digits and _.",
            "type": "string",
            "pattern": r"^[a-z][a-z0-9_]{0,19}$",
        },
        "name": _each("谁接听。Who answers there."),
        "number": {
            "description": "电话：三到五位短号码，或 {hotline_number}；加引号。"
            "A short number of three to five digits, or {hotline_number}; in quotes.",
            "type": "string",
            "pattern": r"^([0-9]{3,5}|\{hotline_number\})$",
        },
        "matters": _list(
            {"enum": sorted(routing.MATTERS)},
            "管哪些事；每件事只在一行里。What it handles; each matter stands in one row.",
            unique=True,
        ),
        "handles": _each("用平常话说管哪些事。What it handles, in plain words."),
        "first": _each("先找谁。Whom to ask before.", "settings"),
        **_standing(),
    }
    row = _reviewed(_object(_ordered(properties, routing.FIELDS), about="一行。One row."))
    return _file("前台分流表 / Qiantai routing table", _list(row, least=1))


def main() -> None:
    """Writes every schema file anew."""
    FOLDER.mkdir(exist_ok=True)
    for name, schema in all_schemas().items():
        (FOLDER / name).write_text(written(schema), encoding="utf-8")


if __name__ == "__main__":
    main()
