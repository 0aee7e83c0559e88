"""The sentences that consumers hear unasked: news of their own cases, and the question how it went.

`news.<act>` tells of an act of somebody else, `news.step.<act>` says the same in the few words that a short message, a
platform's notice or a list of several steps has room for.
"""

from __future__ import annotations

from collections.abc import Mapping

_NUMBER = "case_no"
_STANDING = "case_no by"  # by: the last day of what comes next, as `case.by` puts it
_WHERE = "case_no where_to"

NEEDED: Mapping[str, str] = {
    "news.open": _STANDING, "news.submit": _STANDING, "news.request_supplement": _STANDING,
    "news.supplement": _STANDING, "news.accept": _STANDING, "news.refuse": _WHERE, "news.refer": _WHERE,
    "news.forward": "case_no by institution", "news.handle": _STANDING, "news.extend": _STANDING,
    "news.pause": _STANDING, "news.resume": _STANDING, "news.mediate": _STANDING, "news.agree": _STANDING,
    "news.fail": _STANDING, "news.reply": _STANDING, "news.close": _NUMBER, "news.reopen": _STANDING,
    "news.withdraw": _NUMBER, "news.merge": _NUMBER,
    "news.step.open": "", "news.step.submit": "", "news.step.request_supplement": "", "news.step.supplement": "",
    "news.step.accept": "", "news.step.refuse": "", "news.step.refer": "", "news.step.forward": "",
    "news.step.handle": "", "news.step.extend": "", "news.step.pause": "", "news.step.resume": "",
    "news.step.mediate": "", "news.step.agree": "", "news.step.fail": "", "news.step.reply": "",
    "news.step.close": "", "news.step.reopen": "", "news.step.withdraw": "", "news.step.merge": "",
    "news.step.ask": "",
    "news.institution": "",  # where its name is not known
    "news.said": "text", "news.several": _NUMBER, "news.late": _NUMBER, "news.before": "day step",
    "news.sms": "case_no step more", "news.sms.from": "text", "news.sms.by": "by", "news.sms.where": "where_to",
    "news.sms.short": "case_no step",
    "rating.ask": _NUMBER, "rating.title.solved": "", "rating.title.unhappy": "", "rating.title.unsolved": "",
    "rating.solved": _NUMBER, "rating.unhappy": _NUMBER, "rating.unsolved": _NUMBER,
}  # fmt: skip
