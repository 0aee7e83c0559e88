"""The sentences on people's own cases, with the {names} that the house fills in beside those of the settings."""

from __future__ import annotations

from collections.abc import Mapping

_NUMBER = "case_no"
_STANDING = "case_no by"  # by: the last day of what comes next, as `case.by` puts it

NEEDED: Mapping[str, str] = {
    "case.filed": "case_no code by", "case.filed_other": "case_no code by",
    "case.no_name": "", "case.not_taken": "", "case.repeat": _NUMBER,
    "draft.saved": "case_no code by", "draft.kept": _STANDING, "draft.resumed": _NUMBER,
    "case.which": "", "case.unknown": "", "case.locked": "minutes",
    "case.by": "date days", "case.by.tomorrow": "date", "case.by.today": "date", "case.late": "date",
    "case.supplemented": _NUMBER, "case.urged": _STANDING, "case.urged_today": _STANDING, "case.withdrawn": _NUMBER,
    "case.reopened": _STANDING, "case.cannot_reopen": _NUMBER, "case.cannot": _NUMBER,
    "case.state.draft": _STANDING, "case.state.submitted": _STANDING, "case.state.supplement_requested": _STANDING,
    "case.state.accepted": _STANDING, "case.state.forwarded": _STANDING, "case.state.own_handling": _STANDING,
    "case.state.in_progress": _STANDING, "case.state.extended": _STANDING, "case.state.paused": _STANDING,
    "case.state.mediation": _STANDING, "case.state.agreed": _STANDING, "case.state.failed": _STANDING,
    "case.state.replied": _STANDING, "case.state.follow_up": _STANDING, "case.state.reopened": _STANDING,
    "case.state.not_accepted": _NUMBER, "case.state.referred_out": _NUMBER, "case.state.closed": _NUMBER,
    "case.state.withdrawn": _NUMBER, "case.state.merged": _NUMBER, "case.refused.N1": "", "case.refused.N2": "",
    "case.refused.N3": "", "case.refused.N4": "", "case.refused.N5": "", "case.refused.N6": "", "case.refused.N7": "",
}  # fmt: skip
