"""Decides what a typed message means from what the classifier, the FAQ search and the open form each say; pure.

Precedence: safety (emergency, fraud in progress), then what the consumer wants of us (no more messages, a person), then
their own case (complaint, case, status), then the FAQ, then everything else. Inside a form what was asked for comes
before everything but safety, a brief and clear wish, and a question that the FAQ can answer. An emergency and a wish
for a person count though they are one clause of a long story: each clause is also read alone, inside a form for an
emergency where it asks for a story.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bot.assistant import case_wishes, forms
from bot.assistant.clauses import IN_A_CLAUSE, ONE_WORD, PLAIN, REFERENCE, Clauses, Read
from bot.assistant.contract import Hit

QUESTION = "faq"  # the classifier's label for what an entry may answer
CHOICES_MAX = 3

# What comes before the FAQ, in the order in which it is asked, by the label it counts as, and the probability from
# which it does, however likely another is. These and the figures below were chosen on examples that nothing was learned
# from. Between a fourth and a half as many are right in all; for safety and a person low ones are taken, since missing
# one is worse than a wrong alarm, but none so low that much more ordinary talk sets it off (docs/decisions/0013).
FIRST: Mapping[str, float] = {
    "emergency": 0.25,
    "fraud_in_progress": 0.10,
    "optout": 0.50,
    "handoff": 0.18,
    "complaint_intake": 0.50,
    "case_update": 0.50,
    "status_lookup": 0.50,
}
SAFETY = frozenset({"emergency", "fraud_in_progress"})  # these interrupt a form however long the message

# What an intent counts as where people are told and figures are kept; the rest are labels already.
LABELS: Mapping[str, str] = {
    "opt_out": "optout",
    "leave_message": "handoff",
    "complaint": "complaint_intake",
    "complaint_again": "complaint_intake",
    "save_draft": "complaint_intake",
    "case_supplement": "case_update",
    "case_withdraw": "case_update",
    "case_urge": "case_update",
    "case_reopen": "case_update",
    "case_resume": "complaint_intake",
    "case_again": "status_lookup",
    "status": "status_lookup",
    "answer_helped": "chitchat",
    "answer_missed": "chitchat",
    "other_language": "out_of_scope",
    "legal_question": "out_of_scope",
    "lessons": "menu",
    "set_language": "menu",
    "stop": "menu",
    "faq_none": "out_of_scope",
    **dict.fromkeys(("greet", "thanks", "goodbye", "smalltalk", "bot_challenge", "affirm", "deny"), "chitchat"),
}

# Probabilities of the classifier, which has seen what the search found, chosen in the same way.
COMMON = 2.0  # times that questions for the FAQ are commoner among messages than among the examples
UNLIKELY = 0.25  # below it nothing of the assistant's own is meant: answering "I do not know" costs least
SURE = 0.50  # that it is a question for the FAQ, so that distant entries are offered: in scope 6 times out of 7
DISTANT = 0.01  # of the search, that such an entry answers
# That one word alone ("密码", "cash") is a matter of safety; "救命" and its like are reflexes.
ALARMING = 0.80
IN_FORM = 0.50
SAFETY_IN_FORM = 0.45  # what is told inside a form sounds like much
FAQ_IN_FORM = 0.60  # of the search, that its best entry answers

# What somebody says next who has just been told what to do, in a fraud or where a life is in danger.
_HELPLESS = (
    r"怎么办|咋办|咋弄|怎么做|占线|打不通|没人接|还在|报警了?|打了110|来得及",
    r"what now|what (?:should|do|can|shall) i do|busy|no (?:answer|one (?:answers|picks))|still (?:on|here|there)|"
    r"too late|called",
)
_STILL_IN_FRAUD = re.compile(
    rf"{_HELPLESS[0]}|不让我?挂|追回|要回来|拿回来|冻结|止付|(?:给|转|说|念|点|扫|付|发|共享|告诉)(?:他|她|对方)?(?:了|过|完)|"
    rf"\b(?:{_HELPLESS[1]}|won't let|freeze|(?:get|have) (?:it|my money|the money|them) back|"
    r"stop (?:it|the payment|the transfer)|"
    r"i(?:'ve| have)? ?(?:already |just )?(?:told|gave|given|sent|shared|paid|read|clicked|scanned))\b",
    re.IGNORECASE,
)
_STILL_IN_DANGER = re.compile(
    rf"{_HELPLESS[0]}|没人|不敢|害怕|好怕|救|血|呼吸|没气|不醒|叫不|没反应|不动|门外|撑不|不行了|快点|快来|"
    rf"\b(?:{_HELPLESS[1]}|help|nobody|no one|hurry|breath\w*|bleed\w*|blood|wak(?:e|ing)|unconscious|scared|afraid|"
    r"outside|door)\b",
    re.IGNORECASE,
)
# And what somebody says then for whom it is over.
_OVER = re.compile(
    r"谢|没事|平安|脱险|得救|没人(?:受伤|有事)|[要拿追]回来了(?![吗没])|走了$|(?:警察|救护车|医生|120|110)(?:已经)?[来到]了|"
    r"\b(?:thank\w*|thx|safe now|(?:all|is|am|are|'s|'m|'re) (?:fine|ok|okay|safe|good|over)|"
    r"(?:nobody|no one)(?: is| was|'s)? (?:hurt|injured)|(?:arrived|got (?:it|my money|the money) back))\b",
    re.IGNORECASE,
)
_LEGAL = re.compile(
    r"(?:能不能|可不可以|可以|能|想|要|准备|打算|应该|该不该|如何|怎么|怎样|去|我)[^，。？?]{0,6}(?:起诉|打官司|告(?:上|到)法[院庭])|"
    r"(?:打官司|起诉)[^，。？?]{0,8}(?:要|需要|得|费用|多少|多久|流程|胜|赢|吗|怎么|划算|值得)|"
    r"(?:找|请|需要|要不要)[^，。？?]{0,4}律师|法律(?:咨询|援助)|"
    r"\b(?:sue|suing|lawsuit|take (?:\w+ ){1,4}to court|go(?:ing)? to court|legal action|press charges|small claims|"
    r"(?:need|get|find|hire|see) (?:a |an )?(?:lawyer|attorney|solicitor)|legal (?:aid|advice))\b",
    re.IGNORECASE,
)
# The case is in court already: an entry says what that means for a complaint.
_IN_COURT = re.compile(
    r"已经?(?:起诉|告了|立案|打官司|在打)|起诉了|正在|还能|又想|再投诉|先投诉|撤(?:诉|回)|同一|"
    r"\b(?:already|after|while|pending|still|i sued|have sued|am suing|(?:can|could) i (?:still )?complain)\b",
    re.IGNORECASE,
)
_LEGAL_MAX = 60  # characters: a longer text is a story in which a court comes up
_TERSE = re.compile(
    r"\W*t\W*", re.IGNORECASE
)  # what an answer to a text message of ours may be; alone it stops nothing
_TYPED_COMMAND = re.compile(r"[/／]\w+\s*([@{].*)?", re.DOTALL)  # what a button would send, but typed
_NUMBER = re.compile(r"\W*\d{1,2}\W*")  # while a list is open the house has made a button of it
_LETTER = re.compile(r"[^\W\d_]")
_TONGUES = re.compile(
    r"(?P<hant>繁体|正体|traditional)(?:中文|字| chinese)?|(?P<hans>简体|simplified)(?:中文|字| chinese)?|"
    r"(?P<zh>中文|汉语|国语|普通话|华语|chinese|mandarin)|(?P<en>英文|英语|english|eng\b)",
    re.IGNORECASE,
)
_TAGS = {"hant": "zh-Hant", "hans": "zh-Hans"}
_INSTEAD = {"zh": "en", "en": "zh", "hant": "zh-Hans", "hans": "zh-Hant"}
# The whole of a message that asks for one kind of characters: too rare for the classifier to learn.
_CHARACTERS = re.compile(
    r"\W*(?:请|麻烦|可以|能不能|能|我想|我要|帮我|换成?|切换[到成]?|改成?|转[成为]?|使?用|写|看|显示|回答|回复|"
    r"please|can you|could you|write|reply|answer|switch to|change to|use|in| )*"
    r"(?:繁体|正体|简体|traditional|simplified)(?:中文|字|版| chinese| characters?)?"
    r"(?:显示|回答|回复|吗|吧|谢谢|please|\W)*",
    re.IGNORECASE,
)
_ROLES = re.compile(
    r"(?P<leader>领导|经理|主管|主任|负责人|上级|老总|manager|supervisor|in charge|your boss|superior)|"
    r"(?P<expert>专家|专业人[士员]|expert|specialist)",
    re.IGNORECASE,
)
_ALL_THERE_IS = 100  # characters of a message that is nothing but a wish or a word on an answer
# What is said of an answer and of nothing else; the words around it say how much.
_HELPED = re.compile(
    r"\W*(?:这个?|这条|那个|回答|答案|刚才的?|您的|你的|挺|很|非常|真|还是|还|确实|都|对我|"
    r"yes|this|that|it|is|was|answer|the|your|very|really|so|quite| )*"
    r"(?:有用|有帮助|管用|帮到我了|帮了大忙|helpful|useful|helped(?: me)?)(?:[的了啊呢呀哦]|\W)*",
    re.IGNORECASE,
)
_MISSED = re.compile(
    r"\W*(?:这个?|这条|那个|回答|答案|刚才的?|您的|你的|对我|完全|一点|根本|还是|也|都|太|说的|"
    r"no|this|that|it|is|was|answer|the|your|very|really|at all|sorry| )*"
    r"(?:没什?么?用处?|没有用处?|没啥用|不管用|没帮助|没有帮助|没什么帮助|没帮上忙|没帮到我|答非所问|不是我[要想]?问的|"
    r"不是我(?:想)?要的(?:答案)?|答错了|not (?:very |really |at all )?(?:helpful|useful)|unhelpful|"
    r"(?:didn'?t|did not|doesn'?t|does not) help(?: me)?|not what i (?:asked|meant)(?: for)?|(?:the )?wrong answer)"
    r"(?:[的了啊呢呀哦]| at all|\W)*",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"(不会|不懂|不太懂|看不懂|听不懂|不明白|不想|不要|不用|别再?|别用|don'?t|do not|not|no|can'?t|cannot|can not|my)"
    r"[^,，.。;；!！]{0,12}$",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Label:
    """One of the classifier's intents with its probability."""

    name: str
    score: float  # 0..1


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A typed message and what is known around it."""

    text: str
    language: str
    ranking: Sequence[Label]  # at least two, best first; what is not among them has no chance
    hits_decision: str  # answer | ask | none
    hits: Sequence[Hit]  # best first
    asked: str  # the slot an open form asks for; "" outside forms
    form: str
    said_before: str  # the consumer's message before this one
    answered: bool = False  # that message was answered with an FAQ entry
    in_fraud: bool = False  # what was said to them last is what to do in a fraud
    in_danger: bool = False  # or where a life is in danger
    repeat: bool = False  # they were asked whether this is the matter of a case that they have
    other_language: bool = False  # the letters tell that it is neither Chinese nor English


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The intent the dialogue goes on with, and how it was found."""

    intent: str
    label: str  # for people and statistics: own intent, faq:<topic>:<id>, faq:ask, faq:none, form:<form>:<slot>
    confidence: float  # 0..1, of the source that decided
    runner_up: str
    why: str
    values: dict[str, list[str]] = field(default_factory=dict)  # entity name → values


