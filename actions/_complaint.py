"""The steps of a complaint: what an answer to one of them tells, what it corrects, and what is still to be asked.

Nothing here knows Rasa. Fields are those of core.effects.FileCase, and the steps going_on and confirmed; None: not told
yet, "": not needed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from actions import _complaint_words as _words
from actions import _names, _told, _yes_no
from actions._contact import REFERENCE
from actions._contact import heard as heard_contact
from actions._steps import BACK, RESTART, is_wish
from core.model import TELEPHONES
from faq.folding import simplified

STEPS = (
    *("going_on", "institution", "facts", "request", "prior", "prior_reply"),
    *("person", "agent", "contact", "consent", "confirmed"),
)  # in the order in which they are asked
MORE = (
    *("type", "summary", "business", "track", "amount", "day", "prior_day", "on_behalf", "people", "draft", "matter"),
    "wording",
)  # not asked for by themselves; wording: how the question for a name is put
EMPTY: Mapping[str, None] = dict.fromkeys((*STEPS, *MORE))
FACTS_MAX, PART_MAX = 2000, 500  # characters of the facts, and of every other text
TEXT_MAX = 1950  # of a message from which on it was probably cut before it came here, its blanks with it
SUMMARY_MAX = 100  # characters of an opening that is no more than a heading
OWN_NUMBER = "this number"  # the contact of whoever writes from a telephone; the house knows which
NAMELESS = frozenset({"enquiry", "suggestion"})  # types of a case that nobody needs to give a name for
STORY_STEPS = ("institution", "facts", "request")  # where more is told rather than put right
ACTING = ("proxy", "heir")  # who speaks for somebody else

Fields = Mapping[str, str | None]

_BARE_NUMBER = re.compile(r"\W*([1-3])\W*")
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "going_on": ("yes", "restart"),
    "prior": ("yes", "no"),
    "consent": ("yes", "no"),
    "confirmed": ("yes", "change"),
}  # what the numbers of a question's buttons mean once another list was offered behind it


@dataclass(kw_only=True, slots=True)
class Heard:
    """What one message changes and what is said to it; the form asks on by itself."""

    told: dict[str, str | None] = field(default_factory=dict[str, str | None])
    say: list[str] = field(default_factory=list[str])  # keys without "complaint."


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message to the form."""

    text: str
    today: date  # in China
    channel: str  # kind of the channel
    pressed: str = ""  # yes, no, suggestion, enquiry: a button instead of words


def begun(message: Message, known: Fields) -> Heard:
    """The first message: what it tells already, as more of what is known from a draft or before an interruption."""
    heard = Heard(told={"going_on": "yes"})
    plain = _words.without_wish(message.text).strip(" ，,。.!！")
    told = _told.story(message.text, message.today) if message.text else {}
    before = known.get("facts") or known.get("summary") or ""
    something = _words.says_something(message.text, told.get("institution", ""))
    whole = _words.is_whole(plain, told) or len(message.text) > SUMMARY_MAX
    if whole or (something and known.get("facts")):
        _more_facts(heard, before, message.text)
    elif something:
        heard.told["summary"] = f"{before}\n{message.text}".strip()[:SUMMARY_MAX]
    if message.channel in TELEPHONES:
        told["contact"] = told.get("contact", OWN_NUMBER)
    _fill(heard, told, known)
    return _settled(heard, message, known)


def is_another(text: str, today: date, known: Fields) -> bool:
    """Whether an opening names another institution than what is known: then it is another complaint."""
    held = known.get("institution") or ""
    held = _told.institution(held) or held
    named = _told.story(text, today).get("institution", "") if held and text else ""
    return bool(named) and named not in held and held not in named


