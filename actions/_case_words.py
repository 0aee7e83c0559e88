"""What people write of a case that is there: its number, what opens it, what they want to add; pure."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from cases import numbers
from faq.folding import simplified

TEXT_MIN = 4  # letters, digits or characters that tell something
NAME_MAX = 40  # characters

_CODE = re.compile(r"⟦query-code:[a-z0-9]+⟧")  # the vault's: what was typed lies encrypted
_PHONE = re.compile(r"⟦phone:[a-z0-9]+⟧")
_REFERENCE = re.compile(r"⟦[^⟧]*⟧")
_NUMBER = re.compile(r"(?<![0-9A-Za-z])Q?\s?20[0-9]{2}[-\s]?[0-9]{7,9}[-\s]?[0-9](?![0-9])", re.IGNORECASE)
# What was meant to be a number or a code, and cannot be one: a figure too few, letters that no code has.
_LIKE_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?:Q\s?[0-9][-\s0-9]{5,18}|20[0-9]{2}[-\s]?[0-9]{5,12}(?:[-\s]?[0-9])?)(?![0-9A-Za-z])",
    re.IGNORECASE,
)
_LIKE_CODE = re.compile(
    r"(?<![0-9A-Za-z])(?=[A-Za-z-]*[0-9])(?=[0-9-]*[A-Za-z])[0-9A-Za-z]{3,6}[-\s]?[0-9A-Za-z]{3,6}(?![0-9A-Za-z])"
)
_LOST = re.compile(
    r"(?:找|查|翻)不(?:到|着|见)|没(?:有?|得)?(?:记|存|留|保存|抄|找到|收到|看到)|(?:忘|丢|掉|删)(?:记|掉|了|失|没)|"
    r"不记得|记不(?:得|清|住|起)|不知道|不晓得|不清楚|"
    r"^(?:我|都|也|这个|编号|查询码|号|码)*(?:没有?|莫得|没得|冇)(?:编号|查询码|号码?|码|啊|呢|了|这个)*$|"
    r"\b(?:lost|forgot(?:ten)?|(?:can't|cannot|can not|couldn't) (?:find|remember)|"
    r"(?:don't|do not|didn't) (?:have|remember|know|keep|get)|"
    r"(?:no|without|not have) (?:the |a |any |my )?(?:code|number|idea)|deleted|never (?:got|had|received))\b|"
    r"^(?:no|none|nope)$",
    re.IGNORECASE,
)
_LOST_NUMBER = re.compile(
    r"(?:编号|单号|案号|号码)[^，。？?]{0,8}(?:找不|没有?了|忘|丢|掉了|记不|不记得|没记|没存|没抄)|"
    r"(?:找不[到着]|忘[了记]?|丢了?|弄丢|记不得|不记得|没有)[^，。？?]{0,4}(?:编号|单号|案号)|"
    r"\b(?:lost|forgot(?:ten)?|can't find|cannot find|don't (?:have|remember|know))\b[^.?]{0,20}\bnumber\b|"
    r"\bnumber\b[^.?]{0,12}\b(?:lost|forgotten|gone)\b",
    re.IGNORECASE,
)
# Around a name: what it is, and whose.
_LABELS = re.compile(
    r"我的?(?:名字|姓名)?|姓名|名字|本人|叫做?|手机号?码?|电话号?码?|号码|联系方式|登记时?|留的?|时候|当时|查询码|验证码|"
    r"编号|受理|草稿|单号|案号|案件号?|没有|找不到了?|投诉|申诉|你好|您好|好的?|可以|谢谢|是|为|和|跟|的|了|吧|请|查|一下|帮|"
    r"\b(?:my|full|name|is|i am|i'm|it's|am|the|phone|mobile|cell|telephone|number|no|code|query|and|with|under|"
    r"registered|here|this|for|case|complaint|draft|please|don't|have|lost|hi|hello|ok|okay|yes|all|right|alright|sure|thanks|thank|you|what|why|how|not)\b",
    re.IGNORECASE,
)
_CALLED = re.compile(r"^(?:我的?(?:名字|姓名)?|姓名|名字|本人)?(?:叫做?|是|为)?")
_HAN_NAME = re.compile(r"[\u4e00-\u9fff]{2,4}|[\u4e00-\u9fff]{1,10}(?:·[\u4e00-\u9fff]{1,10})+")
_LATIN_NAME = re.compile(r"[A-Za-z][A-Za-z.'-]*(?: [A-Za-z][A-Za-z.'-]*){0,4}")
_BETWEEN = re.compile(r"[\s,，、.。;；:：!！?？/()（）\"“”]+")

# The wish to add something, without the thing itself.
_ADDING = re.compile(
    r"(?:中国)?(?:工商|农业|建设|交通|邮储|邮政储蓄|招商|浦发|民生|中信|光大|兴业|平安|华夏|广发)?银行|[工农中建交招]行|"
    r"你好|您好|请问|麻烦|谢谢|我们?|你们?|您|的|那个|这个|那|这|上次|之前|昨天|刚才|今天|已经|关于|对于?|给|把|帮|请|"
    r"想要?|要|需要|可以|能不能|能|再|还有?|又|投诉|申诉|案[子件]?|单子|工单|事情?|件|支付宝|微信|"
    r"补充(?:说明|材料|资料|证据|内容|一下|一点|几句)?|补交?|添加|加上?|追加|增加|更正|修改|改一?下?|提交|上传|发|"
    r"材料|资料|证据|内容|信息|说明|东西|照片|截图|图片|文件|录音|流水|合同|一[下点些份个张]|几[张份句]|[份个张点些]|新的?|"
    r"有|没|怎么|如何|哪里|吗|呢|吧|了|啊|呀|编号|受理|[到上里去来进是]|重新|打开|重开|结案|办结|了结|情况|事实|"
    r"\b(?:hi|hello|please|thanks|thank you|i|i'd|i've|want|would|like|need|have|got|to|how|do|does|can|could|where|"
    r"what|should|add|adding|attach|send|sending|submit|hand in|upload|give|supplement(?:ary)?|correct|change|update|"
    r"put|append|include|something|anything|some|more|another|one|new|a|an|the|my|your|this|that|it|you|me|for|of|in|on|"
    r"with|and|also|about|documents?|papers?|materials?|evidence|information|info|details?|facts?|photos?|pictures?|"
    r"screenshots?|files?|recording|contract|receipt|statement|complaint|complain|case|number|things?|reopen|open|again|"
    r"closed|there|is|are|was|be|now|which)\b",
    re.IGNORECASE,
)
_HAN = re.compile(r"[\u4e00-\u9fff]")
_WORD = re.compile(r"[A-Za-z]{2,}|[0-9]+")
TELLS = 3  # characters left once the wish is taken away: they are what is to be added; 1.4 a word, so three words
_BECAUSE = re.compile(r"因为|由于|\b(?:because|since|as they|as the)\b", re.IGNORECASE)
_CLAUSE = re.compile(r"[^，,。；;.!！\s][^，,。；;.!！]{2,}")
_SURE = re.compile(
    r"(?:我)?(?:真的|就是|还是|要|想|确定|确认)*(?:撤(?:回|诉|销|了)?)(?:投诉|吧|了|啊)*|"
    r"(?:yes )?(?:please )?(?:withdraw|drop|cancel)(?: it| the case| my case| my complaint)?"
)
_NOTHING_MORE = re.compile(
    r"(?:就|只有|暂时|现在)*(?:没(?:有|别的|其他的?|啥|什么)?)(?:要?补充的?|别的|其他|什么)*[了啦吧]*|"
    r"就(?:这些|这样|是这个|这张|这几张)[了吧]?|"
    r"(?:no|nope|nothing|that's (?:all|it)|that is all|nothing (?:more|else|new)|no that's (?:all|it)|"
    r"only (?:this|the photos?))"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """What a message gives to find and open a case, "" for what it does not."""

    case_no: str = ""
    code: str = ""  # references of the vault
    phone: str = ""
    name: str = ""
    mistyped_no: bool = False  # a number that cannot be one
    mistyped_code: bool = False

    def __bool__(self) -> bool:
        return bool(self.case_no or self.code or self.phone or self.name)


def given(text: str, *, name_asked: bool = False) -> Given:
    """All of it, in whatever order; a name only beside a telephone number or where it was asked for."""
    plain = unicodedata.normalize("NFKC", text.replace("—", "-").replace("–", "-"))
    code, phone = _CODE.search(plain), _PHONE.search(plain)
    words = _REFERENCE.sub(" ", plain)
    number, mistyped = "", False
    if found := _NUMBER.search(words) or _LIKE_NUMBER.search(words):
        try:
            number = numbers.read_case_no(found[0])
        except ValueError:
            mistyped = True
        words = words[: found.start()] + " " + words[found.end() :]
    like = _LIKE_CODE.search(words) if code is None else None
    if like is not None:
        words = words[: like.start()] + " " + words[like.end() :]
    return Given(
        case_no=number,
        code=code[0] if code else "",
        phone=phone[0] if phone else "",
        name=_name(words) if phone or name_asked else "",
        mistyped_no=mistyped,
        mistyped_code=like is not None,
    )


def is_lost(text: str) -> bool:
    """Whether somebody says that they do not have what was asked for."""
    return _LOST.search(simplified(text).replace("’", "'").strip(" 。.!！")) is not None


def has_lost_number(text: str) -> bool:
    """Whether somebody who asks after a case says so right away."""
    return _LOST_NUMBER.search(simplified(text).replace("’", "'")) is not None


def is_nothing_more(text: str) -> bool:
    """Whether somebody says that there is nothing to add."""
    return _NOTHING_MORE.fullmatch(_bare(text)) is not None


def is_sure(text: str) -> bool:
    """Whether "撤吧" or the like answers whether to withdraw."""
    return _SURE.fullmatch(_bare(text)) is not None


def told(text: str) -> str:
    """`text` if it tells more than that there is something to add, else ""."""
    return text if _tells(_ADDING.sub(" ", _words(text))) else ""


def reason(text: str) -> str:
    """`text` if it tells why a case is to be withdrawn, else ""."""
    words = _words(text)
    return text if _BECAUSE.search(words) or len(_CLAUSE.findall(words)) > 1 else ""


def _words(text: str) -> str:
    """The text without numbers of cases and references."""
    return _NUMBER.sub(" ", _REFERENCE.sub(" ", simplified(text).replace("’", "'")))


def _tells(left: str) -> bool:
    return len(_HAN.findall(left)) + 1.4 * len(_WORD.findall(left)) >= TELLS


def _bare(text: str) -> str:
    return re.sub(r"^[\W_]+|[\W_]+$", "", simplified(text)).casefold().replace("’", "'")


def _name(words: str) -> str:
    """The one name in what is left of a message, "" if there is none or more than one."""
    parts = [_CALLED.sub("", part) for part in _BETWEEN.split(words)]
    whole = [part for part in parts if _HAN_NAME.fullmatch(part) and _BETWEEN.sub("", _LABELS.sub(" ", part))]
    left = [part for part in _BETWEEN.split(_LABELS.sub(" ", words)) if part]
    han = whole if len(whole) == 1 else [part for part in left if _HAN_NAME.fullmatch(part)]
    if any(_HAN.search(part) for part in left):
        return han[0] if len(han) == 1 else ""
    latin = " ".join(part for part in left if not part.isdigit())
    return latin if _LATIN_NAME.fullmatch(latin) and len(latin) <= NAME_MAX else ""
