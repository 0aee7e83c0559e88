"""The schemas that editors use: what they accept the readers accept, and what they refuse the readers refuse."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from faq import entries, lessons, reading, responses, routing, schemas
from tests.faq.folder import CONTENT, make

FILES = sorted(path.relative_to(CONTENT).as_posix() for path in CONTENT.rglob("*.yml"))


class Loader(yaml.CSafeLoader):
    """Reads days as texts, as editors do."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def schema_of(file: str) -> str:
    """The schema that belongs to a content file."""
    return {"responses": "responses.json", "lessons": "lesson.json", "routing.yml": "routing.json"}.get(
        file.partition("/")[0], "entries.json"
    )


def complaints(schema: str, value: Any) -> list[str]:
    return [error.message for error in Draft7Validator(schemas.all_schemas()[schema]).iter_errors(value)]


@pytest.mark.parametrize("name", schemas.all_schemas())
def test_the_schema_files_are_what_the_readers_want(name: str) -> None:
    found = (schemas.FOLDER / name).read_text(encoding="utf-8")
    assert found == schemas.written(schemas.all_schemas()[name]), "run python -m faq.schemas"
    Draft7Validator.check_schema(json.loads(found))


def test_there_is_no_schema_file_that_nobody_makes() -> None:
    assert {path.name for path in schemas.FOLDER.iterdir()} == set(schemas.all_schemas())


@pytest.mark.parametrize("file", FILES)
def test_every_content_file_satisfies_the_schema_that_its_first_line_names(file: str) -> None:
    path = CONTENT / file
    text = path.read_text(encoding="utf-8")
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert named, f"{file} does not begin with its schema"
    assert (path.parent / named[1]).resolve() == (schemas.FOLDER / schema_of(file)).resolve()
    assert complaints(schema_of(file), yaml.load(text, Loader)) == []


def descriptions(schema: Any) -> Iterator[tuple[str, str]]:
    """The name and description of every property in a schema."""
    if isinstance(schema, dict):
        for name, one in schema.get("properties", {}).items():
            if "type" in one or "enum" in one:
                yield name, one.get("description", "")
        for one in schema.values():
            yield from descriptions(one)
    elif isinstance(schema, list):
        for one in schema:
            yield from descriptions(one)


@pytest.mark.parametrize("name", schemas.all_schemas())
def test_every_field_is_explained_in_both_languages(name: str) -> None:
    for field, told in descriptions({k: v for k, v in schemas.all_schemas()[name].items() if k != "anyOf"}):
        if told or field not in ("reviewed_by", "reviewed_on"):  # their pairing repeats the names without words
            assert re.search(r"[一-鿿]", told), (field, told)
            assert re.search(r"[A-Za-z]{3}", told), (field, told)


@pytest.mark.parametrize(
    ("name", "fields"),
    [("entries.json", entries.FIELDS), ("routing.json", routing.FIELDS), ("lesson.json", lessons.FIELDS)],
)
def test_the_schema_has_the_readers_fields_and_no_other(name: str, fields: tuple[str, ...]) -> None:
    schema = schemas.all_schemas()[name]
    row = schema.get("items", schema)
    assert tuple(row["properties"]) == tuple(row["required"]) == fields
    assert row["additionalProperties"] is False


# What both refuse ---------------------------------------------------------------------------------------------------

MISSING: Any = object()

ENTRY: list[tuple[tuple[str | int, ...], Any]] = [
    (("id",), "22"),
    (("id",), "F2"),
    (("id",), 22),
    (("id",), MISSING),
    (("question",), "怎么存钱？"),
    (("question", "en"), MISSING),
    (("question", "zh"), ""),
    (("question", "zh"), " \n"),
    (("question", "zh"), 12363),
    (("question", "zh"), "打{hotline_number}"),
    (("question", "fr"), "Comment ?"),
    (("phrasings", "zh"), []),
    (("phrasings", "zh"), "我要存钱"),
    (("phrasings", "zh", 0), ["我要存钱"]),
    (("answer", "zh"), "带上证件。"),
    (("answer", "zh", "short"), MISSING),
    (("answer", "zh", "short"), "打{number}"),
    (("answer", "zh", "short"), "打{hotline_number"),
    (("answer", "zh", "detail"), "也可以用手机办理。"),
    (("basis", "zh"), None),
    (("confidence",), "sure"),
    (("confidence",), None),
    (("checked_on",), None),
    (("checked_on",), "21.11.2026"),
    (("valid_to",), "soon"),
    (("valid_to",), 2027),
    (("reviewed_by",), "李敏"),
    (("reviewed_on",), "2026-11-21"),
    (("next_step",), {}),
    (("next_step", "en"), "Call {basis}."),
    (("related",), "F02"),
    (("related",), ["F02", "F02"]),
    (("related",), ["two"]),
    (("related",), None),
    (("note",), "x"),
]


