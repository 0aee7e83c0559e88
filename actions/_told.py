"""What the words of a complaint tell beside what was asked for: who, whom, what for, and whether the institution knows
already. What is not clear is left out, so that it is asked; pure."""

from __future__ import annotations

import re
from datetime import date

from actions import _names
from actions._contact import REFERENCE
from actions._names import EN_KIN, KIN, MARK
from faq import facts
from faq.facts import Institution
from faq.folding import simplified

INSTITUTION_MAX = 60  # characters
AGAINST_MAX = 300  # characters in which an institution that nobody knows is looked for
LEAD_MAX = 8  # characters of a clause before a wish that belong to it
SELF = "本热线"  # the institution of a complaint about ourselves

_PROXY = re.compile(
    rf"(?:替|代替?|代表|帮|给|为)(?:我们?|咱)?(?:家)?(?:的)?(?:{KIN}|他|她|别人|人)[^，。,.]{{0,6}}(?:投诉|"
    rf"反映|反馈|维权|申诉|登记|提交|举报|讨)|"
    rf"我{KIN}(?:的[^，。]{{1,6}})?被|我是(?:他|她)的?(?:{KIN}|家属)|(?:代|受){KIN}?[^，。,.]{{0,4}}委托|"
    rf"代理投诉|代为?投诉|"
    rf"\bon behalf of\b|\b(?:complain\w*|file|filing|register\w*|report\w*|writing)\b[^.,]{{0,25}}\bfor (?:my|"
    rf"a) {EN_KIN}",
    re.IGNORECASE,
)
_HEIR = re.compile(
    rf"(?:我|我家|我们)?(?:的)?{KIN}[^，。,.]{{0,6}}(?:去世|过世|离世|逝世|病故|身故|往生|走了|不在了|没了)|继承人|"
    rf"\bmy (?:late )?{EN_KIN}[^.,]{{0,20}}\b(?:died|passed away|is dead|deceased|is gone)\b|\bmy late {EN_KIN}\b",
    re.IGNORECASE,
)
_GROUP = re.compile(
    r"我们(?:一共|总共|共|有|大概|大约|这里|这边|小区|一起|几家|，)*(?P<zh>\d{1,6}|"
    r"[一二两三四五六七八九十百千]{1,5})(?:多|几)?(?:来)?(?:个|位|名)?"
    r"(?:人|户|客户|业主|消费者|投资人|储户|商户|商家|员工|同事|学生|村民|居民|车主|家长|老人|邻居|家)|"
    r"集体投诉|联名|群体投诉|代表(?:大家|我们大家|他们大家)|"
    r"(?:很多|好多|许多|几十|上百|一群|一批)(?:个|位|名)?(?:人|客户|储户|业主)[^，。]{0,6}(?:一起|都|共同|联合)|"
    r"\b(?P<en>\d{1,6}) of us\b|\bgroup of (?P<group>\d{1,6})\b|\bwe are (?P<are>\d{1,6})\b|\bgroup complaint\b|"
    r"\bcomplain\w* together\b",
    re.IGNORECASE,
)
_ANONYMOUS = re.compile(
    r"匿名|不(?:想|愿意?|要|方便|便|能|肯)?(?:再)?(?:留下?|说出?|透露|给|告诉|提供|写|报|暴露|公开)(?:你们?|"
    r"我的|真实|个人)*(?:姓名|名字|名|身份|实名)|不实名|"
    r"\banonym|\b(?:don't|do not|won't|will not|rather not|prefer not|not want|without)\b[^.]{0,20}\b(?:names?|"
    r"identity)\b",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"一共|总共|合计|共计|总计|加起来|前后|\b(?:in total|altogether|total of|in all)\b", re.IGNORECASE)
_SUGGESTS = re.compile(
    r"提(?:一?个|一?点|一?条|些)?(?:匿名)?(?:的)?建议|\b(?:make|have|give) (?:a|an|some)[\w ]{0,12}suggestions?\b",
    re.IGNORECASE,
)
_SUPERVISION = re.compile(
    r"投诉(?:一下)?(?:你们|贵)(?:这个|的|这里的)?(?:热线|客服|坐席|座席|接线员|工作人员|话务员|平台|机器人|"
    r"服务)|投诉12363|"
    r"\bcomplain\w*(?: about| against)? (?:you|your (?:hotline|staff|service|agents?|people))\b",
    re.IGNORECASE,
)
# ---- whom it is about ------------------------------------------------------------------------------------------------

