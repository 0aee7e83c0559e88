"""Who somebody says they are, and whom they speak for. What is not clear is left out, so that it is asked; pure."""

from __future__ import annotations

import re

from actions._contact import REFERENCE

NAME_MAX = 60  # characters
NAME_TEXT = 120  # characters of an answer in which a name is looked for
NAME_HAN = 4  # characters of a Chinese name, at most

KIN = (
    "(?:妈妈?|母亲|爸爸?|父亲|父母|爷爷|奶奶|外公|外婆|姥姥|姥爷|老公|丈夫|老婆|妻子|爱人|儿子|女儿|孩子|哥哥?|弟弟?|姐姐?|妹妹?|"
    "叔叔?|姑姑?|舅舅?|姨妈?|岳父|岳母|公公|婆婆|朋友|同事|邻居|家人|家里人|亲戚|亲人|老人|客户)"
)
EN_KIN = (
    r"(?:mother|mom|mum|father|dad|parents?|grand\w+|wife|husband|son|daughter|child|sister|brother|uncle|aunt|friend|"
    r"neighbou?r|colleague|client|partner|family)"
)
_HAN_NAME = r"[\u4e00-\u9fff]{1,8}·[\u4e00-\u9fff·]{1,12}|[\u4e00-\u9fff]{2,4}?"
_END = r"(?=[\s，,。.；;、!！⟦]|电话|手机|联系|号码|邮箱|微信|不是|同意|要求|希望|就行|就好|即可|$)"
_LATIN_NAME = (
    r"[A-Za-z][A-Za-z'’.-]*(?: (?!(?i:and|my|phone|mobile|tel|number|e-?mail|i|please)\b)[A-Za-z][A-Za-z'’.-]*){0,3}"
)
_NAMED = re.compile(
    rf"(?:[我额俺咱]叫做?|我的名字(?:是|叫做?)?|我姓名(?:是|叫做?)?|[全真大]名(?:是|叫|：|:)?|姓名(?:是|叫|：|:)?|(?<![\u4e00-\u9fff])本人(?:叫|姓名|(?![去来到在被也很已要想是于从向因现有买办为]))|名字(?:是|叫|：|"
    rf":))\s*({_HAN_NAME}){_END}|"
    rf"\b(?:[Mm]y (?:full )?name is|[Nn]ame:|NAME:)\s*({_LATIN_NAME})"
)
_RENAMED = re.compile(
    rf"(?:(?<![\u4e00-\u9fff])(?:我|她|他|{KIN}|应该)*(?:叫做?|是)|应该是|应该叫|改成|改为|写成)[：:\s]*({_HAN_NAME}){_END}|"
    rf"\b(?:it's|it is|is|should be|to)\s+({_LATIN_NAME})\s*[.!]?$"
)
# What stands where a name does and is none.
_NOT_CALLED = re.compile(
    r"[你您他她它我俺们吗呢吧的对错]|^[不没退]|不[是行要想给退理同知告方用会能管肯]|没[有问]|退[钱款]|问题|银行|客服|人工|经理|警察|保安|老板|随便|傻|逼|垃圾|骗|等着|"
    r"\b(?:the|on|an|not|no|misspell\w*|spell\w*|incorrect|missing|private|none|nobody|whatever|idiot|refund)\b|"
    r"^(?:(?:all|quite|also|already|still) )*(?:correct|right|wrong|fine|ok|okay|good)$",
    re.IGNORECASE,
)
_ON_NAME = re.compile(r"名字|姓名|[全真大]名|我叫|叫|名儿|\bname\b", re.IGNORECASE)
_I_AM = re.compile(
    rf"^(?:\W|我家?的?|{KIN}的?|您|本人|名字|姓名|姓.(?=叫)|是|叫做?|就|好的?|可以|行|嗯|"
    r"\b(?:please|just|ok|okay|sure|i'm|i am|my|full|name|is|it's|this is|call me)\b)+",
    re.IGNORECASE,
)
_EN_NAME = r"[A-Z][\w'’-]*(?: [A-Z][\w'’-]*){0,3}"
_KIN_NAMED = re.compile(
    rf"{KIN}的?(?:名字|姓名)?(?:叫做?|是)\s*({_HAN_NAME}){_END}|"
    rf"我家?的?(?>{KIN})(?![叫是的被说])({_HAN_NAME})(?=[，,、\s]*(?:联系|电话|手机|号码?|是|[：:\s])*⟦|[，,、\s]+[我额俺](?:是|叫))|"
    rf"\b[Mm]y {EN_KIN}(?:'s name)?(?: is|,|:)?(?: called)? ({_EN_NAME})"
)
_ME = re.compile(
    rf"[我额俺](?:叫做?|是[他她]?的?(?>{KIN}))\s*({_HAN_NAME}){_END}|"
    rf"\b(?:I am|I'm)(?: (?:his|her|their|the) {EN_KIN},?)? ({_EN_NAME})"
)
_ME_IN_ANSWER = re.compile(rf"[我额俺]是\s*(?![他她])({_HAN_NAME}){_END}")  # what else people are, they say elsewhere
_ASIDE = re.compile(
    r"(?:，|,|;|；|。|\s)*(?:我的?|and|my|with)?\s*(?:联系)?(?:电话|手机号?码?|号码|邮箱|邮件|微信号?|e-?mail|"
    r"phone|mobile|number|tel|contact)"
    r"(?:号码?|number)?(?:\s|是|为|：|:|is|也是)*",
    re.IGNORECASE,
)
MARK = re.compile(r"⟦[^⟧]*⟧")
_SURNAME_ONLY = re.compile(
    r"[老小][\u4e00-\u9fff]|(?:姓)?[\u4e00-\u9fff](?:先生|女士|小姐|老师|师傅|大爷|阿姨|同志)|"
    r"姓[\u4e00-\u9fff]{1,2}|(?:mr|mrs|ms|"
    r"miss)\.? \w+",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"投诉|银行|为什么|干嘛|什么|怎么|多少|^[没不未别冇]|不想|不要|没有|找过|电话|手机|谢谢|你好|您好|可以|"
    r"同意|说|建议|咨询|改|现在|今天|明天|提交|取消|跳过|家里|单位|\d|"
    r"\b(?:why|what|how|bank|no|yes|not|the|skip|submit|cancel|home|back|complaint|money|card|hello|you|want|"
    r"help|charged?)\b",
    re.IGNORECASE,
)


