"""A step back, all over again: what people say to an open form instead of an answer; pure."""

from __future__ import annotations

import re

from faq.folding import simplified

BACK = re.compile(
    r"我?[要想]?(?:返回|退回)(?:上一步|一步)?|(?:回到)?上一步|(?:go )?back|(?:one )?step back|previous(?: step)?"
)
RESTART = re.compile(
    r"我?[要想]?(?:重来|从头来|从头再来|重填|重写|重新[来填写说])(?:一遍|一次|吧)?|"
    r"start (?:over|again)|begin again|restart"
)
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


def plain(text: str) -> str:
    """What a wish is compared by: simplified, in lower case, without marks at the ends."""
    return _EDGES.sub("", simplified(text)).casefold().replace("’", "'")


def is_wish(wish: re.Pattern[str], text: str) -> bool:
    """Whether `text` says nothing but this wish."""
    return wish.fullmatch(plain(text)) is not None
