# pyright: basic
# (what training is built on is typed in part only)
"""How the students learn: first to give the teacher's vectors, then to hold texts together that ask for the same."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from faq.encoder.corpus import Groups, Pair, is_chinese
from faq.encoder.teacher import Targets

SCALE = 20.0  # of cosines in a softmax
LEAST = 0.03  # the learning rate's share at the end
SLIPPED = 0.15  # of the texts in a lesson, as consumers type them

Items = list[Pair]  # text, and the teacher's text whose vector is its target


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a student learns."""

    rate: float  # learning rate at its highest
    warm_up: int  # steps until then
    batch: int  # texts in a step
    clip: float | None = None  # longest gradient

    def at(self, step: int, steps: int) -> float:
        return self.rate * min(1, (step + 1) / self.warm_up) * max(LEAST, 1 - step / steps)


def typed(texts: Sequence[str], rng: np.random.Generator) -> list[str]:
    """`texts`, some of them with a slip of the keyboard."""
    return [slipped(text, rng) if rng.random() < SLIPPED else text for text in texts]


def slipped(text: str, rng: np.random.Generator) -> str:
    """`text` with a character left out, doubled, or exchanged with the next one."""
    if len(text) < 5:
        return text
    n = int(rng.integers(len(text) - 1))
    a, b = text[n], text[n + 1]
    return text[:n] + (b, a + a + b, b + a)[int(rng.integers(3))] + text[n + 2 :]


def distil(
    student: torch.nn.Module,
    draw: Callable[[], Items],
    targets: Targets,
    optimizer: torch.optim.Optimizer,
    pace: Pace,
    *,
    epochs: int,
    rng: np.random.Generator,
    told: Callable[[], str],
) -> None:
    """`draw` gives the texts of one epoch and `told` what to print after it."""
    steps, step, begun = epochs * (len(draw()) // pace.batch), 0, time.monotonic()
    for epoch in range(epochs):
        student.train()
        losses: list[float] = []
        for items in _batches(draw(), pace.batch, rng):
            vectors = student(typed([text for text, _ in items], rng))
            loss = far_from_targets(vectors, [key for _, key in items], targets)
            _step(student, loss, optimizer, pace.at(step, steps), pace.clip)
            losses.append(loss.item())
            step += 1
        student.eval()
        taken = time.monotonic() - begun
        print(f"[{taken:.0f} s] epoch {epoch + 1} of {epochs}: loss {np.mean(losses):.3f}; {told()}", flush=True)


def far_from_targets(vectors: Tensor, keys: Sequence[str], targets: Targets) -> Tensor:
    """The loss of distillation: low where each vector lies on its target, nearer to it than to the others' targets."""
    rows = torch.tensor([targets.row[key] for key in keys])
    wanted = targets.vectors[rows]
    same = (rows[:, None] == rows).fill_diagonal_(False)  # a sentence and its translation
    scores = (vectors @ wanted.T * SCALE).masked_fill(same, -1e4)
    return 2 * (1 - (vectors * wanted).sum(1)).mean() + 0.5 * cross_entropy(scores, torch.arange(len(keys)))


@dataclass(frozen=True, kw_only=True)
class Source:
    """Texts by what they ask for, and how many groups of them a step takes."""

    groups: Groups
    taken: int
    weight: float

    def draw(self, rng: np.random.Generator) -> tuple[list[str], list[str]]:
        """Two texts of each of `taken` groups, the one in another language than the other half of the time."""
        names = list(self.groups)
        first: list[str] = []
        second: list[str] = []
        for n in rng.choice(len(names), min(self.taken, len(names)), replace=False):
            texts = self.groups[names[n]]
            one = texts[int(rng.integers(len(texts)))]
            across = [t for t in texts if is_chinese(t) != is_chinese(one)] if rng.random() < 0.5 else []
            others = across or [t for t in texts if t != one] or [one]
            first.append(one)
            second.append(others[int(rng.integers(len(others)))])
        return first, second


def tune(
    student: torch.nn.Module,
    sources: Sequence[Source],
    draw: Callable[[], Items],
    targets: Targets,
    optimizer: torch.optim.Optimizer,
    pace: Pace,
    *,
    steps: int,
    rng: np.random.Generator,
) -> None:
    """Texts of one group nearer to each other than to other groups and to the general texts of `draw`, which go on
    being learned from the teacher, or the student would forget them."""
    student.train()
    items: Iterator[Items] = iter(())
    for step in range(steps):
        if (general := next(items, None)) is None:
            items = _batches(draw(), pace.batch, rng)
            general = next(items)
        drawn = [source.draw(rng) for source in sources]
        texts = [text for pair in drawn for half in pair for text in half]
        vectors = student(typed([*texts, *(text for text, _ in general)], rng))
        others, at = vectors[len(texts) :], 0
        loss = far_from_targets(others, [key for _, key in general], targets)
        for source, (first, _) in zip(sources, drawn, strict=True):
            one, other = vectors[at : at + len(first)], vectors[at + len(first) : at + 2 * len(first)]
            at += 2 * len(first)
            right = torch.arange(len(first))
            for a, b in ((one, other), (other, one)):
                scores = a @ torch.cat([b, others]).T * SCALE
                loss = loss + source.weight / 2 * cross_entropy(scores, right)
        _step(student, loss, optimizer, pace.at(step, steps), pace.clip)
        if (step + 1) % 50 == 0:
            print(f"step {step + 1} of {steps}: loss {loss.item():.3f}", flush=True)
    student.eval()


def _batches(items: Items, size: int, rng: np.random.Generator) -> Iterator[Items]:
    order = rng.permutation(len(items))
    for start in range(0, len(items) - size + 1, size):
        yield [items[n] for n in order[start : start + size]]


def _step(
    student: torch.nn.Module, loss: Tensor, optimizer: torch.optim.Optimizer, rate: float, clip: float | None
) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
    optimizer.zero_grad()
    loss.backward()
    if clip:
        torch.nn.utils.clip_grad_norm_(student.parameters(), clip)
    optimizer.step()