def decide(heard: Heard, read: Read) -> Decision:
    """What the message means; `why` says which rule decided, in one sentence. `read` is asked of clauses."""
    if _TYPED_COMMAND.fullmatch(heard.text):  # nothing that an intent or an entry was written for
        ranking = (Label(name=QUESTION, score=1.0), Label(name="", score=0.0))
        heard = replace(heard, ranking=ranking, hits=(), hits_decision="none")
        read = _nothing
    return _inside(heard, read) if heard.asked else _outside(heard, read)


def public(decided: str, hits: Sequence[tuple[str, str]] = ()) -> str:
    """The label under which a decision's `label` counts; `hits` are the entries found, as (id, topic), best first."""
    if decided == "faq:ask" and hits:
        return f"faq:{hits[0][1]}"
    return LABELS.get(decided.replace(":", "_"), decided)


def language_in(text: str) -> str:
    """The language that a wish to switch names: zh, zh-Hant, zh-Hans, en, or "" when it names none."""
    refused = ""
    for mention in _TONGUES.finditer(text):
        language = mention.lastgroup or ""
        if not _NEGATED.search(text[: mention.start()]):
            return _TAGS.get(language, language)
        refused = refused or language
    return _INSTEAD.get(refused, "")


def role_in(text: str) -> str:
    """Whom somebody asks for who wants a person: leader, expert, or "" for anybody."""
    found = _ROLES.search(text)
    return (found.lastgroup or "") if found else ""