def answered(message: Message, asked: str, known: Fields) -> Heard:
    """What a message says to the step `asked`."""
    heard = Heard()
    text = message.text
    if type := message.pressed if message.pressed in NAMELESS else _words.instead(text):
        heard.told = {"type": type, asked: known.get(asked)}
        heard.say.append(f"as_{type}")
        return _settled(heard, message, known)
    if _words.HIDDEN.search(text):
        heard.say.append("id_hidden")
    if is_wish(RESTART, text) or (asked == "going_on" and _option(message, asked) == "restart"):
        return Heard(told=dict(EMPTY) | {"going_on": "yes"}, say=["restart"])
    if is_wish(BACK, text):
        return _stepped_back(asked, known)
    if _told.wants_no_name(text) and known.get("type") not in NAMELESS:
        return Heard(told={asked: None}, say=[*heard.say, "anonymous"])
    if asked == "going_on":
        return _gone_on(message, known, heard)
    agreed = asked == "confirmed" and _words.is_yes(text) and not _agrees_after_all(text, known)
    if not message.pressed and not agreed and _corrected(message, asked, known, heard):
        return _settled(heard, message, known)
    _ANSWERS[asked](message, known, heard)
    _take_fuller_name(_names.named(text).get("person", ""), known, heard)
    heard.told.setdefault(asked, None)
    return _settled(heard, message, known)


def next_step(known: Fields) -> str:
    """The first step that nothing is known of; "" if there is none."""
    return next((step for step in STEPS if known.get(step) is None), "")


# ---- each step -------------------------------------------------------------------------------------------------------


def _institution(message: Message, known: Fields, heard: Heard) -> None:
    name, vague = _told.called(message.text), _told.is_vague(message.text)
    told = _told.story(message.text, message.today)
    if not vague and _words.is_story(message.text):
        _fill(heard, told, known)
        before = known.get("facts") or known.get("summary") or ""
        if _words.is_whole(message.text, told) or len(f"{before}\n{message.text}") > SUMMARY_MAX:
            _more_facts(heard, before, message.text)
        elif _words.says_something(message.text, name):
            heard.told["summary"] = f"{before}\n{message.text}".strip()
    if vague:
        heard.told["institution"] = message.text[:PART_MAX]
        heard.say.append("institution_unknown")
    elif name:
        heard.told["institution"] = name
    elif not heard.told:
        heard.say.append("invalid_institution")


def _facts(message: Message, known: Fields, heard: Heard) -> None:
    plain = _words.without_wish(message.text)
    before = known.get("facts") or known.get("summary") or ""
    if len(re.findall(r"\w", plain)) < (2 if before else 4):
        heard.say.append("invalid_facts")
        return
    told = _told.story(message.text, message.today)
    _fill(heard, told, known)
    _more_facts(heard, before, message.text)


def _request(message: Message, known: Fields, heard: Heard) -> None:
    if not re.search(r"[^\W\d_]", message.text) or _words.is_yes(message.text) or _words.says(_words.ON, message.text):
        heard.say.append("invalid_request")
        return
    told = _told.story(message.text, message.today)
    told.pop("prior_reply", None)
    _fill(heard, told, known)
    heard.told["request"] = _cut(_told.wish(message.text) or message.text, heard)


def _prior(message: Message, known: Fields, heard: Heard) -> None:
    said = _option(message, "prior") or _told.prior(simplified(message.text), free=False).get("prior", "")
    if not said and not re.fullmatch(
        r"\W*(?:我?不?同意|提交|submit|i (?:do not )?agree)\W*", message.text, re.IGNORECASE
    ):
        short = _yes_no.heard(message.text)
        said = short.answer if short.answer == "yes" or not short.more else ""
    if not said:
        if _words.is_story(message.text):  # what the institution said, told at once
            said = "yes"
        else:
            heard.say.append("yes_or_no")
            return
    heard.told["prior"] = said
    if said == "no":
        heard.say.append("not_asked_first")
        return
    found = _told.about(message.text, message.today)
    if "day" in found:
        heard.told["prior_day"] = found["day"]
    reply = _reply(message, known, heard)
    more = _words.SAID_YES.sub("", simplified(reply))
    if len(re.findall(r"\w", more)) >= 2 and not message.pressed:
        heard.told["prior_reply"] = reply
    elif known.get("prior_reply") == "":
        heard.told["prior_reply"] = None


