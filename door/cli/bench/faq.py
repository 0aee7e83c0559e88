"""`bench faq`: how long one question takes with few and with many phrasings, on one thread, encoding included.

`python -m door.cli.bench.faq TEXTS` measures one size in a process of its own, so that memory is its alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from core.settings import Settings, load
from door.cli.bench import rivals
from door.cli.bench.figures import Figure, as_data, machine, memory_mb, percentiles
from door.cli.bench.grown import asked, grown, searched
from door.cli.common import say, table
from door.cli.exits import Exit, fail
from door.cli.setup import engine, steps
from faq import entries, evaluate, vectors
from faq.entries import LANGUAGES, Content
from faq.evaluate import Question
from faq.search import Search, readable
from faq.vectors import Encoder, Vectors

SIZES = (0, 10_000, 100_000)  # texts that are searched at the least; 0: the content as it is
TARGETS = (10.0, 10.0, 25.0)  # ms in which 95 of 100 questions are answered
QUERIES = 400
WARM_UP = 20
SEED = 1
PATIENCE = 900.0  # seconds for one size; encoding 100,000 phrasings takes about a minute
# What BLAS libraries read: "on one thread" holds for the products of vectors, too.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Tell = Callable[[str], None]


def measure(sizes: Sequence[int] = SIZES, tell: Tell = lambda line: None) -> dict[str, Any]:
    """Figures of every size, with the machine they were taken on."""
    with TemporaryDirectory(prefix="qiantai-bench-") as place:
        facts = machine(Path(place))
    rows: list[dict[str, Any]] = []
    for size in sizes:
        tell(f"{size:,} phrasings" if size else "the entries as they are")
        rows.append(_apart(size))
    figures = [
        Figure.at_most(f"{row['texts']:,} phrasings: one question p95", row["ms"]["p95"], target, "ms")
        for row, target in zip(rows, TARGETS, strict=False)
    ]
    return {
        "machine": facts,
        "sizes": rows,
        "figures": as_data(figures),
        "passed": all(figure.good for figure in figures),
    }


def _apart(size: int) -> dict[str, Any]:
    """One size, measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "door.cli.bench.faq", str(size)],
        env={**os.environ, **ONE_THREAD},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        fail(Exit.FOUND, f"the measurement of {size:,} phrasings ended with exit code {done.returncode}")
    return json.loads(done.stdout)


def one_size(texts: int) -> dict[str, Any]:
    """Milliseconds of one question, seconds of building and MiB of what was built; no vectors without an encoder."""
    settings = load()
    content = grown(entries.load(settings.content), texts, SEED)
    encoder = vectors.load(settings.encoder)
    empty = memory_mb(os.getpid())
    began = time.perf_counter()
    kept = Vectors(encoder) if encoder else None
    if kept:
        kept.of(_texts(content))
    encoded = time.perf_counter()
    search = Search(content, datetime.now(UTC), kept)
    built = time.perf_counter()
    full = memory_mb(os.getpid())
    took: list[float] = []
    for text, language in asked(content, QUERIES + WARM_UP, SEED + 1):
        start = time.perf_counter()
        vector = encoder.encode([readable(text)])[0] if encoder else None
        search.find(text, language, vector=vector)
        took.append(time.perf_counter() - start)
    return {
        "entries": len(content.entries),
        "texts": searched(content),
        "encoder": settings.encoder,
        "ms": percentiles(took[WARM_UP:]),
        "encode_seconds": round(encoded - began, 2),
        "build_seconds": round(built - encoded, 2),
        "memory_mib": round(full - empty, 1),
    }


def compare(questions: Path, tell: Tell = lambda line: None) -> dict[str, Any]:
    """Words, encoders and both, on the questions in scope in a folder; each hybrid against words alone.

    It passes where words and the encoder that is set are not significantly below words alone, in either language.
    """
    settings = load()
    content = entries.load(settings.content)
    asked_for = [one for one in evaluate.held_out(questions) if one.expected]
    now = datetime.now(UTC)
    ranked: dict[str, rivals.Ranks] = {rivals.WORDS: _ranks(Search(content, now), asked_for, None)}
    against: list[rivals.Difference] = []
    for name, encoder in _encoders(settings):
        tell(f"{name}: {encoder.key}")
        kept = Vectors(encoder)
        rows = encoder.encode([readable(one.text) for one in asked_for])
        both = f"words + {name}"
        ranked[name] = rivals.by_meaning(content, asked_for, rows, kept)
        ranked[both] = _ranks(Search(content, now, kept), asked_for, encoder)
        against += rivals.differences(asked_for, both, ranked[both], ranked[rivals.WORDS])
    found = rivals.as_data(ranked, asked_for, against)
    # Of many styles one may fall behind by chance, and the second encoder knows no Chinese: both are told, not judged.
    mine = next((one.system for one in against), "")
    behind = [one for one in against if one.system == mine and not one.style and one.high < 0]
    return {"questions": len(asked_for)} | found | {"passed": not behind}


def tell_compared(found: dict[str, Any]) -> None:
    """Who puts the right entry first, and how far each hybrid is from words alone, as tables."""
    systems: dict[str, dict[str, float]] = found["systems"]
    columns = list(next(iter(systems.values())))
    rows = [[name, *(f"{row[column]:.1%}" for column in columns)] for name, row in systems.items()]
    table(["", *columns], rows, empty="")
    print()
    against = [
        (one["system"], f"{one['language']} top-{one['top']}", one["questions"], *_interval(one))
        for one in found["minus_words"]
        if not one["style"]
    ]
    table(["Minus words", "", "Questions", "Difference", "95 % interval"], against, empty="")
    for one in found["significantly_below_words"]:
        place = f"{one['language']} {one['style']} top-{one['top']}"
        say(f"significantly below words: {one['system']}, {place}: {' '.join(_interval(one))}")


def _interval(one: dict[str, Any]) -> tuple[str, str]:
    return f"{one['difference']:+.1%}", f"{one['low']:+.1%} … {one['high']:+.1%}"


def _ranks(search: Search, questions: Sequence[Question], encoder: Encoder | None) -> rivals.Ranks:
    return np.array([case.rank() for case in evaluate.ask(search, questions, encoder)])


def _encoders(settings: Settings) -> Iterator[tuple[str, Encoder]]:
    """The encoder that is set, and all-MiniLM where it is installed."""
    places = {"shipped encoder" if settings.encoder == "embedded" else "encoder": settings.encoder}
    if (second := rivals.minilm()) is not None:
        engine.run([steps.torch()], steps.ROOT)
        places["all-MiniLM"] = str(second)
    for name, place in places.items():
        if (encoder := vectors.load(place)) is not None:
            yield name, encoder


def _texts(content: Content) -> list[str]:
    return [t for e in content.entries.values() for one in LANGUAGES for t in (e.question[one], *e.phrasings[one])]


if __name__ == "__main__":
    json.dump(one_size(int(sys.argv[1])), sys.stdout)