_SUFFIX = (
    "(?:村镇银行|农商银行|农商行|商业银行|银行|信用社|农信社|保险公司|保险|人寿|财险|证券公司|证券|基金公司|期货公司|期货|小额贷款公司|小贷公司|小贷|"
    "消费金融公司|消费金融|贷款公司|担保公司|典当行|支付公司|金融公司|金服|科技公司|有限公司|公司|集团|超市|商场|商店|平台)"
)
# A kind of institution, but not which.
_GENERIC = re.compile(
    rf"(?:(?:我|你|他)们?的?|一|某|那|这|个|间|家|大|小|本地|当地|第三方|有|的)*+{_SUFFIX}|"
    r"(?:a|an|the|my|our|some|this|that|one|local| )*(?:bank|insurance company|insurer|payment company|company|"
    r"app|shop)",
    re.IGNORECASE,
)
_AGAINST = re.compile(
    rf"投诉(?:一下|的是)?([\u4e00-\u9fffA-Za-z]{{2,16}}?{_SUFFIX})|"
    r"\bcomplain\w*(?: to you)? (?:about|against) (?:the )?((?:[A-Z][\w&'-]*\s?){1,4}(?:Bank|Insurance|"
    r"Securities|Finance|Pay|Company))"
)
_TO_US = re.compile(
    r"(?:向|找|给|跟|到|在)(?:中国)?(?:人民银行|央行|人行)[^，。]{0,6}(?:投诉|反映|举报)|"
    r"\b(?:to|with) (?:the )?(?:people's bank|pboc|pbc)\b",
    re.IGNORECASE,
)
_LED = re.compile(
    r"^(?:\W|我们?|你好|您好|请|要|想|投诉|的是|是|就是|应该是|改成|换成|不对|不是|错了|那个|这个|这家|一家|"
    r"叫做?|名叫|在|找|关于|"
    r"\b(?:it is|it's|its|the|called|named|this is|against|about|i want to complain|complain)\b)+",
    re.IGNORECASE,
)
_TRAIL = re.compile(r"(?:\W|的|吧|啊|呢|哈|呀|嘛|这家|那家|please)+$", re.IGNORECASE)
_VAGUE = re.compile(
    r"\W*(?:我们?|也|都|真|实在|已经|了|那个|哪家|叫什么|名字|银行|机构|公司|具体|是|的)*"
    r"(?:不知道|不清楚|不晓得|不记得|记不清|记不得|忘了|忘记了|说不清|不确定|没注意|晓不得)"
    r"(?:了|的|啊|呢|哪家|是|叫什么|名字|银行|公司|具体|\W)*|"
    r"\W*(?:i |i'm |sorry,? )*(?:don't know|do not know|not sure|no idea|can't remember|don't remember|forgot|"
    r"do not remember)\b.{0,30}",
    re.IGNORECASE,
)
# ---- what they want, and what the institution said -------------------------------------------------------------------

