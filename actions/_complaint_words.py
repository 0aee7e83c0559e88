"""What the words of an answer to the complaint form say of the form itself: yes, no, not so, change it, why; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from actions import _yes_no
from faq.folding import simplified

SHORT = 60  # characters of a text that may be nothing but one wish
HEAD = 100  # characters of a text in which the wish to complain is looked for
STORY_HAN, STORY_WORDS = 8, 6  # characters or words from which a text tells what happened
DATED_HAN = 6  # with an amount or a day
WHOLE_HAN, WHOLE_WORDS = 30, 20  # and from which it does without an amount or a day

_WISHED = re.compile(
    r"(?:你好|您好|请|麻烦|帮我|我们?|想要?|需?要|来|进行|在线|提交|做|办理?|一个|个|一下|写|，|,|。|"
    r"\s)*+投诉(?:银行|你们|一下|吧|啊|了)?|"
    r"(?:please|hello|hi|i|i'd|would|like|want|need|to|make|file|lodge|submit|have|a|my|the|,|"
    r"\s)*+\bcomplain(?:t|ts|ing)?\b"
    r"(?: against| about)?(?: my| the| a)?(?: bank)?",
    re.IGNORECASE,
)
CORRECTS = re.compile(
    r"不对|不是|唔系|唔是|错了|错啦|[写说打记填]错|更正|改成|改为|改一下|应该是|换成|"
    r"(?:金额|日期|时间|名字|姓名|[全真大]名|机构|银行|手机号?|电话|邮箱|要求)(?:应该|其实|要|得|也)?(?:是|写|改|换)|"
    r"\b(?:no|sorry|wait|actually|correction|wrong|change)\b|\bi meant?\b|\bshould be\b|\b(?:not|"
    r"instead of) (?:rmb ?|¥)?\d",
    re.IGNORECASE,
)
NEW_REQUEST = re.compile(
    r"(?:要求|诉求|请求|希望)(?:应该|改|写)?(?:改成|改为|改|是|成|：|:|，|,)+\s*(.+)|"
    r"\b(?:request|demand|what i want)\b(?: should be| is| to|:)+\s*(.+)",
    re.IGNORECASE | re.DOTALL,
)
CHANGE = re.compile(
    r"\W*(?:我?[要想]|需要|还|得|帮我|有地方|有的地方)*+(?:修改|改一下|改改|改|更正|不对|有错|错了|"
    r"有问题)(?:一下|吧|的|了|\W)*+|"
    r"\W*(?:i want to |i'd like to |please )*(?:change|edit|correct|fix)(?: it| something| that)?\W*|\W*(?:no|"
    r"nope|not yet|wrong)\W*",
    re.IGNORECASE,
)
# What sends a form off or on: no answer to a question for words.
ON = re.compile(
    r"\W*(?:我?[要想]?(?:提交|递交|发送|登记)(?:我的|这个)?(?:投诉|表单)?|下一[步个]|继续|跳过|完成|"
    r"(?:submit|send|file)(?: my| the| this)?(?: complaint| form| it)?|next|skip|continue|done)"
    r"(?:吧|了|啦|一下|please|\W)*",
    re.IGNORECASE,
)
GO_ON = re.compile(r"接着|继续|往下|\b(?:go on|continue|carry on|resume)\b", re.IGNORECASE)
WHY = re.compile(
    r"为什么|为啥|干嘛|干啥|做什么|有什么用|安全|泄露|泄漏|隐私|保密|会不会|知道吗|谁(?:能|会|可以)?看|"
    r"\b(?:why|what for|safe|"
    r"privacy|share|leak|who (?:will|can|sees?|gets?))\b",
    re.IGNORECASE,
)
FORGOTTEN = re.compile(
    r"\W*(?:我|都|也|真|实在|早就?)*(?:记不清|记不得|不记得|忘了|忘记|不清楚|说不清|不知道|跳过|"
    r"没有?细节)(?:了|啦|\W)*|"
    r"\W*(?:i )?(?:can't|cannot|don't|do not) (?:remember|recall|know)\b.*|\W*(?:not sure|skip|forgot)\W*",
    re.IGNORECASE,
)
# All of an answer that says no more than that they asked: what is left of it is what they were told.
SAID_YES = re.compile(
    r"(?:早就?|已经|都|也|我们?|当然|先|前几天|之前|以前)*+(?:找|问|打|去|说|联系|投诉|反映|沟通|咨询)(?:过|"
    r"了)*(?:一次|几次|两次|好几次|多次)?|"
    r"(?:过|了)?(?:客服|银行|他们|它们?|那边|机构|公司|电话|经理|柜台)|[有是对的嗯好啊呀吧]|"
    r"\b(?:yes|yeah|yep|i|did|have|already|called|asked|told|contacted|complained|to|them|the|bank|it|customer|"
    r"service|of|course)\b",
    re.IGNORECASE,
)
# Words of which each says yes, in Chinese of the north and the south and in English; nothing else in the message.
_AGREED = re.compile(
    r"(?:对头|要得|没得?问题|冇问题|冇错|没有?(?:错|问题|意见)|不错|无误|全对|同意|确认|确定|可以|提交|递交|"
    r"发送|登记|就这样|就是(?:这样)?|正确|好嘞|得嘞|"
    r"好的?|行|对|是|嗯|当然|啱|嘅|得|中|啦|的|了|啊|呀|吧|哈|嘛|呢|您?谢谢|没错|请|直接|那|就|都|我|转吧?|交上去|"
    r"吧|咧|撒|噻|哦|能成|能行|[么没]麻达|着|哩|你们|他们|给|转|没毛病|"
    r"\b(?:yes|yep|yeah|yup|y|ok|okay|sure|all|good|that|is|it's|it|its|right|correct|fine|submit|send|file|"
    r"register|please|go|"
    r"ahead|looks|everything|perfect|great|now|thanks|thank|you|i|agree|do|this|the|complaint|of|course|"
    r"confirm|confirmed|done)\b|"
    r"[\s，,。.!！~～、?？]|👌|👍)++",
    re.IGNORECASE,
)
# One of them at least; the others only go with it.
_YES = re.compile(
    r"对|是|好|行|可以|同意|确[认定]|提交|递交|发送|登记|没[得有]?(?:错|问题|意见|毛病)|冇|得|啱|成|中|嗯|"
    r"麻达|就这样|无误|正确|转|"
    r"\b(?:yes|yep|yeah|yup|y|ok|okay|sure|good|right|correct|fine|submit|send|file|register|go|perfect|great|agree|do|"
    r"confirm|confirmed|done)\b|👌|👍",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"\W*(?:唔(?:得|好|要|同意|使|想)|冇得)", re.IGNORECASE)
_OPENING = re.compile(r"[我额俺咱你您他们想要来告个一家这那里在就是找说跟银行的了吧嘛咧啊呢呀管不支付公司]")
OPENING_HAN, OPENING_WORDS = 3, 3  # characters or words beside those that every opening has
_HAN = re.compile(r"[\u4e00-\u9fff]")
# Said to the read-back, or to the question itself: that it may be passed on, and that it may not.
_AGREES = re.compile(
    r"\W*(?:好的?|那|就|我们?|还是|现在|又|可以|也|改|，|,|\s)*+同意[^不没吗？?]{0,25}|"
    r"\W*(?:ok(?:ay)?|yes|now|so|well|actually|then|after all|,|\s)*+i (?:do |now )?agree\b(?!.*\bnot\b)[^?]{0,60}",
    re.IGNORECASE,
)
_KEPT_BACK = re.compile(
    r"(?:不同意|别|不要|不想|不愿意?|不许|不准|不能)(?:你们|再)*(?:给|把|转|告诉|发|让[^，。]{0,8}(?:知道|看到|看见))|"
    r"(?:没有?|从未|从没|从来没有?)同意|"
    r"\b(?:don't|do not|never|not|won't)\b[^.]{0,20}\b(?:forward|pass|share)|\bnever agree",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"(?:[?？]|吗|(?:问题|错|对|是|正确|毛病|无误|意见)吧)[\W]*$")
HIDDEN = re.compile(r"⟦(?:id-card|bank-card)⟧")
_INSTEAD = re.compile(
    r"(?:那|就|我|请|帮我|可以|好的?|，|,|\s)*+(?:改成?|换成?|按|当|登记)(?:提|成|为|一个|个|作|"
    r"做)*(?P<type>建议|咨询)(?:吧|登记|了|好了|\W)*|"
    r"\W*(?:make it|as|file it as|change it to)? ?(?:a |an )(?P<en>suggestion|enquiry)(?: then| please|\W)*",
    re.IGNORECASE,
)
_TYPES = {"建议": "suggestion", "咨询": "enquiry"}


def says(wording: re.Pattern[str], text: str) -> bool:
    """Whether `text` says this and nothing else."""
    return len(text) <= SHORT and wording.fullmatch(simplified(text)) is not None


def without_wish(text: str) -> str:
    """`text` without the words in which it says that they want to complain."""
    return _WISHED.sub("", text[:HEAD]) + text[HEAD:]


def is_yes(text: str) -> bool:
    """Whether `text` is a yes and nothing else."""
    return says(_AGREED, text) and _YES.search(text) is not None


def is_story(text: str) -> bool:
    """Whether it tells what happened rather than only that they want to complain."""
    return len(_HAN.findall(text)) >= STORY_HAN or len(re.findall(r"[A-Za-z]+", text)) >= STORY_WORDS


def says_something(text: str, institution: str) -> bool:
    """Whether an opening holds more than the wish to complain, and about whom."""
    rest = without_wish(text).replace(institution, "")
    characters = len(_HAN.findall(_OPENING.sub("", rest)))
    return characters >= OPENING_HAN or len(re.findall(r"[A-Za-z]+", rest)) >= OPENING_WORDS


def is_whole(text: str, told: Mapping[str, str]) -> bool:
    """Whether a text that nobody asked for tells enough for nobody to ask what happened: that at some length, or
    shorter with an amount or a day."""
    characters, words = len(_HAN.findall(text)), len(re.findall(r"[A-Za-z]+", text))
    dated = "amount" in told or "day" in told
    return characters >= (DATED_HAN if dated else WHOLE_HAN) or words >= (STORY_WORDS if dated else WHOLE_WORDS)


def agreed(text: str) -> _yes_no.Answer:
    """A yes that says nothing else, or a no; "" for all the rest."""
    plain = simplified(text)
    if len(text) <= SHORT and _QUESTION.search(plain):
        return ""
    if is_yes(text):
        return "yes"
    answer = _yes_no.heard(text)
    if _REFUSED.match(plain) or answer.answer == "no":
        return "no"
    return answer.answer if not answer.more else ""


def passed_on(text: str) -> _yes_no.Answer:
    """Whether it may be passed on to the institution, where somebody says so of themselves; "" where they do not."""
    plain = simplified(text).replace("’", "'")
    if _KEPT_BACK.search(plain):
        return "no"
    return "yes" if len(text) <= HEAD and _AGREES.fullmatch(plain) and not _QUESTION.search(plain) else ""


def instead(text: str) -> str:
    """The type of a case that needs no name, where they want it to be that; "" where they do not."""
    found = _INSTEAD.fullmatch(simplified(text)) if len(text) <= SHORT else None
    return _TYPES.get(found["type"], (found["en"] or "").casefold()) if found else ""
