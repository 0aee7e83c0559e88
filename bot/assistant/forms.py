"""What a message inside an open form is: an answer, a wish, a question, a word to keep it for later; pure."""

from __future__ import annotations

import re

COMPLAINT = "complaint"  # the form of this name
STORY = frozenset({"message_text", "complaint_institution", "complaint_facts", "complaint_request"})  # what happened
CONTACT = frozenset({"message_contact", "complaint_person", "complaint_agent", "complaint_contact"})
# What they are answered with, names and "I lost it", may sound like anything.
NAMES = frozenset({"complaint_person", "complaint_agent", "case_no", "case_proof", "case_phone", "case_name"})
# What may interrupt a form when it is said briefly and clearly; all the rest is taken as the answer asked for.
INTERRUPTS = frozenset(
    {"stop", "leave_message", "set_language", "handoff", "opt_out", "menu", "bot_challenge", "goodbye"}
)
ASIDE = frozenset({"complaint", "thanks"})  # said instead of a contact, these are none
OUTBURST = 12  # characters: a longer text that is rude inside a form tells what happened
# Characters: a longer text inside a form is an answer that happens to mention the word.
BRIEF, BRIEF_LATIN = 30, 50
QUESTION_MAX = 60  # characters

# In a complaint each of these wishes takes a word of its own: "别再打我电话" is what somebody wants of the collectors,
# and "我要见他们经理" of the bank.
_WISH_WORDS = {
    "leave_message": r"留言|留个言|\bmessage\b",
    "set_language": r"[文语話语]|[简繁]体|chinese|english|language",
    "handoff": r"人工|真人|活人|转接|客服(?:在吗|人员)?$|你们的?(?:领导|经理|负责人|专家|工作人员)|"
    r"\b(?:human|agent|operator|representative|your (?:manager|supervisor|staff)|real person|someone|somebody)\b",
    "opt_out": r"退订|unsubscribe|opt.?out",
    "menu": r"菜单|主页|首页|能(?:做|干|帮)|\bmenu\b|what can you",
    "bot_challenge": r"机器人|真人|人工智能|\b(?:ro)?bot\b|human|person|\bai\b",
}
# And so does safety: what an institution did to somebody sounds like much to the classifier. The plainest words are
# reflexes already, before any form.
_SAFETY_WORDS = {
    "emergency": r"自杀|不想活|活不下去|轻生|跳楼|割腕|(?:去|想|寻|要)死|死给|杀|砍|刀|枪|救命|绑架|殴打|"
    r"\b(?:suicid|kill|die\b|knife|gun|hurt (?:me|myself)|attack(?:ed|ing) me|bomb|weapon)",
    "fraud_in_progress": r"骗|诈|安全账户|验证码|屏幕共享|共享屏幕|公检法|洗钱|刷单|盗|冒充|陌生(?:人|链接)|钓鱼|"
    r"\b(?:scam|fraud|stole|hack|phish|swindl|cheat|screen|remote|one-time|verification code|otp)",
}
_SAFETY = {name: re.compile(words, re.IGNORECASE) for name, words in _SAFETY_WORDS.items()}
_WISHES = {name: re.compile(words, re.IGNORECASE) for name, words in _WISH_WORDS.items()}
_ASKING = re.compile(
    r"[?？]|[吗么呢]\s*[。.!！]*$|怎么|怎样|如何|什么|为何|为啥|多少|多久|几[天年个次家]|哪[里儿些个家]|"
    r"能不能|可不可以|可以.*吗|是不是|有没有|"
    r"\b(how|what|why|when|where|which|who|can i|could i|may i|do i|does|is it|is there|are there|am i|should i)\b",
    re.IGNORECASE,
)
# The matter itself, told: it is the message though it asks something too.
_DEMAND = re.compile(
    r"(?:希望|要求|想让|想要|请你们|你们要|必须|应该)[^，。？?]{0,20}(?:退|赔|处理|解决|道歉|恢复|管|查清|"
    r"解冻)|(?:退|赔|还)(?:给|回)我|"
    r"\bi (?:want|demand|would like|'d like|need|expect) (?:it|them|that|this|my|the|a|you)\b[^?]*|"
    r"\b(?:refund|repay|compensate|unfreeze) (?:me|it|my)\b|\bgive (?:me|it|them) back\b",
    re.IGNORECASE,
)
_HAPPENED = re.compile(
    r"(?:扣|收|划|骗|盗刷|冻结|拒绝|锁|限制|拖|推|卖|办|泄露)了?(?:我|我们)|(?:我|"
    r"我们)的?[^，。？?]{0,8}被[^，。？?]{1,8}了|"
    r"(?:不给|不让|不肯|没给|拒绝给)我|"
    r"\b(?:charged|took|refused|froze|blocked|declined|ignored|deducted|cheated|sold|told|overcharged) "
    r"(?:me|my|us|our|to)\b|"
    r"\bmy (?:\w+ ){1,2}(?:was|were|has been|have been|got) (?:\w+ )?"
    r"(?:charged|frozen|blocked|declined|stolen|refused)\b",
    re.IGNORECASE,
)
_HOW = re.compile(
    r"怎么(?:办|查|投诉|申请|处理|解决|才能)|如何|哪里|多久|多少|咋办|咋弄|"
    r"\b(?:how|where|what (?:should|can|do|documents|papers)|who|when|which)\b",
    re.IGNORECASE,
)
_ASKS_OUTRIGHT = re.compile(
    r".*(?:[?？]|[吗么呢])\W*|\W*(?:请问|怎么|怎样|如何|什么|为什么|多少|几|哪|能不能|可不可以|是不是|有没有).*|"
    r".*(?:能不能|可不可以|是不是|有没有).*|"
    r"\W*(?:how|what|why|when|where|which|who|can|could|may|do|does|did|is|are|am|should|will|would)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_CLAUSE = re.compile(r"[^\s，。,.;；!！?？]{2,}[^，。,.;；!！?？]*")
# How somebody can be reached, named in an answer to that question: it is no wish for anything else.
_WAY = re.compile(
    r"微信|号码|手机|电话|邮箱|wechat|weixin|whats ?app|telegram|qq|\b(?:phone|number|mobile|e-?mail)\b", re.IGNORECASE
)
_HIDDEN = re.compile(r"⟦(?:phone|email):")  # stands for a number or an address that the house has hidden
# Asked instead of a contact: when the answer comes, and what the contact is for; the form's own check knows both.
_ON_CONTACT = re.compile(
    r"(?:多久|多长时间|什么时候|啥时候|几时|几天|何时)[^，。？?]{0,8}(?:回|复|覆|联系|找我|处理|理我|有人)|"
    r"(?:回复|答复|联系我?|回我)[^，。？?]{0,4}(?:多久|什么时候|几天)|"
    r"为什么|为啥|干嘛|干啥|做什么|有什么用|安全|泄露|泄漏|隐私|"
    r"\b(?:how (?:long|soon|fast)|when)\b.*\b(?:reply|replies|answer|hear|call|contact|respond|get back|write)|"
    r"\b(?:why|what for|what do you need|what will you do|safe|privacy|share|leak)\b",
    re.IGNORECASE,
)
# Inside the question for a contact only such words give the whole message up; the rest refuses the contact.
_GIVING_UP = re.compile(
    r"取消|算[了咧啦]|退出|停|不(?:想|要|用)?[^\W电微邮手号联]{0,4}了|不(?:想|要)?留言|作罢|放弃|"
    r"\b(?:cancel|never ?mind|forget|stop|quit|exit|abort|leave it|drop it|changed my mind)\b",
    re.IGNORECASE,
)
# Inside a form only such words are a goodbye: what was written so far is given up with it.
_PARTING = re.compile(r"再[见見會会]|拜|\b(?:good)?bye\b|see you|take care|晚安|回[头頭]聊|下次", re.IGNORECASE)
# What a form's own check takes as a step back or over.
_STEP = re.compile(
    r"\W*(?:我?[要想]?(?:返回|退回|重来|重新来|重填|重写|重新[填写说])(?:上一步|一步|一遍|一次)?|(?:回到)?上一步|"
    r"(?:go )?back|start (?:over|again))\W*",
    re.IGNORECASE,
)
# An answer to the form's question where to reply.
_HERE = re.compile(
    r"\W*(?:请|就|直接|麻烦|可以)*在?(?:这里|这儿|线上|网上|聊天里)(?:回复|答复|回答|联系|告诉|说)?我?(?:就好|"
    r"就行|吧|即可)?\W*|"
    r"\W*(?:please |just )*(?:reply|answer|write|contact|tell)(?: to)?(?: me)? "
    r"(?:right )?(?:here|in (?:this|the) chat|online)(?: please| is fine)?\W*",
    re.IGNORECASE,
)
# To go on with a complaint another time: one clause says so, and the others say no more than why.
_SAVE = re.compile(
    r"(?:我|那|就|要|想|请|能|可以|帮我?|给我|把它|这个|今天|现在|先|麻烦|咱)*"
    r"(?:存(?:着|一下|起来|下来?|好|个|成|为|草稿|了)*(?:草稿)?|保存(?:一下|草稿|起来|下来)?|"
    r"(?:明[天儿早]|听日|改[天日]|以后|之后|晚[上点些]|迟啲|下次|回头|等?(?:一?会儿?|下|阵)|过(?:几天|两天|"
    r"一会儿?)|有空|得闲|有时间)先?再"
    r"(?:说|写|填|来|弄|继续|接着|讲|话|投诉|提交|办|聊)*|(?:迟啲|一阵|等阵|晚点)(?:先|再讲)|"
    r"(?:放|留|写|到)(?:着|这儿?|这里|到这)+)"
    r"(?:吧|了|啦|可以吗|好吗|行吗|吗|啊|哈|好了|我|接着|继续|写|填|说)*|"
    r"(?:please |can (?:you|i|we) |could (?:you|i) |i(?:'d| would) like to |i want to |let(?:'s| me|s) |okay )*"
    r"(?:save|keep|store)(?: (?:it|this|that|my|the|as|a|draft|complaint|for|later|tomorrow|now|please|"
    r"what i have|so far))*|"
    r"(?:please |can i |could i |i(?:'ll| will|'d like to| want to)? ?|let(?:'s| me|s) )*"
    r"(?:finish|continue|do|go on|come back|carry on|resume)(?: (?:it|this|that|with|to|the|rest|on|again))* "
    r"(?:later|tomorrow|another (?:day|time)|next time)|save for later|later|maybe later|not now|tomorrow",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[\s]*[,，。.;；!！、?？]+\s*")
_OTHERS = re.compile(r"他|她|银行|客服|经理|柜|公司|\b(?:they|he|she|bank)\b", re.IGNORECASE)
_PART_MAX = 10  # characters of Chinese in which somebody says why it has to be another time
# A complaint in so many words; what follows 投诉 in a question about complaints is no matter to complain about.
_COMPLAINS = re.compile(
    r"(?:你好|您好|我们?|想|要|请|麻烦|帮我|需要|来|\W)*投诉(?!(?:的)?(?:电话|热线|流程|渠道|方式|方法|材料|"
    r"进度|结果|编号|查询|中心|部门|时限|期限|条件|书|信|范围|"
    r"须知|记录|状态|以?后|撤|处理|受理|办理|反馈|人|者|平台|网站|邮箱|号码|入口|条例|办法|内容|情况|案|单|件|"
    r"有|要|能|可|会|是|和|与|已|没|不))\w{2}.*",
    re.DOTALL,
)
_SUGGESTS = re.compile(
    r"(?:想|要|来|给你们|匿名|有)(?:匿名)?提(?:一?个|一?点|一?条|一?些)?(?:匿名)?(?:的)?(?:建议|意见)|"
    r"\b(?:make|have|give)(?: you)? (?:a|an|some)[\w ]{0,12}suggestions?\b",
    re.IGNORECASE,
)
# No complaint any more, whatever the classifier makes of it.
_STOPS = re.compile(
    r"(?:那|我|还是|就|真|也|咱|算[了咧啦](?=.))*(?:算[了咧啦](?:吧|罢)?|取消(?:投诉|吧|了|它)*|不(?:想|要|再)*(?:投诉|弄|办|"
    r"写|填|登记|搞|告|提)了(?:吧)?|放弃(?:了|吧|投诉)*)|"
    r"(?:ok |please |just |no )*(?:never ?mind|forget (?:it|about it)|cancel(?: it| this| the complaint)?|"
    r"i (?:don't|do not) want to complain(?: any ?more)?|drop it)(?: please| then)?",
    re.IGNORECASE,
)
_NOT_NEEDED = re.compile(r"(?:那|我)*不(?:用|要|必)了(?:吧|谢谢)?|no,? thanks?", re.IGNORECASE)
_YES_OR_NO = frozenset({"complaint_prior", "complaint_consent", "complaint_confirmed", "complaint_going_on"})
# Said when the house has named a case of the same matter: this is not that one.
_ANOTHER = re.compile(
    r"另一|另外|别的|其他|其它|不同|不(?:是)?同?一(?:件|回|码|个)|新的?(?:投诉|事)|"
    r"\b(?:another|different|separate|not the same|new (?:matter|complaint|case|one|thing)|other (?:matter|one))\b",
    re.IGNORECASE,
)


def is_brief(text: str) -> bool:
    """Whether it is short enough to be nothing but a wish."""
    return len(text) <= (BRIEF_LATIN if text.isascii() else BRIEF)


def is_step(text: str) -> bool:
    """Whether it is nothing but a step back or over."""
    return _STEP.fullmatch(text) is not None


def is_to_keep(text: str) -> bool:
    """Whether it says that they go on another time, and nothing else but why."""
    parts = [part for part in _PARTS.split(text.strip()) if part]
    if not is_brief(text) or not any(_SAVE.fullmatch(part) for part in parts):
        return False
    return all(_SAVE.fullmatch(part) or (len(part) <= _PART_MAX and not _OTHERS.search(part)) for part in parts)


def is_safety(text: str, form: str, intent: str) -> bool:
    """Whether what sounds like a matter of safety may interrupt this form."""
    return form != COMPLAINT or _SAFETY[intent].search(text) is not None


def complains(text: str) -> bool:
    """Whether it says in so many words that they complain about something or suggest it, and asks nothing."""
    said = _COMPLAINS.fullmatch(text) or _SUGGESTS.search(text)
    return said is not None and _ASKING.search(text) is None


def is_stop(text: str, asked: str) -> bool:
    """Whether it says that they do not want to complain any more, and nothing else."""
    parts = [part for part in _PARTS.split(text.strip()) if part]
    stops = [bool(_STOPS.fullmatch(part)) for part in parts]
    if asked not in _YES_OR_NO:
        stops = [stop or bool(_NOT_NEEDED.fullmatch(part)) for stop, part in zip(stops, parts, strict=True)]
    return (
        any(stops) and is_brief(text) and all(stop or len(part) <= 2 for stop, part in zip(stops, parts, strict=True))
    )


def is_another(text: str) -> bool:
    """Whether it says that the case just named is not the one that is meant."""
    return is_brief(text) and _ANOTHER.search(text) is not None


def is_where_to_reply(text: str, asked: str) -> bool:
    """Whether it answers the question for a contact by "here"."""
    return asked in CONTACT and _HERE.fullmatch(text) is not None


def may_interrupt(text: str, form: str, asked: str, wish: str) -> bool:
    """Whether the intent `wish`, which is what `text` sounds most like, may be taken for more than an answer."""
    if wish == "abuse":
        return len(text) <= OUTBURST and asked not in NAMES
    if asked == "message_contact" and wish in ASIDE:
        return True
    if wish not in INTERRUPTS or (wish == "goodbye" and not _PARTING.search(text)):
        return False
    if form == COMPLAINT:
        words = _GIVING_UP if wish == "stop" else _WISHES.get(wish)
        return words is None or words.search(text) is not None
    if asked in CONTACT and wish == "handoff" and _HIDDEN.search(text):
        return _WISHES["handoff"].search(text) is not None  # "call me on …" names the contact that was asked for
    if asked == "message_contact" and wish not in ("handoff", "opt_out"):
        return _GIVING_UP.search(text) is not None if wish == "stop" else not _WAY.search(text)
    return True


def asks(text: str, asked: str) -> bool:
    """Whether it is a question and not the matter itself, which may hold one too."""
    if len(text) > QUESTION_MAX or not _ASKING.search(text):
        return False
    if asked in CONTACT and len(text) <= BRIEF and _ON_CONTACT.search(text):
        return False
    if asked not in STORY or _HOW.search(text):
        return True
    told = _DEMAND.search(text) or _HAPPENED.search(text)
    return told is None or len(_CLAUSE.findall(text)) < 2


def asks_outright(text: str) -> bool:
    """Whether it is a question from its first word to its last."""
    return _ASKS_OUTRIGHT.fullmatch(text) is not None


def is_no_contact(text: str, asked: str) -> bool:
    """Whether it names no way to reach anybody, where one was asked for."""
    return asked in CONTACT and not _WAY.search(text)