# A space between Chinese words stands for a comma.
_CLAUSES = re.compile(r"[，,。；;！!？?\n]+|(?<=[\u4e00-\u9fff\d⟧])\s+(?=[\u4e00-\u9fff⟦])")
_WANTS = re.compile(
    r"希望|要求(?!我(?!的))|想让|想要|请求|诉求|我要(?!投诉)|必须|应该|请(?:你们|贵行|他们|银行|帮我|协助)|(?:退|还|赔|"
    r"补)(?:给|还给?|回给?)?我|"
    r"\bi(?:'d| would)? (?:want|demand|like|expect|ask|need)\b|\bplease\b|\b(?:they|it|bank) should\b|\bi want\b",
    re.IGNORECASE,
)
# The words with which a wish begins in the middle of a clause.
_DEMAND = r"我?(?:希望|要求(?!我(?!的))|请求|诉求)|\bi(?:'d| would)? (?:want|demand|like|expect|ask|need)\b"
# Where somebody goes on to say who they are, or that they agree.
_NEXT = re.compile(
    r"[我额俺咱]叫(?![他她你银客])|(?:我的?)?(?:全名|姓名|名字|大名)(?:是|叫|[：:])|"
    r"(?:我的?|联系)*(?:电话|手机号?码?|号码|联系方式|邮箱)(?:是|为|[：:\s])*(?=[\d⟦])|⟦(?:phone|email):|"
    r"(?<![不没])我?同意(?=[转把给]|你们|提交)|"
    r"(?:\band )?\b(?:my (?:full )?(?:name|phone|number|mobile|e-?mail)\b[^.,]{0,9} is\b|my name\b|"
    r"(?:phone|mobile|tel|number|e-?mail)\W*⟦|i agree\b|you (?:may|can) (?:forward|pass|send)\b)|"
    r"[，,;；\s](?:(?:姓名|名字|全名|本人)[\u4e00-\u9fff]{2,4}(?=\W|$)|叫我[\u4e00-\u9fff]{1,4}(?:就|即|吧|\W|$)|"
    r"[我额俺]是[他她]?的?[\u4e00-\u9fff]{2,6}(?=\W|$)|我?同意(?=\W|$)|(?:and )?i(?:'m| am) (?-i:[A-Z]))",
    re.IGNORECASE,
)
_DONE = re.compile(
    r"退|赔|道歉|解决|处理|恢复|删|消除|撤|解冻|解除|注销|说法|解释|停止|改正|更正|还|归|补偿|查清|取消|减免|"
    r"\b(?:back|refund|repa|return|compensat|apolog|unfreez|unlock|remov|correct|delet|cancel|stop|expla|fix|"
    r"restor|lift)",
    re.IGNORECASE,
)
_STAFF = "(?:客服|银行|他们|经理|柜台|柜员|大堂|网点|支行|行里|对方|公司|保险公司|机构|工作人员|热线|平台|商家)"
_NOT_ASKED = re.compile(
    rf"(?:还|也|都|并|从来?)?(?:没有?|未|冇|莫得)(?:先|去|跟|和|同|向|给|曾)*(?:{_STAFF})?(?:找|问|联系|反映|"
    rf"反馈|投诉|沟通|打)"
    r"(?!题)(?:过|他们|银行|客服|电话)?|"
    r"\b(?:haven't|have not|didn't|did not|never|not yet)\b[^.]{0,12}"
    r"\b(?:contact\w*|ask\w*|call\w*|complain\w*|talk\w*|spok\w*|told|gone)",
    re.IGNORECASE,
)
# Ends with the institution as the one who did not.
_THEIRS = re.compile(
    rf"(?<![跟和同向给对找]){_STAFF}(?:的人|那边|人员)?(?:就|也|都|从来|一直|还|根本|事先)*$|"
    r"\b(?:they|bank|it|nobody|no one|anyone|service|branch|company|support|manager|insurer)"
    r"(?: have| has| had| did)? $",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"(?:不是?|否|(?:还|从来?)?(?:没|冇|未|莫得|不曾))"
    r"(?:有|得|曾|来得?及|时间|空|机会|找|搵|寻|问|去|打|联系|投诉|反映|先|跟|和|过|他们|银行|客服|机构|呢|啊|呀|哦|嘞|咧|哩|了|的|电话)*|"
    r"(?:no|nope|nah|notyet|never|none|no?inever|(?:no)?i(?:didnt|didnot|havent|havenot)(?:yet)?)"
)
_UNSOLVED = re.compile(
    r"没有?(?:得到)?(?:解决|答复|回复|回音|回应|处理|结果|人理|人管|下文|理我|回我|用|说法)|"
    r"\b(?:no (?:answer|reply|response|result|solution|help)|not (?:solved|resolved|answered)|ignored)\b",
    re.IGNORECASE,
)
_ANSWERED = "(?:说|答复|回复|告诉|讲|不理|拒绝|推脱|推来推去|让我|叫我|不给|不管|不同意|没有?回|没有?答复|踢皮球)"
_SAID = rf"{_STAFF}(?:的人|那边|人员)?[^，。；\s]{{0,6}}{_ANSWERED}"
_EN_SAID = (
    r"\b(?:they|the bank|customer service|the branch|the company|support|the manager)\b"
    r"(?:(?!\b(?:and|but|they)\b)[^.,]){0,10}"
    r"\b(?:said|says|told|replied|refused|answered|ignored|keep|kept|won't|would not|didn't)\b"
)
# Told without being asked: what was said when the product was sold is no answer to a complaint.
_ASKED = re.compile(
    rf"(?:打|找|问|联系|投诉|反映|反馈|沟通|咨询|交涉)(?:过|了)[^，。；]{{0,8}}{_STAFF}|"
    rf"(?:跟|和|同|向|给|打){_STAFF}[^，。；]{{0,8}}(?:说|打|投诉|反映|反馈|沟通|联系|交涉|"
    rf"电话)[^，。；]{{0,4}}(?:过|了)|"
    r"(?:打|找|问|投诉|联系|反映|去)过|客服(?:的人|那边|人员)?(?:就|也|都|只|又|总)*(?:说|答复|回复|告诉)|"
    r"\b(?:called|contacted|asked|phoned|e-?mailed|complained to|spoke (?:to|with)|talked (?:to|with)|went to|"
    r"wrote to)\b[^.,]{0,12}\b(?:them|bank|customer|branch|it|their|company|insurer|manager|counter|support)\b|"
    r"\b(?:they|the bank|customer service|the branch|support)\b[^.,]{0,8}\b(?:said no|refused|replied|answered|"
    r"ignored)\b",
    re.IGNORECASE,
)
# Where what they were told ends, and what they want begins.
_WANTS_NEXT = re.compile(rf"[，,；;\s](?:{_WANTS.pattern})|(?:\band )?{_DEMAND}", re.IGNORECASE)
_REPLY = re.compile(rf"{_SAID}[^。！!\n]*|{_EN_SAID}[^.!\n]*", re.IGNORECASE)
# ---- whose matter it is ----------------------------------------------------------------------------------------------