def _prior_reply(message: Message, known: Fields, heard: Heard) -> None:
    found = _told.about(message.text, message.today)
    if "day" in found and not known.get("prior_day"):
        heard.told["prior_day"] = found["day"]
    vague = (
        _words.says(_words.FORGOTTEN, message.text) or _option(message, "prior") or not re.search(r"\w", message.text)
    )
    heard.told["prior_reply"] = "" if vague else _reply(message, known, heard)


def _reply(message: Message, known: Fields, heard: Heard) -> str:
    """What the institution said; takes over what is told behind it."""
    reply = _told.reply(message.text)
    if reply != _told.wish(message.text) or reply != message.text:
        told = _told.story(message.text, message.today)
        _fill(heard, {name: told[name] for name in ("request", "person", "contact") if name in told}, known)
    return _cut(reply or message.text, heard)


def _person(message: Message, known: Fields, heard: Heard) -> None:
    _take_name("person", message, known, heard)


def _agent(message: Message, known: Fields, heard: Heard) -> None:
    _take_name("agent", message, known, heard)


def _take_name(step: str, message: Message, known: Fields, heard: Heard) -> None:
    name = _names.name(message.text)
    both = _names.two(message.text, answer=True) if step == "person" else {}
    if "person" in both and ("agent" in both or known.get("on_behalf") in ACTING):
        _fill(heard, _told.behalf(simplified(message.text)) or {"on_behalf": "proxy"}, known)
        if known.get("contact") and len(REFERENCE.findall(both.get("contact", ""))) < 2:
            both.pop("contact", None)  # the number of whom they speak for, rather than a new one of their own
        heard.told |= both
        return
    if not known.get("contact") and (found := _reference(message.text)):
        heard.told["contact"] = found
    if name and _names.is_surname(name):
        heard.say.append("full_name")
    elif name:
        heard.told[step] = name[: _names.NAME_MAX]
    elif _words.WHY.search(message.text):
        heard.say.append("why_name")
    elif heard_contact(message.text, message.channel) == "refused":
        heard.say.append("no_contact")
    elif wanted := _told.request(message.text):
        heard.told["request"] = _cut(f"{known.get('request') or ''}\n{wanted}".strip(), heard)
        heard.say.append("added")
    elif _yes_no.heard(message.text).answer == "no":
        heard.say.append("anonymous")
    elif "contact" not in heard.told:
        heard.say.append("invalid_name")


def _contact(message: Message, known: Fields, heard: Heard) -> None:
    text = message.text
    given = heard_contact(text, message.channel)
    _take_fuller_name(_names.name(text), known, heard)
    if found := _reference(text):
        heard.told["contact"] = found
    elif given == "taken" and (any(char.isdigit() for char in text) or "@" in text or _is_own_number(message)):
        heard.told["contact"] = text[:100]
    elif given == "refused":
        heard.say.append("no_contact")
    elif given == "asks_why":
        heard.say.append("why_name")
    elif given == "card":
        pass  # said already: the number was hidden
    else:
        heard.say.append("need_contact" if given in ("taken", "unseen_account", "unseen_number") else "invalid_contact")


def _take_fuller_name(name: str, known: Fields, heard: Heard) -> None:
    """A fuller name in place of the one that was told before by whoever writes."""
    step = "agent" if known.get("on_behalf") in ACTING else "person"
    if name and _names.is_fuller(name, known.get(step) or name):
        heard.told[step] = name[: _names.NAME_MAX]


def _consent(message: Message, known: Fields, heard: Heard) -> None:
    said = _option(message, "consent") or _words.passed_on(message.text) or _words.agreed(message.text)
    if said:
        heard.told["consent"] = said
        if said == "no":
            heard.say.append("no_consent")
    elif _words.WHY.search(message.text):
        heard.say.append("why_consent")
    else:
        heard.say.append("yes_or_no")


def _confirmed(message: Message, known: Fields, heard: Heard) -> None:
    said = _option(message, "confirmed") or ("change" if _words.says(_words.CHANGE, message.text) else "")
    if not said:
        answer = _words.agreed(message.text)
        said = "change" if answer == "no" else answer
    if said == "yes":
        heard.told["confirmed"] = "yes"
    elif not said and _words.is_story(message.text):
        _more(message, known, heard)
    else:
        heard.say.append("change")


