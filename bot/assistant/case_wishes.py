"""Wishes about a case or a draft that are told by their words: too rare, or of too few words, to be learned; pure."""

from __future__ import annotations

import re

FORM = "case"  # the form of this name
OPENING = frozenset({"case_no", "case_proof", "case_phone", "case_name"})  # what it asks to find and open a case
CODE = re.compile(r"⟦query-code:[^⟧]*⟧")
NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?:Q\s?[0-9]{4}|20[0-9]{2})[-—–\s]?[0-9]{7,9}[-—–\s]?[0-9](?![0-9])", re.IGNORECASE
)
_REFERENCE = re.compile(r"⟦[^⟧]*⟧")
# What stands around a number and a code and says nothing.
_AROUND = re.compile(
    r"受理|投诉|草稿|案件?|工单|登记|查询码|验证码|编号|单号|号码?|手机号?|电话|姓名|名字|我叫|我的?|是|和|为|码|的|请|查(?:一下|询)?|"
    r"\b(?:my|the|is|it's|its|and|case|complaint|draft|query|number|no|code|phone|name|here|this|with|are)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[\u4e00-\u9fff]|[A-Za-z]+")
ALONE_MAX = 4  # characters or words left around a number and a code: a name
# The whole answers of few words to what the form asks; alone they sound like anything.
_PLAIN = re.compile(
    r"\W*(?:没有?了?|没别的了?|就这些|找不到了?|忘了|不记得了?|丢了|是的?|对的?|确定|不|先不撤回?|撤吧|撤回吧?|"
    r"no(?:pe)?|nothing|none|that's (?:all|it)|yes|yeah|sure|i lost it|i forgot|lost|withdraw it|(?:no,? )?keep it)\W*",
    re.IGNORECASE,
)
_DRAFT = re.compile(r"草稿|\bdraft\b", re.IGNORECASE)
_RESUME = re.compile(
    r"(?:继续|接着|恢复|找回|打开|拿回|调出)[^，。？?]{0,8}草稿|(?:有|存了?)(?:个|一个|份)?草稿|"
    r"草稿[^，。？?]{0,10}(?:继续|接着|恢复|找回|打开|编号|还在|写完)|"
    r"\b(?:resume|continue|finish|go on with|carry on with|open|reopen|pick up|get back)\b[^,.?]{0,16}\bdraft\b|"
    r"\bdraft\b[^,.?]{0,24}\b(?:continue|resume|finish|number)\b|\bi (?:have|saved|kept) (?:a|my) draft\b",
    re.IGNORECASE,
)
_AGAIN = r"重新?(?:打开|开启|启动|受理|处理|办)|重开"
_REOPEN = re.compile(
    r"^\W*(?:我?[要想]?)(?:重新打开|重开)(?:它|一下|吧)?\W*$|^\W*(?:please )?re-?open(?: it)?\W*$|"
    rf"重新?(?:打开|开启|启动|受理)[^，。？?]{{0,8}}(?:投诉|案|件|单)|重开[^，。？?]{{0,6}}(?:投诉|案)|"
    rf"(?:投诉|案子?|案件|那件事?|工单)[^，。？?]{{0,12}}(?:{_AGAIN})|"
    r"(?:结案|办结|了结)了?[，, ]?[^。？?]{0,12}(?:新的?(?:证据|情况|事实|材料|线索)|没(?:解决|处理好)|重新)|"
    r"\bre-?open(?:ing|ed)?\b[^.?]{0,20}\b(?:case|complaint|it|file)\b|"
    r"\b(?:case|complaint|file)\b[^.?]{0,30}\bre-?open(?:ed)?\b|"
    r"\b(?:case|complaint)\b[^.?]{0,12}\bclosed\b[^.?]{0,24}\bnew (?:facts?|evidence|proof)\b",
    re.IGNORECASE,
)
_ASKS_HOW = re.compile(
    r"怎么|如何|能不能|可不可以|可以.{0,12}吗|多久|什么(?:条件|情况)|[吗呢][?？]?$|\b(?:how|when|can|could|may|what)\b",
    re.IGNORECASE,
)


def is_key(text: str) -> bool:
    """Whether a text holds what a case is opened with: its number or a query code."""
    return CODE.search(text) is not None or NUMBER.search(text) is not None


# The whole of a message that wants something else of the case than what the form was opened for.
_OTHERWISE = {
    "case_urge": r"催(?:办|一催|一下|一下进度)?|(?:hurry(?: it)? up|urge(?: it| them)?|chase(?: it)?)",
    "case_withdraw": r"撤(?:回|诉|销)(?:投诉|它)?|(?:withdraw|drop)(?: it| my complaint| the case)?",
    "case_supplement": r"补充(?:材料|一下|说明|证据)?|(?:supplement|add (?:something|evidence|material))",
    "case_reopen": r"(?:重新打开|重开)|(?:re-?open(?: it)?)",
    "status": r"查?(?:一下)?(?:进度|进展)|(?:the )?status",
}
_ALOUD = r"\W*(?:我?[要想]|请|帮我|麻烦|那就?|还是|i want to |please |just )*(?:{})(?:吧|了|please)?\W*"
_OTHER_WISHES = {name: re.compile(_ALOUD.format(wish), re.IGNORECASE) for name, wish in _OTHERWISE.items()}


def other(text: str) -> str:
    """The intent of a text inside the form that wants something else of the case and says nothing more, or ""."""
    return next((name for name, wish in _OTHER_WISHES.items() if wish.fullmatch(text)), "")


def is_plain(text: str) -> bool:
    """Whether a text inside the form is nothing but a yes, a no or the like."""
    return _PLAIN.fullmatch(text.replace("’", "'")) is not None


def wish(text: str) -> str:
    """The intent that the words alone tell: case_again (a number or a code and hardly more), case_resume, case_reopen;
    "" for every other text."""
    key = is_key(text)
    if _RESUME.search(text) or (key and _DRAFT.search(text)):
        return "case_resume" if key or not _ASKS_HOW.search(text) else ""
    if _REOPEN.search(text) and (key or not _ASKS_HOW.search(text)):
        return "case_reopen"
    left = _AROUND.sub(" ", NUMBER.sub(" ", _REFERENCE.sub(" ", text)))
    return "case_again" if key and len(_WORD.findall(left)) <= ALONE_MAX else ""