def changed(row: Any, place: tuple[str | int, ...], value: Any) -> Any:
    """`row` with another value at `place`."""
    row = copy.deepcopy(row)
    inner = row
    for step in place[:-1]:
        inner = inner[step]
    if value is MISSING:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return row


class Dumper(yaml.SafeDumper):
    """Writes days as editors leave them, without quotes."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text) else '"'
    tag = "tag:yaml.org,2002:timestamp" if style is None else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, text, style=style)


Dumper.add_representer(str, _text)


def refused(folder: Path, file: str, value: Any) -> bool:
    """Whether the readers refuse the folder with this value in `file`."""
    (folder / file).write_text(yaml.dump(value, Dumper=Dumper, allow_unicode=True), encoding="utf-8")
    return any(problem.file == file for problem in reading.read(folder)[1])


def value_of(folder: Path, file: str) -> Any:
    return yaml.load((folder / file).read_text(encoding="utf-8"), Loader)


def both(folder: Path, file: str, value: Any) -> tuple[bool, bool]:
    """Whether the schema and the readers refuse `value` as the file."""
    return bool(complaints(schema_of(file), value)), refused(folder, file, value)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = make(tmp_path / "content")
    (made / "lessons").mkdir(exist_ok=True)
    lesson = value_of(CONTENT, "lessons/card.yml") | {"related": ["F01"], "offered_with": []}
    assert both(made, "lessons/card.yml", lesson) == (False, False)
    return made


@pytest.mark.parametrize(("place", "value"), ENTRY)
def test_a_bad_entry_is_refused_by_the_schema_and_by_the_reader(
    folder: Path, place: tuple[str | int, ...], value: Any
) -> None:
    rows = value_of(folder, "saving.yml")
    assert both(folder, "saving.yml", rows) == (False, False)
    assert both(folder, "saving.yml", [changed(rows[0], place, value), rows[1]]) == (True, True)


@pytest.mark.parametrize("value", [[], {}, None, "text", [None], [[]]])
def test_a_topic_that_is_no_list_of_entries_is_refused_by_both(folder: Path, value: Any) -> None:
    assert complaints("entries.json", value)
    assert refused(folder, "saving.yml", value) or not reading.read(folder)[0].content.entries


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("hold", None),
        ("hold", ""),
        ("hold", 12363),
        ("hold", ["请稍等"]),
        ("hold", {"buttons": []}),
        ("hold", {"text": "请稍等", "button": []}),
        ("hold", {"text": "请稍等", "buttons": {"title": "好", "payload": "/ok"}}),
        ("hold", {"text": "请稍等", "buttons": [{"title": "好"}]}),
        ("hold", {"text": "请稍等", "buttons": [{"title": "", "payload": "/ok"}]}),
        ("hold", {"text": "请稍等", "buttons": [{"title": "好", "payload": "ok"}]}),
        ("hold", {"text": "请稍等", "buttons": [{"title": "好", "payload": "/ok now"}]}),
        ("hold", "请稍等{"),
    ],
)
def test_a_bad_sentence_is_refused_by_both(folder: Path, key: str, value: Any) -> None:
    file = f"{responses.FOLDER}/zh.yml"
    sentences = value_of(folder, file)
    assert both(folder, file, sentences) == (False, False)
    assert both(folder, file, sentences | {key: value}) == (True, True)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("id",), "Here"),
        (("number",), 12378),
        (("number",), "400-123"),
        (("name", "en"), MISSING),
        (("matters",), ["weather"]),
        (("first", "zh"), "打{route_nfra}"),
        (("confidence",), "X"),
        (("basis",), MISSING),
    ],
)
def test_a_bad_route_is_refused_by_both(folder: Path, place: tuple[str | int, ...], value: Any) -> None:
    rows = value_of(folder, "routing.yml")
    assert both(folder, "routing.yml", rows) == (False, False)
    assert both(folder, "routing.yml", [changed(rows[0], place, value), *rows[1:]]) == (True, True)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("place",), 0),
        (("place",), "first"),
        (("title", "zh"), ""),
        (("cards",), []),
        (("cards", 0, "en"), MISSING),
        (("quiz",), []),
        (("quiz", 0, "right"), 4),
        (("quiz", 0, "options"), []),
        (("quiz", 0, "why"), MISSING),
        (("related",), "F01"),
        (("checked_on",), None),
        (("colour",), "red"),
    ],
)
def test_a_bad_lesson_is_refused_by_both(folder: Path, place: tuple[str | int, ...], value: Any) -> None:
    lesson = value_of(folder, "lessons/card.yml")
    assert both(folder, "lessons/card.yml", changed(lesson, place, value)) == (True, True)
