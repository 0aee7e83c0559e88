"""The fields that entries, lessons and routes have in common, read strictly: texts per language, ids, and what a fact
rests on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Literal, cast

from core.model import Language
from faq import texts
from faq.yamlfile import Place, YamlFile

LANGUAGES: tuple[Language, ...] = ("zh", "en")

Confidence = Literal["V", "V2", "M", "U", "D"]
# V primary text read · V2 secondary source read · M from memory, fairly sure · U unsure · D our own design
CONFIDENCES: tuple[Confidence, ...] = ("V", "V2", "M", "U", "D")
UNSURE: frozenset[Confidence] = frozenset({"M", "U"})  # what rests on them is worded carefully

STANDING = ("basis", "confidence", "checked_on", "valid_to", "reviewed_by", "reviewed_on")
NO_ARGS: frozenset[str] = frozenset()


def sentence(file: YamlFile, place: Place, raw: Any, allowed: frozenset[str]) -> str:
    """`raw` as a text whose {names} are all among `allowed`."""
    text = file.text(place, raw)
    if why := texts.trouble(text, allowed):
        file.blame(place, why)
    return text


def per_language(file: YamlFile, place: Place, raw: Any, allowed: frozenset[str]) -> dict[Language, str]:
    """One text per language."""
    row = file.mapping(place, raw, required=LANGUAGES)
    return {
        language: sentence(file, (*place, language), row[language], allowed)
        for language in LANGUAGES
        if language in row
    }


def names(file: YamlFile, place: Place, raw: Any) -> tuple[str, ...]:
    """A list of names, such as ids, each in it once."""
    found = tuple(file.text((*place, n), item) for n, item in enumerate(file.items(place, raw)))
    for n, one in enumerate(found):
        if one in found[:n]:
            file.blame((*place, n), f"{one} is in this list twice")
    return found


def standing(file: YamlFile, place: Place, row: Mapping[str, Any]) -> dict[str, Any]:
    """What the facts at `place` rest on and how long they hold: the values of STANDING, all of which `row` has."""
    if row["confidence"] not in CONFIDENCES:
        file.blame((*place, "confidence"), f"confidence {row['confidence']!r} is none of {', '.join(CONFIDENCES)}")
    if row["checked_on"] is None:
        file.blame((*place, "checked_on"), "checked_on: the day on which the facts were checked is needed")
    reviewed_by = row["reviewed_by"]
    fields: dict[str, Any] = {
        "basis": per_language(file, (*place, "basis"), row["basis"], NO_ARGS),
        "confidence": row["confidence"],
        "checked_on": file.day((*place, "checked_on"), row["checked_on"]),
        "valid_to": file.day((*place, "valid_to"), row["valid_to"]),
        "reviewed_by": "" if reviewed_by is None else file.text((*place, "reviewed_by"), reviewed_by),
        "reviewed_on": file.day((*place, "reviewed_on"), row["reviewed_on"]),
    }
    valid_to, checked_on = cast("date | None", fields["valid_to"]), cast("date | None", fields["checked_on"])
    if valid_to and checked_on and valid_to < checked_on:
        file.blame((*place, "valid_to"), f"valid_to {valid_to} is before checked_on {checked_on}")
    if bool(fields["reviewed_by"]) != bool(fields["reviewed_on"]):
        file.blame((*place, "reviewed_by"), "reviewed_by and reviewed_on belong together: give both or neither")
    return fields
