"""Folds Chinese as it is written in Taiwan, Hong Kong and Canton to the simplified words of the mainland, and shows
simplified sentences in traditional characters."""

from __future__ import annotations

import re
from functools import cache
from typing import Protocol, cast

from opencc import OpenCC  # pyright: ignore[reportUnknownVariableType]

# Characters that OpenCC keeps apart since simplified Chinese has both, though people mean the same by them.
_SAME = str.maketrans("帐覆著衹祇", "账复着只只")
# Words, after the characters are simplified. OpenCC has such lists too, made for software: they turn 存取 (put in and
# take out) into 访问 (access), and 资料 into 数据.
_PAIRS = """
    网路=网络 简讯=短信 短讯=短信 资讯=信息 软体=软件 身分=身份 纪录=记录 个资=个人信息 行动支付=手机支付 数位=数字
    提款卡=银行卡 金融卡=银行卡 信贷记录=信用记录 信贷纪录=信用记录 柜员机=取款机 提款机=取款机 领钱=取钱 提款=取款
    汇钱=汇款 入数=存钱 过数=转账 月结单=账单 按揭=房贷 诈欺=诈骗 散纸=零钱 点算=怎么办 点样=怎样 点解=为什么
    边度=哪里 边个=谁 几多=多少 几时=什么时候 乜嘢=什么 咩=什么 唔该=请 唔=不 嘅=的 咗=了 喺=在 冇=没有 佢=他 哋=们
    畀=给 嚟=来 揾=找 攞=拿 睇=看 啱=对 嗰=那 呢个=这个 系咪=是不是
"""
# Where OpenCC takes 发卡 (to issue a card) for a hairpin, finds household things (家什) in 专家什么, and
# restores (回復) what is a reply.
_MISTAKEN = {"髮卡": "發卡", "專傢": "專家", "回復": "回覆"}
_WORDS = {here: ours for here, _, ours in (pair.partition("=") for pair in _PAIRS.split())}
_FOREIGN = re.compile("|".join(sorted(_WORDS, key=len, reverse=True)))


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


@cache
def _converter(which: str) -> _Converter:
    return cast("_Converter", OpenCC(which))


def simplified_characters(text: str) -> str:
    """`text` in simplified characters and no other words; half a surrogate pair, no character, becomes "?"."""
    return _converter("t2s").convert(text.encode("utf-8", "replace").decode())


def simplified(text: str) -> str:
    """The same, with one character for what people write in several ways."""
    return simplified_characters(text).translate(_SAME)


def traditional(text: str) -> str:
    """`text` in traditional characters as Hong Kong writes them; its words stay, so laws keep their names (decision
    0014). Half a surrogate pair becomes "?"."""
    written = _converter("s2hk").convert(text.encode("utf-8", "replace").decode())
    for mistaken, right in _MISTAKEN.items():
        written = written.replace(mistaken, right)
    return written


def fold(text: str) -> str:
    """`text` in simplified characters and the mainland's words."""
    return _FOREIGN.sub(lambda found: _WORDS[found[0]], simplified(text))