def _meant(heard: Heard) -> dict[str, Label]:
    """By the label it counts as: the likeliest intent, with the probability of all that count as the same."""
    chances: dict[str, float] = {}
    names: dict[str, str] = {}
    for label in heard.ranking:
        counts = LABELS.get(label.name, label.name)
        names.setdefault(counts, label.name)
        chances[counts] = chances.get(counts, 0.0) + label.score * (COMMON if label.name == QUESTION else 1.0)
    total = max(1.0, sum(chances.values()))
    meant = {counts: Label(name=names[counts], score=chances[counts] / total) for counts in chances}
    if ONE_WORD.fullmatch(heard.text):
        return {counts: label for counts, label in meant.items() if counts not in SAFETY or label.score >= ALARMING}
    return meant


def _scores(meant: Mapping[str, Label]) -> dict[str, float]:
    return {counts: label.score for counts, label in meant.items()}


def _first(meant: Mapping[str, Label], among: Iterable[str], least: float = 0.0) -> Label | None:
    """The first of what comes before the FAQ, in its order, that is likely enough."""
    found = ((meant[counts], max(least, FIRST[counts])) for counts in FIRST if counts in among and counts in meant)
    return next((label for label, enough in found if label.score >= enough), None)


def _likeliest(meant: Mapping[str, Label]) -> Label:
    return max(meant.values(), key=lambda label: label.score, default=Label(name=QUESTION, score=0.0))


