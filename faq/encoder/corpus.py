"""What the encoder learns from: openly licensed sentence pairs, a dictionary, requests, and the project's own texts."""

from __future__ import annotations

import gzip
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faq import entries

TERMS = Path(__file__).with_name("terms.tsv")  # Chinese, English
REQUESTS = Path(__file__).with_name("requests.tsv")  # source, its intent, a Chinese request of ours for that
DEV_PAIRS = 1000  # English sentences kept back, with their translations, to compare settings by
INTENTS = {"banking77": "banking77_train_CCBY4.tsv.gz", "clinc150": "clinc150_train_CCBY3.tsv.gz"}
OUT_OF_SCOPE = "oos"  # clinc150's name for what belongs to no intent

Pair = tuple[str, str]  # Chinese, English
Groups = Mapping[str, tuple[str, ...]]  # texts that ask for the same, by entry or intent


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Everything normalised, without repetitions, in an order that is the same every time."""

    dev: tuple[Pair, ...]  # not learned from
    pairs: tuple[Pair, ...]  # sentences with their translations
    words: tuple[Pair, ...]  # dictionary words with their first glosses
    terms: tuple[Pair, ...]  # the project's financial terms
    laws: tuple[str, ...]  # Chinese sentences without a translation: how often characters are used
    intents: tuple[Groups, ...]  # requests by intent, one mapping for each source
    entries: Groups  # questions and phrasings of the project's own FAQ in both languages, by entry id
    questions: tuple[Pair, ...]  # its questions, which translate each other

    @property
    def requests(self) -> tuple[str, ...]:
        return unique(text for source in self.intents for group in source.values() for text in group)

    @property
    def english(self) -> tuple[str, ...]:
        """Every English sentence, those of the FAQ too."""
        own = (text for group in self.entries.values() for text in group)
        asked = (text for text in (*self.requests, *own) if not is_chinese(text))
        return unique([*(en for _, en in self.pairs), *asked])


def normal(text: str) -> str:
    """As the tokenizer sees it: compatibility forms folded, small letters, single spaces."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).lower()).strip()


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


def unique(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))  # a set's order changes from run to run


def rows(file: Path) -> list[tuple[str, ...]]:
    """The normalised cells of a table without header, gzip'd or not."""
    content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [tuple(normal(cell) for cell in line.split("\t")) for line in content.decode("utf-8").splitlines()]


def groups(table: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Rows of (group, text) as texts by group."""
    gathered: dict[str, list[str]] = {}
    for group, text in table:
        gathered.setdefault(group, []).append(text)
    return {group: unique(texts) for group, texts in gathered.items()}


def own(content: Path) -> tuple[dict[str, tuple[str, ...]], tuple[Pair, ...]]:
    """The FAQ's texts by entry, and its questions as pairs."""
    faq = entries.load(content).entries
    texts = {
        id: unique(normal(text) for lang in ("zh", "en") for text in (entry.question[lang], *entry.phrasings[lang]))
        for id, entry in faq.items()
    }
    return texts, tuple((normal(entry.question["zh"]), normal(entry.question["en"])) for entry in faq.values())


def read(data: Path, content: Path, seed: int) -> Corpus:
    """The files of `data` (see README.md beside this file), the terms, and the FAQ in `content`."""
    translated = list(dict.fromkeys((zh, en) for en, zh, _ in rows(data / "tatoeba_en_zh_train_CCBY2.tsv.gz")))
    english = unique(en for _, en in translated)
    chosen = np.random.default_rng(seed).permutation(len(english))[:DEV_PAIRS]
    kept_back = {english[int(n)] for n in chosen}
    also = {zh for zh, en in translated if en in kept_back}
    texts, questions = own(content)
    ours = {source: [(intent, text) for name, intent, text in rows(REQUESTS) if name == source] for source in INTENTS}
    return Corpus(
        dev=tuple({en: (zh, en) for zh, en in translated if en in kept_back}.values()),
        pairs=tuple((zh, en) for zh, en in translated if en not in kept_back and zh not in also),
        words=tuple(
            (zh, "; ".join(glosses.split("|")[:3])) for zh, glosses in rows(data / "cedict_zh_en_CCBYSA4.tsv.gz")
        ),
        terms=tuple((zh, en) for zh, en in rows(TERMS)),
        laws=tuple(line for (line,) in rows(data / "laws_finance_sentences.txt.gz")),
        intents=tuple(
            groups([*((intent, text) for intent, text in rows(data / file) if intent != OUT_OF_SCOPE), *ours[source]])
            for source, file in INTENTS.items()
        ),
        entries=texts,
        questions=questions,
    )
