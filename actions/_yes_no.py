"""A yes or a no to a question of a form, and what is said besides it; pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from faq.folding import simplified

Answer = Literal["yes", "no", ""]

_GOOD = re.compile(
    r"不错|不用改|不变|没有?(?:错|问题|意见)|no (?:problem|mistake|change|error|objection)s?\b"
)  # sounds like a no
_NO = re.compile(
    r"(?:先?不(?!好意思|知道|清楚)|否|没|先?别|算[了啦]|等等|等一下|再想想|我再想|冇|莫得)(?:是|对|要|行|用|有|同意|可以|了|吧|啊)*|"
    r"(?:no|nope|nah|not|don't|do not|wait|never|cancel)\b|i (?:don't|do not|won't|would rather not)\b"
)
_YES = re.compile(
    r"(?:对(?!不起|方|于|面)|是(?!不是|否|谁)|好(?!像|久|多)|行(?!不行|吗)|嗯|可以(?!吗|不)|正确|确定(?!吗|不)|确认(?!吗|不)|同意|"
    r"要得|中(?:嘞|啊)|得嘞|当然)[的了啊呀吧啦嘛呢哦嗯对是好行]*|"
    r"(?:ok|okay|yes|yeah|yep|yup|y|sure|right|correct|fine|please do|go ahead|of course|confirm(?:ed)?|"
    r"i (?:do|am sure|agree|confirm)(?! not))\b"
)
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """An answer, "" where it is neither, and what else was said with it."""

    answer: Answer
    more: str = ""


def heard(text: str) -> Heard:
    """What `text` answers to a question that takes a yes or a no, such as "是的，钱已经退了"."""
    own = _EDGES.sub("", text)
    said = simplified(own).casefold().replace("’", "'")
    for answer, wording in _ORDER:
        if found := wording.match(said):
            return Heard(answer=answer, more=_EDGES.sub("", (own if len(own) == len(said) else said)[found.end() :]))
    return Heard(answer="")


_ORDER: tuple[tuple[Answer, re.Pattern[str]], ...] = (("yes", _GOOD), ("no", _NO), ("yes", _YES))