_BANKS = frozenset(
    {"bank", "state_bank", "joint_stock_bank", "city_bank", "rural_bank", "village_bank", "foreign_bank"}
)
_MATTER_OF_TYPE = {
    "insurer": "insurance",
    "insurance_intermediary": "insurance",
    "securities": "stock",
    "fund": "fund",
    "futures": "futures",
    "consumer_finance": "consumer_finance",
    "small_loan": "small_loan",
}
_MATTER_OF_WORDS = (
    ("stock", re.compile(r"股票|炒股|证券|券商|\b(?:stocks?|shares|securities|broker\w*)\b", re.IGNORECASE)),
    ("futures", re.compile(r"期货|\bfutures\b", re.IGNORECASE)),
    ("fund", re.compile(r"基金|\bmutual funds?\b", re.IGNORECASE)),
    ("small_loan", re.compile(r"小额?贷(?:款)?公司|小贷|\bsmall[- ]loan compan", re.IGNORECASE)),
    ("pawn", re.compile(r"典当|当铺|\bpawn", re.IGNORECASE)),
    ("guarantee", re.compile(r"担保公司|\bguarantee compan", re.IGNORECASE)),
    ("consumer_finance", re.compile(r"消费金融|\bconsumer finance\b", re.IGNORECASE)),
    ("insurance", re.compile(r"保险|保单|退保|理赔|\binsur\w+|\bpremiums?\b", re.IGNORECASE)),
    (
        "service",
        re.compile(
            r"健身房|会员费|会员卡|预付卡|美容|理发|培训班|培训机构|装修|物业|餐厅|饭店|酒店|家政|驾校|旅行社|"
            r"\b(?:gym|restaurant|hotel|landlord|hairdresser|travel agency)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "goods",
        re.compile(
            r"网购|淘宝|京东买|拼多多|快递|假货|卖家|商家|退货|商品|\b(?:merchant|parcel|seller|shop)\b", re.IGNORECASE
        ),
    ),
)
_MATTER_OF_BUSINESS = {
    "信用卡": "credit_card",
    "贷款": "loan",
    "催收": "licensed_collection",
    "保险": "insurance",
    "理财": "wealth_product",
    "征信": "credit_report",
}
_TRACKS = {
    **dict.fromkeys(
        ("credit_card", "loan", "licensed_collection", "insurance", "wealth_product", "consumer_finance"), "nfra"
    ),
    **dict.fromkeys(("stock", "fund", "futures"), "csrc"),
    **dict.fromkeys(("small_loan", "pawn", "guarantee", "goods", "service"), "other"),
    "credit_report": "credit",
}
_RESTRICTED = re.compile(r"反洗钱|只收不付|非柜面|限制交易|风控|\bmoney laundering\b|\bAML\b", re.IGNORECASE)
_CHEATED = re.compile(r"被骗|诈骗|骗子|\b(?:scam\w*|fraudster|swindl\w*)\b", re.IGNORECASE)


def institution(text: str) -> str:
    """The Chinese full name of whom it is about if it is one that is known, else a name that follows "投诉"; "": none.

    Who writes "向人民银行投诉建行" is about the second.
    """
    told = facts.named(text)
    others = [one for one in told if one.type != "central_bank"]
    if others or (told and not _TO_US.search(text)):
        return (others or told)[0].zh
    found = _AGAINST.search(text[:AGAINST_MAX])
    if found and _GENERIC.fullmatch(found[1] or found[2]):
        return ""
    return _TRAIL.sub("", _LED.sub("", (found[1] or found[2]).strip())) if found else ""


def called(text: str) -> str:
    """The name in an answer to the question for the institution; "" for a text that tells something else."""
    if known := institution(text):
        return known
    if len(text) > INSTITUTION_MAX or re.search(r"[，。,；;!！?？\n]\s*\S", text):
        return ""
    name = _TRAIL.sub("", _LED.sub("", text.strip()))
    return name if 2 <= len(name) <= 30 and not _GENERIC.fullmatch(name) else ""


def is_vague(text: str) -> bool:
    """Whether it says no more than that they do not know."""
    return len(text) <= INSTITUTION_MAX and _VAGUE.fullmatch(text) is not None


def about(text: str, today: date) -> dict[str, str]:
    """Fields `institution`, `business` (a Chinese name), `amount` and `day`, as far as the text names them."""
    text = MARK.sub(" ", text)  # what stands for a hidden number is letters and figures too
    found = facts.read(text, today)
    total = _TOTAL.search(text)
    amount = facts.read(text[total.start() :], today).amount if total else None
    amount = found.amount if amount is None else amount
    told = {
        "institution": institution(text),
        "business": found.business.zh if found.business else "",
        "amount": f"{amount:.2f}" if amount is not None else "",
        "day": found.day.isoformat() if found.day else "",
    }
    return {name: value for name, value in told.items() if value}


def story(text: str, today: date) -> dict[str, str]:
    """What a text about the matter tells beside the matter itself, by the names of core.effects; `anonymous` is yes
    where they want to be."""
    plain = simplified(text)
    told = about(text, today) | behalf(plain)
    if wanted := request(text):
        told["request"] = wanted
    told |= prior(plain, free=True)
    if told.get("prior") == "yes" and (found := _REPLY.search(text)):
        told["prior_reply"] = reply(found[0])
    told |= {step: name for step, name in _names.named(text).items() if not _names.is_surname(name)}
    if reference := REFERENCE.search(text):
        told["contact"] = reference[0]
    if (both := _names.two(text)).keys() >= {"person", "agent"}:
        told = {"on_behalf": "proxy"} | told | both
    elif told.get("on_behalf") in ("proxy", "heir"):
        told = both | told
    if _ANONYMOUS.search(plain):
        told["anonymous"] = "yes"
    if _SUGGESTS.search(plain):
        told["type"] = "suggestion"
    if _SUPERVISION.search(plain):
        told |= {"type": "service_supervision", "institution": SELF}
    return told


def request(text: str) -> str:
    """What they want to be done, from the clause that says so to where something else begins; "" where none does."""
    ends = [found.start() for found in _CLAUSES.finditer(text)] + [len(text)]
    begins = [0, *(found.end() for found in _CLAUSES.finditer(text))]
    for begin, end in zip(begins, ends, strict=True):
        clause = text[begin:end]
        demand = re.search(_DEMAND, clause, re.IGNORECASE)
        if demand and (demand.start() > LEAD_MAX or "投诉" in clause[: demand.start()]):
            begin, clause = begin + demand.start(), clause[demand.start() :]
        if _WANTS.search(clause) and _DONE.search(clause) and not re.search(r"投诉|\bcomplain", clause, re.IGNORECASE):
            other = (at for at, to in zip(begins, ends, strict=True) if at > begin and prior(text[at:to], free=True))
            return wish(re.split(r"[。！!？?\n]", text[begin : next(other, len(text))])[0])
    return ""


def wish(text: str) -> str:
    """What somebody wants, without who they are behind it; "" for a text that begins with that."""
    told = _NEXT.split(text, 1)[0].strip(" ，,.;；\n")
    return re.sub(r"[ ,]+and$", "", told, flags=re.IGNORECASE)


def reply(text: str) -> str:
    """What the institution said, without what they want and who they are behind it; "" for a text that begins so."""
    return wish(_WANTS_NEXT.split(text, 1)[0])


def behalf(plain: str) -> dict[str, str]:
    """`on_behalf` and the number of `people`, where they do not only speak for themselves."""
    if _HEIR.search(plain):
        return {"on_behalf": "heir"}
    if _PROXY.search(plain):
        return {"on_behalf": "proxy"}
    if found := _GROUP.search(plain):
        number = next((each for each in found.groups() if each), "")
        people = int(number) if number.isdecimal() else facts.chinese_number(number) if number else 0
        return {"on_behalf": "group"} | ({"people": str(people)} if people > 1 else {}) if people != 1 else {}
    return {}


def prior(plain: str, *, free: bool) -> dict[str, str]:
    """Whether the institution was asked first: `prior` yes or no, where it is said; `free`: nobody asked for it."""
    for found in _NOT_ASKED.finditer(plain):
        theirs = _THEIRS.search(plain[max(found.start() - 30, 0) : found.start()])
        if not theirs and not re.match(r"\s*(?:我|me\b|us\b)", plain[found.end() :], re.IGNORECASE):
            return {"prior": "no"}
    if _ASKED.search(plain):
        return {"prior": "yes"}
    if free:
        return {}
    if re.search(rf"{_SAID}|{_EN_SAID}", plain, re.IGNORECASE):
        return {"prior": "yes"}
    if _NEVER.fullmatch(re.sub(r"[\W_]+", "", re.split(r"[，,。.!！;；]", plain)[0]).casefold()):
        return {"prior": "no"}
    if _UNSOLVED.search(plain):
        return {"prior": "yes"}
    short = re.sub(r"[\W_]+", "", plain).casefold()
    return {"prior": "yes"} if re.match(r"(?:找|有|问|打|联系|投诉|去|说|yes|yeah|yep|idid|ihave)", short) else {}


def wants_no_name(text: str) -> bool:
    """Whether they would rather not say who they are."""
    return _ANONYMOUS.search(simplified(text)) is not None


def matter(known: dict[str, str], text: str) -> str:
    """What it is about, one of faq.routing.MATTERS; "" where nothing points away from this hotline.

    A bank that sold what another authority supervises is cross_market, which this hotline takes.
    """
    one: Institution | None = facts.institutions().get(known.get("institution", "").casefold())
    type = one.type if one else ""
    if found := _MATTER_OF_TYPE.get(type):
        return found
    words = next((matter for matter, words in _MATTER_OF_WORDS if words.search(simplified(text))), "")
    if type in _BANKS and words in ("insurance", "fund", "stock", "futures"):
        return "cross_market"
    if words and (words not in ("goods", "service") or not type):
        return words
    return _MATTER_OF_BUSINESS.get(known.get("business", ""), "")


def track(matter: str, text: str) -> str:
    """Whose rules it goes by, a code of cases.model.Track."""
    if found := _TRACKS.get(matter):
        return found
    return "aml_control" if _RESTRICTED.search(simplified(text)) else "pboc"


def corrected_amount(text: str) -> str:
    """The amount in a correction of one, which needs no yuan there; "" if there is none."""
    amount = facts.corrected_amount(MARK.sub(" ", text))
    return f"{amount:.2f}" if amount is not None else ""


def was_cheated(text: str) -> bool:
    """Whether it tells of a fraud, which the police come first in."""
    return _CHEATED.search(simplified(text)) is not None
