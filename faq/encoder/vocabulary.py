# pyright: basic
# (what training is built on is typed in part only)
"""The encoder's vocabulary: Chinese characters and pieces of English words, by plain counts, so always the same."""

from __future__ import annotations

import re
from collections import Counter

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from faq.encoder.corpus import Corpus, unique

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_TOKENS = 64  # of one text, in training and in use; the rest is cut off
WHOLE, BEGINNINGS, ENDS = 2400, 800, 400  # English words, and parts of words, that have a token of their own
PART = 6  # letters of the longest part


def tokenizer(corpus: Corpus) -> Tokenizer:
    """A BERT word-piece tokenizer that does NFKC and small letters by itself."""
    vocabulary = {token: n for n, token in enumerate(_tokens(corpus))}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106  (no password)
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.BertNormalizer(lowercase=True)])
    made.pre_tokenizer, made.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    made.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    made.enable_truncation(MAX_TOKENS)
    return made


def _tokens(corpus: Corpus) -> tuple[str, ...]:
    texts = [*corpus.english, *(gloss for _, gloss in corpus.words), *(term for _, term in corpus.terms)]
    words = Counter(word for text in texts for word in re.findall(r"[a-z]+|[0-9]+", text))
    beginnings: Counter[str] = Counter()
    ends: Counter[str] = Counter()
    for word, count in words.items():
        for length in range(1, min(len(word), PART + 1)):
            beginnings[word[:length]] += min(count, 5)
            ends["##" + word[-length:]] += min(count, 5)
    asked = [*corpus.requests, *(text for group in corpus.entries.values() for text in group)]
    chinese = [*(zh for zh, _ in corpus.pairs), *(zh for zh, _ in corpus.terms), *corpus.laws, *asked]
    han = Counter(c for text in chinese for c in text if "\u4e00" <= c <= "\u9fff")
    return unique(
        [
            *SPECIAL,
            *(word for word, _ in words.most_common(WHOLE)),
            *(part for part, _ in beginnings.most_common(BEGINNINGS)),
            *(part for part, _ in ends.most_common(ENDS)),
            *(chr(n) for n in range(33, 127)),
            *("##" + c for c in "0123456789abcdefghijklmnopqrstuvwxyz"),
            *"。、“”‘’《》",
            *_gb2312(),
            *(c for c, count in han.items() if count >= 2),
        ]
    )


def _gb2312() -> list[str]:
    """The 6,763 characters of the national standard, all of which have a token."""
    cells = (bytes([high, low]) for high in range(0xB0, 0xF8) for low in range(0xA1, 0xFF))
    return [c for cell in cells if (c := cell.decode("gb2312", "ignore"))]