def _in_a_clause(heard: Heard, first: Label | None, clauses: Clauses, *, key: bool) -> Label | None:
    """What one of several clauses says and comes before what the whole message says, `first`."""
    order = [*FIRST]
    whole = LABELS.get(first.name, first.name) if first else order[-1]
    for one, enough in IN_A_CLAUSE.items():
        if order.index(one) >= order.index(whole) or (one in SAFETY and _is_over(heard)):
            continue
        # What swindlers say sounds dangerous, and a code like one that they ask for.
        if (chance := clauses.chance(one)) >= (PLAIN if key or whole in SAFETY else enough):
            return Label(name=one, score=chance)
    return None


def _is_hurt(meant: Mapping[str, Label], clauses: Clauses) -> bool:
    """Whether it says so plainly that a life is in danger that it is of no other matter."""
    danger = meant.get("emergency")
    return (danger is not None and danger.score >= ALARMING) or clauses.chance("emergency") >= PLAIN


def _is_over(heard: Heard) -> bool:
    """Whether they tell that the danger they were in is: "the ambulance is here, we are safe"."""
    return heard.in_danger and _OVER.search(heard.text) is not None


def _nothing(texts: Sequence[str]) -> list[Mapping[str, float]]:
    return [dict.fromkeys(IN_A_CLAUSE, 0.0)] * len(texts)


