# pyright: basic
# (what training is built on is typed in part only)
"""Train the embedded encoder on a processor, in a quarter of an hour: `.venv/bin/python -m faq.encoder.train --help`.

Vocabulary → the teacher's vectors → a table of n-grams → a small transformer that starts from it, both learning the
teacher's vectors for English texts and their Chinese translations → the same transformer, learning which questions ask
for the same → a folder for sentence-transformers. README.md beside this file says why, from what, and how good it is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from faq.encoder import corpus as texts
from faq.encoder import lessons, measure, student, table, vocabulary
from faq.encoder.corpus import Corpus, Pair, unique
from faq.encoder.heldback import hold_back, told
from faq.encoder.lessons import Items, Pace, Source
from faq.encoder.teacher import Targets

HERE = Path(__file__).parent
BACK = 0.3  # of the weights before tuning, in the mean that is shipped
STEP = 512  # texts that are encoded at a time when measuring


def encoded(model: torch.nn.Module, wanted: Sequence[str]) -> NDArray[np.float32]:
    """Vectors of a student, shape (n, SIZE)."""
    was = model.training
    model.eval()
    with torch.no_grad():
        made = [model(wanted[start : start + STEP]).numpy() for start in range(0, len(wanted), STEP)]
    model.train(was)
    return np.concatenate(made)


def sample(items: Sequence[Pair], share: float, rng: np.random.Generator) -> Items:
    return [items[n] for n in rng.choice(len(items), int(len(items) * share), replace=False)]


def all_targets(corpus: Corpus, cache: Path) -> Targets:
    """The teacher's vectors for every English text that is learned."""
    translations = [en for _, en in (*corpus.pairs, *corpus.questions, *corpus.terms, *corpus.words)]
    return Targets(unique([*corpus.english, *translations]), cache)


def distilled(
    corpus: Corpus, targets: Targets, rng: np.random.Generator, *, epochs: int, table_epochs: int
) -> student.Student:
    """A student that gives the teacher's vectors for English texts and for their Chinese translations."""
    ours = [*corpus.terms, *corpus.questions]
    chinese: Items = [*corpus.pairs, *ours * 3]
    english = to_themselves([*corpus.english, *(en for _, en in ours)])
    words, glosses = list(corpus.words), to_themselves(gloss for _, gloss in corpus.words)

    grams = table.Table(corpus, rng)
    lessons.distil(
        grams,
        lambda: [*chinese * 3, *english * 2, *words, *glosses],
        targets,
        torch.optim.SparseAdam(list(grams.parameters())),
        Pace(rate=4e-3, warm_up=50, batch=1024),
        epochs=table_epochs,
        rng=rng,
        told=lambda: translations_found(grams, corpus),
    )
    made = student.Student(vocabulary.tokenizer(corpus), grams)
    lessons.distil(
        made,
        lambda: [*chinese * 2, *english, *sample(words, 0.5, rng), *sample(glosses, 0.33, rng)],
        targets,
        optimizer(made),
        Pace(rate=1e-3, warm_up=60, batch=512, clip=1.0),
        epochs=epochs,
        rng=rng,
        told=lambda: translations_found(made, corpus),
    )
    return made


def tune(made: student.Student, corpus: Corpus, targets: Targets, rng: np.random.Generator, *, steps: int) -> None:
    """Teach it which questions ask for the same, then go a part of the way back, which loses little of that and brings
    back most of what it cost elsewhere. Requests are left out of the general texts: what is near to one of our entries
    would be pushed away from it."""
    before = {name: weight.clone() for name, weight in made.state_dict().items()}
    english = to_themselves(en for _, en in corpus.pairs)
    words, glosses = list(corpus.words), to_themselves(gloss for _, gloss in corpus.words)
    lessons.tune(
        made,
        [
            Source(groups=corpus.entries, taken=len(corpus.entries), weight=0.5),
            *(Source(groups=source, taken=24, weight=0.15) for source in corpus.intents),
        ],
        lambda: [*list(corpus.pairs) * 2, *english, *sample(words, 0.5, rng), *sample(glosses, 0.33, rng)],
        targets,
        optimizer(made),
        Pace(rate=4e-4, warm_up=20, batch=192, clip=1.0),
        steps=steps,
        rng=rng,
    )
    made.load_state_dict(
        {name: BACK * before[name] + (1 - BACK) * weight for name, weight in made.state_dict().items()}
    )
    print(translations_found(made, corpus), flush=True)


def to_themselves(texts: Iterable[str]) -> Items:
    """English texts, whose targets are their own vectors."""
    return [(text, text) for text in unique(texts)]


def translations_found(model: torch.nn.Module, corpus: Corpus) -> str:
    found = measure.first_is_right(lambda some: encoded(model, some), [(en, zh) for zh, en in corpus.dev])
    return f"translations found {found:.1%}"


def optimizer(model: torch.nn.Module) -> torch.optim.Optimizer:
    learned = [weight for weight in model.parameters() if weight.requires_grad]
    return torch.optim.AdamW(learned, weight_decay=0.01, betas=(0.9, 0.98), fused=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Train the embedded encoder.", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the training data that README.md lists")
    parser.add_argument("--content", type=Path, default=HERE.parent / "content", help="folder of the FAQ")
    parser.add_argument("--out", type=Path, default=HERE / "model", help="folder for the model")
    parser.add_argument("--cache", type=Path, default=Path("var/encoder"), help="folder for the teacher's vectors")
    parser.add_argument("--threads", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=4, help="of the transformer")
    parser.add_argument("--table-epochs", type=int, default=4, help="of the table it starts from")
    parser.add_argument("--tuning", type=int, default=400, help="steps on which questions ask for the same")
    parser.add_argument(
        "--hold-back",
        action="store_true",
        help="ship nothing; say what tuning brings for questions kept back",
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    rng = np.random.default_rng(given.seed)
    corpus = texts.read(given.data, given.content, given.seed)
    held = hold_back(corpus)
    if given.hold_back:
        corpus = held.learned
    print(
        f"{len(corpus.pairs)} sentence pairs, {len(corpus.words)} words, {len(corpus.terms)} terms,",
        f"{len(corpus.requests)} requests, {sum(map(len, corpus.entries.values()))} questions of the FAQ",
        flush=True,
    )
    targets = all_targets(corpus, given.cache)
    made = distilled(corpus, targets, rng, epochs=given.epochs, table_epochs=given.table_epochs)
    if given.hold_back:
        print("before tuning", *told(held, lambda some: encoded(made, some)), sep="\n", flush=True)
    tune(made, corpus, targets, rng, steps=given.tuning)
    if given.hold_back:
        print("after it", *told(held, lambda some: encoded(made, some)), sep="\n")
        return
    student.pack(made, given.out)
    print(f"the encoder is in {given.out}; see how good it is: .venv/bin/python -m pytest tests/faq/test_encoder.py -s")


if __name__ == "__main__":
    main()
