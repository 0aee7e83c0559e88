"""A small content folder to break: two entries in one topic, and the house's own sentences."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from core.settings import Settings
from faq.entries import LANGUAGES, Content
from faq.evaluate import alike, grams
from faq.files import taken
from faq.making import Current, Maker
from faq.responses import Args

# What set-up has encoded: the vectors of every shipped phrasing, a minute that every process would take anew.
ENCODED = Path(__file__).resolve().parents[2] / "var" / "vectors"
CONTENT = Path(__file__).parents[2] / "faq" / "content"

# Line numbers in the tests count from the first line below.
TOPIC = """\
- id: F01
  question: {zh: 怎么存钱？, en: How do I save money?}
  phrasings:
    zh: [我要存钱, 存钱怎么办理, 存款, 想把钱存起来, 开户存钱, 存点钱进去, 攒的工资放哪儿稳当, 办个定期]
    en: [save money, put it in the bank, savings account, how to deposit, deposit cash, passbook, nest egg, piggy]
  answer:
    zh: {short: 带上证件到网点。, details: 也可以用手机办理。}
    en: {short: Bring your ID to a branch., details: You can also use the app.}
  basis: {zh: 《储蓄管理条例》第一条, en: "Savings Regulation, Article 1"}
  confidence: V
  checked_on: 2026-11-21
  valid_from: null
  valid_to: null
  reviewed_by: null
  reviewed_on: null
  next_step: {zh: "请拨打{hotline_number}。", en: "Call {hotline_number}."}
  related: [F02]
- id: F02
  question: {zh: 怎么取钱？, en: How do I withdraw money?}
  phrasings:
    zh: [取现金, 我要取钱, 自动取款机怎么用, 提款, 取款, 把钱拿出来, 手头要用现钞, 柜台支取]
    en: [withdraw money, get cash out, use the ATM, take money out, cash withdrawal, how to withdraw, empty it, notes]
  answer:
    zh: {short: 用卡到取款机。}
    en: {short: Use your card at a machine.}
  basis: {zh: 《储蓄管理条例》第二条, en: "Savings Regulation, Article 2"}
  confidence: M
  checked_on: 2026-11-21
  valid_from: 2026-01-01
  valid_to: 2027-11-21
  reviewed_by: 李复核
  reviewed_on: 2026-11-21
  next_step: {zh: 请带好卡。, en: Bring your card.}
  related: []
"""


def make(folder: Path, topic: str = TOPIC) -> Path:
    """A content folder with `topic` as saving.yml, our own routing table, and our own sentences, their buttons led to
    the entries it has."""
    responses = folder / "responses"
    responses.mkdir(parents=True)
    for file in (CONTENT / "responses").glob("*.yml"):
        shutil.copy(file, responses)
        text = re.sub(r'"id":"F\d+"', '"id":"F01"', (responses / file.name).read_text(encoding="utf-8"))
        (responses / file.name).write_text(text, encoding="utf-8")
    shutil.copy(CONTENT / "routing.yml", folder)
    (folder / "saving.yml").write_text(topic, encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Still:
    """Content that nobody publishes anew."""

    current: Current


def still(folder: Path, clock: Callable[[], datetime]) -> Still:
    """The content of `folder` as a house would have it, with the settings' defaults."""
    args: Args = {language: Settings().response_args(language) for language in LANGUAGES}
    return Still(Maker(args=args, clock=clock).made(taken(folder)))


def close(questions: Iterable[str], content: Content, limit: float = 0.7) -> list[tuple[str, str]]:
    """The questions that are nearly a phrasing, each with it: `limit` of the three-character pieces are the same."""
    asked = list(questions)
    phrasings = [
        text
        for entry in content.entries.values()
        for language in LANGUAGES
        for text in (entry.question[language], *entry.phrasings[language])
    ]
    both = [*asked, *phrasings]
    pairs = alike([grams(text) for text in both], limit)
    return [(both[n], both[m]) for n, m in pairs if n < len(asked) <= m]


def edit(path: Path, old: str, new: str) -> None:
    """Replaces `old`, which must be there, once."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