def _outside(heard: Heard, read: Read) -> Decision:
    if _NUMBER.fullmatch(heard.text):
        return _own(heard, Label(name="menu", score=1.0), "a bare number without a list: the menu has numbers")
    if heard.other_language:
        return _own(heard, Label(name="other_language", score=1.0), "the letters of another language")
    if _wants_characters(heard.text):
        return _own(heard, Label(name="set_language", score=1.0), "nothing but a wish for other characters")
    if _TERSE.fullmatch(heard.text):
        return _own(heard, Label(name="outreach_reply", score=1.0), "a letter that only answers a message of ours")
    if heard.repeat and forms.is_another(heard.text):
        return _own(heard, Label(name="complaint_again", score=1.0), "not the matter of the case that was named")
    if heard.answered and (judged := _judged(heard.text)):
        return _own(heard, Label(name=judged, score=1.0), "a word on the answer before it")
    key = case_wishes.is_key(heard.text)
    if not _worded(heard.text) and not key:
        return _own(heard, Label(name="menu", score=1.0), "no word in it: the menu tells what there is")
    meant = _meant(heard)
    clauses = Clauses(heard.text, read, _scores(meant))
    goes_on = forms.is_brief(heard.text) and not _OVER.search(heard.text)
    # A question that an entry answers is a matter of its own: a wrong alarm must not repeat itself.
    if heard.in_danger and goes_on and heard.hits_decision != "answer" and _STILL_IN_DANGER.search(heard.text):
        return _own(heard, Label(name="emergency", score=1.0), "on the danger that they have told of")
    if heard.in_fraud and goes_on and _STILL_IN_FRAUD.search(heard.text) and not _is_hurt(meant, clauses):
        return _own(heard, Label(name="fraud_in_progress", score=1.0), "on the fraud they are in the middle of")
    if "handoff" in meant and clauses.refuse_a_person():
        del meant["handoff"]
    # A code reads like one that swindlers ask for.
    first = _first(meant, FIRST) if not key else _first(meant, FIRST, ALARMING) or _first(meant, FIRST.keys() - SAFETY)
    if clause := _in_a_clause(heard, first, clauses, key=key):
        why = f"likely enough ({clause.score:.2f}) for one clause of it, read alone"
        return _own(heard, clause, why, clauses.saying(clause.name))
    wish = case_wishes.wish(heard.text)
    if wish and key:
        return _own(heard, Label(name=wish, score=1.0), "the number or the code of a case, and what is wanted of it")
    if _is_legal(heard) and (first is None or first.name not in SAFETY):
        return _own(
            heard, Label(name="legal_question", score=1.0), "whether to go to court: no entry may advise on that"
        )
    if wish and (first is None or first.name not in SAFETY):
        return _own(heard, Label(name=wish, score=1.0), "a case or a draft, by its words")
    if first:
        # A manager of whom a story tells is none whom they ask for.
        asked = clauses.saying("handoff") if first.name == "handoff" else ""
        return _own(heard, first, f"likely enough ({first.score:.2f}) for what comes before the FAQ", asked)
    top = _likeliest(meant)
    if key and LABELS.get(top.name) not in ("case_update", "status_lookup"):
        return _own(heard, Label(name="status", score=1.0), "it names a case: where that stands")
    if top.name in (QUESTION, "out_of_scope") and forms.complains(heard.text):
        return _own(heard, Label(name="complaint", score=1.0), "in so many words a complaint or a suggestion")
    own = top.name != QUESTION
    best = heard.hits[0] if heard.hits else None
    decision = heard.hits_decision if best else "none"
    if own and top.score >= UNLIKELY:
        return _own(heard, top, f"likelier ({top.score:.2f}) than anything else, a question among it")
    if decision == "answer" and best:
        return _answer(best, _other_than_a_question(heard), f"the FAQ answers with {best.score:.2f}")
    if not own and top.score >= SURE and best and best.score >= DISTANT:
        decision = "ask"
    if decision == "ask" and best:
        return _ask(
            heard, best, _other_than_a_question(heard), f"several entries may fit, the best with {best.score:.2f}"
        )
    return Decision(
        intent="faq_none",
        label="faq:none",
        confidence=1 - (top.score if own else 0.0),
        runner_up=_other_than_a_question(heard),
        why="no entry fits and no intent of the assistant's own is likely",
    )


def _inside(heard: Heard, read: Read) -> Decision:
    meant = _meant(heard)
    top = _likeliest(meant)
    if heard.other_language:
        return _inform(heard, top, "in another language, for a person to read")
    if _wants_characters(heard.text):
        return _own(heard, Label(name="set_language", score=1.0), "nothing but a wish for other characters")
    wish = case_wishes.other(heard.text) if heard.form == case_wishes.FORM else ""
    if wish and heard.asked in case_wishes.OPENING:
        return _own(heard, Label(name=wish, score=1.0), "something else is wanted of the case than was before")
    if heard.form == case_wishes.FORM and (case_wishes.is_key(heard.text) or case_wishes.is_plain(heard.text)):
        return _inform(heard, top, "a number, a code or a plain answer, which the form asked for")
    best = heard.hits[0] if heard.hits else None
    # Numbers, codes and names are short: what is longer is no answer to a question for one.
    brief = forms.is_brief(heard.text) or (heard.form == case_wishes.FORM and heard.asked != "case_text")
    # These say the same whatever the classifier makes of them, and nothing else.
    if not _worded(heard.text):
        return _inform(heard, top, "no word in it, so no wish")
    if forms.is_step(heard.text):
        return _inform(heard, top, "a step back or over, which the form knows itself")
    if heard.form == forms.COMPLAINT and forms.is_to_keep(heard.text):
        return _own(heard, Label(name="save_draft", score=1.0), "nothing but the wish to go on another time")
    if heard.form == forms.COMPLAINT and forms.is_stop(heard.text, heard.asked):
        return _own(heard, Label(name="stop", score=1.0), "no complaint any more, in so many words")
    if forms.is_where_to_reply(heard.text, heard.asked):
        return _inform(heard, top, "where to reply, which the form asked for")
    safety = _first(meant, SAFETY, SAFETY_IN_FORM)
    if safety and forms.is_safety(heard.text, heard.form, safety.name):
        return _own(heard, safety, f"safety ({safety.score:.2f}) interrupts every form")
    if heard.asked in forms.STORY:
        danger = Clauses(heard.text, read, _scores(meant), fewest=1).chance("emergency")
        if danger >= PLAIN and not _is_over(heard):
            return _own(heard, Label(name="emergency", score=danger), "one clause of what they tell, read alone")
    interrupts = forms.may_interrupt(heard.text, heard.form, heard.asked, top.name)
    if interrupts and top.score >= IN_FORM and brief:
        return _own(heard, top, f"a brief and clear wish ({top.score:.2f}) interrupts the form")
    if forms.asks(heard.text, heard.asked):
        if heard.text == heard.said_before:
            return _inform(heard, top, "said again after it was answered: this is what the form asked for")
        if _is_legal(heard):
            return _own(heard, Label(name="legal_question", score=1.0), "whether to go to court, asked inside the form")
        aside = f"form:{heard.form}:{heard.asked}"
        if heard.hits_decision == "answer" and best and best.score >= FAQ_IN_FORM:
            return _answer(best, aside, f"a question inside the form that the FAQ answers with {best.score:.2f}")
        outright = forms.asks_outright(heard.text)
        if outright and heard.hits_decision != "none" and best and top.name == QUESTION and top.score >= SURE:
            return _ask(
                heard, best, aside, f"a question inside the form that several entries may answer, {best.score:.2f}"
            )
        lost = top.name in (QUESTION, "out_of_scope") and forms.is_no_contact(heard.text, heard.asked)
        if outright and lost:
            why = "a question instead of a contact, which no entry answers"
            return Decision(intent="faq_none", label="faq:none", confidence=top.score, runner_up=aside, why=why)
    return _inform(heard, top, f"the open form asked for {heard.asked}")