_ANSWERS = {
    "institution": _institution,
    "facts": _facts,
    "request": _request,
    "prior": _prior,
    "prior_reply": _prior_reply,
    "person": _person,
    "agent": _agent,
    "contact": _contact,
    "consent": _consent,
    "confirmed": _confirmed,
}

# ---- around the steps ------------------------------------------------------------------------------------------------


def _gone_on(message: Message, known: Fields, heard: Heard) -> Heard:
    """After a long pause: on with it, and what else was said is an answer to the step that is open."""
    heard.told["going_on"] = "yes"
    step = next_step({**known, "going_on": "yes"})
    short = _option(message, "going_on") or _yes_no.heard(message.text).answer or _words.GO_ON.search(message.text)
    if not step or (short and not _words.is_story(message.text)):
        return heard
    then = answered(message, step, {**known, "going_on": "yes"})
    return Heard(told={**then.told, "going_on": "yes"}, say=then.say)


def _stepped_back(asked: str, known: Fields) -> Heard:
    before = [step for step in STEPS[1 : STEPS.index(asked)] if known.get(step)]
    if not before:
        return Heard(told={asked: None}, say=["first_step"])
    told: dict[str, str | None] = {asked: None, before[-1]: None}
    if before[-1] == "prior":
        told["prior_reply"] = None
    return Heard(told=told, say=["back"])


def _corrected(message: Message, asked: str, known: Fields, heard: Heard) -> bool:
    """Puts right what the message corrects; False if it corrects nothing that is known."""
    text = message.text
    plain = simplified(text)
    marked = _words.CORRECTS.search(plain) is not None
    if not marked and asked != "confirmed":
        return False
    new = {name: value for name, value in _told.about(text, message.today).items() if name != "business"}
    if marked and known.get("amount") and (amount := _told.corrected_amount(text)):
        new["amount"] = amount
    if (name := _names.renamed(text)) and (known.get("person") or asked == "confirmed"):
        new["agent" if known.get("on_behalf") in ACTING and "我" in text else "person"] = name
    if (found := _reference(text)) and asked != "contact":
        before = known.get("contact") or ""
        new["contact"] = REFERENCE.sub(found, before, count=1) if REFERENCE.match(before) else found
    if asked == "confirmed":
        if re.search(r"找|联系|反映|机构|银行|客服|contact|ask", plain, re.IGNORECASE):
            new |= _told.prior(plain, free=True)
        if (wanted := _words.NEW_REQUEST.search(text)) is not None:
            new["request"] = _cut((wanted[1] or wanted[2]).strip(), heard)
        if passed_on := _words.passed_on(text):
            new["consent"] = passed_on
    is_new = {name: value for name, value in new.items() if value != known.get(name)}
    if not marked:
        is_new = {name: value for name, value in is_new.items() if known.get(name) or name in ("amount", "day")}
    told_before = [name for name in is_new if known.get(name) or asked not in STORY_STEPS]
    if not told_before or (_words.is_story(text) and not marked and "consent" not in is_new):
        return False
    heard.told |= is_new | {asked: is_new.get(asked)}
    heard.say.append("corrected")
    return True


def _agrees_after_all(text: str, known: Fields) -> bool:
    """Whether somebody who would not have it passed on now says that they agree."""
    return known.get("consent") == "no" and _words.passed_on(text) == "yes"


def _more(message: Message, known: Fields, heard: Heard) -> None:
    """More of the story, told at another step."""
    _fill(heard, _told.story(message.text, message.today), known)
    _more_facts(heard, known.get("facts") or "", message.text)
    heard.say.append("added")


