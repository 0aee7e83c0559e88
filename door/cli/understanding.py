"""`understand` and `nlu`: what the assistant makes of messages, how well, and what it learns that from."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from bot.assistant.identity import model_path
from bot.assistant.understanding import public
from door.cli.common import Json, called_from, dump, say, settings, table
from door.cli.exits import Exit, fail
from door.cli.setup import steps
from door.cli.setup.engine import environment

if TYPE_CHECKING:
    from core.model import Language
    from door.cli.verdicts import Confusion, Verdict
    from faq.search import Found
    from faq.vectors import Encoder

EXAMPLES = steps.ROOT / "nlu_data" / "nlu"
HELD_OUT = steps.ROOT / "tests" / "nlu_data" / "held_out"
EVERYDAY = HELD_OUT.with_name("everyday")  # held out as well: what must set off no alarm
REFLEXES = {"person": "handoff"}  # reflexes that have another name than the intent that means the same
TEXT_MAX = 2000  # characters; what the house sends to the brain

nlu = typer.Typer(no_args_is_help=True, help="What the assistant learns to understand from, and how well it does.")


def understand(
    message: Annotated[list[str] | None, typer.Argument(help="What somebody might write.")] = None,
    file: Annotated[Path | None, typer.Option(help="One message per line instead; - reads standard input.")] = None,
    language: Annotated[str, typer.Option(help="zh or en where a text does not tell by itself.")] = "zh",
    as_json: Json = False,
) -> None:
    """What a message means to the assistant, outside any conversation: label, confidence, what was near, and why."""
    if language not in ("zh", "en"):
        fail(Exit.USAGE, "--language is zh or en")
    if bool(message) == bool(file):
        fail(Exit.USAGE, 'give a message, or --file with one per line: ./qiantai understand "我要投诉"')
    fallback: Language = language
    texts = [" ".join(message)] if message else _lines(cast("Path", file))
    for one in _verdicts([(text, fallback) for text in texts]):
        if as_json:
            dump(asdict(one))
        else:
            typer.echo(f"{one.text}\n  {one.label}  {one.confidence:.2f}, then {one.runner_up}: {one.why}")


@nlu.command("lint")
def lint(as_json: Json = False) -> None:
    """Examples that stand twice or near each other under two intents, come close to held-out texts, or are too few."""
    from door.cli import examples

    places = [place for place in (HELD_OUT, EVERYDAY) if place.is_dir()]
    measured = [one.text for place in places for one in examples.held_out(place)]
    findings = examples.lint(examples.load(EXAMPLES), measured)
    for one in findings:
        if as_json:
            dump(asdict(one))
        else:
            typer.echo(f"{EXAMPLES / one.file}:{one.line}: {one.reason} [{one.rule}]")
    if findings:
        fail(Exit.FOUND, f"{len(findings)} things to put right")
    say("Nothing to put right.")


@nlu.command("eval")
def measure(
    folder: Annotated[
        Path | None, typer.Option(help="Other utterances (zh.tsv, en.tsv) than those of tests/nlu_data/held_out.")
    ] = None,
    misses: Annotated[bool, typer.Option("--misses", help="List every utterance that was understood wrongly.")] = False,
    picture: Annotated[
        list[Path] | None,
        typer.Option(help="Draw into this .html or .png file what is taken for what; may be repeated."),
    ] = None,
    gate: Annotated[Path | None, typer.Option(help="Exit 1 if a figure is worse than this .toml file allows.")] = None,
    as_json: Json = False,
) -> None:
    """How well messages are understood that nothing was learned from: by language, label and style."""
    from door.cli import examples, limits, verdicts

    place = called_from(folder) if folder else HELD_OUT
    asked = examples.held_out(place) if place.is_dir() else []
    if not asked:
        fail(Exit.USAGE, f"there are no utterances (zh.tsv, en.tsv) in {place}; --folder names others")
    pictures = [called_from(file) for file in picture or ()]
    if any(file.suffix not in (".html", ".png") for file in pictures):
        fail(Exit.USAGE, "--picture draws HTML or PNG: give it a name that ends in .html or .png")
    allowed = limits.read(called_from(gate)) if gate else []
    found = list(zip(asked, _verdicts([(one.text, one.language) for one in asked]), strict=True))
    told = verdicts.figures(found)
    if as_json:
        for name, figures in told.items():
            dump({"figure": name} | figures)
    else:
        rows = [(name, *(figures.get(column) for column in verdicts.COLUMNS)) for name, figures in told.items()]
        table(["", *(column.replace("_", " ") for column in verdicts.COLUMNS)], rows, empty="")
    if misses:
        for one, got in found:
            if not verdicts.right(one, got):
                expected = "|".join(sorted(one.labels))
                row = {"expected": expected, "language": one.language, "style": one.style} | asdict(got)
                dump(row) if as_json else typer.echo(f"{expected} -> {got.label} ({got.confidence:.2f})  {one.text}")
    for file in pictures:
        _draw(verdicts.confusion(found), file)
    if broken := [why for limit in allowed if (why := limit.broken_by(told))]:
        fail(Exit.FOUND, "\n".join(broken))


def _draw(table: Confusion, file: Path) -> None:
    """Write the picture, as HTML or as PNG by the file's name; the PNG is drawn in the brain's environment."""
    from door.cli import verdicts

    if file.suffix == ".html":
        try:
            file.write_text(verdicts.page(table), encoding="utf-8")
        except OSError as e:
            fail(Exit.USAGE, f"{file} cannot be written ({e.strerror})")
        return
    command = [str(steps.BRAIN / "bin" / "python"), str(steps.ROOT / "bot" / "assistant" / "heatmap.py"), str(file)]
    done = subprocess.run(command, input=json.dumps(asdict(table)).encode(), stderr=subprocess.PIPE, check=False)
    if done.returncode:
        fail(Exit.USAGE, done.stderr.decode().strip().splitlines()[-1])


@nlu.command("known")
def known(file: Annotated[Path, typer.Argument(help="The .npz file to write.")]) -> None:
    """Write what the house knows of every example, vectors and what the search finds; ./qiantai train does it itself.

    The search is asked twice, with the vector and by words alone, since a message may come without its vector.
    """
    import numpy as np

    from door.cli import examples
    from faq.folding import simplified_characters

    texts: list[tuple[str, Language]] = [(one.text, one.language) for one in examples.load(EXAMPLES)]
    encoder, found = _searched(texts, both=True)
    if encoder is None:
        file.unlink(missing_ok=True)
        return
    vectors = np.array([vector for vector, _, _ in found], np.float16)
    keys = [hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest() for text, _ in texts]
    told = [json.dumps([_told(with_vector), _told(by_words)]) for _, with_vector, by_words in found]
    file.parent.mkdir(parents=True, exist_ok=True)
    plain = [json.dumps(simplified_characters(text)) for text, _ in texts]
    np.savez_compressed(
        file,
        keys=np.array(keys, "S32"),
        vectors=vectors,
        found=np.array(told),
        plain=np.array(plain),
        encoder=encoder.key,
    )


def _told(found: Found) -> tuple[str, list[tuple[str, float]]]:
    return found.decision, [(hit.topic, hit.score) for hit in found.hits]


def _searched(
    texts: Sequence[tuple[str, Language]], *, both: bool = False
) -> tuple[Encoder | None, list[tuple[Any, Found, Found]]]:
    """The encoder that is set, and for each text its vector, what the search finds and, for `both`, by words alone."""
    from faq import entries, vectors
    from faq.search import Search, readable

    house = settings()
    encoder = vectors.load(house.encoder)
    finder = Search(entries.load(house.content), datetime.now(UTC), vectors.kept(encoder, house.data))
    rows = encoder.encode([readable(text) for text, _ in texts]) if encoder else [None] * len(texts)
    found: list[tuple[Any, Found, Found]] = []
    for (text, language), row in zip(texts, rows, strict=True):
        hits = finder.find(text, language, vector=row)
        found.append((row, hits, finder.find(text, language) if both else hits))
    return encoder, found


def _verdicts(texts: Sequence[tuple[str, Language]]) -> Iterator[Verdict]:
    """What each text means: by the reflexes, which the brain never overrules, else by the brain."""
    from bot import reflexes
    from door.cli.verdicts import Verdict
    from faq.language import detect

    at_once = reflexes.load()
    _, found = _searched(texts)
    for (text, fallback), (_, hits, _), meant in zip(texts, found, _parsed(texts, found), strict=True):
        label = public(meant["label"], [(hit.id, hit.topic) for hit in hits.hits])
        confidence, runner_up, why = meant["confidence"], meant["runner_up"], meant["why"]
        if reflex := at_once.match(text):
            own = public(REFLEXES.get(reflex.name, reflex.name))
            runner_up = runner_up if label == own else label
            label, confidence, why = own, 1.0, f"the reflex {reflex.name}, which comes before the brain"
        yield Verdict(
            text=text,
            language=detect(text, fallback),
            label=label,
            confidence=confidence,
            runner_up=public(runner_up),
            why=why,
        )


def _parsed(texts: Sequence[tuple[str, Language]], found: Sequence[tuple[Any, Found, Found]]) -> list[dict[str, Any]]:
    """What the brain says of each text, in one process of its own environment."""
    from faq.folding import simplified_characters
    from faq.language import detect, is_other

    model = model_path()
    python = steps.BRAIN / "bin" / "python"
    if not model.exists() or not python.exists():
        fail(Exit.SETUP, "the brain is not trained yet, or its data changed since: run ./qiantai train")
    turns = "".join(
        json.dumps(
            {
                "turn": "understand",
                "kind": "text",
                "text": text[:TEXT_MAX].strip() or "?",
                "plain": simplified_characters(text[:TEXT_MAX]),
                "language": detect(text, fallback),
                "other_language": is_other(text),
                "channel": {"kind": "web"},
                "now": datetime.now(UTC).isoformat(),
                "vector": None if row is None else [float(x) for x in row],
                "hits_decision": hits.decision,
                "hits": [{"id": hit.id, "topic": hit.topic, "score": hit.score} for hit in hits.hits],
            }
        )
        + "\n"
        for (text, fallback), (row, hits, _) in zip(texts, found, strict=True)
    )
    done = subprocess.run(
        [str(python), str(steps.ROOT / "bot" / "assistant" / "parse.py"), str(model)],
        cwd=steps.ROOT,
        env=environment(os.environ),
        input=turns.encode(),
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        fail(Exit.SETUP, "the brain could not read the messages; see above")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _lines(file: Path) -> list[str]:
    """The lines of `file` that hold something."""
    try:
        text = sys.stdin.buffer.read() if str(file) == "-" else called_from(file).read_bytes()
    except OSError as e:
        fail(Exit.USAGE, f"{file} cannot be read ({e.strerror})")
    return [line for line in text.decode("utf-8-sig", "replace").splitlines() if line.strip()]
