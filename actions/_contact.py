"""How somebody wants to be answered, as they put it: a way that reaches them, or why it is none yet; pure."""

from __future__ import annotations

import re
from typing import Literal

from core.model import TELEPHONES
from faq.folding import simplified

CONTACT_MIN, CONTACT_MAX = 3, 100  # characters
REFERENCE = re.compile(r"⟦(?:phone|email):[a-z0-9]+⟧")  # the vault's: what was typed lies encrypted

Contact = Literal["taken", "unseen_account", "unseen_number", "card", "refused", "asks_when", "asks_why", "unclear"]

_NO_CONTACT = re.compile(r"⟦(?:id-card|bank-card)⟧")
_HERE = re.compile(r"这里|这儿|此处|本窗口|在线回|网上回|聊天|对话|\b(here|this chat|in chat|online)\b", re.IGNORECASE)
# A number, an account name with a figure or a mark in it, or a word behind the name of a messenger.
_HANDLE = re.compile(
    r"\d{5}|\d{3,4}[-\s]\d{3}|[a-z][-_.a-z]*[\d_@][-_.@a-z0-9]*|\d+[a-z_@][-_.@a-z0-9]+|"
    r"(?:微信|wechat|weixin|qq|line|telegram|whatsapp|skype)\W{0,3}(?:号|id)?\W{0,3}(?:是|is)?\W{0,3}"
    r"(?!(?:is|please|fine|will|account|number|works|or|and|me)\b)[a-z0-9]{3}",
    re.IGNORECASE,
)
_COMMA = re.compile(r"[,，、]\s*")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_GOOD = r"(?:就|也|都)?(?:行|好|可以|成|中)?(?:了|吧|啦|的|嘛)?"
_FINE = r"(?: (?:is|are|will|would|works?|please|fine|ok|okay|good|do|again|as before|you have|then))*"
# "This WeChat", "the same number": only a channel that has it knows which. What is repeated with * can be read in one
# way only: pieces of which two make a third would take time with two to the power of the message's length.
_SAME_WECHAT = re.compile(
    rf"(?:你们?|就|请|可以|直接|还是|都|也|用|加|发|打|找|联系|通过|我|的|这个|这|本|当前|现在|同一个|那个)*微信号?"
    rf"(?:上|里)?(?:联系|回复|找|告诉|加|发给?)?我?{_GOOD}|"
    rf"(?:please|just|you can|use|on|via|by|add|reach me|contact me|with|through|this|my|the|same|me| )*"
    rf"(?:wechat|weixin)(?: account| id| number)?{_FINE}"
)
_SAME_NUMBER = re.compile(
    rf"(?:你们?|就|请|可以|直接|还是|都|也|用|打|拨|发|我|的|这个|这|那个|本|同一个|一样|来电|刚才|刚刚|之前|以前|上次|原来|现在|当前|留过)*"
    rf"(?:手机号码?|电话号码?|号码?|手机|电话|号儿)(?:联系|回复|找|打给?)?我?{_GOOD}|"
    rf"(?:please|just|you can|use|on|via|by|call me|call|text me|text|reach me|it's|its|the|this|that|my|same|old|as|"
    rf"before|previous|usual|current|one|i'm|texting|from| )*(?:number|phone|mobile|cell){_FINE}"
)
_REFUSED = re.compile(
    r"(?:算[了咧啦]|我|就|还是|真的?|也|可以|能)*(?:不想|不愿意?|不要|不能|不方便|不便|不肯|没法|不|别)"
    r"(?:再|给|留下?|说|透露|告诉|提供|写|填|你们?|我的|电话|手机|号码?|邮箱|微信|联系方式|信息|任何|的)*(?:行吗|可以吗|吗|行不行|吧|啊|呢)?|"
    r"(?:我|这个|都)*(?:没有?|莫得|没得|冇)(?:手机号?|电话|邮箱|微信|联系方式)?(?:啊|呢|的)?|(?:我想)?(?:保密|匿名)(?:可以吗|行吗)?|无|"
    r"(?:sorry )?(?:no|nope|none|no thanks|no thank you|nothing)|(?:i|i'd|i would|id)? ?(?:rather|prefer) not\b.*|"
    r"(?:i )?(?:don't|do not|dont|won't|will not|can't|cannot) (?:want|wish|like|have|feel|give|share|leave|tell)\b.*|"
    r"(?:not|none of your|no way)\b.*|(?:can i|i want to|i'd like to) (?:stay|remain|be) anonymous|anonymous|"
    r"do i have to"
)
# A messenger or a mailbox, but not whose.
_NO_ACCOUNT = re.compile(r"whats ?app|telegram|\b(?:line|skype|qq|signal|e-?mail|gmail)\b|邮箱|电邮|微信")
_WHEN = re.compile(
    r"(?:多久|多长时间|什么时候|啥时候|几时|几天|何时)[^，。？?]{0,8}(?:回|复|覆|联系|找我|处理|理我|有人)|"
    r"(?:回复|答复|联系我?|回我)[^，。？?]{0,4}(?:多久|多长时间|什么时候|几天)|"
    r"\b(?:how (?:long|soon|fast)|when)\b.*\b(?:reply|replies|answer|hear|call|contact|respond|get back|write)"
)
_WHY = re.compile(
    r"为什么|为啥|干嘛|干啥|做什么|有什么用|安全吗|泄露|泄漏|隐私|保密吗|会不会给|"
    r"\b(?:why|what for|what do you need|what will you do|"
    r"is it safe|safe\b.*\?|privacy|share|shared|leak|who (?:can|will) see)\b"
)


def heard(text: str, channel: str) -> Contact:
    """What `text` gives as a contact on a channel of this kind: `taken` as it stands, or what is amiss with it."""
    if REFERENCE.search(text):
        return "taken" if len(text) <= CONTACT_MAX else "unclear"
    said = _EDGES.sub("", simplified(text)).casefold().replace("’", "'")
    plain = _NO_CONTACT.sub("", said)  # an ID or card number is no way to answer
    if CONTACT_MIN <= len(text) <= CONTACT_MAX and (_HANDLE.search(plain) or _HERE.search(plain)):
        return "taken"
    if plain != said or _NO_CONTACT.search(text):
        return "card"
    if len(said) > CONTACT_MAX:
        return "unclear"
    said = _COMMA.sub(" ", said)
    if _SAME_WECHAT.fullmatch(said):
        return "taken" if channel.startswith("wechat") else "unseen_account"
    if _SAME_NUMBER.fullmatch(said):
        return "taken" if channel in TELEPHONES else "unseen_number"
    if _WHEN.search(said):
        return "asks_when"
    if _WHY.search(said):
        return "asks_why"
    if said and _REFUSED.fullmatch(said):
        return "refused"
    return "unseen_account" if _NO_ACCOUNT.search(said) else "unclear"


def is_here(text: str) -> bool:
    """Whether `text`, once it is taken, says that the answer is to come in this conversation, or names no other way."""
    return not REFERENCE.search(text) and not _HANDLE.search(simplified(text))