def named(text: str) -> dict[str, str]:
    """`person`, where they say what they are called."""
    told = ((found[1] or found[2]).strip() for found in _NAMED.finditer(text))
    name = next((each for each in told if not _NOT_CALLED.search(each)), "")
    return {"person": name[:NAME_MAX]} if name else {}


def _group(found: re.Match[str] | None) -> str:
    """The name in it; "" for what is none."""
    name = next((each for each in found.groups() if each), "") if found else ""
    return "" if _NOT_CALLED.search(name) else name[:NAME_MAX]


def two(text: str, *, answer: bool = False) -> dict[str, str]:
    """`person`, `agent` and `contact`, as far as they are told, of who speaks for another: "我妈叫赵玉芬，我叫钱多多".

    Whose number is whose says the name before it; `contact` is the agent's, and the other's behind it where both are
    told. answer: to the question for the first name, which may then stand there bare.
    """
    them = _KIN_NAMED.search(text)
    me = _ME.search(text) or (_ME_IN_ANSWER.search(text) if answer else None)
    own, theirs = _group(me), _group(them)
    if me and not theirs and answer and re.search(rf"{KIN}|{EN_KIN}", me[0]):
        theirs = name(text[: me.start()])
    numbers = list(REFERENCE.finditer(text))
    if me and theirs and len(numbers) > 1:
        after = them is not None and them.start() > me.start()
        turn = them.start() if them and after else me.start()
        mine = [each[0] for each in numbers if (each.start() < turn) == after]
        others = [each[0] for each in numbers if (each.start() < turn) != after]
        contact = "".join([*mine[:1], *others[:1]])
    else:
        contact = numbers[0][0] if numbers else ""
    found = {"person": theirs, "agent": own, "contact": contact}
    return {step: value for step, value in found.items() if value}


def renamed(text: str) -> str:
    """The name in a correction of one; "" if none is corrected."""
    if not _ON_NAME.search(text):
        return ""
    told = [(one[1] or one[2]).strip() for one in (*_NAMED.finditer(text), *_RENAMED.finditer(text))]
    return next((one for one in reversed(told) if not _NOT_CALLED.search(one)), "")


def name(text: str) -> str:
    """The name in an answer to the question for it; "" if there is none."""
    text = re.sub(r"\s+", " ", text[:NAME_TEXT])
    if told := named(text):
        return told["person"]
    if own := _group(_ME.search(text)) or _group(_ME_IN_ANSWER.search(text)):
        return own
    plain = _ASIDE.sub(" ", MARK.sub(" ", text))
    plain = _I_AM.sub("", plain.strip())
    plain = re.sub(r"(?:就行|就好|就可以|即可|都行)(?:了|啦)?\W*$", "", plain)
    plain = re.sub(r"[\d+\-\s]{5,}|\S+@\S+", " ", plain)
    plain = plain.strip(" ，,。.；;、!！：:()（）")
    first = re.split(r"[，,。；;、\n]|\s{2,}", plain)[0].strip()
    if re.fullmatch(rf"[\u4e00-\u9fff]{{2,{NAME_HAN}}}", word := first.split()[0] if first else ""):
        first = word
    han = re.fullmatch(r"[\u4e00-\u9fff·]{2,15}", re.sub(r"\s", "", first))
    latin = re.fullmatch(r"[A-Za-z][A-Za-z'’. -]{1,58}", first)
    candidate = re.sub(r"\s", "", first) if han else first if latin else ""
    if (
        not candidate
        or (han and len(candidate) > NAME_HAN and "·" not in candidate)
        or _NO_NAME.search(candidate)
        or _NOT_CALLED.search(candidate)
    ):
        return ""
    return candidate


def is_fuller(name: str, before: str) -> bool:
    """Whether `name` says more than the name that was told before."""
    return name != before and (before in name or (is_surname(before) and not is_surname(name)))


def is_surname(candidate: str) -> bool:
    """Whether a name is too little to answer somebody by: "王先生"."""
    return _SURNAME_ONLY.fullmatch(candidate) is not None