def _is_legal(heard: Heard) -> bool:
    """Whether it asks if or how to go to court."""
    text = heard.text
    return len(text) <= _LEGAL_MAX and _LEGAL.search(text) is not None and not _IN_COURT.search(text)


def _worded(text: str) -> bool:
    """Whether there is a word in it, beside marks, figures and what was hidden."""
    return _LETTER.search(REFERENCE.sub("", text)) is not None


def _judged(text: str) -> str:
    """The intent of a message that says nothing but how good an answer was, "" of every other."""
    if len(text) > _ALL_THERE_IS:
        return ""
    if _MISSED.fullmatch(text):
        return "answer_missed"
    return "answer_helped" if _HELPED.fullmatch(text) else ""


def _wants_characters(text: str) -> bool:
    return len(text) <= _ALL_THERE_IS and _CHARACTERS.fullmatch(text) is not None


def _inform(heard: Heard, top: Label, why: str) -> Decision:
    label = f"form:{heard.form}:{heard.asked}"
    return Decision(intent="inform", label=label, confidence=1.0, runner_up=top.name, why=why)


def _answer(best: Hit, runner_up: str, why: str) -> Decision:
    label = f"faq:{best.topic}:{best.id}"
    return Decision(
        intent="faq", label=label, confidence=best.score, runner_up=runner_up, why=why, values={"id": [best.id]}
    )


def _ask(heard: Heard, best: Hit, runner_up: str, why: str) -> Decision:
    return Decision(
        intent="faq_ask",
        label="faq:ask",
        confidence=best.score,
        runner_up=runner_up,
        why=why,
        values={"choice": [hit.id for hit in heard.hits[:CHOICES_MAX]]},
    )


def _own(heard: Heard, top: Label, why: str, asked: str = "") -> Decision:
    """`asked`: where it says whom they ask for, if not anywhere in the message."""
    best = heard.hits[0] if heard.hits_decision == "answer" and heard.hits else None
    runner_up = f"faq:{best.topic}:{best.id}" if best else _other(heard, top)
    values: dict[str, list[str]] = {}
    if top.name == "set_language" and (language := language_in(heard.text)):
        values["language"] = [language]
    if top.name == "handoff" and (role := role_in(asked or heard.text)):
        values["role"] = [role]
    return Decision(intent=top.name, label=top.name, confidence=top.score, runner_up=runner_up, why=why, values=values)


def _other(heard: Heard, chosen: Label) -> str:
    """The likeliest intent that counts as something else than the chosen one."""
    counts = LABELS.get(chosen.name, chosen.name)
    return next((each.name for each in heard.ranking if LABELS.get(each.name, each.name) != counts), "")


def _other_than_a_question(heard: Heard) -> str:
    return next((each.name for each in heard.ranking if each.name != QUESTION), "")