def _fill(heard: Heard, told: Mapping[str, str], known: Fields) -> None:
    """Takes over what was not known before."""
    for name, value in told.items():
        if name == "anonymous":
            if NAMELESS.isdisjoint({known.get("type"), told.get("type")}):
                heard.say.append("anonymous")
        elif not known.get(name):
            heard.told[name] = _cut(value, heard, FACTS_MAX if name == "facts" else PART_MAX)
    alone = heard.told.get("person") and "agent" not in told
    if alone and heard.told.get("on_behalf") in ACTING:  # who says so is the one who speaks
        heard.told["agent"] = heard.told.pop("person")


def _settled(heard: Heard, message: Message, known: Fields) -> Heard:
    """With what follows from what is known now: steps that are not needed, whose matter it is, what to say of it."""
    now = {**known, **heard.told}
    told = heard.told
    if now.get("type") in NAMELESS:
        told |= {"prior": "", "prior_reply": "", "person": now.get("person") or "", "agent": "", "consent": ""}
        told["contact"] = now.get("contact") or ""
        if now.get("facts"):
            told["request"] = now.get("request") or ""
        told["institution"] = now.get("institution") or ""
    elif now.get("type") == "service_supervision":
        told |= {"prior": "", "prior_reply": "", "consent": "", "institution": _told.SELF}
    if now.get("prior") is not None and now.get("prior") != "yes":
        told["prior_reply"] = ""
    elif now.get("prior_reply") and now.get("prior") is None:
        told["prior"] = "yes"
    if now.get("on_behalf") in ACTING:
        if now.get("agent") == "":
            told["agent"] = None
    else:
        told["agent"] = ""
    if told.get("on_behalf"):
        heard.say.append(f"behalf_{told['on_behalf']}")
    now = {**known, **told}
    told["wording"] = _wording(now)
    _routed(heard, now)
    return heard


def _wording(now: Fields) -> str:
    """The variant in which the next questions are put."""
    if now.get("type") in NAMELESS:
        return "nameless"
    if now.get("on_behalf") in ACTING:
        return str(now["on_behalf"])
    return "own_number" if now.get("contact") == OWN_NUMBER else "reached" if now.get("contact") else ""


def _routed(heard: Heard, now: dict[str, str | None]) -> None:
    """Whose matter it is, said once where it is somebody else's too."""
    if now.get("type") == "service_supervision" or not any(
        now.get(name) for name in ("institution", "facts", "summary")
    ):
        return
    text = f"{now.get('facts') or ''}\n{now.get('summary') or ''}\n{now.get('institution') or ''}"
    matter = _told.matter({name: value for name, value in now.items() if value}, text)
    if _told.was_cheated(text) and not now.get("matter"):
        matter = "fraud"
    heard.told["track"] = _told.track(matter, text)
    if matter != (now.get("matter") or ""):
        heard.told["matter"] = matter
        if matter == "cross_market":
            heard.say.append("cross_market")
        elif matter == "fraud" or (matter and heard.told["track"] in ("nfra", "csrc", "other")):
            heard.say.append("route")


def _option(message: Message, asked: str) -> str:
    """What a button, or the bare number of one, means at this step."""
    if message.pressed in ("yes", "no"):
        return "change" if asked == "confirmed" and message.pressed == "no" else message.pressed
    found = _BARE_NUMBER.fullmatch(message.text)
    options = _OPTIONS.get(asked, ())
    return options[int(found[1]) - 1] if found and int(found[1]) <= len(options) else ""


def _reference(text: str) -> str:
    found = REFERENCE.search(text)
    return found[0] if found else ""


def _is_own_number(message: Message) -> bool:
    """Whether the channel's addresses are telephone numbers, so that "this number" is one."""
    return message.channel in TELEPHONES


def _more_facts(heard: Heard, before: str, text: str) -> None:
    """`text` behind what was told before, as much as is kept; who tells more hears where the rest is."""
    whole = f"{before}\n{text}".strip() if text not in before else before
    heard.told["facts"] = _cut(whole, heard, FACTS_MAX)
    if len(text) >= TEXT_MAX:
        heard.say.append("long")


def _cut(text: str, heard: Heard, most: int = PART_MAX) -> str:
    """As much of `text` as is kept; says so where that is not all."""
    if len(text) > most:
        heard.say.append("long")
    return text[:most]
